"""A step in batches among others who write, hold and refer to its rows, or take its tenant from it.

What batches do without others is in `test_batches`; real traffic is in `test_live_traffic`.
"""

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Connection, event, make_url, text

from meter_assets.billing.own_tables import BLOCKED, FAILED, INTERRUPTED, PARTIAL, SUCCEEDED
from meter_assets.billing.step_runs import tenants_with
from meter_assets.errors import (
    RowsKeepChanging,
    StoppedInBatches,
    TenantLocked,
    TenantLockLost,
)
from meter_assets.migration.batches import ROUNDS, ROUNDS_WITHOUT_WAITING
from meter_assets.migration.database import BillingDatabase
from meter_assets.migration.step_report import RowsAndMoney
from meter_assets.rules.steps import MIGRATION
from tests.support.batches import (
    SCHEMA,
    as_others,
    as_recorded,
    before_each_batch,
    five_payments,
    in_batches,
    journals,
    recorded,
    roll_back_in_batches,
)
from tests.support.databases import after_journaling, everything, migrate, row_of, start_over
from tests.support.ledger import invoice, ledger, owing_20, payment

FIVE_IN_THREES = 2
FIRST_THAT_WAITS = ROUNDS_WITHOUT_WAITING + 1
SECONDS_TO_WAIT = 10


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
        "Other programs changed or locked 1 rows: left to the next round.",
        None,
    ]
    assert report.rules == {"sole_active_meter": RowsAndMoney(rows=4, money=Decimal("4.00"))}
    assert report.already_correct == RowsAndMoney(rows=1, money=Decimal("100.00"))
    assert (report.examined, report.changed, report.left_unresolved) == (5, 4, 0)
    assert [(one.before, one.after) for one in report.sums.values()] == [(Decimal("0.00"), Decimal("4.00"))]


@pytest.mark.slow
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
    assert (report.examined, report.changed, report.already_correct.rows) == (1, 1, 0)


@pytest.mark.slow
def test_what_others_do_to_a_row_after_its_batch_is_for_the_next_run(billing_url: str) -> None:
    """As after a step in one transaction: only the invoice that its batch has missed is planned again."""
    rows = ledger([invoice(number, "30.00") for number in (1, 2)], [])
    database = start_over(billing_url, SCHEMA, rows)

    def spoil(plan: int, batch: int) -> None:
        if plan == 1 and batch == 2:
            as_others(billing_url, "UPDATE invoices SET amount = 1 WHERE id IN (11, 12)")

    original = everything(database)["invoices"]
    with before_each_batch(database, spoil):
        report = in_batches(database, 1, "invoice_amounts")["invoice_amounts"]

    amounts = [row_of(database, "invoices", row_id)["amount"] for row_id in (11, 12)]
    assert amounts == [Decimal("1.00"), Decimal("30.00")]
    assert as_recorded(database, "first") == [("invoice_amounts", PARTIAL, 1), ("invoice_amounts", SUCCEEDED, 1)]
    assert (report.examined, report.changed, report.already_correct.rows) == (2, 2, 0)
    assert in_batches(database, 1, "invoice_amounts", run_id="next")["invoice_amounts"].changed == 1

    done = roll_back_in_batches(database, 1, before="first")
    assert [one.report.changed for one in done] == [1, 1, 0]
    spoiled = [row for row in everything(database)["invoices"] if row not in original]
    assert len(spoiled) == 2, "both are again as others left them"


@pytest.mark.slow
def test_rows_that_others_change_each_time_are_left_and_the_step_says_so(billing_url: str) -> None:
    """Rows 11 and 12 are written and stay; 13 is changed before its batch of every round."""
    rows = ledger([invoice(number, "30.00") for number in (1, 2, 3)], [])
    database = start_over(billing_url, SCHEMA, rows)

    def change(plan: int, batch: int) -> None:
        if batch == 1:
            as_others(billing_url, f"UPDATE invoices SET amount = {plan} WHERE id = 13")

    with before_each_batch(database, change), pytest.raises(RowsKeepChanging) as raised:
        in_batches(database, 1, "invoice_amounts")

    assert (raised.value.changed, raised.value.missed) == (2, 1)
    assert (
        "changed 2 rows, which stay, journaled; 1 rows were changed or locked by other programs in every attempt"
        in str(raised.value)
    )
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
    assert (report.examined, report.changed, report.already_correct.rows) == (5, 5, 0)


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


@pytest.mark.slow
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
    assert as_recorded(database, "second") == [("meter_balances", PARTIAL, 1), ("meter_balances", BLOCKED, 0)]
    with database.snapshot() as connection:
        schema = database.schema(connection)
        assert list(connection.scalars(tenants_with(schema, "meter_balances"))) == [], "it is not migrated"
        assert list(connection.scalars(tenants_with(schema, "invoice_amounts"))) == [1]


# The tenant lost in between


def _cut_off_who_holds_a_tenant(url: str) -> None:
    cut = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database() AND "
    as_others(
        url, cut + "application_name LIKE 'meter-assets run %' AND backend_xmin IS NULL AND pid <> pg_backend_pid()"
    )


def test_a_step_that_has_lost_its_tenant_to_another_run_writes_nothing_more(postgres_url: str) -> None:
    database = start_over(postgres_url, SCHEMA, five_payments())

    def lose_it(plan: int, batch: int) -> None:
        if batch == 2:
            _cut_off_who_holds_a_tenant(postgres_url)
            roll_back_in_batches(BillingDatabase(postgres_url), None)

    with before_each_batch(database, lose_it), pytest.raises(TenantLockLost, match="another run has locked the tenant"):
        in_batches(database, 2, "payment_meter_ids")
    assert {row_of(database, "payments", row_id)["meter_id"] for row_id in range(11, 16)} == {None}
    [died] = recorded(database, "first")
    assert (died.outcome, died.rows_changed) == (INTERRUPTED, 2)
    undone = [(one.step, one.outcome, one.rows_changed) for one in recorded(database, "undo")]
    assert undone == [("payment_meter_ids", SUCCEEDED, 2), ("customer_balances_backup", SUCCEEDED, 1)]


def test_a_step_in_one_transaction_that_has_lost_its_tenant_keeps_others_out_until_its_end(
    postgres_url: str,
) -> None:
    """Whoever comes is refused as long as the step is under way, and told by whom: it is not recorded as dead."""
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

    with after_journaling(database, "payment_meter_ids", come):
        made = migrate(database, 1, run_id="first", steps=("payment_meter_ids",))
    assert made["payment_meter_ids"].changed == 5
    assert told[0].owner == "first"
    assert "another run (run first, process " in str(told[0])
    assert [(one.step, one.outcome) for one in recorded(database, "first")] == [
        ("customer_balances_backup", SUCCEEDED),
        ("payment_meter_ids", SUCCEEDED),
    ]
    assert recorded(database, "second") == []
    assert migrate(database, 1, run_id="third", steps=("payment_meter_ids",))["payment_meter_ids"].changed == 0


def test_a_row_that_others_refer_to_just_then_is_written(postgres_url: str) -> None:
    """A foreign key's check holds a row's key: that must not keep a batch, nor a batch it."""
    start_over(postgres_url, SCHEMA, five_payments())
    database = _impatient(postgres_url)
    with BillingDatabase(postgres_url).engine.connect() as other:
        other.execute(text("SELECT id FROM payments WHERE id = 12 FOR KEY SHARE"))
        in_batches(database, 3, "payment_meter_ids")
    assert as_recorded(database, "first") == [("payment_meter_ids", SUCCEEDED, 5)]
