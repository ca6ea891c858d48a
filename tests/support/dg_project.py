"""A Dagster project of somebody else, that adds the graph by YAML."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

PROJECT = """
[project]
name = "shop"
version = "0.1.0"

[tool.dg]
directory_type = "project"

[tool.dg.project]
root_module = "{package}"

[tool.dg.cli.telemetry]
enabled = false
"""
DEFINITIONS = '''
"""What Dagster loads."""
from pathlib import Path

import dagster as dg


@dg.definitions
def defs() -> dg.Definitions:
    return dg.load_from_defs_folder(path_within_project=Path(__file__).parent)
'''


@dataclass(frozen=True)
class Project:
    """A project's folder, and its package there."""

    folder: Path
    package: str

    def dg(self, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        """Run a command of Dagster's command line in the project, as nobody else's user of Dagster."""
        return run_dg(self.folder, self.folder / "home", *arguments, PYTHONPATH=str(self.folder), **environment)


def make_project(folder: Path, package: str, databases: Mapping[str, Mapping[str, Any]]) -> Project:
    """Make a project with one component for each database, by the name of its folder."""
    (folder / "pyproject.toml").write_text(PROJECT.format(package=package), encoding="utf-8")
    defs = folder / package / "defs"
    defs.mkdir(parents=True)
    (folder / package / "__init__.py").touch()
    (folder / package / "definitions.py").write_text(DEFINITIONS, encoding="utf-8")
    (defs / "__init__.py").touch()
    for name, attributes in databases.items():
        (defs / name).mkdir()
        written = {"type": "meter_assets.MeterMigration", "attributes": dict(attributes)}
        (defs / name / "defs.yaml").write_text(yaml.safe_dump(written), encoding="utf-8")
    return Project(folder, package)


def run_dg(folder: Path, home: Path, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run a command of Dagster's command line in a folder, with a home and a Dagster instance of its own."""
    dagster_home = home / "dagster"
    dagster_home.mkdir(parents=True, exist_ok=True)
    (dagster_home / "dagster.yaml").write_text("telemetry: {enabled: false}\n", encoding="utf-8")
    isolated = {"HOME": str(home), "DAGSTER_HOME": str(dagster_home), "DAGSTER_DISABLE_TELEMETRY": "yes"}
    return subprocess.run(
        [str(Path(sys.executable).with_name("dg")), *arguments],
        cwd=folder,
        env={**os.environ, "NO_COLOR": "1", "COLUMNS": "200", **isolated, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )
