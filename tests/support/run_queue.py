"""Dagster's own command line and daemon, on the instance of `meter-assets`: runs that come through the queue."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from tests.support.command_line import HEALTHY, CommandLine
from tests.support.processes import started, without_schedules

SECONDS = 120


A_JOB = "migrate_meter_financials"


@contextmanager
def daemon(shell: CommandLine) -> Iterator[None]:
    """Run Dagster's daemon on the instance of the command line; it has its own processes, which end with it."""
    command = [sys.executable, "-m", "dagster._daemon", "run", "-m", "meter_assets.definitions"]
    environment = {**_dagsters_environment(shell), **without_schedules(shell.folder)}
    with started(command, shell.folder, shell.folder / "daemon.log", environment):
        yield


def _dagsters_environment(shell: CommandLine) -> dict[str, str]:
    home = str(shell.folder / ".meter_assets" / "dagster")
    return {**os.environ, "DAGSTER_HOME": home, "METER_ASSETS_DATABASE_URL": shell.url, "PYTHONWARNINGS": "ignore"}


def launch(shell: CommandLine) -> str:
    """Launch the migration of a tenant through the run queue; return the run's id."""
    known = {run.run_id for run in runs(shell)}
    tags = f'{{"dagster/partition": "{HEALTHY}"}}'
    command = [sys.executable, "-m", "dagster", "job", "launch", "-m", "meter_assets.definitions", "-j", A_JOB]
    subprocess.run(
        [*command, "--tags", tags],
        cwd=shell.folder,
        env=_dagsters_environment(shell),
        check=True,
        capture_output=True,
        timeout=SECONDS,
    )
    [launched] = {run.run_id for run in runs(shell)} - known
    return launched


def runs(shell: CommandLine) -> list[dg.DagsterRun]:
    with shell.instance() as instance:
        return list(instance.get_runs())
