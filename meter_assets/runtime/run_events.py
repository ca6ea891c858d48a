"""What an event of a run says beyond Dagster's public attributes: whether and why a step failed.

Add a function here when another part of an event is needed that only a private type describes.
"""

import dagster as dg

# DagsterEvent is public, the source of a step's error is not: no public API as of 1.13.
from dagster._core.execution.plan.objects import ErrorSource


def was_interrupted(event: dg.DagsterEvent) -> bool:
    """Return whether a step failed because its process was interrupted. The event must be a step failure."""
    return event.step_failure_data.error_source is ErrorSource.INTERRUPT
