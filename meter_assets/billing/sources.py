"""Builds what each mapped table is read from: a subquery that has the logical names, over a table or a SELECT.

Every rule reads that subquery as if it were the table. What a step writes is the table itself, with its columns under
their logical names, or our own table of results. Add here how a further key of the mapping becomes SQL; the keys are
parsed in `mapping`.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Computed,
    Connection,
    Date,
    FromClause,
    Inspector,
    Integer,
    MetaData,
    Numeric,
    Select,
    String,
    Table,
    Uuid,
    false,
    literal_column,
    select,
    text,
)
from sqlalchemy.engine.interfaces import ReflectedColumn
from sqlalchemy.exc import DBAPIError, NoSuchTableError, SQLAlchemyError
from sqlalchemy.types import TypeEngine

from meter_assets.billing.catalogue import renamed, words
from meter_assets.billing.columns import DATE_COLUMNS, MONEY_COLUMNS, OPTIONAL_COLUMNS, REFERENCES, REQUIRED_COLUMNS
from meter_assets.billing.constructs import typed_null
from meter_assets.billing.engine_types import EngineTypes
from meter_assets.billing.mapping import DatabaseMapping, Kind, MappedColumn, MappedTable
from meter_assets.billing.results import MONEY_OF_RESULTS
from meter_assets.errors import InvalidMapping
from meter_assets.foreign_text import quoted, shown

_LONGEST_REASON = 300
_NO_BIND = re.compile(r"(?<![:\\]):(?=\w)")
_KINDS: Mapping[Kind, TypeEngine[Any]] = {
    Kind.integer: BigInteger(),
    Kind.money: MONEY_OF_RESULTS,
    Kind.text: String(255),
    Kind.date: Date(),
    Kind.boolean: Boolean(),
    Kind.uuid: Uuid(),
}


@dataclass(frozen=True)
class Source:
    """What a mapped table is read from, and the table that its columns are written in."""

    rows: FromClause
    """The rows under their logical names, without results."""
    table: Table | None
    """The table of the database, its columns under their logical names; None for a SELECT."""


@dataclass(frozen=True)
class _Found:
    """The columns of a mapped table, as the database has them."""

    mapped: MappedTable
    table: Table | None = None
    """The table with its own names."""
    computed: Mapping[str, TypeEngine[Any] | None] | None = None
    """The types of the columns that SQL computes, by logical name; None where the engine does not tell them."""


def read_sources(
    connection: Connection,
    inspector: Inspector,
    types: EngineTypes,
    mapping: DatabaseMapping,
    plain: Mapping[str, Table],
) -> dict[str, Source]:
    """Read from the database what the mapped tables consist of. `plain` are the tables that are not mapped.

    Raises InvalidMapping for a table or column that does not exist, and for SQL that the database does not accept.
    """
    found = {one.name: _read(connection, inspector, types, one) for one in mapping.tables}
    ids = dict(_types_of_ids(found, plain))
    return {name: _source(one, ids, types) for name, one in found.items()}


# What the database has


def _read(connection: Connection, inspector: Inspector, types: EngineTypes, one: MappedTable) -> _Found:
    if one.absent:
        return _Found(one, None, dict.fromkeys(REQUIRED_COLUMNS[one.name]))
    if one.select is not None:
        _require_cents(inspector, types, one, one.at, one.select, _tables_in(inspector, types, one.select))
        rows = _text(one.select).columns().subquery("read")
        try:
            computed = _described(connection, types, select(literal_column("*")).select_from(rows))
        except DBAPIError as error:
            raise _not_accepted(one, one.at, "the SELECT", error) from None
        return _Found(one, None, computed)
    table = _reflected(inspector, types, one)
    for name, column in one.columns:
        if column.column is not None and column.column not in table.c:
            there = ", ".join(table.c.keys())
            raise InvalidMapping(
                column.at,
                f"[tables.{one.name}.columns]",
                f"{name} is {quoted(column.column)}, which the table {table.fullname} does not have, expected one of "
                f"{there}",
            )
    for _, column in one.columns:
        if column.sql is not None:
            _require_cents(inspector, types, one, column.at, column.sql, [one.table or one.name])
    if one.where is not None:
        _require_accepted(connection, types, table, one, [("where", literal_column(f"({one.where}\n)"), one.at)])
    parts = [(name, _computed(column), column.at) for name, column in one.columns if column.sql is not None]
    return _Found(one, table, _require_accepted(connection, types, table, one, parts) if parts else {})


def _reflected(inspector: Inspector, types: EngineTypes, one: MappedTable) -> Table:
    """Return a table of the database with its own names."""
    name = one.table or one.name
    try:
        columns = inspector.get_columns(name, schema=one.schema)
        key = inspector.get_pk_constraint(name, schema=one.schema)["constrained_columns"]
    except (NoSuchTableError, DBAPIError) as error:
        if getattr(error, "connection_invalidated", False):
            raise
        named = name if one.schema is None else f"{one.schema}.{name}"
        there: list[str] = []
        with suppress(SQLAlchemyError):  # there may be no such schema
            there += [*inspector.get_table_names(one.schema), *inspector.get_view_names(one.schema)]
        raise InvalidMapping(
            one.at,
            f"[tables.{one.name}]",
            f"the database has no table {quoted(named)}, expected one of {', '.join(sorted(there)) or 'its tables'}",
        ) from None
    return Table(
        name, MetaData(), *columns_as_read(inspector, types, name, columns, key, one.schema), schema=one.schema
    )


def columns_as_read(
    inspector: Inspector,
    types: EngineTypes,
    table: str,
    columns: Sequence[ReflectedColumn],
    key: Collection[str] | None,
    schema: str | None = None,
) -> Iterator[Column[Any]]:
    """Yield a table's columns with the types that the engine uses to read them, and how the generated are computed.

    `key` are the columns of its primary key; None if the columns say themselves that they are of it.
    """
    for column in columns:
        kind = types.as_read(types.in_full(inspector, table, schema, column["type"]))
        computed = [Computed(column["computed"]["sqltext"])] if "computed" in column else []
        name = column["name"]
        is_key = bool(column.get("primary_key")) if key is None else name in key
        yield Column(name, kind, *computed, primary_key=is_key, nullable=column["nullable"])


def _tables_in(inspector: Inspector, types: EngineTypes, sql: str) -> list[str]:
    """Return the tables that SQL names, as far as that matters."""
    return [one for one in inspector.get_table_names() if one in words(sql)] if types.loses_cents else []


def _require_cents(
    inspector: Inspector, types: EngineTypes, one: MappedTable, at: str, sql: str, tables: Sequence[str]
) -> None:
    """Raise InvalidMapping for SQL in which the engine may lose cents of a column without a trace."""
    if types.loses_cents is None:
        return
    named = set(words(sql))
    for table in tables:
        for column in inspector.get_columns(table, schema=one.schema):
            why = types.loses_cents(column["type"], sql) if column["name"] in named else None
            if why is not None:
                raise InvalidMapping(at, f"[tables.{one.name}]", f"its SQL reads {table}.{column['name']}, a {why}")


def _described(connection: Connection, types: EngineTypes, rows: Select[Any]) -> dict[str, TypeEngine[Any] | None]:
    """Return the types of the columns of a SELECT, by name; None where the engine does not tell them."""
    with connection.begin_nested():
        result = connection.execute(rows.where(false()))
        found: dict[str, TypeEngine[Any] | None] = dict.fromkeys(result.keys())
        found.update(types.described(result))
    return found


def _require_accepted(
    connection: Connection,
    types: EngineTypes,
    table: Table,
    one: MappedTable,
    parts: list[tuple[str, ColumnElement[Any], str]],
) -> dict[str, TypeEngine[Any] | None]:
    """Return the types of expressions over a table. Raises InvalidMapping for one that the database does not accept."""

    def described(some: list[tuple[str, ColumnElement[Any], str]]) -> dict[str, TypeEngine[Any] | None]:
        columns = [expression.label(name) for name, expression, _ in some]
        return _described(connection, types, select(*columns).select_from(table))

    try:
        return described(parts)
    except DBAPIError:
        for part in parts:
            try:
                described([part])
            except DBAPIError as error:
                raise _not_accepted(one, part[2], part[0], error) from None
        raise


def _not_accepted(one: MappedTable, at: str, what: str, error: DBAPIError) -> Exception:
    """Return the error for SQL that the database does not accept; the database's own if the connection was lost."""
    if error.connection_invalidated:
        return error
    said = error.orig.args[-1] if error.orig is not None and error.orig.args else error.orig
    why = shown(" ".join(str(said).split()), _LONGEST_REASON)
    return InvalidMapping(at, f"[tables.{one.name}]", f"the database does not accept the SQL of {what}: {why}")


