"""What undoing a step would change: the rows that still hold what it wrote, back to what was there. Pure: one SELECT.

A row that no longer holds what the journal says was written has been changed since. It is left alone and listed, and
what older steps wrote to it is left alone too. Soft-deleted rows are restored like others: look at relations that
have them.
"""

from dataclasses import replace
from typing import Any

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    String,
    Subquery,
    and_,
    case,
    cast,
    false,
    func,
    literal,
    or_,
    select,
)

from meter_assets.billing.change import Change, Effect, outcome_columns
from meter_assets.billing.constructs import nothing
from meter_assets.billing.money import exact, or_zero
from meter_assets.billing.relations import BillingRelations
from meter_assets.billing.schema import BACKUP, JOURNALED, RUNS, BillingSchema

RESTORED = "restored"
CHANGED_SINCE = "changed_since"
ROW_GONE = "row_gone"
LATER_CHANGE_KEPT = "later_change_kept"
_LISTED = (CHANGED_SINCE, ROW_GONE)
_MONEY = {"payments": "amount", "invoices": "total_amount"}


def undo(relations: BillingRelations, step: str, step_run: int, run_id: str, kept: Select[Any]) -> Change:
    """Return the change that undoes a step of a run: `step_run` is its row in the table of runs.

    `kept` are the ids of rows that are to be left alone whatever they hold: see `made_later`.
    """
    if step == BACKUP:
        return _retire_backups(relations, run_id, kept)
    table, _, columns = JOURNALED[step]
    columns = relations.schema.written_columns(step)
    row = _decided(relations, step, step_run, kept)
    rule = case((row.c.decision == RESTORED, RESTORED))
    found = [row.c[f"{name}_found"].label(f"{name}_before") for name in columns]
    restored = [row.c[f"{name}_before"].label(f"{name}_after") for name in columns]
    sides = [side for pair in zip(found, restored, strict=True) for side in pair]
    return Change(
        name=step,
        label=f"{step}_of_step_run_{step_run}",
        table=table,
        columns=columns,
        rows=select(row.c.tenant_id, row.c.id, *sides, rule.label("rule")).where(row.c.decision == RESTORED),
        outcomes=select(row.c.tenant_id, row.c.id, *outcome_columns(false(), rule, row.c.decision), row.c.money),
        weight=lambda changed, rows: func.abs(_moved(table, changed, rows)),
        left_alone=_left_alone(row, columns),
    )


def made_later(schema: BillingSchema, tenant_id: Any, step: str, step_run: int) -> Select[Any]:
    """Return the ids of rows that a later run of the step wrote and that have not been restored since.

    For the backup: of customers whose balances any run wrote and that have not been restored.
    """
    name = "customer_balances" if step == BACKUP else step
    journal, runs = schema.journal(name).alias("later"), schema.own[RUNS].alias("later_runs")
    row_id, restored = journal.c[JOURNALED[name][1]], _restored(schema, tenant_id, name)
    was_restored = and_(restored.c.step_run_id == journal.c.step_run_id, restored.c.id == row_id)
    later = (
        select(row_id)
        .join(runs, runs.c.id == journal.c.step_run_id)
        .outerjoin(restored, was_restored)
        .where(journal.c.tenant_id == tenant_id, runs.c.undoes.is_(None), restored.c.id.is_(None))
    )
    return later if step == BACKUP else later.where(journal.c.step_run_id > step_run)


def once_newer_are_undone(
    relations: BillingRelations, step: str, step_run: int
) -> tuple[BillingRelations, Select[Any]]:
    """Return what a dry run needs in order to undo a step run whose newer ones would have been undone by then.

    That is the relations as they would be, and the ids of the rows that `undo` then is to leave alone. It is one look
    at the journal, whatever the number of newer runs: to compose their changes would double the query with each.
    """
    if step == BACKUP:
        return _once_newer_backups_are_retired(relations, step_run)
    table, _, columns = JOURNALED[step]
    columns = relations.schema.written_columns(step)
    newer = _newer(relations, step, step_run)
    at = func.row_number().over(partition_by=newer.c.id, order_by=newer.c.step_run_id).label("at")
    oldest = select(newer, at).where(newer.c.is_restored == 1).subquery("oldest_restored")
    row = relations.rows[table]
    values = [_restored_value(column, oldest) if column.key in columns else column for column in row.c]
    joined = row.outerjoin(oldest, and_(oldest.c.id == row.c.id, oldest.c.at == 1))
    rows = {**relations.rows, table: select(*values).select_from(joined).subquery(table)}
    return replace(relations, rows=rows), select(newer.c.id).where(newer.c.is_restored == 0)


