"""What engines say differently, said once: days, nulls and their order, membership, versions. Money is in `money`.

Beside `money`, this is the only place that knows engines apart in a query.
"""

import hashlib
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Date, DateTime, String, Text, case, cast, null
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeEngine


class day(FunctionElement[date]):  # a SQL construct: used and named as a function
    """The day of a date or a point in time."""

    name = "day"
    type = Date()
    inherit_cache = True


@compiles(day)
def _cast_to_date(element: FunctionElement[date], compiler: SQLCompiler, **kw: Any) -> str:
    return f"CAST({compiler.process(element.clauses, **kw)} AS DATE)"


@compiles(day, "sqlite")
def _date_of_text(element: FunctionElement[date], compiler: SQLCompiler, **kw: Any) -> str:
    # SQLite keeps dates as text, and CAST .. AS DATE would make a number of them.
    return f"date({compiler.process(element.clauses, **kw)})"


class member_of(FunctionElement[bool]):  # a SQL construct: used and named as a function
    """Whether the first argument is among the ids that the second, a scalar subquery, returns.

    Not typed as a boolean: where an engine has none, SQLAlchemy would compare it with 1, and no index would serve.
    """

    name = "member_of"
    inherit_cache = True


@compiles(member_of)
def _in_subquery(element: FunctionElement[bool], compiler: SQLCompiler, **kw: Any) -> str:
    value, ids = element.clauses
    return f"{compiler.process(value, **kw)} IN {compiler.process(ids, **kw)}"


@compiles(member_of, "postgresql")
def _any_of_array(element: FunctionElement[bool], compiler: SQLCompiler, **kw: Any) -> str:
    # As an array, the ids are looked up in the index at once; as a subquery they would be joined, and without nested
    # loops (see `database`) a join reads the whole table.
    value, ids = element.clauses
    return f"{compiler.process(value, **kw)} = ANY (ARRAY{compiler.process(ids, **kw)})"


class row_version(FunctionElement[str]):  # a SQL construct: used and named as a function
    """What is another once somebody has written the row again, given all the columns of its table.

    PostgreSQL numbers every writing, also one that changes nothing. SQLite does not: there it is all that a row holds.
    """

    name = "row_version"
    type = Text()
    inherit_cache = True


@compiles(row_version)
def _all_that_it_holds(element: FunctionElement[str], compiler: SQLCompiler, **kw: Any) -> str:
    return " || ',' || ".join(f"quote({compiler.process(column, **kw)})" for column in element.clauses)


@compiles(row_version, "postgresql")
def _who_wrote_it_last(element: FunctionElement[str], compiler: SQLCompiler, **kw: Any) -> str:
    table = next(iter(element.clauses)).table
    return f"CAST({compiler.preparer.format_table(table)}.xmin AS TEXT)"


class rows_digest(FunctionElement[str]):  # a SQL construct: used and named as a function
    """An aggregate: the hash of rows, given their columns. It is the same in whatever order, and nulls add nothing.

    Each row is hashed, and then the sorted hashes of all of them. SQLite has no such function: `RowsDigest` is ours.
    """

    name = "rows_digest"
    type = String(64)
    inherit_cache = True


@compiles(rows_digest, "sqlite")
def _aggregate_of_ours(element: FunctionElement[str], compiler: SQLCompiler, **kw: Any) -> str:
    given = []
    for column in element.clauses:
        value = compiler.process(column, **kw)
        # As bytes: Python cannot be handed a text that is not valid UTF-8, which SQLite keeps all the same.
        as_bytes = f"CASE typeof({value}) WHEN 'text' THEN 't' || hex({value}) WHEN 'blob' THEN 'b' || hex({value})"
        given.append(f"'{_key(column)}', {as_bytes} ELSE {value} END")
    return f"{RowsDigest.NAME}({', '.join(given)})"


@compiles(rows_digest, "postgresql")
def _hash_of_hashes(element: FunctionElement[str], compiler: SQLCompiler, **kw: Any) -> str:
    values = []
    for column in element.clauses:
        value = compiler.process(column, **kw)
        if isinstance(column.type, (Date, DateTime)):  # as text they would depend on the session's settings
            value = f"round(CAST(extract(epoch FROM {value}) AS numeric), 6)"
        values.append(f"'{_key(column)}=' || quote_literal({value})")
    row = f"sha256(convert_to(concat_ws(',', {', '.join(values)}), 'UTF8'))"
    return f"encode(sha256(coalesce(string_agg({row}, CAST('' AS bytea) ORDER BY {row}), CAST('' AS bytea))), 'hex')"


def _key(column: Any) -> str:
    return str(column.key)


class RowsDigest:
    """What SQLite calls for `rows_digest`: made for a group of rows, told of each, and asked for the hash."""

    NAME = "meter_assets_rows_digest"

    def __init__(self) -> None:
        """Begin with no rows."""
        self._rows: list[bytes] = []

    def step(self, *named: Any) -> None:
        """Take a row: names and values by turns."""
        pairs = [(name, value) for name, value in zip(named[::2], named[1::2], strict=True) if value is not None]
        self._rows.append(hashlib.sha256(repr(pairs).encode()).digest())

    def finalize(self) -> str:
        """Return the hash of all rows."""
        return hashlib.sha256(b"".join(sorted(self._rows))).hexdigest()


def nothing(kind: TypeEngine[Any]) -> ColumnElement[Any]:
    """Return null, of a type: PostgreSQL takes a plain null for text."""
    return cast(null(), kind)


def nulls_last(column: ColumnElement[Any]) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    """Return ORDER BY terms that put nulls last on every engine (by themselves, engines disagree)."""
    return case((column.is_(None), 1), else_=0), column


def as_type_of(target: ColumnElement[Any], value: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return the value so that what is written compares equal to it: a point in time loses its hours in a date."""
    return day(value) if isinstance(target.type, Date) and not isinstance(value.type, Date) else value
