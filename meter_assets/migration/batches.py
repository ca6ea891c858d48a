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
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Connection, Index, Select, Table, and_, func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import CreateTableAs

from meter_assets.billing.constructs import row_values, row_version
from meter_assets.billing.money import total
from meter_assets.billing.own_tables import Effect
from meter_assets.billing.schema import BillingSchema
from meter_assets.engines import engine_of, is_conflict, is_kept_waiting
from meter_assets.engines.base import Load
from meter_assets.errors import RowsKeepChanging, SessionChanged, StepError, StoppedInBatches
from meter_assets.migration.database import BillingDatabase
from meter_assets.migration.journal import IdRange, record, record_commit, recorded, row_id_of, write
from meter_assets.migration.journal_audit import require_trusted
from meter_assets.migration.pace import Pace
from meter_assets.migration.progress import CHECKING, COMPUTING, WRITING, StepProgress, tell
from meter_assets.migration.recording import record_step_run, retry_on_conflict, succeed
from meter_assets.migration.side_effects import money_elsewhere, require_no_other_changes, unlike_the_backup
from meter_assets.migration.stages import Moment, Situation, require
from meter_assets.migration.step_report import (
    ChangeSummary,
    RowsAndMoney,
    StepReport,
    all_together,
    step_report,
    summarize_change,
)
from meter_assets.migration.step_run import PreparedStep, RunningStep, StepRun, prepare_run
from meter_assets.migration.temporary_tables import tables_for_writing

ROUNDS, ROUNDS_WITHOUT_WAITING = 5, 2
"""How often a step is planned at most, and how many of these rounds do not wait for locked rows."""
MILLISECONDS_TO_WAIT = 300
"""A batch that waits longer for a lock is rolled back, because others may wait for its own locks."""
SECONDS_OF_RETRIES = 60
"""How long a batch is tried again in a round that waits for locks."""
_VERSION = "version_when_planned"


@dataclass(frozen=True)
class Plan:
    """The change that a step computed in one snapshot, stored in temporary tables of this connection.

    `rows` are the rows to change, `examined` all rows that the step looked at. `step` reads the latter instead of
    computing the change again.
    """

    run: StepRun
    step: PreparedStep
    rows: Table
    examined: Table
    summary: ChangeSummary
    ranges: tuple[IdRange, ...] | None
    """The ids of each batch; None if the size of a batch follows the one before."""
    number: int
    """The number of its round, from 0."""
    session: int
    """The session of the server that has the temporary tables."""
    notes: set[str]
    """What its batches noticed, for the report."""

    @property
    def waits(self) -> bool:
        """Whether its batches wait for locked rows, instead of leaving them to the next round."""
        return self.number >= ROUNDS_WITHOUT_WAITING


def run_in_batches(database: BillingDatabase, schema: BillingSchema, run: StepRun, size: int) -> StepReport:
    """Run one step of one tenant with `size` rows per transaction (AUTO: by load), and report its changes.

    Raises what `apply.run_step` raises, and RowsKeepChanging if others change or lock the same rows in every round;
    then the committed batches stay, journaled, and the next run writes the rest.
    """
    rounds: list[StepReport] = []
    missed: Table | None = None
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
    missed: Table | None,
) -> tuple[StepReport, Table | None]:
    """Plan and write the step, or the rows that the previous round missed; return the report and the missed rows.

    Each round is recorded as a separate step run, because others may have written its rows since the previous round.
    """
    with record_step_run(database, schema, run) as entry:
        plan = _planned(database, connection, schema, run, pace, len(earlier), missed)
        changed, started = 0, time.monotonic()
        ranges = _ranges_by_load(connection, plan, pace) if plan.ranges is None else plan.ranges
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


