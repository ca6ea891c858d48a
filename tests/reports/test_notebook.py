"""The notebook of the docs: its code runs, and its stored outputs are those that the code has.

`METER_ASSETS_UPDATE_GOLDEN=1 pytest tests/reports/test_notebook.py` stores the outputs again.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from meter_assets import frames
from tests.support.notebooks import code_cells

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "docs" / "frames.ipynb"


@pytest.mark.slow
def test_the_stored_outputs_are_those_of_the_code(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("METER_", "DAGSTER_"))}
    command = [sys.executable, "-m", "tests.support.notebooks", str(NOTEBOOK)]
    environment |= {"PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    if os.environ.get("METER_ASSETS_UPDATE_GOLDEN"):
        NOTEBOOK.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    assert found == json.loads(NOTEBOOK.read_text("utf-8")), "the outputs differ; read the change, then see above"
    assert list(tmp_path.iterdir()) == [], "it leaves nothing"


def test_every_function_is_shown() -> None:
    source = "\n".join("".join(cell["source"]) for cell in code_cells(NOTEBOOK))
    wanted = {name for name in frames.__all__ if not name.endswith("_chunks")} | {"plan_chunks"}
    assert {name for name in wanted if f"frames.{name}(" in source} == wanted
