"""Differences between old and new balances: their causes add up exactly, and known defects get their right causes."""

from datetime import datetime
from decimal import Decimal
from random import Random
from unittest.mock import patch

import pytest
from hypothesis import given
from sqlalchemy import Connection

from meter_assets.billing.policy import Policy, RoundingOfSums
from meter_assets.billing.schema import billing_tables
from meter_assets.demo.generator import make_tables
from meter_assets.migration.database import BillingDatabase
from meter_assets.migration.snapshot import Snapshot
from meter_assets.reports.differences import by_customer
from meter_assets.reports.differences.by_customer import TenantDifferences, summarized, tenant_differences
from meter_assets.reports.differences.causes import Cause, Reason, explained
from meter_assets.reports.differences.view import view_after_migration
from tests.support import old_balances, oracle
from tests.support.databases import load, start_over, tenant
from tests.support.old_balances import COMBINATIONS, TENANT
from tests.support.oracle import BACKUP, Database
from tests.support.oracle.books import net
from tests.support.rules import SCHEMA
from tests.support.strategies import billing_databases, policies

ZERO = Decimal(0)


def add_up(found: TenantDifferences) -> None:
    """Fail unless the causes of each customer, and of the tenant, add up to the difference exactly."""
    for one in found.largest:
        assert sum((part.amount for part in one.causes), ZERO) == one.difference != ZERO
    by_cause = {one.cause: one.amount for one in found.by_cause}
    assert sum(by_cause.values(), ZERO) == found.difference
    for cause, amount in by_cause.items():
        assert amount == sum((part.amount for one in found.largest for part in one.causes if part.cause == cause), ZERO)


@pytest.mark.every_engine
@pytest.mark.slow
@given(billing_databases(), policies())
def test_causes_add_up_to_the_differences(connection: Connection, db: Database, policy: Policy) -> None:
    """On databases in which anything may be wrong; the sums are those of the oracle."""
    with connection.begin() as transaction:
        load(connection, SCHEMA, db)
        snapshot = Snapshot(connection, SCHEMA, policy)
        for one in db["tenants"]:
            found = summarized(view_after_migration(snapshot, tenant(one["id"])), tenant(one["id"]))
            add_up(found)
            after, _ = oracle.migrated(db, one["id"], policy)
            books = oracle.Books(after, one["id"], policy)
            assert (found.backed_up_net, found.meters_net) == (net(books.own(BACKUP)), net(books.own("meters")))
            few = summarized(view_after_migration(snapshot, tenant(one["id"])), tenant(one["id"]), examined=1)
            add_up(few)
            assert few.differing == found.differing
        transaction.rollback()


@pytest.mark.slow
@given(billing_databases(), policies())
def test_many_customers_get_the_causes_of_few(billing_url: str, db: Database, policy: Policy) -> None:
    """Where customers are read in several parts, their transactions are read from temporary tables."""
    database = start_over(billing_url, SCHEMA, db)
    for one in db["tenants"]:
        found = tenant_differences(database, tenant(one["id"]), policy)
        with patch.object(by_customer, "CUSTOMERS_AT_A_TIME", 1):
            assert tenant_differences(database, tenant(one["id"]), policy) == found


def found_on(url: str, per_combination: int, seed: int) -> dict[tuple[str, ...], int]:
    """Return how many customers of each combination of defects get exactly their right causes."""
    schema, database = billing_tables(), BillingDatabase(url)
    defects = [group for group in COMBINATIONS for _ in range(per_combination)]
    with database.transaction() as connection:
        make_tables(connection, schema)
        customers = old_balances.fill(connection, schema, defects, seed)
    found = tenant_differences(database, tenant(TENANT), Policy())
    add_up(found)
    assert found.planned
    return old_balances.right_causes(found, customers, defects)


@pytest.mark.every_engine
@pytest.mark.slow
def test_defects_and_their_pairs_get_their_causes(billing_url: str) -> None:
    right = found_on(billing_url, 2, seed=1)
    assert {group: count for group, count in right.items() if count < 2} == {}


@pytest.mark.slow
def test_of_100_customers_99_get_their_causes(on_sqlite_file: str) -> None:
    right = found_on(on_sqlite_file, 100, seed=2)
    assert {group: count for group, count in right.items() if count < 99} == {}


