"""The oracle, pinned by examples worked out by hand, and the laws that it keeps on any database.

Not here: the SQL held against it; each step's own tests do that.
"""

from collections import Counter
from copy import deepcopy
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meter_assets.billing.policy import Policy
from meter_assets.rules.invariants import INVARIANTS
from tests.support import oracle
from tests.support.oracle import Database, Expected, Row
from tests.support.strategies import billing_databases, policies, valid_billing_databases

Rows = dict[int, Row]

DEFAULT = Policy.from_values({})
DELETED: Row = {"deleted_at": datetime(2024, 12, 31)}
BLANK: dict[str, Row] = {
    "tenants": {"name": "T"},
    "customers": {"tenant_id": 1, "name": "C", "balance": Decimal(0), "overpayment": Decimal(0)},
    "meters": {"tenant_id": 1, "meter_number": "M", "status": None, "balance": Decimal(0), "overpayment": Decimal(0)},
    "meter_assignments": {"tenant_id": 1, "customer_id": 10, "meter_id": 20, "is_active": True},
    "bills": {"tenant_id": 1, "bill_type": "WATER"},
    "invoices": {"tenant_id": 1, "customer_id": 10, "meter_id": 20, "invoice_date": None}
    | dict.fromkeys(oracle.INVOICE_AMOUNTS, Decimal(0)),
    "invoice_bills": {"invoice_id": 50, "bill_id": 40, "amount": Decimal(0)},
    "payments": {"tenant_id": 1, "customer_id": 10, "invoice_id": None, "meter_id": None, "amount": Decimal(0)},
}


def books(**tables: Rows) -> Database:
    """Build a database from the columns that matter: of tenant 1, customer 10 and meter 20 where nothing else is said.

    Tenant 2 has customer 12, meter 22, bill 42 and invoice 52.
    """
    others: dict[str, Rows] = {
        "customers": {12: {}},
        "meters": {22: {}},
        "bills": {42: {}},
        "invoices": {52: {"meter_id": 22}},
    }
    db: Database = {name: [] for name in BLANK}
    db["tenants"] = [{"id": 1, "name": "One"}, {"id": 2, "name": "Two"}]
    for rows, tenant_id in ((others, 2), (tables, 1)):
        for table, by_id in rows.items():
            for row_id, columns in by_id.items():
                tenant = {} if table == "invoice_bills" else {"tenant_id": tenant_id}
                db[table].append({"id": row_id, **BLANK[table], **tenant, **columns})
    return db


def money(text: str) -> Decimal:
    """Read an amount as it is written, with its thousands."""
    return Decimal(text.replace(",", ""))


def outcome(expected: Expected) -> tuple[str, str | None]:
    """Return what became of the only row that was looked at."""
    (only,) = expected.outcomes.elements()
    return only


def invoice(when: date | None, amount: str, brought_forward: str = "0", **columns: Any) -> Row:
    """Write an invoice whose total is right."""
    charged, before = money(amount), money(brought_forward)
    amounts = {"amount": charged, "balance_brought_forward": before, "total_amount": charged + before}
    return {"invoice_date": when, **amounts, **columns}


JANUARY, FEBRUARY, MARCH = date(2024, 1, 31), date(2024, 2, 29), date(2024, 3, 31)
CUSTOMER: dict[str, Rows] = {"customers": {10: {}}, "meters": {20: {}, 21: {}}}

# payment_meter_ids

