"""Making one step of one tenant, for real: lock, journal, write, verify, commit; or nothing at all.

One transaction per step and tenant, or in batches (see there). What a step changes and must keep is in `work`; how it
is recorded and written in `journal`; how its beginning and its end are recorded in `lifecycle`.
"""

from functools import partial

from sqlalchemy import select

from meter_assets.billing.schema import BillingSchema
from meter_assets.migration import run_history as history
from meter_assets.migration.batches import run_in_batches
from meter_assets.migration.database import BillingDatabase
from meter_assets.migration.journal import record, record_commit, recorded, require_room, write
from meter_assets.migration.journal_audit import require_trusted
from meter_assets.migration.recording import begun, held_and_prepared, tried_again
from meter_assets.migration.run_history import Entry, StepRun
from meter_assets.migration.step_report import StepReport, step_report, take_stock
from meter_assets.migration.step_run import work_of


def run_step(database: BillingDatabase, run: StepRun) -> StepReport:
    """Make one step of one tenant and report what was changed; run again, it changes nothing.

    The tenant's lock is held from here until `database.release()`. A step whose rows others change at the same
    moment is tried again a few times. Raises TenantLocked, BlockedByInvariants, StepInvariantBroken,
    RowsChangedMeanwhile, ColumnTooSmall, or StepError itself; whatever is raised, nothing of the step is left behind.
    A step in batches keeps the batches that were made, and may raise RowsKeepChanging.
    """
    with held_and_prepared(database, run) as schema:
        if run.batch_size is not None:
            return run_in_batches(database, schema, run, run.batch_size)
        with begun(database, schema, run) as entry:
            return tried_again(partial(_make, database, schema, run, entry))


def _make(database: BillingDatabase, schema: BillingSchema, run: StepRun, entry: Entry) -> StepReport:
    """Do all of a step in one transaction."""
    with database.transaction() as connection:
        database.hold_within(connection, schema, run.tenant, run.run_id, to_roll_back=run.rolls_back)
        require_trusted(connection, schema, run)
        work = work_of(schema, run)
        change, relations = work.change, work.relations
        work.require_laws_before(connection)
        stock = take_stock(connection, change, relations)
        journaled = record(connection, change, schema, entry)
        record_commit(connection, change, schema, entry, journaled)
        changed = recorded(change, schema, entry)
        require_room(connection, change, schema, changed)
        write(connection, change, schema, entry, journaled)
        work.require_laws_after(connection, relations, select(changed.c.id))
        report = step_report(connection, change, relations, changed, stock)
        history.succeed(connection, schema, entry)
        if report.changed:
            run.about_to_commit()
    return report
