"""The change that undoes a step: it restores the earlier values in rows that still have the values the step wrote.

A row with other values has been changed since the step. It is skipped and listed, and older steps skip it too. So is a
row that is another one: on SQLite, a new payment may get the id of a deleted one. An
optional column that the billing table did not have when the step ran is neither compared nor restored.
Soft-deleted rows are restored like others, so use relations that contain them. Add here what undoing computes; a
rollback runs in `migration.rollback`.
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
    or_,
    select,
    true,
    union_all,
)
from sqlalchemy.sql.selectable import SelectBase

from meter_assets.billing.change import Change, outcome_columns
from meter_assets.billing.columns import CREATED_AT_COLUMN, OPTIONAL_COLUMNS
from meter_assets.billing.constructs import typed_null
from meter_assets.billing.own_tables import BACKUP, RUNS, Effect, JournaledStep, seen
from meter_assets.billing.relations import BillingRelations
from meter_assets.billing.schema import BillingSchema

RESTORED = "restored"
CHANGED_SINCE = "changed_since"
ROW_GONE = "row_gone"
OTHER_ROW = "other_row"
LATER_CHANGE_KEPT = "later_change_kept"
LEFT_ALONE = (CHANGED_SINCE, ROW_GONE, OTHER_ROW)


def undo(relations: BillingRelations, step: JournaledStep, step_run: int, run_id: str, kept: SelectBase) -> Change:
    """Return the change that undoes a step of a run; `step_run` is its id in the table of runs.

    `kept` are the ids of rows to skip whatever their values are: see `written_later`.
    """
    if step.effect is Effect.ADD:
        return _retire_backups(relations, step, run_id, kept)
    columns = relations.schema.written_columns(step)
    row = _decided(relations, step, step_run, kept)
    rule = case((row.c.decision == RESTORED, RESTORED))
    found = [row.c[f"{name}_found"].label(f"{name}_before") for name in columns]
    restored = [row.c[f"{name}_before"].label(f"{name}_after") for name in columns]
    sides = [side for pair in zip(found, restored, strict=True) for side in pair]
    return Change(
        step,
        label=f"{step.name}_of_step_run_{step_run}",
        columns=columns,
        undoes=True,
        examined=select(
            row.c.tenant_id, row.c.id, *outcome_columns(false(), rule, row.c.decision), row.c.money, *sides
        ),
        skipped=_skipped(row, columns),
    )


def written_later(schema: BillingSchema, tenant_id: Any, step: JournaledStep, step_run: int) -> SelectBase:
    """Return the ids of rows that a later run of the step wrote and that have not been restored since.

    For the backup: the ids of customers whose balances any run wrote and that have not been restored.
    """
    if step.effect is Effect.ADD:
        return union_all(*(_not_restored(schema, tenant_id, one)[0] for one in writers_of(schema, step)))
    later, journal = _not_restored(schema, tenant_id, step)
    return later.where(journal.c.step_run_id > step_run)


def writers_of(schema: BillingSchema, backup: JournaledStep) -> tuple[JournaledStep, ...]:
    """Return the steps that overwrite the values that this step backs up."""
    return tuple(one for one in schema.steps if one.effect is Effect.UPDATE and one.target == backup.table)


def _not_restored(schema: BillingSchema, tenant_id: Any, step: JournaledStep) -> tuple[Select[Any], FromClause]:
    """Return the ids of rows that any run of a step wrote and that have not been restored since, and its journal."""
    journal, runs = schema.journal(step.name).alias("later"), schema.own[RUNS].alias("later_runs")
    row_id, restored = journal.c[step.key], _restored(schema, tenant_id, step)
    was_restored = and_(restored.c.step_run_id == journal.c.step_run_id, restored.c.id == row_id)
    found = (
        select(row_id)
        .join(runs, runs.c.id == journal.c.step_run_id)
        .outerjoin(restored, was_restored)
        .where(journal.c.tenant_id == tenant_id, runs.c.undoes.is_(None), restored.c.id.is_(None))
    )
    return found, journal


def once_newer_are_undone(
    relations: BillingRelations, step: JournaledStep, step_run: int
) -> tuple[BillingRelations, SelectBase]:
    """Return what a dry run needs to undo a step run after all newer runs of the step.

    Returns the relations as they would be after the newer runs were undone, and the ids of the rows that `undo` must
    skip. The query reads the journal once, for any number of newer runs: composing their changes would double the size
    of the query with each run.
    """
    if step.effect is Effect.ADD:
        return _once_newer_backups_are_retired(relations, step, step_run)
    columns = relations.schema.written_columns(step)
    newer = _newer(relations, step, step_run)
    at = func.row_number().over(partition_by=newer.c.id, order_by=newer.c.step_run_id).label("at")
    firsts = [one for name in columns for one in _first_values(step, newer, name)]
    oldest = select(newer, at, *firsts).where(newer.c.is_restored == 1).subquery("oldest_restored")
    row = relations.rows[step.table]
    values = [_restored_value(step, column, oldest) if column.key in columns else column for column in row.c]
    joined = row.outerjoin(oldest, and_(oldest.c.id == row.c.id, oldest.c.at == 1))
    rows = {**relations.rows, step.table: select(*values).select_from(joined).subquery(step.table)}
    return replace(relations, rows=rows), select(newer.c.id).where(newer.c.is_restored == 0)


def _restored_value(step: JournaledStep, column: ColumnElement[Any], oldest: Subquery) -> ColumnElement[Any]:
    name = str(column.key)
    if not _may_be_absent(step, name):
        return case((oldest.c.id.is_not(None), oldest.c[f"{name}_before"]), else_=column).label(name)
    return case((oldest.c[f"{name}_was_there"] == 1, oldest.c[f"{name}_first"]), else_=column).label(name)


def _first_values(step: JournaledStep, newer: Subquery, name: str) -> tuple[ColumnElement[Any], ...]:
    """Return the value to which newer runs restore an optional column, and whether any of them has values of it."""
    if not _may_be_absent(step, name):
        return ()
    has_values = case((and_(*_was_there(step, newer, name)), 1), else_=0)
    of_row: dict[str, Any] = {"partition_by": newer.c.id, "order_by": (has_values.desc(), newer.c.step_run_id)}
    before = newer.c[f"{name}_before"]
    first = func.first_value(before, type_=before.type).over(**of_row)
    return first.label(f"{name}_first"), func.first_value(has_values).over(**of_row).label(f"{name}_was_there")


def _may_be_absent(step: JournaledStep, name: str) -> bool:
    """Return whether a journaled row may have no values of a column, because the billing table had none."""
    return name in OPTIONAL_COLUMNS.get(step.table, ())


def _was_there(step: JournaledStep, entry: FromClause, name: str) -> tuple[ColumnElement[bool], ...]:
    """Return the condition that a journaled row has values of a column; none for a column that is always there.

    A row has no values of an optional column that was added later. If it was there and null, and stayed null, the step
    has changed nothing in it.
    """
    if not _may_be_absent(step, name):
        return ()
    return (or_(entry.c[f"{name}_before"].is_not(None), entry.c[f"{name}_after"].is_not(None)),)


def _is_as_written(step: JournaledStep, entry: FromClause, name: str, found: ColumnElement[Any]) -> ColumnElement[bool]:
    """Return whether a row still has the value of a column that a step run wrote, if it wrote one."""
    same = same_when_stored(found, entry.c[f"{name}_after"])
    return or_(same, *(~one for one in _was_there(step, entry, name)))


def _is_same_row(schema: BillingSchema, step: JournaledStep, entry: FromClause, row: FromClause) -> ColumnElement[bool]:
    """Return whether a row is the one that was journaled, and not a new one that was given its id.

    If both have a time of creation, that decides; otherwise the other columns by which the step recognizes rows. A row
    that is not recognized may also be the same one with corrected values. Journals of earlier versions have no such
    values: there the id decides.
    """
    found = {name: entry.c[seen(name)] for name in schema.recognized_columns(step)}
    if not found:
        return true()
    is_same = {name: same_when_stored(row.c[name], value) for name, value in found.items()}
    was_seen = or_(*(value.is_not(None) for value in found.values()))
    was_created = is_same.pop(CREATED_AT_COLUMN, None)
    others = or_(~was_seen, and_(*is_same.values()))
    if was_created is None:
        return others
    return case((found[CREATED_AT_COLUMN].is_not(None), was_created), else_=others)


def _newer(relations: BillingRelations, step: JournaledStep, step_run: int) -> Subquery:
    """Return newer step runs' rows that were not restored, and whether undoing these runs would restore them.

    It would if the row has the values that its newest run wrote, and each run found the values that the previous run
    had written.
    """
    schema, row_id = relations.schema, step.key
    columns = schema.written_columns(step)
    row, runs = relations.rows[step.table], schema.own[RUNS].alias("newer_runs")
    entry = schema.journal(step.name).alias("newer")
    restored = _restored(schema, relations.tenant_id, step)
    was_restored = and_(restored.c.step_run_id == entry.c.step_run_id, restored.c.id == entry.c[row_id])
    same_row = and_(row.c.id == entry.c[row_id], row.c.tenant_id == entry.c.tenant_id)
    of_row: dict[str, Any] = {"partition_by": entry.c[row_id], "order_by": entry.c.step_run_id.desc()}
    is_same_row = and_(row.c.id.is_not(None), _is_same_row(schema, step, entry, row))
    sides = [entry.c[f"{name}_{side}"] for name in columns for side in ("before", "after")]
    # MariaDB 10.11 computes a window in a condition wrongly, so each is a column first.
    later = [func.lag(entry.c[f"{name}_before"]).over(**of_row).label(f"{name}_later") for name in columns]
    placed = (
        select(entry.c[row_id].label("id"), entry.c.step_run_id, *sides, *later)
        .add_columns(func.row_number().over(**of_row).label("at"), case((is_same_row, 1), else_=0).label("is_there"))
        .add_columns(*(row.c[name].label(f"{name}_now") for name in columns))
        .select_from(entry.join(runs, runs.c.id == entry.c.step_run_id))
        .outerjoin(row, same_row)
        .outerjoin(restored, was_restored)
        .where(entry.c.tenant_id == relations.tenant_id, entry.c.step_run_id > step_run)
        .where(runs.c.undoes.is_(None), restored.c.id.is_(None))
        .subquery("placed_entries")
    )
    matches = [
        _is_as_written(
            step, placed, name, case((placed.c.at == 1, placed.c[f"{name}_now"]), else_=placed.c[f"{name}_later"])
        )
        for name in columns
    ]
    entries = select(
        placed.c.id,
        placed.c.step_run_id,
        *(placed.c[one.key] for one in sides),
        case((and_(placed.c.is_there == 1, *matches), 1), else_=0).label("matches"),
    ).subquery("entries")
    so_far = func.min(entries.c.matches).over(partition_by=entries.c.id, order_by=entries.c.step_run_id.desc())
    return select(entries, so_far.label("is_restored")).subquery("newer_entries")


def same_when_stored(one: ColumnElement[Any], other: ColumnElement[Any]) -> ColumnElement[bool]:
    """Return whether two values are equal when stored: on SQLite, 12.5 and '12.5' are equal in a column of text."""
    return or_(one.is_not_distinct_from(other), cast(one, String(255)).is_not_distinct_from(cast(other, String(255))))


def _once_newer_backups_are_retired(
    relations: BillingRelations, step: JournaledStep, step_run: int
) -> tuple[BillingRelations, SelectBase]:
    backup, runs = relations.schema.own[BACKUP], relations.schema.own[RUNS].alias("newer_runs")
    overwritten = []
    for one in writers_of(relations.schema, step):
        entry = _newer(relations, one, 0)
        overwritten.append(select(entry.c.id).where(or_(entry.c.step_run_id < step_run, entry.c.is_restored == 0)))
    kept = union_all(*overwritten)
    newer_runs = select(runs.c.run_id).where(
        runs.c.tenant_id == relations.tenant_id,
        runs.c.step == step.name,
        runs.c.undoes.is_(None),
        runs.c.id > step_run,
    )
    rows = (
        select(backup.c.tenant_id, backup.c.customer_id, backup.c.balance, backup.c.overpayment)
        .where(backup.c.tenant_id == relations.tenant_id)
        .where(or_(backup.c.run_id.not_in(newer_runs), backup.c.customer_id.in_(kept)))
        .subquery(BACKUP)
    )
    return replace(relations, rows={**relations.rows, BACKUP: rows}), kept


def _restored(schema: BillingSchema, tenant_id: Any, step: JournaledStep) -> Subquery:
    """Return the rows of a step that were restored: their ids, and the step run that had written them.

    Join it; do not use it in a correlated subquery: without statistics, SQLite would read all of it for every row.
    """
    journal, runs = schema.journal(step.name).alias("restoring"), schema.own[RUNS].alias("restoring_runs")
    return (
        select(runs.c.undoes.label("step_run_id"), journal.c[step.key].label("id"))
        .join(runs, runs.c.id == journal.c.step_run_id)
        .where(runs.c.undoes.is_not(None), runs.c.tenant_id == tenant_id, journal.c.tenant_id == tenant_id)
        .subquery("restored")
    )


def _decided(relations: BillingRelations, step: JournaledStep, step_run: int, kept: SelectBase) -> Subquery:
    """Return every row that the step run wrote and that was not restored: the decision about it, and its values."""
    schema, row_id = relations.schema, step.key
    columns = schema.written_columns(step)
    row, journal = relations.rows[step.table], schema.journal(step.name).alias("journaled")
    restored = _restored(schema, relations.tenant_id, step)
    was_restored = and_(restored.c.step_run_id == journal.c.step_run_id, restored.c.id == journal.c[row_id])
    same_row = and_(row.c.id == journal.c[row_id], row.c.tenant_id == journal.c.tenant_id)
    as_written = and_(*(_is_as_written(step, journal, name, row.c[name]) for name in columns))
    decision = case(
        (row.c.id.is_(None), ROW_GONE),
        (~_is_same_row(schema, step, journal, row), OTHER_ROW),
        (journal.c[row_id].in_(kept), LATER_CHANGE_KEPT),
        (as_written, RESTORED),
        else_=CHANGED_SINCE,
    )
    values: list[ColumnElement[Any]] = []
    for name in columns:
        before, was_there = journal.c[f"{name}_before"], _was_there(step, journal, name)
        restored_to = case((and_(*was_there), before), else_=row.c[name]).label(before.key) if was_there else before
        values += [restored_to, journal.c[f"{name}_after"]]
    return (
        select(
            journal.c.tenant_id,
            journal.c[row_id].label("id"),
            decision.label("decision"),
            *values,
            *(row.c[name].label(f"{name}_found") for name in columns),
            step.worth_of(row).label("money"),
        )
        .select_from(journal.outerjoin(row, same_row).outerjoin(restored, was_restored))
        .where(
            journal.c.step_run_id == step_run,
            journal.c.tenant_id == relations.tenant_id,
            restored.c.id.is_(None),
        )
        .subquery("decided")
    )


def _skipped(row: FromClause, columns: tuple[str, ...]) -> Select[Any]:
    shown: list[ColumnElement[Any]] = [row.c.id, row.c.decision.label("why")]
    for name in columns:
        shown += [row.c[f"{name}_after"].label(f"expected_{name}"), row.c[f"{name}_found"].label(f"found_{name}")]
    return select(*shown).where(row.c.decision.in_(LEFT_ALONE)).order_by(row.c.id)


def _retire_backups(relations: BillingRelations, step: JournaledStep, run_id: str, kept: SelectBase) -> Change:
    """Return the change that removes a run's rows from the backup, so that the next migration creates a new one."""
    backup = relations.schema.own[BACKUP]
    decision = case((backup.c.customer_id.in_(kept), LATER_CHANGE_KEPT), else_=RESTORED)
    of_run = (
        select(backup.c.tenant_id, backup.c.customer_id.label("id"), backup.c.balance, backup.c.overpayment)
        .add_columns(decision.label("decision"))
        .where(backup.c.tenant_id == relations.tenant_id, backup.c.run_id == run_id)
        .subquery("backed_up")
    )
    sides: list[ColumnElement[Any]] = []
    for name in step.columns:
        sides += [of_run.c[name].label(f"{name}_before"), typed_null(of_run.c[name].type).label(f"{name}_after")]
    rule = case((of_run.c.decision == RESTORED, RESTORED))
    return Change(
        step,
        effect=Effect.REMOVE,
        undoes=True,
        examined=select(
            of_run.c.tenant_id,
            of_run.c.id,
            *outcome_columns(false(), rule, of_run.c.decision),
            step.worth_of(of_run).label("money"),
            *sides,
        ),
    )
