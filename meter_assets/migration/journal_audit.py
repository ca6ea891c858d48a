"""Checks that the journals and the backup contain exactly the rows that the recorded step runs wrote.

A rollback writes the rows that it finds there. If rows were missing, it would restore too little; if rows were added or
edited, it would write wrong values into invoices or meters. Add here checks of journals and backups. The records of
step runs are checked in `records`, the definitions of our own tables in `engines`.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Select, func, insert, select, union_all

from meter_assets.billing.constructs import rows_digest
from meter_assets.billing.engine_types import types_of
from meter_assets.billing.own_tables import BACKUP, COMMITS, RUNNING, RUNS, Effect, JournaledStep
from meter_assets.billing.schema import BillingSchema
from meter_assets.errors import JournalAltered, JournalIncomplete, NotAsRecorded
from meter_assets.foreign_text import quoted
from meter_assets.migration.database import Tenant
from meter_assets.migration.journal import IdRange, backed_up_columns, digested_columns
from meter_assets.migration.records import SealedRecord, commits_of, end, read_records, require_unaltered
from meter_assets.migration.run_history import StepRunRecord, recorded_steps_of
from meter_assets.migration.step_run import StepRun
from meter_assets.rules.undo import writers_of

_EDITED = "its journaled rows were changed"


def require_as_recorded(
    connection: Connection,
    schema: BillingSchema,
    tenant: Tenant,
    steps: Sequence[StepRunRecord],
    every: Sequence[StepRunRecord],
) -> None:
    """Raise NotAsRecorded if our tables do not contain what was recorded for a tenant.

    Raises JournalIncomplete if rows are missing that undoing `steps` needs, and JournalAltered if rows were added or
    changed. `every` are all recorded steps of the tenant: undoing also reads which rows were restored before, so that
    it does not restore them again.
    """
    require_unaltered(read_records(connection, schema, tenant_id=tenant.id))
    for one in steps:
        for table in _tables_of(schema, one.step):
            if table not in schema.own_tables_present:
                raise JournalIncomplete(tenant.key, _title(one), table, one.rows_changed or 0, None)
    read = _read(schema, steps, every)
    for step in schema.steps:
        if step.journal in schema.own_tables_present:
            _require_journal(connection, schema, tenant, step, read.get(step.name, []), every)
    if BACKUP in schema.own_tables_present:
        is_read = any(_adds(schema, one.step) for one in steps)
        _require_backup(connection, schema, tenant, every, is_read=is_read)


def problems_of_journals(
    connection: Connection, schema: BillingSchema, tenant: Tenant, every: Sequence[StepRunRecord]
) -> Iterator[NotAsRecorded]:
    """Yield the first problem of each journal of a tenant, and of the backup; `every` are all its recorded steps."""
    for step in schema.steps:
        read = [one for one in every if one.step == step.name and (step.effect is not Effect.ADD or one.undoes)]
        if step.journal not in schema.own_tables_present:
            for one in (each for each in read if each.rows_changed):
                yield JournalIncomplete(tenant.key, _title(one), step.journal, one.rows_changed or 0, None)
            continue
        try:
            _require_journal(connection, schema, tenant, step, read, every)
        except NotAsRecorded as error:
            yield error
    if BACKUP in schema.own_tables_present:
        try:
            _require_backup(connection, schema, tenant, every)
        except NotAsRecorded as error:
            yield error


def require_trusted(connection: Connection, schema: BillingSchema, run: StepRun) -> None:
    """Raise NotAsRecorded if the rows of our tables that a step run reads are not as recorded.

    Call it in the transaction of the step run. A step that undoes another reads its journal. The step that completes
    the backup reads the backup: if it had been deleted, the step would create it again from the current balances.
    """
    if _adds(schema, run.step):
        _require_backup(connection, schema, run.tenant, recorded_steps_of(connection, schema, [run.tenant.id]))
    elif run.undoes is not None:
        _require_journal(connection, schema, run.tenant, schema.journaled[run.step], [run.undoes], [run.undoes])


def seal_old_records(
    connection: Connection, schema: BillingSchema, tenant: Tenant, records: Iterable[SealedRecord]
) -> bool:
    """Seal the records of a tenant that version 1.0.0 wrote, with the current digests of their journals.

    If a journal has another number of rows than recorded, its step run gets no digest, and a rollback will refuse it.
    Returns whether there was anything to seal.
    """
    unsealed = [one.run for one in records if one.is_unsealed and one.run["step"] in schema.journaled]
    for run in unsealed:
        rows = run["rows_changed"] or 0
        journaled = _journaled_by(schema, tenant, run["step"], run["id"], run["run_id"], run["undoes"])
        found = connection.execute(_digest(journaled)).one()
        if rows and found[0] == rows:
            values = {"step_run_id": run["id"], "tenant_id": tenant.id, "part": 0}
            connection.execute(insert(schema.own[COMMITS]).values(**values, rows_changed=rows, digest=found[1]))
        if run["outcome"] != RUNNING:
            end(connection, schema, run["id"], run["outcome"], run["message"])
    return bool(unsealed)


def _title(one: StepRunRecord) -> str:
    return f"{'the rollback of ' if one.undoes is not None else ''}{quoted(one.step)} of run {quoted(one.run_id)}"


def _adds(schema: BillingSchema, step: str) -> bool:
    """Return whether a step adds rows to the backup, which is its own journal."""
    return step in schema.journaled and schema.journaled[step].effect is Effect.ADD


def _tables_of(schema: BillingSchema, name: str) -> tuple[str, ...]:
    """Return the names of the tables that undoing a step reads or writes, except those that it restores."""
    step = schema.journaled.get(name)
    if step is None:  # of another version, or of whoever altered the records: there is no journal that could be read
        return (f"meter_migration_{name}",)
    if step.effect is Effect.ADD:
        return BACKUP, step.journal, *(one.journal for one in writers_of(schema, step))
    return (step.journal,)


def _read(
    schema: BillingSchema, steps: Sequence[StepRunRecord], every: Sequence[StepRunRecord]
) -> Mapping[str, list[StepRunRecord]]:
    """Return, per step, the step runs whose journaled rows undoing `steps` reads: these, and rollbacks of later ones.

    The backup has no journal of added rows; a rollback keeps its rows for customers whose balances were not restored.
    """
    undone, since = {one.id for one in steps}, {one.step: min(each.id for each in steps) for one in steps}
    for backup in [name for name in since if _adds(schema, name)]:
        del since[backup]
        since |= {one.name: 0 for one in writers_of(schema, schema.journaled[backup])}

    def is_read(one: StepRunRecord) -> bool:
        return one.id in undone if one.undoes is None else one.undoes >= since[one.step]

    return {step: [one for one in every if one.step == step and is_read(one)] for step in since}


def _require_journal(
    connection: Connection,
    schema: BillingSchema,
    tenant: Tenant,
    step: JournaledStep,
    read: Sequence[StepRunRecord],
    every: Sequence[StepRunRecord],
) -> None:
    """Check the journaled rows: those of `read` must be complete and unchanged, none of `every` may have extra rows."""
    journal, adds = schema.journal(step.name), step.effect is Effect.ADD
    runs = {one.id: one for one in every if one.step == step.name and (not adds or one.undoes is not None)}
    counted = select(journal.c.step_run_id, func.count()).where(journal.c.step_run_id.in_(runs))
    there = _counted(connection, counted.group_by(journal.c.step_run_id))
    for key, one in runs.items():
        if there[key] > (one.rows_changed or 0):
            raise JournalAltered(tenant.key, _title(one), journal.name, _too_many(there[key], one.rows_changed))
    for one in read:
        if there[one.id] < (one.rows_changed or 0):
            raise JournalIncomplete(tenant.key, _title(one), journal.name, one.rows_changed or 0, there[one.id])
    for one, matches in _compared(connection, schema, step, read):
        if not matches:
            raise JournalAltered(tenant.key, _title(one), journal.name, _EDITED)


def _counted(connection: Connection, counted: Select[Any]) -> Counter[Any]:
    return Counter({row[0]: row[1] for row in connection.execute(counted)})


def _too_many(there: int, recorded: int | None) -> str:
    return f"there are {there:,} rows, but {recorded or 0:,} were recorded"


def _compared(
    connection: Connection, schema: BillingSchema, step: JournaledStep, read: Sequence[StepRunRecord]
) -> Iterator[tuple[StepRunRecord, bool]]:
    """Yield each step run with whether its journaled rows have the recorded digest, once for each commit.

    Step runs of version 1.0.0 that no later run has sealed have no digests; only their counts are checked.
    """
    journal = schema.journal(step.name)
    commits = commits_of(connection, schema, [one.id for one in read])
    row_id = journal.c[step.key]
    for one in read:
        journaled = select(*digested_columns(schema, step)).where(journal.c.step_run_id == one.id)
        for commit in commits.get(one.id, ()):
            yield one, _matches(connection, commit, journaled, row_id)


def _matches(connection: Connection, commit: Mapping[Any, Any], journaled: Select[Any], row_id: Any) -> bool:
    """Return whether the journaled rows of a commit have the recorded count and digest."""
    kept_as_is = types_of(connection.dialect).keeps_any_value
    try:
        low, high = (_as_id(row_id, commit[side], kept_as_is) for side in ("above_id", "up_to_id"))
    except ValueError:
        return False
    rows, digest = connection.execute(_digest(journaled, IdRange(low, high))).one()
    return (rows, digest) == (commit["rows_changed"], commit["digest"])


def _as_id(column: Any, recorded: str | None, kept_as_is: bool) -> Any:
    """Return the bound of a batch, which is recorded as text, in the type of the ids.

    Raises ValueError for a text that is no such id, unless a column keeps any value as it is; no id is empty.
    """
    if recorded is None:
        return None
    if not recorded:
        raise ValueError(recorded)
    try:
        bound = column.type.python_type(recorded)
    except (NotImplementedError, TypeError):
        return recorded
    except ValueError:
        if kept_as_is:
            return recorded
        raise
    if str(bound) != recorded and not kept_as_is:
        raise ValueError(recorded)
    return bound


def _digest(rows: Select[Any], keys: IdRange | None = None) -> Select[Any]:
    """Return the SELECT of the number of rows with ids in the range, and of their digest."""
    row = rows.subquery("journaled")
    counted: Any = func.count()
    found = select(counted, rows_digest(*row.c))
    return found.where(keys.has(row.c.id)) if keys else found


def _require_backup(
    connection: Connection,
    schema: BillingSchema,
    tenant: Tenant,
    every: Sequence[StepRunRecord],
    *,
    is_read: bool = True,
) -> None:
    """Check the tenant's rows of the backup; if the step runs do not read them, check only for extra rows."""
    backup, kept = schema.own[BACKUP], _backup_rows_by_run(every)
    counted = select(backup.c.run_id, func.count()).where(backup.c.tenant_id == tenant.id).group_by(backup.c.run_id)
    there = _counted(connection, counted)
    for run_id in sorted({*there, *kept}):
        title = f"{BACKUP} of run {quoted(run_id)}"
        if there[run_id] > kept[run_id]:
            raise JournalAltered(tenant.key, title, BACKUP, _too_many(there[run_id], kept[run_id]))
        if is_read and there[run_id] < kept[run_id]:
            raise JournalIncomplete(tenant.key, title, BACKUP, kept[run_id], there[run_id])
    kept_by = _backup_rows_by_step_run(every)
    if not is_read or not kept_by:
        return
    commits = commits_of(connection, schema, list(kept_by))
    for one in (each for each in every if each.id in kept_by):
        # Rows that are there say of which run they are. Of a run that made the backup twice, one has been undone.
        sharing = [each.id for each in every if each.run_id == one.run_id and kept_by.get(each.id)]
        if len(sharing) > 1:
            continue
        journaled_by = _journaled_by(schema, tenant, one.step, one.id, one.run_id, None, keeps=one.id in sharing)
        for commit in commits.get(one.id, ()):
            if not _matches(connection, commit, journaled_by, backup.c.customer_id):
                raise JournalAltered(tenant.key, _title(one), BACKUP, _EDITED)


