"""Under which code location the pages of Dagster list a run of the command line."""

from pathlib import Path

import dagster as dg
import pytest
from dagster._core.remote_origin import (
    ManagedGrpcPythonEnvCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import InstigatorState, InstigatorStatus, InstigatorType, SensorInstigatorData
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

from meter_assets.runtime import run_tags
from meter_assets.runtime.code_location import repository_tag
from tests.support.watching import instance_in

WORKSPACES = {
    "none": (None, "meter_assets.definitions"),
    "of others": ("load_from:\n  - python_file: other.py\n", "meter_assets.definitions"),
    "a module": ("load_from:\n  - python_module: meter_assets.definitions\n", "meter_assets.definitions"),
    "with a name": (
        "load_from:\n  - python_module:\n      module_name: meter_assets.definitions\n      location_name: billing\n",
        "billing",
    ),
}


def ticked(instance: dg.DagsterInstance, location: str, at: float) -> None:
    """Record that the daemon has evaluated our sensor under a location."""
    code = ManagedGrpcPythonEnvCodeLocationOrigin(
        LoadableTargetOrigin(module_name="meter_assets.definitions"), location
    )
    origin = RemoteInstigatorOrigin(RemoteRepositoryOrigin(code, "__repository__"), "tenant_partitions")
    data = SensorInstigatorData(last_tick_timestamp=at)
    instance.add_instigator_state(
        InstigatorState(origin, InstigatorType.SENSOR, InstigatorStatus.DECLARED_IN_CODE, data)
    )


def test_the_tag_names_the_location_that_the_pages_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with instance_in(tmp_path / "dagster") as instance:
        for name, (content, location) in WORKSPACES.items():
            if content is not None:
                (tmp_path / "workspace.yaml").write_text(content)
            assert repository_tag(instance) == {run_tags.REPOSITORY: f"__repository__@{location}"}, name
        ticked(instance, "older", 1.0)
        ticked(instance, "newer", 2.0)
        assert repository_tag(instance) == {run_tags.REPOSITORY: "__repository__@newer"}