def _types_of_ids(found: Mapping[str, _Found], plain: Mapping[str, Table]) -> Iterator[tuple[str, TypeEngine[Any]]]:
    """Yield the types of the ids of each table, as the database tells them: from a reference, or from the id itself."""
    for column, name in ((REFERENCES[column], column) for column in REFERENCES):
        for table in REQUIRED_COLUMNS:
            kind = _known_type(table, name, found, plain)
            if kind is not None:
                yield column, kind
                break
    for table in REQUIRED_COLUMNS:
        kind = _known_type(table, "id", found, plain)
        if kind is not None:
            yield table, kind


def _known_type(
    table: str, name: str, found: Mapping[str, _Found], plain: Mapping[str, Table]
) -> TypeEngine[Any] | None:
    if table not in found:
        return plain[table].c[name].type if table in plain and name in plain[table].c else None
    one = found[table]
    column = one.mapped.by_name.get(name)
    if column is not None and column.kind is not None:
        return _KINDS[column.kind]
    if (column is not None and column.sql is not None) or one.table is None:
        return (one.computed or {}).get(name)
    physical = name if column is None else column.column
    return one.table.c[physical].type if physical is not None and physical in one.table.c else None


# What is read


def _source(found: _Found, ids: Mapping[str, TypeEngine[Any]], types: EngineTypes) -> Source:
    one = found.mapped
    if found.table is None:
        kinds = {name: _type(one.name, name, kind, ids, types) for name, kind in (found.computed or {}).items()}
        if one.absent:
            nothing = select(*(typed_null(kind).label(name) for name, kind in kinds.items())).where(false())
            return Source(nothing.subquery(one.name), None)
        read = _text(one.select or "").columns(*(Column(name, kind) for name, kind in kinds.items()))
        return Source(read.subquery(one.name), None)
    return Source(_read_from(found, found.table, ids, types).subquery(one.name), _keyed(found, found.table))


