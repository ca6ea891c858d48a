"""Money is exact on every engine, and what is no number is found rather than counted as something else."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Column, Integer, MetaData, Numeric, Table, insert, select, text

from meter_assets.billing.money import exact, stored, total
from meter_assets.billing.policy import Policy
from meter_assets.billing.relations import billing_relations
from meter_assets.formatting import show_money
from meter_assets.migration.database import BillingDatabase
from meter_assets.migration.evaluation import evaluate
from meter_assets.rules.invariants import INVARIANTS
from tests.support.command_line import make_small_tenants

AMOUNTS = Table("amounts", MetaData(), Column("id", Integer, primary_key=True), Column("amount", Numeric(14, 2)))


@pytest.fixture(scope="module")
def connection(empty_billing_url: str) -> Any:
    with BillingDatabase(empty_billing_url).engine.connect() as made:
        with made.begin():
            AMOUNTS.create(made)
        yield made


@pytest.mark.every_engine
@given(amounts=st.lists(st.decimals("-99999999999.99", "99999999999.99", places=2), min_size=1, max_size=20))
def test_sums_and_what_is_put_back_are_exact(connection: Any, amounts: list[Decimal]) -> None:
    with connection.begin() as transaction:
        connection.execute(insert(AMOUNTS), [{"amount": amount} for amount in amounts])
        assert connection.scalar(select(total(exact(AMOUNTS.c.amount)))) == sum(amounts)
        again = insert(AMOUNTS).from_select(["amount"], select(stored(exact(AMOUNTS.c.amount))))
        connection.execute(again)
        copies = connection.execute(select(AMOUNTS.c.amount).order_by(AMOUNTS.c.id)).scalars().all()
        assert copies[: len(amounts)] == copies[len(amounts) :], "the same as stored before, bit by bit"
        transaction.rollback()


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "-"),
        (Decimal("1234.5"), "1,234.50"),
        (Decimal("-0.07"), "-0.07"),
        (Decimal("0.125"), "0.125"),
        (Decimal("1E+3"), "1,000.00"),
        (Decimal("NaN"), "NaN"),
        (Decimal("-0.000"), "0.00"),
        (Decimal("0E-8"), "0.00"),
        (Decimal("0.00000001"), "0.00000001"),
        (Decimal("-1000000000000000.0001"), "-1,000,000,000,000,000.0001"),
        (Decimal("12345678901234567890123456789.015"), "12,345,678,901,234,567,890,123,456,789.015"),
    ],
)
def test_money_reads_well(value: Decimal | None, shown: str) -> None:
    assert show_money(value) == shown


@pytest.mark.every_engine
def test_an_amount_that_is_no_number_is_an_error(billing_url: str, engine_name: str) -> None:
    make_small_tenants(billing_url)
    database = BillingDatabase(billing_url)
    if engine_name == "mysql":
        pytest.skip("it keeps nothing but numbers in a column of money")
    no_number = {"sqlite": "'1,234.50'", "postgresql": "'NaN'"}[engine_name]
    with database.transaction() as connection:
        connection.execute(text(f"UPDATE payments SET amount = {no_number} WHERE id = 1"))
        connection.execute(text(f"UPDATE invoice_bills SET amount = {no_number} WHERE invoice_id = 2"))
    with database.snapshot() as connection:
        relations = billing_relations(database.schema(connection), Policy(), 1)
        invariants = [one for one in INVARIANTS if one.name.endswith("_amount_is_a_number")]
        payments, invoices = evaluate(connection, invariants, relations)
    assert payments.samples[0]["payment_id"] == "1"
    assert invoices.samples[0]["invoice_id"] == "2"
