"""The column types that differ between engines, for money, dates and our own tables; `engines` registers them.

Each engine registers one `EngineTypes` under the name of its SQLAlchemy dialect. Add a field here if two engines need
different types for the same values; if an expression differs, declare a construct in `constructs`. There is no default:
a dialect that has not registered its types raises ConstructNotImplemented.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, CursorResult, DateTime, Dialect, Inspector, String, Text, cast
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.types import TypeEngine

from meter_assets.errors import ConstructNotImplemented


class AnyText(Text):
    """The type of a column in our own tables that stores a text of any length."""


class PointInTime(DateTime):
    """The type of a column in our own tables that stores a point in time, to the microsecond."""

    def __init__(self) -> None:
        """Create the type of times with a time zone, where the engine has one."""
        super().__init__(timezone=True)


@compiles(AnyText)
@compiles(PointInTime)
def _no_such_type(element: TypeEngine[Any], compiler: Any, **kw: Any) -> str:
    raise not_implemented(type(element), compiler.dialect)


class DateText(String):
    """The type of a column of dates that the engine keeps as text, without a time of day."""


@dataclass(frozen=True)
class EngineTypes:
    """The types of one engine."""

    exact_money: TypeEngine[Any]
    """The type of exact money, see `money`."""
    to_exact: Callable[[Decimal], Any]
    """Turns currency units into exact money."""
    from_exact: Callable[[Any], Decimal]
    """Turns exact money into currency units."""
    as_read: Callable[[TypeEngine[Any]], TypeEngine[Any]]
    """Returns the type with which a column of the billing tables is read, given its type in the database."""
    as_journaled: Callable[[TypeEngine[Any]], TypeEngine[Any]]
    """Returns the type of a journal's column, given the type of the billing column that it is copied from."""
    why_no_money: Callable[[TypeEngine[Any]], str | None]
    """Returns why a column of this type cannot hold money exactly, as a clause; None if it can.

    It may have the placeholders {table} and {column}, for the statement that fixes it.
    """
    why_no_date: Callable[[TypeEngine[Any]], str | None]
    """Returns why the values of a column of this type cannot be compared as dates, as a clause; None if they can."""
    as_kept: Callable[[ColumnElement[Any], TypeEngine[Any]], ColumnElement[Any]] = cast
    """Returns a value as a column of our own tables keeps it, given the column's type."""
    ids_return: bool = False
    """Whether a new row may get the id of a deleted one: then journals also have columns that tell rows apart."""
    keeps_any_value: bool = False
    """Whether a column may contain values that are not of its type, such as text in a column of numbers."""
    in_full: Callable[[Inspector, str, str | None, TypeEngine[Any]], TypeEngine[Any]] = (
        lambda inspector, table, schema, kind: kind
    )
    """Returns the reflected type of a column with what it has from its table, given the table's name and schema."""
    described: Callable[[CursorResult[Any]], dict[str, TypeEngine[Any]]] = lambda result: {}
    """Returns the types of the columns of a result, by name, as far as the driver tells them."""
    of_fraction: Callable[[str, TypeEngine[Any]], str] = lambda column, kind: f"CAST({column} AS DECIMAL(20, 6))"
    """Returns SQL that reads money in a binary fraction, given its column and type: exactly, or as no whole cents."""
    loses_cents: Callable[[TypeEngine[Any], str], str | None] | None = None
    """Returns why SQL may lose cents of a column of this type without a trace, as a clause; None if it does not."""
    of_text_day: Callable[[str], str] = lambda column: f"to_date({column}, 'DD.MM.YYYY')"
    """Returns SQL that reads a day from a column of text such as 31.01.2025."""
    to_flag: Callable[[TypeEngine[Any]], str] = lambda kind: ""
    """Returns how to change a column of this type, which is no flag, as the end of a clause; may be empty."""


_TYPES: dict[str, EngineTypes] = {}


def register_types(dialect: str, types: EngineTypes) -> None:
    """Register the types of the engine with this SQLAlchemy dialect."""
    _TYPES[dialect] = types


def types_of(dialect: Dialect) -> EngineTypes:
    """Return the types of an engine. Raises ConstructNotImplemented for one that has not registered any."""
    if dialect.name not in _TYPES:
        raise not_implemented(EngineTypes, dialect)
    return _TYPES[dialect.name]


def not_implemented(construct: type, dialect: Dialect) -> ConstructNotImplemented:
    """Return the error for a construct or a type that the engine with this dialect lacks."""
    return ConstructNotImplemented(construct.__name__, dialect.name)


def as_journaled(kind: TypeEngine[Any]) -> TypeEngine[Any]:
    """Return the type with which a journal keeps the values of a column of this type, on each engine."""
    for dialect, types in _TYPES.items():
        kept = types.as_journaled(kind)
        if kept is not kind:
            kind = kind.with_variant(kept, dialect)
    return kind
