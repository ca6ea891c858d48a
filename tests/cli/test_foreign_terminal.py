"""A database whose every text is an attacker's, in the terminal and in log lines: none of it passes for ours.

The payloads are in `foreign`; the pages of Dagster are looked at in `browser/test_foreign_text`.
"""

import re
from pathlib import Path

import pytest

from meter_assets.definitions import build_definitions
from meter_assets.runtime import run_tags
from tests.support.command_line import CommandLine, make_small_tenants
from tests.support.foreign import (
    TEXT_COLUMNS,
    WORD,
    beginnings,
    change_what_was_written,
    name_statuses,
    payloads,
    poison,
    refuse_with,
    tamper_with_runs,
)
from tests.support.terminals import printed_on_a_terminal

ADDRESS = "http://127.0.0.1:9"
FAULTS = (
    ("several_active_meters", 1),
    ("customer_balance_disagrees", 1),
    ("payment_of_missing_invoice", 3),
    ("several_active_meters", 2),
    ("bill_of_other_tenant", 3),
)
OURS = re.compile(r"\x1b\[[\d;]*m|\x1b\[\d*[AK]|\x1b\[\?25[hl]|\r(?=\x1b|\n)")
"""What rich writes to a terminal: styles, a spinner's line that is redrawn, the cursor hidden and shown."""
LOOKS = (
    "migrate-meter-financials --dry-run",
    "migrate-meter-financials --yes",
    "validate-meter-financial-data",
    "CHANGE",
    "rollback --dry-run --tenant 2",
    "rollback --yes --tenant 2",
    "TAMPER",
    "rollback --dry-run --tenant 1 --run zzz",
    "history",
)

# The payloads are in triggers of the other engines.
pytestmark = pytest.mark.not_on("mysql")


@pytest.fixture
def shell(billing_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """The command line on a database full of payloads."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    make_small_tenants(billing_url, *FAULTS)
    monkeypatch.setenv("METER_ASSETS_DATABASE_URL", billing_url)
    monkeypatch.setenv("METER_ASSETS_CONFIG", str(name_statuses(tmp_path, ADDRESS)))
    made = CommandLine(tmp_path, billing_url)
    with made.database.transaction() as connection:
        poison(connection, ADDRESS)
    return made


def on_a_terminal(shell: CommandLine, *lines: str, **environment: str) -> str:
    return printed_on_a_terminal(shell.folder, {"METER_ASSETS_DATABASE_URL": shell.url, **environment}, *lines)


def run_all(shell: CommandLine, **environment: str) -> str:
    """Look at everything, in groups between which others change the database."""
    groups = " | ".join(LOOKS).replace("| CHANGE |", "CHANGE").replace("| TAMPER |", "CHANGE").split("CHANGE")
    written = ""
    changes = (change_what_was_written, tamper_with_runs)
    for at, group in enumerate(groups):
        written += on_a_terminal(shell, *(line.strip() for line in group.split("|")), **environment)
        if at < len(changes):
            with shell.database.transaction() as connection:
                changes[at](connection, 2 if at == 0 else 1, ADDRESS)
    return written


def hidden(written: str) -> list[str]:
    """Return what a terminal would act on rather than show."""
    return re.findall(r"[^\n -~\xa0-\U0010ffff]|[\u202a-\u202e\u2066-\u2069]", written)


def forged(written: str) -> list[str]:
    """Return the lines that begin, at the edge or nearly so, as a payload does, or as our own do and are none."""
    lines = [re.sub("^ {1,3}", "", line) for line in written.splitlines()]
    fakes = ("4 of 4", "Nothing \\", "ERROR trap")
    return [line for line in lines if line.startswith((*beginnings(ADDRESS), *fakes, WORD))]


@pytest.mark.slow
@pytest.mark.by_default("sqlite")
def test_a_terminal_shows_names_and_obeys_none(shell: CommandLine) -> None:
    plain = run_all(shell, TERM="dumb", NO_COLOR="1")
    assert plain.count("ended with") == len(LOOKS) - 2
    assert "Traceback" not in plain
    assert hidden(plain.replace("\r\n", "\n")) == []
    assert forged(plain) == []
    assert "To be undone" in plain
    assert r"\x1b]0;trap\x07" in plain, "it is shown"
    assert max(len(line) for line in plain.splitlines()) < 2_000
    styled = on_a_terminal(shell, "migrate-meter-financials --dry-run", "history", TERM="xterm-256color")
    assert "\x1b[" in styled
    left = OURS.sub("", styled)
    assert hidden(left) == []
    assert forged(left) == []


@pytest.mark.slow
def test_an_error_of_the_server_is_one_quiet_line(shell: CommandLine, capfd: pytest.CaptureFixture[str]) -> None:
    with shell.database.transaction() as connection:
        refuse_with(connection, 2, ADDRESS)
    ended = shell("migrate-meter-financials", "--tenant", "2", "--yes")
    assert ended.status == 1
    (line,) = [line for line in ended.printed.splitlines() if "was rolled back" in line]
    assert WORD in line
    assert len(line) < 1_000
    assert hidden(ended.printed) == []
    assert forged(ended.printed) == []
    with shell.instance() as instance:
        definitions = build_definitions()
        for job, tags in (
            ("migrate_meter_financials", None),
            ("validate_meter_financial_data", {run_tags.PARTITION: "2"}),
        ):
            capfd.readouterr()
            definitions.resolve_job_def(job).execute_in_process(
                instance=instance, partition_key=None if tags else "2", tags=tags, raise_on_error=False
            )
            printed = "".join(capfd.readouterr())
            assert job in printed
            assert WORD in printed or tags
            assert hidden(re.sub(r"\x1b\[\d*m", "", printed)) == [], "but the colors of Dagster's log"
            assert forged(printed) == []


def test_every_text_column_and_every_payload_is_tried(shell: CommandLine) -> None:
    found = {
        str(row[0])
        for table, columns in TEXT_COLUMNS.items()
        for one in columns
        for row in shell.rows(f"SELECT {one} FROM {table}")
    }
    assert found.issuperset(payloads(ADDRESS).values())