def _read_from(found: _Found, table: Table, ids: Mapping[str, TypeEngine[Any]], types: EngineTypes) -> Select[Any]:
    one, columns = found.mapped, []
    for name, column in _logical(one, table).items():
        if column.column is not None:
            columns.append(table.c[column.column].label(name))
            continue
        described = (found.computed or {}).get(name)
        told = _KINDS[column.kind] if column.kind is not None else None
        # What is a float stays one, whatever the file says: then it is refused as money.
        kind = described if told is None or isinstance(described, Numeric) else told
        columns.append(_computed(column, _type(one.name, name, kind, ids, types)).label(name))
    rows = select(*columns).select_from(table)
    return rows if one.where is None else rows.where(literal_column(f"({one.where}\n)"))


def _logical(one: MappedTable, table: Table) -> dict[str, MappedColumn]:
    """Return the columns that a mapped table has: those of the mapping, and all others under their own names."""
    mapped = one.by_name
    renamed = {column.column for column in mapped.values()}
    found = {
        column.name: MappedColumn(column.name)
        for column in table.c
        if column.name not in mapped and column.name not in renamed
    }
    found |= {name: column for name, column in mapped.items() if column.column or column.sql}
    known = (*REQUIRED_COLUMNS[one.name], *OPTIONAL_COLUMNS.get(one.name, ()))
    return {name: found[name] for name in (*(name for name in known if name in found), *found)}


def _keyed(found: _Found, table: Table) -> Table:
    """Return the table of the database with its columns under their logical names: those that may be written."""
    logical = _logical(found.mapped, table)
    times = {column.column: 0 for column in logical.values()}
    for column in logical.values():
        times[column.column] += 1
    names = {column.column: name for name, column in logical.items() if column.column is not None}
    columns = []
    for name, column in logical.items():
        if column.column is None or (times[column.column] > 1 and name != "id"):
            continue
        there = table.c[column.column]
        computed = [] if there.computed is None else [Computed(renamed(str(there.computed.sqltext), names))]
        columns.append(
            Column(there.name, there.type, *computed, key=name, primary_key=there.primary_key, nullable=there.nullable)
        )
    return Table(table.name, MetaData(), *columns, schema=table.schema)


def _computed(column: MappedColumn, kind: TypeEngine[Any] | None = None) -> ColumnElement[Any]:
    return literal_column(f"({column.sql}\n)", kind)  # its last line may end with a comment


def _type(
    table: str, name: str, kind: TypeEngine[Any] | None, ids: Mapping[str, TypeEngine[Any]], types: EngineTypes
) -> TypeEngine[Any]:
    """Return the type of a column: as the database tells it, or as its meaning requires."""
    if kind is not None:
        return types.as_read(kind)
    if name == "id":
        return ids.get(table, Integer())
    if name in REFERENCES:
        return ids.get(REFERENCES[name], Integer())
    if name in MONEY_COLUMNS.get(table, ()):
        return types.as_read(MONEY_OF_RESULTS)
    if name in DATE_COLUMNS:
        return types.as_read(Date())
    return Boolean() if name == "is_active" else String(255)


def _text(sql: str) -> Any:
    """Return SQL of the mapping's owner, in which a colon does not name a parameter."""
    return text(_NO_BIND.sub(r"\\:", f"{sql}\n"))
