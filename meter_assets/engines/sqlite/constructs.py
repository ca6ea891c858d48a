"""SQLite's SQL for our constructs, and its types for columns of money.

SQLite has no exact decimal and no dates: exact money is a whole number of ten-thousandths of the currency unit, as an
integer, and a date is text. Importing this module registers all constructs and types. Add here how SQLite compiles a
new construct; constructs are declared in `billing.constructs` and `billing.money`.
"""

import hashlib
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Date,
    DateTime,
    Dialect,
    Integer,
    Numeric,
    String,
    and_,
    case,
    cast,
    func,
    type_coerce,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeEngine, UserDefinedType

from meter_assets.billing.constructs import (
    EngineConstruct,
    as_written,
    day,
    is_date,
    is_flag,
    member_of,
    row_values,
    row_version,
    rows_digest,
    trimmed,
)
from meter_assets.billing.engine_types import AnyText, DateText, EngineTypes, PointInTime, register_types
from meter_assets.billing.money import AnyMoney, exact, has_decimals, is_exact, is_number, rounded, stored
from meter_assets.billing.policy import RoundingOfSums
from meter_assets.formatting import MINOR_UNIT_DIGITS

EXACT_DIGITS = 4
"""The decimals of exact money: the most that a currency has. They do not depend on the policy's currency."""
_PARTS = 10**EXACT_DIGITS
"""The number of parts of a currency unit that exact money counts."""
_MOST_EXACT = 2**51
"""From so many parts on, the product of a float and `_PARTS` may be nearer to a neighbour of the exact number."""
_MOST_UNITS = f"{_MOST_EXACT // _PARTS}.0"
_TOO_MANY = _MOST_EXACT // _PARTS * _PARTS
"""The exact form of every amount that is too large."""
_MOST_WHOLE = 2**53
"""Up to this number, every whole number is a float."""
_DIALECT = sqlite.dialect()
_NOISE, _FLOAT_ERROR = 0.001, 4.5e-16
"""A float whose parts are so near to a whole number is that number: after arithmetic of the billing software, and
relative to the number, because the float and its product with `_PARTS` are rounded."""


# Types


class _AsItIs(UserDefinedType[Any]):
    """A column that stores values unchanged: a column with a declared type might convert text into a number."""

    cache_ok = True

    def get_col_spec(self, **kw: Any) -> str:
        """Return the declared type, for which SQLite converts nothing."""
        return "BLOB"

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], Any]:
        """Return the function that makes a number of a DECIMAL column what SQLite stores for it."""
        return lambda value: _stored_number(value) if isinstance(value, Decimal) else value


def _stored_number(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)


@compiles(AnyText, "sqlite")
def _any_text(element: AnyText, compiler: Any, **kw: Any) -> str:
    return "TEXT"


@compiles(PointInTime, "sqlite")
def _point_in_time(element: PointInTime, compiler: Any, **kw: Any) -> str:
    return "DATETIME"


@compiles(AnyMoney, "sqlite")
def _any_money(element: AnyMoney, compiler: Any, **kw: Any) -> str:
    return "NUMERIC"


def _as_read(kind: TypeEngine[Any]) -> TypeEngine[Any]:
    """Return text for dates, as they are stored: other programs write them in various formats."""
    if isinstance(kind, Date):
        return DateText()
    return String() if isinstance(kind, DateTime) else kind


def _as_kept(value: ColumnElement[Any], kind: TypeEngine[Any]) -> ColumnElement[Any]:
    """Return a value with the column's type; a column of numbers keeps a float that is a whole number as an integer."""
    is_number = isinstance(kind.dialect_impl(_DIALECT), Numeric)
    if not is_number:
        return type_coerce(value, kind)
    whole = and_(func.typeof(value) == "real", func.abs(value) < _MOST_WHOLE, value == func.round(value))
    return type_coerce(case((whole, cast(value, Integer)), else_=value), kind)


def _why_no_money(kind: TypeEngine[Any]) -> str | None:
    if isinstance(kind, Numeric) and (kind.scale or 0) > EXACT_DIGITS:
        return f"and on SQLite money is exact to {EXACT_DIGITS} decimals only"
    return None


