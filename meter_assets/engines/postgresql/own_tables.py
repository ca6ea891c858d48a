"""Verifies that our own tables were created by us: as we create them, by somebody who may write the billing tables.

A role that may create tables could make one of them first, with a trigger, a rule, a default or a check that runs its
own statements with the rights of whoever migrates. It could also make a function or an operator that fits our
statements better than the server's own. All of that is looked for before one of our tables is used, and in
each transaction that writes there. Which columns they have is in `schema`; what is in them is checked in `records` and
`journal_audit`.
"""

from collections.abc import Iterator

from sqlalchemy import Connection, text

from meter_assets.billing.own_tables import RETIRED_BACKUPS, RUNS
from meter_assets.billing.schema import REQUIRED_COLUMNS, BillingSchema
from meter_assets.foreign_text import quoted

# No function is called and no types are compared here that another role's could fit better than the server's own.
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
"""What a role can add that owns none of our tables: with the right to make triggers, or functions."""
_MADE_OTHERWISE = """
UNION ALL SELECT relname, 'belongs to another role', pg_catalog.pg_get_userbyid(relowner)
    FROM own WHERE relowner NOT IN (SELECT oid FROM trusted) AND relowner NOT IN (SELECT relowner FROM writers)
UNION ALL SELECT relname, 'is no ordinary table', '' FROM own WHERE relkind <> 'r'
UNION ALL SELECT relname, 'does not outlive a crash', '' FROM own WHERE relpersistence <> 'p'
UNION ALL SELECT relname, 'has row security', '' FROM own WHERE relrowsecurity
UNION ALL SELECT o.relname, 'has the rule', r.rulename FROM own o JOIN pg_catalog.pg_rewrite r ON r.ev_class = o.oid
    WHERE o.relkind = 'r'
UNION ALL SELECT o.relname, 'inherits from, or is inherited by, another table', ''
    FROM own o JOIN pg_catalog.pg_inherits i ON o.oid IN (i.inhrelid, i.inhparent)
UNION ALL SELECT o.relname, 'has the constraint', c.conname
    FROM own o JOIN pg_catalog.pg_constraint c ON c.conrelid = o.oid WHERE c.contype NOT IN ('p', 'n')
UNION ALL SELECT o.relname, 'has an index that computes', CAST(i.indexrelid::pg_catalog.regclass AS text)
    FROM own o JOIN pg_catalog.pg_index i ON i.indrelid = o.oid
    WHERE i.indexprs IS NOT NULL OR i.indpred IS NOT NULL
UNION ALL SELECT relname, 'has a column that we did not make', attname FROM columns
    WHERE column_name <> ALL(CAST(:columns AS text[]))
UNION ALL SELECT relname, 'has a default for the column', attname FROM columns
    WHERE atthasdef OR (attidentity <> '' AND column_name <> :numbered)
UNION ALL SELECT c.relname, 'has a type of its own in the column', c.attname
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
"""What is not as we make it: where, what it is, and which. One statement, since it is asked often."""


def own_table_problems(connection: Connection, schema: BillingSchema, *, known: bool) -> list[str]:
    """Return what we did not create in our own tables, or in what our statements call, each a clause.

    Of tables that are known, only what somebody can have added who owns none of them.
    """
    own = [schema.own[name] for name in sorted(schema.own_tables_present)]
    written = [f"{step.target}.{name}" for step in schema.steps for name in schema.written_columns(step)]
    columns = {f"{table.name}.{column.name}" for table in own for column in table.c} | set(_kept_columns(schema))
    values = {
        "own": [table.name for table in own],
        "billing": list(REQUIRED_COLUMNS),
        "written": written,
        "columns": sorted(columns),
        "numbered": f"{RUNS}.id",
    }
    statement = _LATEST if known else _EVERYTHING
    rows = connection.execute(statement, {name: values[name] for name in statement.compile().params})
    return [" ".join([quoted(row.at), row.what, *([quoted(row.which)] if row.which else [])]) for row in rows]


def _kept_columns(schema: BillingSchema) -> Iterator[str]:
    """Yield the columns that a journal may have from when the billing table still had them."""
    for step in schema.steps:
        yield from (f"{step.journal}.{name}_{side}" for name in step.columns for side in ("before", "after"))


def lock_own_tables(connection: Connection, schema: BillingSchema, *, to_roll_back: bool) -> None:
    """Let nobody add a trigger or anything else to our own tables until this transaction ends.

    It is to be called first of all: later, what was added since its snapshot would not be seen.
    """
    format_table = connection.dialect.identifier_preparer.format_table
    not_written = set() if to_roll_back else {RETIRED_BACKUPS}
    written = [format_table(schema.own[name]) for name in sorted(schema.own_tables_present - not_written)]
    connection.exec_driver_sql(f"LOCK TABLE {', '.join(written)} IN ROW EXCLUSIVE MODE")
