"""A copy for a rehearsal: it has the rows of the billing tables, cell by cell, and their structure."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, inspect, make_url, text

from meter_assets.billing.policy import Policy
from meter_assets.copying.copy import Copy, copied
from meter_assets.demo.generator import DemoSize, fill, make_tables
from meter_assets.engines import scratch
from meter_assets.errors import InvalidSettings
from meter_assets.migration.database import BillingDatabase
from tests.support.check_pages import SCHEMA

STRUCTURE = {
    "sqlite": (
        "CREATE UNIQUE INDEX one_number ON meters (tenant_id, meter_number)",
        "CREATE INDEX of_days ON payments (paid_at, amount)",
    ),
    "postgresql": (
        "CREATE UNIQUE INDEX one_number ON meters (tenant_id, meter_number)",
        "CREATE INDEX of_days ON payments (paid_at, amount)",
        "ALTER TABLE payments ADD CONSTRAINT small CHECK (amount < 1000000)",
        "ALTER TABLE payments ADD CONSTRAINT of_customer FOREIGN KEY (customer_id) REFERENCES customers (id)",
    ),
    "mysql": (
        "ALTER TABLE meters MODIFY COLUMN meter_number varchar(40) CHARACTER SET latin1 COLLATE latin1_swedish_ci",
        "CREATE UNIQUE INDEX one_number ON meters (tenant_id, meter_number(20))",
        "CREATE INDEX of_days ON payments (paid_at, amount)",
        "ALTER TABLE payments ADD CONSTRAINT small CHECK (amount < 1000000)",
        "ALTER TABLE payments ADD CONSTRAINT of_customer FOREIGN KEY (customer_id) REFERENCES customers (id)",
        "ALTER TABLE payments ADD COLUMN updated_at timestamp DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP",
        "ALTER TABLE invoices MODIFY COLUMN status varchar(40) COLLATE utf8mb4_swedish_ci",
        "ALTER TABLE bills ADD COLUMN note varchar(20), ADD INDEX of_notes (note)",
        "UPDATE payments SET status = '100% \\\\ ''paid''' WHERE id = 3",
    ),
}


def made(connection: Connection) -> None:
    """Create two tenants, with keys and conditions of this engine."""
    make_tables(connection, SCHEMA)
    fill(connection, SCHEMA, DemoSize(tenants=2, customers=20, months=6), seed=1)
    for statement in STRUCTURE[connection.dialect.name]:
        connection.exec_driver_sql(statement.replace("%", "%%") if connection.dialect.name != "sqlite" else statement)


@pytest.fixture
def copy_of(billing_url: str, tmp_path: Path) -> Iterator[tuple[BillingDatabase, Copy]]:
    """Return the database, and a copy of it."""
    source = BillingDatabase(billing_url)
    with source.transaction() as connection:
        made(connection)
    url = make_url(billing_url)
    into = url.set(database="a_copy") if url.host else None
    shown: dict[str, int] = {}
    given = into.render_as_string(hide_password=False) if into else None
    with copied(source, given, Policy(), tmp_path, keep=False, told=shown.__setitem__) as copy:
        assert shown == copy.rows
        yield source, copy


def test_every_cell_is_copied_and_names_are_masked(copy_of: tuple[BillingDatabase, Copy]) -> None:
    source, copy = copy_of
    with source.snapshot() as there, BillingDatabase(copy.url).snapshot() as here:
        for table, columns in copy.columns.items():
            names = ", ".join(one for one in columns if f"{table}.{one}" not in copy.masked)
            statement = text(f"SELECT {names} FROM {table} ORDER BY id")
            rows = [tuple(row) for row in there.execute(statement)]
            assert [tuple(row) for row in here.execute(statement)] == rows
            assert copy.rows[table] == len(rows) > 0
        for masked in copy.masked:
            table, _, column = masked.partition(".")
            word = table.removesuffix("s").capitalize()
            found = here.execute(text(f"SELECT id, {column} FROM {table} WHERE {column} IS NOT NULL")).all()
            assert found
            assert {value for _, value in found} == {f"{word} {row_id}" for row_id, _ in found}


def test_it_has_the_keys_and_conditions_of_its_columns(copy_of: tuple[BillingDatabase, Copy]) -> None:
    source, copy = copy_of
    with source.snapshot() as there, BillingDatabase(copy.url).snapshot() as here:
        for table, columns in copy.columns.items():
            assert set(structure(here, table, columns)) == set(structure(there, table, columns)), table
        if source.engine.dialect.name == "mysql":
            assert [one for one in copy.lacks if "of_notes" in one]
            (definition,) = here.exec_driver_sql("SHOW CREATE TABLE payments").mappings().all()
            assert "ON UPDATE current_timestamp()" in definition["Create Table"]


def structure(connection: Connection, table: str, columns: tuple[str, ...]) -> Iterator[tuple[Any, ...]]:
    """Yield the keys, indexes, references and conditions over these columns, and the columns that may be null."""
    found = inspect(connection)
    yield ("key", *found.get_pk_constraint(table)["constrained_columns"])
    for index in found.get_indexes(table):
        if set(index["column_names"]).issubset(columns):
            yield ("index", bool(index["unique"]), *index["column_names"])
    for key in found.get_foreign_keys(table):
        yield ("reference", *key["constrained_columns"], key["referred_table"], *key["referred_columns"])
    for check in found.get_check_constraints(table):
        yield ("check", check["sqltext"])
    for column in found.get_columns(table):
        if column["name"] in columns:
            yield ("null", column["name"], column["nullable"])


@pytest.mark.not_on("sqlite")  # where the copy is a new file
def test_a_database_that_another_program_creates_meanwhile_is_not_dropped(
    billing_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As by another rehearsal that has the same --into."""
    there = BillingDatabase(billing_url)
    with there.transaction() as connection:
        connection.execute(text("CREATE TABLE people (id integer)"))
    monkeypatch.setattr(scratch, "exists", lambda server, url: False)
    with pytest.raises(InvalidSettings, match="could not be created"):
        there.backend.claim_scratch(make_url(billing_url), tmp_path, None)
    with there.snapshot() as connection:
        assert connection.execute(text("SELECT * FROM people")).all() == []
