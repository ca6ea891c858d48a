"""Runs that Dagster must not retry: the tag that says so, for a run to launch and for the run under way.

Add here what decides whether Dagster starts a run again. Which runs have ended is in `run_status`.
"""

from collections.abc import Mapping

import dagster as dg

NEVER_AGAIN: Mapping[str, str] = {"dagster/max_retries": "0"}
"""The tag of a run that is not started again, whatever has ended it. Dagster documents its name."""


def never_start_again() -> None:
    """Let the run under way not be started again: it would fail as it does now, until somebody has fixed the rows.

    Dagster does not start a run again that has recorded such an end. This holds for one whose worker dies before that.
    """
    context = dg.OpExecutionContext.get()
    context.instance.add_run_tags(context.run_id, NEVER_AGAIN)
