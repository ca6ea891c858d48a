"""The mapping that is suggested for each example's database: at most five lines of it are to be edited."""

import difflib
from pathlib import Path

from tests.support.command_line import CommandLine
from tests.support.example_databases import on_every_engine

MOST_EDITED_LINES = 5


def lines_of(text: str) -> list[str]:
    """Return the lines of a TOML file that say something."""
    return [line for line in map(str.strip, text.splitlines()) if line and not line.startswith("#")]


def edited(one: list[str], other: list[str]) -> int:
    """Return how many lines a person edits, adds or removes to make the second of the first."""
    matcher = difflib.SequenceMatcher(None, one, other, autojunk=False)
    return sum(max(b - a, d - c) for what, a, b, c, d in matcher.get_opcodes() if what != "equal")


@on_every_engine
def test_few_lines_of_a_suggested_mapping_are_edited(example: Path, unmapped: CommandLine) -> None:
    suggested = unmapped("check-database", "--suggest")
    assert suggested.status == 0, suggested.printed
    wanted = (example / "mapping.toml").read_text(encoding="utf-8")
    assert edited(lines_of(suggested.printed), lines_of(wanted)) <= MOST_EDITED_LINES, suggested.printed
