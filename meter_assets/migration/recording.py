"""Records the start and the outcome of every step run, also after errors, interruptions and blocking checks.

Add here what every step run records or does before and after it runs. How a step runs is in `apply` and `batches`; the
tables with the records are read and written in `records`.
"""

import json
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar

from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import DBAPIError, IntegrityError

from meter_assets.billing.own_tables import (
    BLOCKED,
    FAILED,
    INTERRUPTED,
    ORIGINS,
    PARTIAL,
    RECORDS,
    RUNNING,
    RUNS,
    SUCCEEDED,
)
from meter_assets.billing.schema import BillingSchema
from meter_assets.billing.step_runs import step_runs
from meter_assets.engines import is_conflict
from meter_assets.engines.base import DatabaseEngine
from meter_assets.engines.failures import Failure, advice_for, reason_and_place
from meter_assets.errors import (
    BlockedByInvariants,
    MeterAssetsError,
    NotWritable,
    RowsChangedSincePlan,
    StepError,
    StepUnconfirmed,
    TenantLockLost,
    UnreadableValue,
)
from meter_assets.migration import records
from meter_assets.migration.database import BillingDatabase
from meter_assets.migration.journal_audit import seal_old_records
from meter_assets.migration.recorded_place import PLACE, place_of
from meter_assets.migration.recorded_policy import require_recorded_policy
from meter_assets.migration.step_run import RunningStep, StepRun
from meter_assets.version import __version__

T = TypeVar("T")
OfTheDatabase = DBAPIError | NotWritable | UnreadableValue
OF_THE_DATABASE = (DBAPIError, NotWritable, UnreadableValue)
"""The errors that end a step because of what the database answered."""
ATTEMPTS = 3
_ROLE = "meter-assets: role"
NOTHING_KEPT = "nothing of the step was kept"
BATCHES_KEPT = "the rows of its finished batches stay, journaled, and the same command continues from there"


def retry_on_conflict(transaction: Callable[[], T], attempts: int = ATTEMPTS) -> T:
    """Run a transaction and return its result; if others change the same rows at the same time, run it again."""
    try:
        return transaction()
    except (DBAPIError, RowsChangedSincePlan) as error:
        if attempts > 1 and (isinstance(error, RowsChangedSincePlan) or is_conflict(error)):
            return retry_on_conflict(transaction, attempts - 1)
        raise


@contextmanager
def locked_and_prepared(database: BillingDatabase, run: StepRun) -> Iterator[BillingSchema]:
    """Lock the tenant, create our missing tables, and turn every error of the database into a StepError.

    Raises TenantLocked and StepError.
    """
    database.lock(run.tenant, run.run_id)
    try:
        yield _prepared(database, run)
    except OF_THE_DATABASE as error:
        raise _as_step_error(database.backend, run, error) from error


def _prepared(database: BillingDatabase, run: StepRun) -> BillingSchema:
    schema = database.known_schema()
    if schema.own_tables_present.issuperset(RECORDS) if run.rolls_back else schema.is_complete:
        return schema
    with database.transaction() as connection:
        database.backend.lock_ddl(connection)
        schema = database.make_own_tables(connection, to_roll_back=run.rolls_back)
        database.backend.analyze_if_never(connection)
    return schema


@contextmanager
def record_step_run(database: BillingDatabase, schema: BillingSchema, run: StepRun) -> Iterator[RunningStep]:
    """Record that a step run has started and, if it fails, its outcome. The step records its success with `succeed`.

    Raises PolicyDiffers, and records nothing, if the tenant was migrated with another policy or mapping.
    """
    with database.transaction() as connection:
        database.lock_within(connection, schema, run.tenant, run.run_id, to_roll_back=run.rolls_back)
        entry = _start(database, connection, schema, run)  # which verifies the records that the policy is read from
        require_recorded_policy(database, connection, schema, run)
    try:
        yield entry
    except BaseException as error:
        failure = _as_step_error(database.backend, run, error) if isinstance(error, OF_THE_DATABASE) else error
        # An unfinished query in one of these frames would keep SQLite's lock from the record.
        traceback.clear_frames(error.__traceback__)
        is_recorded = _record_failure(database, schema, run, entry, failure)
        if not is_recorded and isinstance(error, Exception):  # an interrupt came after the commit: it goes on
            failure = StepUnconfirmed(run.title)
        raise failure from failure.__cause__


def record_blocked(database: BillingDatabase, runs: Sequence[StepRun], message: str) -> None:
    """Record, in one transaction, that these steps of one tenant were not run because a check before them failed.

    The tenant stays locked until `database.release()`. Raises what `locked_and_prepared` raises, and RecordsAltered.
    """
    with locked_and_prepared(database, runs[0]) as schema, database.transaction() as connection:
        database.lock_within(connection, schema, runs[0].tenant, runs[0].run_id)
        for run in runs:
            entry = _start(database, connection, schema, run)
            known = records.SealedRecord(entry.recorded, origin=entry.origin)
            records.end(connection, schema, entry.id, BLOCKED, message, known, entry.previous)


def _as_step_error(engine: DatabaseEngine, run: StepRun, error: OfTheDatabase) -> StepError:
    advice = _advice(engine, error, "rollback" if run.rolls_back else "migrate")
    what = "was rolled back"
    if run.batch_size is not None:
        what = "was stopped; its finished batches stay, journaled"
        advice += " to continue from there"
    elif is_conflict(error):
        advice += ", or with --batch-size"
    step_error = StepError(f"{run.title} {what}: {_reason(engine, error)}. {advice}.")
    step_error.__cause__ = error
    return step_error


