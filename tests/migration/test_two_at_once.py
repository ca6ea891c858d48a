"""Two runs at once: of one tenant exactly one proceeds, and the other is told who holds it; tenants do not wait.

The holder is a process of its own, stopped in the middle of a step by a lock that the test holds on what the step is
about to write.
"""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from sqlalchemy import make_url, text

from meter_assets.billing.policy import Policy
from meter_assets.billing.schema import billing_tables
from meter_assets.demo.generator import DemoSize, fill
from meter_assets.engines.sqlite.locks import LockFile
from meter_assets.errors import TenantLocked
from meter_assets.migration.database import BillingDatabase
from meter_assets.migration.rollback import roll_back
from tests.support.command_line import HEALTHY, CommandLine, on_small_tenants
from tests.support.databases import STEP_RUNS, contents, migrate, start_over, tenant
from tests.support.processes import until
from tests.support.run_queue import daemon, launch, runs

SCHEMA = billing_tables()
SECONDS = 120
"""How long anything may take before a test gives up: processes start slowly where many do."""
MIGRATE = ("migrate-meter-financials", "--yes", "--tenant", HEALTHY)
UNDO = ("rollback", "--yes", "--tenant", HEALTHY)
TENANTS = 6


COMMANDS = pytest.mark.parametrize(
    "command",
    [
        pytest.param(MIGRATE, id="migration", marks=pytest.mark.by_default("postgresql")),
        pytest.param(UNDO, id="rollback", marks=pytest.mark.by_default("sqlite")),
    ],
)


# A process in the middle of a step


@contextmanager
def what_steps_write_locked(database: BillingDatabase) -> Iterator[None]:
    """Keep every step of tenant 1 from writing: lock its rows, or on SQLite the database."""
    with database.transaction() as connection:
        if database.file is None:
            for table in ("payments", "invoices", "meters"):
                connection.execute(text(f"SELECT id FROM {table} WHERE tenant_id = {HEALTHY} FOR UPDATE"))
        yield


def is_in_a_step(shell: CommandLine, process: "subprocess.Popen[str]") -> bool:
    """Say whether the process waits for what the test has locked."""
    assert process.poll() is None, process.communicate()[0]
    path = shell.database.file
    if path is None:
        return a_step_waits(shell)
    holder = LockFile.owner(path, HEALTHY)
    return holder is not None and holder.process == process.pid


def a_step_waits(shell: CommandLine) -> bool:
    """Say whether a server lets a statement that writes wait for a lock."""
    waiting = {
        "postgresql": "pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'UPDATE %'",
        "mysql": "information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'",
    }
    return shell.rows(f"SELECT count(*) FROM {waiting[shell.database.backend.NAME]}") != [(0,)]


@contextmanager
def held_in_a_step(shell: CommandLine, *command: str) -> Iterator["subprocess.Popen[str]"]:
    """Start a command and keep it in the middle of a step; at the end let go of it, or of what is left of it."""
    process = shell.start(*command)
    try:
        with what_steps_write_locked(shell.database):
            until(lambda: is_in_a_step(shell, process), "the holder is in a step")
            yield process
    finally:
        if sys.exc_info()[0] is not None:
            process.kill()
    assert process.stdout is not None
    process.communicate(timeout=SECONDS)


def prepare(shell: CommandLine, command: tuple[str, ...]) -> None:
    """Let a command have something to do."""
    if command == UNDO:
        migrate(shell.database, int(HEALTHY))


@pytest.mark.slow
@COMMANDS
def test_while_one_holds_a_tenant_others_are_refused_and_told_who_it_is(
    shell: CommandLine, command: tuple[str, ...]
) -> None:
    prepare(shell, command)
    with held_in_a_step(shell, *command) as holder:
        before = contents(shell.database)
        refused = [shell(*other) for other in (MIGRATE, UNDO)]
        assert contents(shell.database) == before

    assert holder.returncode == 0
    for other in refused:
        assert other.status == 1
        assert "Nothing was changed by this run. Wait until that run has ended, or end it, and start" in other.words
        _must_name_the_holder(shell, other.words, holder.pid, is_rollback=command == UNDO)
    assert _can_be_held(shell.database)


def _must_name_the_holder(shell: CommandLine, words: str, process: int, *, is_rollback: bool) -> None:
    """MariaDB has the name of the loopback, and does not know since when a session holds a lock."""
    hosts = {"sqlite": socket.gethostname(), "postgresql": "127.0.0.1", "mysql": "localhost"}
    host, since = hosts[shell.database.backend.NAME], "rollback of" if is_rollback else "step"
    said = re.search(
        r"Tenant 1 is being changed by another run \(run ([0-9a-f-]{36}), process (\d+) on (\S+), "
        rf"(?:since|its {since} \w+ started) (20\d\d-\d\d-\d\d \d\d:\d\d:\d\d UTC)",
        words,
    )
    assert said is not None, words
    assert (int(said[2]), said[3]) == (process, host)
    with shell.instance() as instance:
        run = instance.get_run_by_id(said[1])
        assert run is not None
        assert run.job_name == ("rollback_meter_financials" if is_rollback else "migrate_meter_financials")
        assert run.status is dg.DagsterRunStatus.SUCCESS


