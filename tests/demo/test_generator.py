"""Clean tenants: the same every time, exact to the cent, of the size asked for, and migrated without a complaint."""

from collections.abc import Iterator
from decimal import Decimal

import pytest
from sqlalchemy import Connection, create_engine, event

from meter_assets.billing.columns import MONEY_COLUMNS, REQUIRED_COLUMNS
from meter_assets.billing.policy import Policy
from meter_assets.billing.schema import BillingSchema, billing_tables
from meter_assets.demo.generator import TENANT_NAMES, DemoSize, fill, make_tables, tenant_name
from meter_assets.formatting import MINOR_UNIT_DIGITS
from tests.support import oracle
from tests.support.databases import read
from tests.support.oracle import Database

SMALL = DemoSize(tenants=3, customers=12, months=5)
DEFAULT = Policy.from_values({})


@pytest.fixture
def connection() -> Iterator[Connection]:
    with create_engine("sqlite://").connect() as connection:
        yield connection


def filled(
    connection: Connection, size: DemoSize = SMALL, seed: int = 1, schema: BillingSchema | None = None
) -> Database:
    schema = schema or billing_tables()
    make_tables(connection, schema)
    fill(connection, schema, size, seed)
    return read(connection, schema)


def test_the_same_seed_makes_the_same_rows_and_another_seed_others() -> None:
    made = []
    for seed in (1, 1, 2):
        with create_engine("sqlite://").connect() as connection:
            made.append(filled(connection, seed=seed))
    assert made[0] == made[1]
    assert made[0] != made[2]


def test_tenants_are_of_the_sizes_asked_for(connection: Connection) -> None:
    db = filled(connection)
    customers = [sum(row["tenant_id"] == tenant["id"] for row in db["customers"]) for tenant in db["tenants"]]
    assert customers == [6, 12, 18]
    assert sum(customers) == SMALL.tenants * SMALL.customers
    assert [row["name"] for row in db["tenants"]] == list(TENANT_NAMES[:3])
    assert len({row["invoice_date"] for row in db["invoices"]}) == SMALL.months


def test_names_of_tenants_do_not_run_out() -> None:
    names = [tenant_name(tenant_id) for tenant_id in range(1, 31)]
    assert len(set(names)) == 30
    assert names[len(TENANT_NAMES)] == f"{TENANT_NAMES[0]} 2"


@pytest.mark.slow
def test_a_number_of_payments_can_be_asked_for(connection: Connection) -> None:
    schema = billing_tables()
    make_tables(connection, schema)
    made = fill(connection, schema, DemoSize.of_payments(5_000, tenants=4), 1)
    assert made["payments"] == pytest.approx(5_000, rel=0.05)


def test_counts_are_of_what_is_there_and_ids_are_counted_from_1(connection: Connection) -> None:
    schema = billing_tables()
    make_tables(connection, schema)
    made = fill(connection, schema, SMALL, 1)
    db = read(connection, schema)
    assert made == {name: len(rows) for name, rows in db.items()}
    for name in REQUIRED_COLUMNS:
        assert [row["id"] for row in db[name]] == list(range(1, made[name] + 1))


def test_rows_go_in_chunks_and_none_is_lost_between(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    at_once = filled(connection)
    monkeypatch.setattr("meter_assets.demo.rows.CHUNK", 50)
    inserts = 0

    with create_engine("sqlite://").connect() as other:

        @event.listens_for(other, "before_cursor_execute")
        def count(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
            nonlocal inserts
            inserts += statement.startswith("INSERT INTO payments")

        assert filled(other) == at_once
    assert inserts > 10


def test_stored_money_is_what_sqlite_reads_from_the_decimals_text(connection: Connection) -> None:
    db = filled(connection)
    for table, columns in MONEY_COLUMNS.items():
        for column in columns:
            query = f"SELECT {column} FROM {table} ORDER BY id"
            as_stored = connection.exec_driver_sql(query).scalars().all()
            exactly = [row[column] for row in db[table]]
            assert as_stored == [amount if amount is None else float(str(amount)) for amount in exactly]
    cents = {row["amount"] % 1 for row in db["payments"]}
    assert len(cents) > 10
    assert all(amount == round(amount, MINOR_UNIT_DIGITS) for amount in cents)


def test_no_payment_has_a_meter_yet_and_no_meter_a_balance(connection: Connection) -> None:
    db = filled(connection)
    assert {row["meter_id"] for row in db["payments"]} == {None}
    assert {row["balance"] for row in db["meters"]} == {None, Decimal(0)}


def test_history_is_as_varied_as_a_real_one(connection: Connection) -> None:
    db = filled(connection, DemoSize(tenants=2, customers=40, months=12))
    statuses = {row["status"] for row in db["invoices"]}
    assert statuses >= {"paid", "open", "carried_forward", "cancelled", "draft"}
    assert {row["status"] for row in db["payments"]} >= {"completed", "reversed", "failed", "Pending"}
    assert {row["invoice_id"] is None for row in db["payments"]} == {True, False}
    assert {row["is_active"] for row in db["meter_assignments"]} == {True, False}
    assert any(row["overpayment"] > 0 for row in db["customers"])
    assert any(row["balance"] > 0 for row in db["customers"])
    meters = [row["meter_id"] for row in db["meter_assignments"]]
    assert len(set(meters)) < len(meters)


def test_a_carried_forward_invoice_reappears_on_the_next(connection: Connection) -> None:
    db = filled(connection)
    carried = [row for row in db["invoices"] if row["status"] == "carried_forward"]
    assert carried
    for invoice in carried:
        later = [row for row in db["invoices"] if row["meter_id"] == invoice["meter_id"] and row["id"] > invoice["id"]]
        assert min(later, key=lambda row: row["id"])["balance_brought_forward"] > 0


@pytest.mark.parametrize("tenant_id", [1, 2, 3])
def test_stored_invoice_amounts_equal_their_lines(connection: Connection, tenant_id: int) -> None:
    expected = oracle.invoice_amounts(filled(connection), tenant_id, DEFAULT)
    assert set(expected.outcomes) == {("already_correct", None)}


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("months", [1, 2, 7])
def test_a_clean_tenant_breaks_nothing_once_migrated(connection: Connection, seed: int, months: int) -> None:
    db = filled(connection, DemoSize(tenants=2, customers=14, months=months), seed)
    for tenant_id in (1, 2):
        after, changes = oracle.migrated(db, tenant_id, DEFAULT)
        assert {rule for _, rule in changes["payment_meter_ids"].outcomes} <= {"invoice", "sole_active_meter"}
        assert {name: ids for name, ids in oracle.violations(after, tenant_id, DEFAULT).items() if ids} == {}


@pytest.mark.slow
def test_a_database_without_optional_columns_is_clean_but_for_the_days_it_does_not_know(connection: Connection) -> None:
    schema = billing_tables(optional_columns=False, soft_deletes=False)
    db = filled(connection, schema=schema)
    after, _ = oracle.migrated(db, 3, DEFAULT)
    broken = {name for name, ids in oracle.violations(after, 3, DEFAULT).items() if ids}
    assert broken <= {"every_brought_forward_equals_what_the_meter_owed"}
