"""Suggested meters: what each reason says, when it is trusted, and how often it is right where the truth is hidden."""

import random
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Connection, text

from meter_assets.billing.policy import Policy
from meter_assets.billing.schema import billing_tables
from meter_assets.demo.generator import DemoSize, fill, make_tables
from meter_assets.migration.database import BillingDatabase
from meter_assets.reports.review import rows as review_rows
from meter_assets.reports.review.meter_suggestions import (
    ONLY_METER,
    REASONS,
    Account,
    Invoice,
    Learned,
    Measured,
    Paid,
    learn,
)
from meter_assets.reports.review.waiting_payments import Review, review
from tests.support.databases import tenant

PAY_DAY = date(2024, 3, 9)
TOTAL, RECENT, CHARGES, PART, ROUNDED, OFTEN, BILLED = REASONS


def invoice(month: int, total: str, charges: str = "0.01") -> Invoice:
    return Invoice(date(2024, month, 1), Decimal(total), Decimal(charges))


def paid(amount: str, day: date | None = PAY_DAY, at: int = 1, meter: Any = None) -> Paid:
    return Paid(at, Decimal(amount), day, meter)


def account(*payments: Paid, **meters: list[Invoice]) -> Account:
    return Account(dict(meters), list(payments))


def often(meters: str) -> list[Paid]:
    """Return a payment of the same amount in each of four months, the pay day in the middle of them, for meters."""
    months = zip((1, 2, 4, 5), meters, strict=False)
    return [paid("9.00", date(2024, month, 9), 10 + month, meter) for month, meter in months]


BOTH = {"a": [invoice(2, "10.00", "7.00"), invoice(3, "20.30", "12.00")], "b": [invoice(3, "55.10", "50.00")]}


@pytest.mark.parametrize(
    ("reason", "one", "payment", "meter"),
    [
        (TOTAL, account(**BOTH), paid("20.30"), "a"),
        (TOTAL, account(**BOTH), paid("55.10"), "b"),
        (TOTAL, account(**BOTH), paid("10.00"), None),
        (TOTAL, account(**BOTH), paid("10.00", date(2024, 2, 9)), "a"),
        (TOTAL, account(**BOTH), paid("20.30", None), "a"),
        (TOTAL, account(a=[invoice(3, "5.00")], b=[invoice(3, "5.00")]), paid("5.00"), None),
        (TOTAL, account(a=[invoice(3, "0.00")], b=[]), paid("0.00"), None),
        (TOTAL, account(a=[Invoice(None, Decimal(5), Decimal(5))], b=[]), paid("5.00"), None),
        (RECENT, account(**BOTH), paid("10.00"), "a"),
        (RECENT, account(**BOTH), paid("10.00", date(2024, 7, 9)), None),
        (RECENT, account(a=[Invoice(None, Decimal(5), Decimal(5))], b=[]), paid("5.00", None), "a"),
        (CHARGES, account(**BOTH), paid("12.00"), "a"),
        (CHARGES, account(**BOTH), paid("7.00"), None),
        (PART, account(paid("15.30", date(2024, 3, 20), 2), **BOTH), paid("5.00"), "a"),
        (PART, account(paid("15.30", date(2024, 3, 20), 1), **BOTH), paid("5.00"), None),
        (PART, account(paid("15.30", date(2024, 5, 20), 2), **BOTH), paid("5.00"), None),
        (PART, account(paid("15.30", date(2024, 2, 20), 2), **BOTH), paid("5.00"), None),
        (PART, account(paid("15.30", None, 2), **BOTH), paid("5.00"), None),
        (PART, account(paid("5.00", PAY_DAY, 2), **BOTH), paid("5.00", None), None),
        (PART, account(paid("5.00", date(2024, 3, 2), 2), **BOTH), paid("5.00", date(2024, 2, 9)), None),
        (ROUNDED, account(**BOTH), paid("21.00"), "a"),
        (ROUNDED, account(**BOTH), paid("60.00"), "b"),
        (ROUNDED, account(**BOTH), paid("20.00"), None),
        (ROUNDED, account(a=[invoice(3, "20.30")], b=[invoice(3, "20.90")]), paid("21.00"), None),
        (OFTEN, account(*often("bbbb"), **BOTH), paid("9.00"), "b"),
        (OFTEN, account(*often("bbba"), **BOTH), paid("9.00"), None),
        (OFTEN, account(*often("bbb"), **BOTH), paid("9.00"), None),
        (OFTEN, account(*often("bbbb"), **BOTH), paid("9.00", None), None),
        (OFTEN, account(*often("bbbb"), **BOTH), paid("9.00", date(2024, 6, 9)), None),
        (OFTEN, account(*often("bbbb"), **BOTH), paid("9.00", date(2024, 2, 9)), None),
        (BILLED, account(a=[invoice(3, "1.00")], b=[invoice(2, "1.00")]), paid("77.00"), None),
        (BILLED, account(a=[invoice(3, "1.00")], b=[invoice(1, "1.00")]), paid("77.00", date(2024, 3, 29)), "a"),
        (BILLED, account(a=[invoice(3, "1.00")], b=[]), paid("77.00", None), None),
    ],
)
def test_a_reason_names_one_meter_or_none(reason: str, one: Account, payment: Paid, meter: str | None) -> None:
    one.payments.append(payment)
    found = Learned({reason: Measured(300, 300)}).suggest(one, payment)
    assert (found and found.meter) == meter
    assert found is None or (found.reason, found.measured) == (reason, Measured(300, 300))


