"""Watching migrated tenants: what a pass finds, whom a quick pass judges, what drift is called, what Dagster has after.

How people are told is in `test_alerts`.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any
from uuid import uuid4

import dagster as dg
import pytest
from dagster._core.storage.event_log import SqlEventLogStorage
from dagster_postgres import PostgresEventLogStorage
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, insert, make_url, text, update

from bench.watching import make_migrated_tenants, record_materializations
from meter_assets.billing.columns import REQUIRED_COLUMNS, UPDATED_AT_COLUMN
from meter_assets.billing.own_tables import OUTCOMES, RUNS, SUCCEEDED
from meter_assets.billing.policy import Policy
from meter_assets.billing.relations import billing_relations
from meter_assets.billing.schema import billing_tables
from meter_assets.definitions import build_definitions
from meter_assets.defs import passes
from meter_assets.defs import watching as watching_job
from meter_assets.defs.passes import baseline_key
from meter_assets.defs.results import plain_text
from meter_assets.defs.watching import watching_schedules
from meter_assets.demo.generator import DemoSize
from meter_assets.errors import InvalidSettings
from meter_assets.migration.database import BillingDatabase
from meter_assets.migration.evaluation import InvariantResult, evaluate
from meter_assets.migration.rollback import roll_back
from meter_assets.monitoring import watch as watching
from meter_assets.monitoring.watch import Baseline, Pass, Watched, watch
from meter_assets.rules.invariants import INVARIANTS, Severity
from meter_assets.runtime.instance import DAGSTER_HOME_VARIABLE, POSTGRES_URL_VARIABLE
from meter_assets.settings import CONFIG_VARIABLE
from tests.support.command_line import CommandLine, make_small_tenants
from tests.support.databases import dump, migrate, reseal, start_over, statements, tenant, write
from tests.support.ledger import invoice, ledger, payment
from tests.support.oracle import Database
from tests.support.strategies import billing_databases, policies
from tests.support.watching import BALANCES, Watch, instance_in, overwrite_a_balance

SCHEMA = billing_tables()
TIMES = billing_tables(timestamps=True)
DEFAULT = Policy.from_values({})
ON_A_FOURTH = settings(max_examples=max(2, settings().max_examples // 4))
LONG_AGO = datetime(2025, 1, 1)
CONSERVED = "money_is_conserved"
ERRORS = {one.name for one in INVARIANTS if one.severity is Severity.ERROR}


# Passes, without Dagster


def two_tenants(url: str, *, are_migrated: bool = True) -> BillingDatabase:
    """Tenants 1 and 2, who owe 20.00 and 45.00, with `updated_at` in every table, migrated long ago."""
    rows = ledger(
        [invoice(1, "30.00", of=1), invoice(1, "50.00", of=2)], [payment(1, "10.00", of=1), payment(1, "5.00", of=2)]
    )
    stamped = {name: [{**row, UPDATED_AT_COLUMN: LONG_AGO} for row in found] for name, found in rows.items()}
    path = BillingDatabase(url).file
    if path and are_migrated and _migrated_file:
        path.write_bytes(_migrated_file[0])
        return BillingDatabase(url)
    database = start_over(url, TIMES, stamped)
    if are_migrated:
        migrate(database, 1, run_id="run of one")
        migrate(database, 2, run_id="run of two")
        _migrated_file.extend([path.read_bytes()] if path else [])
    return database


_migrated_file: list[bytes] = []
"""The SQLite file of these tenants once they are migrated: copied from then on."""


def look(
    database: BillingDatabase, earlier: Pass | None = None, *, full: bool = False, policy: Policy = DEFAULT
) -> Pass:
    """Make a pass; the baseline of an earlier one goes through JSON, as it is kept."""
    baseline = Baseline.model_validate_json(earlier.baseline.model_dump_json()) if earlier else None
    tenants = database.every_tenant()
    with database.snapshot() as connection:
        return watch(connection, database.schema(connection), tenants, policy, baseline, full=full)


def look_twice(database: BillingDatabase, earlier: Pass | None = None) -> Pass:
    """Make two passes, after which a quick one judges none but for what has changed since."""
    return look(database, look(database, earlier))


def evaluated(found: Pass) -> list[str]:
    return [one.tenant.key for one in found.watched]


def of(found: Pass, key: str) -> Watched:
    return next(one for one in found.watched if one.tenant.key == key)


def broken(found: Pass, key: str) -> set[str]:
    """The invariants of severity ERROR that a tenant breaks."""
    return {one.name for one in of(found, key).results if not one.passed} & ERRORS


def add_payment(database: BillingDatabase, number: int, amount: str, *, to: int = 2) -> None:
    """Insert a payment to a tenant's meter, whose balance stays as it is."""
    row = {**payment(number, amount, of=to), "meter_id": to, UPDATED_AT_COLUMN: datetime(2025, 6, 1, 12, 30)}
    with database.transaction() as connection:
        connection.execute(insert(TIMES.table("payments")), row)


def comparable(results: list[InvariantResult]) -> list[dict[str, Any]]:
    """Return results with their samples in one order: of rows with the same subject either may come first."""
    return [{**one.model_dump(), "samples": sorted(one.samples, key=str)} for one in results]


