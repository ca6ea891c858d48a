"""Rolls back the changes of a tenant's runs: finds the steps to undo, newest first, and undoes them.

Add here how the steps to undo are found. The change that undoes a step is computed in `rules.undo`; it runs like any
other step, in `apply`, and is journaled under the run that undoes it. The dry run of a rollback is in
`reports.rollback_preview`.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from pydantic import BaseModel, computed_field
from sqlalchemy import Connection

from meter_assets.billing.own_tables import RUNS
from meter_assets.billing.policy import Policy
from meter_assets.billing.schema import BillingSchema
from meter_assets.errors import UnknownRun
from meter_assets.foreign_text import Shown, quoted
from meter_assets.migration.apply import run_step
from meter_assets.migration.database import BillingDatabase, Tenant
from meter_assets.migration.journal_audit import require_as_recorded
from meter_assets.migration.origin import UNKNOWN, Origin
from meter_assets.migration.recorded_place import require_same_place
from meter_assets.migration.run_history import StepRunRecord, recorded_steps_of
from meter_assets.migration.snapshot import tried_again
from meter_assets.migration.step_report import StepReport
from meter_assets.migration.step_run import StepRun
from meter_assets.rules.undo import LEFT_ALONE

SHOWN_RUNS = 10


class UndoneStep(BaseModel):
    """A recorded step, and the report of undoing it or of its dry run."""

    made: StepRunRecord
    report: StepReport

    @computed_field  # type: ignore[prop-decorator]
    @property
    def skipped(self) -> int:
        """How many rows were skipped, since others have changed or deleted them."""
        return sum(self.report.unresolved[why].rows for why in LEFT_ALONE if why in self.report.unresolved)


class Rollback(BaseModel):
    """The result of rolling back a tenant's runs, or of the dry run: its undone steps, newest first."""

    tenant: str
    name: Shown
    steps: list[UndoneStep]

    @computed_field  # type: ignore[prop-decorator]
    @property
    def restored(self) -> int:
        """The number of restored rows."""
        return sum(one.report.changed for one in self.steps)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def skipped(self) -> int:
        """How many rows were skipped, since others have changed or deleted them."""
        return sum(one.skipped for one in self.steps)


@tried_again
def steps_to_undo(
    database: BillingDatabase, tenant: Tenant, before_run: str | None = None, *, allow_unverified: bool = False
) -> list[StepRunRecord]:
    """Return the steps of a tenant that have changed rows and are not completely undone, newest first.

    With `before_run` (a run's id, or its first characters), only the steps of that run and of later runs. With
    `allow_unverified`, our own tables need not be as recorded, nor the mapping that of these steps. Raises UnknownRun
    if the tenant has no such run or the run is a rollback, NotAsRecorded if our own tables or the mapping are not as
    recorded, and what `snapshot` and `schema` raise.
    """
    with database.snapshot() as connection:
        schema = database.schema(connection)
        return find_steps_to_undo(connection, schema, tenant, before_run, allow_unverified=allow_unverified)


def find_steps_to_undo(
    connection: Connection,
    schema: BillingSchema,
    tenant: Tenant,
    before_run: str | None,
    *,
    allow_unverified: bool = False,
) -> list[StepRunRecord]:
    """Return what `steps_to_undo` returns, in an open snapshot. Raises UnknownRun and NotAsRecorded."""
    if RUNS not in schema.own_tables_present:
        if before_run is not None:
            raise UnknownRun(f"Tenant {tenant.key} has no run {quoted(before_run)}: no run has changed this database.")
        return []
    steps = recorded_steps_of(connection, schema, [tenant.id])
    first = 0 if before_run is None else _first_of_run(tenant, steps, before_run)
    restored: Counter[int] = Counter()
    for one in steps:
        if one.undoes is not None:
            restored[one.undoes] += one.rows_changed or 0
    in_force = [one for one in steps if one.undoes is None and (one.rows_changed or 0) > restored[one.id]]
    to_undo = [one for one in reversed(in_force) if one.id >= first]
    if not allow_unverified:
        require_as_recorded(connection, schema, tenant, to_undo, steps)
        require_same_place(connection, schema, tenant, to_undo)
    return to_undo


