"""Our own tables beside the billing tables: the records of step runs, the journals, the backup, people's decisions.

Add a table here that the product needs in the billing database. A `JournaledStep` describes what a step writes, and its
journal table is derived from it. Nothing here reads or writes: see `migration.records` and `migration.journal`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    FromClause,
    Identity,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
)
from sqlalchemy.types import TypeEngine

from meter_assets.billing.engine_types import AnyText, PointInTime, as_journaled
from meter_assets.billing.money import AnyMoney, exact, or_zero

RUNS = "meter_migration_runs"
OUTCOMES = "meter_migration_outcomes"
COMMITS = "meter_migration_commits"
ORIGINS = "meter_migration_origins"
"""Who started each step run, and why. Version 1.2 and older did not record it."""
CHAIN = "meter_migration_chain"
"""The digest of each ended step run together with that of the tenant's step run before it."""
RECORDS = (RUNS, OUTCOMES, COMMITS, ORIGINS, CHAIN)
BACKUP = "customer_balances_backup"
RETIRED_BACKUPS = "meter_migration_retired_backups"
"""The backup is its own journal; this table has the rows that rollbacks removed from it."""
DECISIONS = "meter_migration_decisions"
"""What people decided about the meters of payments. Rows are only added: of a payment, the highest number counts."""
OF_DECISION = {
    "decision_seen": "number",
    "decided_by_seen": "decided_by",
    "decided_at_seen": "decided_at",
    "note_seen": "note",
}
"""The columns of a journal that keep which decision was carried out, each with its column of DECISIONS.

They are digested, and null where no decision was carried out. Version 1.2 and older did not have them.
"""
RUNNING = "running"
"""The outcome of a step run that has not ended. It stays in RUNS; the outcome of an ended step run is in OUTCOMES."""
SUCCEEDED, FAILED, INTERRUPTED = "succeeded", "failed", "interrupted"
BLOCKED = "blocked"
"""A step that was not run, or refused to write, because a check or a guard of severity ERROR failed."""
PARTIAL = "partial"
"""A round of batches that could not write some rows because of other programs; the next round writes them."""


class Effect(Enum):
    """What a change does to its rows in the target table."""

    UPDATE = auto()
    ADD = auto()
    REMOVE = auto()


@dataclass(frozen=True, kw_only=True)
class JournaledStep:
    """What a step writes. Its journal, rights, rollback and report are derived from this."""

    name: str
    table: str
    """The billing table whose rows the step examines."""
    key: str
    """The journal's column for the id of such a row."""
    columns: tuple[str, ...]
    """The columns that it writes, if the database has them."""
    money: tuple[str, ...] = ()
    """The written columns that contain money."""
    worth: tuple[tuple[str, int], ...]
    """How to compute the money of a row: columns of `table`, each with its sign, such as ("overpayment", -1)."""
    target: str = ""
    """The table that is written, if it is not `table`: the backup is written from customers."""
    journal: str = ""
    """The name of the journal's table, if it is not `meter_migration_<name>`."""
    effect: Effect = Effect.UPDATE
    for_review: frozenset[str] = frozenset()
    """The rules that may be wrong: a person should review the rows that they change."""
    overwriting: frozenset[str] = frozenset()
    """The rules that may replace a value that the step itself has written before."""
    context: tuple[str, ...] = ()
    """Columns of `table` by which a person recognizes the row."""
    recognized_by: tuple[str, ...] = ()
    """Columns of `table` that tell a row from a later one with the same id; see `EngineTypes.ids_return`."""
    carries_out_decisions: bool = False
    """Whether its journal keeps the decisions of people that it carries out: the columns `OF_DECISION`."""
    is_optional: bool = False
    """Whether a migration does not need it: then a database in which it can write nothing is migrated too."""
    worth_title: str = "money"
    """The heading of the column with the money of a row."""
    sum_title: str = ""
    """The title of the sum for a step that writes no money: "amount of payments with a meter"."""
    sum_metric: str = ""
    """A short name of that sum, for a plot."""

    def __post_init__(self) -> None:
        """Set the defaults: the written table is the examined one, and the journal is named after the step."""
        object.__setattr__(self, "target", self.target or self.table)
        object.__setattr__(self, "journal", self.journal or f"meter_migration_{self.name}")

    def worth_of(self, rows: FromClause, suffix: str = "") -> ColumnElement[Any]:
        """Return the money of each of these rows in exact form; the columns' names may have a suffix."""
        (first, sign), *others = self.worth
        money = or_zero(exact(rows.c[first + suffix]))
        money = money if sign > 0 else -money
        for name, sign in others:
            part = or_zero(exact(rows.c[name + suffix]))
            money = money + part if sign > 0 else money - part
        return money


