"""The command `explain`: a meter's statement, what it says of a wrong balance, and the history of its changes."""

import csv
import io
import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from meter_assets.billing.policy import Policy
from meter_assets.migration.database import BillingDatabase
from meter_assets.reports.statements.statement import statements
from tests.support.command_line import CommandLine, Ended, command_line_in
from tests.support.small_billing import SmallBilling

MIGRATE = ("migrate-meter-financials", "--yes")


def explained(ended: Ended) -> dict[str, Any]:
    """Return what a command printed as JSON."""
    found: dict[str, Any] = json.loads(ended.printed)
    return found


@pytest.mark.every_engine
@pytest.mark.slow
def test_each_meter_ends_with_its_stored_balance(shell: CommandLine) -> None:
    """On clean tenants; and a balance that another program writes is said to differ."""
    before = shell("explain", "1", "--tenant", "1")
    assert (before.status, "are not migrated yet" in before.words) == (0, True)
    assert shell(*MIGRATE).status == 0
    with shell.database.read(Policy()) as snapshot:
        for tenant in shell.database.tenants([]):
            for one in statements(snapshot, tenant):
                assert (one.migrated, one.agrees) == (True, True)
                assert [one.net] == [row.balance for row in one.entries][-1:] or not one.entries
    after = shell("explain", "1", "--tenant", "1")
    assert (after.status, "The stored balance is the same" in after.words) == (0, True)
    shell.change("UPDATE meters SET balance = balance + 7 WHERE id = 1")
    wrong = shell("explain", "1", "--tenant", "1")
    assert (wrong.status, "The stored balance DIFFERS" in wrong.words) == (1, True)


