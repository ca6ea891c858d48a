"""Undoing what runs have changed: the original comes back to the byte, and what others wrote since is never touched.

How a rollback meets other runs of the tenant is in `test_two_at_once`; random sequences are in `test_sequences`.
"""

import asyncio
import csv
import json
import re
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.partitions.context import partition_loading_context
from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import InProcessWorkspaceLoadTarget
from dagster_graphql.schema import create_schema
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, make_url, text

from meter_assets.billing.own_tables import BACKUP, OUTCOMES
from meter_assets.billing.policy import Policy
from meter_assets.billing.schema import billing_tables
from meter_assets.cli.runner import Launch, TenantRun, run_tenant
from meter_assets.definitions import build_definitions
from meter_assets.errors import JournalIncomplete, UnknownRun
from meter_assets.migration.database import BillingDatabase
from meter_assets.migration.rollback import Rollback, roll_back
from meter_assets.reports.rollback_preview import preview_rollback
from meter_assets.rules.steps import MIGRATION, STEPS
from meter_assets.runtime.instance import POSTGRES_URL_VARIABLE
from tests.support.command_line import ALSO_HEALTHY, HEALTHY, PROJECT, CommandLine, command_line_in, make_small_tenants
from tests.support.databases import (
    STEP_RUNS,
    after_journaling,
    comparable,
    everything,
    migrate,
    read,
    reseal,
    row_of,
    start_over,
    tenant,
    write,
)
from tests.support.faults.commands import struck
from tests.support.faults.points import BEFORE, FORGETTING
from tests.support.faults.strikes import Kind
from tests.support.ledger import invoice, ledger, owing_20, payment
from tests.support.oracle import Database
from tests.support.rollbacks import undo
from tests.support.shapes import SHAPES
from tests.support.strategies import billing_databases, policies

