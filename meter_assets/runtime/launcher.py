"""The launcher for one machine, which `dagster.yaml` names.

Add here what concerns runs on the same machine. The launchers for clusters are in `celery_launcher` and
`kubernetes_launcher`.
"""

from dagster import DagsterRun, DefaultRunLauncher

# The reply to run monitoring: see `processes`.
from dagster._core.launcher import CheckRunHealthResult

from meter_assets.runtime.processes import health


class LocalLauncher(DefaultRunLauncher):
    """Dagster's own launcher, which also detects that the process of a command line was killed.

    The code server itself reports the death of processes that it has launched.
    """

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Return True, so that run monitoring asks this launcher."""
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """Return whether a run has lost its process, if this can be known on this host."""
        return health(run)
