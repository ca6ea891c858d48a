"""Comparing policies: the balances under each are those of the steps, and the policy of the old balances is found."""

from collections.abc import Sequence
from decimal import Decimal
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from meter_assets.billing.policy import Policy, RoundingOfSums
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
from tests.support.rules import ANY_MONEY
from tests.support.strategies import billing_databases, policies

SCHEMA = billing_tables(money=ANY_MONEY)
BROUGHT_FORWARD = (("BALANCE",), ("balance ", "Due"), (), ("Fee",))
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


@st.composite
def any_policies(draw: st.DrawFn) -> Policy:
    """Draw a policy that may also round sums, and take other bill types for debt brought forward."""
    rounding, bill_types = st.sampled_from(RoundingOfSums), st.sampled_from(BROUGHT_FORWARD)
    drawn = draw(policies()).model_dump(exclude={"charge_bill_types"})
    return Policy.from_values(
        {**drawn, "rounding_of_sums": draw(rounding), "brought_forward_bill_types": draw(bill_types)}
    )


def with_fractions(db: Database, seed: int) -> Database:
    """Return the database with thousandths in a third of the lines; sums of lines may then be rounded."""
    random = Random(seed)
    lines = [
        {**line, "amount": line["amount"] + Decimal(random.randrange(10)).scaleb(-3)}
        if line["amount"] is not None and random.random() < 1 / 3
        else line
        for line in db["invoice_bills"]
    ]
    return {**db, "invoice_bills": lines}


DATABASES = st.booleans().flatmap(lambda yes: billing_databases(backups=yes))


@settings(max_examples=settings().max_examples * 2)
@given(DATABASES, st.lists(any_policies(), min_size=1, max_size=8), st.integers(0, 1))
def test_customers_owe_what_the_steps_give(billing_url: str, rows: Database, wanted: list[Policy], seed: int) -> None:
    """By plain Python, and by the changes of the steps; the policies differ in everything that moves money."""
    rows = with_fractions(rows, seed) if seed else rows
    database = start_over(billing_url, SCHEMA, rows)
    for tenant in rows["tenants"]:
        for policy, found in zip(wanted, compared(database, tenant["id"], wanted), strict=True):
            assert found == by_the_oracle(rows, tenant["id"], policy)
            owed = by_the_steps(database, tenant["id"], policy)
            assert {key: new for key, (_, new) in found.items()} == {key: owed.get(key, Decimal(0)) for key in found}
