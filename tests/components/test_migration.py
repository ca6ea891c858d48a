"""The component MeterMigration in a project of somebody else, for one and for two billing databases."""

import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import dagster as dg
import pytest
from dagster._core.remote_representation.external_data import RepositorySnap
from dagster._serdes import serialize_value
from sqlalchemy import text

from meter_assets.billing.own_tables import RUNS
from meter_assets.billing.policy import Policy
from meter_assets.definitions import build_definitions
from meter_assets.loading import code_version
from meter_assets.migration.database import BillingDatabase
from meter_assets.rules.invariants import INVARIANTS
from tests.support.command_line import ALSO_HEALTHY, HEALTHY, make_small_tenants
from tests.support.dg_project import make_project

# Dagster warns of its own beta parameters while it loads a project's folder.
pytestmark = pytest.mark.filterwarnings("ignore::dagster.BetaWarning")

Load = Callable[..., dg.Definitions]
POLICY = {"tolerance": 2.50, "balance_basis": "invoice_totals", "uncounted_invoice_statuses": ["9"]}


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Load]:
    """Load a project that has these databases, by their folders."""
    package = f"shop_{uuid4().hex}"
    monkeypatch.syspath_prepend(tmp_path)

    def loaded(**databases: Mapping[str, Any]) -> dg.Definitions:
        make_project(tmp_path, package, databases)
        return dg.load_from_defs_folder(path_within_project=tmp_path)

    yield loaded
    for name in [one for one in sys.modules if one.startswith(package)]:
        del sys.modules[name]


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def billing_database(folder: Path, name: str) -> str:
    """Return the URL of a small demo database."""
    path = folder / f"{name}.db"
    path.touch()
    make_small_tenants(f"sqlite:///{path}")
    return f"sqlite:///{path}"


def names_of(defs: dg.Definitions) -> dict[str, set[str]]:
    """Return the names of all that definitions contain."""
    graph = defs.resolve_asset_graph()
    return {
        "assets": {key.to_user_string() for key in graph.get_all_asset_keys()},
        "checks": {f"{key.asset_key.to_user_string()}:{key.name}" for key in graph.asset_check_keys},
        "jobs": {job.name for job in defs.resolve_all_job_defs() if job.name != "__ASSET_JOB"},
        "schedules": {one.name for one in defs.schedules or ()},
        "sensors": {one.name for one in defs.sensors or ()},
        "resources": set(defs.resources or ()) - {"io_manager"},
    }


def migrated_tenants(url: str) -> list[tuple[str, str]]:
    """Return the tenants whose meter balances were written, with the policy of their runs."""
    with BillingDatabase(url).snapshot() as connection:
        found = connection.execute(text(f"SELECT tenant_id, policy FROM {RUNS} WHERE step = 'meter_balances'"))
        return [(str(tenant), str(policy)) for tenant, policy in found]