def build_own_tables(
    billing: Mapping[str, FromClause],
    written: Iterable[tuple[JournaledStep, Mapping[str, TypeEngine[Any]], Mapping[str, TypeEngine[Any]]]],
) -> Iterator[Table]:
    """Yield our own tables, whether or not they have been created.

    Id columns have the types of the `billing` tables, by name. `written` are the steps, each with the written columns
    that its journal has in this database, those by which it recognizes rows, and their types.
    """
    tenants = billing["tenants"]
    metadata = MetaData(schema=tenants.schema if isinstance(tenants, Table) else None)
    yield _runs_table(billing, metadata)
    yield _outcomes_table(billing, metadata)
    yield _commits_table(billing, metadata)
    yield _origins_table(billing, metadata)
    yield _chain_table(billing, metadata)
    yield _backup_table(billing, metadata)
    decisions = _decisions_table(billing, metadata)
    yield decisions
    for step, columns, recognized in written:
        decided = OF_DECISION if step.carries_out_decisions else {}
        of_decision = [Column(name, decisions.c[of].type) for name, of in decided.items()]
        yield _journal_table(billing, step, columns, recognized, of_decision, metadata)


def own_table_names(steps: Sequence[JournaledStep]) -> tuple[str, ...]:
    """Return the names of all our own tables."""
    return (*RECORDS, BACKUP, DECISIONS, *(step.journal for step in steps))


def not_written(*, to_roll_back: bool) -> frozenset[str]:
    """Return the names of our own tables that a rollback, or another run, does not write."""
    return frozenset((DECISIONS if to_roll_back else RETIRED_BACKUPS,))


def _id_column(name: str, like: ColumnElement[Any], **kw: Any) -> Column[Any]:
    return Column(name, like.type, nullable=False, autoincrement=False, **kw)


def _runs_table(billing: Mapping[str, FromClause], metadata: MetaData) -> Table:
    return Table(
        RUNS,
        metadata,
        Column("id", Integer, Identity(), primary_key=True),
        Column("run_id", String(64), nullable=False),
        _id_column("tenant_id", billing["tenants"].c.id, index=True),
        Column("step", String(64), nullable=False),
        Column("undoes", Integer),
        Column("started_at", PointInTime(), nullable=False),
        # Version 1.0.0 wrote these four when a step run ended. Today they keep their first values: running, and null.
        Column("finished_at", PointInTime()),
        Column("outcome", String(16), nullable=False),
        Column("rows_changed", Integer),
        Column("message", AnyText()),
        Column("policy", AnyText(), nullable=False),
        Column("software_version", String(64), nullable=False),
    )


def _outcomes_table(billing: Mapping[str, FromClause], metadata: MetaData) -> Table:
    return Table(
        OUTCOMES,
        metadata,
        Column("step_run_id", Integer, primary_key=True, autoincrement=False),
        _id_column("tenant_id", billing["tenants"].c.id, index=True),
        Column("outcome", String(16), nullable=False),
        Column("finished_at", PointInTime(), nullable=False),
        Column("message", AnyText()),
        Column("seal", String(64), nullable=False),
    )


