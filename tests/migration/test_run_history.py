"""What the record of runs says of a tenant: for which steps it is migrated, after rollbacks of some runs too."""

from typing import Any

import pytest

from meter_assets.billing.own_tables import BACKUP
from meter_assets.billing.schema import billing_tables
from meter_assets.billing.step_runs import tenants_with
from meter_assets.migration.database import BillingDatabase
from tests.support.databases import migrate, start_over, write
from tests.support.ledger import owing_20
from tests.support.rollbacks import roll_back_tenant

SCHEMA = billing_tables()


@pytest.fixture
def database(billing_url: str) -> BillingDatabase:
    return start_over(billing_url, SCHEMA, owing_20())


def migrated(database: BillingDatabase, step: str = "meter_balances") -> list[Any]:
    with database.snapshot() as connection:
        return list(connection.scalars(tenants_with(database.schema(connection), step)))


@pytest.mark.slow
def test_a_tenant_is_migrated_as_long_as_one_of_its_runs_is_in_force(database: BillingDatabase) -> None:
    migrate(database, 1, run_id="first")
    migrate(database, 1, run_id="without changes")
    write(database, "UPDATE invoice_bills SET amount = amount + 1 WHERE amount > 0")
    migrate(database, 1, run_id="second")
    migrate(database, 1, run_id="sync", steps=("customer_balances",))

    roll_back_tenant(database, "undo 1", before="sync")
    assert (migrated(database), migrated(database, "customer_balances")) == ([1], [])
    roll_back_tenant(database, "undo 2", before="second")
    assert (migrated(database), migrated(database, BACKUP)) == ([1], [1])
    roll_back_tenant(database, "undo 3")
    assert (migrated(database), migrated(database, BACKUP)) == ([], [])
    migrate(database, 1, run_id="again")
    assert migrated(database) == [1]
