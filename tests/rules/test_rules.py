"""Every change and every invariant, against the oracle, on random databases: the rules of DESIGN sections 3 and 4."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from sqlalchemy import Connection, select

from meter_assets.billing.change import Change
from meter_assets.billing.policy import Policy
from meter_assets.billing.relations import BillingRelations, billing_relations
from meter_assets.billing.schema import billing_tables
from meter_assets.migration.database import BillingDatabase
from meter_assets.migration.step_report import shown_columns
from meter_assets.rules.invariants import INVARIANTS
from meter_assets.rules.steps import MIGRATION, STEPS
from tests.support import oracle
from tests.support.databases import load, make_tables
from tests.support.strategies import billing_databases, policies

SCHEMA = billing_tables()
ON_A_HALF = settings(max_examples=settings().max_examples // 2)  # of the profile's: each is every law, four times over
ORACLE = {
    "payment_meter_ids": oracle.payment_meter_ids,
    "invoice_amounts": oracle.invoice_amounts,
    "customer_balances_backup": oracle.customer_balances_backup,
    "meter_balances": oracle.meter_balances,
    "customer_balances": oracle.customer_balances,
}


@pytest.fixture(scope="module")
def connection(empty_billing_url: str) -> Any:
    """A connection to an empty billing database; each example loads its rows and rolls them back."""
    engine = BillingDatabase(empty_billing_url).engine
    with engine.connect() as made:
        with made.begin():
            make_tables(made, SCHEMA)
        yield made


def rows_of(connection: Connection, change: Change) -> dict[Any, oracle.ChangedRow]:
    """Return the rows of a change as the oracle tells them."""
    changed = change.rows.subquery()
    found = connection.execute(select(*shown_columns(change, changed))).mappings()
    return {
        row["id"]: oracle.ChangedRow(
            before={name: row[f"{name}_before"] for name in change.columns},
            after={name: row[f"{name}_after"] for name in change.columns},
            rule=row["rule"],
        )
        for row in found
    }


def outcomes_of(connection: Connection, change: Change) -> Counter[tuple[str, str | None]]:
    """Return how many rows had which outcome."""
    return Counter((row.outcome, row.label) for row in connection.execute(change.outcomes))


def violations_of(
    connection: Connection, relations: BillingRelations, policy: Policy, tenant_id: int
) -> dict[str, set[Any]]:
    """Return the ids of the rows that break each invariant, of one tenant."""
    found: dict[str, set[Any]] = {}
    for invariant in INVARIANTS:
        rows = connection.execute(invariant.violations(relations)).mappings().all()
        mine = [row[invariant.subject] for row in rows if row["tenant_id"] == tenant_id]
        assert len(mine) == len(set(mine)), f"{invariant.name} names a row twice"
        found[invariant.name] = set(mine)
    return found


@given(rows=billing_databases(), policy=policies())
def test_changes_compose_to_what_the_oracle_migrates(
    connection: Connection, rows: oracle.Database, policy: Policy
) -> None:
    """Each step's rows, rules, reasons and values, on the data as the steps before it would leave it."""
    rows = {**rows, "customer_balances_backup": []}
    with connection.begin() as transaction:
        load(connection, SCHEMA, rows)
        for tenant in rows["tenants"]:
            relations, expected_rows = billing_relations(SCHEMA, policy, tenant["id"]), rows
            for step in (*MIGRATION, "customer_balances"):
                change = STEPS[step].compute(relations)
                expected = ORACLE[step](expected_rows, tenant["id"], policy)
                assert rows_of(connection, change) == expected.rows, step
                assert outcomes_of(connection, change) == expected.outcomes, step
                relations = relations.after(change)
                expected_rows = oracle.apply(expected_rows, step, expected)
        transaction.rollback()


@ON_A_HALF
@given(rows=billing_databases(), policy=policies())
def test_invariants_find_what_the_oracle_finds(connection: Connection, rows: oracle.Database, policy: Policy) -> None:
    """On the tables as they are, and as they would be after the migration; per tenant, and over all at once."""
    rows = {**rows, "customer_balances_backup": []}
    with connection.begin() as transaction:
        load(connection, SCHEMA, rows)
        for tenant in rows["tenants"]:
            key = tenant["id"]
            relations = billing_relations(SCHEMA, policy, key)
            expected = oracle.violations(rows, key, policy)
            assert violations_of(connection, relations, policy, key) == expected
            assert violations_of(connection, billing_relations(SCHEMA, policy), policy, key) == expected
            for step in MIGRATION:
                relations = relations.after(STEPS[step].compute(relations))
            after, made = oracle.migrated(rows, key, policy)
            review = {"first_active_meter", "first_assigned_meter"}
            decided = {at for at, row in made["payment_meter_ids"].rows.items() if row.rule in review}
            expected_after = oracle.violations(after, key, policy, frozenset(decided))
            assert violations_of(connection, relations, policy, key) == expected_after
        transaction.rollback()
