"""Reads which billing tables and columns a database has, and reports those that are unsuitable.

Add a check of the database's schema here, if it must run before anything is computed and if SQLAlchemy's reflection
tells it on every engine. What only the catalogue of one engine tells is in `engines`, behind the method `catalogue`.
The required tables and columns are listed in `columns`; what mapped tables are read from is built in `sources`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import (
    Boolean,
    Connection,
    FromClause,
    Inspector,
    Integer,
    MetaData,
    Numeric,
    String,
    Table,
    Uuid,
    inspect,
)
from sqlalchemy.engine.interfaces import ReflectedColumn
from sqlalchemy.engine.reflection import ObjectKind
from sqlalchemy.types import NullType, TypeEngine

from meter_assets.billing.columns import (
    DATE_COLUMNS,
    MONEY_COLUMNS,
    OPTIONAL_COLUMNS,
    REFERENCES,
    REQUIRED_COLUMNS,
    SOFT_DELETE_COLUMN,
    UPDATED_AT_COLUMN,
)
from meter_assets.billing.engine_types import EngineTypes, types_of
from meter_assets.billing.mapping import DEFAULT_NAMES, RESULTS, DatabaseMapping, MappedTable
from meter_assets.billing.own_tables import BACKUP, OF_DECISION, JournaledStep, own_table_names, seen
from meter_assets.billing.results import results_table
from meter_assets.billing.schema import BillingSchema, known_schema
from meter_assets.billing.sources import columns_as_read, read_sources
from meter_assets.foreign_text import quoted, shown


def read_schema(
    connection: Connection, steps: Sequence[JournaledStep], mapping: DatabaseMapping = DEFAULT_NAMES
) -> tuple[BillingSchema, list[str]]:
    """Read which billing tables and columns the database has.

    Returns the schema and every problem found, each a clause. If there are problems, do not use the schema. Raises
    InvalidMapping for a mapping that the database does not fit.
    """
    inspector, types = inspect(connection), types_of(connection.dialect)
    named = [name for name in REQUIRED_COLUMNS if mapping.of(name) is None]
    wanted = [*named, *own_table_names(steps), *mapping.results_tables]
    found = inspector.get_multi_columns(kind=ObjectKind.ANY, filter_names=wanted)
    columns = {name: found[None, name] for name in wanted if (None, name) in found}
    there = [name for name in named if name in columns]
    keys = {} if _know_their_key(columns, there) else inspector.get_multi_pk_constraint(filter_names=there)
    metadata = MetaData()
    key_of = {name: key["constrained_columns"] for name in there if (key := keys.get((None, name)))}  # a view has none
    stored = {
        name: Table(name, metadata, *columns_as_read(inspector, types, name, columns[name], key_of.get(name)))
        for name in there
    }
    sources = read_sources(connection, inspector, types, mapping, stored) if mapping.tables else {}
    rows: dict[str, FromClause] = {**stored, **{name: one.rows for name, one in sources.items()}}
    tables = {name: rows[name] for name in REQUIRED_COLUMNS if name in rows}
    problems = [f"no table {name}" for name in REQUIRED_COLUMNS if name not in tables]
    for name, table in tables.items():
        problems += [*_misspelled(name, table, mapping.of(name)), *_problems_of(name, table, types)]
    mapped = {name: one.table for name, one in sources.items()}
    every = {**stored, **{name: table for name, table in mapped.items() if table is not None}}
    without_key = {name: table for name, table in every.items() if not _is_keyed_by_id(table)}
    unique = frozenset(_unique_columns(inspector, without_key))
    own = frozenset(columns) - frozenset(tables)
    schema = BillingSchema(
        tables,
        steps=tuple(steps),
        unique=unique,
        sources={name: one.rows for name, one in sources.items()},
        mapped=mapped,
        numbered_by_tenant=frozenset(one.name for one in mapping.tables if one.numbered_by_tenant),
        mapped_by=mapping,
    )
    problems += _other_types(tables, mapping)
    if not problems:
        results = {
            one.name: results_table(one, tables[one.name], tables, types) for one in mapping.tables if one.results
        }
        schema = replace(schema, results=results)
        problems += _not_written(schema)
    if not problems:
        schema = replace(schema, own_tables_present=own).reading_results()
        recognized = _recognized_columns(schema, columns, types)
        kept, to_add = _kept_columns(schema, columns, types), dict(_columns_to_add(schema, columns))
        schema = known_schema(replace(schema, kept=kept, recognized=recognized, to_add=to_add))
        problems += _outdated_journals(schema, columns)
    return schema, problems


def own_tables_present(connection: Connection, names: Sequence[str]) -> frozenset[str]:
    """Return which of these names of our own tables a database has, whatever they are there."""
    found = inspect(connection).get_multi_columns(kind=ObjectKind.ANY, filter_names=names)
    return frozenset(name for _, name in found)


def _know_their_key(columns: Mapping[str, Sequence[ReflectedColumn]], tables: Sequence[str]) -> bool:
    """Say whether columns say themselves that they are of the primary key, so that nobody need ask for it."""
    return all("primary_key" in column for table in tables for column in columns[table])


def _is_keyed_by_id(table: Table) -> bool:
    return {column.key for column in table.primary_key} in ({"id"}, {"tenant_id", "id"})


def _unique_columns(inspector: Inspector, tables: Mapping[str, Table]) -> Iterator[tuple[str, frozenset[str]]]:
    """Yield the sets of columns that a constraint or an index of these tables makes unique, and that are never null."""
    for name, table in tables.items():
        place: dict[str, Any] = {"table_name": table.name, "schema": table.schema}
        logical = {column.name: column.key for column in table.c}
        never_null = {column["name"] for column in inspector.get_columns(**place) if not column["nullable"]}
        found: list[Any] = [one["column_names"] for one in inspector.get_unique_constraints(**place)]
        whole = (one for one in inspector.get_indexes(**place) if one["unique"] and not _is_partial(one))
        found += [one["column_names"] for one in whole]
        for columns in found:
            if columns and None not in columns and never_null.issuperset(columns):
                yield name, frozenset(logical.get(str(column), str(column)) for column in columns)


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


def _recognized_columns(
    schema: BillingSchema, columns: Mapping[str, Sequence[ReflectedColumn]], types: EngineTypes
) -> dict[str, dict[str, TypeEngine[Any]]]:
    """Return the columns by which journals recognize rows: those that a journal has, or is to get."""
    found: dict[str, dict[str, TypeEngine[Any]]] = {}
    for step in schema.steps:
        there = {column["name"]: types.as_read(column["type"]) for column in columns.get(step.journal, ())}
        if there:
            found[step.name] = {name: there[seen(name)] for name in step.recognized_by if seen(name) in there}
        elif types.ids_return:
            table = schema.tables[step.table].c
            found[step.name] = {name: table[name].type for name in step.recognized_by if name in table}
    return {step: names for step, names in found.items() if names}


def _columns_to_add(
    schema: BillingSchema, columns: Mapping[str, Sequence[ReflectedColumn]]
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the journals that lack columns for decisions, since an earlier version created them: see `to_add`."""
    for step in schema.steps:
        there = {column["name"] for column in columns.get(step.journal, ())}
        missing = tuple(name for name in OF_DECISION if name not in there)
        if step.carries_out_decisions and there and missing:
            yield step.journal, missing


