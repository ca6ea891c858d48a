"""The command `differences`, and where else differences by cause are shown."""

import csv
import io
import json
from decimal import Decimal

import pytest

from tests.support.command_line import BROKEN, HEALTHY, CommandLine

MIGRATE = ("migrate-meter-financials", "--yes")


@pytest.mark.every_engine
@pytest.mark.slow
def test_the_cause_is_the_same_before_and_after_the_migration(shell: CommandLine) -> None:
    """A reversed payment that the old balance counts; then a payment of a later day is since the backup."""
    (meter, customer), *_ = shell.rows(
        f"SELECT meter_id, customer_id FROM meter_assignments WHERE tenant_id = {HEALTHY} ORDER BY id"
    )
    shell.change(
        "INSERT INTO payments (id, tenant_id, customer_id, meter_id, amount, status, paid_at) VALUES "
        f"(9001, {HEALTHY}, {customer}, {meter}, 12.34, 'reversed', '2024-03-09 08:00:00')",
        f"UPDATE customers SET balance = balance - 12.34 WHERE id = {customer}",
    )
    planned = json.loads(shell("differences", "--tenant", HEALTHY, "--json").printed)["tenants"][0]
    assert (planned["planned"], planned["difference"]) == (True, "12.34")
    assert planned["by_cause"] == [{"cause": "uncounted_row_in_old_balance", "amount": "12.34", "customers": 1}]
    assert planned["largest"][0]["causes"][0]["rows"] == ["payment 9001"]
    dry = shell("migrate-meter-financials", "--dry-run", "--tenant", HEALTHY)
    assert "uncounted_row_in_old_balance 12.34 (payment 9001)" in dry.words
    assert shell(*MIGRATE, "--tenant", HEALTHY).status == 0
    found = json.loads(shell("differences", "--tenant", HEALTHY, "--json").printed)["tenants"][0]
    assert {**found, "planned": True} == planned
    shell.change(
        "INSERT INTO payments (id, tenant_id, customer_id, meter_id, amount, status, paid_at) VALUES "
        f"(9002, {HEALTHY}, {customer}, {meter}, 1.11, 'paid', '2124-03-09 08:00:00')",
    )
    assert shell("migrate-customer-balances-to-meters", "--yes", "--tenant", HEALTHY).status == 0
    printed = shell("differences", "--tenant", HEALTHY, "--customer", str(customer), "--csv").printed
    rows = {row["cause"]: Decimal(row["amount"]) for row in csv.DictReader(io.StringIO(printed))}
    assert rows == {"uncounted_row_in_old_balance": Decimal("12.34"), "since_the_backup": Decimal("-1.11")}


@pytest.mark.slow
@pytest.mark.by_default("sqlite")
def test_business_on_the_day_of_the_backup_and_other_programs(shell: CommandLine) -> None:
    """A payment on that day may be since the backup: it is not reversed. A meter that is not recomputed is said."""
    (meter, customer), *_ = shell.rows(
        f"SELECT meter_id, customer_id FROM meter_assignments WHERE tenant_id = {HEALTHY} ORDER BY id"
    )
    columns = "id, tenant_id, customer_id, meter_id, amount, status, paid_at"
    payment = f"INSERT INTO payments ({columns}) VALUES (%s, {HEALTHY}, {customer}, {meter}, %s, '%s', '%s')"
    shell.change(payment % (9001, "12.34", "reversed", "2024-03-09"))
    shell.change(f"UPDATE customers SET balance = balance - 12.34 WHERE id = {customer}")
    assert shell(*MIGRATE, "--tenant", HEALTHY).status == 0
    ((on,),) = shell.rows("SELECT MAX(backed_up_at) FROM customer_balances_backup")
    shell.change(payment % (9002, "2.22", "paid", str(on)[:10]))
    recompute = ("migrate-customer-balances-to-meters", "--yes", "--tenant", HEALTHY)
    assert shell(*recompute).status == 0
    one = ("--tenant", HEALTHY, "--customer", str(customer))
    (found,) = json.loads(shell("differences", *one, "--json").printed)["tenants"][0]["largest"]
    parts = {part["cause"]: (Decimal(part["amount"]), part["rows"]) for part in found["causes"]}
    old, since = (Decimal("12.34"), ["payment 9001"]), (Decimal("-2.22"), ["payment 9002"])
    assert parts == {"uncounted_row_in_old_balance": old, "since_the_backup": since}
    assert found["also_possible"] == [["payment_not_counted", "uncounted_row_in_old_balance"]]
    shell.change(f"UPDATE meters SET balance = balance + 7, overpayment = 0 WHERE id = {meter}")
    shell.change(payment % (9003, "1.11", "paid", "2124-01-01"))
    written = csv.DictReader(io.StringIO(shell("differences", *one, "--csv").printed))
    causes = sorted((row["cause"], Decimal(row["amount"])) for row in written)
    _, stale = causes.pop(0)
    dated, that_day = (("since_the_backup", Decimal(money)) for money in ("-1.11", "-2.22"))
    assert causes == [that_day, dated, ("uncounted_row_in_old_balance", old[0])]
    ((balance, credit),) = shell.rows(f"SELECT balance, overpayment FROM meters WHERE id = {meter}")
    statement = json.loads(shell("explain", str(meter), "--tenant", HEALTHY, "--json").printed)["statement"]
    assert stale == round(Decimal(str(balance)) - Decimal(str(credit)), 2) - Decimal(statement["net"]) >= 7
    post = ("statements", *one, "--adjustments", "posting.csv", "--force")
    assert (shell(*post).status, "run migrate-customer-balances" in (shell.folder / "posting.csv").read_text()) == (
        0,
        True,
    )
    assert (shell(*recompute).status, shell(*post).status) == (0, 0)
    (row,) = csv.DictReader((shell.folder / "posting.csv").read_text().splitlines())
    assert (row["amount"], row["since_the_backup"], row["not_postable"]) == ("-12.34", "-3.33", "")


