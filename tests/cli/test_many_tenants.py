"""Many tenants in one run of Dagster: each is recorded as a run of its own would, and one that fails is red alone."""

import json
import signal
import subprocess
import time
from collections import Counter
from typing import Any

import dagster as dg
import psutil
import pytest
from sqlalchemy import text

from meter_assets.billing.schema import billing_tables
from meter_assets.cli import many_tenants as command
from meter_assets.cli.progress import Progress
from meter_assets.definitions import build_definitions
from meter_assets.defs.many_tenants import FINISHED, migrate_many_tenants
from meter_assets.defs.migration_preview import CHECK as PREVIEW_CHECK
from meter_assets.defs.resources import BillingResource
from meter_assets.demo.faults import FAULTS
from meter_assets.rules.invariants import INVARIANTS
from meter_assets.rules.steps import MIGRATION
from tests.support.command_line import ALSO_HEALTHY, BROKEN, HEALTHY, CommandLine, Ended
from tests.support.databases import STEP_RUNS
from tests.support.processes import until

MIGRATE = ("migrate-meter-financials", "--yes")
TENANTS = [HEALTHY, ALSO_HEALTHY, BROKEN]
BALANCES = "SELECT tenant_id, id, balance, overpayment, total_billed FROM meters ORDER BY tenant_id, id"
SLOW = (
    "CREATE FUNCTION slow() RETURNS trigger AS $$ BEGIN PERFORM pg_sleep(60); RETURN NEW; END $$ LANGUAGE plpgsql",
    "CREATE TRIGGER slow BEFORE UPDATE ON meters FOR EACH ROW EXECUTE FUNCTION slow()",
)
SECONDS = 60


