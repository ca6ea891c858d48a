"""What an error of PyMySQL means, by the server's code. Add a code here that needs other advice."""

import sys
from typing import Any

from sqlalchemy.exc import DBAPIError

from meter_assets.engines.base import Failure

CUT_OFF = (1292, 1365, 1366, 1411)
"""The codes of warnings about values: of which a part was read, that is no date or number, or a division by zero."""
_CODES: dict[Failure, frozenset[int]] = {
    # A deadlock; a row that changed since the snapshot; a transaction that a cluster rolled back.
    Failure.CONFLICT: frozenset({1213, 1020, 1180, 3101}),
    # A lock that was not given in time, or at once.
    Failure.KEPT_WAITING: frozenset({1205, 3572}),
    # Rights; a server, a transaction or a table that is read-only.
    Failure.REFUSED: frozenset({1036, 1044, 1045, 1142, 1143, 1227, 1290, 1370, 1698, 1792, 1836, 3989}),
    # Null, duplicate, out of range, too long, no number; constraints; an error that a trigger raises.
    Failure.DATA: frozenset(
        {1048, 1062, 1169, 1216, 1217, 1264, 1265, 1292, 1300, 1364, 1366, 1369, 1406, 1411, 1451, 1452, 1557}
        | {1586, 1644, 1690, 3140, 3819, 4025}
    ),
    # No space, memory or connections left; a packet that is too large.
    Failure.RESOURCES: frozenset({1021, 1037, 1038, 1040, 1041, 1114, 1135, 1153, 1203, 1206, 1226}),
    # Killed, lost, shut down, or ended after a time limit.
    Failure.ENDED: frozenset({0, 1053, 1080, 1152, 1158, 1159, 1160, 1161, 1317, 1927, 1969, 3024, 3168, 3169, 4031}),
}
_BY_CODE = {code: failure for failure, codes in _CODES.items() for code in codes}
_OF_THE_CLIENT = range(2000, 3000)


def cut_off(code: int, said: str) -> DBAPIError:
    """Return the error that a warning about a value is."""
    from pymysql import MySQLError
    from pymysql.err import DataError

    made: DBAPIError = DBAPIError.instance("SHOW WARNINGS", None, DataError(code, said), MySQLError)
    return made


def failure_of(error: DBAPIError) -> Failure | None:
    """Return what an error of PyMySQL means; None for an error of another driver."""
    driver: Any = sys.modules.get("pymysql")
    original = error.orig
    if driver is None or not isinstance(original, driver.err.Error):
        return None
    code = original.args[0] if original.args and isinstance(original.args[0], int) else None
    if code in _BY_CODE:
        return _BY_CODE[code]
    if code in _OF_THE_CLIENT or isinstance(original, driver.err.InterfaceError):
        return Failure.ENDED
    if isinstance(original, driver.err.DataError | driver.err.IntegrityError):
        return Failure.DATA
    return Failure.INTERNAL if isinstance(original, driver.err.InternalError) else Failure.SCHEMA


def is_kept_waiting(error: DBAPIError) -> bool:
    """Return whether a lock was not given in time."""
    return failure_of(error) is Failure.KEPT_WAITING
