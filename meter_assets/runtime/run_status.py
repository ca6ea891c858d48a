"""Which runs have ended: the statuses of a run that are final, and those that are not.

Add here what is asked of the status of a run. What an event of a run says is in `run_events`.
"""

import dagster as dg

FINISHED = (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)
"""The statuses of a run that has ended, whether it succeeded, failed or was canceled."""
NOT_FINISHED = tuple(one for one in dg.DagsterRunStatus if one not in FINISHED)
"""The statuses of a run that is queued, starting, running or being canceled."""
