"""The README says what is so: its transcript, its tables, its commands."""

import re
import tomllib
from pathlib import Path

import click
import pytest

from meter_assets.billing.columns import OPTIONAL_COLUMNS, REQUIRED_COLUMNS
from meter_assets.billing.policy import Policy
from meter_assets.cli.main import main
from tests.support.command_line import CommandLine

README = Path(__file__).parent.parent / "README.md"


def _block(language: str) -> str:
    """Return the first block of code in this language."""
    found = re.search(rf"```{language}\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert found, language
    return found[1]


def _comparable(line: str) -> str:
    """Return a line without what differs from run to run: durations, folders, blanks."""
    line = re.sub(r"\d+\.\d s\b", "N s", line)
    line = re.sub(r"sqlite:///\S*/(\S+\.db)", r"sqlite:///…/\1", line)
    line = re.sub(r"^ +\S.*meter-assets'? (?=migrate)|^ +meter-assets (?=migrate)", "meter-assets ", line)
    return " ".join(line.split())


@pytest.mark.slow
def test_the_demo_prints_what_the_readme_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    shell = CommandLine(tmp_path, "", {"METER_ASSETS_DATABASE_URL": None})
    ended = shell("demo")
    assert ended.status == 0
    printed = iter([_comparable(line) for line in ended.printed.splitlines()])
    for line in _block("console").splitlines()[1:]:
        if line != "[...]":
            assert _comparable(line) in printed, f"not printed, or not in this order: {line}"


def test_the_table_of_columns_is_the_schema() -> None:
    lines = README.read_text(encoding="utf-8").splitlines()
    for table, required in REQUIRED_COLUMNS.items():
        optional = OPTIONAL_COLUMNS.get(table)
        columns = ", ".join(required) + (f"; optional: {', '.join(optional)}" if optional else "")
        assert f"| {table} | {columns} |" in lines


def test_the_policies_shown_are_the_defaults() -> None:
    content = tomllib.loads(_block("toml"), parse_float=str)
    assert set(content["policy"]) == set(Policy.model_fields)
    assert Policy.from_values(content["policy"]) == Policy()


def test_every_command_is_named_and_every_option_has_help() -> None:
    text = README.read_text(encoding="utf-8")
    for name, command in main.commands.items():
        assert f"meter-assets {name}" in text or f"`./dev {name}`" in text or f"./dev {name}" in text, name
        for one in (command, *(command.commands.values() if isinstance(command, click.Group) else ())):
            assert one.help, one.name
            assert all(each.help for each in one.params if isinstance(each, click.Option)), one.name
