"""Customers whose old balance differs from what their meters owe, each for known causes.

A customer gets a few months of bills and payments, then one or several of the `DEFECTS`: each adds or changes rows, or
only what the old balance counts. Add a defect here for each further cause of a difference. Amounts are minor units.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from random import Random
from typing import Any

from meter_assets.demo.history import FIRST_YEAR
from meter_assets.demo.rows import RowWriter, currency


@dataclass
class CustomerBooks:
    """One customer of a tenant: the rows, what the meters owe, and by how much that differs from the old balance."""

    writer: RowWriter
    random: Random
    tenant_id: int
    bills: Mapping[str, int]
    """The tenant's bills by type: WATER and BALANCE."""
    foreign_invoice_id: int
    """An invoice of another tenant."""
    customer: dict[str, Any] = field(default_factory=dict)
    meters: list[int] = field(default_factory=list)
    invoices: list[dict[str, Any]] = field(default_factory=list)
    owed: int = 0
    """What the customer's meters owe."""
    excess: int = 0
    """By how much that is more than the old balance."""
    month: int = 0

    def open(self) -> None:
        """Add the customer with one meter, and some months of bills and payments."""
        name = f"Customer {self.writer.made['customers'] + 1}"
        self.customer = {"tenant_id": self.tenant_id, "name": name, "balance": None, "overpayment": None}
        self.writer.add("customers", self.customer)
        self.add_meter()
        for _ in range(self.random.randint(3, 6)):
            self.bill(self.meters[0], self.cents(), max(self.owed, 0))
            if self.random.random() < 0.7:
                self.pay(self.random.randint(100, max(self.owed, 101)))

    def close(self) -> int:
        """Store the old balance; return the customer's id."""
        old = self.owed - self.excess
        self.customer["balance"], self.customer["overpayment"] = currency(max(old, 0)), currency(max(-old, 0))
        return int(self.customer["id"])

    def cents(self) -> int:
        """Return a random amount of money."""
        return self.random.randint(500, 15_000)

    def add_meter(self) -> int:
        """Add a meter, and assign it to the customer."""
        number = f"{self.tenant_id:02}-{self.writer.made['meters'] + 1:06}"
        row = {"tenant_id": self.tenant_id, "meter_number": number, "status": "active"}
        self.meters.append(self.writer.add("meters", {**row, "balance": currency(0), "overpayment": currency(0)}))
        made = {"tenant_id": self.tenant_id, "customer_id": self.customer["id"], "meter_id": self.meters[-1]}
        self.writer.add("meter_assignments", {**made, "is_active": True})
        return self.meters[-1]

    def bill(
        self, meter_id: int, charge: int, brought_forward: int = 0, *, status: str = "open", of: int | None = None
    ) -> dict[str, Any]:
        """Add next month's invoice with its lines, of the customer or another one. It is owed unless it is a draft."""
        self.month += 1
        row = {
            "tenant_id": self.tenant_id,
            "customer_id": of or self.customer["id"],
            "meter_id": meter_id,
            "invoice_number": f"INV-{self.tenant_id:02}-{self.writer.made['invoices'] + 1:07}",
            "invoice_date": date(FIRST_YEAR + self.month // 12, self.month % 12 + 1, 1),
            "amount": currency(charge),
            "balance_brought_forward": currency(brought_forward),
            "total_amount": currency(charge + brought_forward),
            "status": status,
        }
        self.writer.add("invoices", row)
        self.add_line(row, "WATER", charge)
        if brought_forward:
            self.add_line(row, "BALANCE", brought_forward)
        if status != "draft":
            self.owed += charge
            if of is None:
                self.invoices.append(row)
        return row

    def add_line(self, invoice: Mapping[str, Any], kind: str, amount: int, **others: Any) -> None:
        """Add a line to an invoice."""
        row = {"tenant_id": self.tenant_id, "invoice_id": invoice["id"], "bill_id": self.bills[kind]}
        self.writer.add("invoice_bills", {**row, "amount": currency(amount), "deleted_at": None, **others})

    def pay(self, amount: int, *, status: str = "completed", **others: Any) -> None:
        """Add a payment of the customer; one that counts is of the customer's only meter, or as the others say."""
        row = {"tenant_id": self.tenant_id, "customer_id": self.customer["id"], "invoice_id": None}
        row |= {"meter_id": self.meters[0], "amount": currency(amount), "status": status}
        paid_at = datetime(FIRST_YEAR + self.month // 12, self.month % 12 + 1, 9, 8)
        self.writer.add("payments", {**row, "paid_at": paid_at, **others})
        if status == "completed" and others.get("meter_id", self.meters[0]) is not None:
            self.owed -= amount


def _totals_added_up(books: CustomerBooks) -> None:
    twice = books.cents()
    books.bill(books.meters[0], books.cents(), twice)
    books.excess -= sum(int(one["balance_brought_forward"] * 100) for one in books.invoices[1:])


def _opening_on_another_meter(books: CustomerBooks) -> None:
    moved = books.cents()
    books.bill(books.add_meter(), books.cents(), moved)
    books.owed += moved
    books.excess += moved
    books.invoices.pop()


def _reversed_payment_counted(books: CustomerBooks) -> None:
    amount = books.cents()
    books.pay(amount, status="reversed")
    books.excess += amount


def _draft_counted(books: CustomerBooks) -> None:
    amount = books.cents()
    books.bill(books.meters[0], amount, status="draft")
    books.excess -= amount


def _payment_forgotten(books: CustomerBooks) -> None:
    amount = books.cents()
    books.pay(amount)
    books.excess -= amount


def _payment_on_no_meter(books: CustomerBooks) -> None:
    amount = books.cents()
    books.pay(amount, meter_id=None, invoice_id=books.writer.made["invoices"] + 10_000_000)
    books.excess += amount


def _line_deleted(books: CustomerBooks) -> None:
    kept, lost = books.cents(), books.cents()
    row = books.bill(books.meters[0], kept)
    row["amount"] = row["total_amount"] = currency(kept + lost)
    books.add_line(row, "WATER", lost, deleted_at=datetime(FIRST_YEAR, 2, 1))
    books.excess -= lost


def _stored_amounts_wrong(books: CustomerBooks) -> None:
    charge, wrong = books.cents(), books.cents()
    row = books.bill(books.meters[0], charge)
    row["amount"] = row["total_amount"] = currency(wrong)
    books.excess += charge - wrong


def _row_of_another_tenant(books: CustomerBooks) -> None:
    amount = books.cents()
    books.pay(amount, meter_id=None, invoice_id=books.foreign_invoice_id)
    books.excess += amount


def _meter_taken_over(books: CustomerBooks) -> None:
    row = {"tenant_id": books.tenant_id, "name": "Previous customer"}
    previous = books.writer.add("customers", {**row, "balance": currency(0), "overpayment": currency(0)})
    left = books.cents()
    books.bill(books.add_meter(), left, of=previous)
    books.excess += left


@dataclass(frozen=True)
class Defect:
    """A known reason why an old balance differs."""

    cause: str
    """The name of the cause that an explanation must find."""
    add: Callable[[CustomerBooks], None]


DEFECTS: Mapping[str, Defect] = {
    "totals_added_up": Defect("brought_forward_counted_twice", _totals_added_up),
    "opening_on_another_meter": Defect("opening_balance_on_another_meter", _opening_on_another_meter),
    "reversed_payment_counted": Defect("uncounted_row_in_old_balance", _reversed_payment_counted),
    "draft_counted": Defect("uncounted_row_in_old_balance", _draft_counted),
    "payment_forgotten": Defect("payment_not_counted", _payment_forgotten),
    "payment_on_no_meter": Defect("payment_not_counted", _payment_on_no_meter),
    "line_deleted": Defect("invoice_line_missing_or_changed", _line_deleted),
    "stored_amounts_wrong": Defect("stored_amounts_wrong", _stored_amounts_wrong),
    "row_of_another_tenant": Defect("row_of_another_tenant", _row_of_another_tenant),
    "meter_taken_over": Defect("meter_reassigned", _meter_taken_over),
}
"""The reasons by name. Sums of lines that are rounded differ by less, and are no defect."""


def add_customers(
    writer: RowWriter, random: Random, tenant_id: int, foreign_invoice_id: int, defects: Sequence[Sequence[str]]
) -> list[int]:
    """Add a customer to a tenant for each group of defects; return the ids of the customers, in this order.

    The tenant must exist; its bills are added. `foreign_invoice_id` is an invoice of another tenant.
    """
    bills = {kind: writer.add("bills", {"tenant_id": tenant_id, "bill_type": kind}) for kind in ("WATER", "BALANCE")}
    found = []
    for names in defects:
        books = CustomerBooks(writer, random, tenant_id, bills, foreign_invoice_id)
        books.open()
        for name in sorted(names, key=list(DEFECTS).index, reverse=True):
            DEFECTS[name].add(books)
        found.append(books.close())
        writer.flush_if_full()
    writer.flush()
    return found