def record_as_migrated(connection: Connection, *ids: Any, policy: Policy = DEFAULT) -> None:
    runs = SCHEMA.make_own_tables(connection).own[RUNS]
    rest = {"run_id": "made up", "step": "meter_balances", "outcome": SUCCEEDED}
    rest["policy"] = policy.model_dump_json()
    made = {**rest, "software_version": "1.0.0", "started_at": LONG_AGO, "finished_at": LONG_AGO}
    connection.execute(insert(runs), [{**made, "tenant_id": one} for one in ids])


@pytest.mark.slow
@pytest.mark.by_default("sqlite")
@pytest.mark.parametrize("named", [1, 200], ids=["all evaluated", "tenants named"])
@ON_A_FOURTH
@given(rows=billing_databases(), policy=policies())
def test_a_pass_finds_of_each_tenant_what_judging_it_alone_finds(
    billing_url: str, named: int, rows: Database, policy: Policy
) -> None:
    """Whether the tenants are named in the statements, or all are evaluated since they are too many."""
    database = start_over(billing_url, SCHEMA, rows)
    migrate(database, 1, policy, allow_invalid=True)
    last = rows["tenants"][-1]["id"]
    with database.transaction() as connection:
        record_as_migrated(connection, last, policy=policy)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(watching, "NAMED_TENANTS", named)
        found = look(database, policy=policy)
    assert evaluated(found) == ["1", str(last)]
    with database.snapshot() as connection:
        schema = database.schema(connection)
        for one in found.watched:
            alone = evaluate(connection, INVARIANTS, billing_relations(schema, policy, one.tenant.id))
            assert comparable(list(one.results)) == comparable(alone)


@pytest.mark.slow
def test_the_number_of_statements_does_not_grow_with_the_tenants_healthy_or_failing(
    billing_url: str, tmp_path: Path
) -> None:
    sent = {}
    for tenants in (2, 7):
        database = start_over(billing_url, TIMES, {})
        write(database, *(f"DROP TABLE {name}" for name in REQUIRED_COLUMNS))
        make_migrated_tenants(database, DemoSize(tenants, 1, 2))
        with statements() as of_healthy:
            first = look(database)
        write(database, "UPDATE meters SET balance = balance + 1")
        with statements() as of_failing:
            second = look(database, first, full=True)
        with statements() as of_quick:
            third = look(database, second)
        assert [len(one.watched) for one in (first, second, third)] == [tenants] * 3
        assert not any(broken(first, one.tenant.key) for one in first.watched)
        assert all(BALANCES in broken(third, one.tenant.key) and one.first_change for one in third.watched)
        sent[tenants] = [len(one) for one in (of_healthy, of_failing, of_quick)]
    assert sent[2] == sent[7]


@pytest.mark.slow
def test_tenants_that_failed_first_in_different_passes_are_named_in_the_same_statements(billing_url: str) -> None:
    database = two_tenants(billing_url)
    first = look(database)
    add_payment(database, 2, "1.00", to=1)
    second = look(database, first)
    with statements() as of_one:
        look(database, first, full=True)
    add_payment(database, 2, "2.00", to=2)
    with statements() as of_both:
        third = look(database, second, full=True)
    assert "payment 12 of 1.00" in str(of(third, "1").first_change)
    assert "payment 22 of 2.00" in str(of(third, "2").first_change)
    assert third.baseline.failing["1"].marks != third.baseline.failing["2"].marks
    assert len(of_both) == len(of_one)


@pytest.mark.slow
def test_only_tenants_are_judged_that_are_migrated_and_were_not_rolled_back_since(billing_url: str) -> None:
    database = two_tenants(billing_url, are_migrated=False)
    assert evaluated(look(database)) == []
    migrate(database, 1, steps=["payment_meter_ids", "invoice_amounts"])
    assert evaluated(look(database)) == []
    migrate(database, 1, run_id="the rest")
    migrate(database, 2)
    assert evaluated(look(database)) == ["1", "2"]
    list(roll_back(database, tenant(1), "undo", DEFAULT))
    database.release()
    assert evaluated(look(database)) == ["2"]
    migrate(database, 1, run_id="again")
    assert evaluated(look(database)) == ["1", "2"]


# Drift


class Clock(datetime):
    """A clock that is an hour later whenever it is asked."""

    hours = 0

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> "Clock":
        """Return the next hour."""
        cls.hours += 1
        return cls(2125, 7, 1, tzinfo=tz) + timedelta(hours=cls.hours)


STAMP = "updated_at = '2025-06-01 12:30:00'"
CHANGED = "was inserted or updated at 2025-06-01 12:30:00"
FIRST = "the first change since the tenant's balances were last found correct"
LEFT = 'run "run of two" wrote a net balance of 45.00, 44.00 was found'
DRIFTS = {
    "payment inserted": (
        None,
        f"payment 22 of 7.50 on meter 2 {CHANGED}, and the meter's net balance is off by exactly this amount",
    ),
    "payment changed": (
        f"UPDATE payments SET amount = 6, {STAMP} WHERE id = 21",
        f"payment 21 of 6.00 on meter 2 {CHANGED}, {FIRST}",
    ),
    "invoice changed": (
        f"UPDATE invoices SET amount = 51, total_amount = 51, {STAMP} WHERE id = 21",
        f"invoice 21 of 51.00 on meter 2 {CHANGED}, {FIRST}",
    ),
    "invoice cancelled": (
        f"UPDATE invoices SET status = 'cancelled', {STAMP} WHERE id = 21",
        f"invoice 21 of 50.00 on meter 2 {CHANGED}, and the meter's net balance is off by exactly this amount",
    ),
    "balance overwritten": (
        "UPDATE meters SET balance = 44 WHERE id = 2",
        f"meter 2 itself was updated: {LEFT}",
    ),
    "balance overwritten, and the meter says when": (
        f"UPDATE meters SET balance = 44, {STAMP} WHERE id = 2",
        f"meter 2 itself was updated, last at 2025-06-01 12:30:00: {LEFT}",
    ),
    "payment deleted, which tables cannot show": ("DELETE FROM payments WHERE id = 21", None),
}


