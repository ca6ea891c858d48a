"""Exact money on every engine: the constructs `exact` and `stored`, which every query uses, and the types of money.

*Stored* form is the value in a column of the billing database: numeric or DECIMAL; on SQLite, which has no exact
decimal type, a float. *Exact* form is used in sums and comparisons: the numeric itself; on SQLite, a whole number of
ten-thousandths of the currency unit, which represents every currency of up to four decimals. Relations and changes
contain stored form. A query that computes wraps it in `exact`, and converts results that are written back with
`stored`. Add here what every query with money needs. How an engine compiles the constructs is in `engines`.
"""

from decimal import Decimal
from typing import Any

from sqlalchemy import Boolean, ColumnElement, Dialect, Numeric, case, func, literal, literal_column
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.types import TypeDecorator, TypeEngine

from meter_assets.billing.constructs import EngineConstruct
from meter_assets.billing.engine_types import not_implemented, types_of
from meter_assets.billing.policy import Policy, RoundingOfSums
from meter_assets.formatting import plain_money

LARGEST_REAL = 131_072
"""From here on, binary fractions of 32 bits are further from each other than a cent: they have 24 digits, so 1/64."""


def in_one_form(value: Decimal | int) -> Decimal:
    """Return an amount with as many decimals as it needs, but at least the usual two; what is no number unchanged.

    A server returns an amount with the decimals of its column or its constant, and SQL of a mapping may be a whole
    number: the same amount would read differently in each column, and on each engine.
    """
    return Decimal(plain_money(Decimal(value)))


class ExactMoney(TypeDecorator[Decimal]):
    """Money as `Decimal` currency units in Python; exact form in the database."""

    impl = Numeric
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the type of the exact form on this engine."""
        return types_of(dialect).exact_money

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Any:
        """Turn currency units into exact form."""
        return None if value is None else types_of(dialect).to_exact(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        """Turn exact form into currency units."""
        return None if value is None else types_of(dialect).from_exact(value)


class AnyMoney(Numeric[Decimal]):
    """The type of a column in our own tables that stores any money of a billing column without rounding it."""

    def __init__(self, like: TypeEngine[Any] | None = None) -> None:
        """Take the type of the billing column, for an engine without a type that stores any number."""
        super().__init__()
        self.like = like


@compiles(AnyMoney)
def _any_money(element: AnyMoney, compiler: Any, **kw: Any) -> str:
    raise not_implemented(AnyMoney, compiler.dialect)


class exact(EngineConstruct[Decimal]):  # a SQL construct: used and named as a function
    """The exact form of one stored money expression."""

    name = "exact"
    type = ExactMoney()
    inherit_cache = True


class stored(EngineConstruct[Decimal]):  # a SQL construct: used and named as a function
    """The stored form of one exact money expression, as an UPDATE or an INSERT writes it."""

    name = "stored"
    type = Numeric(asdecimal=True)
    inherit_cache = True


class is_number(EngineConstruct[bool]):  # a SQL construct: used and named as a function
    """Whether stored money is a number or null. SQLite can store text in any column; PostgreSQL has NaN."""

    name = "is_number"
    type = Boolean()
    inherit_cache = True


class has_decimals(EngineConstruct[bool]):  # a SQL construct: used and named as a function
    """Whether stored money is exact with so many decimals (the second argument): no more, and not too large.

    Money is too large if it has 2^63 minor units or more; on SQLite, also if a float no longer tells neighbours apart.
    """

    name = "has_decimals"
    type = Boolean()
    inherit_cache = True


class is_exact(EngineConstruct[bool]):  # a SQL construct: used and named as a function
    """Whether the exact form of stored money is the same money."""

    name = "is_exact"
    type = Boolean()
    inherit_cache = True


class rounded(EngineConstruct[Decimal]):  # a SQL construct: used and named as a function
    """Exact money rounded to so many decimals (the second argument), with the mode of the third."""

    name = "rounded"
    type = ExactMoney()
    inherit_cache = True


LARGE = 225_000_000_000
"""Smaller amounts (currency units) are never too large for their exact form, on any engine."""
MOST_MINOR_UNITS = 2**63
"""Amounts of so many minor units, or more, are an error: a program that stores minor units cannot hold them."""


def fits_currency(stored_money: ColumnElement[Any], policy: Policy) -> ColumnElement[bool]:
    """Return whether stored money is a whole number of minor units of the policy's currency, and not too large."""
    return has_decimals(stored_money, literal_column(str(policy.currency_decimals)))


def fits_sums(stored_money: ColumnElement[Any], policy: Policy) -> ColumnElement[bool]:
    """Return whether stored money may be added up: it fits the currency, or the sum will be rounded.

    Then it needs only have an exact form.
    """
    if policy.rounding_of_sums is RoundingOfSums.none:
        return fits_currency(stored_money, policy)
    return is_exact(stored_money)


def rounded_by(policy: Policy, exact_sum: ColumnElement[Decimal]) -> ColumnElement[Decimal]:
    """Return an exact sum, rounded to the currency's decimals if the policy says how."""
    if policy.rounding_of_sums is RoundingOfSums.none:
        return exact_sum
    mode: ColumnElement[str] = literal_column(f"'{policy.rounding_of_sums.value}'")
    return rounded(exact_sum, literal_column(str(policy.currency_decimals)), mode)


def amount(value: Decimal | int) -> ColumnElement[Decimal]:
    """Return an amount of currency units as an exact-form constant."""
    return literal(Decimal(value), ExactMoney())


ZERO = amount(0)


def total(exact_expression: ColumnElement[Decimal]) -> ColumnElement[Decimal]:
    """Return the sum of an exact expression over a group; 0, not null, for an empty group."""
    return func.coalesce(func.sum(exact_expression, type_=ExactMoney()), ZERO, type_=ExactMoney())


def or_zero(exact_expression: ColumnElement[Decimal]) -> ColumnElement[Decimal]:
    """Return the exact expression, or 0 if it is null."""
    return func.coalesce(exact_expression, ZERO, type_=ExactMoney())


def positive_part(exact_expression: ColumnElement[Decimal]) -> ColumnElement[Decimal]:
    """Return max(expression, 0), written as a CASE, because not every engine has `greatest`."""
    return case((exact_expression > ZERO, exact_expression), else_=ZERO)
