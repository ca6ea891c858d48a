"""Who started a run, and why: recorded with it, and shown wherever its changes are."""

import json
from types import SimpleNamespace
from typing import cast

import click
import dagster as dg
import pytest

from meter_assets.cli.commands import options
from meter_assets.defs.origin import origin_of
from meter_assets.migration.person import this_person
from meter_assets.runtime.processes import PROCESS_TAG, USER_TAG
from meter_assets.runtime.run_tags import REASON_TAG
from tests.support.command_line import CommandLine


@pytest.mark.every_engine
@pytest.mark.slow
def test_who_and_why_are_shown(shell: CommandLine, engine_name: str) -> None:
    """In the history, in the changes of a meter, and on the page of the asset; on each engine."""
    assert shell("migrate-meter-financials", "--yes", "--tenant", "1", "--reason", "ticket 42, ü").status == 0
    me = str(this_person())
    printed = shell("history", "--steps").words
    assert f"Started by {me}, executed by {me}" in printed
    assert "Because: ticket 42, ü" in printed
    (run,) = json.loads(shell("history", "--json").on_stdout)["runs"]
    assert (run["started_by"], run["reason"]) == (me, "ticket 42, ü")
    roles = {step["database_role"] for step in run["steps"]}
    assert all(roles) if engine_name != "sqlite" else roles == {None}
    changes = json.loads(shell("explain", "1", "--tenant", "1", "--by", "id", "--history", "--json").on_stdout)
    assert {(one["started_by"], one["reason"]) for one in changes["history"]} == {(me, "ticket 42, ü")}
    with shell.instance() as instance:
        (event,) = instance.fetch_materializations(dg.AssetKey("meter_balances"), limit=1).records
        assert event.asset_materialization is not None
        said = event.asset_materialization.metadata
        assert (said["started_by"].value, said["reason"].value) == (me, "ticket 42, ü")


REASONS = [("\udcff, \x1b[31m\n", r"\udcff, \x1b[31m"), ("x" * 10_000, "x" * 999 + "…"), (" ", None), ("", None)]


@pytest.mark.parametrize(("given", "recorded"), REASONS)
def test_a_reason_is_one_line_of_text(given: str, recorded: str | None) -> None:
    """Also where the command line has bytes that are no text, which Dagster cannot store."""
    found: list[str | None] = []
    command = click.command("run")(options.reason(lambda reason: found.append(reason)))
    command.main(["--reason", given], standalone_mode=False)
    assert found == [recorded]


def test_tags_of_a_launched_run_do_not_name_a_command_line() -> None:
    """Whoever launches a run in the UI may give it any tag."""
    tags = {PROCESS_TAG: "{}", USER_TAG: "somebody@else", REASON_TAG: "x"}
    launched = SimpleNamespace(tags=tags, remote_job_origin=object())
    executed = SimpleNamespace(tags=tags, remote_job_origin=None)
    found = [origin_of(cast("dg.DagsterRun", run)).started_by for run in (launched, executed)]
    assert found == ["UI", "somebody@else"]
