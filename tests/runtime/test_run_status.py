import dagster as dg
import pytest

from meter_assets.runtime.run_status import FINISHED, NOT_FINISHED


# Dagster makes no run with the status QUEUED that was not launched.
@pytest.mark.parametrize("status", [one for one in dg.DagsterRunStatus if one.name != "QUEUED"])
def test_a_status_is_finished_where_dagster_says_so(status: dg.DagsterRunStatus) -> None:
    is_finished = dg.DagsterRun(job_name="any", status=status).is_finished
    assert (status in FINISHED, status in NOT_FINISHED) == (is_finished, not is_finished)
