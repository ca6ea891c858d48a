"""Copies of the billing tables in a SQLite file of their own, for a rehearsal.

Add here what a copy must have of a table so that steps take as long as on it. What is copied is in `copying`.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from shutil import rmtree

from sqlalchemy import URL, Connection
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import DBAPIError

from meter_assets.billing.catalogue import words
from meter_assets.billing.schema import BillingSchema
from meter_assets.engines.base import Scratch, TableCopy
from meter_assets.engines.failures import reason
from meter_assets.engines.scratch import of_the_copy
from meter_assets.errors import InvalidSettings
from meter_assets.private_files import make_file

ROWS_AT_ONCE = 10_000
_MAGIC = b"SQLite format 3\0"
_FILE = "rehearsal.db"
_DIALECT = sqlite.dialect()
_QUOTE = _DIALECT.identifier_preparer.quote_identifier
_BY_A_STATEMENT, _BY_UNIQUE = "c", "u"
"""What created an index, as SQLite's list of indexes names it; the third is the primary key."""


def is_dump(path: Path) -> bool:
    """Return whether a file is a database of SQLite."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC


def restore(dump: Path, folder: Path, into: URL | None) -> Scratch:
    """Return the file itself: it is read, and never written."""
    return Scratch(URL.create("sqlite", database=str(dump.resolve())), created=False)


def claim_scratch(into: URL | None, folder: Path, billing: Connection | None) -> Scratch:
    """Create a file in the folder."""
    if into is not None:
        raise InvalidSettings(
            "--into names a database on a server. The copy of a SQLite database is a file in a private temporary "
            "folder (the variable TMPDIR chooses where): leave --into out."
        )
    make_file(folder / _FILE)
    return Scratch(URL.create("sqlite", database=str(folder / _FILE)), created=True)


def release_scratch(scratch: Scratch) -> None:
    """Remove the file, with the locks beside it."""
    if not scratch.created:
        return
    path = Path(scratch.url.database or "")
    for one in (path, *path.parent.glob(f"{path.name}-*")):
        if one.is_dir():
            rmtree(one)
        else:
            one.unlink(missing_ok=True)


def copy_tables(
    source: Connection,
    target: Connection,
    schema: BillingSchema,
    copies: Sequence[TableCopy],
    copied: Callable[[str, int], None],
) -> list[str]:
    """Create the tables, copy their rows in parts, then create the indexes. Returns what the copy lacks."""
    lacks: list[str] = []
    for one in copies:
        with of_the_copy(target):
            target.exec_driver_sql(_create(source, schema, one))
        _copy_rows(source, target, one, copied)
    for one in copies:
        lacks += _create_indexes(source, target, schema, one)
    with of_the_copy(target):
        target.exec_driver_sql("ANALYZE")
    return lacks


def _create(source: Connection, schema: BillingSchema, one: TableCopy) -> str:
    parts, key = [], {}
    for _, name, kind, required, _, place, _ in source.exec_driver_sql(f"PRAGMA table_xinfo({_QUOTE(one.name)})"):
        if name not in one.columns:
            continue
        computed = f" AS ({one.generated[name]}) STORED" if name in one.generated else ""
        parts.append(f"{_QUOTE(name)} {kind}{computed}{' NOT NULL' if required else ''}")
        if place:
            key[place] = _QUOTE(name)
    if key:  # INTEGER PRIMARY KEY is the row's own number here too
        parts.append(f"PRIMARY KEY ({', '.join(key[place] for place in sorted(key))})")
    for check in schema.catalogue.row_constraints:
        if check.table == one.name and one.as_they_are.issuperset(check.columns):
            parts.append(check.definition)
    return f"CREATE TABLE {_QUOTE(one.name)} ({', '.join(parts)})"


def _copy_rows(source: Connection, target: Connection, one: TableCopy, copied: Callable[[str, int], None]) -> None:
    names = ", ".join(map(_QUOTE, one.stored))
    places = ", ".join("?" for _ in one.stored)
    insert = f"INSERT INTO {_QUOTE(one.name)} ({names}) VALUES ({places})"
    selected = str(one.rows.compile(dialect=_DIALECT, compile_kwargs={"literal_binds": True}))
    count = 0
    for rows in source.exec_driver_sql(selected).partitions(ROWS_AT_ONCE):
        with of_the_copy(target):
            target.exec_driver_sql(insert, [tuple(row) for row in rows])
        count += len(rows)
        copied(one.name, count)
    copied(one.name, count)


def _create_indexes(source: Connection, target: Connection, schema: BillingSchema, one: TableCopy) -> Iterator[str]:
    """Create the indexes and unique constraints of a table; yield those that the copy lacks, each a clause."""
    table, statements = _QUOTE(one.name), {}
    for _, name, _, origin, _ in source.exec_driver_sql(f"PRAGMA index_list({table})").all():
        if origin == _BY_A_STATEMENT:
            statements[name] = source.exec_driver_sql("SELECT sql FROM sqlite_master WHERE name = ?", (name,)).scalar()
        elif origin == _BY_UNIQUE:
            columns = [str(row[2]) for row in source.exec_driver_sql(f"PRAGMA index_info({_QUOTE(name)})")]
            created = _QUOTE("_".join(("unique", one.name, *columns)))
            statements[name] = f"CREATE UNIQUE INDEX {created} ON {table} ({', '.join(map(_QUOTE, columns))})"
    if one.name in schema.catalogue.views:
        statements = {
            column: f"CREATE INDEX {_QUOTE(f'{one.name}_{column}')} ON {table} ({column})" for column in one.ids
        }
    not_copied = set(schema.tables[one.name].c.keys()).difference(one.columns)
    for name, statement in statements.items():
        # SQLite takes a quoted name that is no column for a text.
        if found := not_copied.intersection(words(str(statement))):
            yield f"the index {name} of {one.name} (it needs {', '.join(sorted(found))})"
            continue
        try:
            with target.begin_nested():
                target.exec_driver_sql(str(statement))
        except DBAPIError as error:
            yield f"the index {name} of {one.name} ({reason(error)})"
