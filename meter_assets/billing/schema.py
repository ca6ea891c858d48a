"""The billing tables and our own tables: what they must have, what they may have, how they are read and made.

No queries: what is computed from these tables is in `changes` and `invariants`. Names here are logical and, for now,
physical too.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Date,
    DateTime,
    Float,
    FromClause,
    Identity,
    Index,
    Integer,
    MetaData,
    Numeric,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    inspect,
    true,
)
from sqlalchemy.engine.interfaces import ReflectedColumn, ReflectedPrimaryKeyConstraint
from sqlalchemy.engine.reflection import ObjectKind
from sqlalchemy.types import TypeEngine, UserDefinedType

from meter_assets.formatting import MINOR_UNIT_DIGITS

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
UPDATED_AT_COLUMN = "updated_at"
"""Any table may have it; where it is, a row that was changed can be found without looking at all of them."""
MONEY_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "customers": ("balance", "overpayment"),
    "meters": ("balance", "overpayment", "total_billed", "total_paid"),
    "invoices": ("amount", "balance_brought_forward", "total_amount"),
    "invoice_bills": ("amount",),
    "payments": ("amount",),
}

RUNS = "meter_migration_runs"
OUTCOMES = "meter_migration_outcomes"
COMMITS = "meter_migration_commits"
RUNNING = "running"
"""The outcome of a step run that has not ended. RUNS keeps it: how a step run ended is in OUTCOMES (see `records`)."""
BACKUP = "customer_balances_backup"
JOURNALED: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
    "payment_meter_ids": ("payments", "payment_id", ("meter_id",)),
    "invoice_amounts": ("invoices", "invoice_id", ("amount", "balance_brought_forward", "total_amount")),
    "meter_balances": (
        "meters",
        "meter_id",
        ("balance", "overpayment", "total_billed", "total_paid", "last_invoice_date"),
    ),
    "customer_balances": ("customers", "customer_id", ("balance", "overpayment")),
    BACKUP: (BACKUP, "customer_id", ("balance", "overpayment")),
}
"""Per change: the table it writes, its journal's name for that row's id, the columns it writes.

The backup is its own journal; the journal of that name has the rows that rollbacks took out of it.
"""


def is_live(rows: FromClause) -> ColumnElement[bool]:
    """Say whether a row is not soft-deleted; all are where there is no such column."""
    return rows.c[SOFT_DELETE_COLUMN].is_(None) if SOFT_DELETE_COLUMN in rows.c else true()


def journal_name(change: str) -> str:
    """Return the name of a change's journal table."""
    return "meter_migration_" + ("retired_backups" if change == BACKUP else change)


RECORDS = (RUNS, OUTCOMES, COMMITS)
OWN_TABLES = (*RECORDS, BACKUP, *map(journal_name, JOURNALED))


@dataclass(frozen=True)
class BillingSchema:
    """The billing tables of one database, with the columns that it has, and our own tables beside them."""

    tables: Mapping[str, Table]
    own_tables_present: frozenset[str] = field(default=frozenset())

    def has(self, table: str, column: str) -> bool:
        """Say whether the database has an optional column."""
        return column in self.tables[table].c

    def read_columns(self, table: str) -> tuple[str, ...]:
        """Return the columns of a billing table that are read by anything of ours, of those that the database has."""
        known = (*REQUIRED_COLUMNS[table], *OPTIONAL_COLUMNS.get(table, ()), SOFT_DELETE_COLUMN, UPDATED_AT_COLUMN)
        return tuple(column for column in known if self.has(table, column))

    def written_columns(self, change: str) -> tuple[str, ...]:
        """Return the columns that a change writes, of those that the database has."""
        table, _, columns = JOURNALED[change]
        return tuple(column for column in columns if table == BACKUP or self.has(table, column))

    def table(self, name: str) -> Table:
        """Return a table that a change writes: a billing table, or the backup."""
        return self.own[name] if name == BACKUP else self.tables[name]

    @cached_property
    def own(self) -> Mapping[str, Table]:
        """Our own tables, whether or not they have been made; id columns have the billing tables' types."""
        metadata = MetaData(schema=self.tables["tenants"].schema)
        tables = [_runs_table(self, metadata), _outcomes_table(self, metadata), _commits_table(self, metadata)]
        tables.append(_backup_table(self, metadata))
        tables += [_journal_table(self, change, metadata) for change in JOURNALED]
        return {table.name: table for table in tables}

    def journal(self, change: str) -> Table:
        """Return a change's journal table."""
        return self.own[journal_name(change)]

    def make_own_tables(self, connection: Connection, names: Sequence[str] = ()) -> "BillingSchema":
        """Create those of our own tables (of all, unless some are named) that are missing; return the schema then."""
        tables = [self.own[name] for name in names or self.own]
        tables[0].metadata.create_all(connection, tables, checkfirst=True)
        made = frozenset(table.name for table in tables)
        return _known(BillingSchema(self.tables, self.own_tables_present | made))


