"""Temporary tables in a transaction on MySQL and MariaDB.

A statement that selects rows into a table locks them where they are, and reads their newest versions instead of the
snapshot. So a plain SELECT reads the rows, and each is then inserted: on MariaDB in the server, on MySQL through this
process. MySQL cannot read a temporary table twice in one statement, so there `reads_each_once` lets the statement read
copies. Add here what else such a table needs.
"""

import re
from collections.abc import Sequence
from itertools import count
from typing import Any

from sqlalchemy import Connection, Select, Table
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql import visitors
from sqlalchemy.sql.selectable import TextualSelect

from meter_assets.engines.base import Failure
from meter_assets.engines.mysql.failures import CUT_OFF, failure_of

ROWS_AT_ONCE = 2_000
_MAY = "meter-assets: may create temporary tables"
_MADE = "meter-assets: temporary tables, each with its copies"
_RAISES = f"""
DECLARE EXIT HANDLER FOR {", ".join(map(str, CUT_OFF))} BEGIN
    DECLARE said TEXT;
    GET DIAGNOSTICS CONDITION 1 said = MESSAGE_TEXT;
    SIGNAL SQLSTATE '22007' SET MYSQL_ERRNO = {CUT_OFF[0]}, MESSAGE_TEXT = said;
END;
"""
"""Makes errors of the warnings of a loop, which nobody else gets to see."""
_STORED = "ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"


def is_mariadb(connection: Connection) -> bool:
    """Return whether the server is MariaDB."""
    return bool(getattr(connection.dialect, "is_mariadb", False))


def may_create(connection: Connection) -> bool:
    """Return whether this user may create temporary tables; a connection asks once, by creating one."""
    if _MAY not in connection.info:
        try:
            connection.exec_driver_sql(f"CREATE TEMPORARY TABLE meter_assets_probe (id INTEGER) {_STORED}")
            connection.exec_driver_sql("DROP TEMPORARY TABLE meter_assets_probe")
            connection.info[_MAY] = True
        except DBAPIError as error:
            if failure_of(error) is not Failure.REFUSED:
                raise
            connection.info[_MAY] = False
    return bool(connection.info[_MAY])


def materialize(connection: Connection, name: str, rows: Select[Any]) -> None:
    """Compute rows into a table that is dropped when the connection is given back."""
    names = list(rows.selected_columns.keys())
    keys = [one for one in names if one == "id" or (one.endswith("_id") and one != "tenant_id")]
    create(connection, name, rows, keys)


def create(connection: Connection, name: str, rows: Select[Any], keys: Sequence[str], *, unique: bool = False) -> None:
    """Create a temporary table with an index on each of these columns, and bring the rows into it.

    An index is created with its table: to add it later would end the transaction.
    """
    quote = connection.dialect.identifier_preparer.quote
    computed = str(rows.compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True}))
    indexes = ", ".join(f"{'UNIQUE KEY' if unique else 'KEY'} ({quote(one)})" for one in keys)
    created = f"CREATE TEMPORARY TABLE {quote(name)} {f'({indexes})' if indexes else ''} {_STORED}"
    connection.exec_driver_sql(f"{created} AS SELECT * FROM ({computed}) AS computed LIMIT 0")
    columns = [quote(one) for one in list(rows.selected_columns.keys())]
    connection.info.setdefault(_MADE, {})[name] = []
    if reads_temporary_tables_only(rows):
        connection.exec_driver_sql(f"INSERT INTO {quote(name)} SELECT * FROM ({computed}) AS computed")
    elif is_mariadb(connection):
        _insert_in_the_server(connection, quote(name), columns, computed)
    else:
        _insert_from_here(connection, quote(name), columns, computed)


def reads_temporary_tables_only(rows: Select[Any]) -> bool:
    """Return whether rows are computed from temporary tables alone: nobody else has these, or waits for their locks.

    A statement that selects rows of other tables into a table reads the newest of them, and locks them.
    """
    return not any(isinstance(one, Table | TextualSelect) for one in visitors.iterate(rows))


def _insert_in_the_server(connection: Connection, name: str, columns: Sequence[str], computed: str) -> None:
    """Insert rows one by one, while a cursor reads them.

    The loop `FOR one_row IN (SELECT ...)` would run the statement twice, first to learn its columns. Of some statements
    (seen with a subquery in the SQL of a mapping, and GROUP BY), the second run of MariaDB 10.11 finds no rows, without
    an error. A cursor that is opened once runs it once.
    """
    insert = f"INSERT INTO {name} VALUES ({', '.join(f'one_row.{column}' for column in columns)})"
    connection.exec_driver_sql(f"""
BEGIN NOT ATOMIC
    DECLARE is_at_end BOOLEAN DEFAULT FALSE;
    DECLARE no_row CURSOR FOR SELECT * FROM {name};  -- for its types: TYPE OF a temporary table needs a right to it
    DECLARE every_row CURSOR FOR SELECT * FROM ({computed}) AS computed;
    {_RAISES}
    DECLARE CONTINUE HANDLER FOR NOT FOUND SET is_at_end = TRUE;
    BEGIN
        DECLARE one_row ROW TYPE OF no_row;
        OPEN every_row;
        FETCH every_row INTO one_row;
        WHILE NOT is_at_end DO
            {insert};
            FETCH every_row INTO one_row;
        END WHILE;
        CLOSE every_row;
    END;
END""")


def _insert_from_here(connection: Connection, name: str, columns: Sequence[str], computed: str) -> None:
    places = ", ".join("%s" for _ in columns)
    rows = [tuple(row) for row in connection.exec_driver_sql(computed)]
    for first in range(0, len(rows), ROWS_AT_ONCE):
        connection.exec_driver_sql(f"INSERT INTO {name} VALUES ({places})", rows[first : first + ROWS_AT_ONCE])


def drop_temporary_tables(cursor: Any, info: dict[Any, Any]) -> None:
    """Drop the temporary tables of a session, and their copies."""
    made = [name for one, copies in info.pop(_MADE, {}).items() for name in (one, *copies)]
    if made:
        cursor.execute(f"DROP TEMPORARY TABLE IF EXISTS {', '.join(made)}")


def reads_each_once(cursor: Any, statement: str, info: dict[Any, Any]) -> str:
    """Return the statement with a copy of a temporary table in place of each further time that it reads it."""
    for name, copies in info.get(_MADE, {}).items():
        number = count()

        def read(found: re.Match[str], name: str = name, copies: list[str] = copies, number: Any = number) -> str:
            time = next(number)
            if time > len(copies):
                copies.append(f"{name}_{time}")
                cursor.execute(f"CREATE TEMPORARY TABLE {copies[-1]} LIKE {name}")
                cursor.execute(f"INSERT INTO {copies[-1]} SELECT * FROM {name}")
            if not time:
                return found[0]
            return f"{found[1]}{copies[time - 1]}" + (found[2] or f" AS {name}")

        statement = re.sub(rf"((?:FROM|JOIN|,)\s+){name}\b(?!\.)(\s+AS\b)?", read, statement)
    return statement