def _restored_value(column: ColumnElement[Any], oldest: Subquery) -> ColumnElement[Any]:
    return case((oldest.c.id.is_not(None), oldest.c[f"{column.key}_before"]), else_=column).label(column.key)


def _newer(relations: BillingRelations, step: str, step_run: int) -> Subquery:
    """Newer step runs' rows that were not restored, and whether undoing these runs, newest first, restores them.

    It does where the row holds what its newest run wrote, and each run found what the one before it had written.
    """
    schema, (table, row_id, _) = relations.schema, JOURNALED[step]
    columns = schema.written_columns(step)
    row, entry, runs = relations.rows[table], schema.journal(step).alias("newer"), schema.own[RUNS].alias("newer_runs")
    restored = _restored(schema, relations.tenant_id, step)
    was_restored = and_(restored.c.step_run_id == entry.c.step_run_id, restored.c.id == entry.c[row_id])
    same_row = and_(row.c.id == entry.c[row_id], row.c.tenant_id == entry.c.tenant_id)
    of_row: dict[str, Any] = {"partition_by": entry.c[row_id], "order_by": entry.c.step_run_id.desc()}
    is_newest = func.row_number().over(**of_row) == 1
    matches = []
    for name in columns:
        found = case((is_newest, row.c[name]), else_=func.lag(entry.c[f"{name}_before"]).over(**of_row))
        matches.append(_same_when_stored(found, entry.c[f"{name}_after"]))
    entries = (
        select(entry.c[row_id].label("id"), entry.c.step_run_id, *(entry.c[f"{name}_before"] for name in columns))
        .add_columns(case((and_(row.c.id.is_not(None), *matches), 1), else_=0).label("matches"))
        .select_from(entry.join(runs, runs.c.id == entry.c.step_run_id))
        .outerjoin(row, same_row)
        .outerjoin(restored, was_restored)
        .where(entry.c.tenant_id == relations.tenant_id, entry.c.step_run_id > step_run)
        .where(runs.c.undoes.is_(None), restored.c.id.is_(None))
        .subquery("entries")
    )
    so_far = func.min(entries.c.matches).over(partition_by=entries.c.id, order_by=entries.c.step_run_id.desc())
    return select(entries, so_far.label("is_restored")).subquery("newer_entries")


def _same_when_stored(one: ColumnElement[Any], other: ColumnElement[Any]) -> ColumnElement[bool]:
    """Say whether two values are the same once in their column: on SQLite 12.5 and '12.5' are, in a column of text."""
    return or_(one.is_not_distinct_from(other), cast(one, String(255)).is_not_distinct_from(cast(other, String(255))))


def _once_newer_backups_are_retired(relations: BillingRelations, step_run: int) -> tuple[BillingRelations, Select[Any]]:
    backup, runs = relations.schema.own[BACKUP], relations.schema.own[RUNS].alias("newer_runs")
    entry = _newer(relations, "customer_balances", 0)
    kept = select(entry.c.id).where(or_(entry.c.step_run_id < step_run, entry.c.is_restored == 0))
    newer_runs = select(runs.c.run_id).where(
        runs.c.tenant_id == relations.tenant_id, runs.c.step == BACKUP, runs.c.undoes.is_(None), runs.c.id > step_run
    )
    rows = (
        select(backup.c.tenant_id, backup.c.customer_id, backup.c.balance, backup.c.overpayment)
        .where(backup.c.tenant_id == relations.tenant_id)
        .where(or_(backup.c.run_id.not_in(newer_runs), backup.c.customer_id.in_(kept)))
        .subquery(BACKUP)
    )
    return replace(relations, rows={**relations.rows, BACKUP: rows}), kept


def _restored(schema: BillingSchema, tenant_id: Any, step: str) -> Subquery:
    """The rows of a step that were restored: their ids, and the step run that had written them.

    To be joined, and not asked for row by row: without statistics SQLite would read all of it for every row.
    """
    journal, runs = schema.journal(step).alias("restoring"), schema.own[RUNS].alias("restoring_runs")
    return (
        select(runs.c.undoes.label("step_run_id"), journal.c[JOURNALED[step][1]].label("id"))
        .join(runs, runs.c.id == journal.c.step_run_id)
        .where(runs.c.undoes.is_not(None), runs.c.tenant_id == tenant_id, journal.c.tenant_id == tenant_id)
        .subquery("restored")
    )