def _money() -> Numeric[Any]:
    """Return a type that holds any money: without precision where the engine allows it."""
    return Numeric().with_variant(Numeric(38, 8), "mysql", "mariadb")


class _AsItIs(UserDefinedType[Any]):
    """A column of SQLite that keeps whatever it is given: one with a type might make a number of text."""

    cache_ok = True

    def get_col_spec(self, **kw: Any) -> str:
        """Return the declared type: SQLite converts nothing in a column of this one."""
        return "BLOB"


def _id_column(name: str, like: Column[Any], **kw: Any) -> Column[Any]:
    return Column(name, like.type, nullable=False, autoincrement=False, **kw)


def _runs_table(schema: BillingSchema, metadata: MetaData) -> Table:
    return Table(
        RUNS,
        metadata,
        Column("id", Integer, Identity(), primary_key=True),
        Column("run_id", String(64), nullable=False),
        _id_column("tenant_id", schema.tables["tenants"].c.id, index=True),
        Column("step", String(64), nullable=False),
        Column("undoes", Integer),
        Column("started_at", DateTime(timezone=True), nullable=False),
        # Version 1.0.0 wrote these four when a step run ended. They stay as they are inserted: running, and null.
        Column("finished_at", DateTime(timezone=True)),
        Column("outcome", String(16), nullable=False),
        Column("rows_changed", Integer),
        Column("message", Text),
        Column("policy", Text, nullable=False),
        Column("software_version", String(64), nullable=False),
    )


def _outcomes_table(schema: BillingSchema, metadata: MetaData) -> Table:
    return Table(
        OUTCOMES,
        metadata,
        Column("step_run_id", Integer, primary_key=True, autoincrement=False),
        _id_column("tenant_id", schema.tables["tenants"].c.id),
        Column("outcome", String(16), nullable=False),
        Column("finished_at", DateTime(timezone=True), nullable=False),
        Column("message", Text),
        Column("seal", String(64), nullable=False),
    )


def _commits_table(schema: BillingSchema, metadata: MetaData) -> Table:
    return Table(
        COMMITS,
        metadata,
        Column("step_run_id", Integer, nullable=False),
        _id_column("tenant_id", schema.tables["tenants"].c.id),
        Column("part", Integer, nullable=False),
        Column("rows_changed", Integer, nullable=False),
        Column("digest", String(64), nullable=False),
        Column("above_id", String(255)),
        Column("up_to_id", String(255)),
        PrimaryKeyConstraint("step_run_id", "part"),
    )


def _backup_table(schema: BillingSchema, metadata: MetaData) -> Table:
    return Table(
        BACKUP,
        metadata,
        _id_column("tenant_id", schema.tables["tenants"].c.id),
        _id_column("customer_id", schema.tables["customers"].c.id),
        Column("balance", _money()),
        Column("overpayment", _money()),
        Column("backed_up_at", DateTime(timezone=True), nullable=False),
        Column("run_id", String(64), nullable=False),
        PrimaryKeyConstraint("tenant_id", "customer_id"),
    )


def _journal_table(schema: BillingSchema, change: str, metadata: MetaData) -> Table:
    table, row_id, _ = JOURNALED[change]
    values: list[Column[Any]] = []
    for name in schema.written_columns(change):
        is_money = table == BACKUP or name in MONEY_COLUMNS.get(table, ())
        kind = _money() if is_money else schema.tables[table].c[name].type
        values += [Column(f"{name}_{side}", kind.with_variant(_AsItIs(), "sqlite")) for side in ("before", "after")]
    owner = schema.tables["customers" if table == BACKUP else table]
    return Table(
        journal_name(change),
        metadata,
        Column("step_run_id", Integer, nullable=False),
        Column("run_id", String(64), nullable=False),
        _id_column("tenant_id", schema.tables["tenants"].c.id),
        _id_column(row_id, owner.c.id),
        *values,
        Column("rule", String(64), nullable=False),
        PrimaryKeyConstraint("step_run_id", row_id),
    )


