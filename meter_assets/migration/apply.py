"""`run_step`: runs one step of one tenant in one transaction: lock, journal, write, check, commit.

If the tenant has no backup, a step run of its own takes it before (`backup`). Add here only the order of these actions.
A step's change is prepared in `step_run`, checked in `stages`, and written in `journal`; its start and outcome are
recorded in `recording`. Steps in several transactions are in `batches`.
"""

from functools import partial

from meter_assets.billing.own_tables import BACKUP
from meter_assets.billing.schema import BillingSchema
from meter_assets.errors import RowsChangedSincePlan
from meter_assets.migration.backup import backup_to_take, has_backup
from meter_assets.migration.batches import run_in_batches
from meter_assets.migration.database import BillingDatabase
from meter_assets.migration.journal import record, record_commit, recorded, write
from meter_assets.migration.journal_audit import require_trusted
from meter_assets.migration.plan import begin_writing, plan_step, unwritten_since_plan
from meter_assets.migration.progress import CHECKING, COMPUTING, VERIFYING, WRITING, StepProgress, tell
from meter_assets.migration.recording import locked_and_prepared, record_step_run, retry_on_conflict, succeed
from meter_assets.migration.reviewed_plans.comparison import require_as_planned, require_planned
from meter_assets.migration.side_effects import money_elsewhere, require_no_other_changes, unlike_the_backup
from meter_assets.migration.stages import Moment, Situation, require
from meter_assets.migration.step_report import StepReport, step_report, summarize_change
from meter_assets.migration.step_run import RunningStep, StepRun, prepare_run
from meter_assets.migration.temporary_tables import tables_unless_few_rows


def run_step(database: BillingDatabase, run: StepRun) -> StepReport:
    """Run one step of one tenant and report its changes; a second run changes nothing.

    If the tenant has no backup, it is taken first, in a step run of its own, whose report `run.also_ran` gets. The
    tenant stays locked until `database.release()`. If other programs change the same rows at the same time, the step is
    tried again a few times. With a reviewed plan, the whole tenant is compared with it before its first step, and each
    step again before it commits. Raises TenantLocked, PlanRefused, PlanDrifted, BlockedByInvariants,
    StepInvariantViolated, ConcurrentModification, ColumnTooSmall, ConstraintViolated, TriggerInterfered,
    TriggerChangedOthers, or StepError itself; after any error, nothing of the step is left in the database. A step in
    batches keeps its committed batches, and may raise RowsKeepChanging or, before it starts, SharedSessions.
    """
    if run.batch_size is not None:
        database.require_own_session()
    if run.plan is not None:
        database.lock(run.tenant, run.run_id)
        require_as_planned(database, run)
    with locked_and_prepared(database, run) as schema:
        backup = backup_to_take(database, schema, run)
        if backup is not None:
            run.also_ran(_run_alone(database, schema, backup))
        return _run_alone(database, schema, run)


def _run_alone(database: BillingDatabase, schema: BillingSchema, run: StepRun) -> StepReport:
    """Run a step and nothing else."""
    if run.batch_size is not None:
        return run_in_batches(database, schema, run, run.batch_size)
    with record_step_run(database, schema, run) as entry:
        once = _plan_and_write if database.backend.PLANS_FIRST else _run_once
        report = retry_on_conflict(partial(once, database, schema, run, entry))
    if run.step == BACKUP and not run.rolls_back:
        database.checked(run.tenant).add(has_backup(run))
    return report


def _run_once(database: BillingDatabase, schema: BillingSchema, run: StepRun, entry: RunningStep) -> StepReport:
    """Run a whole step in one transaction, all of whose statements read one snapshot."""
    with database.transaction() as connection:
        database.lock_within(connection, schema, run.tenant, run.run_id, to_roll_back=run.rolls_back)
        if not run.allow_unverified:
            require_trusted(connection, schema, run)
        tables = tables_unless_few_rows(connection, schema, run.tenant.id)
        prepared = prepare_run(schema, run, tables)
        tell(StepProgress(run.step, run.tenant.key, CHECKING))
        require(connection, Moment.before, Situation(prepared, prepared.relations))
        tell(StepProgress(run.step, run.tenant.key, COMPUTING))
        step = prepared.computed(tables)
        change, relations = step.change, step.relations
        summary = summarize_change(connection, change, relations)
        tell(StepProgress(run.step, run.tenant.key, WRITING, 0, summary.would_change))
        journaled = record(connection, change, schema, entry)
        commits = record_commit(connection, change, schema, entry, journaled)
        require_planned(connection, schema, run)
        changed = recorded(change, schema, entry)
        require(connection, Moment.computed, Situation(step, relations, changed))
        elsewhere = money_elsewhere(connection, schema, change, run.tenant.id)
        notes = unlike_the_backup(connection, change, relations)
        write(connection, change, schema, entry, journaled)
        notes += require_no_other_changes(connection, schema, change, entry, elsewhere)
        tell(StepProgress(run.step, run.tenant.key, VERIFYING, journaled, journaled))
        require(connection, Moment.written, Situation(step, relations.once_written(change.target), changed))
        report = step_report(connection, change, relations, changed, summary).with_notes(notes)
        succeed(connection, schema, entry, commits=commits)
        if report.changed:
            run.about_to_commit()
    return report


def _plan_and_write(database: BillingDatabase, schema: BillingSchema, run: StepRun, entry: RunningStep) -> StepReport:
    """Plan a step in one transaction, and write all of its rows in the next, if others have changed none since.

    Raises RowsChangedSincePlan.
    """
    with database.session() as connection:
        plan = plan_step(database, connection, schema, run)
        step, summary, change = plan.step, plan.summary, plan.step.change
        tell(StepProgress(run.step, run.tenant.key, WRITING, 0, summary.would_change))
        with connection.begin():
            begin_writing(connection, plan)
            database.lock_within(connection, schema, run.tenant, run.run_id, to_roll_back=run.rolls_back)
            journaled = record(connection, change, schema, entry, unwritten_since_plan(plan))
            if journaled != summary.would_change:
                raise RowsChangedSincePlan(run.title, summary.would_change - journaled)
            commits = record_commit(connection, change, schema, entry, journaled)
            require_planned(connection, schema, run)
            elsewhere = money_elsewhere(connection, schema, change, run.tenant.id)
            write(connection, change, schema, entry, journaled)
            plan.notes.update(require_no_other_changes(connection, schema, change, entry, elsewhere))
            tell(StepProgress(run.step, run.tenant.key, VERIFYING, journaled, journaled))
            changed = recorded(change, schema, entry)
            report = step_report(connection, change, step.relations, changed, summary).with_notes(sorted(plan.notes))
            succeed(connection, schema, entry, commits=commits)
            if report.changed:
                run.about_to_commit()
    return report
