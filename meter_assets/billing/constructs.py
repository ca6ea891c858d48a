"""SQL constructs that differ between engines: declared here, compiled in `engines`. Those of money are in `money`.

Add a construct here, as a subclass of `EngineConstruct`, where engines need different SQL for the same thing; then
every engine must compile it, in its module `constructs`. An expression that SQLAlchemy compiles correctly on every
engine is a plain function, such as `nulls_last`.
"""

from datetime import date
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Date, String, Text, case, cast, null
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeEngine

from meter_assets.billing.engine_types import not_implemented

_T = TypeVar("_T")


class EngineConstruct(FunctionElement[_T]):
    """A SQL construct that every engine compiles in its own way. There is no default."""

    inherit_cache = True


@compiles(EngineConstruct)
def _not_implemented(element: EngineConstruct[Any], compiler: SQLCompiler, **kw: Any) -> str:
    raise not_implemented(type(element), compiler.dialect)


class day(EngineConstruct[date]):  # a SQL construct: used and named as a function
    """The day of a date or a point in time."""

    name = "day"
    type = Date()
    inherit_cache = True


class member_of(EngineConstruct[bool]):  # a SQL construct: used and named as a function
    """Whether the first argument is among the ids that the second, a scalar subquery, returns.

    Not typed as a boolean: where an engine has none, SQLAlchemy would compare it with 1, and no index would serve.
    """

    name = "member_of"
    inherit_cache = True


class row_version(EngineConstruct[str]):  # a SQL construct: used and named as a function
    """A text that changes once somebody has written the row again, given all the columns of its table."""

    name = "row_version"
    type = Text()
    inherit_cache = True


class rows_digest(EngineConstruct[str]):  # a SQL construct: used and named as a function
    """An aggregate: the hash of rows, given their columns. It is the same in whatever order, and nulls add nothing.

    Each row is hashed, and then the sorted hashes of all of them.
    """

    name = "rows_digest"
    type = String(64)
    inherit_cache = True


def typed_null(kind: TypeEngine[Any]) -> ColumnElement[Any]:
    """Return null, of a type: PostgreSQL takes a plain null for text."""
    return cast(null(), kind)


def nulls_last(column: ColumnElement[Any]) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    """Return ORDER BY terms that put nulls last on every engine (by themselves, engines disagree)."""
    return case((column.is_(None), 1), else_=0), column


def as_type_of(target: ColumnElement[Any], value: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return the value so that what is written compares equal to it: a point in time loses its hours in a date."""
    return day(value) if isinstance(target.type, Date) and not isinstance(value.type, Date) else value
