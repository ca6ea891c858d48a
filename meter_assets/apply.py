"""Making one step of one tenant, for real: lock, journal, update, verify, commit; or nothing at all.

One transaction per step and tenant. What a step changes is in `changes`; how it is recorded and written in `journal`.
"""

import json
import traceback
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Select, insert, select, update
from sqlalchemy.exc import DBAPIError

from meter_assets import __version__
from meter_assets.changes import CHANGES
from meter_assets.database import BillingDatabase, Tenant
from meter_assets.engines import analyze_if_never, is_conflict, reason
from meter_assets.errors import (
    BlockedByInvariants,
    MeterAssetsError,
    StepError,
    StepInvariantBroken,
)
from meter_assets.invariants import INVARIANTS, Group, Invariant, Severity, blocking, of_group
from meter_assets.journal import record, recorded, require_room, write
from meter_assets.judge import broken, judge
from meter_assets.policy import Policy
from meter_assets.relations import BillingRelations, billing_relations
from meter_assets.report import StepReport, step_report, take_stock
from meter_assets.schema import BACKUP, RUNS, BillingSchema

ATTEMPTS = 3
RUNNING, SUCCEEDED, FAILED, INTERRUPTED = "running", "succeeded", "failed", "interrupted"


@dataclass(frozen=True)
class Laws:
    """What must hold for a step: before it writes, about the rows that it wrote, and about the tenant afterwards."""

    before: tuple[Invariant, ...] = ()
    of_written_rows: tuple[Invariant, ...] = ()
    after: tuple[Invariant, ...] = ()


def _named(*names: str) -> tuple[Invariant, ...]:
    return tuple(one for one in INVARIANTS if one.name in names)


_BALANCES = tuple(one for one in of_group(Group.balances) if one.severity is Severity.ERROR)
LAWS = {
    "payment_meter_ids": Laws(of_written_rows=_named("every_payment_meter_exists_in_its_tenant")),
    "invoice_amounts": Laws(
        of_written_rows=_named(
            "every_counted_invoice_adds_up",
            "every_uncounted_invoice_adds_up",
            "every_counted_invoice_equals_its_lines",
            "every_uncounted_invoice_equals_its_lines",
        )
    ),
    "customer_balances_backup": Laws(after=of_group(Group.backup)),
    "meter_balances": Laws(before=blocking(), after=_BALANCES),
    "customer_balances": Laws(before=(*of_group(Group.backup), *_BALANCES)),
}


@dataclass(frozen=True)
class StepRun:
    """Which step of which tenant is run, under which run id and policy."""

    step: str
    tenant: Tenant
    run_id: str
    policy: Policy
    allow_invalid: bool = False


def run_step(database: BillingDatabase, run: StepRun) -> StepReport:
    """Make one step of one tenant and report what was changed; run again, it changes nothing.

    The tenant's lock is held from here until `database.release()`. A step whose rows others change at the same
    moment is tried again a few times. Raises TenantLocked, BlockedByInvariants, StepInvariantBroken,
    RowsChangedMeanwhile, ColumnTooSmall, NotWritable; whatever is raised, nothing of the step is left behind.
    """
    database.hold(run.tenant)
    schema: BillingSchema | None = None
    try:
        schema = _begin(database, run)
        return _tried_again(database, schema, run)
    except BaseException as error:
        failure: BaseException = _as_step_error(run, error) if isinstance(error, DBAPIError) else error
    # Outside the handler and with its frames cleared: an unfinished query would keep SQLite's lock from the record.
    traceback.clear_frames(failure.__traceback__)
    if schema is not None:
        _record_failure(database, schema, run, failure)
    raise failure


def _tried_again(
    database: BillingDatabase, schema: BillingSchema, run: StepRun, attempts: int = ATTEMPTS
) -> StepReport:
    try:
        with database.transaction() as connection:
            database.hold_within(connection, run.tenant)
            report = _make(connection, schema, run)
            _record_outcome(connection, schema, run, SUCCEEDED, rows_changed=report.changed)
        return report
    except DBAPIError as error:
        if is_conflict(error) and attempts > 1:
            return _tried_again(database, schema, run, attempts - 1)
        raise


