"""The schedules, built from the settings when the definitions are loaded.

Add the schedule of a further job here. The times of the schedules are settings: see `settings`.
"""

import dagster as dg

from meter_assets.defs.retention import retention_schedule
from meter_assets.defs.watching import watching_schedules


@dg.definitions
def schedules() -> dg.Definitions:
    """Return the schedules that watch migrated tenants and delete old runs."""
    return dg.Definitions(schedules=[*watching_schedules(), retention_schedule()])
