"""The command `check-sql`: what it prints runs as it is, and lists the rows that the check counts."""

from pathlib import Path

import pytest
from sqlalchemy import text

from meter_assets.rules.invariants import INVARIANTS
from tests.support.check_pages import find
from tests.support.command_line import BROKEN, CommandLine, on_small_tenants

CHECK = "every_counted_payment_has_a_meter"


@pytest.fixture
def shell(tmp_path: Path, billing_url: str, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """Return the command line on a database of each engine, where a tenant has a payment without a meter."""
    return on_small_tenants(tmp_path / "workplace", billing_url, monkeypatch, ("orphan_payment", int(BROKEN)))


def test_it_lists_the_rows_of_the_tenant(shell: CommandLine) -> None:
    shell.change(f"UPDATE payments SET meter_id = NULL WHERE tenant_id <> {BROKEN}")
    ended = shell("check-sql", CHECK, "--tenant", BROKEN)
    assert (ended.status, ":tenant" in ended.printed) == (0, False)
    with shell.database.snapshot() as connection:
        listed = {row.payment_id for row in connection.execute(text(ended.printed))}
        (invariant,) = (one for one in INVARIANTS if one.name == CHECK)
        counted = find(connection, shell.database.schema(connection), int(BROKEN), [invariant]).by_law[CHECK]
    assert listed
    assert listed == set(counted)


REFUSED = {
    "an unknown check": ((CHECK[:-2], "--tenant", "1"), f"'{CHECK[:-2]}' is no check. Did you mean {CHECK}"),
    "no tenant": ((CHECK,), "Missing option '--tenant'"),
    "an unknown tenant": ((CHECK, "--tenant", "77"), "77"),
}


@pytest.mark.parametrize(("arguments", "says"), REFUSED.values(), ids=REFUSED)
def test_what_it_cannot_print_is_one_sentence(shell: CommandLine, arguments: tuple[str, ...], says: str) -> None:
    ended = shell("check-sql", *arguments)
    assert (ended.status, says in ended.words) == (2, True), ended.printed


def test_mapped_tables_have_other_names(shell: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "mapping.toml").write_text('[tables.customers]\ntable = "users"\n')
    shell.environment["METER_ASSETS_CONFIG"] = str(tmp_path / "mapping.toml")
    ended = shell("check-sql", CHECK, "--tenant", "1")
    assert (ended.status, "in this database they have others" in ended.words) == (2, True)
