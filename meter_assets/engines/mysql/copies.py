"""Copies of the billing tables in another MySQL or MariaDB database, for a rehearsal: the structure, and the rows.

The structure comes from the server's own catalogue, and only for columns that are copied. Rows pass from one server to
the other as the text that the server writes, without conversion, and some thousands at a time. Add here what a copy
must have of a table so that steps take as long as on it. The database of a copy is in `scratch`.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from sqlalchemy import URL, Connection, RowMapping, inspect, text
from sqlalchemy.dialects import mysql
from sqlalchemy.engine import Inspector
from sqlalchemy.exc import DBAPIError

from meter_assets.billing.schema import BillingSchema
from meter_assets.engines.base import TableCopy
from meter_assets.engines.failures import reason
from meter_assets.engines.scratch import of_the_copy
from meter_assets.errors import InvalidSettings
from meter_assets.foreign_text import quoted

ROWS_AT_ONCE = 5_000
_QUOTE = mysql.dialect().identifier_preparer.quote_identifier
_MASKED = "varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
_AS_THEY_ARE = "'ANSI_QUOTES,NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES,NO_ENGINE_SUBSTITUTION'"
"""The mode of a session that accepts what another one has stored in whatever mode."""
_COLUMNS = text(
    """
SELECT column_name AS name, column_type AS kind, character_set_name AS characters, collation_name AS collation,
    is_nullable AS nullable, extra AS extra
FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = :name"""
)
_COLLATION = text(
    "SELECT table_collation FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = :name"
)
_DUMP = re.compile(rb"(/\*[^\n]*\*/\s*)*-- (MariaDB|MySQL) dump")
_START = 300
_RENEWED = "on update"


def is_dump(path: Path) -> bool:
    """Return whether a file is what mariadb-dump or mysqldump writes."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return bool(_DUMP.match(file.read(_START)))


def restore(dump: Path, folder: Path, into: URL | None) -> NoReturn:
    """Raise InvalidSettings: the statements of a dump may name any database of the server."""
    raise InvalidSettings(
        "A dump of MySQL or MariaDB is not restored, because it may name other databases. Restore it yourself into a "
        "database of its own, name that in METER_ASSETS_DATABASE_URL, and leave --dump out."
    )


def copy_tables(
    source: Connection,
    target: Connection,
    schema: BillingSchema,
    copies: Sequence[TableCopy],
    copied: Callable[[str, int], None],
) -> list[str]:
    """Create the tables, copy their rows, then create keys, constraints and indexes. Returns what the copy lacks."""
    (mode,) = target.exec_driver_sql("SELECT @@SESSION.sql_mode").one()
    _execute(target, f"SET SESSION sql_mode = {_AS_THEY_ARE}")
    structure = inspect(source)
    for one in copies:
        _execute(target, _create(source, structure, one))
        _copy_rows(source, target, one, copied)
    lacks = [clause for one in copies for clause in _add_indexes(structure, target, schema, one)]
    lacks += [clause for one in copies for clause in _add_constraints(structure, target, schema, one, copies)]
    _execute(target, "ANALYZE TABLE " + ", ".join(_QUOTE(one.name) for one in copies))
    _execute(target, f"SET SESSION sql_mode = '{mode}'")
    return lacks


def _create(source: Connection, structure: Inspector, one: TableCopy) -> str:
    """Return the statement that creates a table with its columns and its primary key."""
    there = {row["name"]: row for row in source.execute(_COLUMNS, {"name": one.name}).mappings()}
    parts = [_column(there[name], one) for name in one.columns]
    key = structure.get_pk_constraint(one.name)["constrained_columns"]
    if key and one.as_they_are.issuperset(key):
        parts.append(f"PRIMARY KEY ({', '.join(map(_QUOTE, key))})")
    collation = source.scalar(_COLLATION, {"name": one.name})
    return f"CREATE TABLE {_QUOTE(one.name)} ({', '.join(parts)}) ENGINE = InnoDB" + (
        f" COLLATE {collation}" if collation else ""
    )


def _column(found: RowMapping, one: TableCopy) -> str:
    name, required = _QUOTE(found["name"]), "" if found["nullable"] == "YES" else " NOT NULL"
    if found["name"] in one.masked:
        return f"{name} {_MASKED}{required}"
    kind = str(found["kind"])
    if found["collation"]:
        kind += f" CHARACTER SET {found['characters']} COLLATE {found['collation']}"
    if computed := one.generated.get(found["name"]):
        return f"{name} {kind} GENERATED ALWAYS AS ({computed}) STORED"
    now = f"CURRENT_TIMESTAMP({kind[-2]})" if kind.endswith(")") else "CURRENT_TIMESTAMP"
    if _RENEWED in str(found["extra"]).lower():
        return f"{name} {kind}{required or ' NULL'} DEFAULT {now} ON UPDATE {now}"
    if kind.startswith("timestamp"):  # without a default, the server may renew the first one of a table
        return f"{name} {kind}{required or ' NULL'} DEFAULT {now if required else 'NULL'}"
    return f"{name} {kind}{required}"


