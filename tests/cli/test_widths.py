"""What commands print is readable on terminals of 60, 80 and 120 columns, from the preview to the rollback."""

import re

import pytest

from tests.support.command_line import BROKEN, CommandLine, with_an_orphan_payment
from tests.support.terminals import printed_on_a_terminal, screen

CHECK = "every_counted_payment_has_a_meter"
MIGRATE = "migrate-meter-financials"
COMMANDS = {
    f"{MIGRATE} --dry-run": {"succeed", "FAIL", f"Tenant {BROKEN} would fail", CHECK},
    f"{MIGRATE} --dry-run --verbose": {"payment_meter_ids: money", "meter_balances", "This tenant would fail."},
    f"{MIGRATE} --yes": {"FAILED", CHECK},
    "status": {"migrated", "blocked", CHECK},
    "validate-meter-financial-data": {CHECK},
    "rollback --dry-run": {"would be restored"},
    "rollback --yes": {"restored"},
    "history": {"rollback of", "succeeded", "blocked"},
    "grants preview somebody": {"SQLite has no roles"},
    "--help": {"migrate-meter-financials", "rollback"},
    "rollback --help": {"--dry-run"},
}
"""Each command, and words that it must print unbroken."""
COPIED = re.compile("meter-assets |sqlite:///|^Error: ")
"""What the terminal itself folds, so that nothing is between the parts of what people copy."""
LETTERS = re.compile(r"[\s│┃|]*\w[\s│┃|]*")
"""A line that is only one letter or digit, as in a column that is too narrow."""

pytestmark = pytest.mark.slow
shell = pytest.fixture(with_an_orphan_payment)


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_every_command_is_readable(shell: CommandLine, columns: int) -> None:
    environment = {"METER_ASSETS_DATABASE_URL": shell.url, "DAGSTER_HOME": None, "TERM": "xterm"}
    written = printed_on_a_terminal(shell.folder, environment, *COMMANDS, columns=columns)
    lines = screen(written)
    printed = re.split(r"^\$ .*$", "\n".join(lines), flags=re.MULTILINE)[1:]
    assert [line for line in lines if len(line) > columns and not COPIED.search(line)] == []
    assert len(printed) == len(COMMANDS)
    for (command, expected), part in zip(COMMANDS.items(), printed, strict=True):
        words = " ".join(re.sub("[│┃|]", " ", part).split())
        missing = {one for one in expected if one not in words}
        assert not missing, (command, part)
        assert not list(filter(LETTERS.fullmatch, part.splitlines())), (command, part)
        assert "Traceback" not in part
