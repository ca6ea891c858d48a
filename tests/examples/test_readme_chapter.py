"""The README's chapter about your own database: its commands print what it shows, on MariaDB."""

import re
from pathlib import Path

import pytest

from tests.support.command_line import PROJECT, CommandLine, command_line_in
from tests.support.example_databases import load


def _transcript() -> str:
    chapter = (PROJECT / "README.md").read_text(encoding="utf-8").split("### Your database\n")[1]
    found = re.search(r"```text\n(.*?)```", chapter, flags=re.DOTALL)
    assert found
    return found[1]


def _run(command: str, shell: CommandLine) -> str:
    """Run a command of the transcript as a shell would; return what it prints."""
    word, *rest = command.split()
    if word == "export":
        name, _, value = rest[0].partition("=")
        shell.environment[name] = shell.url if name == "METER_ASSETS_DATABASE_URL" else value
        return ""
    if word == "cat":
        return Path(rest[0]).read_text(encoding="utf-8")
    assert word.endswith("/meter-assets")
    given, _, file = command.partition(" > ")
    ended = shell(*given.split()[1:])
    assert ended.status == 0, ended.printed
    if file:
        Path(file).write_text(ended.printed, encoding="utf-8")
        return ""
    return ended.printed


def test_the_chapter_prints_what_it_shows(mariadb_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load(mariadb_url, PROJECT / "examples" / "laravel" / "database.mysql.sql")
    monkeypatch.delenv("METER_ASSETS_CONFIG", raising=False)
    shell = command_line_in(tmp_path, mariadb_url, monkeypatch)
    printed = iter([""])
    commands = 0
    for line in _transcript().splitlines():
        if line.startswith("$ "):
            commands += 1
            printed = iter([" ".join(one.split()) for one in _run(line[2:], shell).splitlines()])
        elif line and line != "[...]":
            assert " ".join(line.split()) in printed, f"not printed, or not in this order: {line}"
    assert commands == 6
