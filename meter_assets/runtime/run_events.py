"""Reads parts of a run's events that have no public type: whether a step failed because of an interrupt.

Add a function here for another part of an event that only a private type describes. The statuses of runs are in
`run_status`.
"""

import dagster as dg

# DagsterEvent is public, but the source of a step's error is not: no public API as of 1.13.
from dagster._core.execution.plan.objects import ErrorSource


def was_interrupted(event: dg.DagsterEvent) -> bool:
    """Return whether a step failed because its process was interrupted. The event must be a step failure."""
    return event.step_failure_data.error_source is ErrorSource.INTERRUPT