# Keys, constraints and indexes


def _add_indexes(structure: Inspector, target: Connection, schema: BillingSchema, one: TableCopy) -> Iterator[str]:
    """Create the indexes and unique keys over copied columns; yield the others, each a clause."""
    if one.name in schema.catalogue.views:
        for column in one.ids:
            added = f"ALTER TABLE {_QUOTE(one.name)} ADD INDEX ({_QUOTE(column)})"
            yield from _try(target, added, f"an index of {one.name}")
        return
    for index in structure.get_indexes(one.name):
        what = f"the index {quoted(str(index['name']))} of {one.name}"
        columns = index["column_names"]
        if others := [str(name) for name in columns if name not in one.columns]:
            yield f"{what} (it needs {', '.join(map(quoted, others))})"
            continue
        lengths: Mapping[str, int] = index.get("dialect_options", {}).get("mysql_length", {})
        parts = [_QUOTE(name) + (f"({lengths[name]})" if name in lengths else "") for name in columns if name]
        unique = "UNIQUE " if index["unique"] else ""
        added = f"ADD {unique}INDEX {_QUOTE(str(index['name']))} ({', '.join(parts)})"
        yield from _try(target, f"ALTER TABLE {_QUOTE(one.name)} {added}", what)


def _add_constraints(
    structure: Inspector, target: Connection, schema: BillingSchema, one: TableCopy, copies: Sequence[TableCopy]
) -> Iterator[str]:
    """Add the conditions and references over copied columns; yield the others, each a clause."""
    table = f"ALTER TABLE {_QUOTE(one.name)} ADD CONSTRAINT"
    for check in schema.catalogue.row_constraints:
        if check.table == one.name and check.definition.startswith("CHECK"):
            what = f"the constraint {quoted(check.name)} of {one.name}"
            if others := set(check.columns) - one.as_they_are:
                yield f"{what} (it needs {', '.join(map(quoted, sorted(others)))})"
                continue
            yield from _try(target, f"{table} {_QUOTE(check.name)} {check.definition}", what)
    there = {other.name: other.as_they_are for other in copies}
    for key in structure.get_foreign_keys(one.name):
        what = f"the constraint {quoted(str(key['name']))} of {one.name}"
        columns, referred, of_table = key["constrained_columns"], key["referred_columns"], key["referred_table"]
        if not (one.as_they_are.issuperset(columns) and there.get(of_table, frozenset()).issuperset(referred)):
            yield f"{what} (it refers to {quoted(of_table)})"
            continue
        reference = f"{_QUOTE(of_table)} ({', '.join(map(_QUOTE, referred))})"
        added = f"FOREIGN KEY ({', '.join(map(_QUOTE, columns))}) REFERENCES {reference}"
        yield from _try(target, f"{table} {_QUOTE(str(key['name']))} {added}", what)


def _try(target: Connection, statement: str, what: str) -> Iterator[str]:
    """Execute a statement; if the server refuses it, yield what the copy lacks, with the reason."""
    try:
        target.exec_driver_sql(statement.replace("%", "%%"))
    except DBAPIError as error:
        yield f"{what} ({reason(error)})"


def _execute(target: Connection, statement: str) -> None:
    with of_the_copy(target):
        target.exec_driver_sql(statement.replace("%", "%%"))


# Rows


def _copy_rows(source: Connection, target: Connection, one: TableCopy, copied: Callable[[str, int], None]) -> None:
    """Copy the rows of a table. Raises CopyFailed for an error of the target, DBAPIError for one of the source."""
    selected = str(one.rows.compile(dialect=source.dialect, compile_kwargs={"literal_binds": True}))
    places = ", ".join(["%s"] * len(one.stored))
    insert = f"INSERT INTO {_QUOTE(one.name)} ({', '.join(map(_QUOTE, one.stored))}) VALUES ({places})"
    count = 0
    for rows in _read_as_text(source, selected):
        with of_the_copy(target):
            target.exec_driver_sql(insert, rows)
        count += len(rows)
        copied(one.name, count)
    copied(one.name, count)


def _read_as_text(source: Connection, statement: str) -> Iterator[list[tuple[Any, ...]]]:
    """Read rows, some thousands at a time, with each value as the server writes it: days of zeros are no date."""
    import pymysql

    connection: Any = source.connection.driver_connection
    decoders, connection.decoders = connection.decoders, {}
    try:
        cursor = connection.cursor(pymysql.cursors.SSCursor)
        cursor.execute(statement, ())
        while rows := cursor.fetchmany(ROWS_AT_ONCE):
            yield list(rows)
        cursor.close()
    except pymysql.MySQLError as error:
        raise DBAPIError.instance(statement, None, error, pymysql.MySQLError) from error
    except BaseException:  # before this connection could be used again, all rows would have to be read
        source.invalidate()
        raise
    finally:
        connection.decoders = decoders
