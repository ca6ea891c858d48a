"""`BillingSchema`: the billing tables of one database, as it has them, and our own tables beside them.

Add here what several rooms ask of the tables of a database. There are no queries here: `reflection` reads what a
database has. The names of the tables and columns are in `columns`, our own tables in `own_tables`.
"""

import re
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from functools import cached_property
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Date,
    DateTime,
    Dialect,
    FromClause,
    Index,
    Integer,
    MetaData,
    Numeric,
    String,
    Table,
    inspect,
    true,
)
from sqlalchemy.schema import CreateColumn
from sqlalchemy.types import TypeEngine

from meter_assets.billing.catalogue import NOTHING_SPECIAL, Catalogue, RowConstraint, columns_in
from meter_assets.billing.columns import (
    MONEY_COLUMNS,
    OPTIONAL_COLUMNS,
    REQUIRED_COLUMNS,
    SOFT_DELETE_COLUMN,
    UPDATED_AT_COLUMN,
)
from meter_assets.billing.own_tables import BACKUP, JournaledStep, build_own_tables, own_table_names
from meter_assets.billing.results import with_results

_DELETED = r"(is_|was_)?(deleted|removed|archived|trashed|purged{})(_at|_on|_date|_time|_by|_flag)?"
_LOOKS_DELETED = re.compile(_DELETED.format(""))
_LOOKS_VOID = re.compile(_DELETED.format("|void|voided|cancell?ed|reversed|annulled|revoked|refunded|bounced"))
_TRANSACTIONS = frozenset({"payments", "invoices", "invoice_bills"})


def is_live(rows: FromClause) -> ColumnElement[bool]:
    """Return whether a row is not soft-deleted; always true if the table has no such column."""
    return rows.c[SOFT_DELETE_COLUMN].is_(None) if SOFT_DELETE_COLUMN in rows.c else true()


def looks_deleted(table: str, column: str) -> bool:
    """Return whether the name of a column says that it marks a row of a billing table as deleted or void."""
    looks = _LOOKS_VOID if table in _TRANSACTIONS else _LOOKS_DELETED
    return looks.fullmatch(column.lower()) is not None


class IdScope(Enum):
    """Where an id is unique, as the database guarantees it."""

    everywhere = auto()
    """Among the rows of all tenants."""
    tenant = auto()
    """Among the rows of one tenant: the key is (tenant_id, id)."""
    nowhere = auto()
    """Nothing prevents a row from being there twice."""


