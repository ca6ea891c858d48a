"""The dotted names in instance files and deployments of version 1.1 and older still load what they named."""

import importlib
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from meter_assets.runtime.celery_launcher import URL_VARIABLE
from meter_assets.runtime.instance import MeterAssetsInstance
from meter_assets.runtime.launcher import LocalLauncher

INSTANCE_FILE = """
run_launcher:
  module: meter_assets.launcher
  class: LocalLauncher
instance_class:
  module: meter_assets.dagster_instance
  class: MeterAssetsInstance
"""
TOOLS = Path(sys.executable).parent


@pytest.mark.parametrize(
    ("old", "new", "names"),
    [
        ("launcher", "launcher", ["LocalLauncher"]),
        (
            "dagster_instance",
            "instance",
            ["MeterAssetsInstance", "MeterAssetsStorage", "UnusableInstance"],
        ),
        ("dagster_instance", "sqlite_storage", ["PrivateEventLog", "PrivateSqliteStorage"]),
        ("celery_launcher", "celery_launcher", ["LostRunsLauncher"]),
        ("kubernetes_launcher", "kubernetes_launcher", ["KubernetesLauncher"]),
        ("web_server", "web_server", ["main"]),
    ],
)
def test_an_old_name_is_the_new_object(old: str, new: str, names: list[str]) -> None:
    alias, module = (importlib.import_module(f"meter_assets.{one}") for one in (old, f"runtime.{new}"))
    assert [getattr(alias, name) for name in names] == [getattr(module, name) for name in names]


def test_an_instance_file_with_old_names_loads(tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").write_text(INSTANCE_FILE)
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        assert (type(instance), type(instance.run_launcher)) == (MeterAssetsInstance, LocalLauncher)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (["celery", "-A", "meter_assets.celery_worker", "report"], "redis://"),
        (
            ["python", "-c", "from meter_assets.celery_worker import execute_job; print(execute_job.name)"],
            "execute_job",
        ),
        (["python", "-m", "meter_assets.web_server", "--help"], "Usage: dagster-webserver"),
    ],
)
def test_a_command_with_an_old_name_starts(command: list[str], expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(URL_VARIABLE, "redis://127.0.0.1:1/0")
    monkeypatch.setenv("PYTHONWARNINGS", "ignore")
    done = subprocess.run([TOOLS / command[0], *command[1:]], capture_output=True, text=True)
    assert (done.returncode, expected in done.stdout) == (0, True), done.stdout + done.stderr
