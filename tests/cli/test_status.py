"""The command `status` and the selections of tenants, from the outside."""

import json

import pytest

from tests.support.command_line import ALSO_HEALTHY, BROKEN, HEALTHY, CommandLine, with_an_orphan_payment

MIGRATE = "migrate-meter-financials"
CHECK = "every_counted_payment_has_a_meter"


shell = pytest.fixture(with_an_orphan_payment)


def states(shell: CommandLine, *arguments: str) -> dict[str, str]:
    """Return the state of each selected tenant."""
    ended = shell("status", "--json", *arguments)
    assert ended.status == 0, ended.printed
    return {one["tenant"]: one["state"] for one in json.loads(ended.printed)["tenants"]}


@pytest.mark.slow
def test_status_follows_a_tenant_and_selections_use_it(shell: CommandLine) -> None:
    assert set(states(shell).values()) == {"not begun"}
    assert shell("history", "--failed").words == "No tenant is selected: of 3, none matches --failed. Nothing was done."
    assert shell(MIGRATE, "--dry-run", "--tenant", BROKEN, "--tenant", HEALTHY).status == 1
    assert states(shell) == {HEALTHY: "would succeed", ALSO_HEALTHY: "not begun", BROKEN: "would fail"}
    assert states(shell, "--failed") == {BROKEN: "would fail"}

    assert shell(MIGRATE, "--yes", "--tenant", BROKEN, "--tenant", HEALTHY).status == 1
    expected = {HEALTHY: "migrated", ALSO_HEALTHY: "not begun", BROKEN: "blocked"}
    assert states(shell) == expected
    assert set(states(shell, "--not-migrated")) == {ALSO_HEALTHY, BROKEN}
    assert set(states(shell, "--missing", "--failed")) == {BROKEN}, "each condition restricts the selection"
    row = json.loads(shell("status", "--json", "--tenant", BROKEN).printed)["tenants"][0]
    assert (row["why"], row["rows_left"]) == (f"{CHECK} (1)", 1)
    assert "@" in row["who"]
    ended = shell("status")
    assert ended.printed.startswith("3 tenants: 1 blocked, 1 not begun, 1 migrated")
    assert f"blocked by {CHECK} (1)" in ended.words

    shell.change("UPDATE meters SET balance = balance + 5 WHERE tenant_id = 1")
    assert shell("validate-meter-financial-data", "--tenant", HEALTHY).status == 1
    row = json.loads(shell("status", "--json", "--tenant", HEALTHY).printed)["tenants"][0]
    ((meters,),) = shell.rows("SELECT count(*) FROM meters WHERE tenant_id = 1")
    assert (row["state"], row["differences"]) == ("drifted", meters), "each customer has one meter"
    assert f"every_meter_balance_equals_its_transactions ({meters})" in row["why"]
    again = shell(MIGRATE, "--yes", "--failed")
    assert "(1 of 1)" in again.printed, "only the blocked one is run again"
    assert shell("rollback", "--yes", "--tenant", HEALTHY).status in (0, 1)
    assert states(shell, "--tenant", HEALTHY)[HEALTHY] == "rolled back"


@pytest.mark.slow
def test_a_tenant_is_named_by_its_id_or_its_exact_name(shell: CommandLine) -> None:
    shell.change(
        "UPDATE tenants SET name = 'Hilltop Power' WHERE id = 1",
        "UPDATE tenants SET name = '1' WHERE id = 2",
        "UPDATE tenants SET name = 'Twin' WHERE id = 3",
    )
    assert list(states(shell, "--tenant", "Hilltop Power", "--tenant", "1")) == ["1"], "an id wins over a name"
    shell.change("UPDATE tenants SET name = 'Twin' WHERE id = 1")
    ended = shell("status", "--tenant", "Twin")
    assert (ended.status, "2 tenants have the name Twin: 1, 3." in ended.words) == (2, True), ended.printed
    ended = shell("status", "--tenant", "No one here")
    assert (ended.status, 'No such tenant: "No one here".' in ended.words) == (2, True), ended.printed
