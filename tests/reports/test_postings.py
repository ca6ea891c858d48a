"""What would be posted: with it, every customer owes the old figure exactly, and nobody else owes anything else."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from sqlalchemy import Connection

from meter_assets.billing.policy import Policy
from meter_assets.migration.snapshot import Snapshot
from meter_assets.reports.call_centre import postings
from meter_assets.reports.call_centre.figures import CustomerFigures, MeterFigure, customers_of, figures
from meter_assets.reports.differences.by_customer import CauseOfDifference, Difference
from meter_assets.reports.differences.causes import Cause
from meter_assets.reports.differences.view import view_after_migration
from tests.support import oracle
from tests.support.databases import load, tenant
from tests.support.oracle import BACKUP, Books, Database
from tests.support.oracle.books import net
from tests.support.rules import SCHEMA
from tests.support.strategies import billing_databases, policies

ZERO = Decimal(0)
MOST = Decimal(200_000_000_000)
"""Larger balances are an error on SQLite: they are not exact there."""


def meters_of(books: Books, customer_id: int) -> set[int]:
    """Return the meters that make up a customer's figure."""
    made = books.active_assignments(customer_id) or books.valid_assignments(customer_id)
    return {row["meter_id"] for row in made}


@pytest.mark.every_engine
@pytest.mark.slow
@given(billing_databases(), policies())
def test_with_the_postings_every_customer_owes_the_old_figure(
    connection: Connection, db: Database, policy: Policy
) -> None:
    """On databases in which anything may be wrong; old and new figures are those of the oracle."""
    with connection.begin() as transaction:
        load(connection, SCHEMA, db)
        snapshot = Snapshot(connection, SCHEMA, policy)
        for one in db["tenants"]:
            view = view_after_migration(snapshot, tenant(one["id"]))
            customers = [each for some in figures(view, customers_of(view)) for each in some]
            after, _ = oracle.migrated(db, one["id"], policy)
            books = Books(after, one["id"], policy)
            if any(abs(net([row])) > MOST for row in books.own("meters")):
                continue
            check_figures(customers, books)
            check_postings(list(postings.postings(customers)), books)
        transaction.rollback()


def check_figures(customers: list[CustomerFigures], books: Books) -> None:
    """Fail unless the figures are those of the oracle."""
    assert [one.id for one in customers] == sorted(row["id"] for row in books.own("customers"))
    meters = {row["id"]: row for row in books.own("meters")}
    for one in customers:
        expected = {key: net([meters[key]]) for key in meters_of(books, one.id)}
        assert {each.id: each.net for each in one.meters} == expected
        assert one.old == net(row for row in books.own(BACKUP) if row["customer_id"] == one.id)
        assert one.difference == one.new - one.old
        assert (one.why is not None) == (one.difference != 0)


def check_postings(found: list[postings.Posting], books: Books) -> None:
    """Fail unless the postings lead to the old figures."""
    old, now, meters = {}, {}, {row["id"]: net([row]) for row in books.own("meters")}
    for row in books.own("customers"):
        old[row["id"]] = net(kept for kept in books.own(BACKUP) if kept["customer_id"] == row["id"])
        now[row["id"]] = sum((meters[key] for key in meters_of(books, row["id"])), ZERO)
    by_customer = {int(one.customer_id): one for one in found}
    assert len(by_customer) == len(found)
    for customer_id, figure in old.items():
        posted = by_customer[customer_id].amount if customer_id in by_customer else ZERO
        assert figure == now[customer_id] + posted
    for one in found:
        assert sum((part.amount for part in one.causes), ZERO) == -one.amount != ZERO
        assert (one.meter is None) == bool(one.not_postable)
        if one.meter is not None:
            meters[one.meter.id] += one.amount
    for customer_id in old:  # as if the postings were made on the meters
        owed = sum((meters[key] for key in meters_of(books, customer_id)), ZERO)
        cannot = customer_id in by_customer and by_customer[customer_id].not_postable
        assert owed == (now[customer_id] if cannot else old[customer_id])


def meter(name: str, owed: int, customers: int = 1) -> MeterFigure:
    """Return a meter's figure."""
    return MeterFigure(name, name, Decimal(owed), customers)


def posted(new: list[MeterFigure], old: int, **causes: int) -> postings.Posting | None:
    """Return the posting of a customer with these meters, whose difference has these causes."""
    parts = [CauseOfDifference(cause=Cause(name), amount=Decimal(money), rows=[]) for name, money in causes.items()]
    now = sum((one.net for one in new), ZERO)
    fields: dict[str, Any] = {"kind": "customer", "id": "1", "name": "A", "backed_up_net": Decimal(old)}
    why = Difference(**fields, meters_net=now, causes=parts)
    return next(postings.postings([CustomerFigures(1, "A", Decimal(old), tuple(new), why)]), None)


def test_which_meter_is_posted_on() -> None:
    """A credit where most is owed, a debit where the credit is; otherwise the largest; never a shared meter."""
    both = [meter("A", 70), meter("B", -20), meter("C", 30), meter("D", -50)]
    for old, meters, expected in (
        (20, both, ("A", -10, "credit")),
        (50, both, ("D", 20, "debit")),
        (150, [meter("A", 70), meter("C", 30)], ("A", 50, "debit")),
        (-150, [meter("B", -20), meter("D", -50)], ("D", -80, "credit")),
        (5, [meter("A", 0)], ("A", 5, "debit")),
        (80, [meter("A", 70, customers=2), meter("C", 30)], ("C", -20, "credit")),
    ):
        difference = sum((one.net for one in meters), ZERO) - old
        found = posted(meters, old, unexplained=int(difference))
        assert found is not None
        assert found.meter is not None
        assert (found.meter.id, found.amount, found.kind, found.not_postable) == (
            *expected[:1],
            Decimal(expected[1]),
            expected[2],
            "",
        )


def test_what_cannot_be_posted_is_named() -> None:
    totals = postings.ControlTotals()
    for meters, reason in (([], postings.NO_METER), ([meter("A", 3, 2)], postings.ONLY_SHARED_METERS)):
        found = posted(meters, 10, unexplained=len(meters) * 3 - 10)
        assert found is not None
        assert (found.meter, found.not_postable) == (None, reason)
        assert postings.row("7", found)[3:7] == ("", "", "10.00" if not meters else "7.00", "debit")
        totals.add(found)
    assert totals == postings.ControlTotals(not_postable=2, not_postable_sum=Decimal(17))


def test_business_since_the_backup_is_not_reversed() -> None:
    assert posted([meter("A", 70)], 50, since_the_backup=20) is None
    found = posted([meter("A", 70)], 50, since_the_backup=25, payment_not_counted=-5)
    assert found is not None
    assert (found.amount, found.since_the_backup) == (Decimal(5), Decimal(25))
    assert found.old == found.new + found.amount - found.since_the_backup
    assert [part.cause for part in found.causes] == [Cause.payment_not_counted]
    totals = postings.ControlTotals()
    totals.add(found)
    assert totals == postings.ControlTotals(1, Decimal(5), customers_with_business_since=1)
