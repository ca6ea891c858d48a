"""Which runs Dagster does not start again by itself."""

from collections.abc import Mapping

import dagster as dg
from dagster._core.storage.tags import MAX_RETRIES_TAG

NEVER_AGAIN: Mapping[str, str] = {MAX_RETRIES_TAG: "0"}
"""The tag of a run that is not started again, whatever has ended it."""


def never_start_again() -> None:
    """Let the run under way not be started again: it would fail as it does now, until somebody has mended the rows.

    Dagster does not start a run again that has recorded such an end. This holds for one whose worker dies before that.
    """
    context = dg.OpExecutionContext.get()
    context.instance.add_run_tags(context.run_id, NEVER_AGAIN)