def _as_step_error(run: StepRun, error: DBAPIError) -> StepError:
    advice = "Others write these rows: run the tenant again." if is_conflict(error) else "Mend that, then run again."
    made = StepError(f"{run.step} of tenant {run.tenant.key} was rolled back whole: {reason(error)}. {advice}")
    made.__cause__ = error
    return made


def _make(connection: Connection, schema: BillingSchema, run: StepRun) -> StepReport:
    """Do all of a step inside its transaction."""
    laws, key = LAWS[run.step], run.tenant.key
    relations = billing_relations(schema, run.tenant.id)
    change = CHANGES[run.step](relations, run.policy)
    if not run.allow_invalid:
        found = broken(judge(connection, laws.before, relations, run.policy))
        if found:
            raise BlockedByInvariants(run.step, key, found)
    stock = take_stock(connection, change, relations)
    journaled = record(connection, change, schema, run.run_id)
    changed = recorded(change, schema, run.run_id, run.tenant.id)
    require_room(connection, change, schema, changed)
    if change.target != BACKUP:
        write(connection, change, schema, run.run_id, (run.tenant.id, key), journaled)
    _require_laws(connection, relations, run, select(changed.c.id))
    return step_report(connection, change, relations, changed, stock)


def _require_laws(connection: Connection, relations: BillingRelations, run: StepRun, written: Select[Any]) -> None:
    laws = LAWS[run.step]
    found = broken(
        judge(connection, laws.of_written_rows, relations, run.policy, only_ids=written)
        + judge(connection, laws.after, relations, run.policy)
    )
    if found:
        raise StepInvariantBroken(run.step, run.tenant.key, found)


def _begin(database: BillingDatabase, run: StepRun) -> BillingSchema:
    """Make our tables where they are missing, and record that the step is running."""
    with database.transaction() as connection:
        schema = database.schema(connection)
        if not schema.own_tables_present.issuperset(schema.own):
            schema = schema.make_own_tables(connection)
            analyze_if_never(connection)
    with database.transaction() as connection:
        runs = schema.own[RUNS]
        # We hold the tenant: whoever left a running row behind is dead.
        died = runs.c.tenant_id == run.tenant.id, runs.c.outcome == RUNNING
        message = "The process ended before the step did; nothing of the step was kept."
        connection.execute(
            update(runs).where(*died).values(outcome=INTERRUPTED, finished_at=datetime.now(UTC), message=message)
        )
        connection.execute(runs.delete().where(*_row_of(runs, run)))  # a retry of the same step in the same run
        connection.execute(
            insert(runs).values(
                run_id=run.run_id,
                tenant_id=run.tenant.id,
                step=run.step,
                started_at=datetime.now(UTC),
                outcome=RUNNING,
                policy=json.dumps({**run.policy.model_dump(mode="json"), "allow_invalid": run.allow_invalid}),
                software_version=__version__,
            )
        )
    return schema


def _row_of(runs: Any, run: StepRun) -> tuple[Any, ...]:
    return runs.c.run_id == run.run_id, runs.c.tenant_id == run.tenant.id, runs.c.step == run.step


def _record_outcome(
    connection: Connection,
    schema: BillingSchema,
    run: StepRun,
    outcome: str,
    *,
    rows_changed: int = 0,
    message: str | None = None,
) -> None:
    runs = schema.own[RUNS]
    values = {"outcome": outcome, "finished_at": datetime.now(UTC), "rows_changed": rows_changed, "message": message}
    connection.execute(update(runs).where(*_row_of(runs, run)).values(**values))


def _record_failure(database: BillingDatabase, schema: BillingSchema, run: StepRun, failure: BaseException) -> None:
    """Record how a step that did not end well has ended; if that fails too, the first failure is what is told."""
    if isinstance(failure, MeterAssetsError):
        outcome, message = FAILED, str(failure)
    elif isinstance(failure, Exception):
        outcome, message = FAILED, f"{type(failure).__name__}: {failure}"
    else:
        outcome, message = INTERRUPTED, "The run was interrupted; nothing of the step was kept."
    try:
        with database.transaction() as connection:
            _record_outcome(connection, schema, run, outcome, message=message)
    except (MeterAssetsError, DBAPIError) as error:
        failure.add_note(f"Nor could {RUNS} be told: {error}")
