"""Comparing policies: the balances under each are those of the steps, and the policy of the old balances is found."""

from collections.abc import Sequence
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from meter_assets.billing.policy import Policy
from meter_assets.billing.relations import billing_relations
from meter_assets.billing.schema import billing_tables
from meter_assets.migration.database import BillingDatabase
from meter_assets.reports.policies import compare_policies
from meter_assets.reports.policy_sums import tenant_sums
from meter_assets.rules.invariants.balances import net_of_customers_meters
from meter_assets.rules.steps import STEPS
from tests.support.databases import start_over, tenant
from tests.support.oracle import Database
from tests.support.policy_databases import any_policy, balances_by_the_oracle, policy_database, with_old_balances
from tests.support.rules import ANY_MONEY
from tests.support.strategies import billing_databases, policies

SCHEMA = billing_tables(money=ANY_MONEY)
DEFAULT = Policy.from_values({})
STEPS_OF_BALANCES = ("payment_meter_ids", "invoice_amounts", "meter_balances")
BROUGHT_FORWARD = (("BALANCE",), ("balance ", "Due"), (), ("Fee",), ("Arrears", "BALANCE"))
DATABASES = st.booleans().flatmap(lambda yes: billing_databases(backups=yes))


def by_the_steps(database: BillingDatabase, tenant_id: Any, policy: Policy) -> dict[str, Decimal]:
    """Return what each customer would owe, by the changes of the steps laid over the tables."""
    with database.snapshot() as connection:
        relations = billing_relations(database.schema(connection), policy, tenant_id)
        for step in STEPS_OF_BALANCES:
            relations = relations.after(STEPS[step].compute(relations))
        owed = net_of_customers_meters(relations)
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


def assert_owed_as_by_the_steps(url: str, rows: Database, wanted: Sequence[Policy]) -> None:
    """Fail where a customer owes something else than by plain Python, or by the changes of the steps."""
    database = start_over(url, SCHEMA, rows)
    for one in rows["tenants"]:
        for policy, found in zip(wanted, compared(database, one["id"], wanted), strict=True):
            expected = balances_by_the_oracle(rows, one["id"], policy)
            assert found == {str(key): balances for key, balances in expected.items()}
            owed = by_the_steps(database, one["id"], policy)
            assert {key: new for key, (_, new) in found.items()} == {key: owed.get(key, Decimal(0)) for key in found}


@given(DATABASES, st.lists(policies(), min_size=1, max_size=8))
def test_customers_owe_what_the_steps_give(billing_url: str, rows: Database, wanted: list[Policy]) -> None:
    assert_owed_as_by_the_steps(billing_url, rows, wanted)


@given(st.integers(0, 10_000), st.lists(st.sampled_from(BROUGHT_FORWARD), min_size=4, max_size=4))
def test_policies_that_move_much_money(billing_url: str, seed: int, bill_types: list[tuple[str, ...]]) -> None:
    """Of many invoices of a meter, with fractions of cents that are rounded, and other bill types."""
    random = Random(seed)
    wanted = [
        Policy.from_values(
            {
                **any_policy(random, rounds=True).model_dump(exclude={"charge_bill_types"}),
                "brought_forward_bill_types": of,
            }
        )
        for of in bill_types
    ]
    assert_owed_as_by_the_steps(billing_url, policy_database(random, customers=6, decimals=4), wanted)


# The hidden policy


def is_found(url: str, seed: int) -> bool:
    """Return whether a comparison ranks the policy first that the old balances of a random database follow.

    The balances of some customers follow none. A policy is as good if all customers owe the same under it.
    """
    random = Random(seed)
    policy, rows = any_policy(random), policy_database(random)
    db = with_old_balances(rows, policy)
    for customer in random.sample(db["customers"], random.randint(0, 3)):
        customer["balance"] += Decimal(random.randint(1, 9_999)).scaleb(-2)
    first = compare_policies(start_over(url, SCHEMA, db), [tenant(1)], DEFAULT).ranking[0]
    best = Policy.from_values({**DEFAULT.model_dump(), **first.settings})
    return balances_by_the_oracle(db, 1, best) == balances_by_the_oracle(db, 1, policy)


@pytest.mark.slow
def test_a_hidden_policy_is_ranked_first(engine_name: str, billing_url: str) -> None:
    """In at least 95 of 100 databases; on servers, of fewer."""
    tried = 100 if engine_name == "sqlite" else 20
    found = [is_found(billing_url, seed) for seed in range(tried)]
    assert sum(found) >= tried * 95 // 100, [seed for seed, is_first in enumerate(found) if not is_first]
