"""Reads which billing tables and columns a database has, and reports those that are unsuitable.

Add a check of the database's schema here, if it must run before anything is computed. The required tables and columns
are listed in `schema`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Column, Connection, Inspector, MetaData, String, Table, inspect
from sqlalchemy.engine.interfaces import ReflectedColumn, ReflectedPrimaryKeyConstraint
from sqlalchemy.engine.reflection import ObjectKind
from sqlalchemy.types import TypeEngine

from meter_assets.billing.engine_types import EngineTypes, types_of
from meter_assets.billing.own_tables import JournaledStep, own_table_names
from meter_assets.billing.schema import DATE_COLUMNS, MONEY_COLUMNS, REQUIRED_COLUMNS, BillingSchema, known_schema


def read_schema(connection: Connection, steps: Sequence[JournaledStep]) -> tuple[BillingSchema, list[str]]:
    """Read which billing tables and columns the database has.

    Returns the schema and every problem found, each a clause. If there are problems, do not use the schema.
    """
    inspector, types = inspect(connection), types_of(connection.dialect)
    wanted = [*REQUIRED_COLUMNS, *own_table_names(steps)]
    found = inspector.get_multi_columns(kind=ObjectKind.ANY, filter_names=wanted)
    columns = {name: found[None, name] for name in wanted if (None, name) in found}
    there = [name for name in REQUIRED_COLUMNS if name in columns]
    keys = {} if _know_their_key(columns, there) else inspector.get_multi_pk_constraint(filter_names=there)
    metadata = MetaData()
    tables = {
        name: Table(name, metadata, *_as_read(columns[name], keys.get((None, name)), types))
        for name in REQUIRED_COLUMNS
        if name in columns
    }
    problems = [f"no table {name}" for name in REQUIRED_COLUMNS if name not in tables]
    for table in tables.values():
        problems += _problems_of(table, types)
    without_key = [name for name, table in tables.items() if not _is_keyed_by_id(table)]
    unique = frozenset(_unique_columns(inspector, tables, without_key)) if without_key else frozenset()
    schema = BillingSchema(tables, frozenset(columns) - frozenset(tables), tuple(steps), unique)
    if not problems:
        schema = known_schema(replace(schema, kept=_kept_columns(schema, columns, types)))
        problems += _outdated_journals(schema, columns)
    return schema, problems


def own_tables_present(connection: Connection, steps: Sequence[JournaledStep]) -> frozenset[str]:
    """Return the names of our own tables that a database has, whatever they are there."""
    inspector = inspect(connection)
    return frozenset(own_table_names(steps)).intersection((*inspector.get_table_names(), *inspector.get_view_names()))


def _know_their_key(columns: Mapping[str, Sequence[ReflectedColumn]], tables: Sequence[str]) -> bool:
    """Say whether columns say themselves that they are of the primary key, so that nobody need ask for it."""
    return all("primary_key" in column for table in tables for column in columns[table])


def _as_read(
    columns: Sequence[ReflectedColumn], key: ReflectedPrimaryKeyConstraint | None, types: EngineTypes
) -> Iterator[Column[Any]]:
    """Yield a table's columns with the types that the engine uses to read them."""
    for column in columns:
        is_key = column["name"] in key["constrained_columns"] if key else bool(column.get("primary_key"))
        yield Column(column["name"], types.as_read(column["type"]), primary_key=is_key)


def _is_keyed_by_id(table: Table) -> bool:
    return {column.key for column in table.primary_key} in ({"id"}, {"tenant_id", "id"})


def _unique_columns(
    inspector: Inspector, tables: Mapping[str, Table], names: Sequence[str]
) -> Iterator[tuple[str, frozenset[str]]]:
    """Yield the sets of columns that a constraint or an index of these tables makes unique, and that are never null."""
    never_null = {
        name: {column["name"] for column in inspector.get_columns(name) if not column["nullable"]} for name in names
    }
    found: list[tuple[str, Any]] = []
    for name in names:
        found += [(name, one["column_names"]) for one in inspector.get_unique_constraints(name)]
        whole = (one for one in inspector.get_indexes(name) if one["unique"] and not _is_partial(one))
        found += [(name, one["column_names"]) for one in whole]
    for name, columns in found:
        if columns and None not in columns and never_null[name].issuperset(columns):
            yield name, frozenset(map(str, columns))


def _is_partial(index: Mapping[str, Any]) -> bool:
    """Return whether an index is only of some rows."""
    return any(key.endswith("_where") for key in index.get("dialect_options", {}))


def _kept_columns(
    schema: BillingSchema, columns: Mapping[str, Sequence[ReflectedColumn]], types: EngineTypes
) -> dict[str, dict[str, TypeEngine[Any]]]:
    """Return the columns that journals have and the billing tables no longer have: see `BillingSchema.kept`."""
    found = {}
    for step in schema.steps:
        there = {column["name"]: types.as_read(column["type"]) for column in columns.get(step.journal, ())}
        dropped = [name for name in step.columns if name not in schema.written_columns(step)]
        kept = {name: there[f"{name}_before"] for name in dropped if {f"{name}_before", f"{name}_after"} <= set(there)}
        if kept:
            found[step.name] = kept
    return found


def _outdated_journals(schema: BillingSchema, columns: Mapping[str, Sequence[ReflectedColumn]]) -> Iterator[str]:
    """Yield the journals that lack columns which were added to the billing tables after the journals were created."""
    for name in sorted(schema.own_tables_present):
        there = {column["name"] for column in columns[name]}
        missing = [column.key for column in schema.own[name].c if column.key not in there]
        if missing:
            yield (
                f"{name} lacks {', '.join(missing)}, since it was made by an earlier version or before the billing "
                "tables had these (add them, as they are in the billing table and nullable: ALTER TABLE ... ADD COLUMN)"
            )


def _problems_of(table: Table, types: EngineTypes) -> Iterator[str]:
    name = table.name
    for column in REQUIRED_COLUMNS[name]:
        if column not in table.c:
            yield f"no column {name}.{column}"
    for column in MONEY_COLUMNS.get(name, ()):
        if column not in table.c:
            continue
        kind = table.c[column].type
        why = types.why_no_money(kind)
        if why is not None:
            yield f"{name}.{column} is {kind}, {why}"
    for column in DATE_COLUMNS:
        why = types.why_no_date(table.c[column].type) if column in table.c else None
        if why is not None:
            yield f"{name}.{column} is {table.c[column].type}, {why}"
    if "is_active" in table.c and isinstance(table.c.is_active.type, String):
        yield f"{name}.is_active is {table.c.is_active.type} (make it BOOLEAN, or a number)"
