"""Writes a change into its journal, and then writes the billing tables from the journal.

Both happen in the same transaction. The update reads its values from the journal, and writes only rows that still have
the journal's values from before. So the journal contains exactly what was written. Add here how rows are journaled and
written; the order of these actions and the checks between them are in `apply`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Insert,
    Select,
    Table,
    and_,
    delete,
    exists,
    func,
    insert,
    literal,
    not_,
    or_,
    select,
    true,
    update,
)

from meter_assets.billing.catalogue import Trigger
from meter_assets.billing.change import Change
from meter_assets.billing.columns import MONEY_COLUMNS
from meter_assets.billing.constructs import rows_digest, typed_null
from meter_assets.billing.decisions import carried_out
from meter_assets.billing.money import exact
from meter_assets.billing.own_tables import BACKUP, COMMITS, OUTCOMES, Effect, JournaledStep, seen
from meter_assets.billing.schema import BillingSchema
from meter_assets.errors import ConcurrentModification, JournalAltered, TenantLockLost, TriggerInterfered
from meter_assets.migration.step_run import RunningStep
from meter_assets.rules.undo import same_when_stored

SHOWN_ROWS = 3


@dataclass(frozen=True)
class IdRange:
    """A range of row ids: greater than `low`, up to and including `high`; None is no bound."""

    low: Any = None
    high: Any = None

    def has(self, row_id: ColumnElement[Any]) -> ColumnElement[bool]:
        """Return whether a row's id is in the range."""
        bounds = [row_id > self.low] if self.low is not None else []
        bounds += [row_id <= self.high] if self.high is not None else []
        return and_(true(), *bounds)


EVERY_ID = IdRange()


def record(
    connection: Connection,
    change: Change,
    schema: BillingSchema,
    entry: RunningStep,
    only: Select[Any] | None = None,
) -> int:
    """Write a change's rows, or `only` these of them, into its journal. Returns their number.

    The backup is its own journal.
    """
    rows = (change.rows if only is None else only).subquery(change.name)
    if change.effect is Effect.ADD:
        backup = schema.own[BACKUP]
        values = [rows.c.tenant_id, rows.c.id, rows.c.balance_after, rows.c.overpayment_after]
        # The start of the step run, which its record has too: so a changed time is detected.
        now = literal(entry.recorded["started_at"], backup.c.backed_up_at.type)
        statement = insert(backup).from_select(
            ["tenant_id", "customer_id", "balance", "overpayment", "backed_up_at", "run_id"],
            select(*values, now, literal(entry.run_id)),
        )
        return connection.execute(statement).rowcount
    names = [column.key for column in rows.c]
    targets = [change.step.key if name == "id" else name for name in names]
    found = select(literal(entry.id), literal(entry.run_id), *(rows.c[name] for name in names))
    if not change.undoes:
        recognized = schema.recognized_columns(change.step)
        if recognized:
            table = schema.tables[change.table]
            same_row = and_(table.c.id == rows.c.id, table.c.tenant_id == rows.c.tenant_id)
            found = found.add_columns(*(table.c[name] for name in recognized)).join(table, same_row)
            targets += map(seen, recognized)
    statement = insert(schema.journal(change.name)).from_select(["step_run_id", "run_id", *targets], found)
    return connection.execute(statement).rowcount


def recorded(change: Change, schema: BillingSchema, entry: RunningStep) -> FromClause:
    """Return the rows of a change that a step run has journaled, with the columns of the change's own rows."""
    if change.effect is Effect.ADD:
        backup = schema.own[BACKUP]
        of_run = backup.c.run_id == entry.run_id, backup.c.tenant_id == entry.tenant.id
        return select(*backed_up_columns(change.step, backup, "")).where(*of_run).subquery("recorded")
    columns = _journaled_columns(schema, change.step, schema.written_columns(change.step))
    return select(*columns).where(*_of_entry(schema.journal(change.name), entry)).subquery("recorded")


def _journaled_columns(schema: BillingSchema, step: JournaledStep, names: Sequence[str]) -> list[ColumnElement[Any]]:
    """Return the columns of a step's journal with the values of these columns, named as those of a change's rows."""
    journal = schema.journal(step.name)
    values = [journal.c[f"{name}_{side}"] for name in names for side in ("before", "after")]
    return [journal.c.tenant_id, journal.c[step.key].label("id"), *values, journal.c.rule]


