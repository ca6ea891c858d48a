"""The digest of rows tells rows apart that differ in any value, and nothing else."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from sqlalchemy import Column, Connection, Date, DateTime, Integer, MetaData, String, Table, insert, select

from meter_assets.billing.constructs import as_type_of, nulls_last, rows_digest
from meter_assets.migration.database import BillingDatabase

KEPT = Table("kept", MetaData(), Column("one", Integer), Column("other", Integer), Column("words", String(20)))
ROWS = [(1, 2, "a"), (2, 1, None)]
DIFFERENT: dict[str, Sequence[tuple[Any, ...]]] = {
    "a value": [(1, 2, "a"), (3, 1, None)],
    "two columns swapped": [(2, 1, "a"), (1, 2, None)],
    "a text": [(1, 2, "b"), (2, 1, None)],
    "a text in another column": [(1, 2, None), (2, 1, "a")],
    "null for a text": [(1, 2, None), (2, 1, None)],
    "null for a number": [(1, None, "a"), (2, 1, None)],
    "an empty text for null": [(1, 2, "a"), (2, 1, "")],
    "a row less": [(1, 2, "a")],
    "a row twice": [(1, 2, "a"), (2, 1, None), (2, 1, None)],
    "none": [],
}


@pytest.fixture(scope="module")
def connection(empty_billing_url: str) -> Iterator[Connection]:
    """A connection to a database with the table of these tests, which is empty."""
    with BillingDatabase(empty_billing_url).engine.connect() as made:
        with made.begin():
            KEPT.create(made)
        yield made


def digest(connection: Connection, rows: Sequence[tuple[Any, ...]]) -> str:
    with connection.begin() as transaction:
        for row in rows:
            connection.execute(insert(KEPT).values(dict(zip(KEPT.c.keys(), row, strict=True))))
        found = connection.scalar(select(rows_digest(*KEPT.c)))
        transaction.rollback()
    return str(found)


@pytest.mark.parametrize("case", DIFFERENT)
def test_rows_that_differ_have_another_digest(connection: Connection, case: str) -> None:
    assert digest(connection, DIFFERENT[case]) != digest(connection, ROWS)


def test_the_order_of_rows_and_columns_that_are_all_null_make_no_difference(connection: Connection) -> None:
    assert digest(connection, ROWS[::-1]) == digest(connection, ROWS)
    with_nulls = connection.scalar(select(rows_digest(KEPT.c.one, KEPT.c.words)))
    assert with_nulls == connection.scalar(select(rows_digest(KEPT.c.one)))
    connection.rollback()


@pytest.mark.parametrize(
    ("target", "value", "loses_its_hours"),
    [(Date(), DateTime(), True), (Date(), Date(), False), (DateTime(), DateTime(), False), (DateTime(), Date(), False)],
)
def test_a_point_in_time_loses_its_hours_in_a_column_of_days(target: Any, value: Any, loses_its_hours: bool) -> None:
    made = as_type_of(Column("target", target), Column("value", value))
    assert (made.key == "day" or getattr(made, "name", "") == "day") == loses_its_hours


def test_nulls_come_last_by_a_term_that_is_never_null(connection: Connection) -> None:
    """A term that is null sorts first on SQLite and last on PostgreSQL."""
    with connection.begin() as transaction:
        connection.execute(insert(KEPT), [{"one": 5}, {"one": None}, {"one": 4}])
        found = connection.execute(select(*nulls_last(KEPT.c.one)).order_by(*nulls_last(KEPT.c.one))).all()
        transaction.rollback()
    assert [tuple(row) for row in found] == [(0, 4), (0, 5), (1, None)]
