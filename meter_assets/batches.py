"""Making one step of one tenant in batches: ranges of row ids, each committed with its part of the journal.

For a large tenant while others write: a writer of a row waits for one batch at most, not for the whole step. What
the step changes is computed and judged once, in one snapshot, and kept as the plan; then range by range the planned
rows that still hold their *before* are locked, journaled and written. Rows that others changed in between are planned
anew, and so are those that others hold just then: a batch that waited for them would make all others wait that wait
for it. Only the last round, which has few rows, waits. A step that is stopped keeps the batches that it made: run
again, its plan has only the rest.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from sqlalchemy import Connection, Index, Select, Table, and_, func, select
from sqlalchemy.schema import CreateTableAs

from meter_assets import history
from meter_assets.changes import Change, Effect
from meter_assets.database import BillingDatabase
from meter_assets.errors import RowsKeepChanging
from meter_assets.history import Entry, StepRun
from meter_assets.journal import Keys, holds, record, recorded, require_room, row_id_of, write
from meter_assets.lifecycle import ATTEMPTS, begun, tried_again
from meter_assets.money import total
from meter_assets.report import StepReport, Stock, Tally, all_together, step_report, take_stock
from meter_assets.schema import BillingSchema
from meter_assets.work import Work, work_of


@dataclass(frozen=True)
class Plan:
    """What a step was found to change, in one snapshot: its rows in a table of this connection, and their stock."""

    work: Work
    table: Table
    stock: Stock
    ranges: tuple[Keys, ...]
    is_last: bool
    """Whether what it misses is not planned again."""


def run_in_batches(database: BillingDatabase, schema: BillingSchema, run: StepRun, size: int) -> StepReport:
    """Make one step of one tenant, so many rows per transaction, and report what was changed.

    Raises what `apply.run_step` raises, and RowsKeepChanging where others change the same rows each time that they
    are planned; the batches that were made by then stay, journaled, and running again makes the rest.
    """
    rounds: list[StepReport] = []
    with database.connection() as connection:
        for rounds_left in reversed(range(ATTEMPTS)):
            report, missed = _one_round(database, connection, schema, run, size, rounds, is_last=not rounds_left)
            rounds.append(report)
            if not missed:
                break
    return all_together(rounds)


def _one_round(
    database: BillingDatabase,
    connection: Connection,
    schema: BillingSchema,
    run: StepRun,
    size: int,
    earlier: Sequence[StepReport],
    *,
    is_last: bool,
) -> tuple[StepReport, int]:
    """Plan the step and make what was planned; return the report, and how many rows were missed.

    Each round is recorded as a step run of its own, since it may write again what an earlier one wrote.
    """
    with begun(database, schema, run) as entry:
        plan = _planned(database, connection, work_of(schema, run), size, is_last=is_last)
        made = sum(tried_again(partial(_make_batch, database, connection, plan, entry, keys)) for keys in plan.ranges)
        missed = plan.stock.would_change - made
        if missed and is_last:
            raise RowsKeepChanging(run.title, sum(one.changed for one in earlier) + made, missed)
        return _finished(connection, plan, entry, made), missed


def _finished(connection: Connection, plan: Plan, entry: Entry, made: int) -> StepReport:
    change, schema = plan.work.change, plan.work.schema
    with connection.begin():
        stock = plan.stock
        if made < stock.would_change:
            stock = stock.without(_missed(connection, plan, entry))
        report = step_report(connection, change, plan.work.relations, recorded(change, schema, entry), stock)
        history.succeed(connection, schema, entry, made)
        plan.table.drop(connection)
    return report


def _planned(database: BillingDatabase, connection: Connection, work: Work, size: int, *, is_last: bool) -> Plan:
    with connection.begin():
        database.hold_within(connection, work.run.tenant)
        work.require_laws_before(connection)
        stock = take_stock(connection, work.change, work.relations)
        table = _plan_table(connection, work.change)
        planned = replace(work.change, rows=select(table))
        require_room(connection, work.change, work.schema, table)
        work.require_laws_after(connection, work.relations.after(planned), select(table.c.id))
        ranges = tuple(_ranges(connection, table, size))
    return Plan(work, table, stock, ranges, is_last)


def _plan_table(connection: Connection, change: Change) -> Table:
    """Compute the change's rows into a temporary table, which goes with the connection."""
    computed = CreateTableAs(change.rows, "meter_migration_plan", temporary=True)
    connection.execute(computed)
    Index("ix_meter_migration_plan", computed.table.c.id, unique=True).create(connection)
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"ANALYZE {computed.table.name}")  # of a temporary table it knows nothing by itself
    return computed.table


def _ranges(connection: Connection, table: Table, size: int) -> Iterator[Keys]:
    place = func.row_number().over(order_by=table.c.id)
    one = select(table.c.id, place.label("place"), func.count().over().label("of")).subquery("planned")
    last_of_each = select(one.c.id).where((one.c.place % size == 0) | (one.c.place == one.c.of)).order_by(one.c.id)
    low = None
    for high in connection.execute(last_of_each).scalars():
        yield Keys(low, high)
        low = high


def _make_batch(database: BillingDatabase, connection: Connection, plan: Plan, entry: Entry, keys: Keys) -> int:
    with connection.begin():
        _prepare_for_a_batch(connection, plan)
        database.hold_within(connection, entry.tenant)
        batch = replace(plan.work.change, rows=_still_as_planned(plan, keys))
        journaled = record(connection, batch, plan.work.schema, entry)
        write(connection, batch, plan.work.schema, entry, journaled, keys)
        history.count_batch(connection, plan.work.schema, entry, journaled)
    return journaled


def _prepare_for_a_batch(connection: Connection, plan: Plan) -> None:
    if connection.dialect.name != "postgresql":
        return  # SQLite has one writer at a time
    # A batch locks its rows as they are by then. In one snapshot, a row that was changed after it would end the batch.
    connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
    if row_id_of(plan.work.schema.table(plan.work.change.target)).primary_key:
        # The rows of a batch are few and have an index: among those of other tenants, they are better looked up.
        connection.exec_driver_sql("SET LOCAL enable_nestloop = on")


def _still_as_planned(plan: Plan, keys: Keys) -> Select[Any]:
    """Return the planned rows of a range that still hold what they held when they were planned, and lock them."""
    change, planned = plan.work.change, plan.table
    target = plan.work.schema.table(change.target)
    if change.effect is Effect.ADD:
        return select(planned).where(keys.has(planned.c.id))
    same_row = and_(row_id_of(target) == planned.c.id, target.c.tenant_id == planned.c.tenant_id)
    unchanged = holds(target, planned, change.columns, "before")
    found = select(planned).join(target, same_row).where(keys.has(planned.c.id), keys.has(row_id_of(target)), unchanged)
    return found.with_for_update(of=target, key_share=True, skip_locked=not plan.is_last)


def _missed(connection: Connection, plan: Plan, entry: Entry) -> dict[str, Tally]:
    """Return, by rule, the planned rows that were not written since others had changed them, with their money."""
    change, planned = plan.work.change, plan.table
    made = recorded(change, plan.work.schema, entry)
    outcome = change.outcomes.subquery("outcomes")
    missed = (
        select(planned.c.rule, func.count().label("rows"), total(outcome.c.money).label("money"))
        .select_from(planned)
        .outerjoin(made, made.c.id == planned.c.id)
        .outerjoin(outcome, outcome.c.id == planned.c.id)
        .where(made.c.id.is_(None))
        .group_by(planned.c.rule)
    )
    return {row.rule: Tally(rows=row.rows, money=row.money) for row in connection.execute(missed)}