def _finished(connection: Connection, plan: Plan, entry: RunningStep, changed: int) -> tuple[StepReport, Table | None]:
    change, schema, summary, missed = plan.step.change, plan.step.schema, plan.summary, None
    left = summary.would_change - changed
    with connection.begin():
        _require_same_session(connection, plan)
        if left:
            missed = _temporary_table(connection, f"meter_migration_missed_{plan.number}", _missed(plan, entry))
            summary = summary.without(_tallies(connection, missed))
        report = step_report(connection, change, plan.step.relations, recorded(change, schema, entry), summary)
        report = report.with_notes(sorted(plan.notes))
        succeed(connection, schema, entry, left)
    return report, missed


def _planned(
    database: BillingDatabase,
    connection: Connection,
    schema: BillingSchema,
    run: StepRun,
    pace: Pace,
    number: int,
    missed: Table | None,
) -> Plan:
    with connection.begin():
        _lock_tenant(database, connection, schema, run)
        require_trusted(connection, schema, run)
        step = prepare_run(schema, run, tables_for_writing(connection))
        tell(StepProgress(run.step, run.tenant.key, CHECKING))
        require(connection, Moment.before, Situation(step, step.relations))
        tell(StepProgress(run.step, run.tenant.key, COMPUTING))
        change = step.change
        examined = _temporary_table(
            connection, f"meter_migration_examined_{number}", _missed_only(change.examined, missed)
        )
        planned = change.materialized_in(examined)
        rows = _temporary_table(connection, f"meter_migration_plan_{number}", _with_versions(step, planned.rows))
        summary = summarize_change(connection, planned, step.relations)
        require(connection, Moment.computed, Situation(step, step.relations, rows))
        after = step.relations.after(planned)
        require(connection, Moment.written, Situation(step, after, rows, of_the_tenant=missed is None))
        ranges = None if pace.follows_load else tuple(_ranges(connection, rows, pace.size))
        session = engine_of(connection).session_of(connection)
        notes = set(unlike_the_backup(connection, planned, step.relations))
    return Plan(run, step.with_change(planned), rows, examined, summary, ranges, number, session, notes)


def _lock_tenant(database: BillingDatabase, connection: Connection, schema: BillingSchema, run: StepRun) -> None:
    database.lock_within(connection, schema, run.tenant, run.run_id, to_roll_back=run.rolls_back)


def _missed_only(computed: Select[Any], missed: Table | None) -> Select[Any]:
    """Return only the rows that the previous round missed; in the first round, all rows."""
    if missed is None:
        return computed
    row = computed.subquery("computed")
    return select(row).join(missed, missed.c.id == row.c.id)


def _with_versions(step: PreparedStep, changing: Select[Any]) -> Select[Any]:
    """Return the rows that the step would change, each with its current version."""
    if step.change.effect is Effect.ADD:
        return changing
    rows, target = changing.subquery("changing"), step.schema.table(step.change.target)
    same_row = and_(row_id_of(target) == rows.c.id, target.c.tenant_id == rows.c.tenant_id)
    versioned = select(rows, _version_of(step.schema, target).label(_VERSION)).join(target, same_row)
    return versioned.where(target.c.tenant_id == step.relations.tenant_id)


def _version_of(schema: BillingSchema, target: Table) -> ColumnElement[str]:
    """Return a text that changes when others write a row; the rows of a view have no version but their values."""
    return row_values(*target.c) if target.name in schema.catalogue.views else row_version(*target.c)


def _without_versions(rows: Table) -> Select[Any]:
    return select(*(column for column in rows.c if column.key != _VERSION))


def _temporary_table(connection: Connection, name: str, computed: Select[Any]) -> Table:
    """Compute rows into a temporary table, which is dropped with the connection."""
    schema = engine_of(connection).TEMPORARY_SCHEMA  # so that no table of the database has the same name
    kept = CreateTableAs(computed, name, temporary=True, schema=schema)
    connection.execute(kept)
    Index(f"ix_{name}", kept.table.c.id, unique=True).create(connection)
    engine_of(connection).analyze_temporary(connection, f"{schema}.{name}")
    return kept.table


