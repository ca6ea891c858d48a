"""SQL of MySQL and MariaDB for our constructs, and their types for columns of money.

Exact money is DECIMAL, as it is stored. Importing this module registers all constructs and types. Add here how these
servers compile a new construct; constructs are declared in `billing.constructs` and `billing.money`.
"""

from typing import Any

from sqlalchemy import (
    Boolean,
    ColumnElement,
    CursorResult,
    Date,
    DateTime,
    Float,
    Inspector,
    Integer,
    LargeBinary,
    Numeric,
    String,
    cast,
    type_coerce,
)
from sqlalchemy.dialects.mysql import BIT, FLOAT
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

_ANY_DECIMAL = "DECIMAL(65, 30)"
"""A DECIMAL with the most digits that these servers have."""
_BLANKS = r"[ \\t\\n\\r\\v\\f]+"
_PARTS_OF_A_HASH = range(4)
_HEX_DIGITS_OF_A_PART = 15
"""So many hexadecimal digits are less than 2^63, as the arithmetic of these servers needs it."""

# Types


@compiles(AnyMoney, "mysql")
def _any_money(element: AnyMoney, compiler: Any, **kw: Any) -> str:
    # A DECIMAL without digits would be DECIMAL(10, 0), and one with other digits than the column's could round.
    like = element.like
    return _ANY_DECIMAL if like is None else str(compiler.process(like, **kw))


@compiles(AnyText, "mysql")
def _any_text(element: AnyText, compiler: Any, **kw: Any) -> str:
    return "LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"


@compiles(PointInTime, "mysql")
def _point_in_time(element: PointInTime, compiler: Any, **kw: Any) -> str:
    return "DATETIME(6)"


def _as_kept(value: ColumnElement[Any], kind: TypeEngine[Any]) -> ColumnElement[Any]:
    """Return a value with the column's type, and a number with its decimals; other values are kept as they are."""
    like = kind.like if isinstance(kind, AnyMoney) else kind
    if isinstance(like, Numeric) and not isinstance(like, Float) and like.scale is not None:
        return cast(value, Numeric(like.precision, like.scale))
    return type_coerce(value, kind)


def _why_no_money(kind: TypeEngine[Any]) -> str | None:
    change = "ALTER TABLE {table} MODIFY COLUMN {column} decimal(14, 2)"
    if _is_in_32_bits(kind):
        return f"a binary fraction of 32 bits, which has no whole cents from {LARGEST_REAL:,} on ({change})"
    if isinstance(kind, Float):
        return f"a binary fraction, which cannot hold money exactly ({change}; it rounds to cents)"
    if isinstance(kind, Numeric):
        return None
    if isinstance(kind, Integer):
        return (
            "which does not say whether it counts whole units or minor units, such as cents (if units: "
            f"{change}; if cents, make it decimal(14, 2) and divide it by 100)"
        )
    return f"which is no number (SET SESSION sql_mode = 'STRICT_ALL_TABLES'; {change}; without it, 12,50 becomes 12)"


def _is_in_32_bits(kind: TypeEngine[Any]) -> bool:
    return isinstance(kind, FLOAT)


def _of_fraction(column: str, kind: TypeEngine[Any]) -> str:
    if not _is_in_32_bits(kind):
        return f"CAST({column} AS DECIMAL(20, 6))"
    cents = f"ROUND(CAST({column} AS DOUBLE), 2)"
    return (
        f"CAST(CASE WHEN ABS({column}) >= {LARGEST_REAL} THEN TRUNCATE({column}, 0) + 0.001 "
        f"WHEN CAST({cents} AS FLOAT) = {column} THEN {cents} ELSE {column} END AS DECIMAL(20, 6))"
    )


def _to_flag(kind: TypeEngine[Any]) -> str:
    if isinstance(kind, BIT):
        return ": ALTER TABLE meter_assignments MODIFY COLUMN is_active tinyint(1)"
    return ""


def _why_no_date(kind: TypeEngine[Any]) -> str | None:
    if isinstance(kind, (Date, DateTime)):
        return None
    return "whose values are not compared as dates (make it DATE or DATETIME: ALTER TABLE ... MODIFY COLUMN ...)"


