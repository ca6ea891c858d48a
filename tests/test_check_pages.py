"""The pages of the checks: their SQL finds the rows that the checks find, and what they say to do fixes a row."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis.strategies import integers, sampled_from
from sqlalchemy import Boolean, Column, Connection, DateTime, Integer, MetaData, Table, Text, delete, text
from sqlalchemy.types import TypeEngine

from meter_assets.billing.policy import Policy
from meter_assets.billing.relations import billing_relations
from meter_assets.billing.schema import BillingSchema, billing_tables
from meter_assets.demo.generator import DemoSize, fill, make_tables
from meter_assets.engines import engine_of
from meter_assets.migration.database import BillingDatabase
from meter_assets.migration.evaluation import evaluate
from meter_assets.reports.narrow import WIDEST, narrow, width
from meter_assets.reports.tables import from_records
from meter_assets.rules.invariants import INVARIANTS, Group, Invariant, of_group
from meter_assets.rules.steps import STEPS
from tests.support import databases
from tests.support.check_pages import FAULTY, LOOK, ODD_VALUES, Books, blocks, faulty_books, find, section
from tests.support.oracle import Database, Row
from tests.support.repeated_debt import repeated_debts
from tests.support.strategies import billing_databases


@pytest.fixture(scope="module")
def books(empty_billing_url: str) -> Books:
    """Two tenants, one of them with every fault, in several states."""
    return faulty_books(empty_billing_url)


@pytest.mark.parametrize("invariant", INVARIANTS, ids=lambda invariant: invariant.name)
def test_the_sql_of_a_page_finds_the_rows_that_the_check_finds(books: Books, invariant: Invariant) -> None:
    for when, found in books.found.items():
        assert found.by_page[invariant.name] == found.by_law[invariant.name], when
    if invariant.name not in cannot_be_found(books):
        assert any(found.by_page[invariant.name] for found in books.found.values()), (
            "no state of the books shows that it finds"
        )
    assert not books.found["clean"].by_page[invariant.name]


@pytest.mark.parametrize("invariant", INVARIANTS, ids=lambda invariant: invariant.name)
def test_the_evidence_of_a_check_fits_a_window(books: Books, invariant: Invariant) -> None:
    with books.database.snapshot() as connection:
        (result,) = evaluate(connection, [invariant], billing_relations(books.schema, Policy(), FAULTY))
    if result.samples:
        grid = from_records("First violations", result.samples)
        fits = narrow(grid)
        assert width(fits) <= WIDEST
        assert len(fits.headings) > 1 or len(grid.headings) == 1
        shown = " ".join(" ".join(row) for row in fits.rows).replace("_", " ")
        values = [row[name] for row in result.samples for name in row if name != "tenant_id"]
        assert all(value.replace("_", " ") in shown for value in values)


NUMBERS = ("every_balance_is_a_number", "every_payment_amount_is_a_number", "every_invoice_amount_is_a_number")


def cannot_be_found(books: Books) -> tuple[str, ...]:
    """Return the checks that find nothing in these tables, or in the values that the engine accepts."""
    odd = ODD_VALUES[books.database.engine.dialect.name]
    by_value = {
        "every_flag_is_true_or_false": odd.flag,
        "every_date_is_valid": odd.day,
        **dict.fromkeys(NUMBERS, odd.number),
    }
    return (*(case.invariant for case in LOOSE), *(name for name, value in by_value.items() if value is None))


def test_the_sql_finds_a_bill_type_by_its_name_and_by_its_amounts(books: Books) -> None:
    found = [one for state in books.found.values() for one in state.by_page["every_bill_type_has_one_meaning"].items()]
    assert {(bill_type, row["problem"]) for bill_type, row in found} == {
        ("arrears", "its name looks like debt brought forward"),
        ("misc", "its lines equal what their meters owed before"),
    }


EDGES: Mapping[str, Mapping[str, Sequence[Any]]] = {
    "sqlite": {
        "payments.paid_at": (
            *("", "0", "now", "31/01/2024", "2024-1-5", "2024-02-30", "2024-01-31 25:00", "2024-01-31T10:00:00Z"),
            *("2024-01-31 23:00+02:00", "0000-00-00", "0001-01-01", "9999-12-31 23:59:59", "10000-01-01"),
            *(0, 20240131, 2460000.5, b"2024-01-31"),
        ),
        "meter_assignments.is_active": ("t", "f", "true", "FALSE", "", "1", 2, -1, 0.5, b"1"),
        "meters.total_paid": ("12,50", "", "1e3", " 7 ", "NaN", 9e999, b"7"),
        "payments.amount": (
            *(0.1 + 0.2, 0.005, 0.0001, 0.00001, -0.015, "0.005", "6,375", "", 1234567.894, 1234567.89),
            *(900719925474.09, 900719925474.1, -900719925475, 1e15, 9e999, -9e999, None),
        ),
    },
    "postgresql": {
        "payments.paid_at": ("infinity", "-infinity", "20240-01-31", "0044-03-15 BC", "9999-12-31 23:59:59.999999"),
        "invoices.invoice_date": (
            "infinity",
            "5874897-12-31",
            "10000-01-01",
            "9999-12-31",
            "0001-01-01",
            "0001-12-31 BC",
        ),
        "meters.total_paid": ("NaN", "-1"),
        "payments.amount": ("0.3", "0.005", "0.0001", "NaN", "92233720368547758.07", "-92233720368547758.08", None),
    },
    "mysql": {
        "payments.paid_at": (
            "1000-01-01",
            "9999-12-31 23:59:59.999999",
            "0000-00-00",
            "2024-02-00",
            "2024-02-31",
            "0001-01-01",
        ),
        "invoices.invoice_date": ("0000-00-00", "9999-12-31", "2024-00-10"),
        "meter_assignments.is_active": (2, -1, 0),
        "payments.amount": ("0.3", "0.005", "0.0001", "92233720368547758.07", "-92233720368547758.08", None),
    },
}
"""Values at the edge of what a page's SQL must find: one row after the other gets one of them."""


