"""Every fault breaks the invariants that it says, and no other; the demo has everything, and one tenant that fails."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, text

from meter_assets.billing.policy import Policy
from meter_assets.billing.schema import billing_tables
from meter_assets.demo import database
from meter_assets.demo.database import Demo, make_demo
from meter_assets.demo.faults import FAULTS, Fault
from meter_assets.demo.generator import DemoSize, fill, make_tables
from tests.support import oracle
from tests.support.databases import read
from tests.support.oracle import Database

DEFAULT = Policy.from_values({})
OTHER_POLICY = Policy.from_values(
    {
        "customers_without_active_meter": "first_assigned_meter",
        "invoices_without_bills": "zero",
        "balance_basis": "invoice_totals",
    }
)
SIZE = DemoSize(tenants=2, customers=8, months=4)
TENANT = 1
SMALLEST_DEMO = DemoSize(tenants=5, customers=10, months=3)
FIXED = "brought_forward_inside_amount"

every_fault = pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())


@pytest.fixture
def connection() -> Iterator[Connection]:
    with create_engine("sqlite://").connect() as connection:
        make_tables(connection, billing_tables())
        fill(connection, billing_tables(), SIZE, 1)
        yield connection


def broken(db: Database, tenant_id: int) -> set[str]:
    """Return what is violated once a tenant has been migrated."""
    after, changes = oracle.migrated(db, tenant_id, DEFAULT)
    guessed = changes["payment_meter_ids"].rows.items()
    for_review = frozenset(row_id for row_id, row in guessed if row.rule.startswith("first_"))
    found = oracle.violations(after, tenant_id, DEFAULT, for_review)
    return {name for name, ids in found.items() if ids}


@pytest.mark.slow
@every_fault
def test_a_fault_breaks_what_it_says_and_in_its_tenant_only(connection: Connection, fault: Fault) -> None:
    """What it makes are new rows above those that are there, if it is not one that changes rows."""
    before = read(connection, billing_tables())
    fault.inject(connection, billing_tables(), TENANT)
    after = read(connection, billing_tables())
    assert after != before
    for name, rows in before.items():
        kept = after[name][: len(rows)]
        assert [row["id"] for row in kept] == [row["id"] for row in rows]
        assert kept == rows or fault.name == FIXED
    assert broken(after, TENANT) == set(fault.violates)
    assert broken(after, TENANT + 1) == set()


@every_fault
@pytest.mark.slow
def test_a_fault_may_be_made_twice(connection: Connection, fault: Fault) -> None:
    for _ in range(2):
        fault.inject(connection, billing_tables(), TENANT)
    assert broken(read(connection, billing_tables()), TENANT) >= set(fault.violates)


def test_a_fault_says_which_optional_columns_it_cannot_do_without() -> None:
    bare = billing_tables(optional_columns=False, soft_deletes=False)
    with create_engine("sqlite://").connect() as connection:
        make_tables(connection, bare)
        fill(connection, bare, SIZE, 1)
        for fault in FAULTS.values():
            if fault.is_possible(bare):
                fault.inject(connection, bare, TENANT)
        found = broken(read(connection, bare), TENANT)
    assert not FAULTS["deleted_payment"].is_possible(bare)
    assert not any("uncounted" in name for name in found)


def test_every_invariant_that_data_can_break_after_a_migration_is_broken_by_some_fault() -> None:
    kept_by_the_migration = {
        "every_counted_invoice_equals_its_lines",
        "every_uncounted_invoice_equals_its_lines",
        "every_customer_has_a_backup",
        "every_meter_balance_equals_its_transactions",
        "every_meter_balance_is_one_sided",
        "money_is_conserved",
    }
    need_what_decimals_cannot_hold = {
        "every_payment_amount_is_a_number",
        "every_invoice_amount_is_a_number",
        "every_balance_is_a_number",
        "every_amount_fits_the_currency",
        "every_invoice_amount_fits_the_currency",
    }
    need_other_columns = {
        "every_row_has_its_own_id",
        "every_date_is_valid",
        "every_flag_is_true_or_false",
        "no_row_is_deleted_by_an_unknown_column",
    }
    known = {invariant.__name__ for invariant in oracle.INVARIANTS} | {"no_payment_meter_needs_review"}
    breakable = {name for fault in FAULTS.values() for name in fault.violates}
    assert breakable == known - kept_by_the_migration - need_what_decimals_cannot_hold - need_other_columns


@cache
def the_demo() -> tuple[Demo, Database, Database]:
    """Return the smallest demo that the command line makes, as made and as fixed by its own statement."""
    with create_engine("sqlite://").connect() as connection:
        demo = make_demo(connection, SMALLEST_DEMO, seed=1)
        made = read(connection, billing_tables())
        connection.execute(text(demo.fix))
        return demo, made, read(connection, billing_tables())


def tenants_that_fail(db: Database) -> list[int]:
    tenant_ids = [row["id"] for row in db["tenants"]]
    return [tenant_id for tenant_id in tenant_ids if broken(db, tenant_id) & set(oracle.BLOCKING_INVARIANTS)]


@pytest.mark.slow
def test_the_demo_has_one_tenant_that_fails_and_one_update_mends_it() -> None:
    demo, made, fixed = the_demo()
    assert (demo.broken_tenant_id, demo.broken_tenant) == (3, "Hilltop Power")
    assert tenants_that_fail(made) == [3]
    assert broken(made, 3) == {"every_invoice_line_is_complete"}
    assert tenants_that_fail(fixed) == []
    assert broken(fixed, 3) == set()
    assert re.fullmatch(r"UPDATE invoice_bills SET .* WHERE id IN \(\d+, \d+, \d+\)", demo.fix)


def test_the_demos_first_tenant_has_something_to_change_and_nothing_amiss() -> None:
    _, made, _ = the_demo()
    assert broken(made, 1) == set()
    assert oracle.invoice_amounts(made, 1, DEFAULT).rows


def outcomes_in(db: Database, change: str) -> set[Any]:
    return {
        outcome
        for policy in (DEFAULT, OTHER_POLICY)
        for tenant in db["tenants"]
        for outcome in oracle.CHANGES[change](db, tenant["id"], policy).outcomes
    }


def rules(*names: str) -> set[Any]:
    return {("would_change", name) for name in names}


def reasons(*names: str) -> set[Any]:
    return {("unresolved", name) for name in names}


def test_every_rule_and_every_reason_occurs_in_the_demo() -> None:
    _, made, _ = the_demo()
    already = {("already_correct", None)}
    assert outcomes_in(made, "payment_meter_ids") == already | rules(
        "invoice", "sole_active_meter", "first_active_meter", "first_assigned_meter"
    ) | reasons(
        "invoice_missing",
        "invoice_of_other_tenant",
        "invoice_without_meter",
        "customer_missing",
        "customer_without_active_meter",
        "customer_without_meter",
        "meter_of_other_tenant",
    )
    assert outcomes_in(made, "invoice_amounts") == already | rules("sum_of_lines", "zero_without_lines") | reasons(
        "no_lines", "line_of_other_tenant", "bill_missing", "bill_of_other_tenant", "line_amount_null"
    )
    assert outcomes_in(made, "meter_balances") == rules("charges_and_opening_balance", "invoice_totals")
    assert outcomes_in(made, "customer_balances") == already | rules("sum_of_active_meters") | reasons(
        "customer_without_active_meter"
    )


@pytest.mark.slow
def test_the_demo_shows_every_warning() -> None:
    _, made, _ = the_demo()
    shown = {name for tenant in made["tenants"] for name in broken(made, tenant["id"])}
    known = {name for fault in FAULTS.values() for name in fault.violates}
    assert known - shown <= set(oracle.BLOCKING_INVARIANTS)


def test_the_demo_counts_what_it_made() -> None:
    demo, made, _ = the_demo()
    assert demo.rows == {name: len(rows) for name, rows in made.items()}


def test_the_demo_needs_the_tenant_that_fails() -> None:
    with (
        create_engine("sqlite://").connect() as connection,
        pytest.raises(ValueError, match="3 tenants or more, not 2"),
    ):
        make_demo(connection, DemoSize(tenants=2), seed=1)


def test_what_the_demo_spreads_is_in_the_catalogue_and_blocks_nothing() -> None:
    for name in (*database.FIXED_BY_MIGRATION, *database.SPREAD):
        assert not set(FAULTS[name].violates) & set(oracle.BLOCKING_INVARIANTS)
