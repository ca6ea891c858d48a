"""Reads from PostgreSQL's catalogue where the billing tables are, and what limits reading and writing them.

`read_catalogue` returns the facts (schemas, views, triggers, constraints) and the problems that make the database
unsuitable: row security that would hide rows, columns that the role may not read, views that hide rows, and own tables
in another schema. All of it is one statement, since it is read at the start of every run. Add here a further fact or
problem that only PostgreSQL's catalogue tells; what reflection tells is in `billing.reflection`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.dialects import postgresql

from meter_assets.billing.catalogue import JUDGED, Catalogue, RowConstraint, RowsConstraint, Trigger, words
from meter_assets.billing.own_tables import BACKUP
from meter_assets.billing.schema import REQUIRED_COLUMNS, BillingSchema
from meter_assets.engines.base import Examined
from meter_assets.foreign_text import shown
from meter_assets.formatting import show_time

_QUOTE = postgresql.dialect().identifier_preparer.quote  # type: ignore[no-untyped-call]

# This statement uses only functions and operators that another role's objects cannot replace, as that of `own_tables`.
# `seen` are the relations whose row security applies: the tables that are named, and what is below a view, with the
# rights of the view's owner. Row security of a partition or of an inheriting table does not apply to a query that
# names the table above it. `family` has these too: their triggers fire.
_STATEMENT = text(
    """
WITH RECURSIVE billing AS (
    SELECT c.oid, c.relname, c.relkind, n.nspname
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relname = ANY(CAST(:billing AS name[])) AND c.relkind = ANY('{r,p,v,m,f}'::"char"[])
        AND pg_catalog.pg_table_is_visible(c.oid)
), below AS (
    SELECT inhparent AS above, inhrelid AS oid, false AS of_view FROM pg_catalog.pg_inherits
    UNION SELECT r.ev_class, d.refobjid, true
    FROM pg_catalog.pg_rewrite r JOIN pg_catalog.pg_depend d ON d.objid = r.oid
        AND d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
        AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid <> r.ev_class
    WHERE r.rulename = '_RETURN'
), family AS (
    SELECT b.relname AS billing, b.oid, r.oid AS reader, true AS seen
    FROM billing b, pg_catalog.pg_roles r WHERE r.rolname = current_user
    UNION
    SELECT f.billing, w.oid, CASE
        WHEN NOT w.of_view OR COALESCE(above.reloptions, '{}') && '{security_invoker=true,security_invoker=on}'
        THEN f.reader ELSE above.relowner END, f.seen AND w.of_view
    FROM family f JOIN below w ON w.above = f.oid JOIN pg_catalog.pg_class above ON above.oid = f.oid
), related AS (
    SELECT f.billing, f.seen, f.reader, c.*, n.nspname, c.oid::pg_catalog.regclass::text AS called
    FROM family f JOIN pg_catalog.pg_class c ON c.oid = f.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
), columns AS (
    SELECT b.relname, b.oid, a.attname, a.attnum, a.atttypid,
        CAST(b.relname AS text) || '.' || CAST(a.attname AS text) = ANY(CAST(:written AS text[])) AS written
    FROM billing b JOIN pg_catalog.pg_attribute a ON a.attrelid = b.oid WHERE a.attnum > 0 AND NOT a.attisdropped
), domains AS (
    SELECT k.relname, k.attname, t.oid, t.typbasetype, t.typnotnull, t.typname
    FROM columns k JOIN pg_catalog.pg_type t ON t.oid = k.atttypid WHERE k.written AND t.typtype = 'd'
    UNION ALL
    SELECT d.relname, d.attname, t.oid, t.typbasetype, t.typnotnull, t.typname
    FROM domains d JOIN pg_catalog.pg_type t ON t.oid = d.typbasetype WHERE t.typtype = 'd'
)
SELECT 'table' AS what, CAST(relname AS text) AS at, pg_catalog.jsonb_build_object(
    'schema', nspname, 'kind', relkind) AS detail FROM billing