def named(found: Pass, key: str) -> str | None:
    """Return what is said to have broken a tenant; with its times as PostgreSQL says them."""
    said = of(found, key).first_change
    return said and said.replace(".000000", "")


@pytest.mark.slow
@pytest.mark.parametrize("drift", DRIFTS)
def test_what_made_a_balance_wrong_is_named(billing_url: str, drift: str) -> None:
    statement, expected = DRIFTS[drift]
    database = two_tenants(billing_url)
    before = look(database)
    assert (broken(before, "1"), broken(before, "2")) == (set(), set())
    if statement is None:
        add_payment(database, 2, "7.50")
    else:
        write(database, statement)
    found = look(database, before, full=True)
    assert broken(found, "1") == set()
    assert {BALANCES, CONSERVED} <= broken(found, "2")
    assert named(found, "2") == expected
    assert named(found, "1") is None


SEVERAL = {
    "a later invoice": (
        "UPDATE invoices SET amount = 51, total_amount = 51, updated_at = '2025-06-02' WHERE id = 21",
        f"payment 22 of 7.50 on meter 2 {CHANGED}, {FIRST}",
    ),
    "an earlier invoice": (
        "UPDATE invoices SET amount = 51, total_amount = 51, updated_at = '2025-05-31 00:00:00' WHERE id = 21",
        f"invoice 21 of 51.00 on meter 2 was inserted or updated at 2025-05-31 00:00:00, {FIRST}",
    ),
    "a payment that does not say when": (
        "INSERT INTO payments (id, tenant_id, customer_id, meter_id, amount) VALUES (99, 2, 2, 2, 2)",
        f"payment 22 of 7.50 on meter 2 {CHANGED}, {FIRST}",
    ),
}


@pytest.mark.slow
@pytest.mark.by_default("sqlite")
@pytest.mark.parametrize("other", SEVERAL)
def test_the_first_of_several_changes_is_named_and_stays_named(billing_url: str, other: str) -> None:
    statement, expected = SEVERAL[other]
    database = two_tenants(billing_url)
    first = look(database)
    add_payment(database, 2, "7.50")
    second = look(database, first)
    write(database, statement)
    assert named(look(database, second), "2") == expected


@pytest.mark.slow
@pytest.mark.by_default("sqlite")
def test_a_payment_that_was_booked_is_not_taken_for_one_that_was_not(billing_url: str) -> None:
    database = two_tenants(billing_url)
    first = look(database)
    add_payment(database, 2, "7.50")
    write(database, "UPDATE meters SET balance = 37.5 WHERE id = 2")
    add_payment(database, 3, "1.00")
    assert str(named(look(database, first), "2")).startswith(f"payment 23 of 1.00 on meter 2 {CHANGED}, and")


@pytest.mark.slow
@pytest.mark.by_default("sqlite")
def test_every_meter_that_is_wrong_is_looked_into(billing_url: str) -> None:
    """Of more meters than a check shows: the last one has the earliest change."""
    database = two_tenants(billing_url)
    meters = range(200, 212)
    columns = "meters (id, tenant_id, meter_number, status, balance, overpayment)"
    write(database, *(f"INSERT INTO {columns} VALUES ({one}, 2, 'M{one}', 'active', 0, 0)" for one in meters))
    first = look(database)
    columns = "payments (id, tenant_id, customer_id, meter_id, amount, updated_at)"
    made = ((one, f"2025-06-{230 - one} 12:30:00") for one in meters)
    write(database, *(f"INSERT INTO {columns} VALUES ({one}, 2, 2, {one}, 1, '{at}')" for one, at in made))
    assert str(named(look(database, first), "2")).startswith(
        "payment 211 of 1.00 on meter 211 was inserted or updated at"
    )


@pytest.mark.slow
def test_what_came_before_balances_were_last_written_is_not_named(billing_url: str) -> None:
    """At the very first pass, and when a migration has fixed a tenant between two passes."""
    database = two_tenants(billing_url)
    add_payment(database, 2, "7.50")
    found = look(database)
    assert (BALANCES in broken(found, "2"), named(found, "2")) == (True, None), "no pass has found it right"
    late = "UPDATE payments SET updated_at = '2125-06-01 12:30:00' WHERE id = 22"
    write(database, late)
    assert "payment 22 of 7.50" in str(named(look(database), "2")), "it came after meter_balances had found it right"

    long_ago = "2025-06-01T00:00:00+00:00"
    found.baseline.failing["2"].since.update({BALANCES: long_ago, CONSERVED: long_ago})
    warned = dict.fromkeys(set(of(found, "2").since) - ERRORS, long_ago)
    found.baseline.failing["2"].since.update(warned)
    assert of(look(database, found), "2").since == {BALANCES: long_ago, CONSERVED: long_ago, **warned}
    migrate(database, 2, run_id="fixed")
    add_payment(database, 3, "1.00")
    write(database, "UPDATE payments SET updated_at = '2125-06-02 12:30:00' WHERE id = 23")
    found = look(database, found)
    since = of(found, "2").since
    assert min(since[BALANCES], since[CONSERVED]) > long_ago
    assert {name: since[name] for name in warned} == warned
    assert "payment 23 of 1.00" in str(named(found, "2"))


