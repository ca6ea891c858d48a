"""The schedules, as the settings have them when the definitions are loaded.

Add the schedule of a further job here. When a schedule runs is a setting; see `settings`.
"""

import dagster as dg

from meter_assets.defs.retention import retention_schedule
from meter_assets.defs.watching import watching_schedules


@dg.definitions
def schedules() -> dg.Definitions:
    """Return the schedules of the watching and of the retention of its runs."""
    return dg.Definitions(schedules=[*watching_schedules(), retention_schedule()])
