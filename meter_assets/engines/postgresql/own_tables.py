"""Verifies that our own tables are as this software creates them, and that a trusted role created them.

A role that may create tables could create one of them first, with a trigger, a rule, a default or a check that runs its
statements with the rights of the migrating role. It could also create a function or an operator that matches our
statements better than the server's own. Both are checked before our tables are used, and in each transaction that
writes to them. Add a check here for each kind of object that could run another role's statements. The columns of our
tables are in `billing.own_tables`; their contents are checked in `migration.records` and `migration.journal_audit`.
"""

from collections.abc import Iterator

from sqlalchemy import Connection, text

from meter_assets.billing.own_tables import RUNS, not_written
from meter_assets.billing.schema import BillingSchema
from meter_assets.foreign_text import quoted

# This statement uses only functions and operators that another role's objects cannot replace.
_ROLES = """
WITH servers AS (
    SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = 'pg_catalog'
), own AS (
    SELECT c.* FROM pg_catalog.pg_class c
    WHERE c.relname = ANY(CAST(:own AS name[])) AND pg_catalog.pg_table_is_visible(c.oid)
), billing AS (
    SELECT c.* FROM pg_catalog.pg_class c
    WHERE c.relname = ANY(CAST(:billing AS name[])) AND pg_catalog.pg_table_is_visible(c.oid)
), trusted AS (
    SELECT r.oid FROM pg_catalog.pg_roles r
    WHERE r.rolsuper OR r.rolname = current_user
        OR r.oid IN (SELECT relowner FROM billing)
        OR r.oid IN (SELECT n.nspowner FROM billing b JOIN pg_catalog.pg_namespace n ON n.oid = b.relnamespace)
        OR r.oid IN (SELECT datdba FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
)"""
_ADDED_BY_OTHERS = """
SELECT o.relname AS at, 'has the trigger' AS what, t.tgname AS which
    FROM own o JOIN pg_catalog.pg_trigger t ON t.tgrelid = o.oid
UNION ALL SELECT CAST(p.oid::pg_catalog.regprocedure AS text), 'is a function of another role for one of the server''s',
    pg_catalog.pg_get_userbyid(p.proowner)
    FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
    WHERE n.nspname = ANY(pg_catalog.current_schemas(false)) AND p.proowner NOT IN (SELECT oid FROM trusted)
        AND p.proname IN (SELECT q.proname FROM pg_catalog.pg_proc q WHERE q.pronamespace = (SELECT oid FROM servers))
UNION ALL SELECT CAST(p.oid::pg_catalog.regoperator AS text), 'is an operator of another role for one of the server''s',
    pg_catalog.pg_get_userbyid(p.oprowner)
    FROM pg_catalog.pg_operator p JOIN pg_catalog.pg_namespace n ON n.oid = p.oprnamespace
    WHERE n.nspname = ANY(pg_catalog.current_schemas(false)) AND p.oprowner NOT IN (SELECT oid FROM trusted)
        AND p.oprname IN (
            SELECT q.oprname FROM pg_catalog.pg_operator q WHERE q.oprnamespace = (SELECT oid FROM servers))"""
"""Objects that a role can add without owning our tables: it needs only the right to create triggers or functions."""
_MADE_OTHERWISE = """
UNION ALL SELECT relname, 'belongs to another role', pg_catalog.pg_get_userbyid(relowner)
    FROM own WHERE relowner NOT IN (SELECT oid FROM trusted) AND relowner NOT IN (SELECT relowner FROM writers)
UNION ALL SELECT relname, 'is not an ordinary table', '' FROM own WHERE relkind <> 'r'
UNION ALL SELECT relname, 'does not survive a crash', '' FROM own WHERE relpersistence <> 'p'
UNION ALL SELECT relname, 'has row security', '' FROM own WHERE relrowsecurity
UNION ALL SELECT o.relname, 'has the rule', r.rulename FROM own o JOIN pg_catalog.pg_rewrite r ON r.ev_class = o.oid
    WHERE o.relkind = 'r'
UNION ALL SELECT o.relname, 'inherits from, or is inherited by, another table', ''
    FROM own o JOIN pg_catalog.pg_inherits i ON o.oid IN (i.inhrelid, i.inhparent)
UNION ALL SELECT o.relname, 'has the constraint', c.conname
    FROM own o JOIN pg_catalog.pg_constraint c ON c.conrelid = o.oid WHERE c.contype NOT IN ('p', 'n')
UNION ALL SELECT o.relname, 'has an index with an expression or condition,',
    CAST(i.indexrelid::pg_catalog.regclass AS text) FROM own o JOIN pg_catalog.pg_index i ON i.indrelid = o.oid
    WHERE i.indexprs IS NOT NULL OR i.indpred IS NOT NULL
UNION ALL SELECT relname, 'has a column that meter-assets did not create,', attname FROM columns
    WHERE column_name <> ALL(CAST(:columns AS text[]))
UNION ALL SELECT relname, 'has a default for the column', attname FROM columns
    WHERE atthasdef OR (attidentity <> '' AND column_name <> :numbered)
UNION ALL SELECT c.relname, 'has a user-defined type in the column', c.attname
    FROM columns c JOIN pg_catalog.pg_type t ON t.oid = c.atttypid
    WHERE (t.typtype <> 'b' OR t.typnamespace <> (SELECT oid FROM servers)) AND t.oid NOT IN (
        SELECT a.atttypid FROM billing b JOIN pg_catalog.pg_attribute a ON a.attrelid = b.oid)"""
