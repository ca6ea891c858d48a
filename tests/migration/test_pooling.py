"""Through PgBouncer: what works in transaction pooling, and that batches there are refused before they write."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from meter_assets.billing.schema import billing_tables
from meter_assets.errors import SessionChanged, SharedSessions, TenantLocked
from meter_assets.migration.database import BillingDatabase
from tests.support.batches import before_each_batch, five_payments, in_batches, recorded, roll_back_in_batches
from tests.support.command_line import HEALTHY, CommandLine, make_small_tenants
from tests.support.databases import contents, migrate, start_over
from tests.support.poolers import SESSION, TRANSACTION, pooled
from tests.support.processes import until

pytestmark = pytest.mark.slow
SCHEMA = billing_tables()
MIGRATE = ("migrate-meter-financials", "--yes", "--tenant", HEALTHY)
INSTEAD = (
    "Use the server's own port or a pool in session pooling, or run without --batch-size (batch_size), which works "
    "with transaction pooling."
)
SECONDS = 120


@contextmanager
def shell_on(url: str, folder: Path, mode: str, size: int) -> Iterator[CommandLine]:
    """The command line on three small tenants, through a pooler."""
    make_small_tenants(url)
    with pooled(url, mode, size) as through:
        yield CommandLine(folder, through)


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)


@pytest.mark.parametrize(("mode", "size"), [(TRANSACTION, 2), (TRANSACTION, 5), (SESSION, 5)])
def test_a_tenant_is_migrated_and_rolled_back(postgres_url: str, tmp_path: Path, mode: str, size: int) -> None:
    with shell_on(postgres_url, tmp_path, mode, size) as shell:
        for command in (
            ("migrate-meter-financials", "--dry-run", "--tenant", HEALTHY),
            MIGRATE,
            ("validate-meter-financial-data", "--tenant", HEALTHY),
            ("rollback", "--yes", "--tenant", HEALTHY),
            MIGRATE,
            ("history",),
        ):
            ended = shell(*command)
            assert ended.status == 0, ended.printed
        assert "being changed by" not in ended.printed
        assert advisory_locks(postgres_url) == 0


@contextmanager
def running(shell: CommandLine, url: str) -> Iterator["subprocess.Popen[str]"]:
    """Start a migration through the pooler and keep it in the middle of a step, by a lock on what it writes."""
    with BillingDatabase(url).transaction() as connection:
        for table in ("payments", "invoices", "meters"):
            connection.execute(text(f"SELECT id FROM {table} WHERE tenant_id = {HEALTHY} FOR UPDATE"))
        process = shell.start(*MIGRATE)
        until(lambda: process.poll() is not None or _waits(url), "the first run is in a step")
        assert process.poll() is None, process.communicate()[0]
        yield process


def _waits(url: str) -> bool:
    with BillingDatabase(url).snapshot() as connection:
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'UPDATE %'"
        return bool(connection.scalar(text(waiting)) == 1)


def advisory_locks(url: str) -> int:
    with BillingDatabase(url).snapshot() as connection:
        return int(connection.scalar(text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")) or 0)


@pytest.mark.parametrize("size", [3, 5])
def test_a_second_run_of_a_tenant_is_refused_and_the_lock_ends_with_its_process(
    postgres_url: str, tmp_path: Path, size: int
) -> None:
    with shell_on(postgres_url, tmp_path, TRANSACTION, size) as shell:
        with running(shell, postgres_url) as first:
            for _ in range(3):
                refused = shell(*MIGRATE)
                assert refused.status == 1
                assert "Tenant 1 is being changed by another run (run " in refused.words
                assert f"process {first.pid} on " in refused.words
            first.send_signal(signal.SIGKILL)
            first.communicate(timeout=SECONDS)
        until(lambda: advisory_locks(postgres_url) == 0, "the lock is gone", 20)
        ended = shell(*MIGRATE)
        assert ended.status == 0, ended.printed


@pytest.mark.parametrize("size", [2, 5])
@pytest.mark.parametrize("round_robin", [False, True])
def test_batches_in_transaction_pooling_are_refused_before_anything_is_written(
    postgres_url: str, size: int, round_robin: bool
) -> None:
    direct = start_over(postgres_url, SCHEMA, five_payments())
    before = contents(direct)
    with pooled(postgres_url, TRANSACTION, size, round_robin=round_robin) as through:
        with pytest.raises(SharedSessions) as refused:
            in_batches(BillingDatabase(through), 2)
        assert str(refused.value).endswith(INSTEAD)
        assert contents(direct) == before
        migrate(BillingDatabase(through), 1)


def test_the_commands_refuse_batches_in_transaction_pooling(postgres_url: str, tmp_path: Path) -> None:
    with shell_on(postgres_url, tmp_path, TRANSACTION, 3) as shell:
        before = contents(shell.database)
        ended = shell(*MIGRATE, "--batch-size", "2")
        assert (ended.status, contents(shell.database)) == (2, before)
        assert INSTEAD in ended.words
        assert shell(*MIGRATE).status == 0
        after = contents(shell.database)
        ended = shell("rollback", "--yes", "--tenant", HEALTHY, "--batch-size", "2")
        assert (ended.status, contents(shell.database)) == (2, after)
        assert INSTEAD in ended.words


def test_batches_work_in_session_pooling(postgres_url: str) -> None:
    direct = start_over(postgres_url, SCHEMA, five_payments())
    with pooled(postgres_url, SESSION, 4) as through:
        made = in_batches(BillingDatabase(through), 2)
        assert made["payment_meter_ids"].changed == 5
        undone = roll_back_in_batches(BillingDatabase(through), 2)
        assert sum(one.report.changed for one in undone) > 5
    assert [one.outcome for one in recorded(direct, "first")] == ["succeeded"] * 4


def test_a_batch_in_another_session_than_its_plan_writes_nothing(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The probes may miss a pooler that others use: each batch asks again, and the plans of others are not read."""
    direct = start_over(postgres_url, SCHEMA, five_payments())
    before = contents(direct)
    with pooled(postgres_url, TRANSACTION, 5) as through:
        database = BillingDatabase(through)
        monkeypatch.setattr(database, "require_own_session", lambda: None)
        taken: list[Connection] = []

        def take_sessions(plan: int, batch: int) -> None:
            while len(taken) < 3:
                taken.append(BillingDatabase(through).engine.connect())
                taken[-1].execute(text("SELECT 1"))  # the first one takes the session of the plan

        with before_each_batch(database, take_sessions), pytest.raises(SessionChanged, match="another session"):
            in_batches(database, 2, "payment_meter_ids")
        for one in taken:
            one.close()
    [failed] = recorded(direct, "first")
    assert (failed.outcome, failed.rows_changed) == ("failed", 0)
    assert contents(direct)["payments"] == before["payments"]


def test_a_tenant_stays_locked_between_transactions(postgres_url: str) -> None:
    """Others use the sessions of the pool as soon as a transaction ends; a lock of a session would be theirs."""
    start_over(postgres_url, SCHEMA, five_payments())
    with pooled(postgres_url, TRANSACTION, 4) as through:
        first, second = BillingDatabase(through), BillingDatabase(through)
        (of,) = (one for one in first.every_tenant() if one.id == 1)
        for _ in range(3):
            first.lock(of, "first")
            for _ in range(3):
                with pytest.raises(TenantLocked, match="run first"):
                    second.lock(of, "second")
                second.release()
            first.release()
            second.lock(of, "second")
            second.release()
