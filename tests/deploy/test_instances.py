"""What the instance files say of the queue, of retries and of launchers, as Dagster takes it."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster._core.events import RunFailureReason
from dagster._core.storage.tags import (
    PARENT_RUN_ID_TAG,
    PRIORITY_TAG,
    ROOT_RUN_ID_TAG,
    RUN_FAILURE_REASON_TAG,
    WILL_RETRY_TAG,
)
from dagster._utils.tags import TagConcurrencyLimitsCounter
from dagster_k8s.job import construct_dagster_k8s_job
from sqlalchemy import text

from meter_assets.definitions import build_definitions
from meter_assets.defs.partitions import sync_partitions
from meter_assets.defs.resources import BillingResource
from meter_assets.errors import InvalidSettings
from meter_assets.migration.database import BillingDatabase
from meter_assets.runtime import run_tags
from meter_assets.runtime.celery_launcher import LostRunsLauncher
from meter_assets.runtime.instance import (
    DAGSTER_HOME_VARIABLE,
    MAX_RUNS_VARIABLE,
    POSTGRES_URL_VARIABLE,
    open_instance,
    shipped_config,
)
from meter_assets.runtime.kubernetes_launcher import KubernetesLauncher
from meter_assets.settings import CONFIG_VARIABLE
from tests.support import deployment as stack
from tests.support.command_line import HEALTHY, make_small_tenants

pytestmark = pytest.mark.slow
README = stack.ROOT / stack.FOLDERS["kubernetes"] / "README.md"
JOB = "migrate_meter_financials"
RUN = "11111111-2222-3333-4444-555555555555"
TASK = {"dagster-celery/task_id": "a-task"}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder that is empty, and an environment that names nothing."""
    for variable in (DAGSTER_HOME_VARIABLE, POSTGRES_URL_VARIABLE, MAX_RUNS_VARIABLE):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def instance(folder: Path) -> Iterator[dg.DagsterInstance]:
    """The instance that we ship."""
    with open_instance() as opened:
        yield opened


@pytest.fixture
def url(folder: Path, instance: dg.DagsterInstance) -> str:
    """A billing database of three small tenants, which are the instance's partitions."""
    path = folder / "billing.db"
    path.touch()
    made = f"sqlite:///{path}"
    make_small_tenants(made)
    sync_partitions(instance, BillingDatabase(made))
    return made


def failed_run(instance: dg.DagsterInstance, url: str) -> dg.DagsterRun:
    """Run the migration of a tenant, which fails, and return it as Dagster has recorded it."""
    job = build_definitions({"billing": BillingResource(url=url)}).resolve_job_def(JOB)
    job.execute_in_process(instance=instance, run_id=RUN, partition_key=HEALTHY, raise_on_error=False)
    run = recorded(instance, RUN)
    assert run.status is dg.DagsterRunStatus.FAILURE
    return run


def recorded(instance: dg.DagsterInstance, run_id: str) -> dg.DagsterRun:
    """Return a run as Dagster has recorded it."""
    run = instance.get_run_by_id(run_id)
    assert run is not None
    return run


def if_it_died_then(instance: dg.DagsterInstance, when: Callable[[dg.DagsterEvent], bool]) -> list[str]:
    """Report the run as lost at an event; return a list of what will then be said of its being started again."""
    will_retry: list[str] = []

    def lose(entry: dg.EventLogEntry) -> None:
        if entry.dagster_event and when(entry.dagster_event) and not will_retry:
            instance.report_run_failed(recorded(instance, RUN), "No worker has been executing this run.")
            will_retry.append(recorded(instance, RUN).tags[WILL_RETRY_TAG])

    instance.add_event_listener(RUN, lose)
    return will_retry


# The queue


def test_the_environment_bounds_how_many_runs_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    with open_instance() as instance:
        shipped = instance.get_concurrency_config().run_queue_config
        monkeypatch.setenv(MAX_RUNS_VARIABLE, " 9 ")
        bound = instance.get_concurrency_config().run_queue_config
    assert shipped is not None
    assert bound is not None
    assert (shipped.max_concurrent_runs, bound.max_concurrent_runs) == (4, 9)
    assert bound.tag_concurrency_limits == shipped.tag_concurrency_limits


def test_passes_of_the_watching_wait_for_each_other_and_not_for_a_backfill() -> None:
    definitions = build_definitions()
    watching, migration = (definitions.resolve_job_def(name).run_tags for name in ("watch_migrated_tenants", JOB))
    with open_instance() as instance:
        queue = instance.get_concurrency_config().run_queue_config
    assert queue is not None
    goes_on = TagConcurrencyLimitsCounter(queue.tag_concurrency_limits, [dg.DagsterRun(job_name="a", tags=watching)])
    assert goes_on.is_blocked(dg.DagsterRun(job_name="b", tags=watching))
    assert not goes_on.is_blocked(dg.DagsterRun(job_name=JOB, tags={**migration, run_tags.PARTITION: "1"}))
    assert int(watching[PRIORITY_TAG]) > int(migration.get(PRIORITY_TAG, 0))