def _ranges(connection: Connection, table: Table, size: int) -> Iterator[IdRange]:
    place = func.row_number().over(order_by=table.c.id)
    one = select(table.c.id, place.label("place"), func.count().over().label("of")).subquery("planned")
    last_of_each = select(one.c.id).where((one.c.place % size == 0) | (one.c.place == one.c.of)).order_by(one.c.id)
    low = None
    for high in connection.execute(last_of_each).scalars():
        yield IdRange(low, high)
        low = high


def _ranges_by_load(connection: Connection, plan: Plan, pace: Pace) -> Iterator[IdRange]:
    """Yield ranges of the planned ids in their order, each with as many rows as the pace has when it is asked for."""
    table, low = plan.rows, None
    while True:
        later = select(table.c.id).where(IdRange(low).has(table.c.id)).order_by(table.c.id)
        part = later.limit(pace.size).subquery("part")
        with connection.begin():
            _require_same_session(connection, plan)
            high = connection.scalar(select(part.c.id).order_by(part.c.id.desc()).limit(1))
        if high is None:
            return
        yield IdRange(low, high)
        low = high


def _tried(write: Callable[[], tuple[int, Load]], plan: Plan) -> tuple[int, Load]:
    """Write a part of the plan; return the number of rows and the load that was measured.

    The number is 0 if a lock or a conflict prevents it until the end.
    """
    deadline = time.monotonic() + (SECONDS_OF_RETRIES if plan.waits else 0)
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
        _prepare_transaction(connection, plan)
        _require_same_session(connection, plan)
        _lock_tenant(database, connection, plan.step.schema, plan.run)
        batch = plan.step.change
        journaled = record(connection, batch, plan.step.schema, entry, _unwritten_since_plan(plan, keys))
        record_commit(connection, batch, plan.step.schema, entry, journaled, keys, part)
        elsewhere = money_elsewhere(connection, plan.step.schema, batch, plan.run.tenant.id)
        write(connection, batch, plan.step.schema, entry, journaled, keys)
        plan.notes.update(require_no_other_changes(connection, plan.step.schema, batch, entry, elsewhere))
        load = engine_of(connection).load(connection, batch.target) if pace.follows_load else Load()
        plan.run.about_to_commit()
    return journaled, load


def _prepare_transaction(connection: Connection, plan: Plan) -> None:
    by_index = row_id_of(plan.step.schema.table(plan.step.change.target)).primary_key
    # What triggers change elsewhere can only be told from what others change if the batch reads one snapshot.
    one_snapshot = bool(plan.step.schema.catalogue.triggers_of(plan.step.change.target))
    engine_of(connection).prepare_batch(connection, MILLISECONDS_TO_WAIT, by_index=by_index, one_snapshot=one_snapshot)


def _require_same_session(connection: Connection, plan: Plan) -> None:
    """Raise SessionChanged if the plan is in another session: a temporary table there may have the same name."""
    if engine_of(connection).session_of(connection) != plan.session:
        raise SessionChanged(plan.run.title)


def _unwritten_since_plan(plan: Plan, keys: IdRange) -> Select[Any]:
    """Return the planned rows of a range that nobody has written since the plan, and lock them."""
    change, planned = plan.step.change, plan.rows
    target = plan.step.schema.table(change.target)
    rows = _without_versions(planned).where(keys.has(planned.c.id))
    if change.effect is Effect.ADD:
        return rows
    same_row = and_(row_id_of(target) == planned.c.id, target.c.tenant_id == planned.c.tenant_id)
    unwritten = _version_of(plan.step.schema, target) == planned.c[_VERSION]
    found = rows.join(target, same_row).where(keys.has(row_id_of(target)), unwritten)
    if change.effect is Effect.REMOVE:
        return (
            found  # our own table, which nobody else writes: a role that may delete its rows may be unable to lock them
        )
    return found.with_for_update(of=target, key_share=True, skip_locked=not plan.waits)


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


def _tallies(connection: Connection, missed: Table) -> dict[str, RowsAndMoney]:
    counted = select(missed.c.rule, func.count().label("rows"), total(missed.c.money).label("money"))
    found = connection.execute(counted.group_by(missed.c.rule))
    return {row.rule: RowsAndMoney(rows=row.rows, money=row.money) for row in found}
