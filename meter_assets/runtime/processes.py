"""The process that executes a run of the command line, and the end of runs whose process is gone.

A launched run is known to its launcher. A run that the command line executes in its own process has no launcher: it
carries a tag that names the process, by which everybody on the same host can tell that it was killed. On other hosts
nobody can. Add here what is asked of such a process; what one launcher asks of its own workers is in its module.
"""

import json
import os
import socket
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import dagster as dg
import psutil

# Launchers answer run monitoring with these. Dagster documents custom launchers, yet exports neither the base class
# nor the answer: no public API as of 1.13 (dagster issue 3288 asks what may be replaced, and by which interface).
from dagster._core.launcher import CheckRunHealthResult, WorkerStatus

from meter_assets.runtime.retries import NEVER_AGAIN
from meter_assets.runtime.run_status import NOT_FINISHED

PROCESS_TAG = "meter_assets/process"
SECONDS_APART = 2.0
"""How exactly the system knows the start of a process: it rounds the time of its own start."""


@dataclass(frozen=True)
class Process:
    """A process: its host, where on that host its id is valid, its id, and when it was started."""

    host: str
    namespace: str
    process: int
    seconds_after_boot: float

    @classmethod
    def of(cls, process: psutil.Process) -> "Process":
        """Return a process of this host. Raises psutil.Error if it may not be looked at."""
        return cls(socket.gethostname(), _namespace(), process.pid, _started(process))

    def is_of_this_host(self) -> bool:
        """Say whether it can be looked for here: a container has processes of its own under its host's name."""
        return (self.host, self.namespace) == (socket.gethostname(), _namespace())

    def is_there(self) -> bool:
        """Say whether it has not ended yet, looked for on its host."""
        if not psutil.pid_exists(self.process):
            return False
        try:
            found = psutil.Process(self.process)
            is_another = abs(_started(found) - self.seconds_after_boot) > SECONDS_APART
            return not is_another and found.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return True  # it is somebody else's, or has just ended: then the next check will show it


def tags_of_this_process() -> Mapping[str, str]:
    """Return the tags of a run that this process executes itself; whoever started it runs it again, and not Dagster."""
    return {PROCESS_TAG: json.dumps(asdict(Process.of(psutil.Process()))), **NEVER_AGAIN}


def health(run: dg.DagsterRun) -> CheckRunHealthResult:
    """Say of a run that no launcher has launched whether its process is gone; it is running where that is not known."""
    gone = _gone(run)
    return CheckRunHealthResult(WorkerStatus.NOT_FOUND, gone) if gone else CheckRunHealthResult(WorkerStatus.RUNNING)


def is_of_a_command_line(run: dg.DagsterRun) -> bool:
    """Say whether a process that the run names executes it: one that was launched may have the tag of another run."""
    return PROCESS_TAG in run.tags and run.remote_job_origin is None


def end_lost_runs(instance: dg.DagsterInstance) -> None:
    """Report the runs of this host's command lines as failed whose process is gone."""
    for run in instance.get_runs(dg.RunsFilter(statuses=NOT_FINISHED)):
        gone = _gone(run)
        if gone and not _has_ended(instance, run):  # which it may have done just before its process did
            instance.report_run_failed(run, gone)


def _gone(run: dg.DagsterRun) -> str:
    """Return a sentence where the run's process is known to be gone."""
    if not is_of_a_command_line(run):
        return ""
    named = Process(**json.loads(run.tags[PROCESS_TAG]))
    if not named.is_of_this_host() or named.is_there():
        return ""
    return (
        f"The process that executed this run is gone: process {named.process} on {named.host}. Nothing is half done: "
        "run the same command again."
    )


def _has_ended(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    found = instance.get_run_by_id(run.run_id)
    return found is None or found.is_finished


def _started(process: psutil.Process) -> float:
    """Return when a process was started, by the clock that nobody sets."""
    return float(process.create_time() - psutil.boot_time())


def _namespace() -> str:
    """Return what tells containers of one host apart, where there are any: a process id is valid within one."""
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""
