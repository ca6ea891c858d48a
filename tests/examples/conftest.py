"""Fixtures of the examples: the command line on the database of each."""

from pathlib import Path

import pytest

from tests.support.command_line import CommandLine, command_line_in
from tests.support.example_databases import database_file, load


@pytest.fixture
def unmapped(
    example: Path, engine_name: str, billing_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> CommandLine:
    """The command line on an example's database, without a mapping."""
    file = database_file(example, engine_name)
    assert file is not None
    load(billing_url, file)
    monkeypatch.delenv("METER_ASSETS_CONFIG", raising=False)
    return command_line_in(tmp_path, billing_url, monkeypatch)


@pytest.fixture
def shell(example: Path, unmapped: CommandLine, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """The command line on an example's database, with its mapping."""
    monkeypatch.setenv("METER_ASSETS_CONFIG", str(example / "mapping.toml"))
    return unmapped