UNION ALL SELECT 'namesake', b.relname, pg_catalog.jsonb_build_object('schema', n.nspname)
    FROM billing b JOIN pg_catalog.pg_class c ON c.relname = b.relname AND c.oid <> b.oid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = ANY('{r,p,v,m,f}'::"char"[]) AND n.nspname = ANY(pg_catalog.current_schemas(false))
UNION ALL SELECT 'secured', billing, pg_catalog.jsonb_build_object(
        'called', r.called, 'forced', r.relforcerowsecurity, 'role', o.rolname,
        'owner', pg_catalog.pg_has_role(o.oid, r.relowner, 'USAGE'))
    FROM related r JOIN pg_catalog.pg_roles o ON o.oid = r.reader
    WHERE r.seen AND r.relrowsecurity AND NOT o.rolsuper AND NOT o.rolbypassrls
        AND (r.relforcerowsecurity OR NOT pg_catalog.pg_has_role(o.oid, r.relowner, 'USAGE'))
UNION ALL SELECT 'unreadable', relname, pg_catalog.jsonb_build_object('column', attname, 'role', current_user)
    FROM columns WHERE NOT pg_catalog.has_column_privilege(oid, attnum, 'SELECT')
UNION ALL SELECT 'view', billing, pg_catalog.jsonb_build_object('called', called, 'definition',
        pg_catalog.pg_get_viewdef(oid), 'updatable', pg_catalog.pg_relation_is_updatable(oid, false) & 4 = 4,
        'rules', (SELECT count(*) FROM pg_catalog.pg_rewrite w WHERE w.ev_class = r.oid AND w.rulename <> '_RETURN'))
    FROM related r WHERE seen AND relkind = 'v'
UNION ALL SELECT 'stored elsewhere', billing, pg_catalog.jsonb_build_object('called', called, 'kind', relkind)
    FROM related WHERE relkind = ANY('{m,f}'::"char"[])
UNION ALL SELECT 'not updatable', k.relname, pg_catalog.jsonb_build_object('column', k.attname)
    FROM columns k JOIN billing b ON b.oid = k.oid
    WHERE k.written AND b.relkind = 'v' AND NOT pg_catalog.pg_column_is_updatable(k.oid, k.attnum, false)
UNION ALL SELECT 'own', c.relname, pg_catalog.jsonb_build_object('schema', n.nspname)
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relname = ANY(CAST(:own AS name[])) AND c.relkind = 'r' AND c.relpersistence <> 't'
        AND NOT EXISTS (SELECT FROM pg_catalog.pg_class t WHERE t.relname = 'tenants' AND t.relnamespace = n.oid)
UNION ALL SELECT 'trigger', f.billing, pg_catalog.jsonb_build_object('name', t.tgname, 'called', f.called,
        'definition', pg_catalog.pg_get_triggerdef(t.oid), 'columns', ARRAY(SELECT a.attname
            FROM pg_catalog.pg_attribute a WHERE a.attrelid = t.tgrelid AND a.attnum = ANY(t.tgattr::int2[])))
    FROM related f JOIN pg_catalog.pg_trigger t ON t.tgrelid = f.oid
    WHERE NOT t.tgisinternal AND t.tgparentid = 0 AND t.tgenabled = ANY('{O,A}'::"char"[]) AND t.tgtype & 16 = 16
UNION ALL SELECT 'rule', f.billing, pg_catalog.jsonb_build_object('name', w.rulename, 'called', f.called,
        'instead', w.is_instead)
    FROM related f JOIN pg_catalog.pg_rewrite w ON w.ev_class = f.oid
    WHERE w.ev_type = '2' AND w.ev_enabled = ANY('{O,A}'::"char"[]) AND w.rulename <> '_RETURN'
