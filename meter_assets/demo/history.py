"""Generates one tenant's customers with their bills and payments month by month. Amounts here are minor units.

A meter's `owed` is the balance that the migration will compute: its opening debt plus charges less payments. Add here
how clean customers behave; faults belong in `invoice_faults` and `payment_faults`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from random import Random
from typing import Any

from meter_assets.demo.rows import RowWriter, currency

FIRST_YEAR = 2024
WATER_TARIFF: Mapping[str, tuple[int, int]] = {"WATER": (900, 7500), "SEWERAGE": (300, 2600), "METER_RENT": (250, 250)}
POWER_TARIFF: Mapping[str, tuple[int, int]] = {"ENERGY": (1500, 16000), "STANDING_CHARGE": (1230, 1230)}
"""Per type of bill, the lowest and the highest charge of a month."""

FIRST_NAMES = ("Ada", "Bela", "Chidi", "Dara", "Elif", "Femi", "Greta", "Hana", "Ivo", "Juma", "Kemi", "Lena", "Musa")
LAST_NAMES = ("Abara", "Brandt", "Castel", "Dube", "Eklund", "Farkas", "Gomes", "Haddad", "Ibsen", "Juarez", "Kamau")


@dataclass
class Ledger:
    """The debt of one meter, and its latest counted invoice."""

    meter_id: int
    owed: int = 0
    latest: dict[str, Any] | None = None


class TenantHistory:
    """Generates customers of one tenant, each with its whole history; no invariant is violated after the migration."""

    def __init__(
        self, writer: RowWriter, random: Random, tenant_id: int, tariff: Mapping[str, tuple[int, int]], months: int
    ) -> None:
        """Take an existing tenant and the number of months for which it has billed."""
        self._writer, self._random, self._tenant_id, self._months = writer, random, tenant_id, months
        self._tariff = tariff
        self._bills = {kind: self._add("bills", bill_type=kind) for kind in (*tariff, "BALANCE")}
        self._has_status = {table: writer.schema.has(table, "status") for table in ("invoices", "payments")}
        self._vacated: Ledger | None = None

    def add_customer(self, ordinal: int) -> None:
        """Add the tenant's customer with this ordinal: most have one meter; three in ten are special cases."""
        half = self._months // 2
        customer = self._customer()
        if self._vacated:  # takes over the meter that the previous customer left
            ledgers = [self._assign(customer["id"], self._vacated)]
            self._vacated = None
            self._run(customer["id"], ledgers, range(half, self._months))
        elif ordinal % 10 == 3:
            ledgers = [self._assign(customer["id"], self._ledger()) for _ in range(2)]
            self._run(customer["id"], ledgers, range(self._months), names_invoices=True)
        elif ordinal % 10 == 5:
            ledgers = [self._move(customer["id"], half)]
            self._run(customer["id"], ledgers, range(half, self._months))
        elif ordinal % 10 == 8:
            ledgers = [self._assign(customer["id"], self._ledger("disconnected"), is_active=False)]
            self._run(customer["id"], ledgers, range(half + 1), names_invoices=True)
        else:
            ledgers = [self._assign(customer["id"], self._ledger())]
            self._run(customer["id"], ledgers, range(self._months))
        net = sum(ledger.owed for ledger in ledgers)
        customer["balance"], customer["overpayment"] = currency(max(net, 0)), currency(max(-net, 0))

    def _add(self, table: str, **values: Any) -> int:
        return self._writer.add(table, {"tenant_id": self._tenant_id, **values})

    def _customer(self) -> dict[str, Any]:
        name = f"{self._random.choice(FIRST_NAMES)} {self._random.choice(LAST_NAMES)}"
        row = {"tenant_id": self._tenant_id, "name": name, "balance": None, "overpayment": None}
        self._writer.add("customers", row)
        return row

    def _ledger(self, status: str = "active") -> Ledger:
        number = f"{self._tenant_id:02}-{self._writer.made['meters'] + 1:06}"
        before = currency(0) if self._random.random() < 0.8 else None
        meter_id = self._add("meters", meter_number=number, status=status, balance=before, overpayment=before)
        return Ledger(meter_id)

    def _assign(self, customer_id: int, ledger: Ledger, *, is_active: bool = True) -> Ledger:
        self._add("meter_assignments", customer_id=customer_id, meter_id=ledger.meter_id, is_active=is_active)
        return ledger

    def _move(self, customer_id: int, until: int) -> Ledger:
        """Give a customer a fully paid meter until that month, and leave the meter to the next customer."""
        left = self._assign(customer_id, self._ledger(), is_active=False)
        self._open(left)
        for month in range(until):
            invoice = self._bill(customer_id, left, month)
            self._pay(customer_id, left, left.owed, month, day=9, invoice_id=invoice["id"])
        self._vacated = left
        return self._assign(customer_id, self._ledger())

    def _run(self, customer_id: int, ledgers: list[Ledger], months: range, *, names_invoices: bool = False) -> None:
        """Bill and collect month by month. With `names_invoices`, every payment names its invoice."""
        if months.start == 0:
            self._open(ledgers[0])
        for month in months:
            for ledger in ledgers:
                if self._has_status["invoices"] and self._random.random() < 0.02:
                    self._discard(customer_id, ledger, month)
                invoice = self._bill(customer_id, ledger, month)
                named = names_invoices or self._random.random() < 0.75
                self._collect(customer_id, ledger, month, invoice["id"] if named else None)

    def _open(self, ledger: Ledger) -> None:
        """Give some meters debt from before the first record; their first invoice brings it forward."""
        if self._random.random() < 0.2:
            ledger.owed = self._random.randint(500, 25_000)

    def _bill(self, customer_id: int, ledger: Ledger, month: int) -> dict[str, Any]:
        brought_forward = max(ledger.owed, 0)
        if ledger.latest:
            ledger.latest["status"] = "carried_forward" if brought_forward else "paid"
        charges = {kind: self._random.randint(least, most) for kind, (least, most) in self._tariff.items()}
        ledger.owed += sum(charges.values())
        status = "open" if ledger.owed > 0 else "paid"
        ledger.latest = self._invoice(customer_id, ledger.meter_id, month, charges, brought_forward, status)
        return ledger.latest

    def _discard(self, customer_id: int, ledger: Ledger, month: int) -> None:
        """Add an invoice that was withdrawn before the correct one was sent."""
        charges = {kind: most for kind, (_, most) in self._tariff.items()}
        status = self._random.choice(("cancelled", "draft", "Voided"))
        self._invoice(customer_id, ledger.meter_id, month, charges, max(ledger.owed, 0), status)

    def _invoice(
        self, customer_id: int, meter_id: int, month: int, charges: Mapping[str, int], brought_forward: int, status: str
    ) -> dict[str, Any]:
        amount = sum(charges.values())
        row = {
            "tenant_id": self._tenant_id,
            "customer_id": customer_id,
            "meter_id": meter_id,
            "invoice_number": f"INV-{self._tenant_id:02}-{self._writer.made['invoices'] + 1:07}",
            "invoice_date": date(FIRST_YEAR + month // 12, month % 12 + 1, 1),
            "amount": currency(amount),
            "balance_brought_forward": currency(brought_forward),
            "total_amount": currency(amount + brought_forward),
            "status": status,
        }
        invoice_id = self._writer.add("invoices", row)
        lines = {**charges, "BALANCE": brought_forward} if brought_forward else charges
        for kind, line in lines.items():
            self._add("invoice_bills", invoice_id=invoice_id, bill_id=self._bills[kind], amount=currency(line))
        return row

    def _collect(self, customer_id: int, ledger: Ledger, month: int, invoice_id: int | None) -> None:
        """Add the customer's payments: most pay everything due, some pay partly, twice, too much or nothing."""
        due, mood = ledger.owed, self._random.random()
        if due <= 0:
            return
        if self._has_status["payments"] and self._random.random() < 0.03:
            status = self._random.choice(("reversed", "failed", "Pending"))
            self._payment(customer_id, due, month, 5, invoice_id, status)
        if mood < 0.7:
            self._pay(customer_id, ledger, due, month, day=9, invoice_id=invoice_id)
        elif mood < 0.8:
            self._pay(customer_id, ledger, due // 2 + 1, month, day=14, invoice_id=invoice_id)
        elif mood < 0.86:
            self._pay(customer_id, ledger, due // 3 + 1, month, day=7, invoice_id=invoice_id)
            self._pay(customer_id, ledger, due - due // 3 - 1, month, day=21, invoice_id=invoice_id)
        elif mood < 0.92:
            over = self._random.randint(100, 6000)
            self._pay(customer_id, ledger, due + over, month, day=27, invoice_id=invoice_id)

    def _pay(
        self, customer_id: int, ledger: Ledger, cents: int, month: int, *, day: int, invoice_id: int | None
    ) -> None:
        if cents <= 0:
            return
        ledger.owed -= cents
        self._payment(customer_id, cents, month, day, invoice_id, "completed")
        if ledger.latest and ledger.owed <= 0:
            ledger.latest["status"] = "paid"

    def _payment(self, customer_id: int, cents: int, month: int, day: int, invoice_id: int | None, status: str) -> None:
        self._add(
            "payments",
            customer_id=customer_id,
            invoice_id=invoice_id,
            meter_id=None,
            amount=currency(cents),
            status=status,
            paid_at=datetime(FIRST_YEAR + month // 12, month % 12 + 1, day, 8 + cents % 10, cents % 60),
        )
