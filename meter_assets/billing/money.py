"""Exact money on every engine. Two constructs, and every query uses them.

*Stored* form is what a column of the billing database holds: numeric or DECIMAL, or on SQLite, which has no exact
decimal, a float. *Exact* form is what sums and comparisons run over: the numeric itself, or on SQLite a count of
minor units (hundredths) as an integer. Relations and changes carry stored form; a query that computes wraps it in
`exact`, and what is to be written goes back through `stored`.
"""

from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, Boolean, ColumnElement, Dialect, Numeric, case, func, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine

from meter_assets.formatting import MINOR_UNIT_DIGITS

_MINOR_UNITS = 10**MINOR_UNIT_DIGITS


class ExactMoney(TypeDecorator[Decimal]):
    """Money as `Decimal` currency units in Python; exact form in the database."""

    impl = Numeric
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the type of the exact form on this engine."""
        return BigInteger() if dialect.name == "sqlite" else Numeric()

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Any:
        """Turn currency units into exact form."""
        return int(value.scaleb(MINOR_UNIT_DIGITS)) if value is not None and dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        """Turn exact form into currency units."""
        if value is None or dialect.name != "sqlite":
            return value  # type: ignore[no-any-return]
        return Decimal(value).scaleb(-MINOR_UNIT_DIGITS)


class exact(FunctionElement[Decimal]):  # a SQL construct: used and named as a function
    """The exact form of one stored money expression."""

    name = "exact"
    type = ExactMoney()
    inherit_cache = True


class stored(FunctionElement[Decimal]):  # a SQL construct: used and named as a function
    """The stored form of one exact money expression, as an UPDATE or an INSERT writes it."""

    name = "stored"
    type = Numeric(asdecimal=True)
    inherit_cache = True


class is_number(FunctionElement[bool]):  # a SQL construct: used and named as a function
    """Whether stored money is a number, or null. SQLite keeps any text in any column, PostgreSQL has NaN."""

    name = "is_number"
    type = Boolean()
    inherit_cache = True


@compiles(is_number)
def _always_is(element: FunctionElement[bool], compiler: SQLCompiler, **kw: Any) -> str:
    return "1 = 1"


@compiles(is_number, "sqlite")
def _is_no_text(element: FunctionElement[bool], compiler: SQLCompiler, **kw: Any) -> str:
    return f"typeof({compiler.process(element.clauses, **kw)}) IN ('integer', 'real', 'null')"


@compiles(is_number, "postgresql")
def _is_not_nan(element: FunctionElement[bool], compiler: SQLCompiler, **kw: Any) -> str:
    return f"CAST({compiler.process(element.clauses, **kw)} AS TEXT) NOT IN ('NaN', 'Infinity', '-Infinity')"


@compiles(exact)
@compiles(stored)
def _as_it_is(element: FunctionElement[Decimal], compiler: SQLCompiler, **kw: Any) -> str:
    return compiler.process(element.clauses, **kw)


@compiles(exact, "sqlite")
def _to_minor_units(element: FunctionElement[Decimal], compiler: SQLCompiler, **kw: Any) -> str:
    # Without ROUND, 0.29 * 100 is 28.999999999999996 and the cast cuts a cent off.
    return f"CAST(ROUND({compiler.process(element.clauses, **kw)} * {_MINOR_UNITS}) AS INTEGER)"


@compiles(stored, "sqlite")
def _from_minor_units(element: FunctionElement[Decimal], compiler: SQLCompiler, **kw: Any) -> str:
    # A quotient of two exact integers is the float nearest to the decimal, the same as SQLite reads from its text.
    return f"({compiler.process(element.clauses, **kw)} / {_MINOR_UNITS}.0)"


def amount(value: Decimal | int) -> ColumnElement[Decimal]:
    """Return an exact-form constant of so many currency units."""
    return literal(Decimal(value), ExactMoney())


ZERO = amount(0)


def total(exact_expression: ColumnElement[Decimal]) -> ColumnElement[Decimal]:
    """Return the sum of an exact expression over a group; 0, not null, where there is nothing to sum."""
    return func.coalesce(func.sum(exact_expression, type_=ExactMoney()), ZERO, type_=ExactMoney())


def or_zero(exact_expression: ColumnElement[Decimal]) -> ColumnElement[Decimal]:
    """Return the exact expression, or 0 where it is null."""
    return func.coalesce(exact_expression, ZERO, type_=ExactMoney())


def positive_part(exact_expression: ColumnElement[Decimal]) -> ColumnElement[Decimal]:
    """Return max(expression, 0). `greatest` is not portable; a case is."""
    return case((exact_expression > ZERO, exact_expression), else_=ZERO)
