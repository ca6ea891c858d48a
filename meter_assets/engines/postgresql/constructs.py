"""PostgreSQL's SQL for our constructs, and its types for columns of money.

Exact money is NUMERIC, as it is stored. Importing this module registers all constructs and types. Add here how
PostgreSQL compiles a new construct; constructs are declared in `billing.constructs` and `billing.money`.
"""

import re
from collections.abc import Callable
from typing import Any

from sqlalchemy import CHAR, REAL, Date, DateTime, Dialect, Float, Integer, Numeric
from sqlalchemy.dialects.postgresql import BIT, DOMAIN, MONEY
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeEngine

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
from meter_assets.billing.engine_types import AnyText, EngineTypes, PointInTime, register_types
from meter_assets.billing.money import (
    LARGEST_REAL,
    MOST_MINOR_UNITS,
    AnyMoney,
    exact,
    has_decimals,
    in_one_form,
    is_exact,
    is_number,
    rounded,
    stored,
)
from meter_assets.billing.policy import RoundingOfSums
from meter_assets.engines.postgresql.described import types_of_result

# Types


@compiles(AnyText, "postgresql")
def _any_text(element: AnyText, compiler: Any, **kw: Any) -> str:
    return "TEXT"


@compiles(PointInTime, "postgresql")
def _point_in_time(element: PointInTime, compiler: Any, **kw: Any) -> str:
    return "TIMESTAMP WITH TIME ZONE"


@compiles(AnyMoney, "postgresql")
def _any_money(element: AnyMoney, compiler: Any, **kw: Any) -> str:
    return "NUMERIC"


_IN_64_BITS = re.compile(r"double\s+precision|float8", re.IGNORECASE)


class PaddedText(CHAR):
    """CHAR(n): the server pads its values with blanks, which have no meaning and are left out when they are read."""

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any]:
        """Return the function that removes the blanks."""
        return lambda value: value.rstrip(" ") if isinstance(value, str) else value


def _as_read(kind: TypeEngine[Any]) -> TypeEngine[Any]:
    """Return the type below a domain, and CHAR(n) without its padding."""
    if isinstance(kind, DOMAIN):
        return _as_read(kind.data_type)
    if isinstance(kind, CHAR) and not isinstance(kind, PaddedText):
        return PaddedText(kind.length, kind.collation)
    return kind


def _why_no_money(kind: TypeEngine[Any]) -> str | None:
    change = "ALTER TABLE {table} ALTER COLUMN {column} TYPE numeric(14, 2)"
    if isinstance(kind, REAL):  # to convert it at once would keep 6 digits
        change += " USING {column}::double precision::numeric"
        return f"a binary fraction of 32 bits, which has no whole cents from {LARGEST_REAL:,} on ({change})"
    if isinstance(kind, Float):
        return f"a binary fraction, which cannot hold money exactly ({change}; it rounds to cents)"
    if isinstance(kind, Numeric):
        return None
    if isinstance(kind, MONEY):
        return f"whose decimals depend on the server's lc_monetary ({change} USING {{column}}::numeric)"
    if isinstance(kind, Integer):
        return (
            "which does not say whether it counts whole units or minor units, such as cents (if units: "
            f"{change}; if cents: {change} USING {{column}} / 100.0)"
        )
    return f"which is no number ({change} USING {{column}}::text::numeric)"


def _of_fraction(column: str, kind: TypeEngine[Any]) -> str:
    if not isinstance(kind, REAL):
        return f"CAST({column} AS DECIMAL(20, 6))"
    exact = f"CAST(CAST({column} AS double precision) AS numeric)"
    return (
        f"CASE WHEN ABS({column}) >= {LARGEST_REAL} THEN TRUNC({exact}) + 0.001 "
        f"WHEN CAST(ROUND({exact}, 2) AS real) = {column} THEN ROUND({exact}, 2) ELSE ROUND({exact}, 6) END"
    )


def _loses_cents(kind: TypeEngine[Any], sql: str) -> str | None:
    if not isinstance(kind, REAL) or _IN_64_BITS.search(sql):
        return None
    return (
        f"{kind}, of which PostgreSQL keeps 6 digits as a number, without its cents: cast it to double precision "
        "first, or take the SQL that 'meter-assets check-database --suggest' prints"
    )


def _to_flag(kind: TypeEngine[Any]) -> str:
    change = ": ALTER TABLE meter_assignments ALTER COLUMN is_active TYPE boolean USING "
    return change + ("is_active = B'1'" if isinstance(kind, BIT) else "is_active::text::boolean")


def _why_no_date(kind: TypeEngine[Any]) -> str | None:
    if isinstance(kind, (Date, DateTime)):
        return None
    return "whose values are not compared as dates (make it DATE or TIMESTAMP: ALTER TABLE ... TYPE date USING ...)"


register_types(
    "postgresql",
    EngineTypes(
        exact_money=Numeric(),
        to_exact=lambda units: units,
        from_exact=in_one_form,
        as_read=_as_read,
        as_journaled=lambda kind: kind,
        why_no_money=_why_no_money,
        why_no_date=_why_no_date,
        described=types_of_result,
        to_flag=_to_flag,
        of_fraction=_of_fraction,
        loses_cents=_loses_cents,
    ),
)


# Money


@compiles(exact, "postgresql")
@compiles(stored, "postgresql")
def _unchanged(element: EngineConstruct[Any], compiler: SQLCompiler, **kw: Any) -> str:
    return compiler.process(element.clauses, **kw)


