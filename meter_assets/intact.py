"""Whether what a rollback reads is whole: the journals of the steps that it would undo, and the backup.

From a journal whose rows are missing, less would be restored than was changed, and nobody would be told.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, func, select

from meter_assets.database import Tenant
from meter_assets.errors import JournalIncomplete
from meter_assets.foreign_text import quoted
from meter_assets.history import RecordedStep
from meter_assets.schema import BACKUP, BillingSchema, journal_name

_CUSTOMERS = "customer_balances"


def require_whole_journals(
    connection: Connection,
    schema: BillingSchema,
    tenant: Tenant,
    steps: Sequence[RecordedStep],
    every: Sequence[RecordedStep],
) -> None:
    """Raise JournalIncomplete where rows are missing that undoing these steps of a tenant reads.

    `every` are all the tenant's recorded steps: what was restored before is read too, lest it be restored again.
    """
    for one in steps:
        for table in _tables_of(one.step):
            if table not in schema.own_tables_present:
                raise JournalIncomplete(tenant.key, _title(one), table, one.rows_changed or 0, None)
    for one, table, expected, there in _counted(connection, schema, tenant, steps, every):
        if there < expected:
            raise JournalIncomplete(tenant.key, _title(one), table, expected, there)


def _title(one: RecordedStep) -> str:
    return f"{'the rollback of ' if one.undoes is not None else ''}{quoted(one.step)} of run {quoted(one.run_id)}"


def _tables_of(step: str) -> tuple[str, ...]:
    """Return the names of the tables that undoing a step reads or writes, but for those that it restores."""
    if step == BACKUP:
        return BACKUP, journal_name(BACKUP), journal_name(_CUSTOMERS)
    return (journal_name(step),)


def _counted(
    connection: Connection,
    schema: BillingSchema,
    tenant: Tenant,
    steps: Sequence[RecordedStep],
    every: Sequence[RecordedStep],
) -> Iterator[tuple[RecordedStep, str, int, int]]:
    """Yield the step runs whose rows are read, where these are, how many were recorded, and how many are there."""
    for step, read in _read(steps, every).items():
        journal = schema.journal(step)
        there = _count(connection, journal, tenant, journal.c.step_run_id, {one.id for one in read})
        yield from ((one, journal.name, one.rows_changed or 0, there[one.id]) for one in read)
    backups = [one for one in steps if one.step == BACKUP]
    if backups:
        backup, kept = schema.own[BACKUP], _kept_of_each_run(every)
        there = _count(connection, backup, tenant, backup.c.run_id, {one.run_id for one in backups})
        yield from ((one, backup.name, kept[one.run_id], there[one.run_id]) for one in backups)


def _read(steps: Sequence[RecordedStep], every: Sequence[RecordedStep]) -> Mapping[str, list[RecordedStep]]:
    """Return, by step, whose journaled rows undoing `steps` reads: their own, and what was restored of later ones.

    The backup has no journal of what was added; its rows are kept for customers whose balances were not restored.
    """
    undone, since = {one.id for one in steps}, {one.step: min(each.id for each in steps) for one in steps}
    if since.pop(BACKUP, None) is not None:
        since[_CUSTOMERS] = 0

    def is_read(one: RecordedStep) -> bool:
        return one.id in undone if one.undoes is None else one.undoes >= since[one.step]

    return {step: [one for one in every if one.step == step and is_read(one)] for step in since}


def _kept_of_each_run(every: Sequence[RecordedStep]) -> Counter[str]:
    """Return how many rows each run has added to the backup that no rollback has taken out."""
    kept: Counter[str] = Counter()
    for one in every:
        if one.step == BACKUP:
            sign = 1 if one.undoes is None else -1
            kept[one.undoes_run_id or one.run_id] += sign * (one.rows_changed or 0)
    return kept


def _count(
    connection: Connection, table: Table, tenant: Tenant, key: ColumnElement[Any], wanted: Iterable[Any]
) -> Counter[Any]:
    """Return how many of a tenant's rows a table has, by key."""
    counted = select(key, func.count()).where(key.in_(wanted), table.c.tenant_id == tenant.id).group_by(key)
    return Counter({row[0]: row[1] for row in connection.execute(counted)})