@pytest.mark.parametrize("given", ["", "0", "-1", "many", "2.5"])
def test_a_bound_that_is_none_is_told_in_a_sentence(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MAX_RUNS_VARIABLE, given)
    with (
        pytest.raises(InvalidSettings, match=f"{MAX_RUNS_VARIABLE} is '{given}', expected a whole number"),
        open_instance(),
    ):
        pass


# Which runs are started again


def test_a_run_with_a_failed_check_is_not_started_again(instance: dg.DagsterInstance, url: str) -> None:
    with BillingDatabase(url).transaction() as connection:
        connection.execute(text("UPDATE invoices SET meter_id = NULL WHERE id = 1"))
    if_it_died = if_it_died_then(instance, is_of_a_failed_check)
    run = failed_run(instance, url)
    assert run.tags[RUN_FAILURE_REASON_TAG] == RunFailureReason.STEP_FAILURE.value
    assert run.tags[WILL_RETRY_TAG] == "false"
    assert if_it_died == ["false"], "nor is it if its worker dies before the run has ended"


def is_of_a_failed_check(event: dg.DagsterEvent) -> bool:
    """Say whether an event tells that a check has failed."""
    is_of_a_check = event.event_type is dg.DagsterEventType.ASSET_CHECK_EVALUATION
    return is_of_a_check and not event.asset_check_evaluation_data.passed


def test_a_run_with_a_refused_step_is_not_started_again(instance: dg.DagsterInstance, url: str) -> None:
    with BillingDatabase(url).transaction() as connection:
        connection.exec_driver_sql(
            "CREATE TRIGGER refuse BEFORE UPDATE ON payments BEGIN SELECT RAISE(ABORT, 'no'); END"
        )
    if_it_died = if_it_died_then(instance, lambda event: event.is_step_failure)
    assert failed_run(instance, url).tags[WILL_RETRY_TAG] == "false"
    assert if_it_died == ["false"], "nor is it if its worker dies before the run has ended"


def test_a_run_that_lost_its_worker_is_started_again_twice_at_most(instance: dg.DagsterInstance, url: str) -> None:
    job = build_definitions({"billing": BillingResource(url=url)}).resolve_job_def(JOB)
    root: str | None = None
    will_retry = []
    for _ in range(3):
        tags = {ROOT_RUN_ID_TAG: root, PARENT_RUN_ID_TAG: root} if root else {}
        run = instance.create_run_for_job(
            job, status=dg.DagsterRunStatus.STARTED, tags=tags, root_run_id=root, parent_run_id=root
        )
        instance.report_run_failed(run, "No worker has been executing this run.")
        found = instance.get_run_by_id(run.run_id)
        assert found is not None
        will_retry.append(found.tags[WILL_RETRY_TAG])
        root = root or run.run_id
    assert will_retry == ["true", "true", "false"]


def test_a_rollback_that_lost_its_worker_is_not_started_again(instance: dg.DagsterInstance, url: str) -> None:
    """Somebody may have migrated the tenant again in the meantime."""
    job = build_definitions({"billing": BillingResource(url=url)}).resolve_job_def("rollback_meter_financials")
    run = instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED, tags=job.run_tags)
    instance.report_run_failed(run, "No worker has been executing this run.")
    found = instance.get_run_by_id(run.run_id)
    assert found is not None
    assert found.tags[WILL_RETRY_TAG] == "false"


# Celery's launcher


@pytest.fixture
def launcher(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LostRunsLauncher]:
    """The launcher of deploy/celery, with a clock and workers that the tests set; nothing is connected."""
    with stack.instance_of("celery", folder, monkeypatch) as instance:
        made = instance.run_launcher
        assert isinstance(made, LostRunsLauncher)
        yield made


