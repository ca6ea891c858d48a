"""What was run: the rows of meter_migration_runs, for those who ask."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel
from sqlalchemy import select

from meter_assets.database import BillingDatabase, Tenant
from meter_assets.schema import RUNS


class RecordedStep(BaseModel):
    """One step of one tenant in one run, as it is recorded in the billing database."""

    run_id: str
    tenant_id: Any
    step: str
    started_at: datetime
    finished_at: datetime | None
    outcome: str
    rows_changed: int | None
    message: str | None
    software_version: str


def recorded_steps(database: BillingDatabase, tenants: Sequence[Tenant]) -> list[RecordedStep]:
    """Return what was run of these tenants, oldest first; nothing where no live run has been made yet.

    Raises what `BillingDatabase.snapshot` and `schema` raise.
    """
    with database.snapshot() as connection:
        schema = database.schema(connection)
        if RUNS not in schema.own_tables_present:
            return []
        runs = schema.own[RUNS]
        mine = runs.c.tenant_id.in_([tenant.id for tenant in tenants])
        rows = connection.execute(select(runs).where(mine).order_by(runs.c.started_at, runs.c.tenant_id))
        return [RecordedStep.model_validate(dict(row)) for row in rows.mappings()]
