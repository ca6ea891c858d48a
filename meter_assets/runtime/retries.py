"""Prevents Dagster from retrying a run: the tag for a run to launch, and a function for the current run.

Add here what decides whether Dagster starts a run again. Which runs have ended is in `run_status`.
"""

from collections.abc import Mapping

import dagster as dg

NEVER_AGAIN: Mapping[str, str] = {"dagster/max_retries": "0"}
"""The tag of a run that Dagster must not start again, for any reason. Dagster documents the name of the tag."""


def never_start_again() -> None:
    """Prevent a retry of the current run: it would fail in the same way until somebody has fixed the rows.

    Dagster does not retry a run that has recorded such a failure. The tag is for a run whose worker dies before that.
    """
    context = dg.OpExecutionContext.get()
    context.instance.add_run_tags(context.run_id, NEVER_AGAIN)
