"""The progress of a run: a bar that leaves nothing behind at a terminal, plain lines elsewhere and in Dagster's log."""

import json
import re
import time
from types import SimpleNamespace
from typing import Any, cast

import pytest
from rich.status import Status

from meter_assets.cli.progress import Progress, TenantProgress
from meter_assets.cli.results import STEPS, Results
from meter_assets.migration import apply, progress
from meter_assets.migration.journal import write
from meter_assets.migration.progress import COMPUTING, WRITING, Lines, StepProgress
from meter_assets.rules.steps import MIGRATION
from meter_assets.runtime.instance import FOLDER
from tests.support.command_line import ALSO_HEALTHY, HEALTHY, CommandLine, Ended
from tests.support.databases import tenant
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


def test_a_bar_shows_the_rows_of_the_step_and_the_tenants(on_sqlite: CommandLine) -> None:
    environment = {"METER_ASSETS_DATABASE_URL": on_sqlite.url, "DAGSTER_HOME": None, "TERM": "xterm"}
    both = ("migrate-meter-financials", "--yes", "--tenant", HEALTHY, "--tenant", ALSO_HEALTHY, "--batch-size", "1")
    with on_a_terminal(on_sqlite.folder, environment, *both, columns=120) as terminal:
        assert terminal.end() == 0
        written = terminal.written
    shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", written)
    assert "0 of 2 tenants done" in shown
    assert re.search(r"1 of 2 tenants done, about \d", shown), "by how long the first one took"


def test_a_bar_grows_with_the_rows_and_fits_the_line() -> None:
    terminal = Results()
    shown: list[str] = []
    status = SimpleNamespace(update=lambda text: shown.append(text.plain))
    told = Progress(terminal, cast(Status, status), TenantProgress([tenant(1)]), brief=False).told
    told(StepProgress("invoice_amounts", "1", COMPUTING))
    told(StepProgress("invoice_amounts", "1", WRITING, 50, 200, 30))
    full, empty = "━─" if terminal.console.encoding.startswith("utf") else "#-"
    assert shown == [
        "  invoice amounts: computing ...",
        f"  {full * 5}{empty * 15} invoice amounts: writing, 50 of 200 rows, about 1 min 30 s left ...",
    ]


def test_lines_are_printed_and_logged_where_nothing_is_redrawn(
    on_sqlite: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.0)
    printed = on_sqlite(*MIGRATE, "--batch-size", "1").printed
    assert re.search(r"^  payment meter ids: writing, 1 of \d+ rows, about .* left$", printed, re.MULTILINE), printed
    with on_sqlite.instance() as instance:
        [newest] = instance.get_run_records(limit=1)
        logged = [one.user_message for one in instance.all_logs(newest.dagster_run.run_id)]
    assert any(line.startswith(f"tenant {HEALTHY}: payment meter ids: writing, 1 of ") for line in logged)


def test_there_is_at_most_one_line_in_ten_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    now, printed = 0.0, list[str]()
    monkeypatch.setattr(time, "monotonic", lambda: now)
    lines = Lines(printed.append)
    for second in range(35):
        now = float(second)
        lines(StepProgress("invoice_amounts", "7", WRITING, second, 100, now))
    assert printed == [
        "tenant 7: invoice amounts: writing, 10 of 100 rows, about 1 min 30 s left",
        "tenant 7: invoice amounts: writing, 20 of 100 rows, about 1 min 20 s left",
        "tenant 7: invoice amounts: writing, 30 of 100 rows, about 1 min 10 s left",
    ]


def test_the_time_left_is_that_of_the_rows_of_the_other_tenants(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    tenants = [tenant(number) for number in (1, 2, 3)]
    of_tenants = TenantProgress(tenants, {1: 99, 2: 299, 3: 599})
    assert str(of_tenants) == "0 of 3 tenants done"
    now += 10
    of_tenants.finish(tenants[0])
    assert str(of_tenants) == "1 of 3 tenants done, about 1 min 30 s left"
    now += 30
    of_tenants.finish(tenants[1])
    assert str(of_tenants) == "2 of 3 tenants done, about 1 min 00 s left"
    assert str(TenantProgress(tenants[:1])) == ""


def test_the_history_says_how_far_a_run_is(on_postgresql: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[Ended] = []

    def look_and_write(*of_step: Any, **also: Any) -> None:
        shown.extend((on_postgresql("history"), on_postgresql("history", "--json")))
        write(*of_step, **also)

    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.0)
    monkeypatch.setattr(apply, "write", look_and_write)
    assert on_postgresql(*MIGRATE).status == 0
    assert any("tenant 1, when last told: payment meter ids: writing, 0 of" in one.words for one in shown), shown
    told = [json.loads(one.printed)["runs"][0] for one in shown if one.printed.startswith("{")]
    assert {run["progress"].partition(":")[0] for run in told} == {step.replace("_", " ") for step in MIGRATION}
    assert "when last told" not in on_postgresql("history").words
