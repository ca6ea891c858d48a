"""Dagster's project commands, `dg`, on this project and on one that has the component."""

import json
import subprocess
from pathlib import Path

import pytest

from meter_assets.billing.columns import REQUIRED_COLUMNS
from meter_assets.rules.invariants import INVARIANTS
from meter_assets.rules.steps import STEPS
from tests.support.deployment import ROOT
from tests.support.dg_project import make_project, run_dg

pytestmark = pytest.mark.slow
ASSETS = {*REQUIRED_COLUMNS, *STEPS, "migration_preview", "tenant_overview"}


def listed(ended: "subprocess.CompletedProcess[str]") -> dict[str, set[str]]:
    """Return what `dg list defs --json` lists, by kind."""
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)
    return {
        kind: {one["asset_key" if kind == "assets" else "key" if kind == "asset_checks" else "name"] for one in entries}
        for kind, entries in found.items()
    }


def test_this_project_checks_and_lists_its_definitions(tmp_path: Path) -> None:
    checked = run_dg(ROOT, tmp_path, "check", "defs")
    assert checked.returncode == 0, checked.stderr
    names = listed(run_dg(ROOT, tmp_path, "list", "defs", "--json"))
    assert names["assets"] == ASSETS
    assert len(names["asset_checks"]) == len([*INVARIANTS, "preview_would_succeed"])
    assert {"migrate_meter_financials", "rollback_meter_financials", "watch_migrated_tenants"} <= names["jobs"]
    assert {"tenant_partitions", "check_alerts"} == names["sensors"]


def test_a_project_with_the_component_checks_and_lists_it(tmp_path: Path) -> None:
    north = {"url": "{{ env.NORTH_URL }}", "name": "north"}
    project = make_project(tmp_path, "shop", {"first": {"url": "{{ env.FIRST_URL }}"}, "north": north})
    urls = {"FIRST_URL": "sqlite:////nowhere/first.db", "NORTH_URL": "sqlite:////nowhere/north.db"}
    for command in (("check", "yaml"), ("check", "defs")):
        checked = project.dg(*command, **urls)
        assert checked.returncode == 0, checked.stderr
    assert listed(project.dg("list", "defs", "--json", **urls))["assets"] == ASSETS | {f"north/{one}" for one in ASSETS}


def test_the_component_is_listed_and_scaffolded(tmp_path: Path) -> None:
    project = make_project(tmp_path, "shop", {})
    components = project.dg("list", "components", "--json")
    assert components.returncode == 0, components.stderr
    assert "meter_assets.MeterMigration" in {one["key"] for one in json.loads(components.stdout)["items"]}
    url = "sqlite:////nowhere/billing.db"
    command = ("scaffold", "defs", "meter_assets.MeterMigration", "billing")
    scaffolded = project.dg(*command, "--url", url)
    assert scaffolded.returncode == 0, scaffolded.stderr
    written = (tmp_path / "shop" / "defs" / "billing" / "defs.yaml").read_text(encoding="utf-8")
    assert "type: meter_assets.MeterMigration" in written
    assert url in written
    assert listed(project.dg("list", "defs", "--json"))["assets"] == ASSETS