def _with_collation(inspector: Inspector, table: str, schema: str | None, kind: TypeEngine[Any]) -> TypeEngine[Any]:
    """Return the type of a text with the collation of its table: our own tables compare ids as their table does."""
    if not isinstance(kind, String) or isinstance(kind, LargeBinary) or kind.collation:
        return kind
    found: Any = inspector.get_table_options(table, schema)
    collated = kind.copy()
    collated.collation = found.get("mysql_collate")
    return collated


def _types_of_result(result: CursorResult[Any]) -> dict[str, TypeEngine[Any]]:
    # The driver, which is an extra, is imported only once there is a result of it.
    from meter_assets.engines.mysql.described import types_of_result

    return types_of_result(result)


register_types(
    "mysql",
    EngineTypes(
        exact_money=Numeric(),
        to_exact=lambda units: units,
        from_exact=in_one_form,
        as_read=lambda kind: kind,
        as_journaled=lambda kind: kind,
        as_kept=_as_kept,
        why_no_money=_why_no_money,
        why_no_date=_why_no_date,
        in_full=_with_collation,
        described=_types_of_result,
        of_fraction=_of_fraction,
        of_text_day=lambda column: f"STR_TO_DATE({column}, '%d.%m.%Y')",
        to_flag=_to_flag,
    ),
)


# Money


@compiles(exact, "mysql")
@compiles(stored, "mysql")
def _unchanged(element: EngineConstruct[Any], compiler: SQLCompiler, **kw: Any) -> str:
    return compiler.process(element.clauses, **kw)


@compiles(is_number, "mysql")
def _is_any_number(element: EngineConstruct[Any], compiler: SQLCompiler, **kw: Any) -> str:
    # The server accepts nothing else in a DECIMAL: it has no NaN.
    return f"({compiler.process(element.clauses, **kw)} IS NULL OR true)"


@compiles(has_decimals, "mysql")
def _equals_rounded(element: EngineConstruct[Any], compiler: SQLCompiler, **kw: Any) -> str:
    value, digits = element.clauses
    money, places = compiler.process(value, **kw), int(compiler.process(digits, **kw))
    most = f"{MOST_MINOR_UNITS // 10**places}.{MOST_MINOR_UNITS % 10**places:0{places}d}".rstrip(".")
    kind = value.type
    if isinstance(kind, Numeric) and kind.precision is not None and (kind.scale or 0) <= places:
        whole_digits = kind.precision - (kind.scale or 0)
        if 10**whole_digits <= MOST_MINOR_UNITS // 10**places:  # the type of the column leaves nothing else
            return f"({money} IS NULL OR true)"
    return f"({money} IS NULL OR ({money} = round({money}, {places}) AND abs({money}) < {most}))"


@compiles(is_exact, "mysql")
def _has_any_decimals(element: EngineConstruct[Any], compiler: SQLCompiler, **kw: Any) -> str:
    money = compiler.process(element.clauses, **kw)
    return f"({money} IS NULL OR abs({money}) < {MOST_MINOR_UNITS})"


@compiles(rounded, "mysql")
def _round(element: EngineConstruct[Any], compiler: SQLCompiler, **kw: Any) -> str:
    value, digits, mode = element.clauses
    money, places = compiler.process(value, **kw), int(compiler.process(digits, **kw))
    half_up = f"round({money}, {places})"  # of a DECIMAL: halves are rounded away from zero
    if RoundingOfSums.half_even.value not in compiler.process(mode, **kw):
        return half_up
    units = f"({money} * {10**places})"
    # A division keeps four decimals more than its dividend. The dividends here need one.
    even = f"round(round({units} / 2) * 2 / {10**places}, {places})"
    return f"CASE WHEN abs({units} - truncate({units}, 0)) = 0.5 THEN {even} ELSE {half_up} END"


# Others


@compiles(as_written, "mysql")
def _in_binary(element: EngineConstruct[Any], compiler: SQLCompiler, **kw: Any) -> str:
    return in_binary(compiler.process(element.clauses, **kw))


def in_binary(text: str) -> str:
    """Return the SQL of a text that equals no other, whatever the collation of its column."""
    return f"CONVERT({text} USING utf8mb4) COLLATE utf8mb4_bin"