@compiles(is_number, "postgresql")
def _is_not_nan(element: EngineConstruct[Any], compiler: SQLCompiler, **kw: Any) -> str:
    value = compiler.process(element.clauses, **kw)
    return f"{value} - {value} = 0"  # for NaN and the infinities, the difference is NaN


@compiles(has_decimals, "postgresql")
def _equals_rounded(element: EngineConstruct[Any], compiler: SQLCompiler, **kw: Any) -> str:
    value, digits = element.clauses
    money, places = compiler.process(value, **kw), int(compiler.process(digits, **kw))
    most = f"{MOST_MINOR_UNITS // 10**places}.{MOST_MINOR_UNITS % 10**places:0{places}d}".rstrip(".")
    kind = value.type
    if isinstance(kind, Numeric) and kind.precision is not None and (kind.scale or 0) <= places:
        whole_digits = kind.precision - (kind.scale or 0)
        if 10**whole_digits <= MOST_MINOR_UNITS // 10**places:  # the type of the column leaves nothing else but NaN
            return f"({money} IS NULL OR {money} - {money} = 0)"
    return f"({money} IS NULL OR ({money} = round({money}, {places}) AND abs({money}) < {most}))"


@compiles(is_exact, "postgresql")
def _has_any_decimals(element: EngineConstruct[Any], compiler: SQLCompiler, **kw: Any) -> str:
    money = compiler.process(element.clauses, **kw)
    return f"({money} IS NULL OR abs({money}) < {MOST_MINOR_UNITS})"


@compiles(rounded, "postgresql")
def _round(element: EngineConstruct[Any], compiler: SQLCompiler, **kw: Any) -> str:
    value, digits, mode = element.clauses
    money, places = compiler.process(value, **kw), int(compiler.process(digits, **kw))
    half_up = f"round({money}, {places})"  # of a NUMERIC: halves are rounded away from zero
    if RoundingOfSums.half_even.value not in compiler.process(mode, **kw):
        return half_up
    units = f"({money} * {10**places})"
    even = f"round(round({units} / 2) * 2 / {10**places}, {places})"
    return f"CASE WHEN abs({units} - trunc({units})) = 0.5 THEN {even} ELSE {half_up} END"


# Others


@compiles(as_written, "postgresql")
def _as_it_is(element: EngineConstruct[Any], compiler: SQLCompiler, **kw: Any) -> str:
    return compiler.process(element.clauses, **kw)


@compiles(trimmed, "postgresql")
def _trim(element: EngineConstruct[Any], compiler: SQLCompiler, **kw: Any) -> str:
    return f"btrim({compiler.process(element.clauses, **kw)})"


@compiles(is_date, "postgresql")
def _is_in_range(element: EngineConstruct[Any], compiler: SQLCompiler, **kw: Any) -> str:
    value = compiler.process(element.clauses, **kw)
    return f"({value} IS NULL OR ({value} >= '0001-01-01' AND {value} < '10000-01-01'))"


@compiles(is_flag, "postgresql")
def _is_any(element: EngineConstruct[Any], compiler: SQLCompiler, **kw: Any) -> str:
    # The server accepts nothing else in a column of booleans or numbers.
    return f"({compiler.process(element.clauses, **kw)} IS NULL OR true)"


@compiles(day, "postgresql")
def _cast_to_date(element: EngineConstruct[Any], compiler: SQLCompiler, **kw: Any) -> str:
    return f"CAST({compiler.process(element.clauses, **kw)} AS DATE)"


@compiles(member_of, "postgresql")
def _any_of_array(element: EngineConstruct[Any], compiler: SQLCompiler, **kw: Any) -> str:
    # PostgreSQL looks up the ids of an array in the index. It would join a subquery instead, and without nested loops
    # (see `writer`) a join reads the whole table.
    value, ids = element.clauses
    return f"{compiler.process(value, **kw)} = ANY (ARRAY{compiler.process(ids, **kw)})"


@compiles(row_version, "postgresql")
def _last_writer(element: EngineConstruct[Any], compiler: SQLCompiler, **kw: Any) -> str:
    # PostgreSQL numbers every write, even if no value changes.
    table = next(iter(element.clauses)).table
    return f"CAST({compiler.preparer.format_table(table)}.xmin AS TEXT)"


@compiles(row_values, "postgresql")
def _whole_row(element: EngineConstruct[Any], compiler: SQLCompiler, **kw: Any) -> str:
    values = ", ".join(compiler.process(column, **kw) for column in element.clauses)
    return f"CAST(ROW({values}) AS TEXT)"


@compiles(rows_digest, "postgresql")
def _hash_of_hashes(element: EngineConstruct[Any], compiler: SQLCompiler, **kw: Any) -> str:
    values = []
    for column in element.clauses:
        value = compiler.process(column, **kw)
        if isinstance(column.type, (Date, DateTime)):  # as text they would depend on the session's settings
            value = f"round(CAST(extract(epoch FROM {value}) AS numeric), 6)"
        values.append(f"'{column.key}=' || quote_literal({value})")
    row = f"sha256(convert_to(concat_ws(',', {', '.join(values)}), 'UTF8'))"
    return f"encode(sha256(coalesce(string_agg({row}, CAST('' AS bytea) ORDER BY {row}), CAST('' AS bytea))), 'hex')"
