"""Reads from the catalogue of MySQL or MariaDB what limits reading and writing the billing tables.

`read_catalogue` returns the facts (views, triggers, constraints, indexes) and the problems that make the database
unsuitable: views that hide rows, and storage engines without transactions. Add here a further fact or problem that only
this catalogue tells; what reflection tells is in `billing.reflection`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from sqlalchemy import Connection, RowMapping, bindparam, text

from meter_assets.billing.catalogue import (
    EXAMINED,
    READ_BY,
    Catalogue,
    MissingIndex,
    RowConstraint,
    RowsConstraint,
    Trigger,
    columns_in,
    renamed,
    words,
)
from meter_assets.billing.schema import BillingSchema
from meter_assets.engines.base import Examined
from meter_assets.engines.mysql.temporary_tables import is_mariadb
from meter_assets.foreign_text import shown

# Each column has a name of ours: MySQL 8 gives those of its catalogue in upper case.
_TABLES = """
SELECT table_name AS name, table_type AS kind, engine AS engine, data_length AS bytes FROM information_schema.tables
WHERE table_schema = COALESCE(:place, DATABASE()) AND table_name IN :names"""
_VIEWS = """
SELECT table_name AS name, view_definition AS definition, is_updatable AS updatable FROM information_schema.views
WHERE table_schema = COALESCE(:place, DATABASE()) AND table_name IN :names"""
_TRIGGERS = """
SELECT event_object_table AS name, trigger_name AS called, action_timing AS timing,
    action_statement AS body FROM information_schema.triggers
WHERE trigger_schema = COALESCE(:place, DATABASE()) AND event_manipulation = 'UPDATE' AND event_object_table IN :names
ORDER BY event_object_table, trigger_name"""
_CHECKS_OF_MARIADB = """
SELECT table_name AS name, constraint_name AS called, check_clause AS clause, level AS level
FROM information_schema.check_constraints
WHERE constraint_schema = COALESCE(:place, DATABASE()) AND table_name IN :names ORDER BY table_name, constraint_name"""
_CHECKS_OF_MYSQL = """
SELECT t.table_name AS name, c.constraint_name AS called, c.check_clause AS clause, 'Table' AS level
FROM information_schema.check_constraints c
JOIN information_schema.table_constraints t
    ON t.constraint_schema = c.constraint_schema AND t.constraint_name = c.constraint_name
WHERE c.constraint_schema = COALESCE(:place, DATABASE()) AND t.table_name IN :names AND t.constraint_type = 'CHECK'
    AND t.enforced = 'YES' ORDER BY t.table_name, c.constraint_name"""
_REFERENCES = """
SELECT table_name AS name, constraint_name AS called, column_name AS here, referenced_table_schema AS there_schema,
    referenced_table_name AS there_table, referenced_column_name AS there
FROM information_schema.key_column_usage
WHERE table_schema = COALESCE(:place, DATABASE()) AND table_name IN :names AND referenced_table_name IS NOT NULL
ORDER BY table_name, constraint_name, ordinal_position"""
_INDEXES = """
SELECT table_name AS name, index_name AS called, non_unique AS non_unique, seq_in_index AS place, column_name AS here,
    sub_part AS sub_part