@compiles(trimmed, "mysql")
def _trim(element: EngineConstruct[Any], compiler: SQLCompiler, **kw: Any) -> str:
    # TRIM removes one character only.
    text, _ = element.clauses
    return without_blanks(compiler.process(as_written(text), **kw))


def without_blanks(text: str) -> str:
    """Return the SQL of a text without the blanks around it."""
    return f"REGEXP_REPLACE(REGEXP_REPLACE({text}, '^{_BLANKS}', ''), '{_BLANKS}$', '')"


@compiles(is_date, "mysql")
def _is_complete(element: EngineConstruct[Any], compiler: SQLCompiler, **kw: Any) -> str:
    # These servers may keep 0000-00-00, and days such as 2024-05-00 and 2024-02-31. In a column that is NOT NULL, IS
    # NULL is true for the first; so it is not asked.
    value = compiler.process(element.clauses, **kw)
    last = f"COALESCE(dayofmonth(last_day({value})), 0)"
    return f"COALESCE(year({value}) > 0 AND month({value}) > 0 AND dayofmonth({value}) BETWEEN 1 AND {last}, true)"


@compiles(is_flag, "mysql")
def _is_zero_or_one(element: EngineConstruct[Any], compiler: SQLCompiler, **kw: Any) -> str:
    # BOOLEAN is TINYINT(1) there. Of another number in it programs disagree: 7 is true, but does not equal TRUE.
    (column,) = element.clauses
    value = compiler.process(column, **kw)
    is_boolean = isinstance(column.type, Boolean) or getattr(column.type, "display_width", None) == 1
    return f"COALESCE({value} IN (0, 1), true)" if is_boolean else f"({value} IS NULL OR true)"


@compiles(day, "mysql")
def _date(element: EngineConstruct[Any], compiler: SQLCompiler, **kw: Any) -> str:
    return f"CAST({compiler.process(element.clauses, **kw)} AS DATE)"


@compiles(member_of, "mysql")
def _in_subquery(element: EngineConstruct[Any], compiler: SQLCompiler, **kw: Any) -> str:
    value, ids = element.clauses
    return f"{compiler.process(value, **kw)} IN {compiler.process(ids, **kw)}"


def _as_bytes(column: Any, compiler: SQLCompiler, **kw: Any) -> str:
    """Return the SQL of a value as text of ASCII letters, which depends on no character set; NULL for null."""
    value = compiler.process(column, **kw)
    if isinstance(column.type, Numeric) and not isinstance(column.type, Float):
        value = f"CAST({value} AS {_ANY_DECIMAL})"  # the same text, whatever the scale of the column is
    if isinstance(column.type, (Integer, Numeric, Boolean, Date, DateTime)):
        return f"CAST({value} AS CHAR CHARACTER SET ascii)"
    if isinstance(column.type, String) and not isinstance(column.type, LargeBinary):
        value = f"CONVERT({value} USING utf8mb4)"
    return f"HEX(CAST({value} AS BINARY))"


@compiles(row_values, "mysql")
@compiles(row_version, "mysql")
def _hash_of_values(element: EngineConstruct[Any], compiler: SQLCompiler, **kw: Any) -> str:
    # These servers do not number writes, so a row's version consists of all its values.
    values = [f"COALESCE({_as_bytes(column, compiler, **kw)}, '-')" for column in element.clauses]
    return f"SHA2(CONCAT_WS(',', {', '.join(values)}), 256)"


@compiles(rows_digest, "mysql")
def _hash_of_sums(element: EngineConstruct[Any], compiler: SQLCompiler, **kw: Any) -> str:
    # The hashes of all rows as one text could be longer than the server allows. So they are added up, in parts.
    values = [f"CONCAT('{column.key}=', {_as_bytes(column, compiler, **kw)})" for column in element.clauses]
    row = f"SHA2(CONCAT_WS(',', {', '.join(values)}), 256)"
    sums = [
        f"COALESCE(SUM(CAST(CONV(SUBSTR({row}, {1 + part * _HEX_DIGITS_OF_A_PART}, {_HEX_DIGITS_OF_A_PART}), 16, 10) "
        "AS UNSIGNED)), 0)"
        for part in _PARTS_OF_A_HASH
    ]
    return f"SHA2(CONCAT_WS(',', COUNT(*), {', '.join(sums)}), 256)"
