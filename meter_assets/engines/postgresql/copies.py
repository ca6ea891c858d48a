"""Copies of the billing tables in another PostgreSQL database, for a rehearsal: the structure, and the rows by COPY.

The structure comes from the server's own catalogue, as text that the server writes, and only for columns that are
copied. Rows pass from one server to the other as text, without conversion and through a pipe of fixed size. Add here
what a copy must have of a table so that steps take as long as on it. Which columns are copied is in `copying`, the
database of a copy in `scratch`.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from contextlib import contextmanager
from functools import partial
from typing import Any, BinaryIO

import psycopg2
import psycopg2.extensions
from sqlalchemy import Connection, Row, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import DBAPIError

from meter_assets.billing.schema import BillingSchema
from meter_assets.engines import urls
from meter_assets.engines.base import TableCopy
from meter_assets.engines.failures import reason
from meter_assets.engines.postgresql.types_of_copies import TypesOfCopy
from meter_assets.engines.postgresql.waiting import wait
from meter_assets.errors import CopyFailed
from meter_assets.foreign_text import quoted

SECONDS_BETWEEN_REPORTS = 0.5
_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]
_QUOTE = _DIALECT.identifier_preparer.quote
_AS_TEXT = "(FORMAT text, ENCODING 'UTF8')"
_COLUMNS = text(
    """
SELECT a.attname AS name, a.attnotnull AS required, a.atttypid AS kind, a.atttypmod AS modifier,
    CASE WHEN a.attcollation <> t.typcollation AND n.nspname = 'pg_catalog'
        THEN pg_catalog.quote_ident(c.collname) END AS collation
FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_catalog.pg_collation c ON c.oid = a.attcollation
LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.collnamespace
WHERE a.attrelid = pg_catalog.to_regclass(CAST(:name AS text)) AND a.attnum > 0 AND NOT a.attisdropped
"""
)
_CONSTRAINTS = text(
    """
SELECT c.conname AS name, c.contype AS kind, pg_catalog.pg_get_constraintdef(c.oid) AS definition, ARRAY(
    SELECT CAST(a.attname AS text) FROM pg_catalog.pg_attribute a
    WHERE a.attrelid = c.conrelid AND a.attnum = ANY(c.conkey)) AS columns
FROM pg_catalog.pg_constraint c
WHERE c.conrelid = pg_catalog.to_regclass(CAST(:name AS text)) AND c.contype IN ('p', 'u', 'x', 'c', 'f')
ORDER BY c.contype = 'f', c.conname
"""
)
# An index depends on each column that it, its expressions or its condition read.
_INDEXES = text(
    """
SELECT c.relname AS name, pg_catalog.pg_get_indexdef(i.indexrelid) AS definition, i.indisunique AS is_unique,
    pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(t.relname) AS of_table, ARRAY(
    SELECT CAST(a.attname AS text) FROM pg_catalog.pg_attribute a WHERE a.attrelid = i.indrelid AND (
        a.attnum = ANY(i.indkey) OR a.attnum IN (
            SELECT d.refobjsubid FROM pg_catalog.pg_depend d
            WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = i.indexrelid
                AND d.refobjid = i.indrelid))) AS columns
FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
JOIN pg_catalog.pg_class t ON t.oid = i.indrelid JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace
WHERE i.indrelid = pg_catalog.to_regclass(CAST(:name AS text)) AND i.indisvalid
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint o WHERE o.conindid = i.indexrelid AND o.contype <> 'f')
ORDER BY c.relname
"""
)


def copy_tables(
    source: Connection,
    target: Connection,
    schema: BillingSchema,
    copies: Sequence[TableCopy],
    copied: Callable[[str, int], None],
) -> list[str]:
    """Create the tables, copy their rows, then create keys, constraints and indexes. Returns what the copy lacks."""
    types = TypesOfCopy(source)
    for one in copies:
        columns = _columns(source, types, one)
        for statement in types.new_statements():
            _execute(target, statement)
        _execute(target, f"CREATE TABLE {_QUOTE(one.name)} ({', '.join(columns)})")
    for one in copies:
        _copy_rows(source, target, one, partial(copied, one.name))
    lacks = [clause for one in copies for clause in _create_indexes(source, target, schema, one)]
    lacks += [clause for one in copies for clause in _add_constraints(source, target, one, foreign_keys=True)]
    _execute(target, "ANALYZE " + ", ".join(_QUOTE(one.name) for one in copies))
    return lacks


def _columns(source: Connection, types: TypesOfCopy, one: TableCopy) -> list[str]:
    """Return the definitions of a table's columns."""
    there = {row.name: row for row in source.execute(_COLUMNS, {"name": one.name})}
    return [_column(there[name], types, one) for name in one.columns]


def _column(found: Row[Any], types: TypesOfCopy, one: TableCopy) -> str:
    name, required = _QUOTE(found.name), " NOT NULL" if found.required else ""
    if found.name in one.masked:
        return f"{name} text{required}"
    kind = types.name_of(found.kind, found.modifier, f"{one.name}.{found.name}")
    collation = f" COLLATE {found.collation}" if found.collation else ""
    computed = one.generated.get(found.name)
    return f"{name} {kind}{collation}{f' GENERATED ALWAYS AS ({computed}) STORED' if computed else ''}{required}"


# Keys, constraints and indexes


