"""The command `compare-policies`, from the outside: what it prints, its exit status, and that it writes nothing."""

import json
from typing import Any

import pytest

from tests.support.command_line import CommandLine
from tests.support.databases import contents

COMPARE = "compare-policies"
BASIS = ("--policy", "balance_basis=invoice_totals", "--policy", "balance_basis=charges_and_opening_balance")


def found(shell: CommandLine, *arguments: str) -> dict[str, Any]:
    """Return what the command prints as JSON."""
    ended = shell(COMPARE, "--json", *arguments)
    assert ended.status == 0, ended.printed
    loaded: dict[str, Any] = json.loads(ended.printed)
    return loaded


@pytest.mark.every_engine
@pytest.mark.slow
def test_policies_are_ranked_and_two_are_compared(shell: CommandLine) -> None:
    before = contents(shell.database)
    ended = shell(COMPARE, *BASIS)
    assert ended.status == 0, ended.printed
    assert "Which of 2 policies reproduces the old balances of 18 customers of 3 tenants" in ended.words
    assert "would owe something else under no. 1 than under no. 2." in ended.words
    assert "(as configured)" in ended.words
    assert ended.words.endswith("Nothing was written.")
    whole = found(shell, *BASIS)
    first, second = whole["ranking"]
    assert (first["number"], first["configured"], first["exact"], first["difference"]) == (1, True, 18, "0.00")
    assert second["settings"] == {"balance_basis": "invoice_totals"}
    assert second["exact"] + len(whole["between"]["customers"]) == 18
    assert set(whole["between"]["customers"][0]) == {"tenant", "customer_id", "name", "old", "under_a", "under_b"}
    one = found(shell, *BASIS, "--tenant", "2", "--between", "2", "1")
    assert (one["tenants"], one["customers"], one["between"]["a"]) == (1, 6, 2)
    assert {customer["tenant"] for customer in one["between"]["customers"]} == {"2"}
    assert found(shell, "--tenant", "2")["policies"] == 64
    assert contents(shell.database) == before


def test_the_best_policy_is_printed_for_the_configuration_file(on_sqlite: CommandLine) -> None:
    """All payments of a tenant get a status of their own, which does not count by the old balances."""
    on_sqlite.change(
        "UPDATE payments SET status = 'on \"hold\"' WHERE tenant_id = 1",
        "UPDATE customers SET overpayment = 0, balance = (SELECT SUM(b.amount) FROM invoice_bills b JOIN invoices i ON "
        "i.id = b.invoice_id JOIN bills t ON t.id = b.bill_id WHERE i.customer_id = customers.id AND "
        "t.bill_type <> 'BALANCE') WHERE tenant_id = 1",
    )
    ended = on_sqlite(COMPARE, "--tenant", "1")
    assert ended.status == 0, ended.printed
    first = found(on_sqlite, "--tenant", "1")["ranking"][0]
    assert """on "hold\"""" in first["settings"]["uncounted_payment_statuses"]
    assert "To migrate under no. 1, set in the file that METER_ASSETS_CONFIG names: [policy]" in ended.words
    assert '"voided", "pending", "on \\"hold\\""]' in ended.words


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--policy", "speed=1"), "Error: Unknown policy 'speed'; the policies are: customers_without_active_meter,"),
        (("--policy", "balance_basis=x"), "its values are: charges_and_opening_balance, invoice_totals."),
        (("--policy", "balance_basis"), "--policy balance_basis: expected name=value"),
        ((*BASIS, "--between", "1", "3"), "--between 3: the policies have the numbers 1 to 2."),
        (("--tenant", "9"), "No such tenant: 9."),
    ],
)
def test_wrong_usage_is_one_sentence(on_sqlite: CommandLine, arguments: tuple[str, ...], said: str) -> None:
    ended = on_sqlite(COMPARE, *arguments)
    assert (ended.status, said in ended.words) == (2, True), ended.printed