def in_one_run(shell: CommandLine, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Ended:
    """Migrate as for very many tenants."""
    monkeypatch.setattr(command, "MANY", 2)
    return shell(*MIGRATE, *arguments)


def break_tenant(shell: CommandLine, tenant: str) -> None:
    """Give a tenant a payment that no meter can be given."""
    with shell.database.transaction() as connection:
        FAULTS["orphan_payment"].inject(connection, billing_tables(), int(tenant))


def statuses(shell: CommandLine) -> list[tuple[str, str, str]]:
    """Return the runs in the order in which they began: their job, their tenant if it is one, and their status."""
    with shell.instance() as instance:
        runs = reversed(instance.get_runs())
        return [(run.job_name, run.tags.get("dagster/partition", ""), run.status.value) for run in runs]


def materialized(shell: CommandLine) -> dict[str, list[str]]:
    """Return the materialized partitions of each asset."""
    with shell.instance() as instance:
        return {step: sorted(instance.get_materialized_partitions(dg.AssetKey(step))) for step in MIGRATION}


def evaluations(shell: CommandLine, tenant: str) -> dict[str, bool]:
    """Return whether each check of a tenant passed last."""
    found: dict[str, bool] = {}
    with shell.instance() as instance:
        for key in build_definitions().resolve_asset_graph().asset_check_keys:
            records = instance.event_log_storage.get_asset_check_execution_history(key, limit=100)
            mine = [one for one in records if one.partition == tenant and one.evaluation is not None]
            found |= {key.name: mine[0].evaluation.passed} if mine and mine[0].evaluation else {}
    return {name: passed for name, passed in found.items() if name != PREVIEW_CHECK}


@pytest.mark.slow
def test_each_tenant_is_recorded_as_its_own_run_would_record_it(
    shell: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = in_one_run(shell, monkeypatch)
    assert ended.status == 0, ended.printed
    assert "3 of 3 tenants done" in ended.printed
    assert statuses(shell) == [("migrate_many_tenants", "", "SUCCESS")]
    assert materialized(shell) == dict.fromkeys(MIGRATION, TENANTS)
    balances = shell.rows(BALANCES)
    passed = evaluations(shell, HEALTHY)
    assert set(passed) == {one.name for one in INVARIANTS}
    with shell.instance() as instance:
        for key in map(dg.AssetKey, MIGRATION):
            event = instance.get_latest_materialization_event(key)
            assert event is not None
            assert event.asset_materialization is not None
            assert "rows_changed" in event.asset_materialization.metadata
    outcomes = shell.rows(f"SELECT outcome, count(*) FROM {STEP_RUNS} GROUP BY outcome")
    assert outcomes == [("succeeded", len(TENANTS) * len(MIGRATION))]

    again = in_one_run(shell, monkeypatch)
    assert "Nothing had to be changed" in again.words
    assert shell("rollback", "--yes").status == 0
    assert shell(*MIGRATE, "--tenant", HEALTHY).status == 0
    monkeypatch.undo()
    alone = shell(*MIGRATE)
    assert alone.status == 0, alone.printed
    assert shell.rows(BALANCES) == balances
    assert evaluations(shell, HEALTHY) == passed


@pytest.mark.slow
def test_a_tenant_that_fails_is_red_alone_and_its_own_run_says_why(
    shell: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_tenant(shell, ALSO_HEALTHY)
    ended = in_one_run(shell, monkeypatch)
    assert ended.status == 1
    assert "2 of 3 tenants done" in ended.printed
    assert "ERROR every_counted_payment_has_a_meter" in ended.printed
    assert "migrate-meter-financials --tenant 2 --yes" in ended.printed
    assert statuses(shell) == [
        ("migrate_many_tenants", "", "SUCCESS"),
        ("migrate_meter_financials", ALSO_HEALTHY, "FAILURE"),
    ]
    assert materialized(shell)["meter_balances"] == [HEALTHY, BROKEN]
    failing = [name for name, passed in evaluations(shell, ALSO_HEALTHY).items() if not passed]
    assert "every_counted_payment_has_a_meter" in failing
    assert evaluations(shell, HEALTHY)["every_counted_payment_has_a_meter"]
    stopped = in_one_run(shell, monkeypatch, "--stop-on-failure")
    assert "1 of 2 tenants done" in stopped.printed, "it began with tenant 1, and did not begin tenant 3"


@pytest.mark.slow
def test_a_run_that_the_ui_launches_fails_and_names_the_tenants(on_sqlite: CommandLine) -> None:
    break_tenant(on_sqlite, ALSO_HEALTHY)
    definitions = build_definitions({"billing": BillingResource(url=on_sqlite.url)})
    with dg.DagsterInstance.ephemeral() as instance:
        job = definitions.resolve_job_def(migrate_many_tenants.name)

        def launched(**config: Any) -> dg.ExecuteInProcessResult:
            run_config = {"ops": {"migrate_tenants": {"config": config}}}
            return job.execute_in_process(run_config=run_config, instance=instance, raise_on_error=False)

        ended = launched(tenants=TENANTS)
        (failure,) = ended.get_step_failure_events()
        data = failure.step_failure_data.user_failure_data
        assert data is not None
        assert data.description is not None
        assert "1 tenant failed; 2 succeeded" in data.description
        assert data.metadata["tenants_migrated"].value == 2
        assert "every counted payment has a meter" in str(data.metadata["failed"].value)
        refusals: dict[str, dict[str, Any]] = {
            "No such tenant: 9.": {"tenants": ["9"]},
            "lets one process write at a time": {"tenants": TENANTS, "jobs": 2},
            "expected 1 or more": {"tenants": TENANTS, "jobs": 0},
        }
        for sentence, refused in refusals.items():
            ended = launched(**refused)
            (failure,) = ended.get_step_failure_events()
            data = failure.step_failure_data.user_failure_data
            assert data is not None
            assert sentence in str(data.description)


def test_several_jobs_need_a_database_that_several_can_write(on_sqlite: CommandLine) -> None:
    ended = on_sqlite(*MIGRATE, "--jobs", "2")
    assert ended.status == 2
    assert "--jobs is 2, but sqlite lets one process write at a time. Leave --jobs out." in ended.words
    dry = on_sqlite("migrate-meter-financials", "--dry-run", "--jobs", "2")
    assert (dry.status, "--jobs is not for --dry-run" in dry.words) == (2, True)


# Several processes


def test_several_processes_do_what_one_does(on_postgresql: CommandLine) -> None:
    ended = on_postgresql(*MIGRATE, "--jobs", "2")
    assert ended.status == 0, ended.printed
    balances = on_postgresql.rows(BALANCES)
    assert statuses(on_postgresql) == [("migrate_many_tenants", "", "SUCCESS")]
    assert materialized(on_postgresql) == dict.fromkeys(MIGRATION, TENANTS)
    assert on_postgresql("rollback", "--yes").status == 0
    assert on_postgresql(*MIGRATE).status == 0
    assert on_postgresql.rows(BALANCES) == balances


def started(shell: CommandLine, *arguments: str) -> "subprocess.Popen[str]":
    """Start a migration in two processes, which does not end: return it once both write the balances of meters."""
    shell.change(*SLOW)
    child = shell.start(*MIGRATE, "--jobs", "2", *arguments)
    until(lambda: running(shell) == 2, "two tenants are under way", SECONDS)
    return child


def running(shell: CommandLine) -> int:
    with shell.database.snapshot() as connection:
        if "meter_migration_commits" not in shell.database.schema(connection).own_tables_present:
            return 0
        statement = f"SELECT count(*) FROM {STEP_RUNS} WHERE step = 'meter_balances' AND outcome = 'running'"
        return int(connection.scalar(text(statement)) or 0)


def workers_of(child: "subprocess.Popen[str]") -> list[psutil.Process]:
    """Return the processes that migrate, without the one that watches over the resources of Python."""
    found = psutil.Process(child.pid).children()
    return [one for one in found if "spawn_main" in " ".join(one.cmdline())]


@pytest.mark.slow
def test_an_interrupt_ends_what_is_under_way_and_the_same_command_continues(on_postgresql: CommandLine) -> None:
    shell = on_postgresql
    shell.change("UPDATE meters SET balance = 1")
    child = started(shell)
    child.send_signal(signal.SIGINT)
    printed, _ = child.communicate(timeout=SECONDS)
    assert child.returncode == 130, printed
    assert "Traceback" not in printed
    assert "Under way:  1, 2" in printed
    assert "Not begun:  3" in printed
    outcomes = Counter(shell.rows(f"SELECT step, outcome FROM {STEP_RUNS}"))
    assert outcomes["meter_balances", "interrupted"] == 2
    assert outcomes["payment_meter_ids", "succeeded"] == 2
    assert [status for *_, status in statuses(shell)] == ["CANCELED"]
    assert materialized(shell)["payment_meter_ids"] == [HEALTHY, ALSO_HEALTHY], "what was done is recorded"
    shell.change("DROP TRIGGER slow ON meters")
    ended = shell(*MIGRATE, "--jobs", "2")
    assert ended.status == 0, ended.printed
    assert "3 of 3 tenants done" in ended.printed


@pytest.mark.slow
@pytest.mark.parametrize("killed", ["a worker", "the command"])
def test_a_process_that_is_killed_leaves_nothing_half_done(on_postgresql: CommandLine, killed: str) -> None:
    shell = on_postgresql
    child = started(shell, "--tenant", "1", "--tenant", "2")
    workers = workers_of(child)
    assert len(workers) == 2
    (workers[0] if killed == "a worker" else psutil.Process(child.pid)).kill()
    shell.change("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE left(query, 13) = 'UPDATE meters'")
    _drop_trigger(shell)
    printed, _ = child.communicate(timeout=SECONDS)
    psutil.wait_procs(workers, timeout=SECONDS)
    assert not any(one.is_running() for one in workers), "no worker outlives its command"
    if killed == "a worker":
        assert child.returncode == 0, printed
        assert "2 of 2 tenants done" in printed, "its tenant was run alone"
    ended = shell(*MIGRATE, "--no-skip")
    assert ended.status == 0, ended.printed
    assert shell("validate-meter-financial-data").status == 0


def _drop_trigger(shell: CommandLine) -> None:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        try:
            shell.change("SET lock_timeout = '200ms'", "DROP TRIGGER IF EXISTS slow ON meters")
        except Exception:
            shell.change("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE left(query, 13) = 'UPDATE meters'")
        else:
            return
    raise AssertionError("the trigger is still in use")


def interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def test_an_interrupt_between_two_tenants_ends_the_others_too(
    on_postgresql: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes while one is recorded: the workers have the others under way, or have just finished one."""
    monkeypatch.setattr(Progress, "tenant_done", interrupted)
    first = on_postgresql(*MIGRATE, "--jobs", "2")
    assert first.status == 130, first.printed
    with on_postgresql.instance() as instance:
        (run,) = instance.get_runs()
        finished = json.loads(run.tags[FINISHED])
    assert finished, "what was finished is recorded"
    monkeypatch.undo()
    monkeypatch.chdir(on_postgresql.folder)
    again = on_postgresql(*MIGRATE, "--jobs", "2")
    assert again.status == 0, again.printed
    assert f"{3 - len(finished)} of {3 - len(finished)} tenants done" in again.printed


@pytest.mark.slow
def test_what_is_finished_is_not_run_again(on_sqlite: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    shell = on_sqlite

    monkeypatch.setattr(Progress, "tenant_done", interrupted)
    first = in_one_run(shell, monkeypatch)
    assert first.status == 130, first.printed
    assert "Done: 1 Under way: none Not begun: 2, 3" in first.words
    with shell.instance() as instance:
        (run,) = instance.get_runs()
        assert json.loads(run.tags[FINISHED]) == [HEALTHY]
    monkeypatch.undo()
    monkeypatch.chdir(shell.folder)
    again = shell(*MIGRATE)
    assert "Skipped, because it has finished them: tenants 1." in again.words
    assert "2 of 2 tenants done" in again.printed
