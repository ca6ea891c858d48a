"""Every command that writes asks first: what it asks, and what happens without an answer."""

import re
from functools import partial
from pathlib import Path

import click
import pytest

from meter_assets.cli.main import main
from tests.support.command_line import CommandLine, command_line_in, on_small_tenants
from tests.support.terminals import Terminal, on_a_terminal

VERBS = {
    "migrate-meter-financials": "migrate",
    "backfill-payment-meter-ids": "fill in the payments' meter ids of",
    "backfill-invoice-amounts": "recompute the invoices' amounts of",
    "migrate-customer-balances-to-meters": "recompute the meters' balances of",
    "sync-customer-balances": "set the customers' balances of",
}
READS = {
    "check-database",
    "check-sql",
    "verify",
    "explain",
    "differences",
    "compare-policies",
    "approve",
    "statements",
    "report",
    "validate-meter-financial-data",
    "history",
    "rehearse",
    "init",
    "status",
    "ui",
    "grants",
}
"""The commands that write nothing to the billing database."""
ADDS = {"review"}
"""The commands that only add rows to a table of ours: a wrong decision is replaced by the next one."""
SELECTED = {(): "3 tenants", ("--tenant", "2"): "tenant 2", ("--tenant", "2", "--tenant", "3"): "2 tenants"}
SCRIPT = """
import sys
from meter_assets.cli.main import main
for line in sys.argv[1:]:
    try:
        main(line.split(), prog_name="meter-assets")
    except SystemExit as end:
        print("ended with", end.code, flush=True)
"""


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """The command line on three small tenants."""
    path = tmp_path / "billing.db"
    path.touch()
    return on_small_tenants(tmp_path / "shell", f"sqlite:///{path}", monkeypatch)


def test_every_command_that_writes_takes_yes() -> None:
    """A new command must be in one of the tables of this module."""
    takes_yes = {
        name
        for name, command in main.commands.items()
        if any("--yes" in one.opts for one in command.params if isinstance(one, click.Option))
    }
    assert takes_yes == {*VERBS, "rollback", "demo"}
    assert takes_yes | READS | ADDS == set(main.commands)


@pytest.mark.slow
def test_without_a_terminal_nothing_is_written(shell: CommandLine) -> None:
    """The sentence names the command, the number of tenants and the database; nothing to undo is no question."""
    before = shell.contents()
    for selection, count in SELECTED.items():
        for command, verb in VERBS.items():
            ended = shell(command, *selection)
            assert ended.status == 2
            about = f"Error: {command} is about to {verb} {count} in {shell.url}. It asks first, but standard input"
            assert about in ended.words
            assert "Nothing was written. To write without a question, add --yes." in ended.words
    assert shell("rollback").status == 0
    assert shell.contents() == before

    assert shell("migrate-meter-financials", "--yes", "--tenant", "1").status == 0
    before = shell.contents()
    ended = shell("rollback")
    assert (ended.status, f"rollback is about to roll back tenant 1 in {shell.url}." in ended.words) == (2, True)
    assert shell.contents() == before


@pytest.mark.slow
def test_questions_on_a_terminal(shell: CommandLine) -> None:
    """Another answer than yes writes nothing; yes writes; at 80 columns."""
    before = shell.contents()
    environment = {"METER_ASSETS_DATABASE_URL": shell.url, "DAGSTER_HOME": None, "TERM": "xterm"}
    lines = (*VERBS, "backfill-payment-meter-ids --tenant 1", "rollback", "rollback")
    answers = (b"n\n", b"no\n", b"\n", b"\x04", b"what\nn\n", b"y\n", b"y\n")
    questions = [f"{verb[0].upper()}{verb[1:]} 3 tenants" for verb in VERBS.values()]
    questions[-1:] *= 2  # asked again, after what is no answer
    questions += ["Fill in the payments' meter ids of tenant 1", "Roll back tenant 1"]
    with on_a_terminal(shell.folder, environment, *lines, columns=80, script=SCRIPT) as terminal:
        for at, keys in enumerate(answers):
            if at == len(VERBS):
                assert shell.contents() == before
            terminal.read(partial(has_asked, terminal, at + 1))
            terminal.type(keys)
        assert terminal.end() == 0
        written = terminal.written
    asked = re.findall(r"^(\S.*)\? Every change is journaled\. \[y/N\]:", written, re.MULTILINE)
    assert asked == [f"{one} in {shell.url}" for one in questions], "the second rollback asks nothing"
    assert re.findall(r"ended with (\d+)", written) == ["1"] * len(VERBS) + ["0"] * 3
    assert written.count("Nothing was written.") == len(VERBS)


def has_asked(terminal: Terminal, questions: int) -> bool:
    return terminal.written.count("[y/N]:") >= questions


@pytest.mark.slow
def test_the_demo_asks_before_it_deletes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It asks nothing for its own new database; a database that the environment names is not its own."""
    shell = command_line_in(tmp_path / "shell", "", monkeypatch)
    shell.environment["METER_ASSETS_DATABASE_URL"] = None
    path = shell.folder / ".meter_assets" / "demo.db"
    path.parent.mkdir()
    path.write_bytes(b"")
    ended = shell("demo", "--fresh")
    assert (ended.status, f"demo is about to delete sqlite:///{path} and create it again." in ended.words) == (2, True)
    other = tmp_path / "other.db"
    shell.environment["METER_ASSETS_DATABASE_URL"] = f"sqlite:///{other}"
    ended = shell("demo")
    assert (ended.status, f"create and migrate 5 tenants in sqlite:///{other}" in ended.words) == (2, True)
    assert not other.exists()
    assert path.read_bytes() == b""