@pytest.mark.slow
def test_a_meter_that_was_written_and_has_had_a_payment_is_told_with_both(billing_url: str) -> None:
    database = two_tenants(billing_url)
    first = look(database)
    add_payment(database, 2, "7.50")
    write(database, "UPDATE meters SET balance = 44 WHERE id = 2")
    said = str(of(look(database, first), "2").first_change)
    assert "payment 22 of 7.50" in said
    assert 'meter 2 itself was updated: run "run of two" wrote a net balance of 45.00, 44.00 was found' in said


@pytest.mark.slow
def test_since_when_stays_the_same_and_is_new_after_a_recovery(
    billing_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "datetime", Clock)
    database = two_tenants(billing_url)
    found = look(database)
    write(database, "UPDATE meters SET balance = 44 WHERE id = 2")
    seen = []
    for _ in range(3):
        found = look(database, found, full=True)
        seen.append(of(found, "2").since[BALANCES])
    assert len(set(seen)) == 1
    assert of(found, "1").since.get(BALANCES) is None

    migrate(database, 2, run_id="fixed")
    found = look(database, found)
    assert broken(found, "2") == set()
    assert BALANCES not in of(found, "2").since
    write(database, "UPDATE meters SET balance = 44 WHERE id = 2")
    found = look(database, found, full=True)
    assert of(found, "2").since[BALANCES] > seen[0]


# Who came later


def without_backup(database: BillingDatabase) -> list[str]:
    """Return the customers who are said to lack a backup, in a quick pass's manner and tenant by tenant."""
    with database.snapshot() as connection:
        schema = database.schema(connection)
        invariants = [one for one in INVARIANTS if one.name == "every_customer_has_a_backup"]
        found = [evaluate(connection, invariants, billing_relations(schema, Policy(), tenant)) for tenant in (1, 2)]
    each = [row["customer_id"] for [result] in found for row in result.samples]
    watched = [result for one in look(database).watched for result in one.results if result.name == invariants[0].name]
    if watched:
        assert [row["customer_id"] for result in watched for row in result.samples] == each
    return each


@pytest.mark.slow
def test_a_customer_who_came_after_the_backup_needs_none(billing_url: str) -> None:
    database = two_tenants(billing_url)
    columns = "customers (id, tenant_id, name, balance, overpayment)"
    write(database, f"INSERT INTO {columns} VALUES (71, 1, 'Lena Ibsen', 9, 0), (72, 2, 'Olu Mbeki', 9, 0)")
    assert without_backup(database) == []

    write(database, "DELETE FROM customer_balances_backup WHERE tenant_id = 2")
    assert without_backup(database) == ["2", "72"]
    backup = f"SELECT id FROM {RUNS} WHERE tenant_id = 1 AND step LIKE '%backup'"
    write(database, f"UPDATE {OUTCOMES} SET outcome = 'interrupted' WHERE step_run_id IN ({backup})")
    reseal(database)
    assert without_backup(database) == ["71", "2", "72"], "a backup that is half made says nothing of who came later"


# Quick passes


STAMPED = [name for name in REQUIRED_COLUMNS if name != "tenants"]


@pytest.mark.slow
@pytest.mark.by_default("sqlite")
@pytest.mark.parametrize("table", STAMPED)
def test_a_row_with_a_later_time_has_its_tenant_judged_and_no_other(billing_url: str, table: str) -> None:
    database = two_tenants(billing_url)
    write(database, "UPDATE invoice_bills SET tenant_id = NULL")  # a line need not say whose it is: its invoice does
    found = look_twice(database)
    assert evaluated(found) == ["1", "2"], "the second pass too: what the first one did not see may show to no other"
    found = look(database, found)
    assert evaluated(found) == []
    assert [one.key for one in found.unchanged] == ["1", "2"]
    with database.transaction() as connection:
        rows = TIMES.table(table)
        own = rows.c.invoice_id == 21 if table == "invoice_bills" else rows.c.tenant_id == 2
        connection.execute(update(rows).where(own).values({UPDATED_AT_COLUMN: datetime(2025, 6, 1)}))
    for expected in (["2"], ["2"], []):
        found = look(database, found)
        assert evaluated(found) == expected


@pytest.mark.slow
def test_a_row_with_a_higher_id_has_its_tenant_judged_without_any_time(billing_url: str) -> None:
    database = two_tenants(billing_url)
    first = look_twice(database)
    write(database, "INSERT INTO payments (id, tenant_id, customer_id, meter_id, amount) VALUES (99, 2, 2, 2, 1)")
    found = look(database, first)
    assert evaluated(found) == ["2"]
    assert BALANCES in broken(found, "2")