def _journaled_by(
    schema: BillingSchema,
    tenant: Tenant,
    step: str,
    step_run_id: int,
    run_id: str,
    undoes: int | None,
    *,
    keeps: bool = True,
) -> Select[Any]:
    """Return the rows that a step run has journaled.

    Rows that it added to the backup are still there, if it `keeps` any, or in the table of rows that rollbacks removed.
    """
    journal, writes = schema.journal(step), schema.journaled[step]
    if writes.effect is not Effect.ADD or undoes is not None:
        return select(*digested_columns(schema, writes)).where(journal.c.step_run_id == step_run_id)
    backup, runs = schema.own[BACKUP], schema.own[RUNS]
    there = select(*backed_up_columns(writes, backup, "")).where(
        backup.c.tenant_id == tenant.id, backup.c.run_id == run_id
    )
    if journal.name not in schema.own_tables_present:
        return there
    retired = select(*backed_up_columns(writes, journal, "_before")).join(runs, runs.c.id == journal.c.step_run_id)
    retired = retired.where(runs.c.undoes == step_run_id)
    return select(union_all(there, retired).subquery("journaled")) if keeps else retired


def _backup_rows_by_run(every: Sequence[StepRunRecord]) -> Counter[str]:
    """Return, per run, the number of rows that it added to the backup and that no rollback has removed."""
    by_step, kept = _backup_rows_by_step_run(every), Counter[str]()
    for one in every:
        kept[one.run_id] += by_step[one.id]
    return kept


def _backup_rows_by_step_run(every: Sequence[StepRunRecord]) -> Counter[int]:
    """Return, per id of a step run that wrote the backup, the number of its rows that no rollback has removed."""
    kept: Counter[int] = Counter()
    for one in (each for each in every if each.step == BACKUP):
        kept[one.id if one.undoes is None else one.undoes] += (1 if one.undoes is None else -1) * (
            one.rows_changed or 0
        )
    return kept
