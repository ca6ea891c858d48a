"""The progress of a run: a spinner that leaves nothing behind at a terminal, plain lines elsewhere."""

import pytest

from meter_assets.cli.results import STEPS
from meter_assets.runtime.instance import FOLDER
from tests.support.command_line import HEALTHY, CommandLine
from tests.support.terminals import on_a_terminal, screen

pytestmark = pytest.mark.slow
MIGRATE = ("migrate-meter-financials", "--yes", "--tenant", HEALTHY)


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_the_spinner_leaves_nothing_behind(on_sqlite: CommandLine, columns: int) -> None:
    environment = {"METER_ASSETS_DATABASE_URL": on_sqlite.url, "DAGSTER_HOME": None, "TERM": "xterm"}
    with on_a_terminal(on_sqlite.folder, environment, *MIGRATE, columns=columns) as terminal:
        status = terminal.end()
        written = terminal.written
    assert status == 0, written
    assert "\x1b[?25l" in written, "a spinner was shown"
    lines = screen(written)
    assert len([line for line in lines if line.startswith(tuple(f"  {label}" for label in STEPS.values()))]) == 6
    assert not any("..." in line or "starting" in line for line in lines), lines


def test_dagster_stores_nothing_of_what_a_command_prints(on_sqlite: CommandLine) -> None:
    assert on_sqlite(*MIGRATE).status == 0
    assert not list((on_sqlite.folder / FOLDER / "storage").glob("*/compute_logs/*"))
