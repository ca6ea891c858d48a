"""Adds rows to an existing tenant: accounts, invoices and payments, as faults need them.

Add here rows that several faults need; a single fault's rows belong in its own function.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, func, insert, select

from meter_assets.billing.schema import BillingSchema
from meter_assets.demo.history import FIRST_NAMES, FIRST_YEAR, LAST_NAMES
from meter_assets.demo.rows import columns_there

NOTHING = Decimal("0.00")
CHARGE = Decimal("40.00")
_FAR_ABOVE = 1_000_000


@dataclass(frozen=True)
class Account:
    """A customer and the customer's assigned meters."""

    customer_id: int
    meter_ids: tuple[int, ...]


@dataclass(frozen=True)
class TenantBooks:
    """One tenant in one database. The id of an added row is the highest id of its table plus one."""

    connection: Connection
    schema: BillingSchema
    tenant_id: int

    def add(self, table: str, **values: Any) -> int:
        """Insert one row of the tenant; return its id. Optional columns that the database lacks are left out."""
        row = {"id": self._highest(table) + 1, "tenant_id": self.tenant_id, **values}
        self.connection.execute(insert(self.schema.table(table)), columns_there(self.schema, table, row))
        return int(row["id"])

    def missing(self, table: str) -> int:
        """Return an id far above all ids of the table."""
        return self._highest(table) + _FAR_ABOVE

    def of_other_tenant(self, table: str) -> int:
        """Return the lowest id of a row of another tenant. Raises NoResultFound if there is none."""
        rows = self.schema.table(table)
        name = rows.c.id if table == "tenants" else rows.c.tenant_id
        found = select(rows.c.id).where(name != self.tenant_id).order_by(rows.c.id).limit(1)
        return int(self.connection.scalars(found).one())

    def bill(self, *, brought_forward: bool = False) -> int:
        """Return the lowest id of the tenant's bills that are charges, or that bring a balance forward."""
        bills = self.schema.table("bills")
        is_wanted = bills.c.bill_type == "BALANCE" if brought_forward else bills.c.bill_type != "BALANCE"
        found = select(bills.c.id).where(bills.c.tenant_id == self.tenant_id, is_wanted).order_by(bills.c.id).limit(1)
        return int(self.connection.scalars(found).one())

    def customer(self, *, balance: Decimal = NOTHING, overpayment: Decimal = NOTHING) -> int:
        """Add a customer without a meter."""
        ordinal = self._highest("customers")
        name = f"{FIRST_NAMES[ordinal % len(FIRST_NAMES)]} {LAST_NAMES[ordinal % len(LAST_NAMES)]}"
        return self.add("customers", name=name, balance=balance, overpayment=overpayment)

    def meter(self, *, balance: Decimal = NOTHING) -> int:
        """Add a meter without a customer."""
        number = f"{self.tenant_id:02}-{self._highest('meters') + 1:06}"
        return self.add("meters", meter_number=number, status="active", balance=balance, overpayment=NOTHING)

    def assign(self, customer_id: int, meter_id: int, *, is_active: bool = True) -> int:
        """Add an assignment."""
        return self.add("meter_assignments", customer_id=customer_id, meter_id=meter_id, is_active=is_active)

    def account(
        self,
        *,
        balance: Decimal = NOTHING,
        overpayment: Decimal = NOTHING,
        meters: int = 1,
        is_active: bool = True,
    ) -> Account:
        """Add a customer with this balance and overpayment, and this number of assigned meters."""
        customer_id = self.customer(balance=balance, overpayment=overpayment)
        meter_ids = tuple(self.meter() for _ in range(meters))
        for meter_id in meter_ids:
            self.assign(customer_id, meter_id, is_active=is_active)
        return Account(customer_id, meter_ids)

    def invoice(
        self,
        customer_id: int,
        meter_id: int | None,
        *,
        month: int = 1,
        brought_forward: Decimal = NOTHING,
        status: str = "open",
        stored: Mapping[str, Decimal | None] | None = None,
        lines: bool = True,
        charge_line: Mapping[str, Any] | None = None,
    ) -> int:
        """Add an invoice of `CHARGE`; `stored` replaces columns of the invoice, `charge_line` columns of its line."""
        amounts = {
            "amount": CHARGE,
            "balance_brought_forward": brought_forward,
            "total_amount": CHARGE + brought_forward,
        }
        invoice_id = self.add(
            "invoices",
            customer_id=customer_id,
            meter_id=meter_id,
            invoice_number=f"INV-{self.tenant_id:02}-{self._highest('invoices') + 1:07}",
            invoice_date=date(FIRST_YEAR, month, 1),
            status=status,
            **{**amounts, **(stored or {})},
        )
        if lines:
            line = {"bill_id": self.bill(), "amount": CHARGE, **(charge_line or {})}
            self.add("invoice_bills", invoice_id=invoice_id, **line)
        if lines and brought_forward:
            bill_id = self.bill(brought_forward=True)
            self.add("invoice_bills", invoice_id=invoice_id, bill_id=bill_id, amount=brought_forward)
        return invoice_id

    def payment(
        self,
        customer_id: int | None,
        *,
        invoice_id: int | None = None,
        meter_id: int | None = None,
        amount: Decimal | None = CHARGE,
        status: str = "completed",
        **others: Any,
    ) -> int:
        """Add a payment, some days after the first month's invoices."""
        return self.add(
            "payments",
            customer_id=customer_id,
            invoice_id=invoice_id,
            meter_id=meter_id,
            amount=amount,
            status=status,
            paid_at=datetime.combine(date(FIRST_YEAR, 1, 1) + timedelta(days=8), time(9, 30)),
            **others,
        )

    def _highest(self, table: str) -> int:
        return self.connection.scalar(select(func.max(self.schema.table(table).c.id))) or 0
