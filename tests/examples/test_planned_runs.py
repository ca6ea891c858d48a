"""The examples, run by a plan: its files have the rows that the database has, whatever the types of its columns are."""

import pytest

from tests.support.command_line import CommandLine
from tests.support.example_databases import on_one_engine

pytestmark = [pytest.mark.slow, pytest.mark.thorough]


@on_one_engine
def test_an_example_runs_by_its_plan(shell: CommandLine) -> None:
    assert shell("migrate-meter-financials", "--dry-run", "--export", "plan").status == 0
    approved = shell("approve", "plan")
    assert approved.status == 0, approved.printed
    ended = shell("migrate-meter-financials", "--yes", "--plan", "plan")
    assert ended.status == 0, ended.printed
