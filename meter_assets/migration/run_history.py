"""Reads the history of step runs that is recorded in the billing database.

Each started step run has one row in meter_migration_runs; a rollback's row names the step run that it undoes. The steps
of one tenant in one run are a `RunRecord`. Add here queries of the history. Step runs are recorded in `recording`; the
tables with the records are in `records`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

from pydantic import BaseModel, ValidationError
from sqlalchemy import Connection, and_, func, select

from meter_assets.billing.own_tables import BLOCKED, FAILED, INTERRUPTED, PARTIAL, RUNNING, RUNS
from meter_assets.billing.schema import BillingSchema
from meter_assets.billing.step_runs import step_runs
from meter_assets.errors import RecordsAltered
from meter_assets.foreign_text import quoted
from meter_assets.formatting import SHORT_RUN_ID
from meter_assets.migration import records
from meter_assets.migration.database import BillingDatabase, Tenant
from meter_assets.migration.snapshot import tried_again


class StepRunRecord(BaseModel):
    """The record of one step of one tenant in one run."""

    id: int
    run_id: str
    tenant_id: Any
    step: str
    undoes: int | None
    undoes_run_id: str | None = None
    started_at: datetime
    finished_at: datetime | None
    outcome: str
    rows_changed: int | None
    message: str | None
    software_version: str
    started_by: str | None = None
    """Who started its run: a user and host, or the user of the UI; None if version 1.2 or older ran it."""
    executed_by: str | None = None
    """The user and host of the process that executed it."""
    database_role: str | None = None
    reason: str | None = None
    """Why it was started, in the words of that person."""


_WORST_FIRST = (RUNNING, FAILED, INTERRUPTED, BLOCKED, PARTIAL)
_MOST_NAMED_RUNS = 500
"""The most runs that are named in a statement. More may exceed an engine's limit of parameters."""


@dataclass(frozen=True)
class RunRecord:
    """The steps of one tenant in one run, newest first."""

    steps: tuple[StepRunRecord, ...]
    short_id: str
    """The start of its id: long enough that no other run starts with it."""

    @property
    def run_id(self) -> str:
        """Its id, which is also the id of the run in Dagster."""
        return self.steps[0].run_id

    @property
    def tenant_id(self) -> Any:
        """Its tenant."""
        return self.steps[0].tenant_id

    @property
    def started_at(self) -> datetime:
        """When its first step started."""
        return self.steps[-1].started_at

    @property
    def finished_at(self) -> datetime | None:
        """When its last step ended; None if it has not ended."""
        return self.steps[0].finished_at

    @property
    def started_by(self) -> str | None:
        """Who started it; None if version 1.2 or older ran it."""
        return self.steps[0].started_by

    @property
    def reason(self) -> str | None:
        """Why it was started; None if nobody said."""
        return self.steps[0].reason

    @property
    def outcome(self) -> str:
        """The worst outcome of its steps. Of a step that ran in several rounds, the last round counts."""
        last = {one.step: one.outcome for one in reversed(self.steps)}
        return next((one for one in _WORST_FIRST if one in last.values()), self.steps[0].outcome)

    @property
    def rows_changed(self) -> int:
        """The number of rows that its steps journaled."""
        return sum(one.rows_changed or 0 for one in self.steps)

    @property
    def undoes(self) -> list[str]:
        """The ids of the runs that it undoes, newest first; none if it is no rollback."""
        return list(dict.fromkeys(one.undoes_run_id for one in reversed(self.steps) if one.undoes_run_id))