def test_the_sql_of_the_pages_reads_odd_values_as_the_checks_do(books: Books) -> None:
    with books.database.session() as connection, connection.begin() as transaction:
        for place, values in EDGES[connection.dialect.name].items():
            table, _, column = place.partition(".")
            ids = connection.execute(text(f"SELECT id FROM {table} WHERE tenant_id = {FAULTY} ORDER BY id")).scalars()
            for row_id, value in zip(ids.all(), values, strict=False):
                change = text(f"UPDATE {table} SET {column} = :value WHERE id = :id")
                connection.execute(change, {"value": value, "id": row_id})
        # Not of the others: their sums overflow.
        found = find(connection, books.schema, FAULTY, of_group(Group.values))
        assert found.by_page == found.by_law
        transaction.rollback()


def loose_tables() -> BillingSchema:
    """Return the usual tables without keys, some of them with a column that may delete."""
    usual, metadata = billing_tables(), MetaData()
    tables = {
        name: Table(name, metadata, *(Column(column.key, column.type) for column in table.c))
        for name, table in usual.tables.items()
    }
    kinds: Mapping[str, TypeEngine[Any]] = {
        "customers": Boolean(),
        "payments": Integer(),
        "bills": Text(),
        "invoice_bills": DateTime(),
    }
    for name, kind in kinds.items():
        tables[name].append_column(Column("is_deleted", kind))
    return BillingSchema(tables)


@dataclass(frozen=True)
class Loose:
    """Changes of the demo's rows in tables without keys, and the places that a check then names."""

    invariant: str
    statements: tuple[str, ...]
    places: tuple[str, ...]


LOOSE = (
    Loose(
        "every_row_has_its_own_id",
        (
            "INSERT INTO payments SELECT * FROM payments WHERE id IN (2, 3, 8)",
            "INSERT INTO payments SELECT * FROM payments WHERE id = 2",
            "INSERT INTO meters (id, tenant_id) SELECT id, tenant_id FROM meters WHERE id = 1",
            "INSERT INTO invoices SELECT * FROM invoices WHERE id IN (2, 7)",
            "INSERT INTO invoice_bills SELECT * FROM invoice_bills WHERE id IN (1, 20)",
            "UPDATE customers SET id = NULL WHERE id = 2",
            "UPDATE meter_assignments SET id = 1 WHERE tenant_id = 2 AND id = 3",
        ),
        (
            *("payments.id of 2", "payments.id of 3", "customers.id of null", "meters.id of 1", "invoices.id of 2"),
            *(f"invoice_bills.id of {line}" for line in (1, 4, 5, 6, 7)),
        ),
    ),
    Loose(
        "no_row_is_deleted_by_an_unknown_column",
        (
            "UPDATE customers SET is_deleted = (id <> 1)",
            "UPDATE payments SET is_deleted = 1 - id WHERE id < 4",
            "UPDATE bills SET is_deleted = CASE id WHEN 1 THEN ' NO ' WHEN 2 THEN '' ELSE '0000-00-00' END",
            "UPDATE bills SET is_deleted = 'yes' WHERE id = 3",
            "UPDATE invoice_bills SET is_deleted = '2024-12-31 12:00:00' WHERE id IN (1, 2, 3, 20)",
            "UPDATE invoice_bills SET deleted_at = '2024-12-31 12:00:00' WHERE id = 2",
        ),
        (
            *("customers.is_deleted of 2", "payments.is_deleted of 2", "payments.is_deleted of 3"),
            *("bills.is_deleted of 3", "invoice_bills.is_deleted of 1", "invoice_bills.is_deleted of 3"),
        ),
    ),
)


