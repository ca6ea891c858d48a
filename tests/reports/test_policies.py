"""Comparing policies: the balances under each are those of the steps, and the policy of the old balances is found."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from meter_assets.billing.policy import Policy
from meter_assets.billing.relations import billing_relations
from meter_assets.billing.schema import billing_tables
from meter_assets.migration.database import BillingDatabase
from meter_assets.reports.policy_sums import tenant_sums
from meter_assets.rules.invariants.balances import _net_of_customers_meters
from meter_assets.rules.steps import STEPS
from tests.support import oracle
from tests.support.databases import start_over
from tests.support.oracle import Database
from tests.support.oracle.balances import meters_named_by
from tests.support.oracle.books import BACKUP, Books, net
from tests.support.strategies import billing_databases, policies

SCHEMA = billing_tables()
STEPS_OF_BALANCES = ("payment_meter_ids", "invoice_amounts", "meter_balances")


def by_the_oracle(db: Database, tenant_id: int, policy: Policy) -> dict[str, tuple[Decimal, Decimal]]:
    """Return what each customer owed, and would owe after a migration, by plain Python."""
    backed_up = {row["customer_id"]: net([row]) for row in Books(db, tenant_id, policy).own(BACKUP)}
    after, _ = oracle.migrated(db, tenant_id, policy)
    books = Books(after, tenant_id, policy)
    found = {}
    for customer in books.own("customers"):
        key = customer["id"]
        assignments = books.active_assignments(key) or books.valid_assignments(key)
        old = backed_up.get(key, net([customer]))
        found[str(key)] = (old, net(meters_named_by(books, assignments)))
    return found


def by_the_steps(database: BillingDatabase, tenant_id: Any, policy: Policy) -> dict[str, Decimal]:
    """Return what each customer would owe, by the changes of the steps laid over the tables."""
    with database.snapshot() as connection:
        relations = billing_relations(database.schema(connection), policy, tenant_id)
        for step in STEPS_OF_BALANCES:
            relations = relations.after(STEPS[step].compute(relations))
        owed = _net_of_customers_meters(relations)
        return {str(row.customer_id): row.net for row in connection.execute(select(owed))}


def compared(
    database: BillingDatabase, tenant_id: Any, wanted: Sequence[Policy]
) -> list[dict[str, tuple[Decimal, Decimal]]]:
    """Return, for each policy, what each customer owed and would owe, by the parts that a comparison adds up."""
    with database.read(wanted[0]) as snapshot:
        sums = tenant_sums(snapshot, tenant_id, wanted)
    assert not sums.unusable.any()
    return [
        {
            one.id: (sums.units(old), sums.units(owed))
            for one, old, owed in zip(sums.customers, sums.old, sums.owed(policy), strict=True)
        }
        for policy in wanted
    ]


ROUNDED = st.builds(
    lambda policy, rounding, types: policy.model_copy(
        update={"rounding_of_sums": rounding, "brought_forward_bill_types": types}
    ),
    policies(),
    st.sampled_from(["none", "half_up", "half_even"]),
    st.sampled_from([("BALANCE",), ("balance ", "Due"), (), ("Fee",)]),
)


@settings(max_examples=settings().max_examples * 2)
@given(st.booleans().flatmap(lambda yes: billing_databases(backups=yes)), st.lists(policies(), min_size=1, max_size=8))
def test_customers_owe_what_the_steps_give(billing_url: str, rows: Database, wanted: list[Policy]) -> None:
    database = start_over(billing_url, SCHEMA, rows)
    for tenant in rows["tenants"]:
        for policy, found in zip(wanted, compared(database, tenant["id"], wanted), strict=True):
            assert found == by_the_oracle(rows, tenant["id"], policy)
            owed = by_the_steps(database, tenant["id"], policy)
            assert {key: new for key, (_, new) in found.items()} == {key: owed.get(key, Decimal(0)) for key in found}