def digested_columns(schema: BillingSchema, step: JournaledStep) -> list[ColumnElement[Any]]:
    """Return the columns of a journal of which step runs record digests.

    A digest ignores nulls. So it is the same with a column that was added to the journal since, and with one that the
    billing table no longer has, as long as the journal has it.
    """
    recognized = [schema.journal(step.name).c[seen(name)] for name in schema.recognized.get(step.name, ())]
    values = _journaled_columns(schema, step, schema.journaled_columns(step))
    return [*values, *recognized, *carried_out(schema, step)]


def backed_up_columns(step: JournaledStep, rows: FromClause, suffix: str) -> list[ColumnElement[Any]]:
    """Return a backup's columns, with the names of a change's columns; `suffix` is the end of their stored names."""
    values: list[ColumnElement[Any]] = []
    for name in step.columns:
        value = rows.c[f"{name}{suffix}"]
        values += [typed_null(value.type).label(f"{name}_before"), value.label(f"{name}_after")]
    return [rows.c.tenant_id, rows.c.customer_id.label("id"), *values, literal("first_backup").label("rule")]


def record_commit(
    connection: Connection,
    change: Change,
    schema: BillingSchema,
    entry: RunningStep,
    journaled: int,
    keys: IdRange = EVERY_ID,
    part: int = 0,
) -> list[dict[str, Any]]:
    """Record how many rows this transaction has journaled, and their digest, before any of them is written.

    Returns the row of COMMITS, if anything was journaled. Raises JournalAltered where others have journaled rows under
    this step run, TenantLockLost where it has been ended.
    """
    if change.effect is Effect.ADD:
        rows = recorded(change, schema, entry)
    else:
        digested = select(*digested_columns(schema, change.step)).where(*_of_entry(schema.journal(change.name), entry))
        rows = digested.subquery("recorded")
    found = connection.execute(select(func.count(), rows_digest(*rows.c)).where(keys.has(rows.c.id))).one()
    if found[0] != journaled:
        name = BACKUP if change.effect is Effect.ADD else schema.journal(change.name).name
        problem = f"there are {found[0]:,} rows, but it journaled {journaled:,}"
        raise JournalAltered(entry.tenant.key, f"{change.name} of run {entry.run_id}", name, problem)
    if not journaled:
        return []
    commits, outcomes = schema.own[COMMITS], schema.own[OUTCOMES]
    bounds = [None if one is None else str(one) for one in (keys.low, keys.high)]
    values = dict(zip(commits.c.keys(), (entry.id, entry.tenant.id, part, *found, *bounds), strict=True))
    literals = [literal(one, commits.c[name].type) for name, one in values.items()]
    has_ended = exists(select(1).where(outcomes.c.step_run_id == entry.id))
    statement = insert(commits).from_select(commits.c.keys(), select(*literals).where(~has_ended))
    if not connection.execute(statement).rowcount:
        raise TenantLockLost(entry.tenant.key)
    return [values]


def write(
    connection: Connection,
    change: Change,
    schema: BillingSchema,
    entry: RunningStep,
    journaled: int,
    keys: IdRange = EVERY_ID,
) -> None:
    """Write the change from the journal into the rows with these keys that still have their values from before.

    Raises ConcurrentModification unless the number of written rows equals the number of journaled rows, and
    TriggerInterfered if the database's own triggers or rules kept a row from being written or altered it.
    """
    if change.effect is Effect.ADD:
        return  # the backup is its own journal, so its rows are written already
    table, journal = schema.table(change.target), schema.journal(change.name)
    if change.target in schema.results:
        connection.execute(_rows_of_results(change, table, journal, entry, keys))
    mine = and_(_same_row(change, table, journal), *_of_entry(journal, entry), keys.has(row_id_of(table)))
    mine = and_(mine, keys.has(journal.c[change.step.key]))
    unchanged = has_values(table, journal, change.columns, "before")
    if change.effect is Effect.REMOVE:
        statement: Any = delete(table).where(exists(select(1).select_from(journal).where(mine, unchanged)))
    else:
        values: dict[str, ColumnElement[Any]] = {name: journal.c[f"{name}_after"] for name in change.columns}
        # A column keeps its value only if that is written.
        values |= {name: table.c[name] for name in schema.catalogue.renewed_columns(change.target)}
        statement = update(table).values(values).where(mine, unchanged)
    written = connection.execute(statement).rowcount
    triggers = schema.catalogue.triggers_of(change.target)
    if triggers and change.effect is Effect.UPDATE:
        was_kept = written != journaled
        _require_as_journaled(connection, change, table, journal, mine, entry, triggers, was_kept=was_kept)
    if written != journaled:
        others = select(*_expected_and_found(change, table, journal, "before")).join(table, mine).where(not_(unchanged))
        no_longer_so = or_(*(table.c[name].is_distinct_from(journal.c[f"{name}_after"]) for name in change.columns))
        rows = connection.execute(others.where(no_longer_so).limit(SHOWN_ROWS)).mappings().all()
        raise ConcurrentModification(change.name, entry.tenant.key, journaled, written, [dict(row) for row in rows])


