"""What Dagster shows of a tenant after a run that did not execute all that it had planned."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.storage.partition_status_cache import get_and_update_asset_status_cache_value
from sqlalchemy import text

from meter_assets.cli.runner import QUIET
from meter_assets.definitions import build_definitions
from meter_assets.defs.partitions import TENANTS
from meter_assets.defs.resources import BillingResource
from meter_assets.migration.database import BillingDatabase
from meter_assets.rules.steps import MIGRATION
from meter_assets.runtime import run_tags
from meter_assets.runtime.event_log import NOT_RUN, Reader
from tests.support.command_line import ALSO_HEALTHY, BROKEN, HEALTHY, make_small_tenants
from tests.support.watching import BALANCES, KEYS, Watch, instance_in

FAULT, VIOLATED = "line_of_other_tenant", "every_invoice_line_is_complete"
CONSERVED = "money_is_conserved"
pytestmark = pytest.mark.slow


class Graph:
    """The graph of three small tenants, of which one is broken, in a Dagster instance of its own."""

    def __init__(self, instance: dg.DagsterInstance, url: str) -> None:
        self.instance, self.database = instance, BillingDatabase(url)
        self.definitions = build_definitions({"billing": BillingResource(url=url)})
        self.watch = Watch.__new__(Watch)
        self.watch.instance, self.watch.database = instance, self.database
        instance.add_dynamic_partitions(str(TENANTS.name), [HEALTHY, ALSO_HEALTHY, BROKEN])

    def migrate(self, tenant: str, **config: Any) -> dg.ExecuteInProcessResult:
        job = self.definitions.resolve_job_def("migrate_meter_financials")
        return job.execute_in_process(
            instance=self.instance, partition_key=tenant, run_config={**QUIET, **config}, raise_on_error=False
        )

    def shown(self, tenant: str) -> tuple[dict[str, str], dict[str, str]]:
        """Return what Dagster shows of each asset and each check of a tenant."""
        return {asset: self._of_asset(asset, tenant) for asset in MIGRATION}, self._of_checks(tenant)

    def _of_asset(self, asset: str, tenant: str) -> str:
        found = get_and_update_asset_status_cache_value(self.instance, dg.AssetKey(asset), TENANTS)
        if found is None:
            return "missing"
        subsets = {
            "failed": found.deserialize_failed_partition_subsets(TENANTS),
            "in progress": found.deserialize_in_progress_partition_subsets(TENANTS),
            "materialized": found.deserialize_materialized_partition_subsets(TENANTS),
        }
        return next((name for name, subset in subsets.items() if tenant in subset), "missing")

    def _of_checks(self, tenant: str) -> dict[str, str]:
        infos = self.instance.event_log_storage.get_asset_check_partition_info(KEYS)
        found = {one.check_key.name: one.latest_execution_status.value for one in infos if one.partition_key == tenant}
        not_run = [name for name in found if NOT_RUN in self.result(name, tenant).metadata]
        return found | dict.fromkeys(not_run, NOT_RUN)

    def result(self, check: str, tenant: str) -> dg.AssetCheckEvaluation:
        return self.watch.evaluation(check, tenant)


@pytest.fixture
def graph(tmp_path: Path) -> Iterator[Graph]:
    path = tmp_path / "billing.db"
    path.touch()
    make_small_tenants(f"sqlite:///{path}", (FAULT, int(BROKEN)))
    with instance_in(tmp_path / "dagster") as instance:
        yield Graph(instance, f"sqlite:///{path}")


def test_a_blocked_check_says_that_it_was_not_run_and_why(graph: Graph) -> None:
    assert not graph.migrate(BROKEN).success
    assets, checks = graph.shown(BROKEN)
    assert assets == {**dict.fromkeys(MIGRATION, "materialized"), "meter_balances": "missing"}
    assert checks[VIOLATED] == "FAILED"
    assert [name for name, status in checks.items() if status == "FAILED"] == [VIOLATED]
    blocked = graph.result(CONSERVED, BROKEN)
    assert blocked.severity is dg.AssetCheckSeverity.WARN
    assert blocked.description == f"Not run: blocked by {VIOLATED}. Fix that, then run the tenant again."
    reader = Reader(graph.instance, MIGRATION, (CONSERVED, VIOLATED))
    assert [(one.check, one.passed) for one in reader.latest_outcomes(10**9)] == [(VIOLATED, False)]


@contextmanager
def locked(graph: Graph) -> Iterator[dict[str, Any]]:
    other = BillingDatabase(graph.database._url.render_as_string(hide_password=False))
    (tenant,) = other.tenants([HEALTHY])
    other.lock(tenant, "another run")
    try:
        yield {}
    finally:
        other.release()


@contextmanager
def with_another_policy(graph: Graph) -> Iterator[dict[str, Any]]:
    yield {"resources": {"policy": {"config": {"tolerance": "7.00"}}}}


@contextmanager
def without_the_right_database(graph: Graph) -> Iterator[dict[str, Any]]:
    yield {"resources": {"billing": {"config": {"url": "sqlite:////nowhere/billing.db"}}}}


@contextmanager
def on_broken_rows(graph: Graph) -> Iterator[dict[str, Any]]:
    with graph.database.transaction() as connection:
        connection.execute(text("UPDATE payments SET status = 'odd' WHERE tenant_id = 1"))
    yield {}


REFUSED: dict[str, Callable[[Graph], Any]] = {
    "lock": locked,
    "policy": with_another_policy,
    "config": without_the_right_database,
}


def test_a_refused_run_leaves_the_last_results(graph: Graph) -> None:
    assert graph.migrate(HEALTHY).success
    before = graph.shown(HEALTHY)
    assert set(before[0].values()) == {"materialized"}
    assert set(before[1].values()) == {"SUCCEEDED"}
    for name, refuse in REFUSED.items():
        with refuse(graph) as config:
            assert not graph.migrate(HEALTHY, **config).success, name
        assert graph.shown(HEALTHY) == before, name


def test_a_refused_or_canceled_run_leaves_a_new_tenant_as_it_was(graph: Graph) -> None:
    as_new: tuple[dict[str, str], dict[str, str]] = (dict.fromkeys(MIGRATION, "missing"), {})
    with locked(graph):
        assert not graph.migrate(HEALTHY).success
    assert graph.shown(HEALTHY) == as_new
    job = graph.definitions.resolve_job_def("migrate_meter_financials")
    run = graph.instance.create_run_for_job(job, tags={run_tags.PARTITION: HEALTHY}, asset_selection=None)
    graph.instance.report_run_canceled(run)
    assert graph.shown(HEALTHY) == as_new


def test_a_check_that_is_blocked_later_keeps_its_last_result(graph: Graph) -> None:
    assert graph.migrate(HEALTHY).success
    with on_broken_rows(graph) as config:
        assert not graph.migrate(HEALTHY, **config).success
    assets, checks = graph.shown(HEALTHY)
    assert assets["meter_balances"] == "materialized"
    assert checks[CONSERVED] == "SUCCEEDED"
    assert checks["every_payment_status_is_known"] == "FAILED"
    assert NOT_RUN not in checks.values()


def test_checks_that_are_executed_without_a_partition_judge_all_migrated_tenants(graph: Graph) -> None:
    """As "Execute all" on the Checks tab of an asset launches them."""
    assert graph.migrate(HEALTHY).success
    assert graph.migrate(ALSO_HEALTHY).success
    with graph.database.transaction() as connection:
        connection.execute(
            text("UPDATE meters SET balance = balance + 5 WHERE id = (SELECT MIN(id) FROM meters WHERE tenant_id = 2)")
        )
    job = graph.definitions.resolve_implicit_global_asset_job_def()
    keys = {key for key in KEYS if key.asset_key == dg.AssetKey("meter_balances")}
    ended = job.get_subset(asset_check_selection=keys).execute_in_process(
        instance=graph.instance, run_config=QUIET, raise_on_error=False
    )
    assert not ended.success
    log = graph.instance.all_logs(ended.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    found = [entry.get_dagster_event().asset_check_evaluation_data for entry in log]
    results = {one.check_name: str(one.description) for one in found if one.partition is None}
    assert results.keys() == {key.name for key in keys}
    assert results[BALANCES].startswith("Fails for 1 of 2 migrated tenants: 2.")
    assert results["every_meter_balance_is_one_sided"] == "Passes for every migrated tenant (2)."
    assert graph.shown(HEALTHY)[1][BALANCES] == "SUCCEEDED"
    assert graph.shown(ALSO_HEALTHY)[1][BALANCES] == "FAILED"
    assert graph.shown(BROKEN)[1] == {}