UNION ALL SELECT 'check', b.relname, pg_catalog.jsonb_build_object('name', c.conname,
        'definition', pg_catalog.pg_get_constraintdef(c.oid),
        'condition', pg_catalog.pg_get_expr(c.conbin, c.conrelid),
        'columns', (SELECT pg_catalog.jsonb_agg(k.attname) FROM columns k WHERE k.oid = b.oid
            AND k.attnum = ANY(c.conkey)))
    FROM billing b JOIN pg_catalog.pg_constraint c ON c.conrelid = b.oid
    WHERE c.contype = 'c' AND EXISTS (SELECT FROM columns k WHERE k.oid = b.oid AND k.written
        AND k.attnum = ANY(c.conkey))
UNION ALL SELECT 'domain', d.relname, pg_catalog.jsonb_build_object('column', d.attname, 'domain', d.typname,
        'name', c.conname, 'not null', d.typnotnull, 'definition', pg_catalog.pg_get_constraintdef(c.oid))
    FROM domains d LEFT JOIN pg_catalog.pg_constraint c ON c.contypid = d.oid AND c.contype = 'c'
UNION ALL SELECT 'foreign key', b.relname, pg_catalog.jsonb_build_object('name', c.conname,
        'definition', pg_catalog.pg_get_constraintdef(c.oid),
        'referred', pg_catalog.format('%I.%I', n.nspname, r.relname),
        'columns', ARRAY(SELECT a.attname FROM pg_catalog.unnest(c.conkey) WITH ORDINALITY AS u(num, place)
            JOIN pg_catalog.pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = u.num ORDER BY u.place),
        'referred columns', ARRAY(SELECT a.attname FROM pg_catalog.unnest(c.confkey) WITH ORDINALITY AS u(num, place)
            JOIN pg_catalog.pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = u.num ORDER BY u.place),
        'readable', (SELECT pg_catalog.bool_and(pg_catalog.has_column_privilege(c.confrelid, u, 'SELECT'))
            FROM pg_catalog.unnest(c.confkey) u) AND pg_catalog.has_schema_privilege(n.oid, 'USAGE'))
    FROM billing b JOIN pg_catalog.pg_constraint c ON c.conrelid = b.oid
    JOIN pg_catalog.pg_class r ON r.oid = c.confrelid JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
    WHERE c.contype = 'f' AND EXISTS (SELECT FROM columns k WHERE k.oid = b.oid AND k.written
        AND k.attnum = ANY(c.conkey))
UNION ALL SELECT 'key', b.relname, pg_catalog.jsonb_build_object('name', x.relname,
        'definition', COALESCE(pg_catalog.pg_get_constraintdef(c.oid), pg_catalog.pg_get_indexdef(x.oid)),
        'index', pg_catalog.pg_get_indexdef(x.oid), 'only', pg_catalog.pg_get_expr(i.indpred, i.indrelid),
        'constraint', c.conname, 'elements', ARRAY(SELECT pg_catalog.pg_get_indexdef(x.oid, g, false)
            FROM pg_catalog.generate_series(1, i.indnkeyatts) g),
        'operators', ARRAY(SELECT pg_catalog.format('OPERATOR(%I.%s)', n.nspname, o.oprname)
            FROM pg_catalog.unnest(c.conexclop) WITH ORDINALITY AS u(op, place)
            JOIN pg_catalog.pg_operator o ON o.oid = u.op JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace
            ORDER BY u.place))
    FROM billing b JOIN pg_catalog.pg_index i ON i.indrelid = b.oid JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
    LEFT JOIN pg_catalog.pg_constraint c ON c.conindid = x.oid AND c.conrelid = b.oid
        AND c.contype = ANY('{u,x}'::"char"[])
    WHERE (i.indisunique OR i.indisexclusion) AND NOT i.indisprimary AND i.indisready
UNION ALL SELECT 'upper case', CAST(l.name AS text), pg_catalog.jsonb_build_object(
        'schema', n.nspname, 'name', c.relname)
    FROM pg_catalog.unnest(CAST(:billing AS name[])) AS l(name)
    JOIN pg_catalog.pg_class c ON pg_catalog.lower(CAST(c.relname AS text)) = CAST(l.name AS text)
        AND CAST(c.relname AS text) <> CAST(l.name AS text)
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = ANY(pg_catalog.current_schemas(false)) AND c.relkind = ANY('{r,p,v,m,f}'::"char"[])
        AND l.name NOT IN (SELECT relname FROM billing)
