"""The container file, without a container engine: what it copies is there, what it runs works, it holds no secret."""

import json
import re
import shlex
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from meter_assets.rules.invariants import INVARIANTS
from meter_assets.version import __version__
from tests.support import deployment as stack
from tests.support.processes import NotInTime, free_port, started, until

DOCS = stack.ROOT / "docs" / "deployment.md"
LINES = re.sub(r"\\\n\s*", "", (stack.ROOT / "deploy" / "Containerfile").read_text(encoding="utf-8")).splitlines()
STEPS = [tuple(line.split(maxsplit=1)) for line in LINES if line and not line.startswith("#")]


def arguments(instruction: str) -> list[str]:
    """Return what follows each instruction of that name."""
    return [step[1] for step in STEPS if step[0] == instruction]


def copied() -> list[tuple[list[str], str]]:
    """Return the sources and the target of each COPY."""
    words = [[word for word in one.split() if not word.startswith("--")] for one in arguments("COPY")]
    return [(found[:-1], found[-1]) for found in words]


def test_what_is_copied_is_there_and_nothing_is_copied_wholesale() -> None:
    sources = [source for found, _ in copied() for source in found]
    assert sources
    assert all((stack.ROOT / source).exists() for source in sources)
    assert not {".", "./", "*"} & set(sources), "a file .env would get into the image"
    assert not [line for line in LINES if line.startswith("ADD")]


def test_it_does_not_run_as_root_and_holds_no_secret() -> None:
    users = [at for at, step in enumerate(STEPS) if step[0] == "USER"]
    assert users
    assert STEPS[users[-1]][1] not in ("0", "root")
    assert users[-1] > max(at for at, step in enumerate(STEPS) if step[0] == "RUN")
    given = " ".join(arguments("ENV") + arguments("ARG"))
    assert "://" not in given
    assert not re.search(r"PASSWORD|SECRET|TOKEN|_URL", given)


def test_it_installs_locked_versions_for_our_python() -> None:
    assert arguments("FROM") == ["python:3.11-slim-bookworm"]
    installs = [run for run in arguments("RUN") if "pip install" in run]
    assert len(installs) == 2
    assert "--require-hashes --no-deps --requirement deploy.txt" in installs[0]
    assert installs[1].endswith("pip install --no-deps --no-build-isolation .")


@pytest.mark.slow
def test_what_is_copied_suffices_to_build_the_package(tmp_path: Path) -> None:
    context = tmp_path / "context"
    context.mkdir()
    for sources, target in copied():
        if target.startswith("/"):
            continue
        for source in sources:
            found = stack.ROOT / source
            if found.is_dir():
                shutil.copytree(found, context / target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(found, context / target)
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(tmp_path), str(context)]
    made = subprocess.run(build, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.name.partition("-py3")[0] == f"meter_assets-{__version__}"
    with zipfile.ZipFile(wheel) as packed:
        assert {f"meter_assets/check_pages/{one.name}.md" for one in INVARIANTS} <= set(packed.namelist())


def test_the_documented_health_check_is_that_of_the_code_location_only() -> None:
    assert not arguments("HEALTHCHECK"), "other processes than the code location would be taken for unhealthy"


@pytest.mark.slow
def test_its_command_serves_our_definitions_and_the_documented_health_check_sees_it(tmp_path: Path) -> None:
    command = json.loads(arguments("CMD")[0])
    [health] = [shlex.split(one) for one in re.findall("--health-cmd '(.*?)'", DOCS.read_text(encoding="utf-8"))]
    port = str(free_port())
    assert command[0] == health[0] == "dagster"
    serve, ask = (
        [sys.executable, "-m", *(port if word == "4000" else word for word in words)] for words in (command, health)
    )
    with started(serve, tmp_path, tmp_path / "log"):
        try:
            until(lambda: subprocess.run(ask, capture_output=True, check=False).returncode == 0, "health", 120)
        except NotInTime as late:
            pytest.fail(f"{late} {(tmp_path / 'log').read_text()[-3000:]}")
