"""Reads the history of step runs that is recorded in the billing database.

Each started step run has one row in meter_migration_runs; a rollback's row names the step run that it undoes. Add here
queries of the history. Step runs are recorded in `recording`; the tables with the records are in `records`.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel
from sqlalchemy import Connection, select

from meter_assets.billing.own_tables import RUNS
from meter_assets.billing.schema import BillingSchema
from meter_assets.billing.step_runs import step_runs
from meter_assets.errors import RecordsAltered
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
    connection: Connection, schema: BillingSchema, tenant_ids: Sequence[Any] | None = None
) -> list[StepRunRecord]:
    """Return the recorded steps of these tenants (or of all, including deleted ones), oldest first."""
    runs, undone = step_runs(schema), schema.own[RUNS].alias("undone")
    joined = runs.outerjoin(undone, undone.c.id == runs.c.undoes)
    statement = select(runs, undone.c.run_id.label("undoes_run_id")).select_from(joined).order_by(runs.c.id)
    if tenant_ids is not None:
        statement = statement.where(runs.c.tenant_id.in_(tenant_ids))
    return [StepRunRecord.model_validate(dict(row)) for row in connection.execute(statement).mappings()]