LATE = {
    "a lower id": ("NULL", "NULL"),
    "an earlier time": ("now() at time zone 'utc' - interval '90 seconds'", "now() at time zone 'utc'"),
    "the same second, in a time zone in the west": ("TIMESTAMP '2025-06-01 07:00:00'",) * 2,
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("late", "passes_before"), [*((late, 2) for late in LATE), ("a lower id", 1), ("a lower id", 0)]
)
def test_what_was_not_yet_committed_at_a_pass_is_found_by_the_next(
    postgres_url: str, late: str, passes_before: int
) -> None:
    """Whichever pass it is: the very first, the second, a later one."""
    database = two_tenants(postgres_url)
    found = None
    for _ in range(passes_before):
        found = look(database, found)
    columns = "payments (id, tenant_id, customer_id, meter_id, amount, updated_at)"
    of_long_transaction, of_short_one = LATE[late]
    with database.engine.begin() as long_transaction:
        long_transaction.execute(text(f"INSERT INTO {columns} VALUES (100, 2, 2, 2, 1, {of_long_transaction})"))
        write(database, f"INSERT INTO {columns} VALUES (101, 1, 1, NULL, 0, {of_short_one})")
        found = look(database, found)
    assert BALANCES not in broken(found, "2") if passes_before < 2 else evaluated(found) == ["1"]
    assert BALANCES in broken(look(database, found), "2")


@pytest.mark.slow
def test_rows_of_the_last_minute_are_looked_at_again_however_soon_passes_follow_each_other(billing_url: str) -> None:
    database = two_tenants(billing_url)
    stamp = "UPDATE payments SET amount = amount, updated_at = :at WHERE id = :id"
    now = datetime.now(UTC).replace(tzinfo=None)
    write(database, stamp, at=now, id=11)
    found = look_twice(database)
    write(database, stamp, at=now - timedelta(seconds=10), id=21)
    assert evaluated(look(database, found)) == ["1", "2"]


@pytest.mark.slow
def test_failing_tenants_and_new_ones_are_judged_though_nothing_shows(billing_url: str) -> None:
    """A balance that is set right again, in a table without times, shows at the next quick pass."""
    database = two_tenants(billing_url, are_migrated=False)
    migrate(database, 2)
    first = look_twice(database)
    write(database, "UPDATE meters SET balance = 44 WHERE id = 2")
    assert evaluated(look(database, first)) == [], "nothing shows it"
    found = look(database, first, full=True)
    assert BALANCES in broken(found, "2")
    write(database, "UPDATE meters SET balance = 45 WHERE id = 2")
    found = look(database, found)
    assert evaluated(found) == ["2"]
    assert broken(found, "2") == set()
    migrate(database, 1)
    found = look_twice(database, found)
    assert evaluated(found) == ["1"]
    assert evaluated(look(database, found)) == []


@pytest.mark.slow
def test_a_tenant_that_only_has_warnings_is_not_judged_again_and_keeps_since_when(
    billing_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "datetime", Clock)
    database = two_tenants(billing_url)
    first = look_twice(database)
    warned = of(first, "2").since
    assert set(warned) == {"tenant_balance_agrees_with_its_backup", "every_customer_balance_agrees_with_its_backup"}
    second = look(database, first)
    assert evaluated(second) == []
    assert of(look(database, second, full=True), "2").since == warned