@tried_again
def recorded_runs(
    database: BillingDatabase, tenants: Sequence[Tenant], limit: int | None = None
) -> tuple[list[RunRecord], int]:
    """Return the newest runs of these tenants, newest first, and how many older ones there are.

    Raises what `BillingDatabase.snapshot` and `schema` raise.
    """
    with database.snapshot() as connection:
        schema = database.schema(connection)
        if RUNS not in schema.own_tables_present:
            return [], 0
        runs, ids = schema.own[RUNS], [tenant.id for tenant in tenants]
        groups = select(runs.c.run_id, runs.c.tenant_id).group_by(runs.c.run_id, runs.c.tenant_id)
        newest_first = groups.where(runs.c.tenant_id.in_(ids)).order_by(func.max(runs.c.id).desc())
        found = [(str(run_id), tenant_id) for run_id, tenant_id in connection.execute(newest_first)]
        wanted = found[:limit]
        few = [run_id for run_id, _ in wanted] if len(wanted) <= _MOST_NAMED_RUNS else None
        steps = recorded_steps_of(connection, schema, ids, few)
        length = _length_of_ids(connection.scalars(select(runs.c.run_id).distinct()).all())
    by_run: dict[tuple[str, Any], list[StepRunRecord]] = {one: [] for one in wanted}
    for step in reversed(steps):
        if (step.run_id, step.tenant_id) in by_run:
            by_run[step.run_id, step.tenant_id].append(step)
    records = [RunRecord(tuple(of_run), of_run[0].run_id[:length]) for of_run in by_run.values()]
    return records, len(found) - len(wanted)


def _length_of_ids(run_ids: Sequence[str]) -> int:
    """Return how many characters tell these ids apart."""
    length = SHORT_RUN_ID
    for one, next_one in pairwise(sorted(run_ids)):
        while one[:length] == next_one[:length]:
            length += 1
    return length


@tried_again
def recorded_steps(database: BillingDatabase, tenants: Sequence[Tenant]) -> list[StepRunRecord]:
    """Return the step runs of these tenants, oldest first; an empty list before the first live run.

    Raises what `BillingDatabase.snapshot` and `schema` raise.
    """
    with database.snapshot() as connection:
        schema = database.schema(connection)
        if RUNS not in schema.own_tables_present:
            return []
        return recorded_steps_of(connection, schema, [tenant.id for tenant in tenants])


@tried_again
def altered_records(database: BillingDatabase, tenants: Sequence[Tenant]) -> list[RecordsAltered]:
    """Return an error for each step run of these tenants whose record differs from its seal.

    Raises what `BillingDatabase.snapshot` and `schema` raise.
    """
    keys = {tenant.key for tenant in tenants}
    with database.snapshot() as connection:
        found = records.altered(connection, database.schema(connection))
        return [one for one in found if one.tenant_id in keys]


def recorded_steps_of(
    connection: Connection,
    schema: BillingSchema,
    tenant_ids: Sequence[Any] | None = None,
    run_ids: Sequence[str] | None = None,
) -> list[StepRunRecord]:
    """Return the recorded steps of these tenants (or of all, including deleted ones), oldest first.

    With `run_ids`, only those of these runs. Raises RecordsAltered for a value that is none of its column.
    """
    runs, undone = step_runs(schema), schema.own[RUNS].alias("undone")
    joined = runs.outerjoin(undone, and_(undone.c.id == runs.c.undoes, undone.c.tenant_id == runs.c.tenant_id))
    statement = select(runs, undone.c.run_id.label("undoes_run_id")).select_from(joined).order_by(runs.c.id)
    if tenant_ids is not None:
        statement = statement.where(runs.c.tenant_id.in_(tenant_ids))
    if run_ids is not None:
        statement = statement.where(runs.c.run_id.in_(run_ids))
    rows = connection.execute(statement).mappings().all()  # an unfinished query would keep the lock of SQLite
    return [_record_of(row) for row in rows]


def _record_of(row: Mapping[Any, Any]) -> StepRunRecord:
    try:
        return StepRunRecord.model_validate(dict(row))
    except ValidationError as error:  # SQLite can have any value in any column
        wrong = ", ".join(f"{one['loc'][0]} is {quoted(one['input'])}" for one in error.errors())
        raise RecordsAltered(str(row["tenant_id"]), str(row["step"]), str(row["run_id"]), wrong) from None
