"""What an unknown command may have meant."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from meter_assets.cli.main import main
from meter_assets.cli.suggestions import near_names
from tests.support.command_line import CommandLine

MIGRATE, BALANCES = "migrate-meter-financials", "migrate-customer-balances-to-meters"
NEAR: dict[str, list[str]] = {
    "migrate": [MIGRATE, BALANCES],
    "migration": [MIGRATE, BALANCES],
    "mirgate": [MIGRATE, BALANCES],
    "MIGRATE": [MIGRATE, BALANCES],
    "migrate-meters": [MIGRATE],
    "migrate:meter-financials": [MIGRATE],
    "migrate_meter_financials": [MIGRATE],
    "backfill": ["backfill-payment-meter-ids", "backfill-invoice-amounts"],
    "backfil-invoice-amounts": ["backfill-invoice-amounts"],
    "validation": ["validate-meter-financial-data"],
    "sync_customer_balances": ["sync-customer-balances"],
    "rollback_meter_financials": ["rollback"],
    "roll-back": ["rollback"],
    "histroy": ["history"],
    "grant": ["grants"],
    "x": [],
    "": [],
}


@pytest.mark.parametrize("given", NEAR)
def test_near_names_are_suggested(given: str) -> None:
    assert near_names(given, main.commands) == NEAR[given]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("migrate",), f"No such command 'migrate'. Did you mean '{MIGRATE}' or '{BALANCES}'?"),
        (("frobnicate", "--tenant", "7"), "No such command 'frobnicate'."),
        ((MIGRATE, "--dryrun"), "No such option '--dryrun'. Did you mean '--dry-run'?"),
        ((MIGRATE, "--tennant", "7"), "No such option '--tennant'. Did you mean '--tenant'?"),
        (("--helpp",), "No such option '--helpp'. Did you mean '--help'?"),
    ],
)
def test_what_is_misspelt_is_wrong_usage(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    ended = CommandLine(tmp_path, "sqlite:///not-there.db")(*arguments)
    assert (ended.status, ended.printed.splitlines()[-1]) == (2, f"Error: {said}")


def test_the_help_names_every_command_in_full() -> None:
    printed = CliRunner().invoke(main, ["--help"], terminal_width=80).output
    _, _, listed = printed.partition("Commands:\n")
    assert re.findall(r"^  ([a-z-]+)", listed, re.MULTILINE) == list(main.commands), "in the order of a migration"
    assert "..." not in listed
