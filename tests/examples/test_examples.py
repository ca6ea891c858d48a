"""The examples: each is previewed, migrated, validated and rolled back, on one of the engines that its SQL is for.

A thorough run tries all of them.

An example is a folder of `examples`: `database.sql` (for every engine) or `database.ENGINE.sql`, `mapping.toml`, and
`expected.csv` with the balances of its meters, worked out by hand. A new folder is tested without a change here.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, inspect, select, text

from meter_assets import settings
from meter_assets.billing.customers import net_of_meters
from meter_assets.billing.mapping import OWN_PREFIX
from meter_assets.billing.money import exact
from meter_assets.billing.own_tables import BACKUP
from meter_assets.billing.policy import Policy
from meter_assets.billing.relations import billing_relations
from meter_assets.formatting import show_money
from meter_assets.migration.database import BillingDatabase
from meter_assets.migration.temporary_tables import materialized
from tests.support.command_line import CommandLine
from tests.support.example_databases import CASES, FOLDER, expected, on_one_engine
from tests.support.watching import BALANCES, Watch, instance_in

pytestmark = pytest.mark.slow
Rows = Mapping[str, list[dict[str, Any]]]


def database_of(shell: CommandLine) -> BillingDatabase:
    """Return the database with the example's mapping."""
    return settings.billing_database(shell.url)


def rows_of(shell: CommandLine) -> Rows:
    """Return every row of every table that is not ours, as the database has it."""
    engine = create_engine(database_of(shell).engine.url) if shell.database.file is None else shell.database.reader
    with engine.connect() as connection:
        return {
            name: _rows(connection, name)
            for name in sorted(inspect(connection).get_table_names())
            if not name.startswith(OWN_PREFIX) and name != BACKUP
        }


def _rows(connection: Connection, name: str) -> list[dict[str, Any]]:
    quoted = connection.dialect.identifier_preparer.quote(name)
    found = [dict(row) for row in connection.execute(text(f"SELECT * FROM {quoted}")).mappings()]
    return sorted(found, key=lambda row: repr(next(iter(row.values()))))


def balances(shell: CommandLine) -> dict[tuple[str, str], tuple[str, str]]:
    """Return balance and overpayment of each meter, by tenant and meter number."""
    with database_of(shell).read(settings.policy()) as snapshot:
        meter = billing_relations(snapshot.schema, snapshot.policy).meters
        money = [exact(meter.c.balance), exact(meter.c.overpayment)]
        rows = snapshot.connection.execute(select(meter.c.tenant_id, meter.c.meter_number, *money)).all()
    return {(str(row[0]), str(row[1])): (show_money(row[2]), show_money(row[3])) for row in rows}


def written_columns(shell: CommandLine) -> set[tuple[str, str]]:
    """Return the columns of the database's own tables that a migration may write."""
    schema = database_of(shell).known_schema()
    steps = [step for step in schema.steps if step.target not in (BACKUP, "customers")]
    return {
        (schema.table(step.target).name, column)
        for step in steps
        if step.target not in schema.results
        for column in schema.physical(step.target, schema.written_columns(step))
    }


def without(columns: set[tuple[str, str]], rows: Rows) -> Rows:
    """Return rows without these columns."""
    return {
        table: [{name: value for name, value in row.items() if (table, name) not in columns} for row in found]
        for table, found in rows.items()
    }


def figures(shell: CommandLine) -> Iterator[tuple[set[Any], set[Any]]]:
    """Yield, per tenant, what customers' meters owe: by a plain SELECT, and by way of temporary tables."""
    database = database_of(shell)
    with database.read(Policy()) as snapshot:
        for tenant in database.tenants([]):
            relations = snapshot.relations(tenant.id)
            both = (net_of_meters(one) for one in (relations, materialized(relations, snapshot.tables)))
            plain, stored = ({tuple(row) for row in snapshot.connection.execute(select(one))} for one in both)
            yield plain, stored


@on_one_engine
def test_an_example_is_migrated_as_worked_out_by_hand(example: Path, shell: CommandLine) -> None:
    before = rows_of(shell)

    preview = shell("migrate-meter-financials", "--dry-run")
    assert preview.status == 0, preview.printed
    assert rows_of(shell) == before

    migrated = shell("migrate-meter-financials", "--yes")
    assert migrated.status == 0, migrated.printed
    assert balances(shell) == expected(example)
    for of_customers, in_tables in figures(shell):
        assert of_customers == in_tables != set()
    columns = written_columns(shell)
    after = rows_of(shell)
    assert without(columns, after) == without(columns, before)

    again = shell("migrate-meter-financials", "--yes")
    assert again.status == 0, again.printed
    assert "0 rows were changed" in again.words
    validated = shell("validate-meter-financial-data")
    assert validated.status == 0, validated.printed

    undone = shell("rollback", "--yes")
    assert undone.status == 0, undone.printed
    assert rows_of(shell) == before


@pytest.mark.parametrize(
    ("engine_name", "example"),
    [one for one in CASES if one.values[1] in (FOLDER / "one_utility", FOLDER / "quoted_names")],
    indirect=["engine_name"],
    ids=lambda one: getattr(one, "name", one),
)
def test_an_example_is_written_in_batches_too(example: Path, shell: CommandLine) -> None:
    migrated = shell("migrate-meter-financials", "--yes", "--batch-size", "1")
    assert migrated.status == 0, migrated.printed
    assert balances(shell) == expected(example)


@pytest.mark.parametrize(
    ("engine_name", "example"),
    [one for one in CASES if one.values[1] == FOLDER / "one_utility"],
    indirect=["engine_name"],
    ids=lambda one: getattr(one, "name", one),
)
def test_results_in_tables_of_ours_are_watched(example: Path, shell: CommandLine) -> None:
    migrated = shell("migrate-meter-financials", "--yes")
    assert migrated.status == 0, migrated.printed
    with instance_in(shell.folder / "watching") as instance:
        watch = Watch(instance, database_of(shell))
        assert watch.run().success
        assert watch.status("1")[BALANCES] == "SUCCEEDED"
        shell.change("UPDATE meter_migration_results_of_meters SET balance = balance + 1 WHERE id = 11")
        watch.run()
        assert watch.status("1")[BALANCES] == "FAILED"
        assert "W-11" in str(watch.evaluation(BALANCES, "1").metadata)
