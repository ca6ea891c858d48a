"""Runs of a command line that was killed: run monitoring ends them with each launcher, and so does our next command."""

import json
import logging
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, cast

import dagster as dg
import psutil
import pytest
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.origin import JobPythonOrigin, RepositoryPythonOrigin
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.storage.tags import WILL_RETRY_TAG
from dagster._daemon.monitoring.run_monitoring import monitor_started_run

from meter_assets.runtime.instance import POSTGRES_URL_VARIABLE
from meter_assets.runtime.processes import PROCESS_TAG, Process, end_lost_runs, tags_of_this_process
from tests.support import deployment as stack


@dg.op
def work() -> None:
    """Do nothing."""


@dg.job
def working() -> None:
    """Do nothing."""
    work()


def ended_process() -> Process:
    """Return a process that was there."""
    with subprocess.Popen(["sleep", "60"]) as started:
        named = Process.of(psutil.Process(started.pid))
        started.kill()
    return named


def naming(process: Process) -> Mapping[str, str]:
    """Return the tags of a run that the process executes."""
    return {**tags_of_this_process(), PROCESS_TAG: json.dumps(asdict(process))}


HERE = Process.of(psutil.Process())
GONE = ended_process()
TAGS = {
    "killed": naming(GONE),
    "killed, and another has its id": naming(replace(HERE, seconds_after_boot=HERE.seconds_after_boot - 60)),
    "alive": tags_of_this_process(),
    "on another host": naming(replace(GONE, host="elsewhere")),
    "in another container": naming(replace(GONE, namespace="pid:[1]")),
}
LOST = {"killed", "killed, and another has its id"}
_REPOSITORY = RepositoryPythonOrigin("python", ModuleCodePointer("meter_assets.definitions", "defs"))
ORIGINS = {
    "remote_job_origin": RemoteJobOrigin(
        RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("meter_assets"), "__repository__"), working.name
    ),
    "job_code_origin": JobPythonOrigin(working.name, _REPOSITORY),
}


@pytest.fixture
def instance(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dg.DagsterInstance]:
    """The instance of the file that the test names."""
    monkeypatch.delenv(POSTGRES_URL_VARIABLE, raising=False)
    with stack.instance_of(request.param, tmp_path, monkeypatch) as opened:
        yield opened


def begin(instance: dg.DagsterInstance, tags: Mapping[str, str], **also: Any) -> str:
    """Record a run that has begun."""
    return instance.create_run_for_job(working, status=dg.DagsterRunStatus.STARTED, tags=tags, **also).run_id


def monitor(instance: dg.DagsterInstance) -> None:
    """Look at all runs that have begun, as Dagster's daemon does."""
    for record in instance.get_run_records(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])):
        monitor_started_run(instance, cast(Any, None), record, logging.getLogger())


def failed(instance: dg.DagsterInstance) -> set[str]:
    """Return the ids of the runs that have failed; none is started again."""
    runs = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE]))
    assert {run.tags[WILL_RETRY_TAG] for run in runs} == {"false"}
    return {run.run_id for run in runs}


@pytest.mark.parametrize("instance", stack.FOLDERS, indirect=True)
def test_monitoring_ends_what_has_lost_its_process_on_this_host(instance: dg.DagsterInstance) -> None:
    started = {what: begin(instance, tags) for what, tags in TAGS.items()}
    monitor(instance)
    assert failed(instance) == {started[what] for what in LOST}
    [told] = instance.all_logs(started["killed"], of_type=dg.DagsterEventType.PIPELINE_FAILURE)
    assert f"executed this run is gone: process {GONE.process} on {HERE.host}. No step is half done" in told.message


@pytest.mark.parametrize("instance", ["one machine"], indirect=True)
def test_our_next_command_ends_them_too_but_not_what_was_launched(instance: dg.DagsterInstance) -> None:
    started = {what: begin(instance, tags) for what, tags in TAGS.items()}
    begin(instance, {})
    begin(instance, naming(GONE), **ORIGINS)  # as it is started again in the UI, with all of its tags
    end_lost_runs(instance)
    monitor(instance)
    assert failed(instance) == {started[what] for what in LOST}
