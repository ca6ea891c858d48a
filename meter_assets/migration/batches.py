"""Making one step of one tenant in batches: ranges of row ids, each committed with its part of the journal.

For a large tenant while others write: a writer of a row waits for one batch at most, not for the whole step. What
the step changes is computed and judged once, in one snapshot, and kept as the plan; then range by range the planned
rows that nobody has written since are locked, journaled and written. Rows that others wrote in between are planned
anew, whatever they wrote: what is planned may rest on it. So are those that others hold just then: a batch that waited
for them would make all others wait that wait for it. Only the later rounds wait, and let go of their rows in between.
Each round plans what the one before has missed, and nothing else: what others do to other rows since is, as for a step
in one transaction, for the next run. A step that is stopped keeps the batches that it made: run again, its plan has
only the rest.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from sqlalchemy import Connection, Index, Select, Table, and_, func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import CreateTableAs

from meter_assets.billing.constructs import row_version
from meter_assets.billing.money import total
from meter_assets.billing.own_tables import Effect
from meter_assets.billing.schema import BillingSchema
from meter_assets.engines import engine_of, is_conflict, is_kept_waiting
from meter_assets.errors import RowsKeepChanging, StepError, StoppedInBatches
from meter_assets.migration.database import BillingDatabase
from meter_assets.migration.journal import IdRange, record, record_commit, recorded, row_id_of, write
from meter_assets.migration.journal_audit import require_trusted
from meter_assets.migration.recording import record_step_run, retry_on_conflict, succeed
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

ROUNDS, ROUNDS_WITHOUT_WAITING = 5, 2
"""How often a step is planned at most, and how often without waiting for rows that others hold."""
MILLISECONDS_TO_WAIT = 300
"""A batch that waits longer for what others hold lets go of its own rows, for which others may wait."""
SECONDS_OF_PATIENCE = 60
"""So long a batch of a round that waits is tried again, if others keep it waiting."""
_VERSION = "version_when_planned"


@dataclass(frozen=True)
class Plan:
    """What a step was found to change, in one snapshot, kept in tables of this connection.

    `rows` are those that change, `outcomes` is all that was examined. `step` has these tables in place
    of what would be computed again.
    """

    run: StepRun
    step: PreparedStep
    rows: Table
    outcomes: Table
    stock: ChangeSummary
    ranges: tuple[IdRange, ...]
    number: int
    """Which round it is of, from 0."""

    @property
    def waits(self) -> bool:
        """Whether its batches wait for rows that others hold, rather than leave them to the next round."""
        return self.number >= ROUNDS_WITHOUT_WAITING


def run_in_batches(database: BillingDatabase, schema: BillingSchema, run: StepRun, size: int) -> StepReport:
    """Make one step of one tenant, so many rows per transaction, and report what was changed.

    Raises what `apply.run_step` raises, and RowsKeepChanging where others change or hold the same rows each time that
    they are planned; the batches that were made by then stay, journaled, and running again makes the rest.
    """
    rounds: list[StepReport] = []
    missed: Table | None = None
    with database.connection() as connection:
        while not rounds or missed is not None:
            try:
                report, missed = _one_round(database, connection, schema, run, size, rounds, missed)
            except StepError as error:
                raise _with_what_was_made(run, rounds, error) from error.__cause__
            rounds.append(report)
    return all_together(rounds)


def _with_what_was_made(run: StepRun, rounds: Sequence[StepReport], error: StepError) -> StepError:
    """Return the error, which speaks of its own round, with the rows that earlier rounds have changed."""
    made = sum(one.changed for one in rounds)
    return error if isinstance(error, RowsKeepChanging) or not made else StoppedInBatches(run.title, made, str(error))


def _one_round(
    database: BillingDatabase,
    connection: Connection,
    schema: BillingSchema,
    run: StepRun,
    size: int,
    earlier: Sequence[StepReport],
    missed: Table | None,
) -> tuple[StepReport, Table | None]:
    """Plan the step, or what the round before has missed, and make it; return the report, and what was missed.

    Each round is recorded as a step run of its own: what it writes may have been written by others in between.
    """
    with record_step_run(database, schema, run) as entry:
        plan = _planned(database, connection, schema, run, size, len(earlier), missed)
        made = sum(_batch(database, connection, plan, entry, part) for part in range(len(plan.ranges)))
        left = plan.stock.would_change - made
        if left and len(earlier) + 1 == ROUNDS:
            raise RowsKeepChanging(run.title, sum(one.changed for one in earlier) + made, left)
        return _finished(connection, plan, entry, made)


def _finished(connection: Connection, plan: Plan, entry: RunningStep, made: int) -> tuple[StepReport, Table | None]:
    change, schema, stock, missed = plan.step.change, plan.step.schema, plan.stock, None
    left = stock.would_change - made
    with connection.begin():
        if left:
            missed = _kept(connection, f"meter_migration_missed_{plan.number}", _missed(plan, entry))
            stock = stock.without(_tallies(connection, missed))
        report = step_report(connection, change, plan.step.relations, recorded(change, schema, entry), stock)
        succeed(connection, schema, entry, left)
    return report, missed


def _planned(
    database: BillingDatabase,
    connection: Connection,
    schema: BillingSchema,
    run: StepRun,
    size: int,
    number: int,
    missed: Table | None,
) -> Plan:
    step = prepare_run(schema, run)
    change = step.change
    with connection.begin():
        _hold(database, connection, schema, run)
        require_trusted(connection, schema, run)
        require(connection, Moment.before, Situation(step, step.relations))
        outcomes = _kept(connection, f"meter_migration_outcomes_{number}", _only(change.outcomes, missed))
        rows = _kept(connection, f"meter_migration_plan_{number}", _with_versions(step, _only(change.rows, missed)))
        planned = replace(change, rows=_without_versions(rows), outcomes=select(outcomes))
        stock = summarize_change(connection, planned, step.relations)
        require(connection, Moment.computed, Situation(step, step.relations, rows))
        after = step.relations.after(planned)
        require(connection, Moment.written, Situation(step, after, rows, of_the_tenant=missed is None))
        ranges = tuple(_ranges(connection, rows, size))
    return Plan(run, replace(step, change=planned), rows, outcomes, stock, ranges, number)


def _hold(database: BillingDatabase, connection: Connection, schema: BillingSchema, run: StepRun) -> None:
    database.lock_within(connection, schema, run.tenant, run.run_id, to_roll_back=run.rolls_back)


def _only(computed: Select[Any], missed: Table | None) -> Select[Any]:
    """Return those of the rows that the round before has missed; in the first round, all."""
    if missed is None:
        return computed
    row = computed.subquery("computed")
    return select(row).join(missed, missed.c.id == row.c.id)


def _with_versions(step: PreparedStep, changing: Select[Any]) -> Select[Any]:
    """Return rows that the step would change, each with the version that it has now."""
    if step.change.effect is Effect.ADD:
        return changing
    rows, target = changing.subquery("changing"), step.schema.table(step.change.target)
    same_row = and_(row_id_of(target) == rows.c.id, target.c.tenant_id == rows.c.tenant_id)
    versioned = select(rows, row_version(*target.c).label(_VERSION)).join(target, same_row)
    return versioned.where(target.c.tenant_id == step.relations.tenant_id)


def _without_versions(rows: Table) -> Select[Any]:
    return select(*(column for column in rows.c if column.key != _VERSION))


def _kept(connection: Connection, name: str, computed: Select[Any]) -> Table:
    """Compute rows into a temporary table, which goes with the connection."""
    kept = CreateTableAs(computed, name, temporary=True)
    connection.execute(kept)
    Index(f"ix_{name}", kept.table.c.id, unique=True).create(connection)
    engine_of(connection).analyze_temporary(connection, name)
    return kept.table


def _ranges(connection: Connection, table: Table, size: int) -> Iterator[IdRange]:
    place = func.row_number().over(order_by=table.c.id)
    one = select(table.c.id, place.label("place"), func.count().over().label("of")).subquery("planned")
    last_of_each = select(one.c.id).where((one.c.place % size == 0) | (one.c.place == one.c.of)).order_by(one.c.id)
    low = None
    for high in connection.execute(last_of_each).scalars():
        yield IdRange(low, high)
        low = high


def _batch(database: BillingDatabase, connection: Connection, plan: Plan, entry: RunningStep, part: int) -> int:
    """Make a part of the plan and return how many rows it has written: none of them where others keep it waiting."""
    deadline = time.monotonic() + (SECONDS_OF_PATIENCE if plan.waits else 0)
    while True:
        try:
            return retry_on_conflict(partial(_make_batch, database, connection, plan, entry, part))
        except DBAPIError as error:
            if not (is_conflict(error) or is_kept_waiting(error)):
                raise
            if time.monotonic() > deadline:
                return 0


def _make_batch(database: BillingDatabase, connection: Connection, plan: Plan, entry: RunningStep, part: int) -> int:
    keys = plan.ranges[part]
    with connection.begin():
        _prepare_for_a_batch(connection, plan)
        _hold(database, connection, plan.step.schema, plan.run)
        batch = replace(plan.step.change, rows=_still_as_planned(plan, keys))
        journaled = record(connection, batch, plan.step.schema, entry)
        record_commit(connection, batch, plan.step.schema, entry, journaled, keys, part)
        write(connection, batch, plan.step.schema, entry, journaled, keys)
        plan.run.about_to_commit()
    return journaled


def _prepare_for_a_batch(connection: Connection, plan: Plan) -> None:
    by_index = row_id_of(plan.step.schema.table(plan.step.change.target)).primary_key
    engine_of(connection).prepare_batch(connection, MILLISECONDS_TO_WAIT, by_index=by_index)


def _still_as_planned(plan: Plan, keys: IdRange) -> Select[Any]:
    """Return the planned rows of a range that nobody has written since they were planned, and lock them."""
    change, planned = plan.step.change, plan.rows
    target = plan.step.schema.table(change.target)
    rows = _without_versions(planned).where(keys.has(planned.c.id))
    if change.effect is Effect.ADD:
        return rows
    same_row = and_(row_id_of(target) == planned.c.id, target.c.tenant_id == planned.c.tenant_id)
    unwritten = row_version(*target.c) == planned.c[_VERSION]
    found = rows.join(target, same_row).where(keys.has(row_id_of(target)), unwritten)
    if change.effect is Effect.REMOVE:
        return (
            found  # rows of ours, which nobody else writes: a role that may delete them need not be able to lock them
        )
    return found.with_for_update(of=target, key_share=True, skip_locked=not plan.waits)


def _missed(plan: Plan, entry: RunningStep) -> Select[Any]:
    """Return the planned rows that were not written: their rule, and the money that was in them when planned."""
    planned, outcome = plan.rows, plan.outcomes
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