@dataclass(frozen=True)
class BillingSchema:
    """The billing tables of one database, with their existing columns, and our own tables beside them."""

    tables: Mapping[str, FromClause]
    """What each table is read from: the table itself, or a subquery with its logical names, if it is mapped."""
    own_tables_present: frozenset[str] = frozenset()
    steps: tuple[JournaledStep, ...] = ()
    """The steps that have a journal here."""
    unique: frozenset[tuple[str, frozenset[str]]] = frozenset()
    """Sets of columns that a constraint makes unique, each with its table, besides the primary keys."""
    kept: Mapping[str, Mapping[str, TypeEngine[Any]]] = field(default_factory=dict)
    """Columns that the billing tables no longer have and that journals still have, with their types, by step."""
    recognized: Mapping[str, Mapping[str, TypeEngine[Any]]] = field(default_factory=dict)
    """Columns by which journals recognize rows, with their types, by step."""
    to_add: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The columns that our own tables of an earlier version lack, by table: the next run adds them."""
    catalogue: Catalogue = NOTHING_SPECIAL
    sources: Mapping[str, FromClause] = field(default_factory=dict)
    """The mapped tables without the results that tables of ours keep of them."""
    mapped: Mapping[str, Table | None] = field(default_factory=dict)
    """The mapped tables as the database has them, with their columns under logical names; None: not from one table."""
    results: Mapping[str, Table] = field(default_factory=dict)
    """Our own tables that keep what steps write, by the billing table."""
    numbered_by_tenant: frozenset[str] = frozenset()
    """The tables that are read from a SELECT with rows of several tenants, who have the same ids."""
    mapped_by: Hashable = None
    """The mapping, by which two schemas are told apart."""

    def __post_init__(self) -> None:
        """Raise ValueError for a journal of an unknown step, which would otherwise be ignored."""
        unknown = self.own_tables_present.difference(self.own_names)
        if unknown:
            raise ValueError(f"no step has these tables: {', '.join(sorted(unknown))}")

    @property
    def own_names(self) -> tuple[str, ...]:
        """The names of all our own tables."""
        return (*own_table_names(self.steps), *(table.name for table in self.results.values()))

    def stored_in(self, table: str) -> Table | None:
        """Return the table of the database that a billing table is; None if it is read from a SELECT."""
        if table in self.mapped:
            return self.mapped[table]
        found = self.tables[table]
        return found if isinstance(found, Table) else None

    @property
    def stored(self) -> Mapping[str, Table]:
        """The tables of the database, by logical name, without those that are read from a SELECT."""
        return {name: table for name in self.tables if (table := self.stored_in(name)) is not None}

    @property
    def places(self) -> Mapping[str, tuple[str | None, str]]:
        """The schema (None: where the server looks first) and the name of each table of the database.

        A table that is missing is where it should be; one that is read from a SELECT is left out.
        """
        found: dict[str, tuple[str | None, str]] = {}
        for name in REQUIRED_COLUMNS:
            there = self.mapped.get(name)
            if there is not None:
                found[name] = there.schema, there.name
            elif name not in self.mapped:
                found[name] = None, name
        return found

    def logical_names(self, table: str) -> Mapping[str, str]:
        """Return the logical names of the columns of a table, by their names in the database."""
        there = self.mapped.get(table)
        return {} if there is None else {column.name: column.key for column in there.c}

    def place(self, table: str) -> str:
        """Return the name of a billing table in the database, for a message or a statement."""
        found = self.stored_in(table)
        return table if found is None else found.fullname

    def may_be_null(self, table: str, column: str) -> bool:
        """Return whether a column may be null, as far as the database prevents it."""
        there = self.stored_in(table)
        return there is None or column not in there.c or bool(there.c[column].nullable)

    @property
    def read_elsewhere(self) -> tuple[str, ...]:
        """The billing tables that are read from a SELECT."""
        return tuple(name for name, table in self.mapped.items() if table is None)

    def physical(self, table: str, columns: Iterable[str]) -> tuple[str, ...]:
        """Return the names in the database of columns of a table that a step writes."""
        there = self.table(table)
        return tuple(there.c[name].name for name in columns)

    @property
    def columns_of_steps(self) -> Mapping[str, Mapping[str, str]]:
        """The columns of the database's own tables that steps write, by logical table and name, with their names."""
        found: dict[str, dict[str, str]] = {}
        for step in self.steps:
            there = None if step.target == BACKUP or step.target in self.results else self.stored.get(step.target)
            if there is not None:
                names = {name: there.c[name].name if name in there.c else name for name in step.columns}
                found.setdefault(step.target, {}).update(names)
        return found

    def has(self, table: str, column: str) -> bool:
        """Return whether the database has an optional column."""
        return column in self.tables[table].c

    def read_columns(self, table: str) -> tuple[str, ...]:
        """Return the columns of a billing table that this software reads, if the database has them."""
        known = (*REQUIRED_COLUMNS[table], *OPTIONAL_COLUMNS.get(table, ()), SOFT_DELETE_COLUMN, UPDATED_AT_COLUMN)
        others = {*self.catalogue.constraint_columns.get(table, ()), *self.computed_from(table)}
        others = others.union(*(self.recognized_columns(step) for step in self.steps if step.table == table))
        others.difference_update(known)
        return tuple(column for column in (*known, *sorted(others)) if self.has(table, column))

    def generated(self, table: str) -> Mapping[str, str]:
        """Return the known columns of a table that the database computes itself, each with its SQL expression."""
        there = self.stored_in(table)
        if there is None:
            return {}
        known = (*REQUIRED_COLUMNS[table], *OPTIONAL_COLUMNS.get(table, ()))
        computed = {name: there.c[name].computed for name in known if name in there.c}
        told = {(of, name): sql for of, name, sql in self.catalogue.expressions}
        found = {name: str(one.sqltext) for name, one in computed.items() if one is not None}
        return {name: told.get((table, name), sql) for name, sql in found.items()}

    def computed_from(self, table: str) -> tuple[str, ...]:
        """Return the columns from which the database computes the generated columns of a table."""
        expressions = self.generated(table).values()
        every = self.tables[table].c.keys()
        return tuple(dict.fromkeys(name for one in expressions for name in columns_in(one, every)))

    def id_scope(self, table: str) -> IdScope:
        """Return where the ids of a billing table are unique, by its primary key or another unique constraint."""
        if table in self.catalogue.inherited:
            return IdScope.nowhere
        there = self.stored_in(table)
        if there is None:
            return IdScope.tenant if table in self.numbered_by_tenant else IdScope.nowhere
        key = frozenset(column.key for column in there.primary_key)
        unique = {key, *(columns for name, columns in self.unique if name == table)}
        if frozenset({"id"}) in unique:
            return IdScope.everywhere
        return IdScope.tenant if frozenset({"tenant_id", "id"}) in unique else IdScope.nowhere

    def columns_that_may_delete(self, table: str) -> tuple[str, ...]:
        """Return the columns of a table whose names say that they mark a row as deleted, besides deleted_at."""
        names = (column.key for column in self.tables[table].c)
        read = self.read_columns(table)
        return tuple(name for name in names if name not in read and looks_deleted(table, name))

    def selected_columns(self, table: str) -> tuple[str, ...]:
        """Return the columns of a billing table that some statement of ours selects."""
        return (*self.read_columns(table), *self.columns_that_may_delete(table))

    @cached_property
    def journaled(self) -> Mapping[str, JournaledStep]:
        """What each step writes, by the step's name."""
        return {step.name: step for step in self.steps}

    def written_columns(self, step: JournaledStep) -> tuple[str, ...]:
        """Return the columns that a step writes: those that the database has and does not compute itself."""
        if step.target == BACKUP:
            return step.columns
        target, generated = self.written_table(step.target), self.generated(step.target)
        if target is None:
            return ()
        return tuple(name for name in step.columns if name in target.c and name not in generated)

    def row_constraints(self, step: JournaledStep) -> tuple[RowConstraint, ...]:
        """Return the conditions on one row that a step could violate: those of the catalogue, and NOT NULL."""
        if step.target == BACKUP or step.target in self.results:
            return ()
        columns = self.table(step.target).c
        required = tuple(
            RowConstraint(
                step.target,
                f"NOT NULL of {name}",
                "NOT NULL",
                f"{name} IS NOT NULL",
                (name,),
                f"ALTER TABLE {self.place(step.target)} ALTER COLUMN {columns[name].name} DROP NOT NULL",
            )
            for name in self.written_columns(step)
            if not columns[name].nullable
        )
        return (*required, *(one for one in self.catalogue.row_constraints if one.table == step.target))

    def journaled_columns(self, step: JournaledStep) -> tuple[str, ...]:
        """Return the columns of which a step's journal has values: those that it writes, or wrote formerly."""
        wanted = {*self.written_columns(step), *self.kept.get(step.name, ())}
        return tuple(name for name in step.columns if name in wanted)

    def recognized_columns(self, step: JournaledStep) -> tuple[str, ...]:
        """Return the columns by which a step's journal recognizes rows, if the billing table still has them."""
        return tuple(name for name in self.recognized.get(step.name, ()) if self.has(step.table, name))

    def lacks(self, column: Column[Any]) -> bool:
        """Return whether a column of our own tables is one that the next run adds."""
        return column.key in self.to_add.get(column.table.name, ())

    @property
    def is_complete(self) -> bool:
        """Whether the database has all our own tables, with all their columns."""
        return not self.to_add and self.own_tables_present.issuperset(self.own)

    def table(self, name: str) -> Table:
        """Return a table that a step writes: a billing table, our own results of it, or the backup.

        Raises ValueError for a table that is read from a SELECT and has no results.
        """
        found = self.written_table(name)
        if found is None:
            raise ValueError(f"{name} is read from a SELECT, so that nothing can be written")
        return found

    def written_table(self, name: str) -> Table | None:
        """Return what `table` returns; None for a table that is read from a SELECT and has no results."""
        if name == BACKUP:
            return self.own[name]
        return self.results[name] if name in self.results else self.stored_in(name)

    @cached_property
    def own(self) -> Mapping[str, Table]:
        """Our own tables, whether or not they have been created; id columns have the billing tables' types."""
        written = ((step, self._journal_types(step), self.recognized.get(step.name, {})) for step in self.steps)
        every = (*build_own_tables(self.tables, written), *self.results.values())
        return {table.name: table for table in every}

    def _journal_types(self, step: JournaledStep) -> dict[str, TypeEngine[Any]]:
        """Return the types of the columns of which a step's journal has values."""
        kept, table = self.kept.get(step.name, {}), self.tables[step.table]
        return {name: kept[name] if name in kept else table.c[name].type for name in self.journaled_columns(step)}

    def journal(self, step: str) -> Table:
        """Return a step's journal table."""
        return self.own[self.journaled[step].journal]

    def has_journal(self, step: str) -> bool:
        """Return whether a step's journal has been created."""
        return step in self.journaled and self.journaled[step].journal in self.own_tables_present

    def make_own_tables(
        self, connection: Connection, names: Sequence[str] = (), there: Collection[str] | None = None
    ) -> "BillingSchema":
        """Create the missing ones of our own tables (or of the named ones); return the schema with these tables.

        Tables of an earlier version get the columns that they lack. `there` are the names of tables that the database
        has, if the caller knows them.
        """
        tables = [self.own[name] for name in names or self.own]
        known = inspect(connection).get_table_names() if there is None else there
        missing = [table for table in tables if table.name not in known]
        for table in missing:
            table.create(connection)
        added = {name: columns for name, columns in self.to_add.items() if not names or name in names}
        for statement in added_columns(self.own, added, connection.dialect):
            connection.exec_driver_sql(statement)
        present = self.own_tables_present.union(table.name for table in tables)
        to_add = {name: columns for name, columns in self.to_add.items() if name not in added}
        return known_schema(replace(self, own_tables_present=present, to_add=to_add).reading_results())

    def has_results(self, table: str) -> bool:
        """Return whether our own table with the results of a billing table has been created."""
        return table in self.results and self.results[table].name in self.own_tables_present

    def reading_results(self) -> "BillingSchema":
        """Return the schema whose tables have the results that our own tables keep, once these are there."""
        read = {
            name: with_results(name, self.sources[name], table, present=table.name in self.own_tables_present)
            for name, table in self.results.items()
        }
        return replace(self, tables={**self.tables, **read}) if read else self


