"""Verifies that our own tables on MySQL and MariaDB are as this software creates them.

A trigger on one of them, or another object in its place, would run statements of others with our transactions. Both are
checked before our tables are used, and in each transaction that writes to them. Add a check here for each kind of
object that could run others' statements. The columns of our tables are in `billing.own_tables`.
"""

from collections.abc import Iterator

from sqlalchemy import Connection, bindparam, text

from meter_assets.billing.own_tables import RUNS, not_written
from meter_assets.billing.schema import BillingSchema
from meter_assets.foreign_text import quoted

_TRIGGERS = """
SELECT event_object_table AS name, 'has the trigger' AS what, trigger_name AS which FROM information_schema.triggers
WHERE trigger_schema = DATABASE() AND event_object_table IN :names"""
_OTHERS = """
UNION ALL SELECT table_name, 'is not an ordinary table', '' FROM information_schema.tables
WHERE table_schema = DATABASE() AND table_name IN :names AND table_type <> 'BASE TABLE'
UNION ALL SELECT table_name, 'has no transactions: its storage engine is', engine FROM information_schema.tables
WHERE table_schema = DATABASE() AND table_name IN :names AND engine <> 'InnoDB'
UNION ALL SELECT table_name, 'has the constraint', constraint_name FROM information_schema.table_constraints
WHERE table_schema = DATABASE() AND table_name IN :names AND constraint_type <> 'PRIMARY KEY'
UNION ALL SELECT table_name, 'has a column that meter-assets did not create,', column_name
FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name IN :names
    AND CONCAT(table_name, '.', column_name) NOT IN :columns
UNION ALL SELECT table_name, 'has a default for the column', column_name FROM information_schema.columns
WHERE table_schema = DATABASE() AND table_name IN :names
    AND (COALESCE(column_default, 'NULL') <> 'NULL'
        OR (extra <> '' AND CONCAT(table_name, '.', column_name) <> :numbered))
"""


def own_table_problems(connection: Connection, schema: BillingSchema, *, known: bool) -> list[str]:
    """Return what others added to our own tables, each a clause; if the tables are known, only their triggers."""
    own = [schema.own[name] for name in sorted(schema.own_tables_present)]
    if not own:
        return []
    statement = text(f"{_TRIGGERS} ORDER BY 1, 2, 3" if known else f"{_TRIGGERS}{_OTHERS} ORDER BY 1, 2, 3")
    statement = statement.bindparams(bindparam("names", [table.name for table in own], expanding=True))
    if not known:
        columns = {f"{table.name}.{column.name}" for table in own for column in table.c} | set(_kept_columns(schema))
        statement = statement.bindparams(
            bindparam("columns", sorted(columns), expanding=True), bindparam("numbered", f"{RUNS}.id")
        )
    rows = connection.execute(statement)
    return [" ".join([quoted(row.name), row.what, *([quoted(row.which)] if row.which else [])]) for row in rows]


def _kept_columns(schema: BillingSchema) -> Iterator[str]:
    """Yield the columns that a journal may still have although the billing table no longer has them."""
    for step in schema.steps:
        yield from (f"{step.journal}.{name}_{side}" for name in step.columns for side in ("before", "after"))


def lock_own_tables(connection: Connection, schema: BillingSchema, *, to_roll_back: bool) -> None:
    """Prevent others from altering our own tables until this transaction ends: it uses them from now on."""
    unused = not_written(to_roll_back=to_roll_back)
    format_table = connection.dialect.identifier_preparer.format_table
    used = [format_table(schema.own[name]) for name in sorted(schema.own_tables_present - unused)]
    if used:
        nothing = " UNION ALL ".join(f"(SELECT 1 FROM {name} LIMIT 0)" for name in used)
        connection.exec_driver_sql(nothing)
