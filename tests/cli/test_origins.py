"""Who started a run, and why: recorded with it, and shown wherever its changes are."""

import json

import dagster as dg
import pytest

from meter_assets.migration.origin import user_of_this_process
from tests.support.command_line import CommandLine


@pytest.mark.slow
def test_who_and_why_are_shown(shell: CommandLine, engine_name: str) -> None:
    """In the history, in the changes of a meter, and on the page of the asset; on each engine."""
    assert shell("migrate-meter-financials", "--yes", "--tenant", "1", "--reason", "ticket 42, ü").status == 0
    me = user_of_this_process()
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