def _first_of_run(tenant: Tenant, steps: Sequence[StepRunRecord], run: str) -> int:
    """Return the id of a run's first step."""
    named = _named(steps, run)
    found = list(dict.fromkeys(one.run_id for one in named))
    if not found:
        known = list(dict.fromkeys(one.run_id for one in reversed(steps) if one.undoes is None))
        others = f" and {len(known) - SHOWN_RUNS} older ones" if len(known) > SHOWN_RUNS else ""
        its_runs = f"its runs are, newest first: {_listed(known)}{others}" if known else "it has no runs"
        raise UnknownRun(
            f"Tenant {tenant.key} has no run {quoted(run)}; {its_runs}. 'meter-assets history' lists them."
        )
    if len(found) > 1:
        raise UnknownRun(
            f"Several runs of tenant {tenant.key} start with {quoted(run)}: {_listed(found)}. Name one of them."
        )
    if named[0].undoes is not None:
        raise UnknownRun(
            f"Run {quoted(found[0])} of tenant {tenant.key} is itself a rollback. To repeat the changes that it "
            "undid, run the migration again."
        )
    return named[0].id


def _listed(runs: Sequence[str]) -> str:
    return ", ".join(map(quoted, runs[:SHOWN_RUNS]))


def _named(steps: Sequence[StepRunRecord], run: str) -> list[StepRunRecord]:
    """Return the steps of the run with this id or, if there is none, of the runs whose ids start with it."""
    whole = [one for one in steps if one.run_id == run]
    return whole or [one for one in steps if run and one.run_id.startswith(run)]


def tenants_of_run(database: BillingDatabase, tenants: Sequence[Tenant], run: str) -> list[Tenant]:
    """Return the tenants of a run, given its id or the start of its id. Raises UnknownRun if there is none."""
    with database.snapshot() as connection:
        schema = database.schema(connection)
        named = _named(recorded_steps_of(connection, schema), run) if RUNS in schema.own_tables_present else []
    runs = list(dict.fromkeys(one.run_id for one in named))
    if not runs:
        raise UnknownRun(f"No tenant has a run {quoted(run)}. 'meter-assets history' lists the runs.")
    if len(runs) > 1:
        raise UnknownRun(f"Several runs start with {quoted(run)}: {_listed(runs)}. Name one of them.")
    found = [tenant for tenant in tenants if tenant.id in {one.tenant_id for one in named}]
    if not found:
        raise UnknownRun(
            f"Run {quoted(runs[0])} is of tenant {quoted(named[0].tenant_id)}, which is no longer in the table "
            "tenants, or is deleted there. To undo the run, restore that row; then roll back again."
        )
    return found


def roll_back(
    database: BillingDatabase,
    tenant: Tenant,
    run_id: str,
    policy: Policy,
    *,
    before_run: str | None = None,
    batch_size: int | None = None,
    about_to_commit: Callable[[], None] = lambda: None,
    origin: Origin = UNKNOWN,
    allow_unverified: bool = False,
) -> Iterator[UndoneStep]:
    """Undo a tenant's steps, newest first, each in one transaction, and yield each when it is done.

    Rows that no longer have the journaled values are skipped and listed in the reports. `policy` and `origin` are only
    recorded. `about_to_commit` is called before each commit of restored rows. The tenant stays locked until
    `database.release()`. Raises what `steps_to_undo` and `apply.run_step` raise.
    """
    database.lock(tenant, run_id)
    for step in steps_to_undo(database, tenant, before_run, allow_unverified=allow_unverified):
        run = StepRun(
            step.step,
            tenant,
            run_id,
            policy,
            batch_size=batch_size,
            undoes=step,
            origin=origin,
            allow_unverified=allow_unverified,
            about_to_commit=about_to_commit,
        )
        yield UndoneStep(made=step, report=run_step(database, run))