UNION ALL SELECT 'standby', '', pg_catalog.jsonb_build_object(
        'replayed', extract(epoch FROM pg_catalog.pg_last_xact_replay_timestamp()))
    WHERE pg_catalog.pg_is_in_recovery()
ORDER BY 1, 2, 3
"""
)
_TIMING = re.compile(r"\b(BEFORE|AFTER|INSTEAD OF)\b.*?\bFOR EACH (ROW|STATEMENT)\b", re.DOTALL)

Found = Mapping[str, Sequence[tuple[str, Mapping[str, Any]]]]
"""What the statement found: by kind, the billing table and the details."""


def read_catalogue(connection: Connection, schema: BillingSchema) -> Examined:
    """Return what the catalogue says about the billing tables, every problem, and until when a standby has read."""
    written = {(step.target, name) for step in schema.steps if step.target != BACKUP for name in step.columns}
    values = {
        "billing": list(REQUIRED_COLUMNS),
        "own": list(schema.own) if len(schema.tables) == len(REQUIRED_COLUMNS) else [],
        "written": sorted(f"{table}.{column}" for table, column in written),
    }
    found: dict[str, list[tuple[str, Mapping[str, Any]]]] = {}
    for row in connection.execute(_STATEMENT, values):
        found.setdefault(row.what, []).append((row.at, row.detail))
    order = list(REQUIRED_COLUMNS)
    for rows in found.values():
        rows.sort(key=lambda one: order.index(one[0]) if one[0] in order else len(order))
    catalogue = _catalogue(found, written)
    return Examined(catalogue, list(_problems(found, schema, catalogue)), _standby(found))


def _standby(found: Found) -> str | None:
    """Return a sentence about a standby: until when it has replayed the transactions of its primary."""
    for _, detail in found.get("standby", ()):
        until = show_time(datetime.fromtimestamp(detail["replayed"], UTC)) if detail["replayed"] else "none yet"
        return f"The server is a standby. The last transaction that it has replayed: {until}. Later ones are not seen."
    return None


def _catalogue(found: Found, written: set[tuple[str, str]]) -> Catalogue:
    return Catalogue(
        schemas=tuple((table, detail["schema"]) for table, detail in found.get("table", ())),
        namesakes=tuple((table, detail["schema"]) for table, detail in found.get("namesake", ())),
        views=frozenset(table for table, detail in found.get("table", ()) if detail["kind"] == "v"),
        triggers=tuple(dict.fromkeys(_triggers(found, written))),
        row_constraints=tuple(_row_constraints(found)),
        rows_constraints=tuple(_rows_constraints(found, written)),
    )


# Problems


def _problems(found: Found, schema: BillingSchema, catalogue: Catalogue) -> Iterator[str]:
    for table, detail in found.get("upper case", ()):
        there = f"{_QUOTE(detail['schema'])}.{_QUOTE(detail['name'])}"
        yield (
            f"{shown(there)} is not read, since its name has upper-case letters (ALTER TABLE {shown(there)} RENAME TO "
            f"{table})"
        )
    yield from _hidden_rows(found)
    yield from _views(found)
    yield from _hidden_columns(found, schema, catalogue)
    yield from _own_tables_elsewhere(found)


def _hidden_rows(found: Found) -> Iterator[str]:
    """Yield the roles from which row security would hide rows, each with the tables."""
    of_role: dict[str, list[tuple[str, bool]]] = {}
    for table, detail in found.get("secured", ()):
        name = table if detail["called"].split(".")[-1] == table else f"{table} (from {detail['called']})"
        of_role.setdefault(detail["role"], []).append((name, detail["owner"]))
    for role, tables in of_role.items():
        named = ", ".join(shown(name) for name, _ in tables)
        owner = "" if all(owns for _, owns in tables) else ", or use a role that has the rights of the tables' owner"
        yield (
            f"row security may hide rows of {named} from role {shown(_QUOTE(role))} (ALTER ROLE {shown(_QUOTE(role))} "
            f"BYPASSRLS{owner}; or ALTER TABLE ... DISABLE ROW LEVEL SECURITY)"
        )


def _views(found: Found) -> Iterator[str]:
    """Yield the billing tables that are no tables, unless a view only selects and renames columns."""
    for table, detail in found.get("stored elsewhere", ()):
        what = "a materialized view" if detail["kind"] == "m" else "a foreign table"
        why = "whose rows may be out of date" if detail["kind"] == "m" else "which another server reads and writes"
        name = "" if detail["called"].split(".")[-1] == table else f" reads {shown(detail['called'])}, which"
        yield f"{table}{name} is {what}, {why} (put the table itself into the search_path)"
    for table, detail in found.get("view", ()):
        names = {word.upper() for word in words(detail["definition"])}
        where = names.intersection({"WHERE", "TABLESAMPLE"})
        if detail["updatable"] and not where and not detail["rules"]:
            continue
        name = "" if detail["called"].split(".")[-1] == table else f" reads {shown(detail['called'])}, which"
        yield (
            f"{table}{name} is a view that may hide rows or that cannot be updated (put the table itself into the "
            "search_path, or a view that only selects and renames columns of one table)"
        )
    for table, detail in found.get("not updatable", ()):
        yield f"{table}.{detail['column']} is computed by a view, so that it cannot be written (select the column)"


def _hidden_columns(found: Found, schema: BillingSchema, catalogue: Catalogue) -> Iterator[str]:
    """Yield the columns that this role may not read, by table, with the statement that grants the right."""
    schemas = dict(catalogue.schemas)
    hidden: dict[str, list[str]] = {}
    role = ""
    for table, detail in found.get("unreadable", ()):
        known = table in schema.tables and detail["column"] in schema.read_columns(table)
        if known or detail["column"] in catalogue.judged_columns.get(table, ()):
            hidden.setdefault(table, []).append(detail["column"])
            role = _QUOTE(detail["role"])
    for table, columns in hidden.items():
        named = ", ".join(f"{table}.{shown(column)}" for column in columns)
        right = f"GRANT SELECT ({', '.join(shown(_QUOTE(column)) for column in columns)})"
        yield (
            f"role {shown(role)} may not read {named} ({right} ON {shown(_QUOTE(schemas[table]))}.{table} TO "
            f"{shown(role)}, as 'meter-assets grants' prints it)"
        )


def _own_tables_elsewhere(found: Found) -> Iterator[str]:
    """Yield our own tables that are not in the schema of the table tenants: one role would not know another's runs."""
    home = {table: detail["schema"] for table, detail in found.get("table", ())}.get("tenants")
    if home is None:
        return
    for name, detail in found.get("own", ()):
        there = shown(f"{_QUOTE(detail['schema'])}.{name}")
        yield (
            f"{there} is not in the schema of the table tenants, so that other roles do not know its runs (ALTER TABLE "
            f"{there} SET SCHEMA {shown(_QUOTE(home))}; where that schema has one too, examine and rename the older)"
        )


