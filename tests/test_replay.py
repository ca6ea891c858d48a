"""A failure says how to run it again, and that command draws the same examples."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]

FAILS = """
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings, strategies as st

@pytest.mark.parametrize("name", ["it's this"])
@settings(database=None, phases=[Phase.generate])
@given(number=st.integers(0, 2**60))
def test_that_fails(name: str, number: int) -> None:
    with Path("drawn").open("a") as file:
        file.write(f"{number}\\n")
    assert number % 7
"""


def run(folder: Path, *options: str) -> tuple[str, list[str]]:
    """Run the tests of a folder; return what was printed and the numbers that were drawn."""
    drawn = folder / "drawn"
    drawn.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", "-p", "tests.support.replay", "-p", "no:cacheprovider", *options]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 1, ended.stdout + ended.stderr
    return ended.stdout, drawn.read_text().split()


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["0", "1"])
def test_a_failure_says_how_to_run_it_again(tmp_path: Path, workers: str) -> None:
    (tmp_path / "test_it.py").write_text(FAILS)
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --import-mode=importlib\n")
    printed, drawn = run(tmp_path, "-n", workers)
    (line,) = re.findall(r"^replay: \./dev test-one (.+)$", printed, re.MULTILINE)
    replayed, drawn_again = run(tmp_path, *shlex.split(line))
    assert drawn_again == drawn
    assert f"replay: ./dev test-one {line}" in replayed
