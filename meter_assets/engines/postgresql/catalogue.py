"""Reads from PostgreSQL's catalogue where the billing tables are, and what limits reading and writing them.

`read_catalogue` returns the facts (schemas, views, triggers, constraints) and the problems that make the database
unsuitable: row security that would hide rows, columns that the role may not read, views that hide rows, and own tables
in another schema. All of it is one statement of `catalogue_statements`, since it is read at the start of every run. Add
here a further fact or problem that only PostgreSQL's catalogue tells; what reflection tells is in `billing.reflection`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql

from meter_assets.billing.catalogue import (
    EXAMINED,
    READ_BY,
    Catalogue,
    MissingIndex,
    RowConstraint,
    RowsConstraint,
    Trigger,
    renamed,
    words,
)
from meter_assets.billing.columns import REQUIRED_COLUMNS
from meter_assets.billing.schema import BillingSchema
from meter_assets.engines.base import Examined
from meter_assets.engines.postgresql.catalogue_statements import EVERYTHING, SECURED_FROM
from meter_assets.foreign_text import shown
from meter_assets.formatting import show_time

_QUOTE = postgresql.dialect().identifier_preparer.quote  # type: ignore[no-untyped-call]

_TIMING = re.compile(r"\b(BEFORE|AFTER|INSTEAD OF)\b.*?\bFOR EACH (ROW|STATEMENT)\b", re.DOTALL)

_WITH_INDEXES = ("r", "p")
_BYTES_OF_A_LARGE_TABLE = 16 * 2**20

Found = Mapping[str, Sequence[tuple[str, Mapping[str, Any]]]]
"""What the statement found: by kind, the billing table and the details."""


def read_catalogue(connection: Connection, schema: BillingSchema) -> Examined:
    """Return what the catalogue says about the billing tables, every problem, and until when a standby has read."""
    columns = schema.columns_of_steps
    written = {(table, name) for table, names in columns.items() for name in names}
    values = {
        "billing": list(schema.places),
        "schemas": [space for space, _ in schema.places.values()],
        "names": [name for _, name in schema.places.values()],
        "own": list(schema.own_names) if len(schema.tables) == len(REQUIRED_COLUMNS) else [],
        "written": sorted(f"{table}.{name}" for table, names in columns.items() for name in names.values()),
    }
    found: dict[str, list[tuple[str, Mapping[str, Any]]]] = {}
    for row in connection.execute(EVERYTHING, values):
        found.setdefault(row.what, []).append((row.at, _with_logical_names(row.detail, schema.logical_names(row.at))))
    order = list(REQUIRED_COLUMNS)
    for rows in found.values():
        rows.sort(key=lambda one: order.index(one[0]) if one[0] in order else len(order))
    catalogue = _catalogue(found, written, schema)
    return Examined(catalogue, list(_problems(found, schema, catalogue)), _standby(found))


def _with_logical_names(detail: Mapping[str, Any], names: Mapping[str, str]) -> Mapping[str, Any]:
    """Return details with the logical names of columns, also in SQL over the columns of the table."""
    if not names:
        return detail
    found = dict(detail)
    for key in ("condition", "only"):
        if found.get(key):
            found[key] = renamed(found[key], names)
    for key in ("columns", "elements"):
        if found.get(key):
            found[key] = [names.get(one) or renamed(one, names) for one in found[key]]
    if "column" in found:
        found["column"] = names.get(found["column"], found["column"])
    return found


def _standby(found: Found) -> str | None:
    """Return a sentence about a standby: until when it has replayed the transactions of its primary."""
    for _, detail in found.get("standby", ()):
        until = show_time(datetime.fromtimestamp(detail["replayed"], UTC)) if detail["replayed"] else "none yet"
        return f"The server is a standby. The last transaction that it has replayed: {until}. Later ones are not seen."
    return None


def _catalogue(found: Found, written: set[tuple[str, str]], schema: BillingSchema) -> Catalogue:
    return Catalogue(
        schemas=tuple((table, detail["schema"]) for table, detail in found.get("table", ())),
        namesakes=tuple((table, detail["schema"]) for table, detail in found.get("namesake", ())),
        views=frozenset(table for table, detail in found.get("table", ()) if detail["kind"] == "v"),
        inherited=frozenset(table for table, detail in found.get("table", ()) if detail["inherited"]),
        triggers=tuple(dict.fromkeys(_triggers(found, written))),
        row_constraints=tuple(_row_constraints(found, schema)),
        rows_constraints=tuple(_rows_constraints(found, written, schema)),
        missing_indexes=tuple(_missing_indexes(found)),
    )


def _missing_indexes(found: Found) -> Iterator[MissingIndex]:
    indexed = {(table, detail["column"]) for table, detail in found.get("index", ())}
    for table, detail in found.get("table", ()):
        column = READ_BY.get(table)
        if column is not None and detail["kind"] in _WITH_INDEXES and (table, column) not in indexed:
            yield MissingIndex(table, column, of_large_table=detail["bytes"] >= _BYTES_OF_A_LARGE_TABLE)


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
        if known or detail["column"] in catalogue.constraint_columns.get(table, ()):
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
        yield Trigger(table, detail["name"], when + _on(table, detail["called"]), detail["text"])
    for table, detail in found.get("rule", ()):
        when = "rule DO INSTEAD" if detail["instead"] else "rule DO ALSO"
        yield Trigger(table, detail["name"], f"{when} of UPDATE{_on(table, detail['called'])}", detail["text"])


def _on(table: str, called: str) -> str:
    return "" if called.split(".")[-1] == table else f", of {shown(called)}"


def _row_constraints(found: Found, schema: BillingSchema) -> Iterator[RowConstraint]:
    for table, detail in found.get("check", ()):
        fix = f"ALTER TABLE {schema.place(table)} DROP CONSTRAINT {_QUOTE(detail['name'])}"
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
            f"referred.{_QUOTE(there)} = {EXAMINED}.{_QUOTE(here)}"
            for here, there in zip(columns, detail["referred columns"], strict=True)
        )
        nulls = " OR ".join(f"{EXAMINED}.{_QUOTE(column)} IS NULL" for column in columns)
        condition = f"{nulls} OR EXISTS (SELECT 1 FROM {detail['referred']} AS referred WHERE {pairs})"
        fix = f"ALTER TABLE {schema.place(table)} DROP CONSTRAINT {_QUOTE(detail['name'])}"
        yield RowConstraint(table, detail["name"], detail["definition"], condition, columns, fix)


def _rows_constraints(found: Found, written: set[tuple[str, str]], schema: BillingSchema) -> Iterator[RowsConstraint]:
    for table, detail in found.get("key", ()):
        operators = detail["operators"] or ["=" for _ in detail["elements"]]
        if "NULLS NOT DISTINCT" in detail["index"]:
            operators = ["IS NOT DISTINCT FROM" for _ in detail["elements"]]
        only = detail["only"] or ""
        columns = tuple(sorted({word for one in (*detail["elements"], only) for word in words(one)}))
        if not any((table, column) in written for column in columns):
            continue
        name = _QUOTE(detail["name"])
        fix = (
            f"ALTER TABLE {schema.place(table)} DROP CONSTRAINT {name}"
            if detail["constraint"]
            else f"DROP INDEX {name}"
        )
        elements = tuple(zip(detail["elements"], operators, strict=True))
        yield RowsConstraint(table, detail["name"], detail["definition"], elements, only, columns, fix)


# A role other than the current one


def hidden_rows(connection: Connection, schema: BillingSchema, role: str) -> list[str]:
    """Return the billing tables whose row security applies to a role, as one clause; none for an unknown role."""
    names = {name: table for table, (_, name) in schema.places.items()}
    rows = connection.execute(SECURED_FROM, {"role": role, "billing": list(names)}).all()
    order = list(names)
    secured = [
        (names[row.relname], {"called": row.relname, "role": row.rolname, "owner": row.owner})
        for row in sorted(rows, key=lambda row: order.index(row.relname))
    ]
    return list(_hidden_rows({"secured": secured}))
