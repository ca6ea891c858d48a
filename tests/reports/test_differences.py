"""Differences between old and new balances: their causes add up exactly, and known defects get their right causes."""

from decimal import Decimal

import pytest
from hypothesis import given
from sqlalchemy import Connection

from meter_assets.billing.policy import Policy, RoundingOfSums
from meter_assets.billing.schema import billing_tables
from meter_assets.demo.generator import make_tables
from meter_assets.migration.database import BillingDatabase
from meter_assets.migration.snapshot import Snapshot
from meter_assets.reports.differences.by_customer import TenantDifferences, summarized, tenant_differences
from meter_assets.reports.differences.causes import Cause, Reason, explained
from meter_assets.reports.differences.view import view_after_migration
from tests.support import old_balances, oracle
from tests.support.databases import load, tenant
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
    assert found.others == ((Cause.uncounted_row_in_old_balance,),)
    assert explained(Decimal("2"), [MOVED], [PAID, OLD]).reasons == (MOVED, OLD)


def test_what_no_reason_adds_up_to_is_unexplained() -> None:
    assert explained(Decimal("3"), [], [PAID, OLD]).rest == Decimal("3")
    facts = explained(Decimal("8"), [MOVED], [PAID, OLD])
    assert (facts.reasons, facts.rest) == ((MOVED,), Decimal("1"))
    rounded = explained(Decimal("0.01"), [], [PAID], rounding=Decimal("0.01"))
    assert [(one.cause, one.amount) for one in rounded.reasons] == [(Cause.rounding, Decimal("0.01"))]
    assert explained(Decimal("-5"), [MOVED], [OLD]).reasons == (OLD,), "a fact that contradicts is not assumed"


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