def _require_as_journaled(
    connection: Connection,
    change: Change,
    table: Table,
    journal: Table,
    mine: ColumnElement[bool],
    entry: RunningStep,
    triggers: Sequence[Trigger],
    *,
    was_kept: bool,
) -> None:
    """Raise TriggerInterfered for rows that do not have the journal's values after the write.

    Where fewer rows were written than journaled, only for rows that still have the values from before: the others were
    changed by other programs.
    """
    pairs = {
        side: and_(*(same_when_stored(table.c[name], journal.c[f"{name}_{side}"]) for name in change.columns))
        for side in ("before", "after")
    }
    wrong = and_(pairs["before"], not_(pairs["after"])) if was_kept else not_(pairs["after"])
    shown = _expected_and_found(change, table, journal, "after")
    found = select(*shown, func.count().over().label("of")).select_from(table).join(journal, mine).where(wrong)
    rows = [dict(row) for row in connection.execute(found.limit(SHOWN_ROWS)).mappings()]
    if rows:
        count = next(row.pop("of") for row in rows)
        raise TriggerInterfered(change.name, entry.tenant.key, change.target, triggers, rows, count, was_kept)


def row_id_of(table: Table) -> ColumnElement[Any]:
    """Return the column of the target to which the journal's row ids refer."""
    return table.c.customer_id if table.name == BACKUP else table.c.id


def has_values(table: FromClause, journal: FromClause, columns: Sequence[str], side: str) -> ColumnElement[bool]:
    """Return whether a row has the journal's values from before, or from after, compared in stored form."""
    return and_(*(table.c[name].is_not_distinct_from(journal.c[f"{name}_{side}"]) for name in columns))


def _same_row(change: Change, table: Table, journal: Table) -> ColumnElement[bool]:
    return is_same_row(table, journal.c[change.step.key], journal.c.tenant_id)


def is_same_row(table: Table, row_id: ColumnElement[Any], tenant_id: Any) -> ColumnElement[bool]:
    """Return whether a row of a written table is the one with this id, of this tenant if the table has tenants."""
    same_tenant = (table.c.tenant_id == tenant_id,) if "tenant_id" in table.c else ()
    return and_(row_id_of(table) == row_id, *same_tenant)


def _rows_of_results(change: Change, table: Table, journal: Table, entry: RunningStep, keys: IdRange) -> Insert:
    """Return the statement that gives journaled rows a row among our results, with their values from before."""
    row_id, there = journal.c[change.step.key], table.alias("there")
    names = [column.key for column in table.c if column.key in change.columns]
    absent = select(journal.c.tenant_id, row_id, *(journal.c[f"{name}_before"] for name in names)).outerjoin(
        there, and_(there.c.id == row_id, there.c.tenant_id == journal.c.tenant_id)
    )
    found = absent.where(*_of_entry(journal, entry), keys.has(row_id), there.c.id.is_(None))
    return insert(table).from_select(["tenant_id", "id", *names], found)


def _of_entry(journal: Table, entry: RunningStep) -> tuple[ColumnElement[bool], ...]:
    return journal.c.step_run_id == entry.id, journal.c.tenant_id == entry.tenant.id


def _expected_and_found(change: Change, table: Table, journal: Table, side: str) -> list[Any]:
    """Return the key of a row, and of each written column the value of the journal's side and the one found instead."""
    shown: list[Any] = [journal.c[change.step.key]]
    for name in change.columns:
        pair = journal.c[f"{name}_{side}"], table.c[name]
        expected, found = map(exact, pair) if name in MONEY_COLUMNS.get(change.table, ()) else pair
        shown += [expected.label(f"expected_{name}"), found.label(f"found_{name}")]
    return shown