PAYMENT_OUTCOMES: dict[str, tuple[dict[str, Rows], Row, tuple[str, str | None]]] = {
    "meter is there, though it is another tenant's": ({}, {"meter_id": 22}, ("already_correct", None)),
    "invoice's meter": (
        CUSTOMER | {"invoices": {50: {"meter_id": 21}}},
        {"invoice_id": 50},
        ("would_change", "invoice"),
    ),
    "invoice missing": ({}, {"invoice_id": 50}, ("unresolved", "invoice_missing")),
    "invoice deleted": ({"invoices": {50: DELETED}}, {"invoice_id": 50}, ("unresolved", "invoice_missing")),
    "invoice of another tenant": ({}, {"invoice_id": 52}, ("unresolved", "invoice_of_other_tenant")),
    "invoice without meter": (
        {"invoices": {50: {"meter_id": None}}},
        {"invoice_id": 50},
        ("unresolved", "invoice_without_meter"),
    ),
    "invoice's meter does not exist": (
        {"invoices": {50: {"meter_id": 29}}},
        {"invoice_id": 50},
        ("unresolved", "invoice_without_meter"),
    ),
    "invoice's meter is another tenant's": (
        {"invoices": {50: {"meter_id": 22}}},
        {"invoice_id": 50},
        ("unresolved", "meter_of_other_tenant"),
    ),
    "a resolvable customer does not stand in for an unresolvable invoice": (
        CUSTOMER | {"meter_assignments": {30: {}}},
        {"invoice_id": 59},
        ("unresolved", "invoice_missing"),
    ),
    "no customer": (CUSTOMER, {"customer_id": None}, ("unresolved", "customer_missing")),
    "customer of another tenant": (CUSTOMER, {"customer_id": 12}, ("unresolved", "customer_missing")),
    "customer deleted": ({"customers": {10: DELETED}}, {}, ("unresolved", "customer_missing")),
    "one active meter, assigned twice": (
        CUSTOMER | {"meter_assignments": {30: {}, 31: {}, 32: {"meter_id": 21, "is_active": False}}},
        {},
        ("would_change", "sole_active_meter"),
    ),
    "two active meters": (
        CUSTOMER | {"meter_assignments": {30: {}, 31: {"meter_id": 21}}},
        {},
        ("would_change", "first_active_meter"),
    ),
    "null is not active": (
        CUSTOMER | {"meter_assignments": {30: {"is_active": None}}},
        {},
        ("unresolved", "customer_without_active_meter"),
    ),
    "no assignment": (CUSTOMER, {}, ("unresolved", "customer_without_meter")),
    "assignment deleted": (
        CUSTOMER | {"meter_assignments": {30: DELETED}},
        {},
        ("unresolved", "customer_without_meter"),
    ),
    "meter deleted": (
        {"customers": {10: {}}, "meters": {20: DELETED}, "meter_assignments": {30: {}}},
        {},
        ("unresolved", "customer_without_meter"),
    ),
    "assigned meter is another tenant's": (
        CUSTOMER | {"meter_assignments": {30: {"meter_id": 22, "is_active": False}}},
        {},
        ("unresolved", "meter_of_other_tenant"),
    ),
}


@pytest.mark.parametrize("case", PAYMENT_OUTCOMES)
def test_payment_meter_ids_outcome(case: str) -> None:
    tables, payment, expected = PAYMENT_OUTCOMES[case]
    db = books(**tables, payments={70: payment})
    assert outcome(oracle.payment_meter_ids(db, 1, DEFAULT)) == expected


def test_payment_takes_the_meter_of_the_lowest_active_assignment() -> None:
    assignments: Rows = {
        31: {"meter_id": 20},
        30: {"meter_id": 21},
        29: {"meter_id": 20, "is_active": False},
        28: {"meter_id": 22},
    }
    db = books(**CUSTOMER, meter_assignments=assignments, payments={70: {}})
    found = oracle.payment_meter_ids(db, 1, DEFAULT)
    assert found.rows == {70: oracle.ChangedRow({"meter_id": None}, {"meter_id": 21}, "first_active_meter")}


def test_first_assigned_meter_only_under_its_policy() -> None:
    assignments: Rows = {31: {"is_active": False}, 30: {"meter_id": 21, "is_active": None}}
    db = books(**CUSTOMER, meter_assignments=assignments, payments={70: {}})
    policy = Policy.from_values({"customers_without_active_meter": "first_assigned_meter"})
    assert outcome(oracle.payment_meter_ids(db, 1, DEFAULT)) == ("unresolved", "customer_without_active_meter")
    found = oracle.payment_meter_ids(db, 1, policy)
    assert (found.rows[70].after, found.rows[70].rule) == ({"meter_id": 21}, "first_assigned_meter")


# invoice_amounts

STALE: Row = {"amount": Decimal(7), "balance_brought_forward": None, "total_amount": Decimal(7)}
ZEROS: Row = dict.fromkeys(oracle.INVOICE_AMOUNTS, Decimal(0))
LINE_OF_OTHER: Row = {"amount": None, "bill_id": None, "tenant_id": 2}