@pytest.mark.slow
@pytest.mark.by_default("sqlite")
def test_one_customer_who_came_or_went_and_meters_of_none_or_two(shell: CommandLine) -> None:
    """The figures of one customer are the customer's own; what is left of the tenant's names its reason."""
    (meter, customer), (shared, _), *_ = shell.rows(
        f"SELECT meter_id, customer_id FROM meter_assignments WHERE tenant_id = {HEALTHY} ORDER BY id"
    )
    assert shell(*MIGRATE, "--tenant", HEALTHY).status == 0
    shell.change(
        f"UPDATE customers SET deleted_at = '2024-07-01 00:00:00' WHERE id = {customer}",
        f"UPDATE meters SET balance = 100, overpayment = 0 WHERE id IN ({meter}, {shared})",
        f"UPDATE customer_balances_backup SET balance = 30, overpayment = 0 WHERE customer_id = {customer}",
        f"INSERT INTO customers (id, tenant_id, name, balance, overpayment) VALUES (9500, {HEALTHY}, 'New', 0, 0)",
        "INSERT INTO meter_assignments (id, tenant_id, customer_id, meter_id, is_active) VALUES "
        f"(9001, {HEALTHY}, 9500, {shared}, '1')",
    )
    for key, sides, says in (
        (9500, ("0.00", "100.00"), "customer 9500 is not in the backup"),
        (customer, ("30.00", "0.00"), f"customer {customer} was deleted since the backup"),
    ):
        one = ("differences", "--tenant", HEALTHY, "--customer", str(key))
        found = json.loads(shell(*one, "--json").printed)["tenants"][0]
        old, new = (Decimal(found[name]) for name in ("backed_up_net", "meters_net"))
        assert (old, new, found["differing"]) == (*map(Decimal, sides), 1)
        (part,) = found["largest"][0]["causes"]
        assert (part["cause"], Decimal(part["amount"]), part["rows"]) == ("customer_not_in_both", new - old, [says])
        assert f"The customer owed {sides[0]} before; the customer's meters owe {sides[1]}" in shell(*one).words
    rows = csv.DictReader(io.StringIO(shell("differences", "--tenant", HEALTHY, "--csv").printed))
    of_meters = {row["id"]: (row["amount"], row["rows"]) for row in rows if row["kind"] == "meter"}
    assert of_meters == {
        str(meter): ("100.00", f"meter {meter} has no customer"),
        str(shared): ("-100.00", f"meter {shared} is in the figures of 2 customers, and counts once"),
    }


@pytest.mark.slow
def test_all_tenants_together_and_refusals(on_sqlite: CommandLine) -> None:
    on_sqlite.change(f"UPDATE customers SET balance = balance + 3 WHERE tenant_id IN ({HEALTHY}, {BROKEN})")
    ended = on_sqlite("differences")
    assert ended.status == 0
    assert "as it would be after the migration" in ended.words
    together = ended.words.rpartition("All selected tenants together")[2]
    count = on_sqlite.rows(f"SELECT COUNT(*) FROM customers WHERE tenant_id IN ({HEALTHY}, {BROKEN})")[0][0]
    total = sum(
        Decimal(part["amount"])
        for one in json.loads(on_sqlite("differences", "--json").printed)["tenants"]
        for part in one["by_cause"]
    )
    assert (total, bool(together)) == (-3 * count, True)
    for arguments, says in {
        ("--customer", "1"): "--customer needs one tenant, and 3 are selected",
        ("--customer", "999", "--tenant", HEALTHY): "Tenant 1 has no customer 999",
        ("--tenant", "77"): "No such tenant: 77",
        ("--json", "--csv"): "Give --json or --csv, not both.",
    }.items():
        refused = on_sqlite("differences", *arguments)
        assert (refused.status, says in refused.words) == (2, True), refused.printed
