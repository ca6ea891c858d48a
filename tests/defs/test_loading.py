"""What Dagster's loader finds in the folder of definitions, and which code version the assets have."""

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import dagster as dg
import pytest

import meter_assets
from meter_assets import settings
from meter_assets.billing.policy import Policy
from meter_assets.definitions import build_definitions
from meter_assets.defs.partitions import TENANTS
from meter_assets.defs.resources import BillingResource
from meter_assets.loading import code_version, load_definitions
from tests.support.command_line import HEALTHY, make_small_tenants

NEW_MODULE = '''
"""An asset that no list names."""
import dagster as dg

@dg.asset
def meter_readings() -> None:
    """The readings of the meters."""

@dg.asset_check(asset=meter_readings)
def every_reading_has_a_meter() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)

@dg.schedule(cron_schedule="0 * * * *", target=meter_readings)
def hourly_readings() -> dg.RunRequest:
    return dg.RunRequest()
'''
TELL_WHAT_IS_LOADED = """
import json
from meter_assets.definitions import defs
graph = defs.resolve_asset_graph()
print(json.dumps([
    sorted(key.to_user_string() for key in graph.materializable_asset_keys),
    sorted(key.name for key in graph.asset_check_keys),
    sorted(schedule.name for schedule in defs.schedules),
]))
"""


def loaded_from(root: Path) -> list[set[str]]:
    """Return the names of the assets, checks and schedules that the package below this folder has."""
    told = subprocess.run(
        [sys.executable, "-c", TELL_WHAT_IS_LOADED],
        env={**os.environ, "PYTHONPATH": str(root)},
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stderr == "", "loading warns of nothing"
    return [set(names) for names in json.loads(told.stdout)]


@pytest.mark.slow
def test_a_module_dropped_into_defs_is_found(tmp_path: Path) -> None:
    package = Path(meter_assets.__file__).parent
    shutil.copytree(package, tmp_path / "meter_assets", ignore=shutil.ignore_patterns("__pycache__"))
    before = loaded_from(tmp_path)
    (tmp_path / "meter_assets" / "defs" / "meter_readings.py").write_text(NEW_MODULE, encoding="utf-8")
    after = loaded_from(tmp_path)
    assert [found - known for found, known in zip(after, before, strict=True)] == [
        {"meter_readings"},
        {"every_reading_has_a_meter"},
        {"hourly_readings"},
    ]


def test_each_definition_is_loaded_once_whatever_modules_import_it() -> None:
    loaded = load_definitions()
    keys = [key for one in loaded.assets or () if isinstance(one, dg.AssetsDefinition) for key in one.keys]
    keys += [one.key for one in loaded.assets or () if isinstance(one, dg.AssetSpec)]
    checks = [key for one in loaded.asset_checks or () for key in one.check_keys]
    names = [one.name for one in (*(loaded.jobs or ()), *(loaded.schedules or ()), *(loaded.sensors or ()))]
    for found in (keys, checks, names):
        assert found
        assert max(Counter(found).values()) == 1


def test_another_policy_or_software_version_is_another_code_version(monkeypatch: pytest.MonkeyPatch) -> None:
    assert code_version(Policy()) == code_version(Policy.from_values({"tolerance": "1.00"}))
    assert code_version(Policy()) != code_version(Policy.from_values({"tolerance": "1.01"}))
    before = code_version(Policy())
    monkeypatch.setattr("meter_assets.loading.__version__", "99.0.0")
    assert code_version(Policy()) != before


def test_every_asset_has_the_code_version_of_the_configured_policy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "policy.toml"
    file.write_text('[policy]\nbalance_basis = "invoice_totals"\n', encoding="utf-8")
    monkeypatch.setenv(settings.CONFIG_VARIABLE, str(file))
    graph = build_definitions().resolve_asset_graph()
    expected = code_version(Policy.from_values({"balance_basis": "invoice_totals"}))
    nodes = [graph.get(key) for key in graph.materializable_asset_keys]
    assert {node.code_version for node in nodes} == {expected}
    assert all(node.automation_condition is None for node in nodes), "nothing is materialized because it changed"


@pytest.mark.slow
def test_every_run_has_its_own_data_version_though_the_code_is_the_same(tmp_path: Path) -> None:
    """Otherwise Dagster would not show what is downstream as out of date: tables change without the code."""
    url = f"sqlite:///{tmp_path / 'billing.db'}"
    (tmp_path / "billing.db").touch()
    make_small_tenants(url)
    job = build_definitions({"billing": BillingResource(url=url)}).resolve_job_def("migrate_meter_financials")
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions(str(TENANTS.name), [HEALTHY])
        events = [
            event
            for _ in range(2)
            for event in job.execute_in_process(
                instance=instance, partition_key=HEALTHY
            ).asset_materializations_for_node("meter_balances")
        ]
    versions = [(event.tags or {})[tag] for event in events for tag in ("dagster/code_version", "dagster/data_version")]
    assert versions[0] == versions[2] == code_version(settings.policy())
    assert versions[1] != versions[3]
