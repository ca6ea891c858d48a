"""The logical tables and columns of a billing database: required, optional, money.

Add a column here before a rule reads it. The names here are logical; for now, they are the physical names too. There
are no queries here: `reflection` reads what a database has. Our own tables beside these are in `own_tables`.
"""

import re
from collections.abc import Collection, Mapping, Sequence
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
from sqlalchemy.types import TypeEngine

from meter_assets.billing.catalogue import NOTHING_SPECIAL, Catalogue, RowConstraint, columns_in
from meter_assets.billing.own_tables import BACKUP, JournaledStep, build_own_tables, own_table_names

REQUIRED_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "tenants": ("id", "name"),
    "customers": ("id", "tenant_id", "name", "balance", "overpayment"),
    "meters": ("id", "tenant_id", "meter_number", "status", "balance", "overpayment"),
    "meter_assignments": ("id", "tenant_id", "customer_id", "meter_id", "is_active"),
    "bills": ("id", "tenant_id", "bill_type"),
    "invoices": (
        "id",
        "tenant_id",
        "customer_id",
        "meter_id",
        "invoice_number",
        "invoice_date",
        "amount",
        "balance_brought_forward",
        "total_amount",
    ),
    "invoice_bills": ("id", "invoice_id", "bill_id", "amount"),
    "payments": ("id", "tenant_id", "customer_id", "invoice_id", "meter_id", "amount"),
}
OPTIONAL_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "meters": ("total_billed", "total_paid", "last_invoice_date"),
    "invoices": ("status",),
    "invoice_bills": ("tenant_id",),
    "payments": ("status", "paid_at"),
}
SOFT_DELETE_COLUMN = "deleted_at"
DATE_COLUMNS = ("invoice_date", "last_invoice_date", "paid_at", SOFT_DELETE_COLUMN)
UPDATED_AT_COLUMN = "updated_at"
"""Any table may have this column; with it, changed rows are found without reading all rows."""
CREATED_AT_COLUMN = "created_at"
"""Any table may have this column; where ids return, it tells a row from a later one with the same id."""
MONEY_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "customers": ("balance", "overpayment"),
    "meters": ("balance", "overpayment", "total_billed", "total_paid"),
    "invoices": ("amount", "balance_brought_forward", "total_amount"),
    "invoice_bills": ("amount",),
    "payments": ("amount",),
}


_DELETED = r"(is_|was_)?(deleted|removed|archived|trashed|purged{})(_at|_on|_date|_time|_by|_flag)?"
_LOOKS_DELETED = re.compile(_DELETED.format(""))
_LOOKS_VOID = re.compile(_DELETED.format("|void|voided|cancell?ed|reversed|annulled|revoked|refunded|bounced"))
_TRANSACTIONS = frozenset({"payments", "invoices", "invoice_bills"})


def is_live(rows: FromClause) -> ColumnElement[bool]:
    """Return whether a row is not soft-deleted; always true if the table has no such column."""
    return rows.c[SOFT_DELETE_COLUMN].is_(None) if SOFT_DELETE_COLUMN in rows.c else true()


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

    tables: Mapping[str, Table]
    own_tables_present: frozenset[str] = frozenset()
    steps: tuple[JournaledStep, ...] = ()
    """The steps that have a journal here."""
    unique: frozenset[tuple[str, frozenset[str]]] = frozenset()
    """Sets of columns that a constraint makes unique, each with its table, besides the primary keys."""
    kept: Mapping[str, Mapping[str, TypeEngine[Any]]] = field(default_factory=dict)
    """Columns that the billing tables no longer have and that journals still have, with their types, by step."""
    recognized: Mapping[str, Mapping[str, TypeEngine[Any]]] = field(default_factory=dict)
    """Columns by which journals recognize rows, with their types, by step."""
    catalogue: Catalogue = NOTHING_SPECIAL

    def __post_init__(self) -> None:
        """Raise ValueError for a journal of an unknown step, which would otherwise be ignored."""
        unknown = self.own_tables_present.difference(own_table_names(self.steps))
        if unknown:
            raise ValueError(f"no step has these tables: {', '.join(sorted(unknown))}")

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
        columns = self.tables[table].c
        known = (*REQUIRED_COLUMNS[table], *OPTIONAL_COLUMNS.get(table, ()))
        computed = {name: columns[name].computed for name in known if name in columns}
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
        key = frozenset(column.key for column in self.tables[table].primary_key)
        unique = {key, *(columns for name, columns in self.unique if name == table)}
        if frozenset({"id"}) in unique:
            return IdScope.everywhere
        return IdScope.tenant if frozenset({"tenant_id", "id"}) in unique else IdScope.nowhere

    def columns_that_may_delete(self, table: str) -> tuple[str, ...]:
        """Return the columns of a table whose names say that they mark a row as deleted, besides deleted_at."""
        looks = _LOOKS_VOID if table in _TRANSACTIONS else _LOOKS_DELETED
        names = (column.key for column in self.tables[table].c)
        read = self.read_columns(table)
        return tuple(name for name in names if name not in read and looks.fullmatch(name.lower()))

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
        generated = self.generated(step.target)
        return tuple(name for name in step.columns if self.has(step.target, name) and name not in generated)

    def row_constraints(self, step: JournaledStep) -> tuple[RowConstraint, ...]:
        """Return the conditions on one row that a step could violate: those of the catalogue, and NOT NULL."""
        if step.target == BACKUP:
            return ()
        columns = self.tables[step.target].c
        required = tuple(
            RowConstraint(
                step.target,
                f"NOT NULL of {name}",
                "NOT NULL",
                f"{name} IS NOT NULL",
                (name,),
                f"ALTER TABLE {step.target} ALTER COLUMN {name} DROP NOT NULL",
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

    def table(self, name: str) -> Table:
        """Return a table that a step writes: a billing table, or the backup."""
        return self.own[name] if name == BACKUP else self.tables[name]

    @cached_property
    def own(self) -> Mapping[str, Table]:
        """Our own tables, whether or not they have been created; id columns have the billing tables' types."""
        written = ((step, self._journal_types(step), self.recognized.get(step.name, {})) for step in self.steps)
        return {table.name: table for table in build_own_tables(self.tables, written)}

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

        `there` are the names of tables that the database has, if the caller knows them.
        """
        tables = [self.own[name] for name in names or self.own]
        known = inspect(connection).get_table_names() if there is None else there
        missing = [table for table in tables if table.name not in known]
        tables[0].metadata.create_all(connection, missing, checkfirst=False)
        created = frozenset(table.name for table in tables)
        return known_schema(replace(self, own_tables_present=self.own_tables_present | created))


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
        for table in schema.tables.values()
        for column in table.c
    )
    journaled = tuple(
        tuple((step, name, repr(kind)) for step, found in by_step.items() for name, kind in found.items())
        for by_step in (schema.kept, schema.recognized)
    )
    return _KNOWN.setdefault(
        (columns, schema.own_tables_present, schema.steps, schema.unique, journaled, schema.catalogue), schema
    )


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