INVOICE_OUTCOMES: dict[str, tuple[Rows, Row, tuple[str, str | None]]] = {
    "no lines": ({}, STALE, ("unresolved", "no_lines")),
    "the only line is deleted": ({60: DELETED}, STALE, ("unresolved", "no_lines")),
    "line says another tenant, which goes before all else": (
        {60: LINE_OF_OTHER},
        STALE,
        ("unresolved", "line_of_other_tenant"),
    ),
    "line says no tenant": ({60: {"tenant_id": None}}, STALE, ("would_change", "sum_of_lines")),
    "line names no bill": ({60: {"bill_id": None, "amount": None}}, STALE, ("unresolved", "bill_missing")),
    "line names a bill that does not exist": ({60: {"bill_id": 49}}, STALE, ("unresolved", "bill_missing")),
    "line names a deleted bill": ({60: {"bill_id": 44}}, STALE, ("unresolved", "bill_missing")),
    "line names another tenant's bill": (
        {60: {"bill_id": 42, "amount": None}},
        STALE,
        ("unresolved", "bill_of_other_tenant"),
    ),
    "line without amount": ({60: {}, 61: {"amount": None}}, STALE, ("unresolved", "line_amount_null")),
    "nothing to change": ({60: {}}, ZEROS, ("already_correct", None)),
    "null differs from 0": ({60: {}}, ZEROS | {"total_amount": None}, ("would_change", "sum_of_lines")),
}
BILLS: Rows = {40: {}, 41: {"bill_type": "Balance"}, 43: {"bill_type": None}, 44: DELETED}


@pytest.mark.parametrize("case", INVOICE_OUTCOMES)
def test_invoice_amounts_outcome(case: str) -> None:
    lines, amounts, expected = INVOICE_OUTCOMES[case]
    db = books(**CUSTOMER, bills=BILLS, invoices={50: amounts}, invoice_bills=lines)
    assert outcome(oracle.invoice_amounts(db, 1, DEFAULT)) == expected


def test_invoice_amounts_are_the_sums_of_the_lines() -> None:
    lines: Rows = {
        60: {"amount": money("500.00")},
        61: {"bill_id": 41, "amount": money("1,000.00")},
        62: {"bill_id": 43, "amount": money("-0.01")},
    }
    db = books(bills=BILLS, invoices={50: STALE}, invoice_bills=lines)
    change = oracle.invoice_amounts(db, 1, DEFAULT).rows[50]
    assert change.before == STALE
    assert list(change.after.values()) == [money("499.99"), money("1,000.00"), money("1,499.99")]


def test_invoice_without_lines_becomes_zero_only_under_its_policy() -> None:
    policy = Policy.from_values({"invoices_without_bills": "zero"})
    change = oracle.invoice_amounts(books(invoices={50: STALE}), 1, policy).rows[50]
    assert (change.after, change.rule) == (ZEROS, "zero_without_lines")
    assert outcome(oracle.invoice_amounts(books(invoices={50: ZEROS}), 1, policy)) == ("already_correct", None)


# customer_balances_backup


def test_backup_is_made_once_and_holds_nulls() -> None:
    db = books(customers={10: {"balance": None}, 11: {"balance": money("3.00")}})
    db[oracle.BACKUP] = [{"tenant_id": 1, "customer_id": 11, "balance": money("9.00"), "overpayment": None}]
    found = oracle.customer_balances_backup(db, 1, DEFAULT)
    nothing = {"balance": None, "overpayment": None}
    stored: Row = {"balance": None, "overpayment": Decimal(0)}
    assert found.rows == {10: oracle.ChangedRow(nothing, stored, "first_backup")}
    assert found.outcomes == Counter({("would_change", "first_backup"): 1, ("already_correct", None): 1})
    made = oracle.apply(db, "customer_balances_backup", found)[oracle.BACKUP]
    assert made[1] == {"tenant_id": 1, "customer_id": 10, "balance": None, "overpayment": Decimal(0)}


# meter_balances

CARRIED = {50: invoice(JANUARY, "1,000.00"), 51: invoice(FEBRUARY, "500.00", "1,000.00")}


