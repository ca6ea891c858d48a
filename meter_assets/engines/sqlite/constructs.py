"""SQLite's SQL for our constructs, and its types for columns of money.

SQLite has no exact decimal and no dates: exact money is the number of minor units (hundredths) as an integer, and a
date is text. Importing this module registers all constructs and types. Add here how SQLite compiles a new construct;
constructs are declared in `billing.constructs` and `billing.money`.
"""

import hashlib
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, Date, DateTime, Numeric, String
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeEngine, UserDefinedType

from meter_assets.billing.constructs import EngineConstruct, day, member_of, row_version, rows_digest
from meter_assets.billing.engine_types import EngineTypes, register_types
from meter_assets.billing.money import AnyMoney, exact, is_number, stored
from meter_assets.formatting import MINOR_UNIT_DIGITS

_MINOR_UNITS = 10**MINOR_UNIT_DIGITS


# Types


class _AsItIs(UserDefinedType[Any]):
    """A column that stores values unchanged: a column with a declared type might convert text into a number."""

    cache_ok = True

    def get_col_spec(self, **kw: Any) -> str:
        """Return the declared type, for which SQLite converts nothing."""
        return "BLOB"


@compiles(AnyMoney, "sqlite")
def _any_money(element: AnyMoney, compiler: Any, **kw: Any) -> str:
    return "NUMERIC"


def _as_read(kind: TypeEngine[Any]) -> TypeEngine[Any]:
    """Return text for dates, as they are stored: other programs write them in various formats."""
    return String() if isinstance(kind, (Date, DateTime)) else kind


def _why_no_money(kind: TypeEngine[Any]) -> str | None:
    if isinstance(kind, Numeric) and (kind.scale or 0) > MINOR_UNIT_DIGITS:
        return f"and on SQLite money is exact to {MINOR_UNIT_DIGITS} decimals only"
    return None


register_types(
    "sqlite",
    EngineTypes(
        exact_money=BigInteger(),
        to_exact=lambda units: int(units.scaleb(MINOR_UNIT_DIGITS)),
        from_exact=lambda value: Decimal(value).scaleb(-MINOR_UNIT_DIGITS),
        as_read=_as_read,
        as_journaled=lambda kind: _AsItIs(),
        why_no_money=_why_no_money,
    ),
)


# Money


@compiles(exact, "sqlite")
def _to_minor_units(element: EngineConstruct[Any], compiler: SQLCompiler, **kw: Any) -> str:
    # Without ROUND, 0.29 * 100 is 28.999999999999996, and the cast loses a cent.
    return f"CAST(ROUND({compiler.process(element.clauses, **kw)} * {_MINOR_UNITS}) AS INTEGER)"


@compiles(stored, "sqlite")
def _from_minor_units(element: EngineConstruct[Any], compiler: SQLCompiler, **kw: Any) -> str:
    # The quotient of two exact integers is the float nearest to the decimal, as when SQLite reads the decimal's text.
    return f"({compiler.process(element.clauses, **kw)} / {_MINOR_UNITS}.0)"


@compiles(is_number, "sqlite")
def _is_no_text(element: EngineConstruct[Any], compiler: SQLCompiler, **kw: Any) -> str:
    return f"typeof({compiler.process(element.clauses, **kw)}) IN ('integer', 'real', 'null')"


# Others


@compiles(day, "sqlite")
def _date_of_text(element: EngineConstruct[Any], compiler: SQLCompiler, **kw: Any) -> str:
    # CAST .. AS DATE would turn the text into a number.
    return f"date({compiler.process(element.clauses, **kw)})"


@compiles(member_of, "sqlite")
def _in_subquery(element: EngineConstruct[Any], compiler: SQLCompiler, **kw: Any) -> str:
    value, ids = element.clauses
    return f"{compiler.process(value, **kw)} IN {compiler.process(ids, **kw)}"


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
