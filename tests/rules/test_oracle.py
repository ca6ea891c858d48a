"""Properties of the oracle on any database; hand-worked examples of what it says are in `steps` and `invariants` here.

Add a property that must be true of every migration, whatever the rows. `test_rules` compares the SQL with it.
"""

from copy import deepcopy

from hypothesis import given
from hypothesis import strategies as st

from meter_assets.billing.policy import Policy
from meter_assets.rules.invariants import INVARIANTS
from tests.support import oracle
from tests.support.oracle import Database
from tests.support.strategies import billing_databases, policies, valid_billing_databases


def tenants_of(db: Database) -> list[int]:
    """Return the ids of all tenants."""
    return [tenant["id"] for tenant in db["tenants"]]


def of_others(db: Database, tenant_id: int) -> Database:
    """Return the rows that say they are of another tenant, of the tables whose rows must say so."""
    return {
        name: [row for row in rows if row["tenant_id"] != tenant_id]
        for name, rows in db.items()
        if name not in ("tenants", "invoice_bills")
    }


@given(billing_databases(backups=True), policies())
def test_migrated_again_changes_nothing(db: Database, policy: Policy) -> None:
    for tenant_id in tenants_of(db):
        once, _ = oracle.migrated(db, tenant_id, policy)
        again, found = oracle.migrated(once, tenant_id, policy)
        assert again == once
        assert not any(expected.rows for expected in found.values())


@given(billing_databases(backups=True), policies())
def test_migrated_meters_hold_their_transactions(db: Database, policy: Policy) -> None:
    for tenant_id in tenants_of(db):
        db, _ = oracle.migrated(db, tenant_id, policy)
        broken = oracle.violations(db, tenant_id, policy)
        assert not broken["every_meter_balance_equals_its_transactions"]
        assert not broken["every_meter_balance_is_one_sided"]
        assert not broken["money_is_conserved"]
        assert not broken["every_customer_has_a_backup"]
        assert not broken["every_counted_invoice_equals_its_lines"]


@given(billing_databases(backups=True), policies())
def test_migrated_leaves_other_tenants_and_the_original_as_they_were(db: Database, policy: Policy) -> None:
    original = deepcopy(db)
    for tenant_id in tenants_of(db):
        after, _ = oracle.migrated(db, tenant_id, policy)
        assert after.keys() == db.keys()
        assert of_others(after, tenant_id) == of_others(db, tenant_id)
        assert after["invoice_bills"] == db["invoice_bills"]
    assert db == original


@given(billing_databases(), policies())
def test_every_row_of_the_tenant_has_one_outcome(db: Database, policy: Policy) -> None:
    for tenant_id in tenants_of(db):
        _, found = oracle.migrated(db, tenant_id, policy)
        for change, table in {**oracle.TARGETS, "customer_balances_backup": "customers"}.items():
            if change in found:
                assert found[change].outcomes.total() == len(oracle.Books(db, tenant_id, policy).own(table))


@given(valid_billing_databases(), policies())
def test_valid_databases_are_not_blocked_under_any_policy(db: Database, policy: Policy) -> None:
    assert_not_blocked(db, policy)


@given(st.data(), policies())
def test_valid_databases_are_not_blocked_under_their_own_policy(data: st.DataObject, policy: Policy) -> None:
    assert_not_blocked(data.draw(valid_billing_databases(policy=policy)), policy)


def assert_not_blocked(db: Database, policy: Policy) -> None:
    """Fail where an ERROR invariant of payments or invoices does not hold once a tenant is migrated."""
    for tenant_id in tenants_of(db):
        after, _ = oracle.migrated(db, tenant_id, policy)
        broken = oracle.violations(after, tenant_id, policy)
        assert {name: broken[name] for name in oracle.BLOCKING_INVARIANTS if broken[name]} == {}


def test_every_invariant_has_its_violations() -> None:
    found = oracle.violations({}, 1, Policy())
    assert set(found) == {invariant.name for invariant in INVARIANTS}
    assert set(oracle.BLOCKING_INVARIANTS) < found.keys()