def _reason(engine: DatabaseEngine, error: OfTheDatabase) -> str:
    if isinstance(error, NotWritable):
        return "; ".join(error.problems)
    if isinstance(error, UnreadableValue):
        return error.reason
    return reason_and_place(error, engine.place_of(error))


def _advice(engine: DatabaseEngine, error: OfTheDatabase, purpose: str) -> str:
    if isinstance(error, NotWritable):
        return f"{engine.how_to_let_write(purpose)}, then run again"
    return advice_for(Failure.UNREADABLE if isinstance(error, UnreadableValue) else engine.failure_of(error))


def _record_failure(
    database: BillingDatabase, schema: BillingSchema, run: StepRun, entry: RunningStep, failure: BaseException
) -> bool:
    """Record the failure of a step; return False if the step is recorded as succeeded: its commit was not confirmed.

    If this fails too, the first failure is the one that is reported.
    """
    if isinstance(failure, BlockedByInvariants):
        outcome, message = BLOCKED, str(failure)
    elif isinstance(failure, MeterAssetsError):
        outcome, message = FAILED, str(failure)
    elif isinstance(failure, Exception):
        outcome, message = FAILED, f"{type(failure).__name__}: {failure}"
    else:
        outcome, message = INTERRUPTED, "The run was interrupted."
    try:
        with database.transaction() as connection:
            database.lock_own_tables(connection, schema, to_roll_back=run.rolls_back)
            return _fail(connection, schema, entry, outcome, message)
    except (MeterAssetsError, DBAPIError) as error:
        failure.add_note(f"The failure could not be recorded: {error}")
    return True


def _start(database: BillingDatabase, connection: Connection, schema: BillingSchema, run: StepRun) -> RunningStep:
    """Record that a step is running. The tenant must be locked: so the process of an unfinished step run has ended.

    Raises RecordsAltered if the records of the tenant were changed.
    """
    runs = schema.own[RUNS]
    known = records.read_records(connection, schema, tenant_id=run.tenant.id)
    if seal_old_records(connection, schema, run.tenant, known):
        known = records.read_records(connection, schema, tenant_id=run.tenant.id)
    if not run.allow_unverified:
        records.require_unaltered(known)
    for died in (one for one in known if one.is_running):
        message = f"The process ended before the step did; {BATCHES_KEPT if died.rows_changed else NOTHING_KEPT}."
        records.end(connection, schema, died.run["id"], INTERRUPTED, message)
    if any(one.is_running for one in known):
        known = records.read_records(connection, schema, tenant_id=run.tenant.id)
    previous = records.chain_old_records(connection, schema, known)
    values = {
        "run_id": run.run_id,
        "tenant_id": run.tenant.id,
        "step": run.step,
        "undoes": run.undoes.id if run.undoes else None,
        "outcome": RUNNING,
        "policy": json.dumps(
            {
                **run.policy.model_dump(mode="json"),
                "allow_invalid": run.allow_invalid,
                PLACE: place_of(schema, run.step),
            }
        ),
        "software_version": __version__,
    }
    values["started_at"] = datetime.now(UTC)
    made = connection.execute(insert(runs).values(**values))
    (inserted,) = made.inserted_primary_key or (None,)
    step_run_id = int(str(inserted))
    recorded = {"id": step_run_id, "rows_changed": None, "message": None, "ended_as": None, **values}
    origin = None
    if ORIGINS in schema.own_tables_present:
        origin = run.origin.recorded(_role_of(database, connection))
        of_run = {"step_run_id": step_run_id, "tenant_id": run.tenant.id}
        connection.execute(insert(schema.own[ORIGINS]).values(**of_run, **origin))
    return RunningStep(step_run_id, run.run_id, run.tenant, recorded, origin, previous)


def _role_of(database: BillingDatabase, connection: Connection) -> str | None:
    """Return the role of a connection; it is asked once for each connection."""
    if _ROLE not in connection.info:
        connection.info[_ROLE] = database.backend.role_of(connection)
    role: str | None = connection.info[_ROLE]
    return role


def succeed(
    connection: Connection,
    schema: BillingSchema,
    entry: RunningStep,
    missed: int = 0,
    commits: Sequence[Mapping[str, Any]] | None = None,
) -> None:
    """Record that a step is made, or a round of its batches; in the transaction that makes it.

    `missed` are the rows that the round should have written and that are left to the next; `commits` are those of the
    step run, if they are known and need not be read. Raises TenantLockLost if the step is no longer recorded as
    running: another run has started one since.
    """
    message = f"Other programs changed or locked {missed:,} rows: left to the next round." if missed else None
    try:
        outcome = PARTIAL if missed else SUCCEEDED
        known = None if commits is None else records.SealedRecord(entry.recorded, tuple(commits), entry.origin)
        was_running = records.end(connection, schema, entry.id, outcome, message, known, entry.previous)
    except IntegrityError as error:
        raise TenantLockLost(entry.tenant.key) from error
    if not was_running:
        raise TenantLockLost(entry.tenant.key)


def _fail(connection: Connection, schema: BillingSchema, entry: RunningStep, outcome: str, message: str) -> bool:
    """Record the outcome of a step that failed.

    Returns False if it is recorded as succeeded: the database committed it, but could not confirm the commit.
    """
    if records.end(connection, schema, entry.id, outcome, message):
        return True
    known = step_runs(schema)
    return connection.scalar(select(known.c.outcome).where(known.c.id == entry.id)) not in (SUCCEEDED, PARTIAL)
