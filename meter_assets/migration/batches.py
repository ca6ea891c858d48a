"""Runs one step of one tenant in batches: ranges of row ids, each committed with its part of the journal.

This is for a large tenant while other programs write: they wait for one batch at most, not for the whole step. The
step's change is computed and checked once, in one snapshot, and stored as the plan. Then, for each range, the planned
rows that nobody has written since are locked, journaled and written. Rows that others wrote in between are missed, and
the next round plans them again, because the plan may depend on the new values. Rows that others have locked are missed
too: if a batch waited for them, programs that wait for the batch would wait longer. Only later rounds wait for locks,
for a limited time. Each round plans only the rows that the previous round missed: as for a step in one transaction,
changes to other rows are left to the next run. A step that is stopped keeps its committed batches, and the next run
plans only the rest. Add here what is special about batches; what all step runs share is in `journal` and `recording`.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from sqlalchemy import Connection, FromClause, Select, func, select
from sqlalchemy.exc import DBAPIError

from meter_assets.billing.money import total
from meter_assets.billing.schema import BillingSchema
from meter_assets.engines import engine_of, is_conflict, is_kept_waiting
from meter_assets.engines.base import Load
from meter_assets.errors import RowsKeepChanging, StepError, StoppedInBatches
from meter_assets.migration.database import BillingDatabase
from meter_assets.migration.journal import IdRange, record, record_commit, recorded, write
from meter_assets.migration.pace import Pace
from meter_assets.migration.plan import Plan, begin_writing, plan_step, require_same_session, unwritten_since_plan
from meter_assets.migration.progress import WRITING, StepProgress, tell
from meter_assets.migration.recording import record_step_run, retry_on_conflict, succeed
from meter_assets.migration.reviewed_plans.comparison import require_planned
from meter_assets.migration.side_effects import money_elsewhere, require_no_other_changes
from meter_assets.migration.step_report import (
    RowsAndMoney,
    StepReport,
    all_together,
    step_report,
)
from meter_assets.migration.step_run import RunningStep, StepRun
from meter_assets.migration.temporary_tables import kept_table

ROUNDS, ROUNDS_WITHOUT_WAITING = 5, 2
"""How often a step is planned at most, and how many of these rounds do not wait for locked rows."""
MILLISECONDS_TO_WAIT = 300
"""A batch that waits longer for a lock is rolled back, because others may wait for its own locks."""
SECONDS_OF_RETRIES = 60
"""How long a batch is tried again in a round that waits for locks."""


def run_in_batches(database: BillingDatabase, schema: BillingSchema, run: StepRun, size: int) -> StepReport:
    """Run one step of one tenant with `size` rows per transaction (AUTO: by load), and report its changes.

    Raises what `apply.run_step` raises, and RowsKeepChanging if others change or lock the same rows in every round;
    then the committed batches stay, journaled, and the next run writes the rest.
    """
    rounds: list[StepReport] = []
    missed: FromClause | None = None
    pace = Pace(size)
    with database.session() as connection:
        while not rounds or missed is not None:
            try:
                report, missed = _one_round(database, connection, schema, run, pace, rounds, missed)
            except StepError as error:
                raise _with_changed_rows(run, rounds, error) from error.__cause__
            rounds.append(report)
    return all_together(rounds)


def _with_changed_rows(run: StepRun, rounds: Sequence[StepReport], error: StepError) -> StepError:
    """Return the error of one round with the number of rows that earlier rounds have changed."""
    changed = sum(one.changed for one in rounds)
    if isinstance(error, RowsKeepChanging) or not changed:
        return error
    return StoppedInBatches(run.title, changed, str(error))


def _one_round(
    database: BillingDatabase,
    connection: Connection,
    schema: BillingSchema,
    run: StepRun,
    pace: Pace,
    earlier: Sequence[StepReport],
    missed: FromClause | None,
) -> tuple[StepReport, FromClause | None]:
    """Plan and write the step, or the rows that the previous round missed; return the report and the missed rows.

    Each round is recorded as a separate step run, because others may have written its rows since the previous round.
    """
    with record_step_run(database, schema, run) as entry:
        plan = plan_step(database, connection, schema, run, len(earlier), missed)
        changed, started = 0, time.monotonic()
        ranges = _ranges_by_load(connection, plan, pace) if pace.follows_load else _ranges(connection, plan, pace.size)
        for part, keys in enumerate(ranges):
            began = time.monotonic()
            write = partial(_write_batch, database, connection, plan, entry, keys, part, pace)
            written, load = _tried(write, plan)
            changed += written
            time.sleep(pace.after(time.monotonic() - began, load))
            seconds, to_do = time.monotonic() - started, plan.summary.would_change
            tell(StepProgress(run.step, run.tenant.key, WRITING, changed, to_do, seconds))
        left = plan.summary.would_change - changed
        if left and len(earlier) + 1 == ROUNDS:
            raise RowsKeepChanging(run.title, sum(one.changed for one in earlier) + changed, left)
        return _finished(connection, plan, entry, changed)


def _finished(
    connection: Connection, plan: Plan, entry: RunningStep, changed: int
) -> tuple[StepReport, FromClause | None]:
    change, schema, summary, missed = plan.step.change, plan.step.schema, plan.summary, None
    left = summary.would_change - changed
    with connection.begin():
        require_same_session(connection, plan)
        if left:
            missed = kept_table(connection, f"meter_migration_missed_{plan.number}", _missed(plan, entry))
            summary = summary.without(_tallies(connection, missed))
        report = step_report(connection, change, plan.step.relations, recorded(change, schema, entry), summary)
        report = report.with_notes(sorted(plan.notes))
        if not left:
            require_planned(connection, schema, plan.run)
        succeed(connection, schema, entry, left)
    return report, missed


def _ranges(connection: Connection, plan: Plan, size: int) -> list[IdRange]:
    """Return ranges of the planned ids in their order, each with so many rows."""
    table = plan.rows
    place = func.row_number().over(order_by=table.c.id)
    one = select(table.c.id, place.label("place"), func.count().over().label("of")).subquery("planned")
    last_of_each = select(one.c.id).where((one.c.place % size == 0) | (one.c.place == one.c.of)).order_by(one.c.id)
    with connection.begin():
        require_same_session(connection, plan)
        highest = list(connection.execute(last_of_each).scalars())
    return [IdRange(low, high) for low, high in zip([None, *highest], highest, strict=False)]


def _ranges_by_load(connection: Connection, plan: Plan, pace: Pace) -> Iterator[IdRange]:
    """Yield ranges of the planned ids in their order, each with as many rows as the pace has when it is asked for."""
    table, low = plan.rows, None
    while True:
        later = select(table.c.id).where(IdRange(low).has(table.c.id)).order_by(table.c.id)
        part = later.limit(pace.size).subquery("part")
        with connection.begin():
            require_same_session(connection, plan)
            high = connection.scalar(select(part.c.id).order_by(part.c.id.desc()).limit(1))
        if high is None:
            return
        yield IdRange(low, high)
        low = high


def _waits(plan: Plan) -> bool:
    """Return whether the batches of a plan wait for locked rows, instead of leaving them to the next round."""
    return plan.number >= ROUNDS_WITHOUT_WAITING


def _tried(write: Callable[[], tuple[int, Load]], plan: Plan) -> tuple[int, Load]:
    """Write a part of the plan; return the number of rows and the load that was measured.

    The number is 0 if a lock or a conflict prevents it until the end.
    """
    deadline = time.monotonic() + (SECONDS_OF_RETRIES if _waits(plan) else 0)
    while True:
        try:
            return retry_on_conflict(write)
        except DBAPIError as error:
            if not (is_conflict(error) or is_kept_waiting(error)):
                raise
            if time.monotonic() > deadline:
                return 0, Load(others_wait=True)


def _write_batch(
    database: BillingDatabase,
    connection: Connection,
    plan: Plan,
    entry: RunningStep,
    keys: IdRange,
    part: int,
    pace: Pace,
) -> tuple[int, Load]:
    with connection.begin():
        begin_writing(connection, plan, MILLISECONDS_TO_WAIT)
        require_same_session(connection, plan)
        rolls_back = plan.run.rolls_back
        database.lock_within(connection, plan.step.schema, plan.run.tenant, plan.run.run_id, to_roll_back=rolls_back)
        batch = plan.step.change
        journaled = record(
            connection, batch, plan.step.schema, entry, unwritten_since_plan(plan, keys, waits=_waits(plan))
        )
        record_commit(connection, batch, plan.step.schema, entry, journaled, keys, part)
        elsewhere = money_elsewhere(connection, plan.step.schema, batch, plan.run.tenant.id)
        write(connection, batch, plan.step.schema, entry, journaled, keys)
        plan.notes.update(require_no_other_changes(connection, plan.step.schema, batch, entry, elsewhere))
        load = (
            engine_of(connection).load(connection, plan.step.schema.table(batch.target).name)
            if pace.follows_load
            else Load()
        )
        plan.run.about_to_commit()
    return journaled, load


def _missed(plan: Plan, entry: RunningStep) -> Select[Any]:
    """Return the planned rows that were not written, with their rule and their money at the time of the plan."""
    planned, outcome = plan.rows, plan.examined
    made = recorded(plan.step.change, plan.step.schema, entry)
    return (
        select(planned.c.id, planned.c.rule, outcome.c.money)
        .select_from(planned)
        .outerjoin(made, made.c.id == planned.c.id)
        .outerjoin(outcome, outcome.c.id == planned.c.id)
        .where(made.c.id.is_(None))
    )


def _tallies(connection: Connection, missed: FromClause) -> dict[str, RowsAndMoney]:
    counted = select(missed.c.rule, func.count().label("rows"), total(missed.c.money).label("money"))
    found = connection.execute(counted.group_by(missed.c.rule))
    return {row.rule: RowsAndMoney(rows=row.rows, money=row.money) for row in found}
