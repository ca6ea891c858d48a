"""PostgreSQL's SQL for our constructs, and its types for columns of money.

Exact money is NUMERIC, as it is stored. Importing this module registers all constructs and types. Add here how
PostgreSQL compiles a new construct; constructs are declared in `billing.constructs` and `billing.money`.
"""

from typing import Any

from sqlalchemy import Date, DateTime, Float, Numeric
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeEngine

from meter_assets.billing.constructs import EngineConstruct, day, member_of, row_version, rows_digest
from meter_assets.billing.engine_types import EngineTypes, register_types
from meter_assets.billing.money import AnyMoney, exact, is_number, stored

# Types


@compiles(AnyMoney, "postgresql")
def _any_money(element: AnyMoney, compiler: Any, **kw: Any) -> str:
    return "NUMERIC"


def _why_no_money(kind: TypeEngine[Any]) -> str | None:
    if isinstance(kind, Float) or not isinstance(kind, Numeric):
        return "which cannot hold money exactly (make it NUMERIC)"
    return None


register_types(
    "postgresql",
    EngineTypes(
        exact_money=Numeric(),
        to_exact=lambda units: units,
        from_exact=lambda value: value,
        as_read=lambda kind: kind,
        as_journaled=lambda kind: kind,
        why_no_money=_why_no_money,
    ),
)


# Money


@compiles(exact, "postgresql")
@compiles(stored, "postgresql")
def _unchanged(element: EngineConstruct[Any], compiler: SQLCompiler, **kw: Any) -> str:
    return compiler.process(element.clauses, **kw)


@compiles(is_number, "postgresql")
def _is_not_nan(element: EngineConstruct[Any], compiler: SQLCompiler, **kw: Any) -> str:
    return f"CAST({compiler.process(element.clauses, **kw)} AS TEXT) NOT IN ('NaN', 'Infinity', '-Infinity')"


# Others


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
