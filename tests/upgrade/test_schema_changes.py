"""A column is added to or dropped from the billing tables after a migration: its journals are read, verified, undone.

Rows that were journaled without a column are restored in the columns that they have, and those with a column that is
dropped by now in the others.
"""

from collections.abc import Callable
from typing import Any

import pytest

from meter_assets.billing.columns import OPTIONAL_COLUMNS
from meter_assets.billing.schema import billing_tables
from meter_assets.errors import JournalAltered, UnsuitableSchema
from meter_assets.migration.database import BillingDatabase
from meter_assets.rules.steps import STEPS
from tests.support.databases import contents, migrate, start_over
from tests.support.ledger import invoice, ledger, payment
from tests.support.released import FOLDER, load_dump
from tests.support.rollbacks import undo

TYPES = {
    "total_billed": "NUMERIC(14, 2)",
    "total_paid": "NUMERIC(14, 2)",
    "last_invoice_date": "DATE",
    "status": "VARCHAR(120)",
    "paid_at": "TIMESTAMP",
    "tenant_id": "INTEGER",
    "deleted_at": "TIMESTAMP",
    "updated_at": "TIMESTAMP",
}
ALWAYS_SET = {"total_billed", "total_paid"}
"""The columns that are added as NOT NULL DEFAULT 0."""
PLACES = [(table, column) for table, columns in OPTIONAL_COLUMNS.items() for column in columns]
JOURNALED = [place for place in PLACES if place[0] == "meters"]
SOFT_DELETES = [(table, "deleted_at") for table in ("customers", "meters", "invoices", "payments")]
ROWS = ledger(
    [invoice(1, "30.00"), invoice(2, "20.00", "5.00"), invoice(1, "50.00", of=2)],
    [payment(1, "10.00"), payment(2, "4.00"), payment(1, "5.00", of=2)],
)


def journals_of(table: str) -> list[str]:
    """Return the journals of the steps that write a table."""
    return [step.journal for step in STEPS.values() if step.target == table]


def add(database: BillingDatabase, table: str, column: str, *, also_to_journals: bool = True) -> None:
    """Add a column as an administrator does, and to the journals what the tool asks for."""
    kind = TYPES[column]
    statements = [f"ALTER TABLE {table} ADD COLUMN {column} {kind}{' NOT NULL DEFAULT 0' * (column in ALWAYS_SET)}"]
    if also_to_journals and (table, column) in JOURNALED:
        statements += [
            f"ALTER TABLE {journal} ADD COLUMN {column}_{side} {kind}"
            for journal in journals_of(table)
            for side in ("before", "after")
        ]
    with database.transaction() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def drop(database: BillingDatabase, table: str, column: str) -> None:
    """Drop a column of a billing table; the journals keep theirs."""
    with database.transaction() as connection:
        connection.exec_driver_sql(f"ALTER TABLE {table} DROP COLUMN {column}")


def balances(database: BillingDatabase) -> dict[str, Any]:
    """Return what steps write in the columns that every database has, and whether the backup is there."""
    with database.snapshot() as connection:
        return {
            name: sorted(map(tuple, connection.exec_driver_sql(statement)))
            for name, statement in {
                "payments": "SELECT id, COALESCE(meter_id, 0) FROM payments WHERE tenant_id = 1",
                "invoices": "SELECT id, amount, total_amount FROM invoices WHERE tenant_id = 1",
                "meters": "SELECT id, balance, overpayment FROM meters WHERE tenant_id = 1",
                "backup": "SELECT customer_id FROM customer_balances_backup WHERE tenant_id = 1",
            }.items()
        }


def undo_all(database: BillingDatabase) -> tuple[int, int]:
    """Roll tenant 1 back as the dry run foretells; return how many rows were restored and skipped."""
    done = undo(database)
    return done.restored, done.skipped


def _today(url: str, engine_name: str) -> tuple[BillingDatabase, dict[str, Any]]:
    database = start_over(url, billing_tables(), ROWS)
    migrate(database, 1, run_id="older")
    undo(database)
    before = balances(database)
    migrate(database, 1)
    return database, before


def _released(version: str) -> Callable[[str, str], tuple[BillingDatabase, dict[str, Any]]]:
    def load(url: str, engine_name: str) -> tuple[BillingDatabase, dict[str, Any]]:
        database = load_dump(url, FOLDER / f"version_{version}.{engine_name}.sql")
        undo(database)
        before = balances(database)
        with database.engine.begin() as connection:
            connection.exec_driver_sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public") if (
                connection.dialect.name == "postgresql"
            ) else None
        database.engine.dispose()
        if database.file:
            database.file.unlink()
            database.file.touch()
        return load_dump(url, FOLDER / f"version_{version}.{engine_name}.sql"), before

    return load


MIGRATED = {"today": _today, "1.0.0": _released("1_0_0"), "1.1.0": _released("1_1_0")}