# Triggers and constraints


def _triggers(found: Found, written: set[tuple[str, str]]) -> Iterator[Trigger]:
    for table, detail in found.get("trigger", ()):
        only = set(detail["columns"])
        if only and not any((table, column) in written for column in only):
            continue
        timing = _TIMING.search(detail["definition"])
        row = f", each {timing[2].lower()}" if timing else ""
        of = f" OF {', '.join(detail['columns'])}" if only else ""
        when = f"{timing[1]} UPDATE{of}{row}" if timing else "UPDATE"
        yield Trigger(table, detail["name"], when + _on(table, detail["called"]))
    for table, detail in found.get("rule", ()):
        when = "rule DO INSTEAD" if detail["instead"] else "rule DO ALSO"
        yield Trigger(table, detail["name"], f"{when} of UPDATE{_on(table, detail['called'])}")


def _on(table: str, called: str) -> str:
    return "" if called.split(".")[-1] == table else f", of {shown(called)}"


def _row_constraints(found: Found) -> Iterator[RowConstraint]:
    for table, detail in found.get("check", ()):
        fix = f"ALTER TABLE {table} DROP CONSTRAINT {_QUOTE(detail['name'])}"
        columns = tuple(detail["columns"])
        yield RowConstraint(table, detail["name"], detail["definition"], detail["condition"], columns, fix)
    for table, detail in found.get("domain", ()):
        column, domain = detail["column"], _QUOTE(detail["domain"])
        if detail["not null"]:
            fix = f"ALTER DOMAIN {domain} DROP NOT NULL"
            yield RowConstraint(table, f"NOT NULL of {domain}", "NOT NULL", f"{column} IS NOT NULL", (column,), fix)
        if detail["name"]:
            condition = detail["definition"].removeprefix("CHECK ").removesuffix(" NOT VALID")
            condition = re.sub(r"\bVALUE\b", _QUOTE(column), condition)
            fix = f"ALTER DOMAIN {domain} DROP CONSTRAINT {_QUOTE(detail['name'])}"
            yield RowConstraint(table, detail["name"], detail["definition"], condition, (column,), fix)
    for table, detail in found.get("foreign key", ()):
        if not detail["readable"]:
            continue
        columns = tuple(detail["columns"])
        pairs = " AND ".join(
            f"referred.{_QUOTE(there)} = {JUDGED}.{_QUOTE(here)}"
            for here, there in zip(columns, detail["referred columns"], strict=True)
        )
        nulls = " OR ".join(f"{JUDGED}.{_QUOTE(column)} IS NULL" for column in columns)
        condition = f"{nulls} OR EXISTS (SELECT 1 FROM {detail['referred']} AS referred WHERE {pairs})"
        fix = f"ALTER TABLE {table} DROP CONSTRAINT {_QUOTE(detail['name'])}"
        yield RowConstraint(table, detail["name"], detail["definition"], condition, columns, fix)