def test_debt_carried_forward_is_owed_once() -> None:
    db = books(**CUSTOMER, invoices=CARRIED)
    assert oracle.meter_balances(db, 1, DEFAULT).rows[20].after["balance"] == money("1,500.00")


def test_invoice_totals_count_it_twice() -> None:
    policy = Policy.from_values({"balance_basis": "invoice_totals"})
    change = oracle.meter_balances(books(**CUSTOMER, invoices=CARRIED), 1, policy).rows[20]
    assert (change.after["balance"], change.rule) == (money("2,500.00"), "invoice_totals")


def test_meter_owes_its_opening_and_charges_less_its_payments() -> None:
    invoices = {
        50: invoice(None, "1.00", "70.00"),
        51: invoice(FEBRUARY, "10.00", "40.00"),
        53: invoice(FEBRUARY, "10.00", "50.00", status="PAID"),
        54: invoice(JANUARY, "100.00", "5.00", status="Draft"),
        55: invoice(JANUARY, "100.00", "6.00") | DELETED,
        56: invoice(JANUARY, "100.00", "8.00", meter_id=21),
    }
    payments: Rows = {
        70: {"meter_id": 20, "amount": money("61.50")},
        71: {"meter_id": 20, "amount": None, "status": "unheard-of"},
        72: {"meter_id": 20, "amount": money("2.00"), "status": "FAILED"},
        73: {"meter_id": None, "amount": money("4.00")},
    }
    columns: Row = {"total_billed": None, "total_paid": Decimal(0), "last_invoice_date": None}
    db = books(meters={20: columns}, invoices=invoices, payments=payments)
    change = oracle.meter_balances(db, 1, DEFAULT).rows[20]
    assert change.before == {"balance": Decimal(0), "overpayment": Decimal(0), **columns}
    assert change.after == {
        "balance": Decimal(0),
        "overpayment": money("0.50"),
        "total_billed": money("61.00"),
        "total_paid": money("61.50"),
        "last_invoice_date": FEBRUARY,
    }


def test_only_columns_that_are_there_are_written() -> None:
    change = oracle.meter_balances(books(meters={20: {"balance": None}}), 1, DEFAULT).rows[20]
    assert change.before == {"balance": None, "overpayment": Decimal(0)}
    assert change.after == {"balance": Decimal(0), "overpayment": Decimal(0)}


# customer_balances


def test_customer_has_the_sums_of_its_active_meters() -> None:
    meters: Rows = {
        20: {"balance": money("5.00")},
        21: {"balance": None, "overpayment": money("2.00")},
        23: {"balance": money("90.00")},
    }
    assignments: Rows = {30: {}, 31: {}, 32: {"meter_id": 21}, 33: {"meter_id": 23, "is_active": False}}
    db = books(customers={10: {}, 11: {}}, meters=meters, meter_assignments=assignments)
    found = oracle.customer_balances(db, 1, DEFAULT)
    assert found.rows[10].after == {"balance": money("5.00"), "overpayment": money("2.00")}
    assert found.outcomes["unresolved", "customer_without_active_meter"] == 1


# The invariants


def violated(db: Database, policy: Policy = DEFAULT) -> dict[str, set[int]]:
    """Return the invariants that tenant 1 violates; the one that every customer has a backup aside."""
    found = oracle.violations(db, 1, policy)
    return {name: ids for name, ids in found.items() if ids and name != "every_customer_has_a_backup"}


FAILED: Row = {"status": "failed"}
DRAFT: Row = {"status": "draft"}

