"""Steps made for real: all of a step or nothing, journaled, counted, and the same again when run again.

What the rules decide is in `test_rules`; here they are taken from the oracle, and the writing is evaluated.
"""

import json
import multiprocessing
import time
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, event, insert, make_url, text

from meter_assets.billing.own_tables import BACKUP, BLOCKED, FAILED, INTERRUPTED, SUCCEEDED
from meter_assets.billing.policy import BalanceBasis, Policy
from meter_assets.billing.schema import billing_tables
from meter_assets.demo.generator import DemoSize, fill
from meter_assets.engines import engine_of
from meter_assets.errors import (
    BlockedByInvariants,
    ColumnTooSmall,
    ConcurrentModification,
    NotWritable,
    StepError,
    TenantLocked,
)
from meter_assets.migration import temporary_tables
from meter_assets.migration.database import BillingDatabase
from meter_assets.migration.recording import ATTEMPTS
from meter_assets.reports.preview import preview
from meter_assets.rules.steps import MIGRATION
from tests.support import oracle
from tests.support.databases import (
    after_journaling,
    comparable,
    dump,
    everything,
    journal_of,
    migrate,
    read,
    row_of,
    runs_of,
    start_over,
    statements,
    tenant,
)
from tests.support.ledger import invoice, ledger, owing_20
from tests.support.oracle import Database
from tests.support.shapes import SHAPES
from tests.support.strategies import HUGE, billing_databases, policies, valid_billing_databases