def _decided(relations: BillingRelations, step: str, step_run: int, kept: Select[Any]) -> Subquery:
    """Every row that the step run wrote and that was not restored: what is to become of it, and its values."""
    schema, (table, row_id, _) = relations.schema, JOURNALED[step]
    columns = schema.written_columns(step)
    row, journal = relations.rows[table], schema.journal(step).alias("journaled")
    restored = _restored(schema, relations.tenant_id, step)
    was_restored = and_(restored.c.step_run_id == journal.c.step_run_id, restored.c.id == journal.c[row_id])
    same_row = and_(row.c.id == journal.c[row_id], row.c.tenant_id == journal.c.tenant_id)
    as_written = and_(*(_same_when_stored(row.c[name], journal.c[f"{name}_after"]) for name in columns))
    decision = case(
        (row.c.id.is_(None), ROW_GONE),
        (journal.c[row_id].in_(kept), LATER_CHANGE_KEPT),
        (as_written, RESTORED),
        else_=CHANGED_SINCE,
    )
    values = [journal.c[f"{name}_{side}"] for name in columns for side in ("before", "after")]
    return (
        select(
            journal.c.tenant_id,
            journal.c[row_id].label("id"),
            decision.label("decision"),
            *values,
            *(row.c[name].label(f"{name}_found") for name in columns),
            _money_of(table, row).label("money"),
        )
        .select_from(journal.outerjoin(row, same_row).outerjoin(restored, was_restored))
        .where(
            journal.c.step_run_id == step_run,
            journal.c.tenant_id == relations.tenant_id,
            restored.c.id.is_(None),
        )
        .subquery("decided")
    )


def _left_alone(row: FromClause, columns: tuple[str, ...]) -> Select[Any]:
    shown: list[ColumnElement[Any]] = [row.c.id, row.c.decision.label("why")]
    for name in columns:
        shown += [row.c[f"{name}_after"].label(f"expected_{name}"), row.c[f"{name}_found"].label(f"found_{name}")]
    return select(*shown).where(row.c.decision.in_(_LISTED)).order_by(row.c.id)


def _retire_backups(relations: BillingRelations, run_id: str, kept: Select[Any]) -> Change:
    """Return the change that takes a run's rows out of the backup, so that the next migration makes a new one."""
    backup = relations.schema.own[BACKUP]
    decision = case((backup.c.customer_id.in_(kept), LATER_CHANGE_KEPT), else_=RESTORED)
    of_run = (
        select(backup.c.tenant_id, backup.c.customer_id.label("id"), backup.c.balance, backup.c.overpayment)
        .add_columns(decision.label("decision"))
        .where(backup.c.tenant_id == relations.tenant_id, backup.c.run_id == run_id)
        .subquery("backed_up")
    )
    columns = JOURNALED[BACKUP][2]
    sides: list[ColumnElement[Any]] = []
    for name in columns:
        sides += [of_run.c[name].label(f"{name}_before"), nothing(of_run.c[name].type).label(f"{name}_after")]
    rule = case((of_run.c.decision == RESTORED, RESTORED))
    money = or_zero(exact(of_run.c.balance)) - or_zero(exact(of_run.c.overpayment))
    return Change(
        name=BACKUP,
        table="customers",
        target=BACKUP,
        effect=Effect.REMOVE,
        columns=columns,
        rows=select(of_run.c.tenant_id, of_run.c.id, *sides, literal(RESTORED).label("rule")).where(
            of_run.c.decision == RESTORED
        ),
        outcomes=select(
            of_run.c.tenant_id,
            of_run.c.id,
            *outcome_columns(false(), rule, of_run.c.decision),
            money.label("money"),
        ),
        weight=lambda changed, _: func.abs(
            or_zero(exact(changed.c.balance_before)) - or_zero(exact(changed.c.overpayment_before))
        ),
    )


def _money_of(table: str, row: FromClause) -> ColumnElement[Any]:
    if table in _MONEY:
        return or_zero(exact(row.c[_MONEY[table]]))
    return or_zero(exact(row.c.balance)) - or_zero(exact(row.c.overpayment))


def _moved(table: str, changed: FromClause, rows: FromClause) -> ColumnElement[Any]:
    """How much money a restored row moves: of a payment, all that was paid."""
    if table == "payments":
        return or_zero(exact(rows.c.amount))

    def side(of: str) -> ColumnElement[Any]:
        if table == "invoices":
            return or_zero(exact(changed.c[f"total_amount_{of}"]))
        return or_zero(exact(changed.c[f"balance_{of}"])) - or_zero(exact(changed.c[f"overpayment_{of}"]))

    return side("after") - side("before")