_COLUMNS = """, writers AS (
    SELECT o.relowner FROM (SELECT DISTINCT relowner FROM own) o
    WHERE (SELECT pg_catalog.bool_and(pg_catalog.has_column_privilege(o.relowner, b.oid, a.attname, 'UPDATE'))
        FROM billing b JOIN pg_catalog.pg_attribute a ON a.attrelid = b.oid
        WHERE CAST(b.relname AS text) || '.' || CAST(a.attname AS text) = ANY(CAST(:written AS text[])))
), columns AS (
    SELECT o.relname, a.*, CAST(o.relname AS text) || '.' || CAST(a.attname AS text) AS column_name
    FROM own o JOIN pg_catalog.pg_attribute a ON a.attrelid = o.oid WHERE a.attnum > 0 AND NOT a.attisdropped
)"""
_EVERYTHING = text(f"{_ROLES}{_COLUMNS}{_ADDED_BY_OTHERS}{_MADE_OTHERWISE} ORDER BY 1, 2, 3")
_LATEST = text(f"{_ROLES}{_ADDED_BY_OTHERS} ORDER BY 1, 2, 3")
"""Every difference from the tables as we create them: the table, the kind and the name. One query, as it runs often."""


def own_table_problems(connection: Connection, schema: BillingSchema, *, known: bool) -> list[str]:
    """Return what others added to our own tables, or to functions that our statements call, each a clause.

    If the tables are known, it checks only for objects that a role can add without owning the tables.
    """
    own = [schema.own[name] for name in sorted(schema.own_tables_present)]
    stored = schema.stored
    written = [
        f"{stored[table].name}.{name}" for table, names in schema.columns_of_steps.items() for name in names.values()
    ]
    columns = {f"{table.name}.{column.name}" for table in own for column in table.c} | set(_kept_columns(schema))
    values = {
        "own": [table.name for table in own],
        "billing": [table.name for table in stored.values()],
        "written": written,
        "columns": sorted(columns),
        "numbered": f"{RUNS}.id",
    }
    statement = _LATEST if known else _EVERYTHING
    rows = connection.execute(statement, {name: values[name] for name in statement.compile().params})
    return [" ".join([quoted(row.at), row.what, *([quoted(row.which)] if row.which else [])]) for row in rows]


def _kept_columns(schema: BillingSchema) -> Iterator[str]:
    """Yield the columns that a journal may still have although the billing table no longer has them."""
    for step in schema.steps:
        yield from (f"{step.journal}.{name}_{side}" for name in step.columns for side in ("before", "after"))


def lock_own_tables(connection: Connection, schema: BillingSchema, *, to_roll_back: bool) -> None:
    """Prevent others from adding a trigger or another object to our own tables until this transaction ends.

    It must be the first call in a transaction: the snapshot would hide objects that were added after it.
    """
    format_table = connection.dialect.identifier_preparer.format_table
    unused = not_written(to_roll_back=to_roll_back)
    written = [format_table(schema.own[name]) for name in sorted(schema.own_tables_present - unused)]
    connection.exec_driver_sql(f"LOCK TABLE {', '.join(written)} IN ROW EXCLUSIVE MODE")