@pytest.fixture
def on_sqlite_file(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of an empty SQLite database."""
    path = tmp_path_factory.mktemp("old") / "billing.db"
    path.touch()
    return f"sqlite:///{path}"


PAID, OLD, DRAFT = (
    Reason(Cause.payment_not_counted, Decimal("-5"), ("payment 1",), rarity=2),
    Reason(Cause.brought_forward_counted_twice, Decimal("-5"), ("invoice 1",)),
    Reason(Cause.uncounted_row_in_old_balance, Decimal("-5"), ("invoice 2",)),
)
MOVED = Reason(Cause.meter_reassigned, Decimal("7"), ("payment 9",))


def test_the_simplest_reasons_are_chosen_and_others_named() -> None:
    found = explained(Decimal("-5"), [], [PAID, OLD, DRAFT])
    assert (found.reasons, found.rest) == ((OLD,), ZERO)
    assert found.others == ((Cause.uncounted_row_in_old_balance,), (Cause.payment_not_counted,))
    assert explained(Decimal("2"), [MOVED], [PAID, OLD]).reasons == (MOVED, OLD)


def test_what_no_reason_adds_up_to_is_unexplained() -> None:
    assert explained(Decimal("3"), [], [PAID, OLD]).rest == Decimal("3")
    facts = explained(Decimal("8"), [MOVED], [PAID, OLD])
    assert (facts.reasons, facts.rest) == ((MOVED,), Decimal("1"))
    rounded = explained(Decimal("0.01"), [], [PAID], rounding=Decimal("0.01"))
    assert [(one.cause, one.amount) for one in rounded.reasons] == [(Cause.rounding, Decimal("0.01"))]
    assert explained(Decimal("-5"), [MOVED], [OLD]).reasons == (OLD,), "a fact that contradicts is not assumed"


def payments(*amounts: str) -> list[Reason]:
    """Return what payments of these amounts add to a balance, which an old figure may lack."""
    return [
        Reason(Cause.payment_not_counted, -Decimal(amount), (f"payment {number}",), rarity=2)
        for number, amount in enumerate(amounts)
    ]


PERHAPS = ((Cause.unexplained,),)
SAME = ((Cause.payment_not_counted,),)
RANDOM = Random(7)
MANY = payments(*(f"{RANDOM.randint(1, 30_000) / 100:.2f}" for _ in range(400)))


@pytest.mark.parametrize(
    ("difference", "possible", "reasons", "others"),
    [
        pytest.param("-12.34", payments("12.34", "56.78", "31.41"), 1, (), id="one fits"),
        pytest.param("-12.34", payments("12.34", "56.78", "12.34"), 1, SAME, id="the row is not certain"),
        pytest.param("-20", payments("20", "30", "40", "50", "60"), 1, PERHAPS, id="amounts are multiples of ten"),
        pytest.param("-70.01", payments("20", "30", "40.01", "50", "60"), 2, PERHAPS, id="most of them are"),
        pytest.param("-70.58", payments("20.13", "30.57", "40.01", "50.92", "60.70"), 2, (), id="no such multiples"),
        pytest.param("-270", payments(*map(str, range(10, 260, 10))), 0, SAME, id="many pairs of them fit"),
        pytest.param("0.04", payments("20", "30"), 1, PERHAPS, id="perhaps rounded"),
        pytest.param(str(MANY[0].amount + MANY[1].amount), MANY, 0, SAME, id="of many rows any amount is a sum"),
    ],
)
def test_an_explanation_that_may_be_chance_is_uncertain(
    difference: str, possible: list[Reason], reasons: int, others: tuple[tuple[Cause, ...], ...]
) -> None:
    found = explained(Decimal(difference), [], possible, rounding=Decimal("0.05"))
    assert (len(found.reasons), found.others) == (reasons, others)
    assert found.rest == (0 if reasons else Decimal(difference))


def test_many_equal_rows_are_explained_at_once() -> None:
    """Of 5,000 equal payments, 12 million pairs add up to the difference."""
    found = explained(Decimal(-50), [], payments(*["25.00"] * 5_000))
    assert found.others == SAME


@pytest.mark.slow
def test_rounded_sums_are_the_cause_of_their_cents(connection: Connection) -> None:
    """Of a sum of lines that was rounded up, the old figure has the cut-off one."""
    policy = rounding_policy()
    db: Database = {
        "tenants": [{"id": 1, "name": "One"}],
        "customers": [{"id": 1, "tenant_id": 1, "name": "A", "balance": Decimal("10.006"), "overpayment": ZERO}],
        "meters": [{"id": 1, "tenant_id": 1, "meter_number": "M", "balance": ZERO, "overpayment": ZERO}],
        "meter_assignments": [{"id": 1, "tenant_id": 1, "customer_id": 1, "meter_id": 1, "is_active": True}],
        "bills": [{"id": 1, "tenant_id": 1, "bill_type": "WATER"}],
        "invoices": [{"id": 1, "tenant_id": 1, "customer_id": 1, "meter_id": 1, "invoice_number": "I"}],
        "invoice_bills": [{"id": 1, "tenant_id": 1, "invoice_id": 1, "bill_id": 1, "amount": Decimal("10.006")}],
        "payments": [],
    }
    with connection.begin() as transaction:
        load(connection, SCHEMA, db)
        found = summarized(view_after_migration(Snapshot(connection, SCHEMA, policy), tenant(1)), tenant(1))
        transaction.rollback()
    assert [(one.cause, one.amount) for one in found.by_cause] == [(Cause.rounding, Decimal("0.004"))]


def rounding_policy() -> Policy:
    """Return the default policy, with sums of lines rounded half up."""
    return Policy().model_copy(update={"rounding_of_sums": RoundingOfSums.half_up})


ONE_CUSTOMER: Database = {
    "tenants": [{"id": 1, "name": "One"}],
    "customers": [{"id": 1, "tenant_id": 1, "name": "A", "balance": ZERO, "overpayment": None}],
    "meters": [{"id": 1, "tenant_id": 1, "meter_number": "M", "balance": ZERO, "overpayment": ZERO}],
    "meter_assignments": [{"id": 1, "tenant_id": 1, "customer_id": 1, "meter_id": 1, "is_active": True}],
    "bills": [{"id": 1, "tenant_id": 1, "bill_type": "WATER"}],
    "invoices": [{"id": 1, "tenant_id": 1, "customer_id": 1, "meter_id": 1, "invoice_number": "I"}],
    "invoice_bills": [
        {"id": 1, "tenant_id": 1, "invoice_id": 1, "bill_id": 1, "amount": Decimal(10)},
        {
            "id": 2,
            "tenant_id": 1,
            "invoice_id": 1,
            "bill_id": 1,
            "amount": Decimal(3),
            "deleted_at": datetime(2024, 2, 1),
        },
    ],
    "payments": [],
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("old", "stored", "causes"),
    [
        ("15.5", "15.5", {Cause.invoice_line_missing_or_changed: "-3", Cause.stored_amounts_wrong: "-2.5"}),
        ("13", "13", {Cause.invoice_line_missing_or_changed: "-3"}),
        ("10.004", "10", {Cause.rounding: "-0.004"}),
        ("10.006", "10", {Cause.unexplained: "-0.006"}),
    ],
)
def test_one_invoice_with_a_deleted_line(
    connection: Connection, old: str, stored: str, causes: dict[Cause, str]
) -> None:
    """Amounts that were wrong besides are a cause of their own; a rest above half a minor unit is not rounding."""
    owed, now = {"balance": Decimal(old)}, {"amount": Decimal(stored), "total_amount": Decimal(stored)}
    db = ONE_CUSTOMER | {
        "customers": [ONE_CUSTOMER["customers"][0] | owed],
        "invoices": [ONE_CUSTOMER["invoices"][0] | now],
    }
    with connection.begin() as transaction:
        load(connection, SCHEMA, db)
        found = summarized(view_after_migration(Snapshot(connection, SCHEMA, Policy()), tenant(1)), tenant(1))
        fine = Policy().model_copy(update={"currency_decimals": 4})
        with_fine = summarized(view_after_migration(Snapshot(connection, SCHEMA, fine), tenant(1)), tenant(1))
        transaction.rollback()
    assert {one.cause: one.amount for one in found.by_cause} == {one: Decimal(amount) for one, amount in causes.items()}
    assert Cause.rounding not in {one.cause for one in with_fine.by_cause}