@pytest.mark.parametrize(
    ("state", "active", "expected"),
    [
        ("STARTED", True, ["RUNNING"] * 3),
        ("STARTED", False, ["RUNNING", "RUNNING", "NOT_FOUND"]),
        ("PENDING", True, ["RUNNING"] * 3),  # what Redis had is lost, the worker is not
        ("PENDING", False, ["RUNNING", "RUNNING", "NOT_FOUND"]),
        ("SUCCESS", False, ["SUCCESS"] * 3),
        ("FAILURE", False, ["FAILED"] * 3),
    ],
)
def test_a_run_is_lost_once_no_worker_has_had_it_for_a_while(
    launcher: LostRunsLauncher, state: str, active: bool, expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = dg.DagsterRun(job_name=JOB, tags=TASK)
    now = [0.0]

    class Told:
        def __init__(self, *ignored: object, **also: object) -> None:
            self.state = state

        def active(self) -> dict[str, list[dict[str, str]]] | None:
            return {"one@host": [{"id": TASK["dagster-celery/task_id"]}]} if active else None

    launcher.clock = lambda: now[0]
    monkeypatch.setattr(launcher.celery, "AsyncResult", Told)
    monkeypatch.setattr(launcher.celery.control, "inspect", Told)
    found = []
    for now[0] in (0.0, 60.0, 121.0):
        found.append(launcher.check_run_worker_health(run).status.value)
    assert found == expected


def test_a_run_that_is_ended_in_the_ui_is_canceled_and_not_lost(
    url: str, launcher: LostRunsLauncher, monkeypatch: pytest.MonkeyPatch
) -> None:
    instance = launcher._instance
    job = build_definitions({"billing": BillingResource(url=url)}).resolve_job_def(JOB)
    run = instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED, tags=TASK)
    revoked: list[str] = []
    monkeypatch.setattr(launcher.celery.control, "revoke", lambda task, **ignored: revoked.append(task))
    assert launcher.terminate(run.run_id)
    found = instance.get_run_by_id(run.run_id)
    assert found is not None
    assert found.status is dg.DagsterRunStatus.CANCELING
    assert revoked == [TASK["dagster-celery/task_id"]]


# The files


@pytest.mark.parametrize("variant", ["celery", "kubernetes"])
def test_a_variant_is_the_instance_that_we_ship_but_for_the_launcher(variant: str) -> None:
    found = yaml.safe_load((stack.ROOT / stack.FOLDERS[variant] / "dagster.yaml").read_text(encoding="utf-8"))
    expected = yaml.safe_load(shipped_config())
    del found["run_launcher"], expected["run_launcher"]
    assert found["run_monitoring"].pop("start_timeout_seconds") == 900
    del expected["run_monitoring"]["start_timeout_seconds"]
    assert found == expected


def test_the_values_for_dagsters_chart_bound_the_queue_as_the_instance_does() -> None:
    guide = README.read_text(encoding="utf-8")
    values = yaml.safe_load(guide.split("```yaml\n")[1].split("```")[0])
    queue = values["dagsterDaemon"]["runCoordinator"]["config"]["queuedRunCoordinator"]
    expected = yaml.safe_load(shipped_config())["concurrency"]["runs"]
    assert queue["maxConcurrentRuns"] == expected["max_concurrent_runs"]
    assert queue["tagConcurrencyLimits"] == expected["tag_concurrency_limits"]


def test_the_guide_of_the_component_has_the_limits_of_our_instance() -> None:
    guide = (stack.ROOT / "docs" / "component.md").read_text(encoding="utf-8")
    [limits] = [block for block in guide.split("```yaml\n") if block.startswith("concurrency:")]
    found, expected = (yaml.safe_load(one)["concurrency"]["runs"] for one in (limits.split("```")[0], shipped_config()))
    assert found["tag_concurrency_limits"] == expected["tag_concurrency_limits"]


def test_the_instance_of_kubernetes_loads(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with stack.instance_of("kubernetes", folder, monkeypatch) as instance:
        launcher = instance.run_launcher
        assert isinstance(launcher, KubernetesLauncher)
        assert launcher.job_namespace == "billing"
        assert launcher.job_image == "registry.example.com/meter-assets:1.2.0"
        assert launcher.env_secrets == ["meter-assets"]
        assert launcher.supports_check_run_worker_health
        assert instance.run_retries_max_retries == 2


def test_a_pod_on_kubernetes_has_the_policy_of_the_config_map(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with stack.instance_of("kubernetes", folder, monkeypatch) as instance:
        launcher = instance.run_launcher
        assert isinstance(launcher, KubernetesLauncher)
        tags = {"dagster-k8s/config": json.dumps({"pod_spec_config": {"host_network": True}})}
        context = launcher.get_container_context_for_run(dg.DagsterRun(job_name=JOB, tags=tags))
        config = context.get_k8s_job_config("image", launcher)
        pod = construct_dagster_k8s_job(config, ["run"], "run", context.run_k8s_config).spec.template.spec
    [container] = pod.containers
    path = Path(next(one.value for one in container.env if one.name == CONFIG_VARIABLE))
    [mount] = [one for one in container.volume_mounts if path.is_relative_to(one.mount_path)]
    [volume] = [one for one in pod.volumes if one.name == mount.name]
    assert not pod.host_network, "a tag, which a launchpad sets, changes the pod"
    assert f"create configmap {volume.config_map.name} --from-file={path.name}" in README.read_text(encoding="utf-8")
