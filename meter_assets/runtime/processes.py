"""The processes in which command lines execute runs: which are gone, and how their runs are reported as failed.

A launcher knows the runs that it has launched. The command line executes a run in its own process, without a launcher:
a tag of the run names the process, so that other processes on the same host can detect that it was killed. Other hosts
cannot detect it. Add here what is checked about such a process; checks of a launcher's own workers are in its module.
"""

import json
import os
import socket
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import dagster as dg
import psutil

# The types of a launcher's reply to run monitoring. Dagster documents custom launchers, but exports neither the base
# class nor these types: no public API as of 1.13 (dagster issue 3288 asks for a documented interface).
from dagster._core.launcher import CheckRunHealthResult, WorkerStatus

from meter_assets.migration.person import this_person
from meter_assets.runtime.retries import NEVER_AGAIN
from meter_assets.runtime.run_status import NOT_FINISHED

PROCESS_TAG = "meter_assets/process"
USER_TAG = "meter_assets/user"
"""The tag of a run of the command line: the operating system's user, and the host."""
SECONDS_APART = 2.0
"""The precision of a process's start time: the system rounds the time of its own boot."""


@dataclass(frozen=True)
class Process:
    """A process: its host, the namespace in which its id is valid, its id, and the time of its start."""

    host: str
    namespace: str
    process: int
    seconds_after_boot: float

    @classmethod
    def of(cls, process: psutil.Process) -> "Process":
        """Return a process of this host. Raises psutil.Error if it may not be examined."""
        return cls(socket.gethostname(), _namespace(), process.pid, _started(process))

    def is_of_this_host(self) -> bool:
        """Return whether it can be found here: a container can have its own processes under its host's name."""
        return (self.host, self.namespace) == (socket.gethostname(), _namespace())

    def is_there(self) -> bool:
        """Return whether it still exists. Must be called on its host."""
        if not psutil.pid_exists(self.process):
            return False
        try:
            found = psutil.Process(self.process)
            is_reused = abs(_started(found) - self.seconds_after_boot) > SECONDS_APART
            return not is_reused and found.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return True  # it belongs to another user, or has just ended: the next check will show that


def tags_of_this_process() -> Mapping[str, str]:
    """Return the tags of a run that this process executes itself. Only its user runs it again, never Dagster."""
    process = json.dumps(asdict(Process.of(psutil.Process())))
    return {PROCESS_TAG: process, USER_TAG: str(this_person()), **NEVER_AGAIN}


def health(run: dg.DagsterRun) -> CheckRunHealthResult:
    """Return the health of a run without a launcher: lost if its process is known to be gone, otherwise running."""
    gone = _gone(run)
    return CheckRunHealthResult(WorkerStatus.NOT_FOUND, gone) if gone else CheckRunHealthResult(WorkerStatus.RUNNING)


def is_of_a_command_line(run: dg.DagsterRun) -> bool:
    """Return whether a command line executes this run. A launched run may have a copied tag of another run."""
    return PROCESS_TAG in run.tags and run.remote_job_origin is None


def has_ended_here(run: dg.DagsterRun) -> bool:
    """Return whether the command that executed a run is known to have ended, on this host, or is this process.

    Of a process on another host this is not known.
    """
    if not is_of_a_command_line(run):
        return False
    named = Process(**json.loads(run.tags[PROCESS_TAG]))
    return named.is_of_this_host() and (named.process == os.getpid() or not named.is_there())


def end_lost_runs(instance: dg.DagsterInstance) -> None:
    """Report the runs of this host's command lines whose process is gone as failed."""
    for run in instance.get_runs(dg.RunsFilter(statuses=NOT_FINISHED)):
        gone = _gone(run)
        if gone and not _has_ended(instance, run):  # it may have ended just before its process did
            instance.report_run_failed(run, gone)


def _gone(run: dg.DagsterRun) -> str:
    """Return a sentence if the run's process is known to be gone, otherwise an empty text."""
    if not is_of_a_command_line(run):
        return ""
    named = Process(**json.loads(run.tags[PROCESS_TAG]))
    if not named.is_of_this_host() or named.is_there():
        return ""
    return (
        f"The process that executed this run is gone: process {named.process} on {named.host}. No step is half "
        "done: run the same command again."
    )


def _has_ended(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    found = instance.get_run_by_id(run.run_id)
    return found is None or found.is_finished


def _started(process: psutil.Process) -> float:
    """Return when a process was started, in seconds since boot: this value does not change with the system clock."""
    return float(process.create_time() - psutil.boot_time())


def _namespace() -> str:
    """Return the namespace of process ids, which differs between the containers of one host; empty if unknown."""
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""