def _create_indexes(source: Connection, target: Connection, schema: BillingSchema, one: TableCopy) -> Iterator[str]:
    yield from _add_constraints(source, target, one, foreign_keys=False)
    if one.name in schema.catalogue.views:
        for column in one.ids:
            yield from _try(target, f"CREATE INDEX ON {_QUOTE(one.name)} ({_QUOTE(column)})", f"an index of {one.name}")
        return
    for index in source.execute(_INDEXES, {"name": one.name}):
        what = f"the index {quoted(index.name)} of {one.name}"
        if not_copied := set(index.columns).difference(one.columns):
            yield f"{what} (it needs {', '.join(map(quoted, sorted(not_copied)))})"
            continue
        how = index.definition.partition(f"{index.of_table} USING ")[2]
        unique = "UNIQUE " if index.is_unique else ""
        statement = f"CREATE {unique}INDEX {_QUOTE(index.name)} ON {_QUOTE(one.name)} USING {how}"
        yield from _try(target, statement, what)


def _add_constraints(source: Connection, target: Connection, one: TableCopy, *, foreign_keys: bool) -> Iterator[str]:
    """Add a table's constraints over copied columns; yield the others, each a clause."""
    for found in source.execute(_CONSTRAINTS, {"name": one.name}):
        if (found.kind == "f") != foreign_keys:
            continue
        what = f"the constraint {quoted(found.name)} of {one.name}"
        # A mask is as unique as the row's id, but it need not fulfil a condition.
        there = frozenset(one.columns) if found.kind in ("p", "u") else one.as_they_are
        if others := set(found.columns).difference(there):
            yield f"{what} (it needs {', '.join(map(quoted, sorted(others)))})"
            continue
        statement = f"ALTER TABLE {_QUOTE(one.name)} ADD CONSTRAINT {_QUOTE(found.name)} {found.definition}"
        lacking = list(_try(target, statement, what))
        yield from lacking
        if lacking and found.kind in ("p", "u"):
            columns = ", ".join(map(_QUOTE, found.columns))
            yield from _try(target, f"CREATE INDEX ON {_QUOTE(one.name)} ({columns})", f"an index of {one.name}")


def _try(target: Connection, statement: str, what: str) -> Iterator[str]:
    """Execute a statement; if the server refuses it, yield what the copy lacks, with the reason."""
    try:
        with target.begin_nested():
            target.exec_driver_sql(statement)
    except DBAPIError as error:
        yield f"{what} ({reason(error)})"


def _execute(target: Connection, statement: str) -> None:
    try:
        target.exec_driver_sql(statement)
    except DBAPIError as error:
        raise CopyFailed(urls.shown(target.engine.url), reason(error)) from error


# Rows


def _copy_rows(source: Connection, target: Connection, one: TableCopy, copied: Callable[[int], None]) -> None:
    """Copy the rows of a table. Raises CopyFailed for an error of the target, DBAPIError for one of the source."""
    selected = one.rows.compile(dialect=_DIALECT, compile_kwargs={"literal_binds": True})
    out = f"COPY ({selected}) TO STDOUT WITH {_AS_TEXT}"
    into = f"COPY {_QUOTE(one.name)} ({', '.join(map(_QUOTE, one.stored))}) FROM STDIN WITH {_AS_TEXT}"
    reads, writes = os.pipe()
    sender, receiver = _Sender(os.fdopen(writes, "wb")), _Receiver(os.fdopen(reads, "rb"))
    connections = _driver(source), _driver(target)
    with _driver_without_callback(), ThreadPoolExecutor(2) as pool:
        sending = pool.submit(sender.send, connections[0], out)
        receiving = pool.submit(receiver.receive, connections[1], into)
        waiting = {sending, receiving}
        try:
            while waiting and not any(one.done() and one.exception() for one in (sending, receiving)):
                _, waiting = wait_for(waiting, SECONDS_BETWEEN_REPORTS, FIRST_EXCEPTION)
                copied(receiver.rows)
        finally:  # an error, or Ctrl-C
            if waiting:
                for connection in connections:
                    connection.cancel()
    if failed := sending.exception():
        raise DBAPIError.instance(out, None, failed, psycopg2.Error) from failed
    if failed := receiving.exception():
        raise CopyFailed(urls.shown(target.engine.url), " ".join(str(failed).split())) from failed
    copied(receiver.rows)


def _driver(connection: Connection) -> Any:
    return connection.connection.driver_connection


@contextmanager
def _driver_without_callback() -> Iterator[None]:
    """Let the driver wait by itself: it refuses COPY while a callback waits for it. Threads wait, so Ctrl-C works."""
    psycopg2.extensions.set_wait_callback(None)
    try:
        yield
    finally:
        psycopg2.extensions.set_wait_callback(wait)


class _Sender:
    """The end of the pipe that the source writes to."""

    def __init__(self, pipe: BinaryIO) -> None:
        self._pipe = pipe

    def send(self, connection: Any, statement: str) -> None:
        with self._pipe, connection.cursor() as cursor:
            cursor.copy_expert(statement, self)

    def write(self, data: bytes) -> int:
        try:
            return self._pipe.write(data)
        except BrokenPipeError:  # the target has failed, which is reported; this statement is cancelled
            return len(data)


class _Receiver:
    """The end of the pipe that the target reads from, with the number of rows that have passed."""

    def __init__(self, pipe: BinaryIO) -> None:
        self._pipe = pipe
        self.rows = 0

    def receive(self, connection: Any, statement: str) -> None:
        with self._pipe, connection.cursor() as cursor:
            cursor.copy_expert(statement, self)

    def read(self, size: int = -1) -> bytes:
        data = self._pipe.read(size)
        self.rows += data.count(b"\n")  # a line break in a value is written as \n
        return data