@pytest.mark.parametrize(
    ("right", "of", "least"), [(0, 0, 0.0), (10, 10, 0.858), (162, 162, 0.9899), (163, 163, 0.99), (990, 1000, 0.9852)]
)
def test_the_lower_bound_of_a_precision(right: int, of: int, least: float) -> None:
    assert Measured(right, of).lower_bound == pytest.approx(least, abs=0.001)
    assert Measured(right, of).precision == pytest.approx(right / of if of else 1)


def known(payments: int, wrong: int = 0, others: Mapping[str, list[Invoice]] | None = None) -> list[Account]:
    """Return customers with a payment each of the newest total of a; of some, the invoice names another meter."""
    meters = {"a": [invoice(3, "20.30")], **(others if others is not None else {"b": [invoice(3, "55.10")]})}
    truth = ["b"] * wrong + ["a"] * (payments - wrong)
    return [Account(dict(meters), [paid("20.30", PAY_DAY, at, meter)]) for at, meter in enumerate(truth)]


def single(payments: int) -> list[Account]:
    """Return customers with one meter and a payment of its newest total, all of different amounts."""
    return [
        Account({at: [invoice(3, f"{at + 1}.50")]}, [paid(f"{at + 1}.50", PAY_DAY, 1, at)]) for at in range(payments)
    ]


def test_a_reason_is_trusted_if_it_was_right_often_enough() -> None:
    assert list(learn(known(200), []).reasons) == [TOTAL]
    assert not learn(known(100), []).reasons, "too few to show a precision of 99%"
    assert not learn(known(400, wrong=5), []).reasons
    assert not learn([], []).reasons
    found = learn(known(2000, wrong=5), [])
    assert (found.reasons[TOTAL], found.hidden, found.together) == (Measured(1995, 2000), 2000, Measured(1995, 2000))


def test_customers_with_one_meter_help_where_few_have_several() -> None:
    """Each is tried with the next one's meter too; what the others show must be right all the same."""
    found = learn(known(20), single(300))
    assert found.reasons == {TOTAL: Measured(320, 320)}
    assert found.together == Measured(20, 20)
    assert not learn(known(20, wrong=1), single(3000)).reasons
    assert not learn([], [Account({"a": [invoice(3, "1.00")]}, [paid("1.00", PAY_DAY, 1, "a")])] * 300).reasons


