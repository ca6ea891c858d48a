"""Runs one step of one tenant for real: lock, journal, write, check, commit; or nothing at all.

One transaction per step and tenant, or several (see `batches`). What a step changes is in `step_run`, what must hold
for it in `stages`, how it is written in `journal`, how its start and its outcome are recorded in `recording`.
"""

from functools import partial

from meter_assets.billing.schema import BillingSchema
from meter_assets.migration.batches import run_in_batches
from meter_assets.migration.database import BillingDatabase
from meter_assets.migration.journal import record, record_commit, recorded, write
from meter_assets.migration.journal_audit import require_trusted
from meter_assets.migration.recording import locked_and_prepared, record_step_run, retry_on_conflict, succeed
from meter_assets.migration.stages import Moment, Situation, require
from meter_assets.migration.step_report import StepReport, step_report, summarize_change
from meter_assets.migration.step_run import RunningStep, StepRun, prepare_run


def run_step(database: BillingDatabase, run: StepRun) -> StepReport:
    """Make one step of one tenant and report what was changed; run again, it changes nothing.

    The tenant's lock is held from here until `database.release()`. A step whose rows others change at the same
    moment is tried again a few times. Raises TenantLocked, BlockedByInvariants, StepInvariantBroken,
    RowsChangedMeanwhile, ColumnTooSmall, or StepError itself; whatever is raised, nothing of the step is left behind.
    A step in batches keeps the batches that were made, and may raise RowsKeepChanging.
    """
    with locked_and_prepared(database, run) as schema:
        if run.batch_size is not None:
            return run_in_batches(database, schema, run, run.batch_size)
        with record_step_run(database, schema, run) as entry:
            return retry_on_conflict(partial(_make, database, schema, run, entry))


def _make(database: BillingDatabase, schema: BillingSchema, run: StepRun, entry: RunningStep) -> StepReport:
    """Do all of a step in one transaction."""
    with database.transaction() as connection:
        database.lock_within(connection, schema, run.tenant, run.run_id, to_roll_back=run.rolls_back)
        require_trusted(connection, schema, run)
        step = prepare_run(schema, run)
        change, relations = step.change, step.relations
        require(connection, Moment.before, Situation(step, relations))
        stock = summarize_change(connection, change, relations)
        journaled = record(connection, change, schema, entry)
        commits = record_commit(connection, change, schema, entry, journaled)
        changed = recorded(change, schema, entry)
        require(connection, Moment.computed, Situation(step, relations, changed))
        write(connection, change, schema, entry, journaled)
        require(connection, Moment.written, Situation(step, relations, changed))
        report = step_report(connection, change, relations, changed, stock)
        succeed(connection, schema, entry, commits=commits)
        if report.changed:
            run.about_to_commit()
    return report
