"""The types of a result's columns, as the driver of PostgreSQL tells them: for SQL that no table's columns describe.

Add a type here by its fixed number in the catalogue of the server, if a mapping computes values of it.
"""

from typing import Any

from sqlalchemy import BigInteger, Boolean, CursorResult, Date, DateTime, Integer, Numeric, SmallInteger, String, Text
from sqlalchemy.dialects.postgresql import DOUBLE_PRECISION, REAL, UUID
from sqlalchemy.types import TypeEngine

_TYPES: dict[int, TypeEngine[Any]] = {
    16: Boolean(),
    20: BigInteger(),
    21: SmallInteger(),
    23: Integer(),
    25: Text(),
    700: REAL(),
    701: DOUBLE_PRECISION(),
    1042: String(),
    1043: String(),
    1082: Date(),
    1114: DateTime(),
    1184: DateTime(timezone=True),
    1700: Numeric(),
    2950: UUID(as_uuid=True),
}


def types_of_result(result: CursorResult[Any]) -> dict[str, TypeEngine[Any]]:
    """Return the types of a result's columns, by name; those of other types are left out."""
    described = result.cursor.description if result.cursor is not None else ()
    return {str(one[0]): _TYPES[one[1]] for one in described or () if one[1] in _TYPES}