def test_pairs_do_not_help_where_customers_with_several_meters_pay_in_another_way() -> None:
    """The pairs pay what the newest invoice charges, and so does the one with several meters; but others do not."""
    charged = {"a": [invoice(3, "20.30", "7.00")], "b": [invoice(3, "55.10", "50.00")]}
    one = [Account(dict(charged), [paid("7.00", PAY_DAY, at, "a")]) for at in range(9)]
    pairs = [
        Account({at: [invoice(3, f"{at + 1}.50", f"{at + 1}.25")]}, [paid(f"{at + 1}.{part}", PAY_DAY, part, at)])
        for at in range(600)
        for part in ([50, 25][at % 2],)
    ]
    assert list(learn(one, pairs).reasons) == [TOTAL, CHARGES]
    assert not learn([*one, *known(20, wrong=1)], pairs).reasons


def test_the_other_half_of_a_pair_shows_what_was_paid_for_its_meter() -> None:
    """All pay the same amount each month: with several meters, it says nothing about the meter."""
    months = range(1, 10)
    habitual = [
        Account({at: []}, [paid("9.00", date(2024, month, 9), month, at) for month in months]) for at in range(300)
    ]
    assert not learn([], habitual).reasons


def test_the_only_meter_of_a_customer_is_suggested_where_that_is_always_right() -> None:
    one = account(a=[])
    found = learn([], single(300)).suggest(one, paid("3.00"))
    assert found is not None
    assert (found.meter, found.reason) == ("a", ONLY_METER)
    assert learn([], single(20)).suggest(one, paid("3.00")) is None


# On a tenant of the demo whose payments lose their invoices


def hide(connection: Connection, share: float, seed: int) -> dict[str, str]:
    """Take the invoices from payments of customers with several active meters; return their meters, by payment."""
    found = connection.execute(
        text(
            "SELECT p.id, i.meter_id FROM payments p JOIN invoices i ON i.id = p.invoice_id "
            "WHERE p.status = 'completed' AND p.customer_id IN (SELECT customer_id FROM meter_assignments "
            "GROUP BY customer_id HAVING count(*) > 1 AND min(is_active) = 1)"
        )
    ).all()
    hidden = random.Random(seed).sample([tuple(row) for row in found], int(len(found) * share))
    connection.execute(text("UPDATE payments SET invoice_id = NULL WHERE id = :id"), [{"id": one} for one, _ in hidden])
    return {str(one): str(meter) for one, meter in hidden}


@pytest.mark.slow
@pytest.mark.parametrize(("customers", "share", "seed"), [(60, 0.5, 1), (150, 0.3, 2), (150, 0.9, 3), (400, 0.6, 4)])
def test_suggestions_are_right_where_the_truth_was_hidden(
    sqlite_file: str, customers: int, share: float, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The precision is 99% at least, and 60% of the payments have a suggestion."""
    if seed % 2:
        monkeypatch.setattr(review_rows, "_FEW_METERS", 3)
    database, schema = BillingDatabase(sqlite_file), billing_tables()
    with database.transaction() as connection:
        make_tables(connection, schema)
        fill(connection, schema, DemoSize(tenants=1, customers=customers), seed)
        truth = hide(connection, share, seed)
    found = review(database, tenant(1), Policy())
    assert {one.payment_id for one in found.items} == set(truth)
    suggested = {one.payment_id: one.suggestion.meter_id for one in found.items if one.suggestion}
    right = sum(truth[payment] == meter for payment, meter in suggested.items())
    assert len(suggested) >= 0.6 * len(truth)
    assert right >= 0.99 * len(suggested)
    assert_measured(found)


def assert_measured(found: Review) -> None:
    assert found.right >= 0.99 * found.suggested > 0
    for one in found.items:
        if one.suggestion:
            assert one.suggestion.confidence >= Decimal("0.99")
            assert one.suggestion.meter_id in {each.meter_id for each in one.candidates}


@pytest.fixture
def sqlite_file(tmp_path: Any) -> str:
    path = tmp_path / "billing.db"
    path.touch()
    return f"sqlite:///{path}"