def _rows_constraints(found: Found, written: set[tuple[str, str]]) -> Iterator[RowsConstraint]:
    for table, detail in found.get("key", ()):
        operators = detail["operators"] or ["=" for _ in detail["elements"]]
        if "NULLS NOT DISTINCT" in detail["index"]:
            operators = ["IS NOT DISTINCT FROM" for _ in detail["elements"]]
        only = detail["only"] or ""
        columns = tuple(sorted({word for one in (*detail["elements"], only) for word in words(one)}))
        if not any((table, column) in written for column in columns):
            continue
        name = _QUOTE(detail["name"])
        fix = f"ALTER TABLE {table} DROP CONSTRAINT {name}" if detail["constraint"] else f"DROP INDEX {name}"
        elements = tuple(zip(detail["elements"], operators, strict=True))
        yield RowsConstraint(table, detail["name"], detail["definition"], elements, only, columns, fix)


# A role other than the current one

_SECURED = text(
    """
SELECT c.relname, o.rolname, pg_catalog.pg_has_role(o.oid, c.relowner, 'USAGE') AS owner
FROM pg_catalog.pg_class c, pg_catalog.pg_roles o
WHERE o.rolname = :role AND c.relname = ANY(CAST(:billing AS name[])) AND pg_catalog.pg_table_is_visible(c.oid)
    AND c.relrowsecurity AND NOT o.rolsuper AND NOT o.rolbypassrls
    AND (c.relforcerowsecurity OR NOT pg_catalog.pg_has_role(o.oid, c.relowner, 'USAGE'))
"""
)


def hidden_rows(connection: Connection, role: str) -> list[str]:
    """Return the billing tables whose row security applies to a role, as one clause; none for an unknown role."""
    order = list(REQUIRED_COLUMNS)
    rows = connection.execute(_SECURED, {"role": role, "billing": order}).all()
    secured = [
        (row.relname, {"called": row.relname, "role": row.rolname, "owner": row.owner})
        for row in sorted(rows, key=lambda row: order.index(row.relname))
    ]
    return list(_hidden_rows({"secured": secured}))
