"""What surrounds a step however it is made: its tenant is held, our tables are there, its end is recorded.

What happens in between is in `apply` and `batches`.
"""

import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from sqlalchemy.exc import DBAPIError

from meter_assets.billing.schema import OWN_TABLES, RECORDS, BillingSchema
from meter_assets.engines.drivers import analyze_if_never, is_conflict, reason
from meter_assets.errors import MeterAssetsError, NotWritable, StepError, StepUnconfirmed
from meter_assets.migration import run_history as history
from meter_assets.migration.database import BillingDatabase
from meter_assets.migration.journal_audit import adopt
from meter_assets.migration.run_history import FAILED, INTERRUPTED, Entry, StepRun

T = TypeVar("T")
ATTEMPTS = 3


def tried_again(make: Callable[[], T], attempts: int = ATTEMPTS) -> T:
    """Return what a transaction makes; where others change the same rows at the same moment, make it again."""
    try:
        return make()
    except DBAPIError as error:
        if is_conflict(error) and attempts > 1:
            return tried_again(make, attempts - 1)
        raise


@contextmanager
def held_and_prepared(database: BillingDatabase, run: StepRun) -> Iterator[BillingSchema]:
    """Take the tenant, make our tables where they are missing, and let what the database says reach the caller.

    Raises TenantLocked, and a StepError for every error of the database.
    """
    database.hold(run.tenant, run.run_id)
    try:
        yield _prepared(database, run)
    except (DBAPIError, NotWritable) as error:
        raise _in_words(run, error) from error


def _prepared(database: BillingDatabase, run: StepRun) -> BillingSchema:
    with database.snapshot() as connection:
        schema = database.schema(connection)
    if schema.own_tables_present.issuperset(RECORDS if run.rolls_back else OWN_TABLES):
        return schema
    with database.alone(), database.transaction() as connection:
        schema = database.make_own_tables(connection, to_roll_back=run.rolls_back)
        analyze_if_never(connection)
    return schema


@contextmanager
def begun(database: BillingDatabase, schema: BillingSchema, run: StepRun) -> Iterator[Entry]:
    """Record that a step has begun, and, if it does not end well, how it has ended. It records its success itself."""
    with database.transaction() as connection:
        database.hold_within(connection, schema, run.tenant, run.run_id, to_roll_back=run.rolls_back)
        adopt(connection, schema, run.tenant)
        entry = history.begin(connection, schema, run)
    try:
        yield entry
    except BaseException as error:
        failure = _in_words(run, error) if isinstance(error, (DBAPIError, NotWritable)) else error
        # An unfinished query in one of these frames would keep SQLite's lock from the record.
        traceback.clear_frames(error.__traceback__)
        if not _record_failure(database, schema, run, entry, failure):
            failure = StepUnconfirmed(run.title)
        raise failure from failure.__cause__


def _in_words(run: StepRun, error: DBAPIError | NotWritable) -> StepError:
    why = "; ".join(error.problems) if isinstance(error, NotWritable) else reason(error)
    advice = _advice(error, "rollback" if run.rolls_back else "migrate")
    done = "was rolled back whole"
    if run.batch_size is not None:
        done = "was stopped; the batches that were made stay, journaled"
        advice += " to go on from there"
    elif is_conflict(error):
        advice += ", or with --batch-size"
    made = StepError(f"{run.title} {done}: {why}. {advice}.")
    made.__cause__ = error
    return made


def _advice(error: DBAPIError | NotWritable, purpose: str) -> str:
    if isinstance(error, NotWritable):
        if error.url.startswith("sqlite"):
            return "Let the file be written to, then run again"
        return f"Give the role that right: 'meter-assets grants {purpose} ROLE' prints what it needs; then run again"
    return "Others write these rows: run the tenant again" if is_conflict(error) else "Mend that, then run again"


def _record_failure(
    database: BillingDatabase, schema: BillingSchema, run: StepRun, entry: Entry, failure: BaseException
) -> bool:
    """Record how a step has failed; False if it is recorded as made: then only the word of its commit was lost.

    If that cannot be done either, the first failure is what is told.
    """
    if isinstance(failure, MeterAssetsError):
        outcome, message = FAILED, str(failure)
    elif isinstance(failure, Exception):
        outcome, message = FAILED, f"{type(failure).__name__}: {failure}"
    else:
        outcome, message = INTERRUPTED, "The run was interrupted."
    try:
        with database.transaction() as connection:
            database.hold_own_tables(connection, schema, to_roll_back=run.rolls_back)
            return history.fail(connection, schema, entry, outcome, message)
    except (MeterAssetsError, DBAPIError) as error:
        failure.add_note(f"Nor could that be recorded: {error}")
    return True
