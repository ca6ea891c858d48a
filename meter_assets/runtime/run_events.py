"""What is read of a run and its events: interrupts, and whether a failure is one; and the newest lines of its log.

Add a function here for another part of an event that only a private type describes. The statuses of runs are in
`run_status`.
"""

import dagster as dg

# DagsterEvent is public, but its errors are not: no public API as of 1.13 says that one is an interrupt.
from dagster._core.errors import DagsterExecutionInterruptedError
from dagster._core.execution.plan.objects import ErrorSource

NEWEST = 1_000
"""Among how many of the newest events of a run a line is looked for."""
INTERRUPTS = (KeyboardInterrupt, DagsterExecutionInterruptedError)
"""The exceptions of an interrupt, outside and inside of a run."""


def was_interrupted(event: dg.DagsterEvent) -> bool:
    """Return whether a failure means that the process was interrupted: in a step, or between two steps of the run."""
    if event.is_step_failure:
        return event.step_failure_data.error_source is ErrorSource.INTERRUPT
    if not event.is_job_failure:
        return False
    if event.event_specific_data is None:  # another process reported that the run's process is gone
        return False
    error = event.job_failure_data.error
    return error is not None and error.cls_name == DagsterExecutionInterruptedError.__name__


def newest_line(instance: dg.DagsterInstance, run_id: str, beginning: str) -> str | None:
    """Return the rest of the newest line of a run's log that begins so; None if there is none, or no such run."""
    lines = instance.get_records_for_run(run_id, limit=NEWEST, ascending=False).records
    found = (one.event_log_entry.user_message for one in lines)
    return next((line.removeprefix(beginning) for line in found if line.startswith(beginning)), None)