VIOLATIONS: dict[str, tuple[dict[str, Rows], dict[str, set[int]]]] = {
    "payment without a meter": (
        {"payments": {70: {}, 71: FAILED}},
        {"every_counted_payment_has_a_meter": {70}, "every_uncounted_payment_has_a_meter": {71}},
    ),
    "payment whose meter does not exist": (
        {"payments": {70: {"meter_id": 29}, 71: {"meter_id": 29, **FAILED}}},
        {"every_payment_meter_exists_in_its_tenant": {70}, "every_uncounted_payment_has_a_meter": {71}},
    ),
    "payment whose meter is another tenant's": (
        {"payments": {70: {"meter_id": 22}, 71: {"meter_id": 22, **FAILED}}},
        {"every_payment_meter_exists_in_its_tenant": {70, 71}},
    ),
    "payment on another meter than its invoice": (
        {"invoices": {50: {"meter_id": 21}}, "payments": {70: {"meter_id": 20, "invoice_id": 50}}},
        {"every_payment_meter_is_its_invoice_meter": {70}, "every_invoice_has_lines": {50}},
    ),
    "payment without an amount": (
        {"payments": {70: {"meter_id": 20, "amount": None}, 71: {"meter_id": 20, "amount": None, **FAILED}}},
        {"every_counted_payment_has_an_amount": {70}},
    ),
    "invoice without a meter": (
        {"invoices": {50: {"meter_id": None}, 51: {"meter_id": None, **DRAFT}}, "invoice_bills": {60: {}}},
        {
            "every_counted_invoice_has_a_meter": {50},
            "every_uncounted_invoice_has_a_meter": {51},
            "every_invoice_has_lines": {51},
        },
    ),
    "invoice whose meter does not exist, or is another tenant's": (
        {"invoices": {50: {"meter_id": 29}, 51: {"meter_id": 29, **DRAFT}, 53: {"meter_id": 22, **DRAFT}}},
        {
            "every_invoice_meter_exists_in_its_tenant": {50, 53},
            "every_uncounted_invoice_has_a_meter": {51},
            "every_invoice_has_lines": {50, 51, 53},
        },
    ),
    "invoice that does not add up": (
        {"invoices": {50: STALE | {"total_amount": None}, 51: {"total_amount": Decimal(1), **DRAFT}}},
        {
            "every_counted_invoice_adds_up": {50},
            "every_uncounted_invoice_adds_up": {51},
            "every_invoice_has_lines": {50, 51},
            "every_meter_balance_equals_its_transactions": {20},
            "money_is_conserved": {1},
        },
    ),
    "invoice unlike its lines": (
        {
            "invoices": {50: ZEROS | {"amount": None}, 51: invoice(None, "3.00", **DRAFT)},
            "invoice_bills": {60: {}, 61: {"invoice_id": 51}},
        },
        {"every_counted_invoice_equals_its_lines": {50}, "every_uncounted_invoice_equals_its_lines": {51}},
    ),
    "line that lacks a bill or an amount": (
        {
            "invoices": {50: {}, 51: DRAFT},
            "invoice_bills": {
                60: {"bill_id": 49},
                61: {"amount": None},
                62: {"invoice_id": 51, "bill_id": None},
                63: {"invoice_id": 51, "amount": None},
            },
        },
        {"every_invoice_line_is_complete": {60, 61}, "every_uncounted_invoice_line_is_complete": {62, 63}},
    ),
    "line that crosses tenants": (
        {
            "invoices": {50: {}, 51: DRAFT},
            "invoice_bills": {60: {"bill_id": 42}, 61: {"invoice_id": 51, "tenant_id": 2, "amount": None}},
        },
        {"every_invoice_line_is_complete": {60, 61}},
    ),
    "balance and overpayment both": (
        {"meters": {20: {"balance": Decimal(2), "overpayment": Decimal(2)}, 21: {"balance": None}}},
        {"every_meter_balance_equals_its_transactions": {20, 21}, "every_meter_balance_is_one_sided": {20}},
    ),
    "negative balance": (
        {"meters": {20: {"balance": Decimal(-2)}}, "payments": {70: {"meter_id": 20, "amount": Decimal(2)}}},
        {"every_meter_balance_equals_its_transactions": {20}, "every_meter_balance_is_one_sided": {20}},
    ),
    "what is on no meter is conserved": (
        {
            "invoices": {50: invoice(None, "3.00", "4.00", meter_id=None)},
            "payments": {70: {"meter_id": 22, "amount": Decimal(9)}, 71: {"meter_id": 29, "amount": Decimal(1)}},
        },
        {
            "every_counted_invoice_has_a_meter": {50},
            "every_payment_meter_exists_in_its_tenant": {70, 71},
            "every_invoice_has_lines": {50},
        },
    ),
}


@pytest.mark.parametrize("case", VIOLATIONS)
def test_violations(case: str) -> None:
    tables, expected = VIOLATIONS[case]
    usual: dict[str, Rows] = {"meters": {20: {}, 21: {}}, "bills": BILLS}
    db = books(**usual | tables)
    assert violated(db) == expected


