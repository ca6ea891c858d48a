"""SQL constructs that differ between engines: declared here, compiled in `engines`.

Add a construct here, as a subclass of `EngineConstruct`, if engines need different SQL for the same expression; then
every engine must compile it, in its module `constructs`. An expression that SQLAlchemy compiles correctly on every
engine is a plain function, such as `nulls_last`. Constructs for money are in `money`.
"""

from datetime import date
from typing import Any, TypeVar

from sqlalchemy import Boolean, ColumnElement, Date, String, Text, case, cast, literal, null
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeEngine

from meter_assets.billing.engine_types import DateText, not_implemented

_T = TypeVar("_T")


class EngineConstruct(FunctionElement[_T]):
    """A SQL construct that every engine compiles in its own way. There is no default."""

    inherit_cache = True


@compiles(EngineConstruct)
def _not_implemented(element: EngineConstruct[Any], compiler: SQLCompiler, **kw: Any) -> str:
    raise not_implemented(type(element), compiler.dialect)


class day(EngineConstruct[date]):  # a SQL construct: used and named as a function
    """The date of a date or a point in time."""

    name = "day"
    type = Date()
    inherit_cache = True


class member_of(EngineConstruct[bool]):  # a SQL construct: used and named as a function
    """Whether the first argument is among the ids that the second, a scalar subquery, returns.

    It is not typed as a boolean: for an engine without booleans, SQLAlchemy would compare it with 1, and the engine
    would not use an index.
    """

    name = "member_of"
    inherit_cache = True


class trimmed(EngineConstruct[str]):  # a SQL construct: used and named as a function
    """A text without surrounding blanks: spaces, tabs and line breaks, which are the second argument."""

    name = "trimmed"
    type = Text()
    inherit_cache = True


class as_written(EngineConstruct[str]):  # a SQL construct: used and named as a function
    """A text whose letters are equal only to themselves, whatever the collation of its column is."""

    name = "as_written"
    type = Text()
    inherit_cache = True


class is_date(EngineConstruct[bool]):  # a SQL construct: used and named as a function
    """Whether a value is null or an ISO date between the years 1 and 9999, with or without a time of day.

    SQLite keeps dates as text of any form; PostgreSQL has dates that Python cannot represent, such as infinity.
    """

    name = "is_date"
    type = Boolean()
    inherit_cache = True


class is_flag(EngineConstruct[bool]):  # a SQL construct: used and named as a function
    """Whether the value of a flag is null, or true or false as the engine has them in a column of its type."""

    name = "is_flag"
    type = Boolean()
    inherit_cache = True


class row_version(EngineConstruct[str]):  # a SQL construct: used and named as a function
    """A text that changes whenever the row is written; its arguments are all the columns of the table."""

    name = "row_version"
    type = Text()
    inherit_cache = True


class row_values(EngineConstruct[str]):  # a SQL construct: used and named as a function
    """A text that changes whenever a value of the row changes; its arguments are all the columns of the table.

    It replaces `row_version` for a view, whose rows no engine numbers.
    """

    name = "row_values"
    type = Text()
    inherit_cache = True


class rows_digest(EngineConstruct[str]):  # a SQL construct: used and named as a function
    """An aggregate: the hash of rows, given their columns. It does not depend on their order, and ignores nulls.

    It hashes each row, and then the sorted hashes of all rows.
    """

    name = "rows_digest"
    type = String(64)
    inherit_cache = True


_BLANKS = " \t\n\r\v\f"


def without_blanks(text: ColumnElement[Any]) -> ColumnElement[str]:
    """Return a text without surrounding blanks."""
    return trimmed(text, literal(_BLANKS, Text()))


def typed_null(kind: TypeEngine[Any]) -> ColumnElement[Any]:
    """Return a null of this type: PostgreSQL treats an untyped null as text."""
    return cast(null(), kind)


def nulls_last(column: ColumnElement[Any]) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    """Return ORDER BY terms that put nulls last on every engine (the engines' defaults differ)."""
    return case((column.is_(None), 1), else_=0), column


def as_type_of(target: ColumnElement[Any], value: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return the value as the target column will store it: a date column drops the time of day."""
    are_days = [isinstance(one.type, (Date, DateText)) for one in (target, value)]
    return day(value) if are_days == [True, False] else value
