"""The statement of a meter: every row of it in the ledger's order, added up to what the oracle recomputes."""

from datetime import date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from sqlalchemy import Connection

from meter_assets.billing.policy import Policy
from meter_assets.migration.snapshot import Snapshot
from meter_assets.reports.differences.view import view_after_migration
from meter_assets.reports.statements import tables
from meter_assets.reports.statements.explain import Explained, ExplainedCustomer
from meter_assets.reports.statements.statement import Kind, Statement, statements
from tests.support import oracle
from tests.support.databases import load, tenant
from tests.support.ledger import invoice, ledger, payment
from tests.support.oracle import Books, Database, Row
from tests.support.oracle.books import day_of_invoice
from tests.support.oracle.payments_and_invoices import day_of_payment
from tests.support.oracle.steps import recomputed_meter
from tests.support.rules import SCHEMA
from tests.support.strategies import billing_databases, policies


def rows_of(books: Books, table: str, meter_id: int) -> list[Row]:
    """Return the tenant's rows of a meter, whether they are deleted or not."""
    return [row for row in books.db[table] if (row["tenant_id"], row["meter_id"]) == (books.tenant_id, meter_id)]


@pytest.mark.every_engine
@given(billing_databases(), policies())
def test_statements_add_up_to_the_recomputed_balances(connection: Connection, db: Database, policy: Policy) -> None:
    with connection.begin() as transaction:
        load(connection, SCHEMA, db)
        snapshot = Snapshot(connection, SCHEMA, policy)
        for one in db["tenants"]:
            books = Books(db, one["id"], policy)
            found = list(statements(snapshot, tenant(one["id"])))
            assert [int(each.meter_id) for each in found] == sorted(meter["id"] for meter in books.own("meters"))
            for each in found:
                expected = recomputed_meter(books, int(each.meter_id))
                assert (each.billed, each.paid) == (expected["total_billed"], expected["total_paid"])
                assert [each.net] == [row.balance for row in each.entries][-1:] or not each.entries
                for kind, table in ((Kind.invoice, "invoices"), (Kind.payment, "payments")):
                    ids = [int(row.row_id) for row in each.entries if row.kind is kind]
                    assert sorted(ids) == sorted(row["id"] for row in rows_of(books, table, int(each.meter_id)))
        transaction.rollback()


@pytest.mark.every_engine
@pytest.mark.slow
@given(billing_databases(), policies())
def test_planned_statements_are_those_after_a_migration(connection: Connection, db: Database, policy: Policy) -> None:
    """Of a tenant that is not migrated: the meters that payments would get, and the amounts of step 2."""
    with connection.begin() as transaction:
        load(connection, SCHEMA, db)
        snapshot = Snapshot(connection, SCHEMA, policy)
        for one in db["tenants"]:
            planned = view_after_migration(snapshot, tenant(one["id"])).relations
            books = Books(oracle.migrated(db, one["id"], policy)[0], one["id"], policy)
            for each in statements(snapshot, tenant(one["id"]), planned=planned):
                expected = recomputed_meter(books, int(each.meter_id))
                assert (each.billed, each.paid) == (expected["total_billed"], expected["total_paid"])
                paid = {int(row.row_id): row.rule for row in each.entries if row.kind is Kind.payment}
                before = {row["id"]: row["meter_id"] for row in db["payments"]}
                assert sorted(paid) == sorted(row["id"] for row in rows_of(books, "payments", int(each.meter_id)))
                assert all((rule is None) == (before[key] is not None) for key, rule in paid.items())
        transaction.rollback()


@pytest.mark.every_engine
@given(billing_databases(), policies())
def test_an_earlier_day_has_the_rows_until_then(connection: Connection, db: Database, policy: Policy) -> None:
    """What was owed at the end of a day is what a database without the later rows would say."""
    last = date(2024, 2, 29)
    invoices = [row for row in db["invoices"] if day_of_invoice(row) <= last]
    with connection.begin() as transaction:
        load(connection, SCHEMA, db)
        snapshot = Snapshot(connection, SCHEMA, policy)
        for one in db["tenants"]:
            books = Books(db, one["id"], policy)
            payments = [row for row in books.own("payments") if day_of_payment(books, row) <= last]
            books = Books({**db, "invoices": invoices, "payments": payments}, one["id"], policy)
            for each in statements(snapshot, tenant(one["id"]), as_of=last):
                expected = recomputed_meter(books, int(each.meter_id))
                assert (each.billed, each.paid) == (expected["total_billed"], expected["total_paid"])
                assert each.agrees is None
        transaction.rollback()


def test_the_running_balance_is_in_date_order(connection: Connection) -> None:
    """An opening balance comes first, a payment after the invoices of its day, and uncounted rows change nothing."""
    stored = {"meter_id": 1, "status": None, "total_amount": None}
    first = {**invoice(1, "10.00", "5.00"), **stored, "amount": Decimal(10), "balance_brought_forward": Decimal(5)}
    second = {**invoice(2, "20.00", "12.00", day=date(2024, 2, 29)), **stored}
    second |= {"amount": Decimal(20), "balance_brought_forward": Decimal(12)}
    paid = {"meter_id": 1, "paid_at": datetime(2024, 1, 31, 8)}
    payments = [{**payment(1, "3.00"), **paid}, {**payment(2, "8.00"), **paid, "status": "reversed"}]
    db = ledger([second, first], payments)
    with connection.begin() as transaction:
        load(connection, SCHEMA, db)
        (found,) = [
            one for one in statements(Snapshot(connection, SCHEMA, Policy()), tenant(1)) if len(one.entries) > 1
        ]
        transaction.rollback()
    counted = [(row.kind.value, row.amount, row.balance) for row in found.entries if row.counted]
    assert counted == [
        ("opening balance", Decimal(5), Decimal(5)),
        ("invoice", Decimal(10), Decimal(15)),
        ("payment", Decimal(-3), Decimal(12)),
        ("invoice", Decimal(20), Decimal(32)),
    ]
    (left,) = [row for row in found.entries if not row.counted]
    assert (left.row_id, left.why) == ("12", "not counted: status reversed")
    assert [(one.bill_type, one.amount) for one in found.entries[1].charges] == [("WATER", Decimal(10))]


def test_no_id_starts_a_line_of_its_own() -> None:
    """Ids may be any text: of sentences and titles, which may have several lines, they are on one."""
    foreign = 'm-1\nTenant 1 "Willowmere": all is well'
    one = Statement.model_construct(meter_id=foreign, meter_number="7", meter_status="open", is_deleted=False)
    owed = one.model_copy(update={"billed": Decimal(1), "paid": Decimal(0), "as_of": None})
    of_customer = ExplainedCustomer.model_construct(
        is_deleted=False, meters=[Explained(statement=owed)], own_meter_ids=[], backed_up_net=None
    )
    for said in (tables.title(one), tables.customer_conclusion(of_customer)):
        assert r"m-1\nTenant" in said
        assert "\n" not in said