@pytest.mark.by_default("sqlite")
@pytest.mark.slow
@pytest.mark.parametrize(
    ("made_by", "place"),
    [
        pytest.param(
            version,
            place,
            id=f"{'.'.join(place)}-{version}",
            marks=[]
            if version == "today"
            else [pytest.mark.not_on("mysql")] + [pytest.mark.thorough] * (place not in JOURNALED),
        )
        for version in MIGRATED
        for place in (*PLACES, *SOFT_DELETES)
    ],
)
def test_a_column_that_was_dropped_since(
    billing_url: str, engine_name: str, made_by: str, place: tuple[str, str]
) -> None:
    """The journals are verified with it; the rest is restored, also after another run without it."""
    database, before = MIGRATED[made_by](billing_url, engine_name)
    drop(database, *place)
    migrated = balances(database)
    assert undo_all(database)[1] == 0
    assert balances(database) == before != migrated
    migrate(database, 1, run_id="without it")
    if place[1] not in ("status", "deleted_at"):  # without these, other rows count
        assert {**balances(database), "backup": []} == {**migrated, "backup": []}
    assert undo_all(database)[1] == 0
    assert balances(database) == before


@pytest.mark.slow
@pytest.mark.by_default("sqlite")
@pytest.mark.parametrize("again", [False, True], ids=["", "and run again"])
@pytest.mark.parametrize("place", [*PLACES, ("payments", "updated_at")], ids=".".join)
def test_a_column_that_was_added_since(billing_url: str, place: tuple[str, str], again: bool) -> None:
    """Rows without values of it are restored in the others, and it keeps the value that it has then."""
    table, column = place
    database = start_over(billing_url, billing_tables(optional_columns=False), ROWS)
    before = balances_of_new(database)
    migrate(database, 1)
    if place in JOURNALED:
        add(database, table, column, also_to_journals=False)
        with pytest.raises(UnsuitableSchema, match=f"{column}_before"):
            undo_all(database)
        drop(database, table, column)
    add(database, table, column)
    default = values_of(database, table, column)
    if again:
        migrate(database, 1, run_id="with it")
        assert (values_of(database, table, column) != default) is (place in JOURNALED)
    restored, skipped = undo_all(database)
    assert skipped == 0
    assert restored
    assert {**balances(database), "backup": []} == {**before, "backup": []}
    assert values_of(database, table, column) == default


@pytest.mark.slow
def test_all_columns_are_added_one_after_the_other(billing_url: str) -> None:
    """With a run between each two, of which each rollback undoes one: every earlier schema has its rows."""
    database = start_over(billing_url, billing_tables(optional_columns=False), ROWS)
    migrate(database, 1, run_id="run 0")
    states = [contents(database)["meters"]]
    for at, place in enumerate(JOURNALED, start=1):
        add(database, *place)
        migrate(database, 1, run_id=f"run {at}")
        states.append(contents(database)["meters"])
    drop(database, *JOURNALED[0])
    assert undo_all(database)[1] == 0
    migrate(database, 1, run_id="last")


@pytest.mark.slow
@pytest.mark.by_default("sqlite")
@pytest.mark.parametrize("place", JOURNALED, ids=".".join)
def test_a_journal_that_was_edited_is_refused(billing_url: str, place: tuple[str, str]) -> None:
    """Also in a column that the billing table no longer has."""
    database = start_over(billing_url, billing_tables(), ROWS)
    migrate(database, 1)
    drop(database, *place)
    value = "'2020-01-01'" if place[1] == "last_invoice_date" else "1"
    with database.transaction() as connection:
        connection.exec_driver_sql(f"UPDATE meter_migration_meter_balances SET {place[1]}_after = {value}")
    with pytest.raises(JournalAltered, match="rows were changed"):
        undo_all(database)


@pytest.mark.slow
def test_a_value_that_others_wrote_into_an_added_column_stays(billing_url: str) -> None:
    """A row that was changed in a column with journaled values is skipped, in one without it is not."""
    database = start_over(billing_url, billing_tables(optional_columns=False), ROWS)
    migrate(database, 1)
    add(database, "meters", "total_billed")
    with database.transaction() as connection:
        connection.exec_driver_sql("UPDATE meters SET total_billed = 99 WHERE id = 1")
    assert undo_all(database)[1] == 0
    assert values_of(database, "meters", "total_billed") == [(1, 99), (2, 0)]
    migrate(database, 1, run_id="with it")
    with database.transaction() as connection:
        connection.exec_driver_sql("UPDATE meters SET total_billed = 98 WHERE id = 1")
    assert undo_all(database)[1] == 1


def values_of(database: BillingDatabase, table: str, column: str) -> list[tuple[Any, ...]]:
    """Return a column of a table."""
    with database.snapshot() as connection:
        found = connection.exec_driver_sql(f"SELECT id, {column} FROM {table} ORDER BY id")
        return [tuple(row) for row in found]


def balances_of_new(database: BillingDatabase) -> dict[str, Any]:
    """Return what `balances` returns, before our own tables are made."""
    migrate(database, 1, run_id="first of all")
    undo(database)
    return balances(database)
