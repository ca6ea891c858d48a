"""Random sequences of what people do: migrate, roll back, run plans, decide, and write in the billing software.

After each step, what always holds is checked: records verify, causes add up, a migrated tenant's statements end with
its stored balances, and a rollback without skipped rows leaves every value as it was. Add here a further thing that
people do.
"""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meter_assets.billing.policy import Policy
from meter_assets.migration.verification import verify
from meter_assets.reports.differences.by_customer import tenant_differences
from meter_assets.reports.statements.statement import statements
from tests.support.command_line import CommandLine, on_small_tenants
from tests.support.engines import NewDatabase

TENANT = "1"
ACTIONS = ("migrate", "roll back", "roll back the newest", "pay", "bill", "correct a balance", "decide", "run a plan")
ON_A_SIXTH = settings(max_examples=max(2, settings().max_examples // 6))  # of the profile's: each is many commands
WRITTEN = {
    "payments": ("meter_id",),
    "invoices": ("amount", "balance_brought_forward", "total_amount"),
    "meters": ("balance", "overpayment"),
}


class Office:
    """A tenant, those who work with it, and what its rows would be without a migration."""

    def __init__(self, shell: CommandLine, folder: Path) -> None:
        self.shell, self._folder, self._made = shell, folder, 0
        self.original: dict[tuple[str, Any], tuple[Any, ...]] = self.values()
        self.is_migrated = False

    def values(self) -> dict[tuple[str, Any], tuple[Any, ...]]:
        """Return the values that a migration may write, by table and id."""
        found = {}
        for table, columns in WRITTEN.items():
            for row in self.shell.rows(f"SELECT id, {', '.join(columns)} FROM {table} WHERE tenant_id = {TENANT}"):
                found[table, row[0]] = tuple(None if one is None else Decimal(str(one)) for one in row[1:])
        return found

    def do(self, action: str) -> None:
        """Do something, and check what must hold then."""
        self._made += 1
        getattr(self, f"_{action.replace(' ', '_')}")()
        self.check()

    def check(self) -> None:
        """Fail if something does not hold that always must."""
        (tenant,) = self.shell.database.tenants([TENANT])
        assert verify(self.shell.database, tenant).problems == []
        found = tenant_differences(self.shell.database, tenant, Policy())
        assert sum((one.amount for one in found.by_cause), Decimal(0)) == found.difference
        with self.shell.database.read(Policy()) as snapshot:
            for one in statements(snapshot, tenant):
                assert one.agrees or not self.is_migrated

    def _migrate(self, *options: str) -> None:
        ended = self.shell("migrate-meter-financials", "--yes", "--tenant", TENANT, *options)
        assert ended.status == 0, ended.printed
        self.is_migrated = True
        again = self.shell("migrate-meter-financials", "--dry-run", "--tenant", TENANT, "--json")
        (preview,) = json.loads(again.on_stdout)["tenants"]
        assert [step["changed"] for step in preview["preview"]["steps"]] == [0] * len(preview["preview"]["steps"])

    def _run_a_plan(self) -> None:
        plan = str(self._folder / f"plan {self._made}")
        dry = self.shell("migrate-meter-financials", "--dry-run", "--tenant", TENANT, "--export", plan)
        assert dry.status == 0, dry.printed
        self._migrate("--plan", plan)

    def _roll_back(self, *options: str) -> None:
        ended = self.shell("rollback", "--yes", "--tenant", TENANT, *options)
        self.is_migrated = False
        if ended.status == 0 and not options:
            now = self.values()
            assert {key: now[key] for key in self.original} == self.original

    def _roll_back_the_newest(self) -> None:
        runs = json.loads(self.shell("history", "--tenant", TENANT, "--json").on_stdout)["runs"]
        changed = [one["run_id"] for one in runs if one["rows_changed"] and not one["undoes_run_ids"]]
        if changed:
            self._roll_back("--run", changed[0])

    def _insert(self, table: str, **values: Any) -> int:
        ((row_id,),) = self.shell.rows(f"SELECT MAX(id) + 1 FROM {table}")
        row = {"id": row_id, "tenant_id": TENANT, **values}
        texts = ("NULL" if one is None else f"'{one}'" for one in row.values())
        self.shell.change(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join(texts)})")
        self.is_migrated = False
        return int(row_id)

    def _pay(self) -> None:
        """Receive a payment for the newest invoice: the billing software writes no meter, as before the migration."""
        ((invoice, customer),) = self.shell.rows(
            f"SELECT id, customer_id FROM invoices WHERE tenant_id = {TENANT} ORDER BY id DESC LIMIT 1"
        )
        row = {"customer_id": customer, "invoice_id": invoice, "amount": "12.34", "status": "completed"}
        made = self._insert("payments", **row, paid_at="2024-12-30 08:00:00")
        self.original["payments", made] = (None,)

    def _bill(self) -> None:
        ((meter, customer),) = self.shell.rows(
            f"SELECT meter_id, customer_id FROM meter_assignments WHERE tenant_id = {TENANT} ORDER BY id LIMIT 1"
        )
        ((bill,),) = self.shell.rows(f"SELECT MIN(id) FROM bills WHERE tenant_id = {TENANT} AND bill_type <> 'BALANCE'")
        row = {"customer_id": customer, "meter_id": meter, "invoice_number": f"N-{self._made}", "status": "open"}
        amounts = {"amount": "20", "balance_brought_forward": "0", "total_amount": "20"}
        made = self._insert("invoices", **row, **amounts, invoice_date="2024-12-29")
        self._insert("invoice_bills", invoice_id=made, bill_id=bill, amount="20")
        self.original["invoices", made] = (Decimal(20), Decimal(0), Decimal(20))

    def _correct_a_balance(self) -> None:
        self.shell.change(f"UPDATE meters SET overpayment = 3 WHERE tenant_id = {TENANT} AND id = 1")
        self.is_migrated = False
        self.original["meters", 1] = (self.values()["meters", 1][0], Decimal(3))

    def _decide(self) -> None:
        """Decide about a payment that the billing software gave no meter."""
        (_, payment), *_ = sorted(key for key in self.original if key[0] == "payments")
        meters = self.shell.rows(f"SELECT id FROM meters WHERE tenant_id = {TENANT} ORDER BY id LIMIT 2")
        path = self._folder / f"decisions {self._made}.csv"
        path.write_text(f"payment_id,meter_id,decided_by\n{payment},{meters[self._made % 2][0]},Ada\n", "utf-8")
        ended = self.shell("review", "import", str(path), "--tenant", TENANT)
        assert ended.status == 0, ended.printed


@pytest.mark.every_engine
@pytest.mark.slow
@given(data=st.data())
@ON_A_SIXTH
def test_what_always_holds(
    new_database: NewDatabase, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    actions = data.draw(st.lists(st.sampled_from(ACTIONS), min_size=3, max_size=7), label="what is done")
    folder = tmp_path_factory.mktemp("office")
    with new_database() as url, pytest.MonkeyPatch.context() as patched:
        office = Office(on_small_tenants(folder, url, patched), folder)
        for action in actions:
            office.do(action)
        office.do("migrate")
        office.do("roll back")
