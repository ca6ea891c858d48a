"""Ctrl-C at any moment of a command: the step is rolled back, the run is canceled, and no other tenant begins."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from typing import Any

import dagster as dg
import pytest
from sqlalchemy import text
from sqlalchemy.engine.default import DefaultDialect

from meter_assets.defs.resources import BillingResource
from meter_assets.migration import apply, recording
from tests.support.command_line import HEALTHY, CommandLine, meters_of
from tests.support.databases import STEP_RUNS

MIGRATE = "migrate-meter-financials"
SECONDS = 120
STOPPED = "Interrupted. The current step, or its current batch, was rolled back"
SLOW = {
    "sqlite": [
        "CREATE TRIGGER slow AFTER UPDATE ON meters BEGIN SELECT count(*) FROM (WITH RECURSIVE n(x) AS "
        "(SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 50000000) SELECT x FROM n); END"
    ],
    "postgresql": [
        "CREATE FUNCTION slow() RETURNS trigger AS $$ BEGIN PERFORM pg_sleep(60); RETURN NEW; END $$ LANGUAGE plpgsql",
        "CREATE TRIGGER slow BEFORE UPDATE ON meters FOR EACH ROW EXECUTE FUNCTION slow()",
    ],
    "mysql": ["CREATE TRIGGER slow BEFORE UPDATE ON meters FOR EACH ROW SET NEW.balance = NEW.balance + 0 * SLEEP(60)"],
}
LOADING = """
import signal, sys
from meter_assets.cli.start import main

class Interrupted:
    def find_spec(self, name, *_):
        if name == {module!r}:
            signal.raise_signal(signal.SIGINT)

sys.meta_path.insert(0, Interrupted())
main()
"""
"""The program, with Ctrl-C at the moment at which it loads a module."""
FAST_AGAIN = {"sqlite": "DROP TRIGGER slow", "postgresql": "DROP TRIGGER slow ON meters", "mysql": "DROP TRIGGER slow"}


@pytest.mark.slow
@pytest.mark.parametrize("module", ["click", "sqlalchemy", "meter_assets.cli.output"])
def test_an_interrupt_while_loading_is_one_sentence(module: str) -> None:
    program = [sys.executable, "-c", LOADING.format(module=module)]
    ended = subprocess.run(program, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "Interrupted. Nothing was written.\n")


@pytest.mark.slow
@pytest.mark.by_default("postgresql")
def test_an_interrupt_rolls_the_step_back_and_the_same_command_resumes(shell: CommandLine, engine_name: str) -> None:
    shell.change(*SLOW[engine_name])
    before = meters_of(shell, HEALTHY)
    child = shell.start(MIGRATE, "--yes", "--tenant", HEALTHY)
    _wait_until_running(shell, "meter_balances")
    time.sleep(0.5)
    child.send_signal(signal.SIGINT)
    printed, _ = child.communicate(timeout=SECONDS)
    assert child.returncode == 130, printed
    assert f"{STOPPED}; finished steps and batches stay" in printed
    assert "Traceback" not in printed
    assert meters_of(shell, HEALTHY) == before
    outcomes = dict(shell.rows(f"SELECT step, outcome FROM {STEP_RUNS}"))
    assert outcomes["payment_meter_ids"] == "succeeded"
    assert outcomes["meter_balances"] == "interrupted"
    with shell.instance() as instance:
        assert [run.status for run in instance.get_runs()] == [dg.DagsterRunStatus.CANCELED]
    assert shell.rows("SELECT count(*) FROM meter_migration_meter_balances") == [(0,)]
    shell.change(FAST_AGAIN[engine_name])
    assert shell(MIGRATE, "--yes", "--tenant", HEALTHY).status == 0
    assert meters_of(shell, HEALTHY) != before


def _wait_until_running(shell: CommandLine, step: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with shell.database.snapshot() as connection:
            if "meter_migration_commits" in shell.database.schema(connection).own_tables_present:
                running = f"SELECT count(*) FROM {STEP_RUNS} WHERE step = :step AND outcome = 'running'"
                if connection.scalar(text(running), {"step": step}):
                    return
        time.sleep(0.1)
    raise AssertionError(f"{step} did not begin")


# Interrupts in the places where a library may lose them


class Destroyed:
    """Something whose destructor is interrupted: Python ignores what is raised there."""

    def __del__(self) -> None:
        _interrupt()


def _interrupt(*_: object) -> None:
    signal.raise_signal(signal.SIGINT)


def _between_two_steps(patch: pytest.MonkeyPatch) -> None:
    """Dagster then fails the run, and no step."""
    patch.setattr(BillingResource, "setup_for_execution", _interrupt)


def _in_a_destructor(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(BillingResource, "setup_for_execution", lambda *_: Destroyed())


def _before_the_run_starts(patch: pytest.MonkeyPatch) -> None:
    """Dagster then records no end of the run."""
    patch.setattr(dg.DagsterInstance, "create_run_for_job", _interrupted_after(dg.DagsterInstance.create_run_for_job))


def _after_the_commit_of_a_step(patch: pytest.MonkeyPatch) -> None:
    """The step is then recorded as succeeded, although it ends with an exception."""
    close = DefaultDialect.do_close

    def succeed(*of_step: Any, **also: Any) -> None:
        patch.setattr(DefaultDialect, "do_close", _interrupted_after(close))
        succeeds(*of_step, **also)

    succeeds = recording.succeed
    patch.setattr(apply, "succeed", succeed)


def _interrupted_after(called: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that does the same, and at whose end an interrupt comes, once."""
    left = [_interrupt]

    def call(*args: Any, **named: Any) -> Any:
        result = called(*args, **named)
        if left:
            left.pop()()
        return result

    return call


@pytest.mark.slow
@pytest.mark.parametrize(
    "interrupted", [_between_two_steps, _in_a_destructor, _before_the_run_starts, _after_the_commit_of_a_step]
)
def test_no_library_loses_an_interrupt(
    shell: CommandLine, monkeypatch: pytest.MonkeyPatch, interrupted: Callable[[pytest.MonkeyPatch], None]
) -> None:
    interrupted(monkeypatch)
    ended = shell(MIGRATE, "--yes")
    assert "Exception ignored" not in ended.printed
    assert (ended.status, STOPPED in ended.words) == (130, True)
    with shell.instance() as instance:
        assert [run.status for run in instance.get_runs()] == [dg.DagsterRunStatus.CANCELED]


@pytest.mark.slow
@pytest.mark.thorough
def test_at_any_moment_an_interrupt_ends_the_command_and_the_next_one_continues(shell: CommandLine) -> None:
    moments = (0.5 + 0.1 * number for number in count())
    status = None
    while status != 0:
        with shell.start(MIGRATE, "--yes") as child:
            with suppress(subprocess.TimeoutExpired):
                child.wait(next(moments))
            child.send_signal(signal.SIGINT)
            printed, _ = child.communicate(timeout=SECONDS)
        status = child.returncode
        assert (status in (0, 130, -signal.SIGINT), "Traceback" in printed) == (True, False), printed
        with shell.instance() as instance:
            found = {run.status for run in instance.get_runs()}
        assert found <= {dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.CANCELED}
    done = "SELECT DISTINCT tenant_id FROM meters WHERE total_billed IS NOT NULL ORDER BY tenant_id"
    assert shell.rows(done) == [(1,), (2,), (3,)]
