"""The types of a result's columns, as the driver of MySQL and MariaDB tells them: for SQL that no table describes.

Add a type here by its name in the protocol of the server, if a mapping computes values of it.
"""

from typing import Any

from pymysql.constants import FIELD_TYPE
from sqlalchemy import BigInteger, CursorResult, Date, DateTime, Numeric, String
from sqlalchemy.dialects.mysql import DOUBLE
from sqlalchemy.types import TypeEngine

_TYPES: dict[int, TypeEngine[Any]] = {
    **dict.fromkeys((FIELD_TYPE.TINY, FIELD_TYPE.SHORT, FIELD_TYPE.INT24), BigInteger()),
    **dict.fromkeys((FIELD_TYPE.LONG, FIELD_TYPE.LONGLONG), BigInteger()),
    **dict.fromkeys((FIELD_TYPE.FLOAT, FIELD_TYPE.DOUBLE), DOUBLE()),
    **dict.fromkeys((FIELD_TYPE.DATETIME, FIELD_TYPE.TIMESTAMP), DateTime()),
    **dict.fromkeys((FIELD_TYPE.VAR_STRING, FIELD_TYPE.STRING, FIELD_TYPE.VARCHAR), String(255)),
    FIELD_TYPE.DATE: Date(),
}
_DECIMALS = (FIELD_TYPE.DECIMAL, FIELD_TYPE.NEWDECIMAL)
_DIGITS = 38


def types_of_result(result: CursorResult[Any]) -> dict[str, TypeEngine[Any]]:
    """Return the types of a result's columns, by name; those of other types are left out."""
    found: dict[str, TypeEngine[Any]] = {}
    for one in (result.cursor.description if result.cursor is not None else ()) or ():
        name, kind, scale = str(one[0]), one[1], one[5]
        if kind in _DECIMALS:
            found[name] = Numeric(_DIGITS, scale)
        elif kind in _TYPES:
            found[name] = _TYPES[kind]
    return found
