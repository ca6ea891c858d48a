"""A step in batches: the same as in one transaction, but in ranges that are committed one by one.

What the rules decide is in `test_rules`, what a step in one transaction does in `test_apply`; real traffic of others
is in `test_live_traffic`.
"""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from math import ceil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, event, literal, make_url, select, text

from meter_assets.apply import run_step
from meter_assets.batches import ROUNDS, ROUNDS_WITHOUT_WAITING
from meter_assets.changes import CHANGES, MIGRATION, Change
from meter_assets.database import BillingDatabase
from meter_assets.definitions import build_definitions
from meter_assets.errors import (
    BlockedByInvariants,
    ColumnTooSmall,
    RowsKeepChanging,
    StepError,
    StepInvariantBroken,
    StoppedInBatches,
    TenantLocked,
    TenantLost,
)
from meter_assets.history import (
    BATCHES_KEPT,
    FAILED,
    INTERRUPTED,
    PARTIAL,
    SUCCEEDED,
    RecordedStep,
    StepRun,
    recorded_steps,
    tenants_with,
)
from meter_assets.policy import Policy
from meter_assets.relations import BillingRelations
from meter_assets.report import StepReport, Tally
from meter_assets.rollback import UndoneStep, roll_back
from meter_assets.runs import Launch, run_tenant
from meter_assets.schema import BACKUP, BillingSchema, billing_tables
from tests import oracle
from tests.command_line import HEALTHY, CommandLine, make_small_tenants
from tests.databases import comparable, journal_of, migrate, read, start_over, statements, tenant
from tests.oracle import ChangedRow, Database
from tests.strategies import billing_databases, policies, valid_billing_databases
from tests.test_apply import SHAPES, after_journaling, everything, invoice, ledger, owing_20, payment, row_of