def read_schema(connection: Connection) -> tuple[BillingSchema, list[str]]:
    """Read which billing tables and columns the database has.

    Returns the schema and every problem found, each a clause; with problems, the schema is not to be used.
    """
    inspector, dialect = inspect(connection), connection.dialect.name
    wanted = [*REQUIRED_COLUMNS, *OWN_TABLES]
    found = inspector.get_multi_columns(kind=ObjectKind.ANY, filter_names=wanted)
    columns = {name: found[None, name] for name in wanted if (None, name) in found}
    keys = inspector.get_multi_pk_constraint(filter_names=[name for name in REQUIRED_COLUMNS if name in columns])
    metadata = MetaData()
    tables = {
        name: Table(name, metadata, *_as_read(columns[name], keys.get((None, name)), dialect))
        for name in REQUIRED_COLUMNS
        if name in columns
    }
    problems = [f"no table {name}" for name in REQUIRED_COLUMNS if name not in tables]
    for table in tables.values():
        problems += _problems_of(table, dialect)
    schema = BillingSchema(tables, frozenset(columns) - frozenset(tables))
    if not problems:
        schema = _known(schema)
        problems += _outdated_journals(schema, columns)
    return schema, problems


def _as_read(
    columns: Sequence[ReflectedColumn], key: ReflectedPrimaryKeyConstraint | None, dialect: str
) -> Iterator[Column[Any]]:
    """Yield a table's columns; SQLite's dates are what they are, text: others write them in formats of their own."""
    for column in columns:
        is_text = dialect == "sqlite" and isinstance(column["type"], (Date, DateTime))
        is_key = key is not None and column["name"] in key["constrained_columns"]
        yield Column(column["name"], String() if is_text else column["type"], primary_key=is_key)


_KNOWN: dict[tuple[Any, ...], BillingSchema] = {}


def _known(schema: BillingSchema) -> BillingSchema:
    """Return the schema that was read before, if it is the same: what was compiled for its tables is used again."""
    columns = tuple(
        (str(column), repr(column.type), column.primary_key) for table in schema.tables.values() for column in table.c
    )
    return _KNOWN.setdefault((columns, schema.own_tables_present), schema)


def _outdated_journals(schema: BillingSchema, columns: Mapping[str, Sequence[ReflectedColumn]]) -> Iterator[str]:
    """Name the journals that lack columns, since the billing tables have got some since they were made."""
    for name in sorted(schema.own_tables_present):
        there = {column["name"] for column in columns[name]}
        missing = [column.key for column in schema.own[name].c if column.key not in there]
        if missing:
            yield (
                f"{name} lacks {', '.join(missing)}, since it was made by an earlier version or before the billing "
                "tables had these (add them, as they are in the billing table and nullable: ALTER TABLE ... ADD COLUMN)"
            )


def _problems_of(table: Table, dialect: str) -> Iterator[str]:
    name = table.name
    for column in REQUIRED_COLUMNS[name]:
        if column not in table.c:
            yield f"no column {name}.{column}"
    for column in MONEY_COLUMNS.get(name, ()):
        if column not in table.c:
            continue
        kind = table.c[column].type
        if dialect == "sqlite":
            if isinstance(kind, Numeric) and (kind.scale or 0) > MINOR_UNIT_DIGITS:
                yield f"{name}.{column} is {kind}, and on SQLite money is exact to {MINOR_UNIT_DIGITS} decimals only"
        elif isinstance(kind, Float) or not isinstance(kind, Numeric):
            yield f"{name}.{column} is {kind}, which cannot hold money exactly (make it NUMERIC)"
    if "is_active" in table.c and isinstance(table.c.is_active.type, String):
        yield f"{name}.is_active is {table.c.is_active.type} (make it BOOLEAN, or a number)"


def billing_tables(
    *,
    money: TypeEngine[Any] | None = None,
    ids: TypeEngine[Any] | None = None,
    optional_columns: bool = True,
    soft_deletes: bool = True,
    timestamps: bool = False,
) -> BillingSchema:
    """Return a billing database's tables as they are by default, for a demo, a test or a benchmark to create.

    `money` is the type of every money column (default DECIMAL(14, 2)), `ids` of every id (default INTEGER). With
    `timestamps`, rows have an indexed `updated_at`.
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
    return BillingSchema(dict(metadata.tables))


@dataclass(frozen=True)
class _DefaultTypes:
    money: TypeEngine[Any]
    ids: TypeEngine[Any]

    def column(self, table: str, name: str) -> Column[Any]:
        """Return one column of the default schema. References are not enforced: real databases hold orphans."""
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
