"""The demo's command, run again and where it must not go."""

import re
from pathlib import Path

import pytest

from meter_assets.demo.database import fixing_statement, make_demo
from meter_assets.demo.generator import DemoSize
from meter_assets.migration.database import BillingDatabase
from tests.support.command_line import CommandLine, make_small_tenants


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    return CommandLine(tmp_path, "", {"METER_ASSETS_DATABASE_URL": None})


def test_the_demo_does_not_go_into_a_database_that_is_in_use(shell: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "in use.db"
    path.touch()
    make_small_tenants(f"sqlite:///{path}")
    shell.environment["METER_ASSETS_DATABASE_URL"] = f"sqlite:///{path}"
    ended = shell("demo")
    assert ended.status == 2
    assert re.search(r"in use\.db is not empty: it has the tables", ended.words)
    assert shell("demo", "--fresh").status == 2


def test_without_a_demo_database_every_command_says_how_to_make_it(shell: CommandLine) -> None:
    ended = shell("migrate-meter-financials", "--dry-run")
    assert ended.status == 2
    assert "Create the demo database with 'meter-assets demo', or name your database" in ended.words


@pytest.mark.slow
@pytest.mark.thorough
def test_the_demo_is_not_made_twice_and_goes_on_with_what_was_mended(shell: CommandLine) -> None:
    path = shell.folder / ".meter_assets" / "demo.db"
    path.parent.mkdir()
    path.touch()
    with BillingDatabase(f"sqlite:///{path}").transaction() as connection:
        make_demo(connection, DemoSize(tenants=5, customers=10, months=3), seed=1)
        connection.exec_driver_sql(fixing_statement(connection))
    ended = shell("demo")
    assert ended.status == 0
    assert "The demo database exists already" in ended.words
    assert "5 of 5 tenants done" in ended.words
    assert "blocked" not in ended.words


@pytest.mark.server
@pytest.mark.thorough
def test_the_demo_goes_into_an_empty_database_that_the_environment_names(shell: CommandLine, postgres_url: str) -> None:
    shell.environment["METER_ASSETS_DATABASE_URL"] = postgres_url
    ended = shell("demo", "--yes", "--customers", "10", "--months", "3")
    assert ended.status == 0
    assert "4 of 5 tenants done" in ended.words