SCHEMA = billing_tables()
DEFAULT = Policy.from_values({})
ON_A_FOURTH = settings(max_examples=settings().max_examples // 4)  # of the profile's: each is whole migrations
ROLLBACK = "rollback_meter_financials"


def billing_rows(database: BillingDatabase) -> dict[str, Any]:
    """Every row of the billing tables as it is stored."""
    return {name: rows for name, rows in everything(database).items() if name in SCHEMA.tables}


def backed_up(database: BillingDatabase) -> list[dict[str, Any]]:
    """The backup, without when and by which run it was made."""
    with database.snapshot() as connection:
        return comparable(read(connection, database.schema(connection))).get(BACKUP, [])


def restored_and_left_alone(done: Rollback) -> tuple[int, int]:
    return done.restored, done.skipped


def reasons(done: Rollback) -> list[tuple[str, str, dict[str, int]]]:
    """Of every step undone: its run, its name, and why rows of it were not restored."""
    return [
        (one.made.run_id, one.made.step, {why: tally.rows for why, tally in one.report.unresolved.items()})
        for one in done.steps
    ]


# There and back


@contextmanager
def deleted_since(database: BillingDatabase, divisor: int) -> Iterator[None]:
    """Soft-delete some rows that were not deleted, and bring them back at the end."""
    tables = [name for name in ("payments", "invoices", "meters", "customers") if "deleted_at" in SCHEMA.table(name).c]
    moment = "'2025-05-05'"
    some = f"deleted_at IS NULL AND id % {divisor} = 0"
    write(database, *(f"UPDATE {name} SET deleted_at = {moment} WHERE {some}" for name in tables))
    yield
    write(database, *(f"UPDATE {name} SET deleted_at = NULL WHERE deleted_at = {moment}" for name in tables))


@pytest.mark.slow
@pytest.mark.every_engine
@ON_A_FOURTH
@given(
    rows=st.one_of(billing_databases(), billing_databases(backups=True)), policy=policies(), divisor=st.integers(1, 3)
)
def test_a_rollback_gives_the_original_to_the_byte_and_migrating_again_the_same_once_more(
    billing_url: str, rows: Database, policy: Policy, divisor: int
) -> None:
    """Rows that were soft-deleted after the migration come back too, and stay deleted."""
    database = start_over(billing_url, SCHEMA, rows)
    original, backup_before = billing_rows(database), backed_up(database)
    others = everything(database, but_not_of=1)
    made = migrate(database, 1, policy, allow_invalid=True)
    migrated, backup = billing_rows(database), backed_up(database)

    with deleted_since(database, divisor):
        done = undo(database, before="first")

    assert billing_rows(database) == original
    assert backed_up(database) == backup_before
    assert restored_and_left_alone(done) == (sum(report.changed for report in made.values()), 0)
    migrate(database, 1, policy, run_id="again", allow_invalid=True)
    assert billing_rows(database) == migrated
    assert backed_up(database) == backup
    undo(database, "undo again")
    assert billing_rows(database) == original
    assert everything(database, but_not_of=1) == others


@pytest.mark.slow
@pytest.mark.by_default("postgresql")
@pytest.mark.parametrize("shape", SHAPES)
@settings(max_examples=max(2, settings().max_examples // 8))
@given(rows=billing_databases(), policy=policies())
def test_a_database_of_another_shape_is_rolled_back_to_the_byte(
    billing_url: str, shape: str, rows: Database, policy: Policy
) -> None:
    schema, reshaped, tenant_id = SHAPES[shape]
    database = start_over(billing_url, schema, reshaped(rows))
    original = billing_rows(database)
    migrate(database, tenant_id, policy, allow_invalid=True)
    migrated = billing_rows(database)
    done = undo(database, batch_size=3)
    assert billing_rows(database) == original
    assert done.skipped == 0
    migrate(database, tenant_id, policy, run_id="again", allow_invalid=True)
    assert billing_rows(database) == migrated


STORED = ["12.50", "7", 7, 7.0, 12.5, 0.1, 99999999999.99, "99999999999.99", "", " 5 ", "n/a", None, -3, "1e3"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "declared",
    ["TEXT", "NUMERIC(14, 2)", *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("REAL", "INTEGER", "BLOB"))],
)
def test_amounts_come_back_in_the_form_in_which_sqlite_stored_them(
    tmp_path: Path, declared: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite keeps text, an integer or a float in a column, whatever it was declared as.

    Earlier versions did not refuse text in balances, so their journals have it.
    """
    for name in MIGRATION:
        step = STEPS[name]
        monkeypatch.setitem(STEPS, name, replace(step, guards=replace(step.guards, values=())))
    database = start_over(f"sqlite:///{tmp_path}/billing.db", SCHEMA, owing_20())
    fill = []
    for table, columns in {
        "meters": ("balance", "overpayment", "total_billed", "total_paid"),
        "invoices": ("amount", "balance_brought_forward", "total_amount"),
        "customers": ("balance", "overpayment"),
    }.items():
        fill += _redeclared(database, table, columns, declared)
    with database.transaction() as connection:
        for row_id, value in enumerate(STORED, start=1000):
            for statement in fill:
                connection.exec_driver_sql(statement, (row_id, value))
    original = billing_rows(database)
    assert len({repr(row) for row in original["meters"]}) == len(original["meters"]) == 2 + len(STORED)

    for number in range(2):  # so that a dry run, too, compares what runs have written in every stored form
        paid = f"INSERT INTO payments (id, tenant_id, meter_id, amount) VALUES ({100 + number}, 1, 1, 0.5)"
        write(database, "UPDATE invoice_bills SET amount = amount + 0.25", paid)
        migrate(database, 1, run_id=f"run {number}", allow_invalid=True)
    assert billing_rows(database)["meters"] != original["meters"]

    done = undo(database)
    assert done.skipped == 0
    for table in ("meters", "invoices", "customers"):
        assert billing_rows(database)[table] == original[table]


def _redeclared(database: BillingDatabase, table: str, columns: tuple[str, ...], declared: str) -> list[str]:
    """Declare a table's money otherwise; return the statements that add a row of tenant 1 with one such amount."""
    with database.snapshot() as connection:
        made = connection.exec_driver_sql(f"SELECT sql FROM sqlite_master WHERE name = '{table}'").scalar_one()
    for column in columns:
        made = made.replace(f"{column} NUMERIC(14, 2)", f"{column} {declared}")
    names = ", ".join(column.key for column in SCHEMA.table(table).c)
    write(
        database,
        f"ALTER TABLE {table} RENAME TO before",
        made,
        f"INSERT INTO {table} ({names}) SELECT {names} FROM before",
        "DROP TABLE before",
    )
    return [
        f"INSERT INTO {table} (id, tenant_id, {', '.join(columns)}) VALUES (?1, 1, {', '.join(['?2'] * len(columns))})"
    ]


# Several runs


def three_runs(database: BillingDatabase) -> list[dict[str, Any]]:
    """Migrate three times, others writing in between; return the billing tables as each run found them."""
    found = []
    for number, run_id in enumerate(("a1-first", "b2-second", "b3-third")):
        write(
            database,
            f"UPDATE invoice_bills SET amount = amount + {number} WHERE invoice_id = 11",
            f"INSERT INTO payments (id, tenant_id, customer_id, amount) VALUES ({100 + number}, 1, 1, 2)",
        )
        found.append(billing_rows(database))
        migrate(database, 1, run_id=run_id)
    return found


@pytest.mark.slow
@pytest.mark.by_default("sqlite")
@pytest.mark.parametrize("named", ["b2", pytest.param("b2-second", marks=pytest.mark.slow)])
def test_a_rollback_to_before_a_run_undoes_it_and_all_later_ones(billing_url: str, named: str) -> None:
    database = start_over(billing_url, SCHEMA, owing_20())
    first, second, _ = three_runs(database)

    done = undo(database, before=named)

    assert [one.made.run_id for one in done.steps] == ["b3-third"] * 3 + ["b2-second"] * 3
    assert [one.made.step for one in done.steps] == ["meter_balances", "invoice_amounts", "payment_meter_ids"] * 2
    assert done.skipped == 0
    now = billing_rows(database)
    assert {name: now[name] for name in ("meters", "invoices", "customers")} == {
        name: second[name] for name in ("meters", "invoices", "customers")
    }
    assert [row_of(database, "payments", 100 + number)["meter_id"] for number in range(3)] == [1, None, None]
    assert backed_up(database) != []

    assert {one.made.run_id for one in undo(database, "undo the rest").steps} == {"a1-first"}
    original = start_over(billing_url, SCHEMA, owing_20())
    meters, invoices = billing_rows(original)["meters"], billing_rows(original)["invoices"]
    assert (first["meters"], first["invoices"]) == (meters, invoices)


RUNS = 6


@pytest.mark.slow
@pytest.mark.by_default("sqlite")
def test_many_runs_are_undone_as_foreseen(billing_url: str) -> None:
    """A dry run asks no larger question for the tenth run than for the first."""
    database = start_over(billing_url, SCHEMA, owing_20())
    original = {table: billing_rows(database)[table] for table in ("meters", "invoices", "customers")}
    for number in range(RUNS):
        write(database, "UPDATE invoice_bills SET amount = amount + 1 WHERE id = 110")
        migrate(database, 1, run_id=f"run {number}")
    done = undo(database)
    assert restored_and_left_alone(done) == (1 + 1 + RUNS + RUNS, 0)
    assert {table: billing_rows(database)[table] for table in original} == original
    assert undo(database, "once more").steps == []


@pytest.mark.slow
@pytest.mark.by_default("sqlite")
def test_a_row_changed_since_a_later_run_keeps_what_older_runs_wrote_too(billing_url: str) -> None:
    database = start_over(billing_url, SCHEMA, owing_20())
    three_runs(database)
    write(database, "UPDATE meters SET overpayment = 77 WHERE id = 1")
    as_changed = row_of(database, "meters", 1)

    done = undo(database)

    assert row_of(database, "meters", 1) == as_changed
    by_run = {run: why for run, step, why in reasons(done) if step == "meter_balances"}
    kept = {"later_change_kept": 1}
    assert by_run == {"b3-third": {"changed_since": 1}, "b2-second": kept, "a1-first": kept}
    assert done.skipped == 1
    [listed] = done.steps[0].report.skipped
    assert (listed["id"], listed["why"]) == ("1", "changed_since")
    assert Decimal(listed["expected_overpayment"]) == 0
    assert Decimal(listed["found_overpayment"]) == 77
    assert {step for _, step, why in reasons(done) if not why} == set(MIGRATION) - {"meter_balances"}

    write(database, "UPDATE meters SET overpayment = 0 WHERE id = 1")
    again = undo(database, "after it was set right")
    assert restored_and_left_alone(again) == (3, 0)
    assert row_of(database, "meters", 1)["balance"] == 0


@pytest.mark.slow
def test_a_row_deleted_since_is_listed_and_one_changed_and_changed_back_is_restored(billing_url: str) -> None:
    database = start_over(billing_url, SCHEMA, ledger([], [payment(n, "1.00") for n in (1, 2, 3)]))
    migrate(database, 1, steps=["payment_meter_ids"])
    write(
        database,
        "DELETE FROM payments WHERE id = 11",
        "UPDATE payments SET meter_id = NULL WHERE id = 12",
        "UPDATE payments SET meter_id = 1 WHERE id = 12",
        "UPDATE payments SET status = 'checked' WHERE id = 13",
    )
    [undone, _] = undo(database).steps
    assert (undone.report.changed, undone.skipped) == (2, 1)
    assert undone.report.skipped == [
        {"id": "11", "why": "row_gone", "expected_meter_id": "1", "found_meter_id": ""},
    ]
    assert row_of(database, "payments", 13)["status"] == "checked"
    assert [row_of(database, "payments", number)["meter_id"] for number in (12, 13)] == [None, None]


NEW_PAYMENT = "INSERT INTO payments (id, tenant_id, customer_id, meter_id, amount{}) VALUES (13, 1, 1, 1, {}{})"
CREATED = "UPDATE payments SET created_at = '2024-01-31 10:00:00'"


@pytest.mark.slow
@pytest.mark.parametrize("in_batches", [False, True], ids=["whole", "in batches"])
@pytest.mark.parametrize(
    ("before", "since", "why"),
    [
        pytest.param([], [NEW_PAYMENT.format("", "5", "")], "other_row", id="another amount"),
        pytest.param(
            [], [NEW_PAYMENT.format(", paid_at", "3", ", '2024-03-01'")], "other_row", id="another time of payment"
        ),
        pytest.param([], [NEW_PAYMENT.format("", "3", "")], None, id="the same payment once more"),
        pytest.param(
            [CREATED],
            [NEW_PAYMENT.format(", created_at", "3", ", '2026-01-31 10:00:00'")],
            "other_row",
            id="created later",
        ),
        pytest.param(
            [CREATED],
            [NEW_PAYMENT.format(", created_at", "5", ", '2024-01-31 10:00:00'")],
            None,
            id="corrected, and created when it was",
        ),
    ],
)
def test_a_new_payment_with_the_id_of_a_deleted_one_keeps_its_meter(
    tmp_path: Path, before: list[str], since: list[str], why: str | None, in_batches: bool
) -> None:
    """SQLite gives the greatest id once more. With the same values, it is what it was before the migration."""
    rows = ledger([], [payment(1, "1.00"), payment(2, "2.00"), payment(3, "3.00")])
    database = start_over(f"sqlite:///{tmp_path}/billing.db", SCHEMA, rows)
    if before:
        write(database, "ALTER TABLE payments ADD COLUMN created_at DATETIME", *before)
        database = BillingDatabase(f"sqlite:///{tmp_path}/billing.db")
    migrate(database, 1, steps=["payment_meter_ids"])
    write(database, "DELETE FROM payments WHERE id = 13", *since)

    [undone, _] = undo(database, batch_size=2 if in_batches else None).steps

    meter_id = None if why is None else 1
    assert (row_of(database, "payments", 13)["meter_id"], undone.skipped) == (meter_id, 0 if why is None else 1)
    assert [(row["id"], row["why"]) for row in undone.report.skipped] == ([] if why is None else [("13", why)])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("table", "columns", "values"),
    [
        ("invoices", "meter_id, invoice_number, amount, balance_brought_forward, total_amount", "1, 'N', 100, 0, 100"),
        ("meters", "meter_number, balance, overpayment, total_billed, total_paid", "'N', 100, 0, 100, 0"),
    ],
)
def test_a_new_row_with_the_id_of_a_deleted_one_keeps_its_amounts(
    tmp_path: Path, table: str, columns: str, values: str
) -> None:
    database = start_over(f"sqlite:///{tmp_path}/billing.db", SCHEMA, ledger([invoice(1, "100.00")], []))
    migrate(database, 1)
    row_id = {"invoices": 11, "meters": 1}[table]
    before = row_of(database, table, row_id)
    write(
        database,
        f"DELETE FROM {table} WHERE id = {row_id}",
        f"INSERT INTO {table} (id, tenant_id, {columns}) VALUES ({row_id}, 1, {values})",
    )
    replaced = row_of(database, table, row_id)
    assert replaced != before
    undo(database)
    assert row_of(database, table, row_id) == replaced


@pytest.mark.slow
def test_amounts_that_differ_by_less_than_is_shown_are_listed_as_they_are_stored(tmp_path: Path) -> None:
    """SQLite keeps any fraction; the sums run over ten-thousandths."""
    database = start_over(f"sqlite:///{tmp_path}/billing.db", SCHEMA, owing_20())
    migrate(database, 1)
    write(database, "UPDATE meters SET balance = balance + 0.00004 WHERE id = 1")
    [listed] = undo(database).steps[0].report.skipped
    assert (listed["expected_balance"], listed["found_balance"]) == ("20.0", "20.00004")
    assert (listed["expected_overpayment"], listed["found_overpayment"]) == ("0.00", "0.00")


def test_a_row_that_was_given_to_another_tenant_is_left_alone(billing_url: str) -> None:
    database = start_over(billing_url, SCHEMA, owing_20())
    migrate(database, 1, steps=["payment_meter_ids"])
    write(database, "UPDATE payments SET tenant_id = 2 WHERE id = 11")
    assert reasons(undo(database)) == [("first", "payment_meter_ids", {"row_gone": 1}), ("first", BACKUP, {})]
    assert row_of(database, "payments", 11)["meter_id"] == 1


def test_rows_that_others_change_while_they_are_restored_are_not_overwritten(postgres_url: str) -> None:
    """The restoring is tried again, and then finds them changed."""
    database = start_over(postgres_url, SCHEMA, owing_20())
    migrate(database, 1)
    rounds = 0

    def commit_another_balance_once(_: Connection) -> None:
        nonlocal rounds
        rounds += 1
        if rounds == 1:
            write(BillingDatabase(postgres_url), "UPDATE meters SET balance = 5 WHERE id = 1")

    with after_journaling(database, "meter_balances", commit_another_balance_once):
        newest, *others = list(roll_back(database, tenant(1), "undo", DEFAULT))
    database.release()
    assert (rounds, newest.report.changed, newest.skipped) == (2, 0, 1)
    assert [one.skipped for one in others] == [0, 0, 0]
    assert row_of(database, "meters", 1)["balance"] == 5


# Where what was journaled is not there any more

LOST = {
    "a row": ("payment_meter_ids", "DELETE FROM {journal} WHERE run_id = 'a1-first' AND payment_id = 100"),
    "all rows": ("payment_meter_ids", "DELETE FROM {journal}"),
    "a table": ("payment_meter_ids", "DROP TABLE {journal}"),
    "a table, made again": (
        "meter_balances",
        "CREATE TABLE again AS SELECT * FROM {journal} WHERE rule = ''",
        "DROP TABLE {journal}",
        "ALTER TABLE again RENAME TO {journal}",
    ),
    "a row of the backup": (BACKUP, f"DELETE FROM {BACKUP}"),
    "the journal of the backup": (BACKUP, "DROP TABLE {journal}"),
    "what was restored": ("meter_balances", "DELETE FROM {journal} WHERE run_id = 'undo'"),
}


@pytest.mark.slow
def test_where_journaled_rows_are_lost_nothing_is_undone_that_would_need_them(tmp_path: Path) -> None:
    """Not even the steps that could be undone; nor is a table made in place of the one that is lost."""
    file, kept = tmp_path / "billing.db", tmp_path / "kept.db"
    database = start_over(f"sqlite:///{file}", SCHEMA, owing_20())
    three_runs(database)
    undo(database, before="b3")
    shutil.copyfile(file, kept)
    for what, (step, *statements) in LOST.items():
        shutil.copyfile(kept, file)
        write(database, *(one.format(journal=STEPS[step].journal) for one in statements))
        left = everything(database)
        with pytest.raises(JournalIncomplete, match="nothing was undone: the table .* Restore the table or its rows"):
            preview_rollback(database, tenant(1))
        with pytest.raises(JournalIncomplete):
            list(roll_back(database, tenant(1), "undo the rest", DEFAULT))
        database.release()
        assert everything(database) == left, what


@pytest.mark.slow
def test_runs_after_the_one_whose_rows_are_lost_can_be_undone(tmp_path: Path) -> None:
    database = start_over(f"sqlite:///{tmp_path}/billing.db", SCHEMA, owing_20())
    three_runs(database)
    write(database, f"DELETE FROM {STEPS['meter_balances'].journal} WHERE run_id = 'b2-second'")
    assert {one.made.run_id for one in undo(database, before="b3").steps} == {"b3-third"}
    with pytest.raises(JournalIncomplete, match=r"has 0 of the 1 rows that meter_balances of run b2-second recorded"):
        preview_rollback(database, tenant(1), "a1")


# The backup, and customers' balances


def sync_customer_balances(database: BillingDatabase, run_id: str = "sync") -> None:
    migrate(database, 1, run_id=run_id, steps=["customer_balances"])


@pytest.mark.slow
def test_customers_come_back_as_backed_up_and_the_next_migration_backs_up_anew(billing_url: str) -> None:
    database = start_over(billing_url, SCHEMA, owing_20())
    customers = billing_rows(database)["customers"]
    migrate(database, 1)
    sync_customer_balances(database)
    assert row_of(database, "customers", 1)["balance"] == Decimal("20.00")
    backup = backed_up(database)

    undo(database)

    assert billing_rows(database)["customers"] == customers
    assert row_of(database, "customers", 1)["balance"] == backup[0]["balance"] == Decimal("7.00")
    assert backed_up(database) == []
    retired = f"SELECT run_id, customer_id, balance_before FROM {STEPS[BACKUP].journal}"
    with database.snapshot() as connection:
        assert [(*row[:2], Decimal(row[2])) for row in connection.execute(text(retired))] == [("undo", 1, 7)]

    write(database, "UPDATE customers SET balance = 8 WHERE id = 1")
    migrate(database, 1, run_id="again")
    assert [row["balance"] for row in backed_up(database)] == [Decimal("8.00")]


@pytest.mark.slow
def test_the_backup_of_a_customer_whose_balance_was_changed_since_is_kept(billing_url: str) -> None:
    """Its balance is not as backed up, so that the backup still says what it was."""
    database = start_over(billing_url, SCHEMA, owing_20())
    migrate(database, 1)
    sync_customer_balances(database)
    write(database, "UPDATE customers SET balance = 21 WHERE id = 1")
    done = undo(database)
    why = {step: reason for _, step, reason in reasons(done)}
    assert why["customer_balances"] == {"changed_since": 1}
    assert why[BACKUP] == {"later_change_kept": 1}
    assert [row["balance"] for row in backed_up(database)] == [Decimal("7.00")]


@pytest.mark.slow
def test_backups_of_several_runs_are_retired_with_their_runs(billing_url: str) -> None:
    database = start_over(billing_url, SCHEMA, owing_20())
    migrate(database, 1, run_id="first")
    newcomer = "INSERT INTO customers (id, tenant_id, name, balance, overpayment) VALUES (3, 1, 'Newcomer', 5, 0)"
    write(database, newcomer)
    migrate(database, 1, run_id="second")
    undo(database, before="second")
    assert [row["customer_id"] for row in backed_up(database)] == [1]
    migrate(database, 1, run_id="third")
    assert [row["customer_id"] for row in backed_up(database)] == [1, 3]
    undo(database, "undo all")
    assert backed_up(database) == []


@pytest.mark.slow
def test_a_run_is_named_by_its_whole_id_where_others_begin_with_it(billing_url: str) -> None:
    database = start_over(billing_url, SCHEMA, owing_20())
    migrate(database, 1, run_id="run")
    write(database, "UPDATE invoice_bills SET amount = amount + 1 WHERE id = 110")
    migrate(database, 1, run_id="run-2")
    with pytest.raises(UnknownRun, match="Several runs of tenant 1 start with ru: run, run-2"):
        preview_rollback(database, tenant(1), "ru")
    assert {one.made.run_id for one in undo(database, before="run").steps} == {"run", "run-2"}


# Through the command line


@pytest.fixture(scope="module")
def migrated_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a SQLite database of three small, clean tenants, of which one was migrated, to be copied."""
    folder = tmp_path_factory.mktemp("migrated")
    with pytest.MonkeyPatch.context() as monkeypatch:
        _migrated(_sqlite_in(folder), folder, monkeypatch)
    return folder


@pytest.fixture
def one_shell(migrated_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """The command line on a copy of that folder, for what is between the command line and Dagster."""
    folder = tmp_path / "workplace"
    shutil.copytree(migrated_folder, folder)
    return command_line_in(folder, _sqlite_in(folder), monkeypatch)


@pytest.fixture
def shell(
    engine_name: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> CommandLine:
    """The same on each engine in turn."""
    if engine_name == "sqlite":
        return request.getfixturevalue("one_shell")  # type: ignore[no-any-return]
    return _migrated(request.getfixturevalue("postgres_url"), tmp_path, monkeypatch)


def _sqlite_in(folder: Path) -> str:
    (folder / "billing.db").touch()
    return f"sqlite:///{folder}/billing.db"


def _migrated(url: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    make_small_tenants(url)
    shell = command_line_in(folder, url, monkeypatch)
    assert shell("migrate-meter-financials", "--yes", "--tenant", HEALTHY).status == 0
    return shell


@pytest.mark.slow
def test_of_10_000_rows_100_changed_since_9_900_are_restored_and_100_listed(
    billing_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = ledger([], [])
    spare = {**rows["meters"][0], "id": 3, "meter_number": "M-3"}
    payments = [{"id": n, "tenant_id": 1, "customer_id": 1, "amount": Decimal(1)} for n in range(1, 10_001)]
    rows |= {"meters": [*rows["meters"], spare], "payments": payments}
    start_over(billing_url, SCHEMA, rows)
    shell = command_line_in(tmp_path, billing_url, monkeypatch)
    assert shell("backfill-payment-meter-ids", "--yes", "--tenant", "1").status == 0
    assert shell.rows(f"SELECT count(*) FROM {STEPS['payment_meter_ids'].journal}") == [(10_000,)]
    changed = [100 * number for number in range(1, 101)]
    shell.change(f"UPDATE payments SET meter_id = 3 WHERE id IN ({', '.join(map(str, changed))})")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("meter_assets.migration.step_report.LISTED_ROWS", 90)
        dry = shell("rollback", "--dry-run", "--tenant", "1", "--export", "rows")
    assert "The first 90; 10 more. A dry run writes all of them to CSV files" in dry.words

    ended = shell("rollback", "--yes", "--tenant", "1")

    assert ended.status == 1
    assert "9,901 rows restored, 100 skipped" in ended.words, "and the backup of the customer"
    listed = [line.split() for line in ended.printed.splitlines() if "changed_since" in line]
    assert listed == [[str(number), "changed_since", "1", "3"] for number in changed]
    assert "expected_meter_id found_meter_id" in ended.words
    restored, skipped = (_exported(path) for path in sorted(Path("rows/1").glob("*payment_meter_ids*")))
    seen = ("id", "why", "expected_meter_id", "found_meter_id")
    assert [[row[name] for name in seen] for row in skipped] == listed
    assert all(row["meter_number"] and row["customer_name"] for row in (*restored, *skipped))
    assert [int(row["id"]) for row in restored] == [number for number in range(1, 10_001) if number not in changed]
    assert {(row["meter_id_before"], row["meter_id_after"]) for row in restored} == {("1", "")}
    assert shell.rows("SELECT count(*) FROM payments WHERE meter_id IS NULL") == [(9_900,)]
    assert shell.rows("SELECT id FROM payments WHERE meter_id = 3 ORDER BY id") == [(number,) for number in changed]


def _exported(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
@pytest.mark.by_default("postgresql")
def test_a_dry_run_shows_what_the_rollback_then_does_and_leaves_every_byte(shell: CommandLine) -> None:
    shell.change("UPDATE meters SET balance = 123.45 WHERE id = (SELECT min(id) FROM meters WHERE tenant_id = 1)")
    before = everything(shell.database)
    dry = shell("rollback", "--dry-run", "--tenant", HEALTHY)
    assert everything(shell.database) == before
    live = shell("rollback", "--yes", "--tenant", HEALTHY)
    assert (dry.status, live.status) == (1, 1)
    assert "123.45" in dry.words
    undone = dry.words[dry.words.index("Steps undone, newest first") : dry.words.index("meter_balances: changed since")]
    assert {"meter_balances", "payment_meter_ids", BACKUP} <= set(undone.split())
    assert undone in live.words
    assert "1 skipped. Nothing was written." in dry.words
    assert "1 skipped. In the Dagster UI the tenants' partitions are no longer materialized" in live.words


def test_a_role_that_may_only_read_can_do_a_dry_run_and_nothing_else(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = _migrated(postgres_url, tmp_path, monkeypatch)
    role = f"reader_{postgres_url.rsplit('/', 1)[1]}"
    owner.change(f"CREATE ROLE {role} LOGIN", f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}")
    reader = CommandLine(tmp_path, make_url(postgres_url).set(username=role).render_as_string(hide_password=False))
    before = everything(owner.database)
    try:
        dry = reader("rollback", "--dry-run", "--tenant", HEALTHY)
        refused = reader("rollback", "--yes", "--tenant", HEALTHY)
        assert everything(owner.database) == before
        _assert_that_what_is_missing_is_named(owner, reader, role)
        _assert_that_a_refusal_in_mid_run_is_no_refusal_to_begin(owner, reader)
    finally:
        owner.change(f"DROP OWNED BY {role}", f"DROP ROLE {role}")
    assert (dry.status, "0 skipped. Nothing was written." in dry.words) == (0, True)
    assert refused.status == 2
    assert f"role {role} may not update payments.meter_id" in refused.words


def _assert_that_what_is_missing_is_named(owner: CommandLine, role_of: CommandLine, role: str) -> None:
    """Before a rollback begins, and not where its step comes to it."""
    owner.change(owner("grants", "rollback", role).printed.replace("%", "%%"))
    owner.change(f"REVOKE DELETE ON {BACKUP} FROM {role}", f"REVOKE INSERT ON {OUTCOMES} FROM {role}")
    ended = role_of("rollback", "--yes", "--tenant", HEALTHY)
    assert ended.status == 2
    assert f"role {role} may not insert into {OUTCOMES}; role {role} may not delete from {BACKUP}. Noth" in ended.words
    owner.change(f"GRANT DELETE ON {BACKUP} TO {role}", f"GRANT INSERT ON {OUTCOMES} TO {role}")


def _assert_that_a_refusal_in_mid_run_is_no_refusal_to_begin(owner: CommandLine, role_of: CommandLine) -> None:
    owner.change(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'permission denied' USING ERRCODE = 'insufficient_privilege'; END $$",
        "CREATE TRIGGER refuse BEFORE UPDATE ON payments EXECUTE FUNCTION refuse()",
    )
    ended = role_of("rollback", "--yes", "--tenant", HEALTHY)
    assert ended.status == 1
    assert "payment_meter_ids of tenant 1 was rolled back: permission denied" in ended.words
    assert "Give the role that right: 'meter-assets grants rollback ROLE' prints what it needs" in ended.words
    assert "Nothing was changed" not in ended.words
    assert "\n0 rows restored" not in ended.printed


def _run_ids(shell: CommandLine, where: str) -> list[str]:
    return [row[0] for row in shell.rows(f"SELECT DISTINCT run_id FROM meter_migration_runs WHERE {where}")]


@pytest.mark.slow
def test_what_cannot_be_rolled_back_to_gets_one_sentence_and_status_2(one_shell: CommandLine) -> None:
    [migration] = _run_ids(one_shell, "undoes IS NULL")
    one_shell.change(*(f"UPDATE {name} SET run_id = 'one-{migration}'" for name in ("meter_migration_runs", BACKUP)))
    reseal(one_shell.database)
    assert one_shell("rollback", "--yes", "--tenant", HEALTHY, "--run", "one-").status == 0
    [undoing] = _run_ids(one_shell, "undoes IS NOT NULL")
    migrated = one_shell("migrate-meter-financials", "--yes", "--tenant", HEALTHY, "--tenant", ALSO_HEALTHY)
    assert migrated.status == 0
    one_shell.change(
        "UPDATE meter_migration_runs SET run_id = 'one-of-tenant-2' WHERE tenant_id = 2",
        "INSERT INTO meter_migration_runs (run_id, tenant_id, step, started_at, outcome, policy, software_version) "
        "SELECT 'of-a-tenant-that-left', 9, step, started_at, outcome, policy, software_version "
        "FROM meter_migration_runs WHERE id = 1",
        f"UPDATE meter_migration_runs SET run_id = 'only-' || run_id WHERE tenant_id = 1 AND run_id = '{undoing}'",
    )
    reseal(one_shell.database)
    before = everything(one_shell.database)
    cases = {
        ("--run", "nowhere"): "No tenant has a run nowhere.",
        ("--run", "nowhere", "--tenant", "1"): "Tenant 1 has no run nowhere; its runs are, newest first:",
        ("--run", "nowhere", "--tenant", "3"): "Tenant 3 has no run nowhere; it has no runs.",
        ("--run", "one-", "--tenant", "3"): "Tenant 3 has no run one-; it has no runs.",
        ("--run", "one-"): f"Several runs start with one-: one-{migration}, one-of-tenant-2. Name one of them.",
        ("--run", "o", "--tenant", "1"): "Several runs of tenant 1 start with o:",
        ("--run", "only-", "--tenant", "1"): f"Run only-{undoing} of tenant 1 is itself a rollback.",
        ("--run", "", "--tenant", "2"): "Tenant 2 has no run",
        ("--run", "of-a-tenant-that-left"): "Run of-a-tenant-that-left is of tenant 9, which is no longer in the table",
        ("--export", "rows"): "--export requires --dry-run",
        (): "It asks first, but standard input is not a terminal. Nothing was written.",
    }
    for arguments, expected in cases.items():
        ended = one_shell("rollback", *arguments, *(["--yes"] if arguments else []))
        assert ended.status == 2, ended.printed
        assert expected in ended.words
        assert len([line for line in ended.printed.splitlines() if line.startswith("Error: ")]) == 1
        assert "Traceback" not in ended.printed
    assert everything(one_shell.database) == before


@pytest.mark.slow
@pytest.mark.parametrize(("answer", "restores"), [("y\n", True), ("n\n", False)])
def test_a_rollback_asks_who_sits_at_a_terminal(
    one_shell: CommandLine, monkeypatch: pytest.MonkeyPatch, answer: str, restores: bool
) -> None:
    monkeypatch.setattr("click.testing._NamedTextIOWrapper.isatty", lambda self: True, raising=False)
    before = everything(one_shell.database)
    ended = one_shell("rollback", "--tenant", HEALTHY, input=answer)
    assert "oll back tenant 1" in ended.words
    assert "Every change is journaled" in ended.words
    assert (everything(one_shell.database) != before) == restores
    assert ended.status == (0 if restores else 1)


@pytest.mark.slow
def test_where_nothing_was_run_there_is_nothing_to_roll_back(
    billing_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_small_tenants(billing_url)
    shell = command_line_in(tmp_path, billing_url, monkeypatch)
    before = everything(shell.database)
    ended = shell("rollback", "--tenant", HEALTHY)
    assert ended.status == 0
    assert "Nothing to roll back" in ended.words
    assert everything(shell.database) == before


@pytest.mark.slow
def test_a_rollback_is_in_the_history_and_a_second_one_has_nothing_to_do(one_shell: CommandLine) -> None:
    [migration] = _run_ids(one_shell, "undoes IS NULL")
    assert one_shell("rollback", "--yes", "--tenant", HEALTHY).status == 0
    [undoing] = _run_ids(one_shell, "undoes IS NOT NULL")
    newest, oldest = json.loads(one_shell("history", "--json", "--tenant", HEALTHY).printed)["runs"]
    assert (newest["run_id"], newest["undoes_run_ids"], oldest["run_id"]) == (undoing, [migration], migration)
    assert {step["undoes_run_id"] for step in newest["steps"]} == {migration}
    assert len(newest["steps"]) >= 3
    assert {step["step"] for step in newest["steps"]} <= set(MIGRATION)
    assert f"rollback of {migration[:8]} succeeded" in one_shell("history", "--tenant", HEALTHY).words

    before = everything(one_shell.database)
    again = one_shell("rollback", "--yes", "--tenant", HEALTHY)
    assert (again.status, "Nothing to roll back" in again.words) == (0, True)
    assert "no longer materialized" not in again.words
    assert everything(one_shell.database) == before


@pytest.mark.slow
def test_a_run_rolled_back_without_naming_tenants_is_that_of_its_tenant_alone(one_shell: CommandLine) -> None:
    assert one_shell("migrate-meter-financials", "--yes", "--tenant", ALSO_HEALTHY).status == 0
    others = everything(one_shell.database, but_not_of=int(ALSO_HEALTHY))
    [run] = _run_ids(one_shell, f"tenant_id = {ALSO_HEALTHY}")
    assert one_shell("rollback", "--yes", "--run", run[:13]).status == 0
    assert everything(one_shell.database, but_not_of=int(ALSO_HEALTHY)) == others
    assert one_shell.rows(f"SELECT count(*) FROM {BACKUP} WHERE tenant_id = {ALSO_HEALTHY}") == [(0,)]


@pytest.mark.slow
def test_a_tenant_whose_journal_is_not_whole_fails_and_others_are_rolled_back(one_shell: CommandLine) -> None:
    assert one_shell("migrate-meter-financials", "--yes", "--tenant", ALSO_HEALTHY).status == 0
    one_shell.change(f"DELETE FROM {STEPS['meter_balances'].journal} WHERE tenant_id = {HEALTHY}")
    meters = f"SELECT * FROM meters WHERE tenant_id = {HEALTHY}"
    before = one_shell.rows(meters)
    ended = one_shell("rollback", "--yes", "--tenant", HEALTHY, "--tenant", ALSO_HEALTHY)
    assert ended.status == 1
    assert "Tenant 1 cannot be rolled back so far, and nothing was undone: the table meter_migration_" in ended.words
    assert "Examine these tenants: 1." in ended.words
    assert one_shell.rows(meters) == before
    assert one_shell.rows(f"SELECT count(*) FROM {BACKUP} WHERE tenant_id = {ALSO_HEALTHY}") == [(0,)]


def refuse_updates_of(shell: CommandLine, table: str) -> None:
    shell.change(
        f"CREATE TRIGGER refuse BEFORE UPDATE ON {table} FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'refused'); END"
    )


@pytest.mark.slow
def test_where_a_step_fails_what_was_undone_before_it_is_shown_and_counted(one_shell: CommandLine) -> None:
    refuse_updates_of(one_shell, "payments")
    ended = one_shell("rollback", "--yes", "--tenant", HEALTHY)
    assert ended.status == 1
    assert "the rollback of payment_meter_ids of tenant 1 was rolled back: refused" in ended.words
    undone = one_shell.rows(f"SELECT step, coalesce(rows_changed, 0) FROM {STEP_RUNS} WHERE undoes IS NOT NULL")
    assert [rows > 0 for step, rows in undone] == [True, False]
    assert f" {undone[0][1]} rows restored, 0 skipped. In the Dagster UI" in ended.words
    shown = ended.words[ended.words.index("Steps undone") : ended.words.index("was rolled back")]
    assert [step for step in MIGRATION if re.search(f" {step} [0-9a-f]{{8}} 20", shown)] == [undone[0][0]]


# Through the job, and what Dagster then says of the tenant


@pytest.fixture(params=["files", pytest.param("postgresql", marks=[pytest.mark.server, pytest.mark.thorough])])
def dagster_storage(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each storage of Dagster in turn."""
    if request.param == "postgresql":
        monkeypatch.setenv(POSTGRES_URL_VARIABLE, request.getfixturevalue("postgres_url"))
    else:
        monkeypatch.delenv(POSTGRES_URL_VARIABLE, raising=False)
    return str(request.param)


def launch(shell: CommandLine, job: str, key: str, config: dict[str, Any] | None = None) -> TenantRun:
    """Launch a job for a tenant, as its run config in the launchpad says."""
    given = {"dry_run": False, "confirm_tenant": key, **(config or {})} if job == ROLLBACK else None
    wanted = Launch(job, config={"ops": {"undo_steps": {"config": given}}} if given else {})
    with pytest.MonkeyPatch.context() as patch, shell.instance() as instance:
        patch.setenv("METER_ASSETS_DATABASE_URL", shell.url)
        return run_tenant(instance, build_definitions(), wanted, tenant(int(key)))


PARTITIONS_AS_THE_UI_ASKS = """{
  assetNodes {
    assetKey { path }
    assetPartitionStatuses { ... on DefaultPartitionStatuses { materializedPartitions } }
    assetChecksOrError { ... on AssetChecks { checks {
      partitionStatuses { ... on AssetCheckDefaultPartitionStatuses { succeededPartitions failedPartitions } }
    } } }
  }
}"""


@dataclass(frozen=True)
class Shown:
    """What the UI shows of partitions, by asset: those materialized, and those of which a check has a result."""

    materialized: dict[str, set[str]]
    checked: dict[str, set[str]]


def shown_by_the_ui(shell: CommandLine) -> Shown:
    target = LoadableTargetOrigin(module_name="meter_assets.definitions", executable_path=sys.executable)
    workspace = InProcessWorkspaceLoadTarget(InProcessCodeLocationOrigin(target, location_name="meter_assets"))
    with (
        shell.instance() as instance,
        WorkspaceProcessContext(instance, workspace) as process,
        partition_loading_context(dynamic_partitions_store=instance),
    ):
        context = process.create_request_context()
        answer = asyncio.run(create_schema().execute_async(PARTITIONS_AS_THE_UI_ASKS, context_value=context))
    assert not answer.errors
    materialized, checked = {}, {}
    for node in answer.data["assetNodes"]:
        [name] = node["assetKey"]["path"]
        if name in MIGRATION:
            materialized[name] = set(node["assetPartitionStatuses"]["materializedPartitions"])
            statuses = [check["partitionStatuses"].values() for check in node["assetChecksOrError"]["checks"]]
            checked[name] = {key for found in statuses for keys in found for key in keys}
    return Shown(materialized, checked)


def of_every_step(keys: set[str]) -> Shown:
    return Shown(dict.fromkeys(MIGRATION, keys), dict.fromkeys(MIGRATION, keys))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Property `ScheduleDefinition.environment_vars`:DeprecationWarning")  # Dagster's own
def test_after_a_rollback_dagster_shows_the_tenant_as_not_materialized_and_others_as_they_were(
    dagster_storage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell = _migrated(_sqlite_in(tmp_path), tmp_path, monkeypatch)
    migrate_too = ("migrate-meter-financials", "--yes", "--tenant")
    assert shell(*migrate_too, ALSO_HEALTHY).status == 0
    both, only_the_other = of_every_step({HEALTHY, ALSO_HEALTHY}), of_every_step({ALSO_HEALTHY})
    assert shown_by_the_ui(shell) == both

    dry = launch(shell, ROLLBACK, HEALTHY, {"dry_run": True})
    assert dry.succeeded
    with shell.instance() as instance:
        [told] = [
            entry.get_dagster_event().step_output_data.metadata
            for entry in instance.all_logs(dry.run_id, of_type=dg.DagsterEventType.STEP_OUTPUT)
        ]
    assert told["dry_run"].value == "Nothing was written."
    assert dry.rollback is not None
    assert told["rows_that_would_be_restored"].value == dry.rollback.restored > 0
    assert "rows_restored" not in told
    [migration] = _run_ids(shell, f"tenant_id = {HEALTHY}")
    for refused in ({"before_run": "nowhere"}, {"batch_size": 0}, {"export_dir": "rows"}):
        assert launch(shell, ROLLBACK, HEALTHY, refused).exit_status == 1
    refuse_updates_of(shell, "meters")
    assert not launch(shell, ROLLBACK, HEALTHY).succeeded
    shell.change("DROP TRIGGER refuse")
    assert shown_by_the_ui(shell) == both, "nothing was undone, and nothing is forgotten"

    undone = launch(shell, ROLLBACK, HEALTHY, {"before_run": migration[:20], "batch_size": 2})
    assert (undone.succeeded, undone.errors) == (True, [])
    assert undone.rollback is not None
    assert shown_by_the_ui(shell) == only_the_other
    _assert_the_events_are_still_there(shell, undone)

    assert shell(*migrate_too, HEALTHY).status == 0
    assert shown_by_the_ui(shell) == both


@pytest.mark.slow
def test_a_rollback_that_is_killed_leaves_no_claim_of_what_is_undone_and_is_finished_by_the_same(
    one_shell: CommandLine,
) -> None:
    shell = CommandLine(one_shell.folder, one_shell.url, {"PYTHONPATH": str(PROJECT)})
    arguments = ("rollback", "--yes", "--tenant", HEALTHY)
    for point, undone in (
        (
            f"{BEFORE} INSERT INTO {STEPS['payment_meter_ids'].journal}",
            ["meter_balances"],
        ),  # right after the first commit
        (FORGETTING, ["meter_balances"]),  # right before the second
    ):
        status, printed = struck(shell, Kind.KILLED, point, *arguments)
        assert status == -signal.SIGKILL, printed
        with shell.instance() as instance:
            claimed = [instance.get_materialized_partitions(dg.AssetKey(step)) for step in MIGRATION]
        assert all(HEALTHY not in keys for keys in claimed)
        in_force = f"SELECT step FROM {STEP_RUNS} WHERE undoes IS NOT NULL AND outcome = 'succeeded'"
        assert [step for (step,) in shell.rows(in_force)] == undone
    assert shell(*arguments).status == 0
    assert shell.rows(f"SELECT count(*) FROM {BACKUP}") == [(0,)]
    assert preview_rollback(shell.database, tenant(1)).steps == []


def _assert_the_events_are_still_there(shell: CommandLine, undone: TenantRun) -> None:
    """What was materialized stays among the asset's events, followed by what was restored."""
    assert undone.rollback is not None
    for one in undone.rollback.steps:
        key = dg.AssetKey(one.made.step)
        with shell.instance() as instance:
            events = instance.fetch_materializations(key, limit=10).records
            observations = instance.fetch_observations(key, limit=10).records
        assert {event.event_log_entry.run_id for event in events} >= {one.made.run_id}
        [observation] = [found.asset_observation for found in observations]
        assert observation is not None
        assert observation.partition == HEALTHY
        assert observation.metadata["rows_restored"].value == one.report.changed
        assert observation.metadata["rolled_back_run"].value == one.made.run_id


@pytest.mark.slow
def test_the_job_fails_with_a_sentence_where_rows_were_left_alone(one_shell: CommandLine) -> None:
    one_shell.change("UPDATE meters SET balance = 123.45 WHERE id = (SELECT min(id) FROM meters WHERE tenant_id = 1)")
    undone = launch(one_shell, ROLLBACK, HEALTHY)
    assert not undone.succeeded
    assert undone.rollback is not None
    assert undone.rollback.skipped == 1
    [said] = undone.errors
    assert f"{undone.rollback.restored:,} rows of tenant 1 were restored; 1 were skipped" in said


@pytest.mark.slow
def test_the_job_launched_without_a_tenant_says_so(one_shell: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METER_ASSETS_DATABASE_URL", one_shell.url)
    job = build_definitions().resolve_job_def(ROLLBACK)
    before = everything(one_shell.database)
    with one_shell.instance() as instance:
        result = job.execute_in_process(instance=instance, raise_on_error=False)
    [failure] = [event.step_failure_data for event in result.all_events if event.is_step_failure]
    assert failure.user_failure_data is not None
    said = str(failure.user_failure_data.description)
    assert "The job rollback_meter_financials was launched without a tenant" in said
    assert "pick the tenant as partition" in said
    assert everything(one_shell.database) == before


@pytest.mark.slow
@pytest.mark.by_default("sqlite")
def test_after_sync_customer_balances_the_rollback_brings_customers_back_as_backed_up(shell: CommandLine) -> None:
    backup = f"SELECT customer_id, balance, overpayment FROM {BACKUP} WHERE tenant_id = 1 ORDER BY 1"
    customers = "SELECT id, balance, overpayment FROM customers WHERE tenant_id = 1 ORDER BY 1"
    backed_up_before = shell.rows(backup)
    shell.change("UPDATE invoice_bills SET amount = amount + 1 WHERE tenant_id = 1")
    assert shell("migrate-meter-financials", "--yes", "--tenant", HEALTHY).status == 0
    assert launch(shell, "sync_customer_balances", HEALTHY).succeeded
    assert shell.rows(customers) != backed_up_before
    assert shell("rollback", "--yes", "--tenant", HEALTHY).status == 0
    assert shell.rows(customers) == backed_up_before
    assert shell.rows(backup) == []
