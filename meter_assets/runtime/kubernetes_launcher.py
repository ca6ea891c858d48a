"""The launcher of runs as Kubernetes jobs, which `deploy/kubernetes` names. Needs the extra `kubernetes`."""

from dagster import DagsterRun

# The answer to run monitoring: see `processes`.
from dagster._core.launcher import CheckRunHealthResult
from dagster_k8s import K8sRunLauncher
from dagster_k8s.container_context import K8sContainerContext

from meter_assets.runtime.processes import health, is_of_a_command_line


class KubernetesLauncher(K8sRunLauncher):
    """Dagster's Kubernetes launcher, which also knows runs that it has not launched, and lets no tag change a pod.

    Dagster's own takes a run of a command line for lost while it goes on, since there is no job of it.
    """

    def get_container_context_for_run(self, dagster_run: DagsterRun) -> K8sContainerContext:
        """Return the pod of a run as the instance file has it: a tag, which a launchpad sets, changes nothing."""
        return K8sContainerContext.create_for_run(dagster_run, self, include_run_tags=False)

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """Say whether a run's pod, or a command line's process, is gone."""
        if is_of_a_command_line(run):
            return health(run)
        told: CheckRunHealthResult = super().check_run_worker_health(run)
        return told
