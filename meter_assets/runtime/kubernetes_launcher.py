"""The launcher that runs jobs as Kubernetes jobs; `deploy/kubernetes` names it. Needs the extra `kubernetes`.

Add here what concerns Kubernetes only. The processes of command lines are in `processes`.
"""

from dagster import DagsterRun

# The reply to run monitoring: see `processes`.
from dagster._core.launcher import CheckRunHealthResult
from dagster_k8s import K8sRunLauncher
from dagster_k8s.container_context import K8sContainerContext

from meter_assets.runtime.processes import health, is_of_a_command_line


class KubernetesLauncher(K8sRunLauncher):
    """Dagster's Kubernetes launcher, which also checks runs that it has not launched, and lets no tag change a pod.

    Dagster's own launcher reports a running command line as lost, because the run has no Kubernetes job.
    """

    def get_container_context_for_run(self, dagster_run: DagsterRun) -> K8sContainerContext:
        """Return the pod of a run as the instance file defines it, without the tags of the run from the launchpad."""
        return K8sContainerContext.create_for_run(dagster_run, self, include_run_tags=False)

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """Return whether a run's pod, or the process of a command line, is gone."""
        if is_of_a_command_line(run):
            return health(run)
        reported: CheckRunHealthResult = super().check_run_worker_health(run)
        return reported
