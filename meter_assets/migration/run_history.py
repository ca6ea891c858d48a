"""What was run: recorded as steps begin and end, read by those who ask.

One row of meter_migration_runs per step that was begun, in the order of their ids. A rollback's rows say whose step
they undo. In which tables an outcome is kept, and how it is sealed, is in `records`.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel
from sqlalchemy import Connection, Select, exists, insert, select
from sqlalchemy.exc import IntegrityError

from meter_assets import __version__
from meter_assets.billing.policy import Policy
from meter_assets.billing.schema import RUNNING, RUNS, BillingSchema
from meter_assets.errors import InvalidSettings, RecordsAltered, TenantLost
from meter_assets.migration import records
from meter_assets.migration.database import BillingDatabase, Tenant

SUCCEEDED, FAILED, INTERRUPTED = "succeeded", "failed", "interrupted"
PARTIAL = "partial"
"""A round of batches that others kept from some of its rows: the next round comes back to them."""
NOTHING_KEPT = "nothing of the step was kept"
BATCHES_KEPT = "the rows of its finished batches stay, journaled, and the same command goes on from there"


def _nothing() -> None:
    """Do nothing."""


@dataclass(frozen=True)
class StepRun:
    """Which step of which tenant is run, under which run id and policy; or which recorded step it undoes.

    With `batch_size`, so many rows are written per transaction; without, all in one.
    """

    step: str
    tenant: Tenant
    run_id: str
    policy: Policy
    allow_invalid: bool = False
    batch_size: int | None = None
    undoes: "RecordedStep | None" = None
    about_to_commit: Callable[[], None] = _nothing
    """Is called at the end of each transaction that changes rows, just before it commits: more than once, it may be."""

    def __post_init__(self) -> None:
        """Raise InvalidSettings for a batch of no rows."""
        if self.batch_size is not None and self.batch_size < 1:
            raise InvalidSettings(f"batch_size is {self.batch_size}; it takes a number of rows, 1 or more.")

    @property
    def rolls_back(self) -> bool:
        """Whether it undoes what a step has written."""
        return self.undoes is not None

    @property
    def title(self) -> str:
        """The step in words, as messages name it."""
        name = self.step if self.undoes is None else f"the rollback of {self.step}"
        return f"{name} of tenant {self.tenant.key}"


@dataclass(frozen=True)
class Entry:
    """A step run that has begun: its row in meter_migration_runs, under whose id its changes are journaled."""

    id: int
    run_id: str
    tenant: Tenant


class RecordedStep(BaseModel):
    """One step of one tenant in one run, as it is recorded in the billing database."""

    id: int
    run_id: str
    tenant_id: Any
    step: str
    undoes: int | None
    undoes_run_id: str | None = None
    started_at: datetime
    finished_at: datetime | None
    outcome: str
    rows_changed: int | None
    message: str | None
    software_version: str


def begin(connection: Connection, schema: BillingSchema, run: StepRun) -> Entry:
    """Record that a step is running. The tenant must be held: whoever left a step run without an end is dead.

    Raises RecordsAltered where what is recorded of the tenant was changed.
    """
    runs, known = schema.own[RUNS], records.step_runs(schema)
    records.require_unaltered(connection, schema, run.tenant.id)
    died = known.c.tenant_id == run.tenant.id, known.c.outcome == RUNNING
    for step_run_id, rows in connection.execute(select(known.c.id, known.c.rows_changed).where(*died)).all():
        message = f"The process ended before the step did; {BATCHES_KEPT if rows else NOTHING_KEPT}."
        records.end(connection, schema, step_run_id, INTERRUPTED, message)
    made = connection.execute(
        insert(runs).values(
            run_id=run.run_id,
            tenant_id=run.tenant.id,
            step=run.step,
            undoes=run.undoes.id if run.undoes else None,
            started_at=datetime.now(UTC),
            outcome=RUNNING,
            policy=json.dumps({**run.policy.model_dump(mode="json"), "allow_invalid": run.allow_invalid}),
            software_version=__version__,
        )
    )
    (entry_id,) = made.inserted_primary_key or (None,)
    return Entry(int(str(entry_id)), run.run_id, run.tenant)


def succeed(connection: Connection, schema: BillingSchema, entry: Entry, missed: int = 0) -> None:
    """Record that a step is made, or a round of its batches; in the transaction that makes it.

    `missed` are the rows that the round should have written and that are left to the next. Raises TenantLost where the
    step is no longer recorded as running: another run has begun one since.
    """
    message = f"Others changed or held {missed:,} rows: left to the next round." if missed else None
    try:
        is_ours = records.end(connection, schema, entry.id, PARTIAL if missed else SUCCEEDED, message)
    except IntegrityError as error:
        raise TenantLost(entry.tenant.key) from error
    if not is_ours:
        raise TenantLost(entry.tenant.key)


def fail(connection: Connection, schema: BillingSchema, entry: Entry, outcome: str, message: str) -> bool:
    """Record how a step that did not end well has ended.

    Returns False where it is recorded as made after all: its commit was done, and only the word of it was lost.
    """
    if records.end(connection, schema, entry.id, outcome, message):
        return True
    known = records.step_runs(schema)
    return connection.scalar(select(known.c.outcome).where(known.c.id == entry.id)) not in (SUCCEEDED, PARTIAL)


def tenants_with(schema: BillingSchema, step: str) -> Select[Any]:
    """Return the SELECT of the ids of the tenants for which a step is made and in force: not undone since.

    A rollback undoes, newest first, everything that is newer than the oldest step that it undoes.
    """
    made, undoing = records.step_runs(schema, "made"), records.step_runs(schema, "undoing")
    undone = exists(select(1).select_from(undoing)).where(
        undoing.c.tenant_id == made.c.tenant_id,
        undoing.c.undoes <= made.c.id,
        undoing.c.id > made.c.id,
        (undoing.c.outcome == SUCCEEDED) | (undoing.c.rows_changed > 0),
    )
    ended_well = made.c.step == step, made.c.undoes.is_(None), made.c.outcome == SUCCEEDED
    return select(made.c.tenant_id).where(*ended_well, ~undone).distinct()


def recorded_steps(database: BillingDatabase, tenants: Sequence[Tenant]) -> list[RecordedStep]:
    """Return what was run of these tenants, oldest first; nothing where no live run has been made yet.

    Raises what `BillingDatabase.snapshot` and `schema` raise.
    """
    with database.snapshot() as connection:
        schema = database.schema(connection)
        if RUNS not in schema.own_tables_present:
            return []
        return recorded_steps_of(connection, schema, [tenant.id for tenant in tenants])


def altered_records(database: BillingDatabase, tenants: Sequence[Tenant]) -> list[RecordsAltered]:
    """Return an error for each step run of these tenants of which the record is not what was sealed.

    Raises what `BillingDatabase.snapshot` and `schema` raise.
    """
    keys = {tenant.key for tenant in tenants}
    with database.snapshot() as connection:
        found = records.altered(connection, database.schema(connection))
        return [one for one in found if one.tenant_id in keys]


def recorded_steps_of(
    connection: Connection, schema: BillingSchema, tenant_ids: Sequence[Any] | None = None
) -> list[RecordedStep]:
    """Return the recorded steps of these tenants (of all, whether or not they are there), oldest first."""
    runs, undone = records.step_runs(schema), schema.own[RUNS].alias("undone")
    joined = runs.outerjoin(undone, undone.c.id == runs.c.undoes)
    statement = select(runs, undone.c.run_id.label("undoes_run_id")).select_from(joined).order_by(runs.c.id)
    if tenant_ids is not None:
        statement = statement.where(runs.c.tenant_id.in_(tenant_ids))
    return [RecordedStep.model_validate(dict(row)) for row in connection.execute(statement).mappings()]