SCHEMA = billing_tables()
DEFAULT = Policy.from_values({})
ON_A_FOURTH = settings(max_examples=settings().max_examples // 4)  # of the profile's: each is whole migrations
ON_A_FIFTH = settings(max_examples=settings().max_examples // 5)
PLANNED = "CREATE TEMPORARY TABLE meter_migration_plan"
FIVE_IN_THREES = 2
FIRST_THAT_WAITS = ROUNDS_WITHOUT_WAITING + 1
SECONDS_TO_WAIT = 10


def in_batches(
    database: BillingDatabase,
    size: int,
    *steps: str,
    tenant_id: Any = 1,
    policy: Policy = DEFAULT,
    run_id: str = "first",
    allow_invalid: bool = False,
) -> dict[str, StepReport]:
    """Make these steps (all where none are named) of a tenant in batches, and let go of it."""
    of = tenant(tenant_id)
    try:
        return {
            step: run_step(database, StepRun(step, of, run_id, policy, allow_invalid, batch_size=size))
            for step in steps or MIGRATION
        }
    finally:
        database.release()


def roll_back_in_batches(database: BillingDatabase, size: int | None, run_id: str = "undo") -> list[UndoneStep]:
    """Roll tenant 1 back, and let go of it."""
    try:
        return list(roll_back(database, tenant(1), run_id, DEFAULT, batch_size=size))
    finally:
        database.release()


@contextmanager
def before_each_batch(database: BillingDatabase, do: Callable[[int, int], None]) -> Iterator[None]:
    """Do something, given the number of the plan and that of its batch, after the plan and before each batch begins."""
    plan, batch = 0, 0

    def count_plans(connection: Connection, cursor: Any, statement: str, *rest: Any) -> None:
        nonlocal plan, batch
        if statement.startswith(PLANNED):
            plan, batch = plan + 1, 0

    @contextmanager
    def watched() -> Iterator[Connection]:
        with connect() as connection, pytest.MonkeyPatch.context() as patch:
            begin = connection.begin

            def begin_later() -> Any:
                nonlocal batch
                if plan:
                    batch += 1
                    do(plan, batch)
                return begin()

            patch.setattr(connection, "begin", begin_later)
            yield connection

    connect = database.connection
    event.listen(database.engine, "before_cursor_execute", count_plans)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(database, "connection", watched)
            yield
    finally:
        event.remove(database.engine, "before_cursor_execute", count_plans)


def as_others(url: str, statement: str) -> None:
    """Change the database as others do: from a connection of their own, committed at once."""
    with BillingDatabase(url).engine.begin() as connection:
        connection.execute(text(statement))


def journals(database: BillingDatabase, run_id: str, schema: BillingSchema = SCHEMA) -> dict[str, dict[Any, Any]]:
    """What a run has journaled, by step."""
    with database.snapshot() as connection:
        return {step: journal_of(connection, schema, step, run_id) for step in MIGRATION}


def recorded(database: BillingDatabase, run_id: str) -> list[RecordedStep]:
    """What is recorded of a run, oldest step first."""
    return [step for step in recorded_steps(database, [tenant(1)]) if step.run_id == run_id]


def as_recorded(database: BillingDatabase, run_id: str) -> list[tuple[str, str, int | None]]:
    return [(step.step, step.outcome, step.rows_changed) for step in recorded(database, run_id)]


def five_payments() -> Database:
    """Tenants 1 and 2; the first has five payments without a meter, 11 to 15, and owes 30.00."""
    return ledger([invoice(1, "30.00")], [payment(number, "1.00") for number in range(1, 6)])


# The same as in one transaction


@dataclass
class Made:
    """All that a migration left behind and told."""

    rows: Database
    others: dict[str, Any]
    journals: dict[str, dict[Any, ChangedRow]]
    reports: dict[str, StepReport]
    runs: list[tuple[str, str, int | None]]
    policies: list[dict[str, Any]]


def _made(database: BillingDatabase, schema: BillingSchema, of: Any, reports: dict[str, StepReport]) -> Made:
    with database.snapshot() as connection:
        rows = comparable(read(connection, schema))
        journaled = {step: journal_of(connection, schema, step, "first") for step in MIGRATION}
        runs = connection.execute(
            text("SELECT step, outcome, rows_changed, message, policy FROM meter_migration_runs ORDER BY id")
        )
        found = [tuple(row) for row in runs]
    assert [message for *_, message, _ in found] == [None] * len(MIGRATION)
    others = everything(database, but_not_of=of)
    return Made(rows, others, journaled, reports, [row[:3] for row in found], [json.loads(row[4]) for row in found])


def _in_both_ways(
    url: str, schema: BillingSchema, rows: Database, of: Any, policy: Policy, size: int
) -> tuple[Made, Made]:
    whole = start_over(url, schema, rows)
    reports = migrate(whole, of, policy, allow_invalid=True)
    at_once = _made(whole, schema, of, reports)
    batched = start_over(url, schema, rows)
    reports = in_batches(batched, size, tenant_id=of, policy=policy, allow_invalid=True)
    return at_once, _made(batched, schema, of, reports)


@ON_A_FOURTH
@given(
    rows=st.one_of(valid_billing_databases(backups=True), billing_databases()),
    policy=policies(),
    size=st.integers(1, 5),
)
def test_in_batches_a_migration_makes_journals_and_reports_what_it_does_in_one_transaction(
    billing_url: str, rows: Database, policy: Policy, size: int
) -> None:
    expected, changes = oracle.migrated(rows, 1, policy)
    untouched = everything(start_over(billing_url, SCHEMA, rows), but_not_of=1)

    at_once, batched = _in_both_ways(billing_url, SCHEMA, rows, 1, policy, size)

    assert batched == at_once
    assert batched.rows == comparable(expected)
    assert batched.journals == {step: changes[step].rows for step in MIGRATION}
    assert {table: batched.others.get(table) for table in untouched} == untouched


@pytest.mark.by_default("postgresql")
@ON_A_FIFTH
@given(rows=billing_databases(), policy=policies(), size=st.integers(1, 5))
def test_text_ids_are_put_into_ranges_too(billing_url: str, rows: Database, policy: Policy, size: int) -> None:
    schema, reshaped, tenant_id = SHAPES["text ids"]
    at_once, batched = _in_both_ways(billing_url, schema, reshaped(rows), tenant_id, policy, size)
    assert batched == at_once


@pytest.mark.parametrize("size", [1, 2, 4, 5, 6])
def test_each_batch_is_so_many_rows_and_one_commit(billing_url: str, size: int) -> None:
    database = start_over(billing_url, SCHEMA, five_payments())
    seen: list[int] = []

    def look(plan: int, batch: int) -> None:
        with database.snapshot() as connection:
            seen.append(connection.scalar(text("SELECT count(*) FROM meter_migration_payment_meter_ids")) or 0)
            written = "SELECT count(*) FROM payments WHERE meter_id IS NOT NULL"
            assert connection.scalar(text(written)) == seen[-1]
            assert connection.scalar(text("SELECT coalesce(rows_changed, 0) FROM meter_migration_runs")) == seen[-1]

    with before_each_batch(database, look):
        in_batches(database, size, "payment_meter_ids")
    # What others see: before each batch those before it, and before what is done last all of them.
    assert seen == [min(size * batch, 5) for batch in range(ceil(5 / size) + 1)]


# Laws and limits, judged on the plan


def _spoiled(step: str, column: str, value: Any) -> Callable[[BillingRelations, Policy], Change]:
    """The change of a step, but for a value that it must not write."""
    original = CHANGES[step]

    def change(relations: BillingRelations, policy: Policy) -> Change:
        sound = original(relations, policy)
        row = sound.rows.subquery("sound")
        spoiled = literal(value, row.c[f"{column}_after"].type).label(f"{column}_after")
        return replace(sound, rows=select(*(spoiled if one.key == f"{column}_after" else one for one in row.c)))

    return change


@pytest.mark.parametrize(
    ("step", "column", "value"),
    [
        ("payment_meter_ids", "meter_id", 2),
        ("invoice_amounts", "amount", Decimal("1.00")),
        ("meter_balances", "balance", Decimal("-1.00")),
    ],
)
def test_a_plan_that_would_break_a_law_leaves_nothing_written(
    billing_url: str, monkeypatch: pytest.MonkeyPatch, step: str, column: str, value: Any
) -> None:
    rows = ledger([invoice(number, "30.00") for number in (1, 2)], [payment(number, "1.00") for number in (1, 2, 3)])
    database = start_over(billing_url, SCHEMA, rows)
    migrate(database, 1, steps=MIGRATION[: MIGRATION.index(step)], run_id="earlier")
    before = everything(database, but_runs=True)
    monkeypatch.setitem(CHANGES, step, _spoiled(step, column, value))

    with pytest.raises(StepInvariantBroken) as raised:
        in_batches(database, 1, step)

    assert everything(database, but_runs=True) == before
    assert as_recorded(database, "first") == [(step, FAILED, 0)]
    assert recorded(database, "first")[0].message == str(raised.value)


def test_what_blocks_a_step_blocks_it_in_batches(billing_url: str) -> None:
    rows = five_payments()
    rows["payments"][0]["customer_id"] = None
    database = start_over(billing_url, SCHEMA, rows)
    in_batches(database, 2, *MIGRATION[:3])
    before = everything(database, but_runs=True)
    with pytest.raises(BlockedByInvariants, match="every_counted_payment_has_a_meter: 1 violations"):
        in_batches(database, 2, "meter_balances")
    assert everything(database, but_runs=True) == before
    assert as_recorded(database, "first")[3:] == [("meter_balances", FAILED, 0)]


def test_a_column_too_small_is_found_before_the_first_batch(postgres_url: str) -> None:
    rows = ledger([invoice(1, "10.00"), invoice(2, "20.00"), invoice(3, "12345.67")], [])
    database = start_over(postgres_url, SCHEMA, rows)
    as_others(postgres_url, "ALTER TABLE invoices ALTER COLUMN total_amount TYPE DECIMAL(6, 2)")
    before = everything(database)
    with pytest.raises(ColumnTooSmall, match=r"cannot hold 12,345\.67 of row 13"):
        in_batches(database, 1, "invoice_amounts")
    assert everything(database, but_runs=True) == before


# Rows that others change between the plan and their batch


def test_a_row_that_others_have_written_is_left_as_they_wrote_it(billing_url: str) -> None:
    """Another gives payment 14 a meter after the plan: what is there is never touched."""
    database = start_over(billing_url, SCHEMA, five_payments())

    def give_a_meter(plan: int, batch: int) -> None:
        if (plan, batch) == (1, 2):
            as_others(billing_url, "UPDATE payments SET meter_id = 2, amount = 100 WHERE id = 14")

    with before_each_batch(database, give_a_meter):
        report = in_batches(database, 2, "payment_meter_ids")["payment_meter_ids"]

    assert row_of(database, "payments", 14)["meter_id"] == 2
    assert set(journals(database, "first")["payment_meter_ids"]) == {11, 12, 13, 15}
    assert as_recorded(database, "first") == [("payment_meter_ids", PARTIAL, 4), ("payment_meter_ids", SUCCEEDED, 0)]
    assert [one.message for one in recorded(database, "first")] == [
        "Others changed or held 1 rows: left to the next round.",
        None,
    ]
    assert report.rules == {"sole_active_meter": Tally(rows=4, money=Decimal("4.00"))}
    assert report.already_correct == Tally(rows=1, money=Decimal("100.00"))
    assert (report.looked_at, report.changed, report.left_unresolved) == (5, 4, 0)
    assert [(one.before, one.after) for one in report.sums.values()] == [(Decimal("0.00"), Decimal("4.00"))]


def test_a_row_that_others_have_changed_is_planned_anew_on_what_they_wrote(billing_url: str) -> None:
    database = start_over(billing_url, SCHEMA, owing_20())
    in_batches(database, 1, *MIGRATION[:3])

    def change_the_balance(plan: int, batch: int) -> None:
        if (plan, batch) == (1, 1):
            as_others(billing_url, "UPDATE meters SET balance = 5 WHERE id = 1")

    with before_each_batch(database, change_the_balance):
        report = in_batches(database, 1, "meter_balances", run_id="second")["meter_balances"]

    assert row_of(database, "meters", 1)["balance"] == Decimal("20.00")
    [journaled] = journals(database, "second")["meter_balances"].values()
    assert (journaled.before["balance"], journaled.after["balance"]) == (Decimal("5.00"), Decimal("20.00"))
    assert as_recorded(database, "second") == [("meter_balances", PARTIAL, 0), ("meter_balances", SUCCEEDED, 1)]
    assert (report.looked_at, report.changed, report.already_correct.rows) == (1, 1, 0)


def test_a_row_that_is_written_and_changed_and_written_again_is_journaled_twice(billing_url: str) -> None:
    """Each time under a step run of its own, so that both can be undone, the later first."""
    rows = ledger([invoice(number, "30.00") for number in (1, 2)], [])
    database = start_over(billing_url, SCHEMA, rows)

    def spoil(plan: int, batch: int) -> None:
        if plan == 1 and batch == 2:
            as_others(billing_url, "UPDATE invoices SET amount = 1 WHERE id IN (11, 12)")

    original = everything(database)["invoices"]
    with before_each_batch(database, spoil):
        report = in_batches(database, 1, "invoice_amounts")["invoice_amounts"]

    assert [row_of(database, "invoices", row_id)["amount"] for row_id in (11, 12)] == [Decimal("30.00")] * 2
    assert [(step, changed) for step, _, changed in as_recorded(database, "first")] == [
        ("invoice_amounts", 1),
        ("invoice_amounts", 2),
    ]
    assert report.looked_at == 2 + 1  # the first invoice was written twice
    assert report.changed == 3
    done = roll_back_in_batches(database, 1)
    assert [one.report.changed for one in done] == [2, 0]
    spoiled = [row for row in everything(database)["invoices"] if row not in original]
    assert len(spoiled) == 2, "both are again as others left them"


def test_rows_that_others_change_each_time_are_left_and_the_step_says_so(billing_url: str) -> None:
    """Rows 11 and 12 are written and stay; 13 is changed before its batch of every round."""
    rows = ledger([invoice(number, "30.00") for number in (1, 2, 3)], [])
    database = start_over(billing_url, SCHEMA, rows)

    def change(plan: int, batch: int) -> None:
        if batch == 1:
            as_others(billing_url, f"UPDATE invoices SET amount = {plan} WHERE id = 13")

    with before_each_batch(database, change), pytest.raises(RowsKeepChanging) as raised:
        in_batches(database, 1, "invoice_amounts")

    assert (raised.value.made, raised.value.missed) == (2, 1)
    assert "changed 2 rows, which stay, journaled; 1 rows were changed or held by others each time" in str(raised.value)
    assert row_of(database, "invoices", 13)["amount"] == ROUNDS
    assert [row_of(database, "invoices", row_id)["amount"] for row_id in (11, 12)] == [Decimal("30.00")] * 2
    assert [changed for _, _, changed in as_recorded(database, "first")] == [2, *[0] * (ROUNDS - 1)]
    assert [outcome for _, outcome, _ in as_recorded(database, "first")] == [*[PARTIAL] * (ROUNDS - 1), FAILED]
    last = recorded(database, "first")[-1]
    assert (last.outcome, last.message) == (FAILED, str(raised.value))
    assert set(journals(database, "first")["invoice_amounts"]) == {11, 12}

    report = in_batches(database, 1, "invoice_amounts", run_id="again")["invoice_amounts"]
    assert (report.changed, report.already_correct.rows) == (1, 2)
    assert row_of(database, "invoices", 13)["amount"] == Decimal("30.00")


def _impatient(url: str) -> BillingDatabase:
    """The database for a run that fails where it waits for a row's lock."""
    options = {"options": "-c lock_timeout=500"}
    return BillingDatabase(make_url(url).set(query=options).render_as_string(hide_password=False))


def test_a_batch_does_not_wait_for_a_row_that_others_hold_and_comes_back_to_it(postgres_url: str) -> None:
    """If it waited, everyone who waits for the batch's rows would wait for that other too."""
    start_over(postgres_url, SCHEMA, five_payments())
    database = _impatient(postgres_url)
    with BillingDatabase(postgres_url).engine.connect() as other:
        other.execute(text("SELECT id FROM payments WHERE id = 12 FOR UPDATE"))

        def let_go(plan: int, batch: int) -> None:
            if plan == FIRST_THAT_WAITS and batch == 1:
                other.rollback()

        with before_each_batch(database, let_go):
            report = in_batches(database, 3, "payment_meter_ids")["payment_meter_ids"]
    assert [changed for _, _, changed in as_recorded(database, "first")] == [4, 0, 1]
    assert (report.looked_at, report.changed, report.already_correct.rows) == (5, 5, 0)


def test_a_later_round_waits_for_a_row_that_others_hold(postgres_url: str) -> None:
    database = start_over(postgres_url, SCHEMA, five_payments())
    with BillingDatabase(postgres_url).engine.connect() as other:
        other.execute(text("UPDATE payments SET amount = 2 WHERE id = 12"))
        waiting = threading.Thread(target=_commit_once_someone_waits, args=(postgres_url, other))

        def start_waiting(plan: int, batch: int) -> None:
            if plan == FIRST_THAT_WAITS and batch == 1:
                waiting.start()

        with before_each_batch(database, start_waiting):
            in_batches(database, 3, "payment_meter_ids")
        waiting.join()
    written = row_of(database, "payments", 12)
    assert (written["amount"], written["meter_id"]) == (Decimal("2.00"), 1)
    assert [changed for _, _, changed in as_recorded(database, "first")] == [4, 0, 0, 1]


def _commit_once_someone_waits(url: str, other: Connection) -> None:
    _when_someone_waits(url)
    other.commit()


def _when_someone_waits(url: str) -> None:
    waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    deadline = time.monotonic() + SECONDS_TO_WAIT
    with BillingDatabase(url).engine.connect().execution_options(isolation_level="AUTOCOMMIT") as watch:
        while not watch.scalar(text(waits)) and time.monotonic() < deadline:
            time.sleep(0.01)


def test_a_row_of_which_others_change_another_column_is_planned_anew(postgres_url: str) -> None:
    """Each attempt at a batch has begun when they do: what a batch locks and writes is what is there by then."""
    database = start_over(postgres_url, SCHEMA, five_payments())

    batches = 0

    def change_the_amount(connection: Connection, cursor: Any, statement: str, *rest: Any) -> None:
        nonlocal batches
        if statement.startswith("INSERT INTO meter_migration_payment_meter_ids"):
            batches += 1
            if batches <= FIVE_IN_THREES:
                as_others(postgres_url, "UPDATE payments SET amount = amount + 1 WHERE id IN (12, 14)")

    event.listen(database.engine, "before_cursor_execute", change_the_amount)
    try:
        in_batches(database, 3, "payment_meter_ids")
    finally:
        event.remove(database.engine, "before_cursor_execute", change_the_amount)
    assert as_recorded(database, "first") == [("payment_meter_ids", PARTIAL, 3), ("payment_meter_ids", SUCCEEDED, 2)]
    assert [row_of(database, "payments", row_id)["amount"] for row_id in (12, 13, 14)] == [3, 1, 3]


@pytest.mark.parametrize(
    ("change", "meter"),
    [
        ("UPDATE payments SET invoice_id = 22 WHERE id = 14", 2),
        ("UPDATE payments SET customer_id = 2 WHERE id = 14", None),
        ("UPDATE payments SET deleted_at = '2026-01-01' WHERE id = 14", None),
    ],
    ids=["another invoice", "another tenant's customer", "deleted"],
)
def test_a_payment_of_which_others_change_what_decides_gets_no_meter_by_what_was_planned(
    billing_url: str, change: str, meter: int | None
) -> None:
    rows = five_payments()
    rows["meters"].append({**rows["meters"][0], "id": 3})
    rows["invoices"].append({**rows["invoices"][0], "id": 22, "meter_id": 3})
    meter = 3 if meter else None
    database = start_over(billing_url, SCHEMA, rows)

    def decide_anew(plan: int, batch: int) -> None:
        if (plan, batch) == (1, 1):
            as_others(billing_url, change)

    with before_each_batch(database, decide_anew):
        in_batches(database, 2, "payment_meter_ids")
    assert row_of(database, "payments", 14)["meter_id"] == meter


def test_a_balance_that_others_write_as_it_was_is_planned_anew_on_the_payment_that_came_with_it(
    postgres_url: str,
) -> None:
    """The meter holds its *before* again, but what the plan made of it is no longer so."""
    database = start_over(postgres_url, SCHEMA, owing_20())
    in_batches(database, 1, *MIGRATION[:3])

    def pay(plan: int, batch: int) -> None:
        if (plan, batch) == (1, 1):
            as_others(
                postgres_url,
                "INSERT INTO payments (id, tenant_id, customer_id, meter_id, amount) VALUES (19, 1, 1, 1, 5); "
                "UPDATE meters SET balance = GREATEST(balance - 5, 0) WHERE id = 1",
            )

    with before_each_batch(database, pay):
        in_batches(database, 1, "meter_balances", run_id="second")
    assert row_of(database, "meters", 1)["balance"] == Decimal("15.00")


def test_an_invoice_that_others_write_as_it_was_is_planned_anew_on_the_line_that_came_with_it(
    postgres_url: str,
) -> None:
    database = start_over(postgres_url, SCHEMA, owing_20())
    recomputed = "UPDATE invoices SET amount = 31, balance_brought_forward = 0, total_amount = 31 WHERE id = 11"
    as_others(postgres_url, recomputed)

    def charge(plan: int, batch: int) -> None:
        if (plan, batch) == (1, 1):
            line = "INSERT INTO invoice_bills (id, invoice_id, bill_id, amount) VALUES (99, 11, 10, 1)"
            as_others(postgres_url, f"{line}; {recomputed}")

    with before_each_batch(database, charge):
        report = in_batches(database, 1, "invoice_amounts")["invoice_amounts"]
    assert row_of(database, "invoices", 11)["total_amount"] == Decimal("31.00")
    assert (report.changed, report.already_correct.rows) == (0, 1)


def test_who_writes_a_row_of_a_batch_does_not_wait_for_whom_that_batch_waits_for(postgres_url: str) -> None:
    """Payments 12 and 14 are held by others; when 12 is free again, the round that waits for 14 lets it be written."""
    database = start_over(postgres_url, SCHEMA, five_payments())
    engine = BillingDatabase(postgres_url).engine
    with engine.connect() as first, engine.connect() as second:
        first.execute(text("SELECT id FROM payments WHERE id = 12 FOR UPDATE"))
        second.execute(text("SELECT id FROM payments WHERE id = 14 FOR UPDATE"))

        def write() -> None:
            first.rollback()
            _when_someone_waits(postgres_url)
            try:
                as_others(postgres_url, "SET LOCAL lock_timeout = '5s'; UPDATE payments SET amount = 9 WHERE id = 12")
            finally:
                second.rollback()

        with ThreadPoolExecutor(1) as threads:
            writing: list[Future[None]] = []

            def begin_to_write(plan: int, batch: int) -> None:
                if plan == FIRST_THAT_WAITS and batch == 1:
                    writing.append(threads.submit(write))

            with before_each_batch(database, begin_to_write):
                in_batches(database, 5, "payment_meter_ids")
            writing[0].result(SECONDS_TO_WAIT)
    written = {row_id: row_of(database, "payments", row_id) for row_id in (12, 14)}
    assert {row_id: row["meter_id"] for row_id, row in written.items()} == {12: 1, 14: 1}
    assert written[12]["amount"] == Decimal("9.00")


def test_what_ends_a_later_round_is_told_with_what_earlier_ones_have_changed(billing_url: str) -> None:
    rows = ledger([invoice(1, "30.00"), invoice(2, "20.00", of=2)], [payment(1, "10.00")])
    rows["meters"].append({**rows["meters"][0], "id": 3, "balance": Decimal("8.00")})
    database = start_over(billing_url, SCHEMA, rows)
    in_batches(database, 1, *MIGRATION[:3])

    def spoil(plan: int, batch: int) -> None:
        if (plan, batch) == (1, 2):
            as_others(billing_url, "UPDATE meters SET balance = 3 WHERE id = 3")
            as_others(billing_url, "UPDATE payments SET meter_id = NULL WHERE id = 11")

    told = "has changed 1 rows, which stay, journaled. Of the rest: meter_balances of tenant 1 was refused"
    with before_each_batch(database, spoil), pytest.raises(StoppedInBatches, match=told):
        in_batches(database, 1, "meter_balances", run_id="second")
    assert as_recorded(database, "second") == [("meter_balances", PARTIAL, 1), ("meter_balances", FAILED, 0)]
    with database.snapshot() as connection:
        schema = database.schema(connection)
        assert list(connection.scalars(tenants_with(schema, "meter_balances"))) == [], "it is not migrated"
        assert list(connection.scalars(tenants_with(schema, "invoice_amounts"))) == [1]


# The tenant lost in between


def _cut_off_who_holds_a_tenant(url: str) -> None:
    cut = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database() AND "
    as_others(url, cut + "application_name LIKE 'meter-assets run %' AND state = 'idle'")


def test_a_step_that_has_lost_its_tenant_to_another_run_writes_nothing_more(postgres_url: str) -> None:
    database = start_over(postgres_url, SCHEMA, five_payments())

    def lose_it(plan: int, batch: int) -> None:
        if batch == 2:
            _cut_off_who_holds_a_tenant(postgres_url)
            roll_back_in_batches(BillingDatabase(postgres_url), None)

    with before_each_batch(database, lose_it), pytest.raises(TenantLost, match="another run has taken the tenant"):
        in_batches(database, 2, "payment_meter_ids")
    assert {row_of(database, "payments", row_id)["meter_id"] for row_id in range(11, 16)} == {None}
    [died] = recorded(database, "first")
    assert (died.outcome, died.rows_changed) == (INTERRUPTED, 2)
    assert [(one.outcome, one.rows_changed) for one in recorded(database, "undo")] == [(SUCCEEDED, 2)]


def test_a_step_in_one_transaction_that_has_lost_its_tenant_keeps_others_out_and_then_gives_way(
    postgres_url: str,
) -> None:
    """Whoever comes is refused as long as the step is under way, and told by whom; the step itself is not made."""
    database = start_over(postgres_url, SCHEMA, five_payments())
    told: list[TenantLocked] = []

    def come(_: Connection) -> None:
        if told:
            return
        _cut_off_who_holds_a_tenant(postgres_url)
        other = BillingDatabase(postgres_url)
        with pytest.raises(TenantLocked) as refused:
            migrate(other, 1, run_id="second", steps=("payment_meter_ids",))
        told.append(refused.value)

    with after_journaling(database, "payment_meter_ids", come), pytest.raises(TenantLost):
        migrate(database, 1, run_id="first", steps=("payment_meter_ids",))
    assert told[0].holder == "first"
    assert "another run (run first, process " in str(told[0])
    assert {row_of(database, "payments", row_id)["meter_id"] for row_id in range(11, 16)} == {None}
    assert [one.outcome for one in recorded(database, "first")] == [INTERRUPTED]
    assert migrate(database, 1, run_id="third", steps=("payment_meter_ids",))["payment_meter_ids"].changed == 5


def test_a_row_that_others_refer_to_just_then_is_written(postgres_url: str) -> None:
    """A foreign key's check holds a row's key: that must not keep a batch, nor a batch it."""
    start_over(postgres_url, SCHEMA, five_payments())
    database = _impatient(postgres_url)
    with BillingDatabase(postgres_url).engine.connect() as other:
        other.execute(text("SELECT id FROM payments WHERE id = 12 FOR KEY SHARE"))
        in_batches(database, 3, "payment_meter_ids")
    assert as_recorded(database, "first") == [("payment_meter_ids", SUCCEEDED, 5)]


# Stopped after some batches


class PowerCut(Exception):
    """What a test stops a run with."""


@pytest.mark.parametrize("stopped_by", [PowerCut, KeyboardInterrupt])
@pytest.mark.parametrize("at", [1, 2, 3])
def test_a_step_that_is_stopped_keeps_its_batches_and_goes_on_from_there(
    billing_url: str, stopped_by: type[BaseException], at: int
) -> None:
    database = start_over(billing_url, SCHEMA, five_payments())
    with database.snapshot() as connection:
        expected = oracle.payment_meter_ids(read(connection, SCHEMA), 1, DEFAULT).rows
    batches = 0

    def stop(_: Connection) -> None:
        nonlocal batches
        batches += 1
        if batches == at:
            raise stopped_by

    with after_journaling(database, "payment_meter_ids", stop), pytest.raises(stopped_by):
        in_batches(database, 2, "payment_meter_ids", run_id="stopped")

    kept = journals(database, "stopped")["payment_meter_ids"]
    assert kept == dict(list(expected.items())[: 2 * (at - 1)])
    [run] = recorded(database, "stopped")
    assert (run.outcome, run.rows_changed) == (
        INTERRUPTED if stopped_by is KeyboardInterrupt else FAILED,
        len(kept),
    )
    assert run.message
    in_place = {row_id for row_id in expected if row_of(database, "payments", row_id)["meter_id"] is not None}
    assert in_place == set(kept)

    report = in_batches(database, 2, "payment_meter_ids", run_id="again")["payment_meter_ids"]

    assert journals(database, "again")["payment_meter_ids"] == {
        row_id: row for row_id, row in expected.items() if row_id not in kept
    }
    assert (report.changed, report.already_correct.rows) == (len(expected) - len(kept), len(kept))
    assert as_recorded(database, "again") == [("payment_meter_ids", SUCCEEDED, report.changed)]


def test_a_step_in_batches_whose_process_died_is_told_of_as_such(billing_url: str) -> None:
    database = start_over(billing_url, SCHEMA, five_payments())
    in_batches(database, 2, "payment_meter_ids", run_id="died")
    as_others(billing_url, "UPDATE meter_migration_runs SET outcome = 'running', finished_at = NULL, rows_changed = 4")
    in_batches(database, 2, "payment_meter_ids", run_id="next")
    [died] = recorded(database, "died")
    assert (died.outcome, died.rows_changed) == (INTERRUPTED, 4)
    assert died.message == f"The process ended before the step did; {BATCHES_KEPT}."


def test_an_error_of_the_database_in_the_middle_says_that_the_batches_stay(postgres_url: str) -> None:
    database = start_over(postgres_url, SCHEMA, five_payments())
    as_others(postgres_url, "ALTER TABLE payments ADD CONSTRAINT no_meter CHECK (id <> 14 OR meter_id IS NULL)")
    with pytest.raises(StepError, match=r"was stopped; the batches that were made stay, journaled.*go on from there"):
        in_batches(database, 2, "payment_meter_ids")
    assert as_recorded(database, "first") == [("payment_meter_ids", FAILED, 2)]
    assert set(journals(database, "first")["payment_meter_ids"]) == {11, 12}


# Undone in batches


@ON_A_FOURTH
@given(rows=billing_databases(backups=True), policy=policies(), size=st.integers(1, 5), changed=st.integers(0, 3))
def test_in_batches_a_rollback_restores_leaves_alone_and_reports_what_it_does_in_one_transaction(
    billing_url: str, rows: Database, policy: Policy, size: int, changed: int
) -> None:
    """Some rows are changed after the migration: they are listed either way, and not touched."""
    found: list[tuple[dict[str, Any], list[UndoneStep]]] = []
    for batch_size in (None, size):
        database = start_over(billing_url, SCHEMA, rows)
        original = everything(database)
        in_batches(database, size, policy=policy, allow_invalid=True)
        if changed:
            some = f"tenant_id = 1 AND id % {changed} = 0"
            as_others(billing_url, f"UPDATE meters SET overpayment = 123.45 WHERE {some}")
            as_others(billing_url, f"UPDATE invoices SET amount = 123.45 WHERE {some}")
        done = roll_back_in_batches(database, batch_size)
        left = {name: rows for name, rows in everything(database).items() if name in (*SCHEMA.tables, BACKUP)}
        if not changed:
            assert left == {name: rows for name, rows in original.items() if name in left}
        # Step runs have the same ids in both, and times of their own.
        told = [one.model_copy(update={"made": (one.made.id, one.made.step)}) for one in done]
        left.pop(BACKUP, None)
        found.append((left, told))
    assert found[0] == found[1]


@pytest.mark.parametrize("at", [1, 3])
def test_a_rollback_that_is_stopped_keeps_its_batches_and_goes_on_from_there(billing_url: str, at: int) -> None:
    database = start_over(billing_url, SCHEMA, five_payments())
    original = everything(database)
    in_batches(database, 2, "payment_meter_ids")
    batches = 0

    def stop(_: Connection) -> None:
        nonlocal batches
        batches += 1
        if batches == at:
            raise KeyboardInterrupt

    with after_journaling(database, "payment_meter_ids", stop), pytest.raises(KeyboardInterrupt):
        roll_back_in_batches(database, 2, "stopped")

    assert as_recorded(database, "stopped") == [("payment_meter_ids", INTERRUPTED, 2 * (at - 1))]
    [again] = roll_back_in_batches(database, 2, "again")
    assert again.report.changed == 5 - 2 * (at - 1)
    assert as_recorded(database, "again") == [("payment_meter_ids", SUCCEEDED, again.report.changed)]
    assert {name: rows for name, rows in everything(database).items() if name in original} == original
    assert roll_back_in_batches(database, 2, "once more") == []


def test_a_row_that_others_change_under_a_rollback_in_batches_is_listed(billing_url: str) -> None:
    database = start_over(billing_url, SCHEMA, five_payments())
    in_batches(database, 2, "payment_meter_ids")

    def give_another_meter(plan: int, batch: int) -> None:
        if (plan, batch) == (1, 2):
            as_others(billing_url, "UPDATE payments SET meter_id = 2 WHERE id = 14")

    with before_each_batch(database, give_another_meter):
        [undone] = roll_back_in_batches(database, 2)

    assert (undone.report.looked_at, undone.report.changed, undone.left_alone) == (5, 4, 1)
    assert undone.report.left_alone == [
        {"id": "14", "why": "changed_since", "expected_meter_id": "1", "found_meter_id": "2"}
    ]
    assert row_of(database, "payments", 14)["meter_id"] == 2


# The work of a batch


def _scanned(plan: dict[str, Any]) -> int:
    """The most rows that any node of a plan has read."""
    read_ = plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0) + plan.get("Rows Removed by Join Filter", 0)
    own = int(read_ * plan["Actual Loops"])
    return max([own, *(_scanned(one) for one in plan.get("Plans", []))])


@pytest.mark.parametrize("analyzed", [False, True], ids=["without statistics", "with statistics"])
def test_the_work_of_a_batch_is_proportional_to_the_batch(postgres_url: str, analyzed: bool) -> None:
    """Of 40,000 payments one in 40 lacks a meter, so that a range has many rows that are none of the batch's."""
    database, size = start_over(postgres_url, SCHEMA, ledger([], [])), 50
    as_others(
        postgres_url,
        "INSERT INTO payments (id, tenant_id, customer_id, meter_id, amount) SELECT n, 1 + n % 2, 1 + n % 2, "
        "CASE WHEN n % 40 > 1 THEN 1 + n % 2 END, 1 FROM generate_series(1, 40000) AS n",
    )
    if analyzed:
        as_others(postgres_url, "ANALYZE")
    work: Counter[str] = Counter()

    def explain(connection: Connection, cursor: Any, statement: str, parameters: Any, *rest: Any) -> None:
        kind = statement.split(maxsplit=1)[0]
        if "meter_migration_payment_meter_ids" not in statement or kind not in ("INSERT", "UPDATE"):
            return
        asking = connection.connection.cursor()
        asking.execute("SAVEPOINT before_it")
        asking.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", parameters)
        [(found,)] = asking.fetchall()
        asking.execute("ROLLBACK TO before_it")
        work[kind] = max(work[kind], _scanned(found[0]["Plan"]))

    event.listen(database.engine, "before_cursor_execute", explain)
    try:
        report = in_batches(database, size, "payment_meter_ids")["payment_meter_ids"]
    finally:
        event.remove(database.engine, "before_cursor_execute", explain)
    assert report.changed == 1_000
    assert set(work) == {"INSERT", "UPDATE"}
    # A range of the batch's ids has 40 times its rows; the tables have 800 times as many.
    assert {kind: rows for kind, rows in work.items() if rows > 40 * size} == {}


# From the command line and in Dagster


@pytest.fixture
def shell(billing_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """The command line on three small tenants."""
    folder = tmp_path / "workplace"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    make_small_tenants(billing_url)
    return CommandLine(folder, billing_url)


def _batches(sent: list[str]) -> Counter[str]:
    """How many batches of each step were journaled."""
    journaled = (one.split()[2] for one in sent if one.startswith("INSERT INTO meter_migration_"))
    return Counter(name.removeprefix("meter_migration_") for name in journaled if name != "meter_migration_runs")


@pytest.mark.slow
@pytest.mark.by_default("postgresql")
def test_the_command_line_migrates_and_rolls_back_in_batches(shell: CommandLine) -> None:
    with shell.database.snapshot() as connection:
        rows = comparable(read(connection, SCHEMA))
    expected, changes = oracle.migrated(rows, 1, DEFAULT)
    others = everything(shell.database, but_not_of=1)

    with statements() as sent:
        ended = shell("migrate-meter-financials", "--yes", "--tenant", HEALTHY, "--batch-size", "4")

    assert ended.status == 0, ended.printed
    with shell.database.snapshot() as connection:
        assert comparable(read(connection, SCHEMA)) == comparable(expected)
    batched = ("payment_meter_ids", "invoice_amounts", "meter_balances")
    assert _batches(sent) == {step: ceil(len(changes[step].rows) / 4) for step in batched if changes[step].rows}
    assert _batches(sent)["payment_meter_ids"] > 1
    assert {table: everything(shell.database, but_not_of=1).get(table) for table in others} == others

    with statements() as sent:
        ended = shell("rollback", "--yes", "--tenant", HEALTHY, "--batch-size", "4")

    assert ended.status == 0, ended.printed
    assert _batches(sent)["payment_meter_ids"] == ceil(len(changes["payment_meter_ids"].rows) / 4)
    with shell.database.snapshot() as connection:
        restored = comparable(read(connection, SCHEMA))
    assert {table: restored[table] for table in rows} == rows


@pytest.mark.slow
def test_rows_that_keep_changing_are_told_on_the_command_line(shell: CommandLine) -> None:
    """Before each batch someone changes an invoice of it."""
    command = ("backfill-invoice-amounts", "--tenant", HEALTHY, "--batch-size", "100")
    shell.change("UPDATE invoices SET amount = amount + 1 WHERE tenant_id = 1")

    def change(connection: Connection, cursor: Any, statement: str, *rest: Any) -> None:
        if statement.startswith("INSERT INTO meter_migration_invoice_amounts"):
            first = "SELECT min(id) FROM invoices WHERE tenant_id = 1"
            connection.exec_driver_sql(f"UPDATE invoices SET amount = amount + 5 WHERE id = ({first})")

    event.listen(Engine, "before_cursor_execute", change)
    try:
        ended = shell(*command)
    finally:
        event.remove(Engine, "before_cursor_execute", change)

    assert ended.status == 1
    assert "1 rows were changed by others each time that it came to them. Run the tenant again" in ended.words
    listed = shell("history", "--tenant", HEALTHY)
    assert "1 rows were changed by others each time" in listed.words
    assert shell(*command).status == 0


@pytest.mark.parametrize("size", ["0", "-1", "many"])
@pytest.mark.parametrize(
    "command",
    [
        "migrate-meter-financials",
        "backfill-payment-meter-ids",
        "backfill-invoice-amounts",
        "migrate-customer-balances-to-meters",
        "rollback",
    ],
)
def test_a_batch_of_no_rows_is_wrong_usage(tmp_path: Path, command: str, size: str) -> None:
    ended = CommandLine(tmp_path, "sqlite:///not-there.db")(command, "--batch-size", size)
    assert ended.status == 2
    assert "--batch-size" in ended.words


@pytest.mark.slow
def test_the_launchpad_sets_the_size_of_batches(shell: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METER_ASSETS_DATABASE_URL", shell.url)
    of = tenant(1)
    config = {"ops": {"payment_meter_ids": {"config": {"batch_size": 3}}}}
    with shell.instance() as instance:
        instance.add_dynamic_partitions("tenants", [HEALTHY])
        with statements() as sent:
            run = run_tenant(
                instance, build_definitions(), Launch("migrate_meter_financials", config, ("payment_meter_ids",)), of
            )
    assert run.succeeded, run.errors
    changed = run.reports["payment_meter_ids"].changed
    assert _batches(sent) == {"payment_meter_ids": ceil(changed / 3)}
    assert changed > 3