@pytest.mark.slow
@pytest.mark.by_default("sqlite")
def test_all_are_judged_after_the_policy_or_the_software_has_changed(
    billing_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = two_tenants(billing_url)
    add_payment(database, 2, "7.50")
    write(database, "UPDATE payments SET status = 'cleared' WHERE id = 22")
    uncleared = Policy.from_values({"uncounted_payment_statuses": ["cleared"]})
    before = look(database, look(database, policy=uncleared), policy=uncleared)
    add_payment(database, 3, "1.00")
    write(database, "UPDATE payments SET status = 'failed' WHERE id = 23")
    found = look(database, before)
    assert evaluated(found) == ["1", "2"]
    assert (BALANCES in broken(found, "2"), named(found, "2")) == (True, None), "no row did it"
    monkeypatch.setattr(watching, "__version__", "another")
    assert evaluated(look(database, before, policy=uncleared)) == ["1", "2"]


@pytest.mark.slow
def test_what_the_tables_cannot_show_is_found_by_the_full_pass(billing_url: str) -> None:
    database = two_tenants(billing_url)
    first = look_twice(database)
    write(database, "UPDATE payments SET amount = 6 WHERE id = 21")
    quick = look(database, first)
    assert evaluated(quick) == []
    full = look(database, quick, full=True)
    assert evaluated(full) == ["1", "2"]
    assert BALANCES in broken(full, "2")


@pytest.mark.slow
def test_a_column_of_times_that_were_all_empty_shows_the_first_time_that_is_set(billing_url: str) -> None:
    database = two_tenants(billing_url)
    write(database, "UPDATE payments SET updated_at = NULL")
    first = look_twice(database)
    write(database, "UPDATE payments SET amount = 6, updated_at = '2020-01-01 00:00:00' WHERE id = 21")
    assert evaluated(look(database, first)) == ["2"]


KINDS = ["DATE", "TIMESTAMP WITH TIME ZONE", "INTEGER"]


@pytest.mark.parametrize("kind", KINDS)
def test_columns_of_times_of_other_types_do_too_or_are_left_aside(postgres_url: str, kind: str) -> None:
    """The session's time zone is not the one in which marks are kept. A number is no time that we know."""
    database = two_tenants(postgres_url)
    write(database, "ALTER TABLE payments DROP COLUMN updated_at", f"ALTER TABLE payments ADD COLUMN updated_at {kind}")
    past = "1735689600" if kind == "INTEGER" else "'2025-01-01'"
    write(database, f"UPDATE payments SET updated_at = {past}")
    name = make_url(postgres_url).database
    write(database, f"ALTER DATABASE {name} SET timezone = 'America/Los_Angeles'")
    first = look_twice(database)
    later = "1800000000" if kind == "INTEGER" else "now()"
    write(database, f"UPDATE payments SET amount = 6, updated_at = {later} WHERE id = 21")
    found = look(database, first)
    on_its_last_day = ["1"] if kind == "DATE" else []
    assert evaluated(found) == ([] if kind == "INTEGER" else [*on_its_last_day, "2"])


SHOWN = {
    "payments": "UPDATE payments SET amount = amount + 1, updated_at = :now WHERE id = :id",
    "invoice_bills": "UPDATE invoice_bills SET deleted_at = :now, updated_at = :now WHERE id = :id",
    "invoices": "UPDATE invoices SET status = 'draft', updated_at = :now WHERE id = :id",
    "meters": "UPDATE meters SET balance = 1, overpayment = 2, updated_at = :now WHERE id = :id",
    "customers": "UPDATE customers SET name = 'x', updated_at = :now WHERE id = :id",
}


@pytest.mark.every_engine
@pytest.mark.slow
@ON_A_FOURTH
@given(data=st.data(), rows=billing_databases(min_tenants=3))
def test_a_quick_pass_finds_what_a_full_one_finds_of_all_that_tables_show(
    billing_url: str, data: st.DataObject, rows: Database
) -> None:
    database = start_over(billing_url, TIMES, rows)
    ids = [one["id"] for one in rows["tenants"]]
    with database.transaction() as connection:
        record_as_migrated(connection, *ids)
        for name in STAMPED:
            connection.execute(update(TIMES.table(name)).values({UPDATED_AT_COLUMN: LONG_AGO}))
    before = look_twice(database)
    possible = [(name, row["id"]) for name in SHOWN for row in rows[name]]
    chosen = data.draw(st.lists(st.sampled_from(possible), max_size=3)) if possible else []
    for name, row_id in chosen:
        write(database, SHOWN[name], now=datetime(2025, 6, 1), id=row_id)
    quick, full = look(database, before), look(database, before, full=True)
    known = {one.tenant.key: one for one in (*before.watched, *quick.watched)}
    for one in full.watched:
        assert comparable(list(known[one.tenant.key].results)) == comparable(list(one.results))
        assert set(quick.baseline.failing) == set(full.baseline.failing)


def test_a_role_that_may_only_read_can_watch(postgres_url: str) -> None:
    database = two_tenants(postgres_url)
    name = f"watcher_{uuid4().hex[:8]}"
    write(database, f"CREATE ROLE {name} LOGIN", f"GRANT USAGE ON SCHEMA public TO {name}")
    write(database, f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {name}")
    watcher = BillingDatabase(make_url(postgres_url).set(username=name).render_as_string(hide_password=False))
    add_payment(database, 2, "7.50")
    found = look(watcher, look(watcher))
    assert BALANCES in broken(found, "2")
    write(database, f"DROP OWNED BY {name}", f"DROP ROLE {name}")


# The job, and what Dagster has afterwards


@pytest.fixture
def three(tmp_path: Path) -> Iterator[Watch]:
    """The job on three migrated tenants, all in files."""
    database = BillingDatabase(f"sqlite:///{tmp_path / 'billing.db'}")
    (tmp_path / "billing.db").touch()
    make_migrated_tenants(database, DemoSize(3, 2, 2))
    with instance_in(tmp_path / "dagster") as instance:
        yield Watch(instance, database)


def assert_one_failing_and_each_with_its_own_history(watch: Watch) -> None:
    """Pass, fail for tenant 2 alone, fail again, recover: statuses and histories are each tenant's own."""
    assert watch.run().success
    every = watch.statuses()
    assert set(every) == {"1", "2", "3"}
    assert all(set(found) == {one.name for one in INVARIANTS} for found in every.values())
    assert {status for found in every.values() for status in found.values()} == {"SUCCEEDED"}

    meter = overwrite_a_balance(watch.database, 2)
    output = watch.told(watch.run())
    assert watch.told(watch.run())["tenants_failing"] == output["tenants_failing"] == 1
    named = [record.data for record in output["failing"].records]
    assert all(str(record["tenant"]).startswith('2 "') for record in named)
    assert any(f"meter_id {meter}," in str(record) for record in named)
    failing = {name for name, status in watch.status("2").items() if status == "FAILED"} & ERRORS
    assert failing == {BALANCES, CONSERVED} | (failing & {"every_meter_balance_is_one_sided"})
    assert all(set(watch.status(key).values()) == {"SUCCEEDED"} for key in ("1", "3"))

    migrate(watch.database, 2, run_id="fixed")
    assert watch.run(full=False).success, "a quick pass is enough for what was failing"
    assert set(watch.status("2").values()) == {"SUCCEEDED"}
    ended = {key: [one.status.value for one in watch.history(BALANCES, key)] for key in ("1", "2")}
    assert ended == {"1": ["SUCCEEDED"] * 3, "2": ["SUCCEEDED", "FAILED", "FAILED", "SUCCEEDED"]}
    assert {one.partition for one in watch.history(BALANCES, "2")} == {"2"}


@pytest.mark.slow
def test_each_tenant_keeps_its_own_status_and_history(three: Watch) -> None:
    assert_one_failing_and_each_with_its_own_history(three)


@pytest.mark.slow
def test_also_with_both_databases_in_postgresql(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    database = BillingDatabase(postgres_url)
    make_migrated_tenants(database, DemoSize(3, 2, 2))
    with request.getfixturevalue("postgres_server").database() as dagsters_url:
        monkeypatch.setenv(POSTGRES_URL_VARIABLE, dagsters_url)
        with instance_in(tmp_path / "dagster") as instance:
            assert isinstance(instance.event_log_storage, PostgresEventLogStorage)
            assert_one_failing_and_each_with_its_own_history(Watch(instance, database))


@pytest.mark.slow
def test_a_check_is_of_the_latest_materialization_and_names_its_run(three: Watch) -> None:
    three.run()
    record_materializations(three.instance, [tenant(2)])
    assert set(three.status("2").values()) == {"outdated"}
    three.run()
    assert set(three.status("2").values()) == {"SUCCEEDED"}
    target = three.evaluation(BALANCES, "2").target_materialization_data
    made = three.instance.fetch_materializations(dg.AssetKey("meter_balances"), limit=1).records[0]
    assert target is not None
    assert (target.storage_id, target.run_id) == (made.storage_id, made.run_id)
    assert target.timestamp == pytest.approx(made.timestamp, abs=0.001)


@contextmanager
def during_the_next_pass(act: Callable[[], object]) -> Iterator[None]:
    """Let this happen when the next pass has seen the database and stored nothing yet."""
    look_at_all = passes.run_pass
    with pytest.MonkeyPatch.context() as patch:

        def see_and_act(*given: Any, **also: Any) -> Pass:
            patch.undo()
            found = look_at_all(*given, **also)
            act()
            return found

        patch.setattr(watching_job, "run_pass", see_and_act)
        yield


@pytest.mark.slow
def test_a_pass_is_not_about_what_was_materialized_while_it_went_on(three: Watch) -> None:
    def fix() -> None:
        migrate(three.database, 2, run_id="fixed")
        record_materializations(three.instance, [tenant(2)])

    overwrite_a_balance(three.database, 2)
    with during_the_next_pass(fix):
        three.run()
    assert set(three.status("2").values()) == {"outdated"}


@pytest.mark.slow
def test_a_pass_stores_nothing_if_another_has_that_saw_the_database_later(three: Watch) -> None:
    stored: list[Any] = []

    def watch_what_is_broken_meanwhile() -> None:
        overwrite_a_balance(three.database, 2)
        assert three.told(three.run())["results"] == "stored"
        stored.append(three.stored())

    with during_the_next_pass(watch_what_is_broken_meanwhile):
        ended = three.run()
    assert ended.success
    assert three.told(ended)["results"] == "not stored: a newer pass has already stored its own"
    assert stored == [three.stored()]
    assert three.status("2")[BALANCES] == "FAILED"


@pytest.mark.slow
def test_what_the_last_pass_left_is_left_anew_if_it_cannot_be_read(three: Watch) -> None:
    key = baseline_key(three.database)
    three.instance.daemon_cursor_storage.set_cursor_values({key: '{"failing": {"2": {"since": {}}}}'})
    for judged_and_warned in ((3, True), (3, False), (0, False)):
        ended = three.run(full=False)
        said = [one.message for one in three.instance.all_logs(ended.run_id) if f"{key} cannot be read" in one.message]
        assert (three.told(ended)["tenants_judged"], bool(said)) == judged_and_warned


def test_every_role_that_watches_a_database_goes_on_from_what_was_left() -> None:
    urls = "postgresql://one:secret@host:5432/billing?sslmode=require", "postgresql://other@host:5432/billing"
    assert {baseline_key(BillingDatabase(url)) for url in urls} == {
        "meter_assets/watching/postgresql://host:5432/billing"
    }


@pytest.mark.slow
def test_an_error_in_the_middle_stores_no_evaluation_and_keeps_the_old_baseline(three: Watch) -> None:
    three.run()
    before = three.stored()
    assert before[1]
    overwrite_a_balance(three.database, 3)
    storage = three.instance.event_log_storage
    assert isinstance(storage, SqlEventLogStorage)
    with storage.index_connection() as connection:
        refuse = "CREATE TRIGGER full BEFORE INSERT ON asset_check_executions WHEN NEW.partition = '3'"
        connection.exec_driver_sql(f"{refuse} BEGIN SELECT RAISE(ABORT, 'disk full'); END")
    assert not three.run().success
    assert three.stored() == before
    with storage.index_connection() as connection:
        connection.exec_driver_sql("DROP TRIGGER full")
    assert three.run().success
    assert three.status("3")[BALANCES] == "FAILED"


@pytest.mark.slow
def test_the_message_says_what_mends_it_nothing_was_corrected_and_the_command_does_mend_it(
    three: Watch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shell = CommandLine(tmp_path, str(three.database._url), {DAGSTER_HOME_VARIABLE: str(tmp_path / "dagster")})
    three.run()
    meter = overwrite_a_balance(three.database, 2)
    with three.database.snapshot() as connection:
        before = dump(connection)
    three.run()
    with three.database.snapshot() as connection:
        assert dump(connection) == before
    evaluation = three.evaluation(BALANCES, "2")
    said = plain_text(evaluation)
    assert f"The tables show: meter {meter} itself was updated: run bench wrote" in said
    assert f"For example tenant_id 2, meter_id {meter}, " in said
    assert "Known since" in said
    assert "Nothing was corrected." in said
    assert evaluation.metadata["violations"].value == 1
    assert str(evaluation.metadata["first_change"].value) in said
    assert str(evaluation.metadata["known_since"].value) in said
    command = re.search(r"'meter-assets ([^']+)'", said)
    assert command is not None
    assert shell(*command[1].split(), "--yes").status == 0
    three.run(full=False)
    assert set(three.status("2").values()) == {"SUCCEEDED"}


# When


@pytest.fixture
def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration file."""
    path = tmp_path / "meter-assets.toml"
    monkeypatch.setenv(CONFIG_VARIABLE, str(path))
    return path


def test_the_schedules_are_as_configured(configured: Path) -> None:
    configured.write_text(
        '[watching]\nenabled = false\ncron = "*/5 * * * *"\nfull_cron = "0 4 * * 0"\ntimezone = "Europe/Prague"\n'
    )
    quick, full = watching_schedules()
    assert (quick.name, quick.cron_schedule, full.name, full.cron_schedule) == (
        "watch_changed_tenants",
        "*/5 * * * *",
        "watch_every_tenant",
        "0 4 * * 0",
    )
    assert {one.execution_timezone for one in (quick, full)} == {"Europe/Prague"}
    assert {one.default_status for one in (quick, full)} == {dg.DefaultScheduleStatus.STOPPED}


def test_by_default_they_run_every_hour_and_every_night_and_say_which_pass_it_is() -> None:
    repository = build_definitions().get_repository_def()
    job = repository.get_job("watch_migrated_tenants")
    quick, full = (repository.get_schedule_def(name) for name in ("watch_changed_tenants", "watch_every_tenant"))
    assert (quick.cron_schedule, full.cron_schedule) == ("0 * * * *", "30 2 * * *")
    for schedule, is_full in ((quick, False), (full, True)):
        assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING
        with dg.build_schedule_context(scheduled_execution_time=datetime(2025, 1, 1, tzinfo=UTC)) as context:
            (request,) = schedule.evaluate_tick(context).run_requests or ()
        given = dg.validate_run_config(job, request.run_config)
        assert given["ops"]["judge_migrated_tenants"]["config"] == {"full": is_full}


WRONG = {
    "no cron": ('cron = "every hour"', "every hour"),
    "no full cron": ('full_cron = "61 * * * *"', "61 * * * *"),
    "no time zone": ('timezone = "Middle/Earth"', "Middle/Earth"),
    "cron is a number": ("cron = 5", "cron"),
    "enabled is text": ('enabled = "yes"', "enabled"),
    "no days are kept": ("keep_days = 0", "keep_days"),
    "more days are kept than there are": ("keep_days = 100_000_000", "keep_days"),
    "days are text": ('keep_days = "90"', "keep_days"),
    "no such entry": ('crom = "0 * * * *"', "crom"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_value_is_told_in_a_sentence(configured: Path, wrong: str) -> None:
    line, named = WRONG[wrong]
    configured.write_text(f"[watching]\n{line}\n")
    with pytest.raises(InvalidSettings) as raised:
        build_definitions()
    said = str(raised.value)
    assert said.startswith(f"The table [watching] of {configured} cannot be used:")
    assert named in said
    assert "\n" not in said


def test_the_command_line_then_ends_with_status_2(
    configured: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(DAGSTER_HOME_VARIABLE, raising=False)
    configured.write_text('[watching]\ncron = "every hour"\n')
    path = tmp_path / "billing.db"
    path.touch()
    make_small_tenants(f"sqlite:///{path}")
    ended = CommandLine(tmp_path, f"sqlite:///{path}")("validate-meter-financial-data", "--tenant", "1")
    assert ended.status == 2
    assert "Error: The table [watching] of" in ended.words
    assert "every hour" in ended.words


@pytest.mark.slow
def test_whoever_marks_a_run_as_failed_does_not_end_the_watching_of_its_tenant(three: Watch) -> None:
    """The pass goes on for all tenants, and its run fails with a sentence, of which an alert tells."""
    migrate(three.database, 2, run_id="sealed")
    write(three.database, f"UPDATE {OUTCOMES} SET outcome = 'failed' WHERE tenant_id = 2")
    overwrite_a_balance(three.database, 2)
    result = three.run()
    assert not result.success
    (failed,) = (one for one in result.all_node_events if one.event_type is dg.DagsterEventType.STEP_FAILURE)
    failure = failed.step_failure_data.user_failure_data
    assert failure is not None
    assert "The records of tenant 2 cannot be trusted" in str(failure.description)
    assert three.status("2")[BALANCES] == "FAILED"
    assert set(three.statuses()) == {"1", "2", "3"}