@pytest.mark.slow
@COMMANDS
def test_a_holder_that_is_killed_leaves_nothing_to_clean_up(shell: CommandLine, command: tuple[str, ...]) -> None:
    prepare(shell, command)
    with held_in_a_step(shell, *command) as holder:
        holder.send_signal(signal.SIGKILL)
        assert holder.wait(SECONDS) == -signal.SIGKILL
    until(lambda: _can_be_held(shell.database), "the tenant can be taken")
    assert shell(*command).status == 0
    assert [run.status.value for run in runs(shell)] == ["SUCCESS", "FAILURE"], "Dagster has the killed one go on"
    changed = shell.rows("SELECT count(*) FROM meters WHERE tenant_id = 1 AND total_billed IS NOT NULL")
    assert (changed == [(0,)]) == (command == UNDO)


def _can_be_held(database: BillingDatabase) -> bool:
    """Say whether a tenant can be taken, its steps too: a server may notice a death a moment later."""
    try:
        database.lock(tenant(int(HEALTHY)))
        with database.transaction() as connection:
            database.lock_within(connection, database.schema(connection), tenant(int(HEALTHY)), "a look")
    except TenantLocked:
        return False
    finally:
        database.release()
    return True


# What is told of the holder, and what a run that was refused does not do


def test_a_run_that_was_refused_makes_no_step_though_the_tenant_is_free_by_then(billing_url: str) -> None:
    """It would go on in the middle of what the holder may have left."""
    database, holder = start_over(billing_url, SCHEMA, {}), BillingDatabase(billing_url)
    holder.lock(tenant(1), "holder")
    for _ in range(2):
        with pytest.raises(TenantLocked, match=r"another run \(run holder, process "):
            database.lock(tenant(1), "refused")
        holder.release()
    database.release()
    database.lock(tenant(1), "another run of this process")
    database.release()


def test_nobody_is_told_of_who_held_a_tenant_before(tmp_path: Path) -> None:
    database = start_over(f"sqlite:///{tmp_path}/billing.db", SCHEMA, {})
    database.lock(tenant(1), "ended long ago")
    database.release()
    assert LockFile.owner(tmp_path / "billing.db", "1") is None


def test_a_holder_of_another_role_is_told_of_as_far_as_it_can_be_seen(postgres_url: str) -> None:
    holder = start_over(postgres_url, SCHEMA, {})
    with holder.engine.begin() as connection:
        connection.execute(text("CREATE ROLE passer_by LOGIN"))
        connection.execute(text("GRANT USAGE ON SCHEMA public TO passer_by"))
        connection.execute(text(f"GRANT SELECT ON {', '.join(SCHEMA.tables)} TO passer_by"))
    passer_by = make_url(postgres_url).set(username="passer_by").render_as_string(hide_password=False)
    holder.lock(tenant(1), "holder")
    try:
        said = rf"another run \(run holder, process {os.getpid()} on a host that this role may not see\)"
        with pytest.raises(TenantLocked, match=said):
            BillingDatabase(passer_by).lock(tenant(1), "refused")
    finally:
        holder.release()
        with holder.engine.begin() as connection:
            connection.execute(text("DROP OWNED BY passer_by"))
            connection.execute(text("DROP ROLE passer_by"))


def test_a_server_that_ends_idle_sessions_leaves_the_holder(postgres_url: str) -> None:
    database = start_over(postgres_url, SCHEMA, {})
    name = make_url(postgres_url).database
    with database.engine.begin() as connection:
        connection.execute(text(f"ALTER DATABASE {name} SET idle_session_timeout = '100ms'"))
    database.lock(tenant(1), "holder")
    time.sleep(0.3)
    try:
        with pytest.raises(TenantLocked):
            BillingDatabase(postgres_url).lock(tenant(1), "refused")
    finally:
        database.release()


def test_a_lock_that_was_cut_off_is_taken_again(postgres_url: str) -> None:
    database = start_over(postgres_url, SCHEMA, {})
    database.lock(tenant(1), "holder")
    cut = (
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name LIKE 'meter-assets run %'"
    )
    with BillingDatabase(postgres_url).engine.connect() as connection:
        connection.execute(text(cut))
    database.lock(tenant(1), "holder")
    try:
        with pytest.raises(TenantLocked):
            BillingDatabase(postgres_url).lock(tenant(1), "refused")
    finally:
        database.release()


# The command line and Dagster's daemon


def _ended(shell: CommandLine, run_id: str) -> dg.DagsterRun | None:
    return next((run for run in runs(shell) if run.run_id == run_id and run.is_finished), None)