FROM information_schema.statistics WHERE table_schema = COALESCE(:place, DATABASE()) AND table_name IN :names
ORDER BY table_name, index_name, seq_in_index"""
_RENEWED = """
SELECT table_name AS name, column_name AS here FROM information_schema.columns
WHERE table_schema = COALESCE(:place, DATABASE()) AND table_name IN :names
    AND extra LIKE '%on update%' ORDER BY table_name"""
_PRIMARY = "PRIMARY"
_WITH_TRANSACTIONS = "InnoDB"
_BYTES_OF_A_LARGE_TABLE = 16 * 2**20
_HIDES = {"WHERE", "JOIN", "LIMIT", "DISTINCT", "GROUP", "HAVING", "UNION", "INTERSECT", "EXCEPT"}
_TEXT = re.compile(r"('(?:[^']|'')*')")
_NAME = re.compile(r"`([^`]*)`")
_CHARACTER_SET = re.compile(r"\b_(utf8mb[34]|latin1|ascii|binary)\\?'")

Rows = Sequence[Mapping[str, Any]]


def read_catalogue(connection: Connection, schema: BillingSchema) -> Examined:
    """Return what the catalogue says about the billing tables, and every problem."""
    read = partial(_read, connection, schema)
    written = {(table, name) for table, names in schema.columns_of_steps.items() for name in names}
    tables = {row["name"]: row for row in read(_TABLES)}
    views = read(_VIEWS) if any(row["kind"] == "VIEW" for row in tables.values()) else ()
    indexes = read(_INDEXES)
    checks = read(_CHECKS_OF_MARIADB if is_mariadb(connection) else _CHECKS_OF_MYSQL)
    catalogue = Catalogue(
        views=frozenset(row["name"] for row in views),
        renewed=tuple((row["name"], row["here"]) for row in read(_RENEWED)),
        triggers=tuple(_triggers(read(_TRIGGERS), {table for table, _ in written})),
        row_constraints=(*_checks(checks, schema), *_foreign_keys(read(_REFERENCES), written, schema)),
        rows_constraints=tuple(_unique_keys(indexes, written, schema)),
        missing_indexes=tuple(_missing_indexes(tables, indexes)),
    )
    written_tables = {table for table, _ in written}
    return Examined(catalogue, [*_engines(tables, schema), *_views(views, written_tables, schema)])


def _read(connection: Connection, schema: BillingSchema, statement: str) -> Rows:
    """Return what the catalogue has of each billing table, under logical names of tables and columns."""
    by_place: dict[str | None, dict[str, list[str]]] = {}
    for table, (place, name) in schema.places.items():
        by_place.setdefault(place, {}).setdefault(name, []).append(table)
    found = []
    for place, tables in by_place.items():
        names: Any = bindparam("names", list(tables), expanding=True)
        for row in connection.execute(text(statement).bindparams(names), {"place": place}).mappings():
            found += [_with_logical_names(row, table, schema) for table in tables.get(row["name"], ())]
    return found


def _with_logical_names(row: RowMapping, table: str, schema: BillingSchema) -> dict[str, Any]:
    names = schema.logical_names(table)
    found = {**row, "name": table}
    if "here" in found:
        found["here"] = names.get(found["here"], found["here"])
    if "clause" in found:
        found["clause"] = renamed(_standard(found["clause"]), names)
    return found


# Problems


def _engines(tables: Mapping[str, Mapping[str, Any]], schema: BillingSchema) -> Iterator[str]:
    for name in tables:
        engine = tables[name]["engine"] if name in tables else None
        if engine not in (None, _WITH_TRANSACTIONS):  # a view has none
            yield (
                f"{name} has the storage engine {shown(engine)}, which has no transactions "
                f"(ALTER TABLE {schema.place(name)} ENGINE = {_WITH_TRANSACTIONS})"
            )


def _views(views: Rows, written: set[str], schema: BillingSchema) -> Iterator[str]:
    for row in views:
        name, definition = row["name"], row["definition"] or ""
        if not definition:
            right = f"GRANT SHOW VIEW ON {schema.place(name)} TO ..."
            yield f"{name} is a view whose definition this user may not see ({right})"
            continue
        hides = _HIDES & {word.upper() for word in words(_standard(definition))}
        if hides or "," in definition.rpartition(" from ")[2]:
            yield (
                f"{name} is a view that may hide rows (name the table {name}, or make the view select columns of one "
                "table only)"
            )
        elif name in written and row["updatable"] != "YES":
            yield f"{name} is a view that cannot be updated (name the table {name})"


# Triggers, constraints and indexes


def _triggers(found: Rows, written: set[str]) -> Iterator[Trigger]:
    for row in found:
        if row["name"] in written:
            yield Trigger(row["name"], row["called"], f"{row['timing']} UPDATE, each row", row["body"] or "")


def _standard(expression: str) -> str:
    """Return an expression of the catalogue with names in the quotes of standard SQL, which our sessions read too.

    MariaDB shows names in the quotes of the session, MySQL always in its own, and texts with their character set.
    """
    plain = _CHARACTER_SET.sub("'", expression.replace("\\'", "'"))
    return "".join(
        part if part.startswith("'") else _NAME.sub(lambda found: '"{}"'.format(found[1].replace('"', '""')), part)
        for part in _TEXT.split(plain)
    )


def _checks(found: Rows, schema: BillingSchema) -> Iterator[RowConstraint]:
    for row in found:
        table, condition = row["name"], row["clause"]
        if table not in schema.tables:
            continue
        columns = columns_in(condition, schema.tables[table].c.keys())
        fix = f"ALTER TABLE {schema.place(table)} DROP CONSTRAINT {row['called']}"
        if row["level"] == "Column":
            column = f"{row['called']} ..., with its type and without its CHECK"
            fix = f"ALTER TABLE {schema.place(table)} MODIFY COLUMN {column}"
        yield RowConstraint(table, row["called"], f"CHECK ({condition})", condition, columns, fix)


def _foreign_keys(found: Rows, written: set[tuple[str, str]], schema: BillingSchema) -> Iterator[RowConstraint]:
    keys: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in found:
        keys.setdefault((row["name"], row["called"]), []).append(row)
    for (table, called), rows in keys.items():
        columns = tuple(row["here"] for row in rows)
        if not any((table, column) in written for column in columns):
            continue
        first = rows[0]
        referred = f'"{first["there_schema"]}"."{first["there_table"]}"'
        pairs = " AND ".join(f'referred."{row["there"]}" = {EXAMINED}."{row["here"]}"' for row in rows)
        nulls = " OR ".join(f'{EXAMINED}."{column}" IS NULL' for column in columns)
        there = ", ".join(row["there"] for row in rows)
        definition = f"FOREIGN KEY ({', '.join(columns)}) REFERENCES {first['there_table']} ({there})"
        condition = f"{nulls} OR EXISTS (SELECT 1 FROM {referred} AS referred WHERE {pairs})"
        fix = f"ALTER TABLE {schema.place(table)} DROP FOREIGN KEY {called}"
        yield RowConstraint(table, called, definition, condition, columns, fix)


def _unique_keys(found: Rows, written: set[tuple[str, str]], schema: BillingSchema) -> Iterator[RowsConstraint]:
    keys: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in found:
        if not row["non_unique"] and row["called"] != _PRIMARY and row["here"] is not None:
            keys.setdefault((row["name"], row["called"]), []).append(row)
    for (table, called), rows in keys.items():
        columns = tuple(row["here"] for row in rows)
        if any((table, column) in written for column in columns):
            quoted = [f'"{row["here"]}"' for row in rows]
            parts = [
                f"LEFT({name}, {row['sub_part']})" if row["sub_part"] else name
                for name, row in zip(quoted, rows, strict=True)
            ]
            elements = tuple((part, "=") for part in parts)
            definition = f"UNIQUE ({', '.join(columns)})"
            yield RowsConstraint(
                table,
                called,
                definition,
                elements,
                "",
                columns,
                f"ALTER TABLE {schema.place(table)} DROP INDEX {called}",
            )


def _missing_indexes(tables: Mapping[str, Mapping[str, Any]], indexes: Rows) -> Iterator[MissingIndex]:
    first = {(row["name"], row["here"]) for row in indexes if row["place"] == 1}
    for table, column in READ_BY.items():
        row: Any = tables.get(table)
        if row is not None and row["kind"] != "VIEW" and (table, column) not in first:
            yield MissingIndex(table, column, of_large_table=(row["bytes"] or 0) >= _BYTES_OF_A_LARGE_TABLE)