def added_columns(own: Mapping[str, Table], to_add: Mapping[str, Iterable[str]], dialect: Dialect) -> Iterator[str]:
    """Yield the statements that add columns, given by table, to our `own` tables; SQLite adds one at a time."""
    for name, columns in to_add.items():
        table = dialect.identifier_preparer.format_table(own[name])
        for column in columns:
            yield f"ALTER TABLE {table} ADD COLUMN {CreateColumn(own[name].c[column]).compile(dialect=dialect)}"


_KNOWN: dict[tuple[Any, ...], BillingSchema] = {}


def known_schema(schema: BillingSchema) -> BillingSchema:
    """Return the equal schema that was read before, if there is one, so that its compiled queries are used again."""
    columns = tuple(
        (
            str(column),
            repr(column.type),
            column.primary_key,
            column.nullable,
            str(column.computed and column.computed.sqltext),
        )
        for table in map(schema.stored_in, schema.tables)
        if table is not None
        for column in table.c
    )
    read = tuple((str(column), repr(column.type)) for name in schema.sources for column in schema.tables[name].c)
    journaled = tuple(
        tuple((step, name, repr(kind)) for step, found in by_step.items() for name, kind in found.items())
        for by_step in (schema.kept, schema.recognized)
    )
    key = (columns, read, schema.mapped_by, schema.own_tables_present, tuple(schema.to_add.items()))
    return _KNOWN.setdefault((*key, schema.steps, schema.unique, journaled, schema.catalogue), schema)