def test_a_database_without_a_name_has_the_names_of_the_product(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_BILLING_URL", "sqlite:////nowhere/billing.db")
    assert names_of(load(billing={"url": "{{ env.SHOP_BILLING_URL }}"})) == names_of(build_definitions())


@pytest.mark.slow
def test_two_databases_do_not_collide_and_each_runs_on_its_own(
    load: Load, tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    first, north = billing_database(tmp_path, "first"), billing_database(tmp_path, "north")
    defs = load(first={"url": first}, north={"url": north, "name": "north", "policy": POLICY})
    names = names_of(defs)
    plain = names_of(build_definitions())
    assert names["assets"] == plain["assets"] | {f"north/{name}" for name in plain["assets"]}
    assert names["checks"] == plain["checks"] | {f"north/{name}" for name in plain["checks"]}
    assert names["resources"] == {"billing", "policy", "billing_north", "policy_north"}
    assert names["sensors"] == plain["sensors"] | {"tenant_partitions_north"}
    for partitions, tenant in (("tenants", HEALTHY), ("tenants_north", ALSO_HEALTHY)):
        instance.add_dynamic_partitions(partitions, [tenant])

    migrate = defs.resolve_job_def("migrate_meter_financials").execute_in_process(
        instance=instance, partition_key=HEALTHY
    )
    assert migrate.success
    assert [tenant for tenant, _ in migrated_tenants(first)] == [HEALTHY]
    migrate_north = defs.resolve_job_def("migrate_meter_financials_north").execute_in_process(
        instance=instance, partition_key=ALSO_HEALTHY
    )
    assert migrate_north.success
    ((tenant, policy),) = migrated_tenants(north)
    assert tenant == ALSO_HEALTHY
    assert all(words in policy for words in ('"2.5"', '"invoice_totals"', '["9"]'))
    assert {one.asset_key.path[0] for one in migrate_north.get_asset_check_evaluations()} == {"north"}


@pytest.mark.slow
def test_a_named_database_previews_validates_and_rolls_back(
    load: Load, tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    url = billing_database(tmp_path, "north")
    defs = load(north={"url": url, "name": "north"})
    instance.add_dynamic_partitions("tenants_north", [HEALTHY])

    def run(job: str) -> dg.ExecuteInProcessResult:
        found = defs.resolve_job_def(f"{job}_north")
        tags = {} if found.partitions_def else {"dagster/partition": HEALTHY}
        partition = HEALTHY if found.partitions_def else None
        is_rollback = job == "rollback_meter_financials"
        config = {"ops": {"undo_steps_north": {"config": {"dry_run": False, "confirm_tenant": HEALTHY}}}}
        return found.execute_in_process(
            instance=instance, partition_key=partition, tags=tags, run_config=config if is_rollback else None
        )

    assert all(run(job).success for job in ("preview_meter_financials", "migrate_meter_financials"))
    assert len(run("validate_meter_financial_data").get_asset_check_evaluations()) == len(INVARIANTS)
    key = dg.AssetKey(["north", "meter_balances"])
    assert instance.get_materialized_partitions(key) == {HEALTHY}
    assert run("rollback_meter_financials").success
    assert HEALTHY not in instance.get_materialized_partitions(key), "Dagster does not claim what was undone"


@pytest.mark.slow
def test_a_graph_can_be_restricted_to_some_tenants(load: Load, tmp_path: Path, instance: dg.DagsterInstance) -> None:
    url = billing_database(tmp_path, "north")
    defs = load(north={"url": url, "name": "north", "tenants": [HEALTHY]})
    sensor = defs.resolve_sensor_def("tenant_partitions_north")
    resources = {"billing_north": defs.resources["billing_north"]} if defs.resources else {}
    with dg.build_sensor_context(instance=instance, resources=resources, definitions=None) as context:
        result = sensor.evaluate_tick(context)
    assert [one.partition_keys for one in result.dynamic_partitions_requests or ()] == [[HEALTHY]]
    validated = defs.resolve_job_def("validate_meter_financial_data_north").execute_in_process(
        instance=instance, tags={"dagster/partition": ALSO_HEALTHY}, raise_on_error=False
    )
    failures = [one.step_failure_data.user_failure_data for one in validated.get_step_failure_events()]
    assert {one and one.description for one in failures} == {"No such tenant: 2. The tenants of this database are: 1."}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_password_of_the_url_is_in_nothing_that_dagster_shows(load: Load) -> None:
    url = "postgresql://meter:not-to-be-shown@nowhere/billing"
    defs = load(first={"url": url}, north={"url": url, "name": "north"})
    assert "not-to-be-shown" not in serialize_value(RepositorySnap.from_def(defs.get_repository_def()))


def test_the_code_version_is_of_the_policy_of_the_database(load: Load) -> None:
    defs = load(first={"url": "sqlite:///f.db"}, north={"url": "sqlite:///n.db", "name": "north", "policy": POLICY})
    graph = defs.resolve_asset_graph()
    versions = [graph.get(dg.AssetKey(path)).code_version for path in (["meter_balances"], ["north", "meter_balances"])]
    changed = Policy.from_values({**POLICY, "tolerance": "2.5"})
    assert versions == [code_version(Policy()), code_version(changed)]


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "a variable that is not set": ({"url": "{{ env.SHOP_NOT_SET }}"}, "expected the URL of the billing database"),
    "a policy that there is not": ({"policy": {"basis": 1}}, "Unknown policy 'basis'; the policies are: "),
    "a value that there is not": ({"policy": {"balance_basis": "totals"}}, "its values are: charges_and_opening"),
    "a name that is no name": ({"name": "North Sea"}, "name"),
    "a field that there is not": ({"schema": "public"}, "schema"),
}


@pytest.mark.parametrize(("attributes", "told"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_in_yaml_is_told_without_the_url(attributes: dict[str, Any], told: str, load: Load) -> None:
    with pytest.raises(Exception, match="Error while loading|Error while building|ValidationError|validation") as error:
        load(first={"url": "postgresql://meter:not-to-be-shown@nowhere/billing", **attributes})
    causes, cause = [], error.value
    while cause is not None:
        causes.append(str(cause))
        cause = cause.__cause__  # type: ignore[assignment]
    assert told in " ".join(causes)
    assert "not-to-be-shown" not in " ".join(causes)