SCHEMA = billing_tables()
DEFAULT = Policy.from_values({})
ON_A_THIRD = settings(max_examples=settings().max_examples // 3)  # of the profile's: each is whole migrations
ON_A_FIFTH = settings(max_examples=settings().max_examples // 5)
ERRORS_OF_BALANCES = (
    "every_meter_balance_equals_its_transactions",
    "every_meter_balance_is_one_sided",
    "money_is_conserved",
)
SECONDS_TO_NOTICE_A_DEATH = 10
SECONDS_FOR_A_STATEMENT = 10


# A whole migration


@pytest.mark.slow
@pytest.mark.every_engine
@ON_A_THIRD
@given(rows=st.one_of(valid_billing_databases(backups=True), valid_billing_databases()), policy=policies())
def test_a_migration_makes_what_the_oracle_makes_and_nothing_else(
    billing_url: str, rows: Database, policy: Policy
) -> None:
    """Every value, rule and journal row; other tenants byte for byte; money conserved; and once is enough."""
    database = start_over(billing_url, SCHEMA, rows)
    others = everything(database, but_not_of=1)
    expected, changes = oracle.migrated(rows, 1, policy)

    first = migrate(database, 1, policy, run_id="first")

    with database.snapshot() as connection:
        found = comparable(read(connection, SCHEMA))
        assert found == comparable(expected)
        for step in MIGRATION:
            assert journal_of(connection, SCHEMA, step, "first") == changes[step].rows, step
        runs = runs_of(connection, SCHEMA, "first")
    assert everything(database, but_not_of=1) == others
    broken = oracle.violations(found, 1, policy)
    assert not any(broken[name] for name in ERRORS_OF_BALANCES)
    assert {step: report.changed for step, report in first.items()} == {
        step: len(changes[step].rows) for step in MIGRATION
    }
    assert {step: (run.outcome, run.rows_changed, run.message) for step, run in runs.items()} == {
        step: (SUCCEEDED, len(changes[step].rows), None) for step in MIGRATION
    }
    chosen = policy.model_dump(mode="json")
    for run in runs.values():
        recorded = json.loads(run.policy)
        assert {name: recorded[name] for name in chosen} == chosen
        assert run.started_at <= run.finished_at

    migrated = everything(database, but_runs=True)
    second = migrate(database, 1, policy, run_id="second")
    assert everything(database, but_runs=True) == migrated
    assert [report.changed for report in second.values()] == [0, 0, 0, 0]
    with database.snapshot() as connection:
        again = runs_of(connection, SCHEMA, "second")
    assert [(again[step].outcome, again[step].rows_changed) for step in MIGRATION] == [(SUCCEEDED, 0)] * 4


@pytest.mark.slow
@pytest.mark.every_engine
@ON_A_THIRD
@given(rows=billing_databases(), policy=policies())
def test_meter_balances_is_refused_exactly_where_a_blocking_invariant_is_violated(
    billing_url: str, rows: Database, policy: Policy
) -> None:
    """Nothing is then written of it; where it is allowed all the same, it writes what the oracle does."""
    database = start_over(billing_url, SCHEMA, rows)
    expected, changes = oracle.migrated(rows, 1, policy)
    as_it_was = {**expected, "meters": rows["meters"]}
    violated = oracle.violations(as_it_was, 1, policy)
    blocking = {name: len(violated[name]) for name in oracle.BLOCKING_INVARIANTS if violated[name]}

    migrate(database, 1, policy, steps=MIGRATION[:3], allow_invalid=True)
    before = everything(database, but_runs=True)
    refusal = None
    try:
        migrate(database, 1, policy, steps=["meter_balances"])
    except BlockedByInvariants as error:
        refusal = error

    with database.snapshot() as connection:
        run = runs_of(connection, SCHEMA, "first")["meter_balances"]
    if blocking:
        assert refusal is not None
        assert {name: count for name, (count, _) in refusal.violated.items()} == blocking
        assert (run.outcome, run.rows_changed, run.message) == (BLOCKED, 0, str(refusal))
        assert everything(database, but_runs=True) == before
        migrate(database, 1, policy, steps=["meter_balances"], allow_invalid=True)
    else:
        assert refusal is None
        assert run.outcome == SUCCEEDED
    with database.snapshot() as connection:
        assert comparable(read(connection, SCHEMA)) == comparable(expected)
        assert journal_of(connection, SCHEMA, "meter_balances", "first") == changes["meter_balances"].rows


@pytest.mark.slow
def test_debt_carried_forward_is_owed_once_and_by_invoice_totals_twice(billing_url: str) -> None:
    """1,000.00 is billed, closed and brought forward to an invoice of another 500.00."""
    rows = ledger(
        [invoice(1, "1000.00", day=date(2024, 1, 31)), invoice(2, "500.00", "1000.00", day=date(2024, 2, 29))], []
    )
    database = start_over(billing_url, SCHEMA, rows)
    migrate(database, 1)
    assert row_of(database, "meters", 1)["balance"] == Decimal("1500.00")
    migrate(database, 1, Policy(balance_basis=BalanceBasis.invoice_totals), run_id="by totals", policy_changed=True)
    assert row_of(database, "meters", 1)["balance"] == Decimal("2500.00")


# The backup


@pytest.mark.slow
def test_the_first_backup_of_a_customer_stays_and_later_customers_are_added(billing_url: str) -> None:
    database = start_over(billing_url, SCHEMA, owing_20())
    migrate(database, 1, run_id="first")
    with database.transaction() as connection:
        connection.execute(text("UPDATE customers SET balance = 99 WHERE id = 1"))
        newcomer = {"id": 3, "tenant_id": 1, "name": "Newcomer", "balance": Decimal("5.00"), "overpayment": None}
        connection.execute(insert(SCHEMA.table("customers")), [newcomer])

    reports = migrate(database, 1, run_id="second")

    assert reports[BACKUP].changed == 1
    with database.snapshot() as connection:
        kept = {row["customer_id"]: (row["balance"], row["run_id"]) for row in read(connection, SCHEMA)[BACKUP]}
    assert kept == {1: (Decimal("7.00"), "first"), 3: (Decimal("5.00"), "second")}


# Rows that others write at the same moment


@pytest.mark.parametrize(
    ("step", "table", "row_id", "column", "meanwhile"),
    [
        ("payment_meter_ids", "payments", 11, "meter_id", 2),
        ("invoice_amounts", "invoices", 11, "amount", Decimal("1.00")),
        ("meter_balances", "meters", 1, "balance", Decimal("5.00")),
    ],
)
def test_a_row_that_no_longer_holds_what_was_journaled_rolls_the_step_back_whole(
    billing_url: str, step: str, table: str, row_id: int, column: str, meanwhile: Any
) -> None:
    database = start_over(billing_url, SCHEMA, owing_20())
    migrate(database, 1, steps=MIGRATION[: MIGRATION.index(step)])
    before = everything(database, but_runs=True)
    stored = row_of(database, table, row_id).get(column)
    changed = SCHEMA.table(table)

    def change(connection: Connection) -> None:
        connection.execute(changed.update().where(changed.c.id == row_id).values({column: meanwhile}))

    with after_journaling(database, step, change), pytest.raises(ConcurrentModification) as raised:
        migrate(database, 1, steps=[step])

    assert (raised.value.journaled, raised.value.updated) == (1, 0)
    assert raised.value.rows[0][f"expected_{column}"] == stored
    assert raised.value.rows[0][f"found_{column}"] == meanwhile
    assert f"found_{column} {raised.value.rows[0][f'found_{column}']}" in str(raised.value)
    assert everything(database, but_runs=True) == before
    with database.snapshot() as connection:
        run = runs_of(connection, SCHEMA, "first")[step]
    assert (run.outcome, run.message) == (FAILED, str(raised.value))


@pytest.mark.slow
def test_a_row_that_is_gone_when_it_should_be_written_rolls_the_step_back_whole(billing_url: str) -> None:
    database = start_over(billing_url, SCHEMA, owing_20())
    migrate(database, 1, steps=MIGRATION[:3])
    before = everything(database, but_runs=True)

    def delete(connection: Connection) -> None:
        connection.execute(text("DELETE FROM meters WHERE id = 1"))

    with (
        after_journaling(database, "meter_balances", delete),
        pytest.raises(ConcurrentModification, match=r"expected to update 1 rows, updated 0.*rows were deleted"),
    ):
        migrate(database, 1, steps=["meter_balances"])
    assert everything(database, but_runs=True) == before


def test_a_step_whose_rows_others_change_is_made_again_on_what_they_wrote(postgres_url: str) -> None:
    database = start_over(postgres_url, SCHEMA, owing_20())
    migrate(database, 1, steps=MIGRATION[:3])
    attempts = 0

    def commit_another_balance_once(_: Connection) -> None:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            with BillingDatabase(postgres_url).engine.begin() as other:
                other.execute(text("UPDATE meters SET balance = 5 WHERE id = 1"))

    with after_journaling(database, "meter_balances", commit_another_balance_once):
        report = migrate(database, 1, steps=["meter_balances"])["meter_balances"]

    assert (attempts, report.changed) == (2, 1)
    assert report.sums["balance"].before == Decimal("5.00")
    with database.snapshot() as connection:
        [journaled] = journal_of(connection, SCHEMA, "meter_balances", "first").values()
    assert (journaled.before["balance"], journaled.after["balance"]) == (Decimal("5.00"), Decimal("20.00"))
    assert row_of(database, "meters", 1)["balance"] == Decimal("20.00")


def test_a_step_whose_rows_others_change_every_time_gives_up_and_says_so(postgres_url: str) -> None:
    database = start_over(postgres_url, SCHEMA, owing_20())
    migrate(database, 1, steps=MIGRATION[:3])
    attempts = 0

    def commit_another_balance(_: Connection) -> None:
        nonlocal attempts
        attempts += 1
        with BillingDatabase(postgres_url).engine.begin() as other:
            other.execute(text("UPDATE meters SET balance = balance + 5 WHERE id = 1"))

    with (
        after_journaling(database, "meter_balances", commit_another_balance),
        pytest.raises(StepError, match=r"rolled back.*Other programs write these rows: run the tenant again"),
    ):
        migrate(database, 1, steps=["meter_balances"])

    assert attempts == ATTEMPTS
    assert row_of(database, "meters", 1)["balance"] == 5 * ATTEMPTS
    with database.snapshot() as connection:
        assert journal_of(connection, SCHEMA, "meter_balances", "first") == {}
        assert runs_of(connection, SCHEMA, "first")["meter_balances"].outcome == FAILED


# The tenant's lock


@pytest.mark.slow
@pytest.mark.every_engine
def test_a_second_run_on_a_tenant_is_refused_and_told_of_the_first(billing_url: str) -> None:
    first, second = start_over(billing_url, SCHEMA, owing_20()), BillingDatabase(billing_url)
    refused: list[TenantLocked] = []

    def start_a_second_run(_: Connection) -> None:
        second.lock(tenant(2))
        second.release()
        with pytest.raises(TenantLocked, match=r"first.* step payment_meter_ids .*20.* UTC") as raised:
            migrate(second, 1, run_id="second")
        refused.append(raised.value)

    with after_journaling(first, "payment_meter_ids", start_a_second_run):
        migrate(first, 1, steps=["payment_meter_ids"])

    assert [(error.tenant_id, error.owner) for error in refused] == [("1", "first")]
    with first.snapshot() as connection:
        assert runs_of(connection, SCHEMA, "second") == {}
    assert migrate(second, 1, run_id="second")["meter_balances"].changed == 1


def test_a_held_tenant_can_be_taken_after_its_release_and_others_before(billing_url: str) -> None:
    first, second = start_over(billing_url, SCHEMA, owing_20()), BillingDatabase(billing_url)
    first.lock(tenant(1))
    first.lock(tenant(1))
    second.lock(tenant(2))
    with pytest.raises(TenantLocked, match="Tenant 1 is being changed by another run"):
        second.lock(tenant(1))
    first.release()
    with pytest.raises(TenantLocked):  # what was refused stays refused, so that none of its later steps is made
        second.lock(tenant(1))
    second.release()
    second.lock(tenant(1))
    second.release()


def _migrate_until_killed(url: str, in_the_middle: Any) -> None:
    """Run in a process of its own: stop for good between the record of meter_balances and its update."""

    def stop(_: Connection) -> None:
        in_the_middle.set()
        time.sleep(3600)

    database = BillingDatabase(url)
    with after_journaling(database, "meter_balances", stop):
        migrate(database, 1, run_id="killed")


def _hold_soon(database: BillingDatabase, tenant_id: int) -> None:
    """Take a tenant whose holder has died: a server may notice that a moment later."""
    deadline = time.monotonic() + SECONDS_TO_NOTICE_A_DEATH
    while True:
        try:
            return database.lock(tenant(tenant_id))
        except TenantLocked:
            if time.monotonic() > deadline:
                raise
            database.release()
            time.sleep(0.05)


@pytest.mark.slow
def test_a_run_that_is_killed_leaves_nothing_of_its_step_and_lets_go_of_its_tenant(billing_url: str) -> None:
    database = start_over(billing_url, SCHEMA, owing_20())
    processes = multiprocessing.get_context("spawn")
    in_the_middle = processes.Event()
    killed = processes.Process(target=_migrate_until_killed, args=(billing_url, in_the_middle))
    killed.start()
    try:
        assert in_the_middle.wait(60)
        with pytest.raises(TenantLocked, match=r"killed.* step meter_balances"):
            BillingDatabase(billing_url).lock(tenant(1))
    finally:
        killed.kill()
        killed.join()

    _hold_soon(database, 1)
    assert row_of(database, "meters", 1)["balance"] == 0
    reports = migrate(database, 1, run_id="after")

    assert [reports[step].changed for step in MIGRATION] == [0, 0, 0, 1]
    with database.snapshot() as connection:
        assert journal_of(connection, SCHEMA, "meter_balances", "killed") == {}
        outcomes = [runs_of(connection, SCHEMA, "killed")[step].outcome for step in MIGRATION]
    assert outcomes == [SUCCEEDED, SUCCEEDED, SUCCEEDED, INTERRUPTED]


# Large, small and many amounts


@pytest.mark.every_engine
def test_the_largest_amount_is_exact_where_the_column_holds_it(billing_url: str) -> None:
    database = start_over(billing_url, SCHEMA, ledger([invoice(1, str(HUGE))], []))
    migrate(database, 1)
    assert row_of(database, "meters", 1)["balance"] == Decimal("99999999999.99")
    assert row_of(database, "invoices", 11)["total_amount"] == Decimal("99999999999.99")


def test_a_column_too_small_is_named_with_the_row_and_its_value_and_nothing_is_left_behind(postgres_url: str) -> None:
    database = start_over(postgres_url, SCHEMA, ledger([invoice(1, "12345.67")], []))
    with database.transaction() as connection:
        connection.execute(text("ALTER TABLE meters ALTER COLUMN balance TYPE DECIMAL(6, 2)"))
    foreseen = preview(database, tenant(1), DEFAULT)
    migrate(database, 1, steps=MIGRATION[:3])
    before = everything(database, but_runs=True)

    with pytest.raises(ColumnTooSmall) as raised:
        migrate(database, 1, steps=["meter_balances"])

    error = raised.value
    assert (error.table, error.column, error.row_id, error.value) == ("meters", "balance", 1, Decimal("12345.67"))
    assert "meters.balance is NUMERIC(6, 2) and cannot hold 12,345.67 of row 1" in str(error)
    assert everything(database, but_runs=True) == before
    assert foreseen.obstacles == [str(error)]
    assert foreseen.would_fail


@pytest.mark.slow
@pytest.mark.by_default("sqlite")
def test_many_small_amounts_add_up_to_the_cent(billing_url: str) -> None:
    """0.10 and 0.07 have no exact binary form: as floats their sum drifts."""
    database = start_over(billing_url, SCHEMA, owing_20(of=2))
    with database.transaction() as connection:
        connection.execute(
            text(
                "INSERT INTO payments (id, tenant_id, customer_id, meter_id, amount) "
                f"WITH digits(n) AS ({' UNION ALL '.join(f'SELECT {n}' for n in range(10))}), "
                "numbers(n) AS (SELECT a.n + 10 * b.n + 100 * c.n + 1000 * d.n + 10000 * e.n + 100000 * f.n "
                "FROM digits a, digits b, digits c, digits d, digits e, digits f WHERE f.n < 2) "
                "SELECT 1000 + n, 1, 1, 1, CASE n % 2 WHEN 0 THEN 0.10 ELSE 0.07 END FROM numbers"
            )
        )
    report = migrate(database, 1, steps=["meter_balances"], allow_invalid=True)["meter_balances"]
    meter = row_of(database, "meters", 1)
    assert (meter["balance"], meter["overpayment"], meter["total_paid"]) == (
        Decimal("0.00"),
        Decimal("17000.00"),
        Decimal("17000.00"),
    )
    assert report.sums["total_paid"].after == Decimal("17000.00")


# How much is asked of the database


def _statements_by_step(url: str, customers: int) -> dict[str, int]:
    database = start_over(url, SCHEMA, {})
    with database.transaction() as connection:
        fill(connection, SCHEMA, DemoSize(tenants=1, customers=customers, months=1), seed=1)
    counts = {}
    with statements() as sent:
        preview(database, tenant(1), DEFAULT)
    counts["preview"] = len(sent)
    for step in MIGRATION:
        with statements() as sent:
            migrate(database, 1, steps=[step])
        # PostgreSQL is asked for fresh statistics where many rows were journaled: once, however many they are.
        of_journals = [one for one in sent if one.startswith("ANALYZE") and "temp." not in one]
        counts[step] = len(sent) - len(of_journals)
        assert len(of_journals) <= 1
    return counts


@pytest.mark.slow
@pytest.mark.by_default("sqlite")
def test_the_number_of_statements_does_not_depend_on_the_number_of_rows(
    billing_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(temporary_tables, "FEW_ROWS", 0)
    assert _statements_by_step(billing_url, customers=10) == _statements_by_step(billing_url, customers=1_000)


def test_a_tenant_is_planned_well_where_nothing_is_known_about_its_tables(postgres_url: str) -> None:
    """A database that was just restored has no statistics: nested loops would then take minutes for so few rows."""
    database = start_over(postgres_url, SCHEMA, {})
    with database.transaction() as connection:
        fill(connection, SCHEMA, DemoSize(tenants=1, customers=50, months=2), seed=1)
    patience = {"options": f"-c statement_timeout={SECONDS_FOR_A_STATEMENT * 1000}"}
    impatient = BillingDatabase(make_url(postgres_url).set(query=patience).render_as_string(hide_password=False))
    foreseen = preview(impatient, tenant(1), DEFAULT)
    made = migrate(impatient, 1)
    assert [step.changed for step in foreseen.steps] == [made[step].changed for step in MIGRATION]


def _work_by_step(file: Path, customers: int) -> dict[str, int]:
    """Return how many thousands of instructions SQLite's machine needs for the preview, and for each step."""
    database = start_over(f"sqlite:///{file}", SCHEMA, {})
    with database.transaction() as connection:
        fill(connection, SCHEMA, DemoSize(tenants=1, customers=customers, months=1), seed=1)
        engine_of(connection).analyze_if_never(connection)
    instructions = 0

    def count() -> None:
        nonlocal instructions
        instructions += 1

    for engine in (database.engine, database.reader):
        event.listen(engine, "connect", lambda connection, _: connection.set_progress_handler(count, 1_000))
    work = {}
    preview(database, tenant(1), DEFAULT)
    work["preview"], instructions = instructions, 0
    for step in MIGRATION:
        migrate(database, 1, steps=[step])
        work[step], instructions = instructions, 0
    return work


@pytest.mark.slow
def test_work_grows_with_the_rows_and_not_with_their_square_on_sqlite(tmp_path: Path) -> None:
    """Four times the rows may cost six times the work, for sorting; nested loops over whole tables cost 16 times."""
    few, many = (_work_by_step(tmp_path / f"{customers}.db", customers) for customers in (150, 600))
    times = {step: round(many[step] / few[step], 1) for step in few}
    assert {step: found for step, found in times.items() if found > 6} == {}


# Databases of other shapes


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES)
@ON_A_FIFTH
@given(rows=billing_databases(), policy=policies())
def test_a_database_of_another_shape_is_migrated_by_the_same_rules(
    billing_url: str, shape: str, rows: Database, policy: Policy
) -> None:
    schema, reshaped, tenant_id = SHAPES[shape]
    database = start_over(billing_url, schema, reshaped(rows))
    with database.snapshot() as connection:
        loaded = read(connection, schema)
    expected, changes = oracle.migrated(loaded, tenant_id, policy)

    migrate(database, tenant_id, policy, allow_invalid=True)

    with database.snapshot() as connection:
        assert comparable(read(connection, schema)) == comparable(expected)
        for step in MIGRATION:
            assert journal_of(connection, schema, step, "first") == changes[step].rows, step


# A role that may only read


@pytest.fixture
def reader_url(postgres_url: str) -> Iterator[str]:
    """The URL of a billing database for a role that may read its tables and nothing else."""
    database = start_over(postgres_url, SCHEMA, owing_20())
    role = f"reader_{uuid4().hex}"
    with database.engine.begin() as connection:
        connection.execute(text(f"CREATE ROLE {role} LOGIN"))
        connection.execute(text(f"GRANT USAGE ON SCHEMA public TO {role}"))
        connection.execute(text(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}"))
    yield make_url(postgres_url).set(username=role).render_as_string(hide_password=False)
    with database.engine.begin() as connection:
        connection.execute(text(f"DROP OWNED BY {role}"))
        connection.execute(text(f"DROP ROLE {role}"))


def test_a_role_that_may_only_read_can_preview_and_is_refused_a_live_run(postgres_url: str, reader_url: str) -> None:
    owner, reader = BillingDatabase(postgres_url), BillingDatabase(reader_url)
    before = everything(owner)

    assert [step.changed for step in preview(reader, tenant(1), DEFAULT).steps] == [1, 1, 1, 1]
    with pytest.raises(NotWritable, match=r"may not update payments\.meter_id.*may not create.*A dry run only reads"):
        reader.require_writable()
    with pytest.raises(StepError, match=r"was rolled back: permission denied .*grants migrate ROLE"):
        migrate(reader, 1)

    assert everything(owner) == before
    with owner.snapshot() as connection:
        assert set(dump(connection)) == set(SCHEMA.tables)
    owner.require_writable()