def billing_tables(
    *,
    money: TypeEngine[Any] | None = None,
    ids: TypeEngine[Any] | None = None,
    optional_columns: bool = True,
    soft_deletes: bool = True,
    timestamps: bool = False,
    steps: Sequence[JournaledStep] = (),
) -> BillingSchema:
    """Return the default tables of a billing database, for a demo, a test or a benchmark.

    `money` is the type of every money column (default DECIMAL(14, 2)), `ids` of every id (default INTEGER). With
    `timestamps`, rows have an indexed `updated_at`. The `steps` are those that have a journal beside the tables.
    """
    kinds = _DefaultTypes(money or Numeric(14, 2), ids or Integer())
    metadata = MetaData()
    for table, required in REQUIRED_COLUMNS.items():
        names = [*required, *(OPTIONAL_COLUMNS.get(table, ()) if optional_columns else ())]
        columns = [kinds.column(table, name) for name in names]
        if soft_deletes and table != "tenants":
            columns.append(Column(SOFT_DELETE_COLUMN, DateTime()))
        if timestamps and table != "tenants":
            columns.append(Column(UPDATED_AT_COLUMN, DateTime(), index=True))
        Table(table, metadata, *columns)
    for table, column in (
        ("customers", "tenant_id"),
        ("meters", "tenant_id"),
        ("meter_assignments", "customer_id"),
        ("meter_assignments", "tenant_id"),
        ("bills", "tenant_id"),
        ("invoices", "tenant_id"),
        ("invoices", "meter_id"),
        ("invoice_bills", "invoice_id"),
        ("payments", "tenant_id"),
        ("payments", "meter_id"),
        ("payments", "invoice_id"),
    ):
        Index(f"ix_{table}_{column}", metadata.tables[table].c[column])
    return BillingSchema(dict(metadata.tables), steps=tuple(steps))


@dataclass(frozen=True)
class _DefaultTypes:
    money: TypeEngine[Any]
    ids: TypeEngine[Any]

    def column(self, table: str, name: str) -> Column[Any]:
        """Return one column of the default schema. It has no foreign keys: real databases contain orphaned rows."""
        if name == "id":
            return Column(name, self.ids, primary_key=True)
        if name == "tenant_id" and table != "invoice_bills":
            return Column(name, self.ids, nullable=False)
        if name.endswith("_id"):
            return Column(name, self.ids)
        if name in MONEY_COLUMNS.get(table, ()):
            return Column(name, self.money)
        others: dict[str, TypeEngine[Any]] = {
            "is_active": Boolean(),
            "invoice_date": Date(),
            "last_invoice_date": Date(),
            "paid_at": DateTime(),
        }
        return Column(name, others.get(name, String(120)))