def test_brought_forward_is_what_the_meter_owed() -> None:
    invoices = {
        50: invoice(JANUARY, "100.00", "10.00"),
        51: invoice(FEBRUARY, "50.00", "80.00"),
        53: invoice(MARCH, "20.00", "0.00"),
        54: invoice(MARCH, "5.00", "-20.00"),
        55: invoice(None, "1.00", "-15.00"),
        56: invoice(None, "1.00", "-15.00"),
    }
    payments: Rows = {
        70: {"amount": Decimal(30), "paid_at": datetime(2024, 2, 28, 23, 59)},
        71: {"amount": Decimal(90), "invoice_id": 51},
        72: {"amount": Decimal(7), "invoice_id": 59},
        73: {"amount": Decimal(-7)},
        74: {"amount": Decimal(80), "paid_at": datetime(2024, 3, 30)},
        75: {"amount": Decimal(1000), "paid_at": datetime(2024, 3, 31), "status": "reversed"},
    }
    db = books(**CUSTOMER, invoices=invoices, payments={key: row | {"meter_id": 20} for key, row in payments.items()})
    # February: 10 + 100 - 30 - 7 + 7 = 80, since the payment of the day itself comes after.
    # March: 80 + 50 - 90 - 80 = -40, so 0 will do; the second of March: -40 + 20 = -20, which it says.
    # The first without a date: -20 + 5 = -15, which it says; the second: -15 + 1 = -14, which it does not say.
    assert violated(db)["every_brought_forward_equals_what_the_meter_owed"] == {56}
    february = next(row for row in db["invoices"] if row["id"] == 51)
    february["balance_brought_forward"] = None
    assert violated(db)["every_brought_forward_equals_what_the_meter_owed"] == {51, 56}


def test_opening_balance_after_an_invoice_on_another_meter() -> None:
    invoices = {
        50: invoice(FEBRUARY, "1.00", "5.00"),
        51: invoice(FEBRUARY, "1.00", "6.00", meter_id=21),
        53: invoice(None, "1.00", "5.00", meter_id=23, customer_id=None),
        54: invoice(JANUARY, "1.00", "0.00", meter_id=None),
    }
    db = books(customers={10: {}}, meters={20: {}, 21: {}, 23: {}}, invoices=invoices)
    assert violated(db)["no_opening_balance_follows_invoices_on_another_meter"] == {21}


def test_backed_up_balances_agree_within_the_tolerance() -> None:
    db = books(
        customers={10: {}, 11: {}},
        meters={20: {"balance": money("9.00")}, 21: {"overpayment": money("5.00")}},
        meter_assignments={30: {}, 31: {}, 32: {"meter_id": 21, "is_active": False}, 33: {"customer_id": 11}}
        | {34: {"customer_id": 11, "meter_id": 21, "is_active": False}},
    )
    names = ("tenant_balance_agrees_with_its_backup", "every_customer_balance_agrees_with_its_backup")
    assert not violated(db).keys() & set(names)
    db[oracle.BACKUP] = [
        {"tenant_id": 1, "customer_id": 10, "balance": money("10.00"), "overpayment": None},
        {"tenant_id": 1, "customer_id": 11, "balance": None, "overpayment": money("5.00")},
        {"tenant_id": 2, "customer_id": 12, "balance": money("77.00"), "overpayment": None},
    ]
    assert [violated(db).get(name) for name in names] == [None, {11}]
    policy = Policy.from_values({"tolerance": money("0.99")})
    assert [violated(db, policy).get(name) for name in names] == [{1}, {10, 11}]


def test_payments_decided_by_a_rule_for_review_are_the_tenants_that_exist() -> None:
    db = books(payments={70: {}, 71: DELETED, 73: {}})
    found = oracle.violations(db, 1, DEFAULT, frozenset({70, 71, 72}))
    assert found["no_payment_was_assigned_by_a_rule_for_review"] == {70}


# Laws


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
    found = oracle.violations(books(), 1, DEFAULT)
    assert set(found) == {invariant.name for invariant in INVARIANTS}
    assert set(oracle.BLOCKING_INVARIANTS) < found.keys()
