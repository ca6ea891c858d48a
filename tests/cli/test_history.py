"""The history: one row per run, newest first, readable at every width, and whole as JSON."""

import json
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.support.command_line import ALSO_HEALTHY, BROKEN, HEALTHY, CommandLine, on_small_tenants
from tests.support.terminals import printed_on_a_terminal, screen

pytestmark = pytest.mark.slow
MIGRATE = ("migrate-meter-financials", "--yes")
REASON = "blocked by every_counted_payment_has_a_meter: 1 violation."


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    """A database with five runs: three tenants, of which one is blocked; a rollback; the migration again."""
    folder = tmp_path_factory.mktemp("history")
    (folder / "billing.db").touch()
    with pytest.MonkeyPatch.context() as patch:
        made = on_small_tenants(folder, f"sqlite:///{folder}/billing.db", patch, ("orphan_payment", int(BROKEN)))
        assert "No live run has started on this database yet." in made("history").words
        assert json.loads(made("history", "--json").printed)["runs"] == []
        made(*MIGRATE)
        made("rollback", "--yes", "--tenant", HEALTHY)
        made(*MIGRATE, "--tenant", HEALTHY)
        yield made


def runs(shell: CommandLine, *arguments: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(shell("history", "--json", *arguments).printed)["runs"]
    return found


def listed(printed: str) -> list[str]:
    """Return the short ids of runs that are printed with their tenant, in their order."""
    return re.findall(r"(?<=\s)([0-9a-f]{8}) +[123]\b", printed)


def test_json_has_everything_newest_first(shell: CommandLine) -> None:
    found = runs(shell)
    assert [(run["tenant_id"], run["outcome"], bool(run["undoes_run_ids"])) for run in found] == [
        (HEALTHY, "succeeded", False),
        (HEALTHY, "succeeded", True),
        (BROKEN, "blocked", False),
        (ALSO_HEALTHY, "succeeded", False),
        (HEALTHY, "succeeded", False),
    ]
    columns = "run_id, id, step, undoes, started_at, software_version"
    recorded = shell.rows(f"SELECT {columns} FROM meter_migration_runs ORDER BY id DESC")
    steps = [(run["run_id"], step) for run in found for step in run["steps"]]
    assert [(run_id, step["id"], step["step"], step["undoes"], step["software_version"]) for run_id, step in steps] == [
        (*row[:4], row[5]) for row in recorded
    ]
    for row, (_, step) in zip(recorded, steps, strict=True):
        started = datetime.fromisoformat(step["started_at"])
        assert started.utcoffset() == timedelta(0)
        assert datetime.fromisoformat(str(row[4])).replace(tzinfo=started.tzinfo) == started
    assert found[1]["undoes_run_ids"] == [found[4]["run_id"]]
    assert found[0]["rows_changed"] == sum(step["rows_changed"] for step in found[0]["steps"])
    assert REASON in found[2]["steps"][0]["message"]


def test_there_is_one_row_per_run_with_its_reason_below(shell: CommandLine) -> None:
    ended = shell("history")
    assert ended.status == 0
    assert listed(ended.printed) == [run["run_id"][:8] for run in runs(shell)]
    assert f"rollback of {runs(shell)[4]['run_id'][:8]} succeeded" in ended.words
    table, _, below = ended.words.partition(f"Run {runs(shell)[2]['run_id'][:8]}, tenant {BROKEN}, meter_balances")
    assert "migration blocked" in table
    assert REASON in below
    assert listed(shell("history", "--tenant", ALSO_HEALTHY).printed) == [runs(shell)[3]["run_id"][:8]]


def test_the_limit_says_how_many_runs_it_hides(shell: CommandLine) -> None:
    ended = shell("history", "--limit", "2")
    assert listed(ended.printed) == [run["run_id"][:8] for run in runs(shell)[:2]]
    assert "3 older runs are not shown. --limit 5 shows all of them." in ended.words
    assert json.loads(shell("history", "--json", "--limit", "2").printed)["older_runs"] == 3
    assert runs(shell, "--limit", "2") == runs(shell)[:2]
    assert "not shown" not in shell("history", "--limit", "5").words
    assert shell("history", "--limit", "0").status == 2


def test_the_shown_id_names_a_run(shell: CommandLine) -> None:
    shown = listed(shell("history").printed)[0]
    ended = shell("rollback", "--dry-run", "--run", shown)
    assert ended.status == 0
    assert "18 rows would be restored" in ended.words


def test_steps_are_listed_for_each_run(shell: CommandLine) -> None:
    words = shell("history", "--steps").words
    for run in runs(shell):
        of_run = words[words.index(f"run {run['run_id'][:8]}, tenant") :]
        places = [of_run.index(f" {step['step']} {step['outcome']} {step['rows_changed']}") for step in run["steps"]]
        assert places == sorted(places)


@pytest.mark.parametrize("columns", [100])
def test_the_history_is_readable_at_a_usual_width(shell: CommandLine, columns: int) -> None:
    environment = {"METER_ASSETS_DATABASE_URL": shell.url, "DAGSTER_HOME": None, "TERM": "xterm"}
    written = printed_on_a_terminal(shell.folder, environment, "history", "history --steps", columns=columns)
    table, steps = "\n".join(screen(written)).split("$ history --steps")
    assert listed(table) == [run["run_id"][:8] for run in runs(shell)]
    lines = table.splitlines()
    assert max(map(len, lines)) <= columns
    assert len(lines) < 35, "a run needs a few lines at most"
    for part in (table, steps):
        words = " ".join(part.replace("│", " ").split())
        assert REASON in words
        assert f"meter_balances blocked: Not run, nothing was changed: {REASON}" in words
    recorded = [step for run in runs(shell) for step in run["steps"]]
    names = "|".join({step["step"] for step in recorded})
    assert len(re.findall(rf"\s({names}) +(?:succeeded|blocked) +\d", steps)) == len(recorded)
