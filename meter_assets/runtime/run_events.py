"""What has no public type in a run and its events: interrupts, and whether a failure is one.

Add a function here for another part of an event that only a private type describes. The statuses of runs are in
`run_status`.
"""

import dagster as dg

# DagsterEvent is public, but its errors are not: no public API as of 1.13 says that one is an interrupt.
from dagster._core.errors import DagsterExecutionInterruptedError
from dagster._core.execution.plan.objects import ErrorSource

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