def _outdated_journals(schema: BillingSchema, columns: Mapping[str, Sequence[ReflectedColumn]]) -> Iterator[str]:
    """Yield the journals that lack columns which were added to the billing tables after the journals were created."""
    for name in sorted(schema.own_tables_present):
        there = {column["name"] for column in columns[name]}
        missing = [one.key for one in schema.own[name].c if one.key not in there and not schema.lacks(one)]
        if missing:
            yield (
                f"{name} lacks {', '.join(missing)}, since it was made by an earlier version or before the billing "
                "tables had these (add them, as they are in the billing table and nullable: ALTER TABLE ... ADD COLUMN)"
            )


def _problems_of(name: str, table: FromClause, types: EngineTypes) -> Iterator[str]:
    for column in MONEY_COLUMNS.get(name, ()):
        if column not in table.c:
            continue
        kind = table.c[column].type
        why = types.why_no_money(kind)
        if why is not None:
            yield f"{name}.{column} is {kind}, {why.format(table=name, column=column)}"
    for column in DATE_COLUMNS:
        why = types.why_no_date(table.c[column].type) if column in table.c else None
        if why is not None:
            yield f"{name}.{column} is {table.c[column].type}, {why}"
    if "is_active" in table.c:
        kind = table.c.is_active.type
        if not isinstance(kind, (Boolean, Integer, Numeric, NullType)):
            yield f"{name}.is_active is {kind} (make it BOOLEAN, or a number{types.to_flag(kind)})"