@pytest.mark.slow
def test_the_command_line_and_a_run_of_the_daemon_refuse_each_other(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command line uses another Dagster instance where it holds: on the same one, the queue lets the run wait."""
    here = on_small_tenants(tmp_path, postgres_url, monkeypatch)
    elsewhere = CommandLine(tmp_path, postgres_url, {"DAGSTER_HOME": str(tmp_path / "elsewhere")})
    assert here("migrate-meter-financials", "--dry-run", "--tenant", HEALTHY).status == 0  # which syncs partitions
    with daemon(here):
        with held_in_a_step(elsewhere, *MIGRATE) as holder:
            launched = launch(here)
            refused = until(lambda: _ended(here, launched), "the daemon's run ends")
        assert (holder.returncode, refused.status) == (0, dg.DagsterRunStatus.FAILURE)
        said = _failures(here, refused.run_id)
        assert f"Tenant 1 is being changed by another run (run {_run_of(elsewhere)}, process {holder.pid} on" in said

        here.change("UPDATE invoice_bills SET amount = amount + 1 WHERE tenant_id = 1")
        with what_steps_write_locked(here.database):
            run_id = launch(here)
            until(lambda: a_step_waits(here), "the daemon's run is in a step")
            ended = here(*UNDO)
        assert (ended.status, f"another run (run {run_id}, process " in ended.words) == (1, True)
        done = until(lambda: _ended(here, run_id), "the daemon's run ends")
        assert done.status is dg.DagsterRunStatus.SUCCESS
    assert here(*UNDO).status == 0


def _run_of(shell: CommandLine) -> str:
    home = shell.environment["DAGSTER_HOME"]
    assert home is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", home)
        [run] = runs(shell)
    return run.run_id


def _failures(shell: CommandLine, run_id: str) -> str:
    with shell.instance() as instance:
        events = instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
    return " ".join(
        str(event.dagster_event.step_failure_data.user_failure_data.description)
        for event in events
        if event.dagster_event and event.dagster_event.step_failure_data.user_failure_data
    )


# Different tenants


def _many_tenants(url: str) -> BillingDatabase:
    database = start_over(url, SCHEMA, {})
    with database.transaction() as connection:
        fill(connection, SCHEMA, DemoSize(tenants=TENANTS, customers=4, months=3), seed=1)
    return database


def _there_and_perhaps_back(database: BillingDatabase, tenant_id: int) -> None:
    """Migrate a tenant, and roll every other tenant back."""
    migrate(database, tenant_id, run_id=f"run of {tenant_id}")
    if tenant_id % 2:
        return
    try:
        list(roll_back(database, tenant(tenant_id), f"undo {tenant_id}", Policy.from_values({})))
    finally:
        database.release()


def _outcome(database: BillingDatabase) -> dict[str, Any]:
    """The billing tables, the backup's values, and how each step of each run ended."""
    found = contents(database)
    with database.snapshot() as connection:
        of_runs = f"SELECT tenant_id, run_id, step, outcome, coalesce(rows_changed, 0), undoes IS NULL FROM {STEP_RUNS}"
        runs = sorted(map(tuple, connection.execute(text(of_runs))))
        backup = connection.execute(text("SELECT customer_id, balance, overpayment FROM customer_balances_backup"))
        return {**{name: found[name] for name in SCHEMA.tables}, "runs": runs, "backup": sorted(map(tuple, backup))}


@pytest.mark.slow
def test_first_runs_of_many_tenants_at_once_end_as_one_after_the_other(postgres_url: str) -> None:
    """Our own tables are made by whoever comes first."""
    database = _many_tenants(postgres_url)
    for tenant_id in range(1, TENANTS + 1):
        _there_and_perhaps_back(database, tenant_id)
    expected = _outcome(database)

    _many_tenants(postgres_url)
    all_ready = threading.Barrier(TENANTS)

    def run(tenant_id: int) -> None:
        mine = BillingDatabase(postgres_url)
        all_ready.wait(SECONDS)
        _there_and_perhaps_back(mine, tenant_id)

    with ThreadPoolExecutor(TENANTS) as threads:
        for done in [threads.submit(run, tenant_id) for tenant_id in range(1, TENANTS + 1)]:
            done.result(SECONDS)
    assert _outcome(database) == expected


@pytest.mark.slow
def test_first_commands_of_several_tenants_at_once_all_succeed(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Real processes, which also share one Dagster instance."""
    shell = on_small_tenants(tmp_path, postgres_url, monkeypatch)
    started = [shell.start("migrate-meter-financials", "--yes", "--tenant", key) for key in ("1", "2", "3")]
    try:
        ended = [(process.communicate(timeout=SECONDS)[0], process.returncode) for process in started]
    finally:
        for process in started:
            process.kill()
    assert [status for _, status in ended] == [0, 0, 0], "\n".join(printed for printed, _ in ended)
    assert shell.rows("SELECT count(*) FROM meters WHERE total_billed IS NULL") == [(0,)]
