"""The import law: `./dev check` finds what breaks it, and the pure rooms load nothing that they must not know.

The law is in pyproject.toml (import-linter and ruff). Add a case here for each new contract.
"""

import ast
import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "meter_assets"
TOOLS = Path(sys.executable).parent
PURE_ROOMS = ("billing", "rules")
IMPURE = {
    *("apprise", "click", "dagster", "filelock", "pandas", "psutil", "psycopg2", "pymysql", "requests", "rich"),
    *("smtplib", "sqlite3", "starlette"),
}
READS_THE_ENVIRONMENT = {
    "settings.py",
    "runtime/web_server.py",  # sets DAGSTER_HOME for Dagster's own commands
    "engines/postgresql/__init__.py",  # its driver reads PGPORT
}
LOAD = """
import importlib, json, pkgutil, sys
for room in sys.argv[1:]:
    package = importlib.import_module(room)
    for module in pkgutil.walk_packages(package.__path__, f"{room}."):
        importlib.import_module(module.name)
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def invariant() -> dict[str, Any]:
    """Return the configuration of import-linter."""
    config: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    return config


def contract(name: str) -> dict[str, Any]:
    return next(one for one in invariant()["contracts"] if one["id"] == name)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the package and of its law."""
    shutil.copytree(PACKAGE, tmp_path / "meter_assets", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def check(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run one of the tools of `./dev check` in a folder."""
    tool, *arguments = command
    return subprocess.run([TOOLS / tool, *arguments], cwd=folder, capture_output=True, text=True)


def test_the_law_is_kept(copy: Path) -> None:
    done = check(copy, "lint-imports", "--no-cache")
    assert (done.returncode, "0 broken" in done.stdout) == (0, True), done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "code", "broken"),
    [
        ("rules/bad.py", "import dagster", "dagster"),
        ("migration/bad.py", "from rich.text import Text", "dagster"),
        ("billing/bad.py", "import psycopg2", "pure"),
        ("rules/steps/bad.py", "import time", "pure"),
        ("rules/steps/bad.py", "from meter_assets.rules.steps import payment_meter_ids", "steps"),
        ("rules/invariants/bad.py", "from meter_assets.rules.steps import payment_meter_ids", "invariants"),
        ("engines/mysql.py", "from meter_assets.engines import sqlite", "engines"),
        ("reports/bad.py", "from meter_assets.cli import terminal", "floors"),
        ("reports/bad.py", "from meter_assets.monitoring import drift", "floors"),
        ("room_without_a_floor.py", "", "floors"),
    ],
)
def test_a_forbidden_import_fails_lint_imports(module: str, code: str, broken: str, copy: Path) -> None:
    (copy / "meter_assets" / "engines" / "sqlite.py").touch()
    (copy / "meter_assets" / module).write_text(code)
    done = check(copy, "lint-imports", "--no-cache")
    found = {one["id"] for one in invariant()["contracts"] if f"{one['name']} BROKEN" in done.stdout}
    assert (done.returncode, broken in found) == (1, True), done.stdout


@pytest.mark.parametrize(
    ("module", "code"),
    [
        ("defs/bad.py", "from dagster._core.events import DagsterEvent"),
        ("cli/bad.py", "import dagster_shared.serdes"),
        ("billing/bad.py", 'import os\n\nurl = os.environ["URL"]'),
        ("defs/bad.py", 'from os import getenv\n\nurl = getenv("URL")'),
    ],
)
def test_a_forbidden_name_fails_ruff(module: str, code: str, copy: Path) -> None:
    (copy / "meter_assets" / module).write_text(f"{code}\n")
    done = check(copy, "ruff", "check", "--no-cache", "--select", "TID251", "meter_assets")
    assert (done.returncode, "Found 1 error" in done.stdout) == (1, True), done.stdout


@pytest.mark.slow
def test_the_pure_rooms_load_nothing_impure() -> None:
    command = [sys.executable, "-c", LOAD, *(f"meter_assets.{room}" for room in PURE_ROOMS)]
    loaded = json.loads(subprocess.check_output(command, text=True))
    assert not IMPURE & {re.sub("^dagster_.*", "dagster", name) for name in loaded}


def test_every_room_below_runtime_is_kept_from_dagster() -> None:
    floors = [room for floor in contract("floors")["layers"] for room in floor.split(" | ")]
    below = floors[floors.index("runtime") + 1 :]
    assert contract("dagster")["source_modules"] == [f"meter_assets.{room}" for room in below]


def modules() -> Iterator[tuple[str, str]]:
    """Yield the path and the text of every module of the package."""
    for path in sorted(PACKAGE.rglob("*.py")):
        yield path.relative_to(PACKAGE).as_posix(), path.read_text(encoding="utf-8")


@pytest.mark.slow
def test_only_settings_reads_the_environment() -> None:
    names = {"environ", "environb", "getenv", "putenv"}
    found = {
        path
        for path, text in modules()
        for node in ast.walk(ast.parse(text))
        if (isinstance(node, ast.Attribute) and node.attr in names and ast.unparse(node.value) == "os")
        or (isinstance(node, ast.ImportFrom) and node.module == "os" and {one.name for one in node.names} & names)
    }
    assert found <= READS_THE_ENVIRONMENT


def test_every_private_import_of_dagster_says_why() -> None:
    private = re.compile(r"\s*(from|import) dagster(_shared|\._)")
    unexplained = []
    for path, text in modules():
        lines = text.splitlines()
        explained = False
        for number, line in enumerate(lines, start=1):
            if private.match(line) and not explained:
                unexplained.append(f"{path}:{number}")
            explained = line.lstrip().startswith("# ") or (explained and bool(line.strip()))
    assert not unexplained