def _units(parts: int) -> Decimal:
    """Return currency units, with as many decimals as are needed, but at least the usual two.

    NaN stands for an amount that is too large to be exact: what `exact` makes of it is not its value.
    """
    if abs(parts) == _TOO_MANY:
        return Decimal("NaN")
    units = Decimal(parts).scaleb(-EXACT_DIGITS)
    digits = next(n for n in range(MINOR_UNIT_DIGITS, EXACT_DIGITS + 1) if parts % 10 ** (EXACT_DIGITS - n) == 0)
    return units.quantize(Decimal(1).scaleb(-digits))


register_types(
    "sqlite",
    EngineTypes(
        exact_money=BigInteger(),
        to_exact=lambda units: int(units.scaleb(EXACT_DIGITS)),
        from_exact=_units,
        as_read=_as_read,
        as_journaled=lambda kind: _AsItIs(),
        as_kept=_as_kept,
        why_no_money=_why_no_money,
        why_no_date=lambda kind: None,  # every date is text; an invariant checks its form
        of_text_day=lambda column: (
            f"substr({column}, 7, 4) || '-' || substr({column}, 4, 2) || '-' || substr({column}, 1, 2)"
        ),
        keeps_any_value=True,
        ids_return=True,  # a new row gets the id after the greatest one that is there
    ),
)


# Money


@compiles(exact, "sqlite")
def _to_parts(element: EngineConstruct[Any], compiler: SQLCompiler, **kw: Any) -> str:
    # Without ROUND, 0.29 * 100 is 28.999999999999996, and the cast loses a cent. Larger amounts are never exact (see
    # `is_exact`); their sums would end the query with an overflow before the invariant that names them.
    money = compiler.process(element.clauses, **kw)
    return f"CAST(ROUND(MIN(MAX({money} + 0, -{_MOST_UNITS}), {_MOST_UNITS}) * {_PARTS}) AS INTEGER)"


@compiles(stored, "sqlite")
def _from_parts(element: EngineConstruct[Any], compiler: SQLCompiler, **kw: Any) -> str:
    # The quotient of two exact integers is the float nearest to the decimal, as when SQLite reads the decimal's text.
    return f"({compiler.process(element.clauses, **kw)} / {_PARTS}.0)"


@compiles(is_exact, "sqlite")
def _whole_parts(element: EngineConstruct[Any], compiler: SQLCompiler, **kw: Any) -> str:
    money = compiler.process(element.clauses, **kw)
    allowed = f"{_NOISE} + ABS({money}) * {_PARTS * _FLOAT_ERROR}"
    is_whole = f"ABS({money} * {_PARTS} - ROUND({money} * {_PARTS})) < {allowed}"
    return f"({money} IS NULL OR ({is_whole} AND ABS({money}) < {_MOST_UNITS}))"


@compiles(has_decimals, "sqlite")
def _whole_minor_units(element: EngineConstruct[Any], compiler: SQLCompiler, **kw: Any) -> str:
    money, digits = element.clauses
    minor_unit = 10 ** (EXACT_DIGITS - int(compiler.process(digits, **kw)))
    remainder = f"{compiler.process(exact(money), **kw)} % {minor_unit}"
    return f"({compiler.process(is_exact(money), **kw)} AND COALESCE({remainder}, 0) = 0)"


@compiles(rounded, "sqlite")
def _to_minor_units(element: EngineConstruct[Any], compiler: SQLCompiler, **kw: Any) -> str:
    value, digits, mode = element.clauses
    parts, unit = compiler.process(value, **kw), 10 ** (EXACT_DIGITS - int(compiler.process(digits, **kw)))
    nearest = f"(ABS({parts}) * 2 + {unit}) / {2 * unit}"  # a division of integers: halves are rounded up
    if RoundingOfSums.half_even.value in compiler.process(mode, **kw):
        below = f"ABS({parts}) / {unit}"
        nearest = f"CASE WHEN ABS({parts}) % {unit} * 2 = {unit} THEN {below} + ({below}) % 2 ELSE {nearest} END"
    return f"(CASE WHEN {parts} < 0 THEN -1 ELSE 1 END * ({nearest}) * {unit})"


@compiles(is_number, "sqlite")
def _is_no_text(element: EngineConstruct[Any], compiler: SQLCompiler, **kw: Any) -> str:
    value = compiler.process(element.clauses, **kw)
    # Infinity less infinity is null.
    return f"({value} IS NULL OR (typeof({value}) IN ('integer', 'real') AND COALESCE({value} - {value} = 0, 0)))"


# Others


@compiles(as_written, "sqlite")
def _as_it_is(element: EngineConstruct[Any], compiler: SQLCompiler, **kw: Any) -> str:
    return compiler.process(element.clauses, **kw)


@compiles(trimmed, "sqlite")
def _trim(element: EngineConstruct[Any], compiler: SQLCompiler, **kw: Any) -> str:
    return f"TRIM({compiler.process(element.clauses, **kw)})"


@compiles(is_date, "sqlite")
def _is_iso_text(element: EngineConstruct[Any], compiler: SQLCompiler, **kw: Any) -> str:
    value = compiler.process(element.clauses, **kw)
    # SQLite counts from 2024-02-30 as if it were 2024-03-01, so the day that it counts from must be the written one.
    is_day = f"date(substr({value}, 1, 10), '+0 days') = substr({value}, 1, 10) AND date({value}) IS NOT NULL"
    in_years = f"substr({value}, 1, 4) BETWEEN '0001' AND '9999' AND {value} GLOB '????-??-??*'"
    return f"COALESCE({value} IS NULL OR (typeof({value}) = 'text' AND {in_years} AND {is_day}), 0)"


@compiles(is_flag, "sqlite")
def _is_truth_value(element: EngineConstruct[Any], compiler: SQLCompiler, **kw: Any) -> str:
    (column,) = element.clauses
    value = compiler.process(column, **kw)
    if isinstance(column.type, Boolean):
        return f"({value} IS NULL OR (typeof({value}) = 'integer' AND {value} IN (0, 1)))"
    return f"typeof({value}) IN ('integer', 'real', 'null')"


@compiles(day, "sqlite")
def _date_of_text(element: EngineConstruct[Any], compiler: SQLCompiler, **kw: Any) -> str:
    # CAST .. AS DATE would turn the text into a number.
    return f"date({compiler.process(element.clauses, **kw)})"


@compiles(member_of, "sqlite")
def _in_subquery(element: EngineConstruct[Any], compiler: SQLCompiler, **kw: Any) -> str:
    value, ids = element.clauses
    return f"{compiler.process(value, **kw)} IN {compiler.process(ids, **kw)}"


@compiles(row_values, "sqlite")
@compiles(row_version, "sqlite")
def _all_values(element: EngineConstruct[Any], compiler: SQLCompiler, **kw: Any) -> str:
    # SQLite does not number writes, so a row's version consists of all its values.
    return " || ',' || ".join(f"quote({compiler.process(column, **kw)})" for column in element.clauses)


@compiles(rows_digest, "sqlite")
def _our_aggregate(element: EngineConstruct[Any], compiler: SQLCompiler, **kw: Any) -> str:
    given = []
    for column in element.clauses:
        value = compiler.process(column, **kw)
        # As bytes: SQLite can store text that is not valid UTF-8, which it cannot pass to Python.
        as_bytes = f"CASE typeof({value}) WHEN 'text' THEN 't' || hex({value}) WHEN 'blob' THEN 'b' || hex({value})"
        given.append(f"'{column.key}', {as_bytes} ELSE {value} END")
    return f"{RowsDigest.NAME}({', '.join(given)})"


class RowsDigest:
    """The aggregate function that SQLite calls for `rows_digest`: one object for each group of rows."""

    NAME = "meter_assets_rows_digest"

    def __init__(self) -> None:
        """Start without rows."""
        self._rows: list[bytes] = []

    def step(self, *named: Any) -> None:
        """Take a row: alternating names and values."""
        pairs = [(name, value) for name, value in zip(named[::2], named[1::2], strict=True) if value is not None]
        self._rows.append(hashlib.sha256(repr(pairs).encode()).digest())

    def finalize(self) -> str:
        """Return the hash of all rows."""
        return hashlib.sha256(b"".join(sorted(self._rows))).hexdigest()
