"""Rollbacks as tests make them: of one tenant, its lock released afterwards."""

from typing import Any

from meter_assets.billing.policy import Policy
from meter_assets.migration.database import BillingDatabase
from meter_assets.migration.rollback import Rollback, UndoneStep, roll_back
from meter_assets.reports.rollback_preview import preview_rollback
from tests.support.databases import everything, tenant

DEFAULT = Policy.from_values({})


def roll_back_tenant(
    database: BillingDatabase, run_id: str = "undo", *, before: str | None = None, batch_size: int | None = None
) -> list[UndoneStep]:
    """Roll the first tenant back, wholly or to before a run, and release its lock."""
    of = tenant(_tenant_id(database))
    try:
        return list(roll_back(database, of, run_id, DEFAULT, before_run=before, batch_size=batch_size))
    finally:
        database.release()


def undo(
    database: BillingDatabase, run_id: str = "undo", *, before: str | None = None, batch_size: int | None = None
) -> Rollback:
    """Roll the first tenant back for real, after a dry run that must have told the same and written nothing."""
    untouched, of = everything(database), tenant(_tenant_id(database))
    foreseen = preview_rollback(database, of, before)
    assert everything(database) == untouched
    steps = roll_back_tenant(database, run_id, before=before, batch_size=batch_size)
    done = Rollback(tenant=of.key, name=of.name, steps=steps)
    assert foreseen == done
    return done


def _tenant_id(database: BillingDatabase) -> Any:
    return database.every_tenant()[0].id