@pytest.mark.every_engine
@pytest.mark.slow
def test_the_history_has_every_journaled_change(shell: CommandLine) -> None:
    assert shell(*MIGRATE).status == 0
    journaled = shell.rows(
        "SELECT 'payments', payment_id FROM meter_migration_payment_meter_ids WHERE meter_id_after = 1 UNION ALL "
        "SELECT 'meters', meter_id FROM meter_migration_meter_balances WHERE meter_id = 1 UNION ALL "
        "SELECT 'invoices', invoice_id FROM meter_migration_invoice_amounts WHERE invoice_id IN "
        "(SELECT id FROM invoices WHERE meter_id = 1)"
    )
    found = explained(shell("explain", "1", "--tenant", "1", "--history", "--json"))
    assert sorted((one["table"], int(one["row_id"])) for one in found["history"]) == sorted(journaled)
    (run,) = {one["run_id"] for one in found["history"]}
    assert shell("rollback", "--tenant", "1", "--yes").status == 0
    later = explained(shell("explain", "1", "--tenant", "1", "--history", "--json"))["history"]
    assert [one["is_rollback"] for one in later] == [False] * len(journaled) + [True] * len(journaled)
    assert {one["run_id"] for one in later if not one["is_rollback"]} == {run}
    printed = shell("explain", "1", "--tenant", "1", "--history", "--csv").printed
    rows = list(csv.DictReader(io.StringIO(printed)))
    assert {row["policy"] for row in rows} == {json.dumps(found["history"][0]["policy"])}
    assert all(row["started_at"].endswith("+00:00") for row in rows), "in UTC on every engine"
    assert (
        f"{run[:8]} {rows[0]['started_by']} - the default" in shell("explain", "1", "--tenant", "1", "--history").words
    )
    meter_ids = [(row["before"], row["after"]) for row in rows if row["column"] == "meter_id"]
    assert sorted(meter_ids) == sorted([("", "1"), ("1", "")] * (len(meter_ids) // 2))


@pytest.fixture
def migrated(on_sqlite: CommandLine) -> CommandLine:
    """The command line on SQLite, with a migrated tenant."""
    assert on_sqlite(*MIGRATE, "--tenant", "1").status == 0
    return on_sqlite


@pytest.mark.slow
def test_forms_and_names(migrated: CommandLine) -> None:
    """A meter is found by its id and by its number, a customer by id and name; CSV adds up like JSON."""
    shell = migrated
    (number,), (name,) = shell.rows("SELECT meter_number FROM meters WHERE id = 1") + shell.rows(
        "SELECT name FROM customers WHERE id = 1"
    )
    by_id = explained(shell("explain", "1", "--tenant", "1", "--json"))
    assert explained(shell("explain", number, "--tenant", "1", "--json")) == by_id
    rows = list(csv.DictReader(io.StringIO(shell("explain", "1", "--tenant", "1", "--csv").printed)))
    counted = sum(Decimal(row["amount"]) for row in rows if row["counted"] == "True")
    assert counted == Decimal(by_id["statement"]["net"])
    customer = explained(shell("explain", "--customer", "1", "--tenant", "1", "--json"))
    assert explained(shell("explain", "--customer", name, "--tenant", "1", "--json"))["customer_id"] == "1"
    assert by_id["statement"] in [one["statement"] for one in customer["meters"]]
    assert customer["backed_up_net"] is not None
    printed = shell("explain", "--customer", "1", "--tenant", "1", "--as-of", "2024-02-15").words
    assert "at the end of 2024-02-15." in printed
    assert "The customer's balance in the backup" in printed


@pytest.mark.slow
def test_a_payment_without_meter_is_listed_with_the_customer(migrated: CommandLine) -> None:
    migrated.change(
        "INSERT INTO payments (id, tenant_id, customer_id, invoice_id, amount, status) "
        "VALUES (9001, 1, 1, 9999, 5, 'paid')"
    )
    found = explained(migrated("explain", "--customer", "1", "--tenant", "1", "--json"))
    (left,) = found["without_meter"]
    assert (left["payment_id"], Decimal(left["amount"]), left["reason"]) == ("9001", Decimal(5), "invoice_missing")
    assert "invoice_missing" in migrated("explain", "--customer", "1", "--tenant", "1").words


@pytest.mark.slow
def test_a_payment_of_the_next_run_is_with_its_meter_and_customer(migrated: CommandLine) -> None:
    """A payment since the migration has no meter until the step runs again; the balance is without it."""
    (invoice, customer), *_ = migrated.rows("SELECT id, customer_id FROM invoices WHERE meter_id = 1 ORDER BY id")
    migrated.change(
        "INSERT INTO payments (id, tenant_id, customer_id, invoice_id, amount, status, paid_at) "
        f"VALUES (9001, 1, {customer}, {invoice}, 5.25, 'paid', '2124-01-01')"
    )
    of_meter = explained(migrated("explain", "1", "--tenant", "1", "--json"))["awaited"]
    whole = ("explain", "--customer", str(customer), "--tenant", "1")
    assert explained(migrated(*whole, "--json"))["without_meter"] == of_meter
    (found,) = of_meter
    names = ("payment_id", "amount", "meter_id", "reason", "is_counted")
    assert [found[name] for name in names] == ["9001", "5.25", "1", "invoice", True]
    for printed in (migrated("explain", "1", "--tenant", "1"), migrated(*whole)):
        assert "9001 2124-01-01 5.25 paid not yet on meter 1: invoice" in printed.words
    assert explained(migrated(*whole, "--as-of", "2123-12-31", "--json"))["without_meter"] == []


@pytest.mark.slow
def test_a_customer_owes_what_the_own_meters_owe(shell: CommandLine) -> None:
    """Of a meter that went to another customer it says so; and a deleted customer is explained too."""
    (meter, customer), (other_meter, other), *_ = shell.rows(
        "SELECT meter_id, customer_id FROM meter_assignments WHERE tenant_id = 1 ORDER BY id"
    )
    shell.change(
        f"UPDATE meter_assignments SET is_active = '0' WHERE meter_id = {meter}",
        "INSERT INTO meter_assignments (id, tenant_id, customer_id, meter_id, is_active) VALUES "
        f"(9001, 1, {other}, {meter}, '1'), (9002, 1, {customer}, {other_meter}, '1')",
    )
    found = explained(shell("explain", "--customer", str(customer), "--tenant", "1", "--json"))
    nets = {one["statement"]["meter_id"]: Decimal(one["statement"]["net"]) for one in found["meters"]}
    assert (set(nets), found["own_meter_ids"]) == ({str(meter), str(other_meter)}, [str(other_meter)])
    assert Decimal(found["net"]) == nets[str(other_meter)]
    words = shell("explain", "--customer", str(customer), "--tenant", "1").words
    assert f"Left out, since they are not the customer's now: meter {meter} (" in words
    shell.change(f"UPDATE customers SET deleted_at = '2024-05-05 00:00:00' WHERE id = {customer}")
    deleted = shell("explain", "--customer", str(customer), "--tenant", "1")
    assert (deleted.status, "The customer is deleted." in deleted.words) == (0, True)


@pytest.mark.slow
def test_another_policy_is_named(on_sqlite: CommandLine) -> None:
    """By invoice totals, debt brought forward is a part of an invoice; without that policy, balances differ."""
    file = on_sqlite.folder / "totals.toml"
    file.write_text('[policy]\nbalance_basis = "invoice_totals"\n', encoding="utf-8")
    ((meter, invoice),) = on_sqlite.rows(
        "SELECT meter_id, id FROM invoices WHERE tenant_id = 1 AND balance_brought_forward > 0 ORDER BY id LIMIT 1"
    )
    by_totals = replace(on_sqlite, environment={"METER_ASSETS_CONFIG": str(file)})
    assert by_totals(*MIGRATE, "--tenant", "1").status == 0
    found = explained(by_totals("explain", str(meter), "--tenant", "1", "--json"))["statement"]
    (entry,) = (one for one in found["entries"] if (one["kind"], one["row_id"]) == ("invoice", str(invoice)))
    assert (found["agrees"], entry["charges"][-1]["bill_type"]) == (True, "brought forward")
    assert sum(Decimal(one["amount"]) for one in entry["charges"]) == Decimal(entry["amount"])
    otherwise = on_sqlite("explain", str(meter), "--tenant", "1")
    says = "migrated with another policy or mapping (balance_basis: invoice_totals -> charges_and_opening_balance)"
    assert (otherwise.status, says in otherwise.words) == (1, True), otherwise.printed


REFUSED = {
    "an unknown meter": (("99x", "--tenant", "1"), "Tenant 1 has no meter 99x"),
    "more digits than an id": (("9" * 23, "--tenant", "1"), f"Tenant 1 has no meter {'9' * 23}"),
    "digits of Python": (("0_1", "--tenant", "1"), "Tenant 1 has no meter 0_1"),
    "digits of another script": (("\u0661", "--tenant", "1"), "Tenant 1 has no meter \u0661"),
    "a customer with more digits": (("--customer", "9" * 23, "--tenant", "1"), "Tenant 1 has no customer 999"),
    "an unknown customer": (("--customer", "99", "--tenant", "1"), "Tenant 1 has no customer 99"),
    "another tenant's meter": (("50", "--tenant", "1"), "Tenant 1 has no meter 50"),
    "no tenant": (("1",), "Missing option '--tenant'"),
    "two forms": (("1", "--tenant", "1", "--csv", "--json"), "Give --json or --csv, not both."),
    "neither meter nor customer": (("--tenant", "1"), "Name either a METER or --customer"),
    "a day that is none": (("1", "--tenant", "1", "--as-of", "2024-02-31"), "2024-02-31"),
    "a number that is an id": (
        ("7", "--tenant", "1"),
        "7 names 2 meters of tenant 1: 7 (by its id), 1 (by its meter number). Choose one with --by id or --by number.",
    ),
    "an id in another form": (("07", "--tenant", "1"), "Tenant 1 has no meter 07, neither by its id nor"),
    "an id with a separator": (("0_7", "--tenant", "1"), "Tenant 1 has no meter 0_7"),
    "an id in other digits": (("\uff17", "--tenant", "1"), "Tenant 1 has no meter \uff17"),
    "an id beyond all integers": (("9" * 30, "--tenant", "1"), f"Tenant 1 has no meter {'9' * 30}"),
    "a number that is only an id": (("2", "--tenant", "1", "--by", "number"), "no meter 2, by its meter number."),
    "a name of two": (
        ("--customer", "Twin", "--tenant", "1"),
        "Twin names 2 customers of tenant 1: 2 (by its name), 3 (by its name). Name the customer by one of these ids.",
    ),
}


@pytest.mark.slow
def test_what_it_cannot_explain_is_one_sentence(on_sqlite: CommandLine) -> None:
    on_sqlite.change(
        "UPDATE meters SET meter_number = '7' WHERE id = 1",
        "UPDATE meters SET tenant_id = 1 WHERE id = 7",
        "UPDATE customers SET name = 'Twin' WHERE id IN (2, 3)",
        "UPDATE customers SET name = '2' WHERE id = 1",
    )
    for arguments, says in REFUSED.values():
        ended = on_sqlite("explain", *arguments)
        assert (ended.status, says in ended.words) == (2, True), ended.printed
    assert on_sqlite("explain", "7", "--tenant", "1", "--by", "number").status == 0
    for command in (("differences",), ("statements", "--adjustments", "posting.csv")):
        named = (*command, "--tenant", "1", "--customer", "2")
        assert "2 names 2 customers of tenant 1" in on_sqlite(*named).words
        assert on_sqlite(*named, "--by", "id").status == 0
    on_sqlite.change(f"UPDATE meters SET meter_number = '{'8' * 23}' WHERE id = 2")
    assert on_sqlite("explain", "8" * 23, "--tenant", "1").status == 0


@pytest.mark.every_engine
@pytest.mark.slow
def test_ids_of_decimals_have_no_form_of_money(
    billing_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also ids of more digits than 64 bits have: on SQLite they would be floats, so they are shorter there."""
    first = 10**14 if billing_url.startswith("sqlite") else 10**19
    billing = SmallBilling(ids="DECIMAL(20, 0)", literal=lambda of: str(first + of))
    with BillingDatabase(billing_url).transaction() as connection:
        for statement in [*billing.tables(), *billing.rows(tenant=1)]:
            connection.exec_driver_sql(statement)
    shell, tenant, meter = (
        command_line_in(tmp_path / "folder", billing_url, monkeypatch),
        str(first + 1),
        str(first + 21),
    )
    assert shell("migrate-meter-financials", "--yes").status == 0
    ended = shell("explain", meter, "--tenant", tenant, "--by", "id", "--history", "--json")
    changes = [one for change in json.loads(ended.on_stdout)["history"] for one in change["values"]]
    assert {one["after"] for one in changes if one["column"] == "meter_id"} == {meter}
    assert {one["after"] for one in changes if one["column"] == "balance"} == {"70.00"}