def _commits_table(billing: Mapping[str, FromClause], metadata: MetaData) -> Table:
    return Table(
        COMMITS,
        metadata,
        Column("step_run_id", Integer, nullable=False),
        _id_column("tenant_id", billing["tenants"].c.id, index=True),
        Column("part", Integer, nullable=False),
        Column("rows_changed", Integer, nullable=False),
        Column("digest", String(64), nullable=False),
        Column("above_id", String(255)),
        Column("up_to_id", String(255)),
        PrimaryKeyConstraint("step_run_id", "part"),
    )


def _origins_table(billing: Mapping[str, FromClause], metadata: MetaData) -> Table:
    return Table(
        ORIGINS,
        metadata,
        Column("step_run_id", Integer, primary_key=True, autoincrement=False),
        _id_column("tenant_id", billing["tenants"].c.id, index=True),
        Column("started_by", AnyText()),
        Column("executed_by", AnyText(), nullable=False),
        Column("database_role", AnyText()),
        Column("reason", AnyText()),
    )


def _chain_table(billing: Mapping[str, FromClause], metadata: MetaData) -> Table:
    return Table(
        CHAIN,
        metadata,
        Column("step_run_id", Integer, primary_key=True, autoincrement=False),
        _id_column("tenant_id", billing["tenants"].c.id, index=True),
        Column("previous", String(64), nullable=False),
        Column("digest", String(64), nullable=False),
    )


def _backup_table(billing: Mapping[str, FromClause], metadata: MetaData) -> Table:
    return Table(
        BACKUP,
        metadata,
        _id_column("tenant_id", billing["tenants"].c.id),
        _id_column("customer_id", billing["customers"].c.id),
        Column("balance", AnyMoney(billing["customers"].c.balance.type)),
        Column("overpayment", AnyMoney(billing["customers"].c.overpayment.type)),
        Column("backed_up_at", PointInTime(), nullable=False),
        Column("run_id", String(64), nullable=False),
        PrimaryKeyConstraint("tenant_id", "customer_id"),
    )


def _decisions_table(billing: Mapping[str, FromClause], metadata: MetaData) -> Table:
    return Table(
        DECISIONS,
        metadata,
        _id_column("tenant_id", billing["tenants"].c.id),
        _id_column("payment_id", billing["payments"].c.id),
        Column("number", Integer, nullable=False, autoincrement=False),
        Column("meter_id", billing["meters"].c.id.type),
        Column("decided_by", AnyText(), nullable=False),
        Column("note", AnyText()),
        Column("decided_at", PointInTime(), nullable=False),
        Column("withdrawn", Integer),  # 1 in a row that withdraws the decisions before it, and decides nothing itself
        PrimaryKeyConstraint("tenant_id", "payment_id", "number"),
    )


def seen(column: str) -> str:
    """Return the name of a journal's column for the value by which a row is recognized."""
    return f"{column}_seen"


def _journal_table(
    billing: Mapping[str, FromClause],
    step: JournaledStep,
    columns: Mapping[str, TypeEngine[Any]],
    recognized: Mapping[str, TypeEngine[Any]],
    of_decision: Sequence[Column[Any]],
    metadata: MetaData,
) -> Table:
    values: list[Column[Any]] = []
    for name, stored_as in columns.items():
        kind = AnyMoney(stored_as) if name in step.money else stored_as
        values += [Column(f"{name}_{side}", as_journaled(kind)) for side in ("before", "after")]
    values += [Column(seen(name), as_journaled(kind)) for name, kind in recognized.items()]
    return Table(
        step.journal,
        metadata,
        Column("step_run_id", Integer, nullable=False),
        Column("run_id", String(64), nullable=False),
        _id_column("tenant_id", billing["tenants"].c.id, index=True),
        _id_column(step.key, billing[step.table].c.id),
        *values,
        Column("rule", String(64), nullable=False),
        *of_decision,
        PrimaryKeyConstraint("step_run_id", step.key),
    )