@pytest.mark.parametrize("case", LOOSE, ids=lambda case: case.invariant)
def test_the_sql_of_a_page_finds_what_only_loose_tables_hold(billing_url: str, case: Loose) -> None:
    database, schema = BillingDatabase(billing_url), loose_tables()
    with database.transaction() as connection:
        make_tables(connection, schema)
        fill(connection, schema, DemoSize(tenants=2, customers=4, months=3), seed=1)
        for statement in case.statements:
            connection.exec_driver_sql(statement)
        found = find(connection, schema, FAULTY, [one for one in INVARIANTS if one.name == case.invariant])
    assert found.by_page == found.by_law
    assert set(found.by_page[case.invariant]) == set(case.places)


@pytest.mark.slow
@given(rows=billing_databases(), at=integers(0, 5), decimals=sampled_from([2, 4]))
def test_the_sql_of_the_pages_finds_what_the_checks_find_on_any_database(
    books: Books, rows: Database, at: int, decimals: int
) -> None:
    assert_finds_the_same(books, with_decimals(rows, decimals), rows["tenants"][at % len(rows["tenants"])]["id"])


@pytest.mark.every_engine
@pytest.mark.slow
@given(rows=repeated_debts())
def test_the_sql_of_the_pages_finds_debt_that_is_repeated(books: Books, rows: Database) -> None:
    assert_finds_the_same(books, rows, FAULTY)


def assert_finds_the_same(books: Books, rows: Database, tenant_id: int) -> None:
    with books.database.session() as connection, connection.begin() as transaction:
        for table in (*books.schema.stored.values(), *books.schema.own.values()):
            connection.execute(delete(table))
        databases.load(connection, books.schema, rows)
        if rows.get("customer_balances_backup"):
            databases.load_backup(connection, books.schema, rows)
        found = find(connection, books.schema, tenant_id)
        assert found.by_page == found.by_law
        transaction.rollback()


def with_decimals(rows: Database, decimals: int) -> Database:
    """Return drawn rows, which have cents, with so many decimals."""

    def smaller(row: Row) -> Row:
        return {
            name: value.scaleb(2 - decimals) if isinstance(value, Decimal) else value for name, value in row.items()
        }

    return {table: [smaller(row) for row in found] for table, found in rows.items()}


# What the pages say to do


def fixes(name: str) -> list[str]:
    return [one for one in blocks(section(name, "How to fix"), "sql") if not one.startswith("SELECT")]


FIXES = [(name, statement) for name in LOOK for statement in fixes(name)]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "statement"), FIXES, ids=[f"{name}-{at}" for at, (name, _) in enumerate(FIXES)])
def test_what_a_page_says_to_do_mends_a_row(books: Books, name: str, statement: str) -> None:
    """One row at least of those found, of which the others may be broken otherwise, once the tenant is run again."""
    invariant = next(one for one in INVARIANTS if one.name == name)
    with books.database.session() as connection, connection.begin() as transaction:
        look = engine_of(connection).sql_of_page(LOOK[name])
        rows = [dict(row) for row in connection.execute(text(look), {"tenant": FAULTY}).mappings()]
        assert bool(rows) != (name in cannot_be_found(books)), "tables of this engine may be unable to violate it"
        assert not rows or any(
            is_mended(connection, books.schema, invariant, row, statement, values)
            for row in rows
            for values in parameters(connection, statement, row)
        )
        transaction.rollback()


def parameters(connection: Connection, statement: str, row: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """What a person might fill in: the ids of the row itself, and rows of the tenant to choose from."""
    wanted = set(re.findall(r":(\w+)", statement))
    chosen = {"tenant": FAULTY, "amount": 40, "brought_forward": 0, "date": "2024-01-31", "active": 1}
    of_row = {name: row[name] for name in wanted & set(row) - {"amount", "meter_id", "bill_id"}}
    tables = {"meter_id": "meters", "bill_id": "bills"}
    free = [name for name in tables if name in wanted]
    if not free:
        yield {name: {**chosen, **of_row}[name] for name in wanted}
    for name in free:
        for found in connection.execute(text(f"SELECT id FROM {tables[name]} WHERE tenant_id = {FAULTY}")).scalars():
            yield {one: {**chosen, **of_row, name: found}[one] for one in wanted}


def is_mended(
    connection: Connection,
    schema: BillingSchema,
    invariant: Invariant,
    row: Mapping[str, Any],
    statement: str,
    values: Mapping[str, Any],
) -> bool:
    with connection.begin_nested() as savepoint:
        touched = connection.execute(text(engine_of(connection).sql_of_page(statement)), values).rowcount
        relations = billing_relations(schema, Policy(), FAULTY)
        for step in ("payment_meter_ids", "invoice_amounts"):
            relations = relations.after(STEPS[step].compute(relations))
        left = connection.execute(invariant.violations(relations)).mappings()
        fixed = touched == 1 and row[invariant.subject] not in [one[invariant.subject] for one in left]
        savepoint.rollback()
    return fixed
