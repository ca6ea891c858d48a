"""Who started a run of Dagster, and why, by its tags.

Add here what else the tags of a run say of its origin. How it is recorded is in `migration.origin`.
"""

from typing import Any

import dagster as dg

from meter_assets.defs import metadata
from meter_assets.migration.origin import Origin
from meter_assets.runtime.processes import PROCESS_TAG, is_of_a_command_line
from meter_assets.runtime.run_origins import who_started
from meter_assets.runtime.run_tags import REASON_TAG


def origin_of(run: dg.DagsterRun) -> Origin:
    """Return who started a run, and the reason that was given for it."""
    launched = {name: said for name, said in run.tags.items() if name != PROCESS_TAG or is_of_a_command_line(run)}
    return Origin(who_started(launched), run.tags.get(REASON_TAG))


def origin_metadata(run: dg.DagsterRun) -> dict[str, Any]:
    """Return who started a run, and why, for the page of what it materialized."""
    origin = origin_of(run)
    entries = {"started_by": origin.started_by, "reason": origin.reason}
    return {name: metadata.text(said) for name, said in entries.items() if said}
