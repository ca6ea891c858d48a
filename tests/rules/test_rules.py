"""The SQL of every change and every invariant, held against the oracle on drawn databases and policies.

Worked examples are in `steps` and `invariants`; add here what must hold of the rules together, as properties.
"""

from hypothesis import given, settings
from sqlalchemy import Connection

from meter_assets.billing.policy import Policy
from meter_assets.rules.steps import MIGRATION
from tests.support import oracle
from tests.support.rules import SCHEMA, change_of, found_by, loaded, relations_of, violations_of
from tests.support.strategies import billing_databases, policies

ON_A_HALF = settings(max_examples=settings().max_examples // 2)  # each evaluates every invariant four times


@given(rows=billing_databases(), policy=policies())
def test_changes_compose_to_what_the_oracle_migrates(
    connection: Connection, rows: oracle.Database, policy: Policy
) -> None:
    """Each step's rows, rules, reasons and values, on the data as the steps before it would leave it."""
    rows = {**rows, "customer_balances_backup": []}
    with loaded(connection, rows):
        for tenant in rows["tenants"]:
            relations, expected_rows = relations_of(SCHEMA, tenant["id"], policy), rows
            for step in (*MIGRATION, "customer_balances"):
                change = change_of(step, relations)
                expected = oracle.CHANGES[step](expected_rows, tenant["id"], policy)
                found = found_by(connection, change)
                assert (found.rows, found.outcome_of) == (expected.rows, expected.outcome_of), step
                relations = relations.after(change)
                expected_rows = oracle.apply(expected_rows, step, expected)


@ON_A_HALF
@given(rows=billing_databases(), policy=policies())
def test_invariants_find_what_the_oracle_finds(connection: Connection, rows: oracle.Database, policy: Policy) -> None:
    """On the tables as they are, and as they would be after the migration; per tenant, and over all at once."""
    rows = {**rows, "customer_balances_backup": []}
    with loaded(connection, rows):
        for tenant in rows["tenants"]:
            key = tenant["id"]
            relations = relations_of(SCHEMA, key, policy)
            expected = oracle.violations(rows, key, policy)
            assert violations_of(connection, relations, key) == expected
            assert violations_of(connection, relations_of(SCHEMA, None, policy), key) == expected
            for step in MIGRATION:
                relations = relations.after(change_of(step, relations))
            after, made = oracle.migrated(rows, key, policy)
            review = {"first_active_meter", "first_assigned_meter"}
            decided = {at for at, row in made["payment_meter_ids"].rows.items() if row.rule in review}
            expected_after = oracle.violations(after, key, policy, frozenset(decided))
            assert violations_of(connection, relations, key) == expected_after
