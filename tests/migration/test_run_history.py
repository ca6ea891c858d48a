"""What the record of runs says of a tenant: for which steps it is migrated, after rollbacks of some runs too."""

from typing import Any

import pytest
from sqlalchemy import text

from meter_assets.billing.own_tables import BACKUP
from meter_assets.billing.policy import Policy
from meter_assets.billing.schema import billing_tables
from meter_assets.billing.step_runs import tenants_with
from meter_assets.migration.database import BillingDatabase
from meter_assets.migration.rollback import roll_back
from tests.migration.test_apply import owing_20
from tests.support.databases import migrate, start_over, tenant

SCHEMA = billing_tables()


@pytest.fixture
def database(billing_url: str) -> BillingDatabase:
    return start_over(billing_url, SCHEMA, owing_20())


def change(database: BillingDatabase, statement: str) -> None:
    with database.transaction() as connection:
        connection.execute(text(statement))


def undo(database: BillingDatabase, before_run: str | None = None, *, run_id: str) -> None:
    try:
        list(roll_back(database, tenant(1), run_id, Policy.from_values({}), before_run=before_run))
    finally:
        database.release()


def migrated(database: BillingDatabase, step: str = "meter_balances") -> list[Any]:
    with database.snapshot() as connection:
        return list(connection.scalars(tenants_with(database.schema(connection), step)))


def test_a_tenant_is_migrated_as_long_as_one_of_its_runs_is_in_force(database: BillingDatabase) -> None:
    migrate(database, 1, run_id="first")
    migrate(database, 1, run_id="without changes")
    change(database, "UPDATE invoice_bills SET amount = amount + 1 WHERE amount > 0")
    migrate(database, 1, run_id="second")
    migrate(database, 1, run_id="sync", steps=("customer_balances",))

    undo(database, "sync", run_id="undo 1")
    assert (migrated(database), migrated(database, "customer_balances")) == ([1], [])
    undo(database, "second", run_id="undo 2")
    assert (migrated(database), migrated(database, BACKUP)) == ([1], [1])
    undo(database, run_id="undo 3")
    assert (migrated(database), migrated(database, BACKUP)) == ([], [])
    migrate(database, 1, run_id="again")
    assert migrated(database) == [1]