def _misspelled(name: str, table: FromClause, mapped: MappedTable | None) -> Iterator[str]:
    """Yield the columns that are missing, and those that would be one of ours if they had lower-case letters.

    An optional column with such a name would be ignored silently, for example the time of a soft delete.
    """
    required = REQUIRED_COLUMNS[name]
    known = (*required, *OPTIONAL_COLUMNS.get(name, ()), SOFT_DELETE_COLUMN, UPDATED_AT_COLUMN)
    names = [column.key for column in table.c]
    others = {name.lower().strip(): name for name in names if name not in known}
    for column in known:
        if column in table.c or (mapped is not None and (column in mapped.results or column not in required)):
            continue
        if mapped is not None:
            yield f"no column {name}.{column} ({_how_to_map(mapped, column)})"
        elif column in others:
            there = others[column].replace('"', '""')
            yield (
                f"no column {name}.{column}, but {quoted(others[column])}: names in upper case are not read (ALTER "
                f'TABLE {name} RENAME COLUMN "{shown(there)}" TO {column})'
            )
        elif column in required:
            yield f"no column {name}.{column}"


def _how_to_map(mapped: MappedTable, column: str) -> str:
    """Return how the mapping can give a table a column that it lacks."""
    if mapped.select is not None:
        return f"{mapped.at}: the SELECT must return it"
    kept = f', or keep it in a table of ours: results = ["{column}"]' if column in RESULTS.get(mapped.name, ()) else ""
    return f"{mapped.at}: map it in [tables.{mapped.name}.columns]{kept}"


def _other_types(tables: Mapping[str, FromClause], mapping: DatabaseMapping) -> Iterator[str]:
    """Yield the references whose type cannot be compared with the type of the ids that they refer to."""
    for name, table in tables.items():
        for column, referred in REFERENCES.items():
            if column not in table.c or referred not in tables or "id" not in tables[referred].c:
                continue
            kind, of_id = table.c[column].type, tables[referred].c.id.type
            if None not in (_family(kind), _family(of_id)) and _family(kind) != _family(of_id):
                mapped = mapping.of(name)
                fix = (
                    f"ALTER TABLE {name} ALTER COLUMN {column} TYPE {of_id} USING {column}::{of_id}; on SQLite, create "
                    "the table again"
                    if mapped is None
                    else f"{mapped.at}: convert one of them in SQL"
                )
                yield f"{name}.{column} is {kind}, but {referred}.id is {of_id} ({fix})"
            one, other = (getattr(of, "collation", None) for of in (kind, of_id))
            if None not in (one, other) and one != other:
                yield (
                    f"{name}.{column} has the collation {one}, but {referred}.id has {other}, so that they cannot be "
                    f"compared (give the column of {name} the collation {other}: ALTER TABLE ... COLLATE {other})"
                )


def _family(kind: TypeEngine[Any]) -> str | None:
    """Return what kind of ids these are; ids of one kind can be compared. None for a type that we do not know."""
    if isinstance(kind, (Integer, Numeric)):
        return "number"
    if isinstance(kind, String):
        return "text"
    return "uuid" if isinstance(kind, Uuid) else None


def _not_written(schema: BillingSchema) -> Iterator[str]:
    """Yield the steps that could write nothing, since the database computes all of their columns itself."""
    for step in schema.steps:
        if step.target == BACKUP or step.target not in schema.tables:
            continue
        generated = [name for name in step.columns if name in schema.generated(step.target)]
        if schema.written_columns(step):
            continue
        if step.target in schema.mapped and not step.is_optional:
            named = ", ".join(f'"{name}"' for name in step.columns)
            yield (
                f"{step.name} has nothing to write: the database has none of {step.target}.{', '.join(step.columns)} "
                f"as a column that can be written (keep them in a table of ours: results = [{named}] in "
                f"[tables.{step.target}]; or let the owner add the columns)"
            )
        elif generated:
            changes = ", ".join(f"ALTER COLUMN {name} DROP EXPRESSION" for name in generated)
            yield (
                f"{', '.join(f'{step.target}.{name}' for name in generated)} is generated by the database, so "
                f"{step.name} has nothing to write (ALTER TABLE {step.target} {changes})"
            )
