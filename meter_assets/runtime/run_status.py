"""The statuses of runs: those of runs that have ended, and those of runs that have not.

Add here what depends on the status of a run. What the events of a run contain is in `run_events`.
"""

import dagster as dg

FINISHED = (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)
"""The statuses of a run that has ended, whether it succeeded, failed or was canceled."""
NOT_FINISHED = tuple(one for one in dg.DagsterRunStatus if one not in FINISHED)
"""The statuses of a run that is queued, starting, running or being canceled."""
