"""The launcher of one machine, which `dagster.yaml` names. The launchers of clusters have modules of their own."""

from dagster import DagsterRun, DefaultRunLauncher

# The answer to run monitoring: see `processes`.
from dagster._core.launcher import CheckRunHealthResult

from meter_assets.runtime.processes import health


class LocalLauncher(DefaultRunLauncher):
    """Dagster's own launcher, which also notices that a command line was killed and its run would never end.

    The code server reports by itself that a process has died which it has launched.
    """

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Let run monitoring ask."""
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """Say whether a run has lost its process, where that can be known here."""
        return health(run)
