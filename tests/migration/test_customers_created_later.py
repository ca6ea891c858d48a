"""A customer that is created after the backup needs no row in it; one that had a balance before always does."""

from copy import deepcopy

import pytest
from sqlalchemy import String, text

from meter_assets.billing.own_tables import BACKUP
from meter_assets.billing.policy import Policy
from meter_assets.billing.schema import billing_tables
from meter_assets.migration.database import BillingDatabase
from meter_assets.migration.evaluation import evaluate
from meter_assets.rules.invariants import named
from tests.support.databases import migrate, start_over
from tests.support.ledger import invoice, ledger, payment
from tests.support.rollbacks import roll_back_tenant
from tests.support.shapes import SHAPES

ROWS = ledger([invoice(1, "30.00")], [payment(1, "10.00")])


def tenant_one(url: str, *, ids: str, empty: bool) -> BillingDatabase:
    """Return a database whose tenant has one customer, or none, and ids of a kind."""
    rows = deepcopy(ROWS)
    if empty:
        for table in rows:
            rows[table] = [row for row in rows[table] if table == "tenants" or row["tenant_id"] != 1]
    if ids == "numbers":
        return start_over(url, billing_tables(), rows)
    return start_over(url, billing_tables(ids=String(20)), SHAPES["text ids"][1](rows))


def without_backup(database: BillingDatabase) -> list[str]:
    """Return the customers that every_customer_has_a_backup reports."""
    tenant_id = database.every_tenant()[0].id
    with database.read(Policy()) as snapshot:
        (found,) = evaluate(snapshot.connection, named("every_customer_has_a_backup"), snapshot.relations(tenant_id))
    return [row["customer_id"] for row in found.samples]


CREATE, LOSE, MIGRATE, ROLL_BACK = "create a customer", "lose the backup", "migrate", "roll back"
CASES = [
    # the ids, whether there is no customer at first, what happens, and the customers that are reported
    ("numbers", True, (CREATE,), ["9"]),
    ("numbers", True, (MIGRATE, CREATE), []),
    ("numbers", True, (MIGRATE, CREATE, MIGRATE), []),
    ("numbers", True, (MIGRATE, CREATE, MIGRATE, LOSE), ["9"]),
    ("numbers", True, (MIGRATE, CREATE, MIGRATE, ROLL_BACK), []),
    ("numbers", False, (), ["1"]),
    ("numbers", False, (MIGRATE, CREATE), []),
    ("numbers", False, (MIGRATE, CREATE, LOSE), ["1", "9"]),
    ("numbers", False, (MIGRATE, ROLL_BACK, CREATE), ["1", "9"]),
    ("text", True, (CREATE,), ["id-9"]),
    ("text", True, (MIGRATE, CREATE), []),
    ("text", True, (MIGRATE, CREATE, MIGRATE, LOSE), ["id-9"]),
    ("text", False, (MIGRATE, CREATE), ["id-9"]),
    ("text", False, (MIGRATE, CREATE, MIGRATE), []),
    ("text", False, (MIGRATE, CREATE, LOSE), ["id-1", "id-9"]),
]


@pytest.mark.slow
@pytest.mark.by_default("sqlite")
@pytest.mark.parametrize(("ids", "empty", "events", "reported"), CASES)
def test_customers_without_a_backup(
    billing_url: str, ids: str, empty: bool, events: tuple[str, ...], reported: list[str]
) -> None:
    """Which are reported, by the recorded backup and the order of the ids."""
    database = tenant_one(billing_url, ids=ids, empty=empty)
    tenant_id = database.every_tenant()[0].id
    new = {"id": 9 if ids == "numbers" else "id-9", "of": tenant_id}
    for at, event in enumerate(events):
        if event == MIGRATE:
            migrate(database, tenant_id, run_id=f"run {at}")
        elif event == ROLL_BACK:
            roll_back_tenant(database)
        else:
            statement = (
                f"DELETE FROM {BACKUP}"
                if event == LOSE
                else "INSERT INTO customers (id, tenant_id, name, balance, overpayment) VALUES (:id, :of, 'New', 5, 0)"
            )
            with database.transaction() as connection:
                connection.execute(text(statement), new if event == CREATE else {})
    assert without_backup(database) == reported
