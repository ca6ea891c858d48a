"""A step in batches: the same as in one transaction, but in ranges that are committed one by one.

What the rules decide is in `test_rules`, what a step in one transaction does in `test_apply`; real traffic of others
is in `test_live_traffic`.
"""

import json
from collections import Counter
from dataclasses import dataclass, replace
from decimal import Decimal
from math import ceil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, event, literal, select, text

from meter_assets.billing.change import Change
from meter_assets.billing.own_tables import BACKUP, BLOCKED, FAILED, INTERRUPTED, SUCCEEDED
from meter_assets.billing.policy import Policy
from meter_assets.billing.relations import BillingRelations
from meter_assets.billing.schema import BillingSchema
from meter_assets.cli.runner import Launch, run_tenant
from meter_assets.definitions import build_definitions
from meter_assets.errors import (
    BlockedByInvariants,
    ColumnTooSmall,
    StepError,
    StepInvariantViolated,
)
from meter_assets.migration.database import BillingDatabase
from meter_assets.migration.recording import BATCHES_KEPT
from meter_assets.migration.rollback import UndoneStep
from meter_assets.migration.step_report import StepReport
from meter_assets.rules.steps import MIGRATION, STEPS, Step
from tests.support import oracle
from tests.support.batches import (
    DEFAULT,
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
from tests.support.command_line import HEALTHY, CommandLine, on_small_tenants
from tests.support.databases import (
    STEP_RUNS,
    after_journaling,
    comparable,
    everything,
    journal_of,
    migrate,
    read,
    row_of,
    start_over,
    statements,
    tenant,
)
from tests.support.ledger import invoice, ledger, payment
from tests.support.oracle import ChangedRow, Database
from tests.support.shapes import SHAPES
from tests.support.strategies import billing_databases, policies, valid_billing_databases

ON_A_FOURTH = settings(max_examples=settings().max_examples // 4)  # of the profile's: each is whole migrations
ON_A_FIFTH = settings(max_examples=settings().max_examples // 5)


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
        recorded = f"SELECT step, outcome, coalesce(rows_changed, 0), message, policy FROM {STEP_RUNS}"
        runs = connection.execute(text(f"{recorded} WHERE run_id = 'first' ORDER BY id"))
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


@pytest.mark.slow
@pytest.mark.every_engine
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


@pytest.mark.slow
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
            of_step = text(f"SELECT coalesce(rows_changed, 0) FROM {STEP_RUNS} WHERE step = 'payment_meter_ids'")
            assert connection.scalar(of_step) == seen[-1]

    with before_each_batch(database, look):
        in_batches(database, size, "payment_meter_ids")
    # What others see: before each batch those before it, and before what is done last all of them.
    assert seen == [min(size * batch, 5) for batch in range(ceil(5 / size) + 1)]


# Laws and limits, evaluated on the plan


def _spoiled(step: Step, column: str, value: Any) -> Step:
    """The step, except that its change has a value that it must not write."""

    def change(relations: BillingRelations) -> Change:
        sound = step.compute(relations)
        row = sound.examined.subquery("sound")
        spoiled = literal(value, row.c[f"{column}_after"].type).label(f"{column}_after")
        return replace(sound, examined=select(*(spoiled if one.key == f"{column}_after" else one for one in row.c)))

    return replace(step, compute=change)


@pytest.mark.slow
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
    monkeypatch.setitem(STEPS, step, _spoiled(STEPS[step], column, value))

    with pytest.raises(StepInvariantViolated) as raised:
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
    with pytest.raises(BlockedByInvariants, match="every_counted_payment_has_a_meter: 1 violation"):
        in_batches(database, 2, "meter_balances")
    assert everything(database, but_runs=True) == before
    assert as_recorded(database, "first")[3:] == [("meter_balances", BLOCKED, 0)]


def test_a_column_too_small_is_found_before_the_first_batch(postgres_url: str) -> None:
    rows = ledger([invoice(1, "10.00"), invoice(2, "20.00"), invoice(3, "12345.67")], [])
    database = start_over(postgres_url, SCHEMA, rows)
    as_others(postgres_url, "ALTER TABLE invoices ALTER COLUMN total_amount TYPE DECIMAL(6, 2)")
    before = everything(database)
    with pytest.raises(ColumnTooSmall, match=r"cannot hold 12,345\.67 of row 13"):
        in_batches(database, 1, "invoice_amounts")
    after = everything(database, but_runs=True)
    assert {name: rows for name, rows in after.items() if name != BACKUP} == before


# Stopped after some batches


class PowerCut(Exception):
    """What a test stops a run with."""


@pytest.mark.slow
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
    for table in ("meter_migration_outcomes", "meter_migration_chain"):
        as_others(billing_url, f"DELETE FROM {table} WHERE step_run_id > 1")  # the backup has ended
    as_others(billing_url, "DELETE FROM meter_migration_commits WHERE part = 2")
    in_batches(database, 2, "payment_meter_ids", run_id="next")
    [died] = recorded(database, "died")
    assert (died.outcome, died.rows_changed) == (INTERRUPTED, 4)
    assert died.message == f"The process ended before the step did; {BATCHES_KEPT}."


def test_an_error_of_the_database_in_the_middle_says_that_the_batches_stay(postgres_url: str) -> None:
    database = start_over(postgres_url, SCHEMA, five_payments())
    body = "BEGIN RAISE EXCEPTION 'no'; END"
    as_others(postgres_url, f"CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $f$ {body} $f$")
    as_others(
        postgres_url,
        "CREATE TRIGGER refuse BEFORE UPDATE ON payments FOR EACH ROW WHEN (NEW.id = 14) EXECUTE FUNCTION refuse()",
    )
    with pytest.raises(StepError, match=r"was stopped; its finished batches stay, journaled.*continue from there"):
        in_batches(database, 2, "payment_meter_ids")
    assert as_recorded(database, "first") == [("payment_meter_ids", FAILED, 2)]
    assert set(journals(database, "first")["payment_meter_ids"]) == {11, 12}


# Undone in batches


@pytest.mark.slow
@pytest.mark.every_engine
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
        done = roll_back_in_batches(database, batch_size, before="first")
        left = {name: rows for name, rows in everything(database).items() if name in (*SCHEMA.tables, BACKUP)}
        if not changed:
            assert left == {name: rows for name, rows in original.items() if name in left}
        # Step runs have the same ids in both, and times of their own.
        told = [one.model_copy(update={"made": (one.made.id, one.made.step)}) for one in done]
        left.pop(BACKUP, None)
        found.append((left, told))
    assert found[0] == found[1]


@pytest.mark.slow
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
        roll_back_in_batches(database, 2, "stopped", before="first")

    assert as_recorded(database, "stopped") == [("payment_meter_ids", INTERRUPTED, 2 * (at - 1))]
    [again] = roll_back_in_batches(database, 2, "again", before="first")
    assert again.report.changed == 5 - 2 * (at - 1)
    assert as_recorded(database, "again") == [("payment_meter_ids", SUCCEEDED, again.report.changed)]
    assert {name: rows for name, rows in everything(database).items() if name in original} == original
    assert roll_back_in_batches(database, 2, "once more", before="first") == []


def test_a_row_that_others_change_under_a_rollback_in_batches_is_listed(billing_url: str) -> None:
    database = start_over(billing_url, SCHEMA, five_payments())
    in_batches(database, 2, "payment_meter_ids")

    def give_another_meter(plan: int, batch: int) -> None:
        if (plan, batch) == (1, 2):
            as_others(billing_url, "UPDATE payments SET meter_id = 2 WHERE id = 14")

    with before_each_batch(database, give_another_meter):
        [undone] = roll_back_in_batches(database, 2, before="first")

    assert (undone.report.examined, undone.report.changed, undone.skipped) == (5, 4, 1)
    assert undone.report.skipped == [
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
    return on_small_tenants(tmp_path / "workplace", billing_url, monkeypatch)


def _batches(sent: list[str]) -> Counter[str]:
    """How many batches of each step were journaled."""
    journaled = (one.split()[2] for one in sent if one.startswith("INSERT INTO meter_migration_"))
    journals = {step.journal: step.name for step in STEPS.values()}
    return Counter(journals[name] for name in journaled if name in journals)


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
    command = ("backfill-invoice-amounts", "--yes", "--tenant", HEALTHY, "--batch-size", "100")
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
    assert "1 rows were changed or locked by other programs in every attempt. Run the tenant again" in ended.words
    listed = shell("history", "--tenant", HEALTHY)
    assert "1 rows were changed or locked by other programs in every attempt" in listed.words
    assert shell(*command).status == 0


@pytest.mark.parametrize("size", ["0", "-1", "many"])
@pytest.mark.parametrize(
    "command",
    [
        "migrate-meter-financials",
        "backfill-payment-meter-ids",
        "backfill-invoice-amounts",
        "migrate-customer-balances-to-meters",
        "sync-customer-balances",
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
