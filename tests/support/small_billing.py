"""The smallest billing database, as plain SQL whose types a test may replace: one customer, whose meter owes 70.

Bills of type WATER and BALANCE, an invoice that is stored as 90 with a line of 100, payments of 20 (by the invoice) and
of 10 (by the customer). Two tables name their columns out of order, so that nothing depends on their places.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

OWES = "70.00"


def number(of: int) -> str:
    """Return an id as a number."""
    return str(of)


def as_text(of: int) -> str:
    """Return an id as text."""
    return f"'{of}'"


def as_uuid(of: int) -> str:
    """Return an id as a UUID."""
    return f"'{uuid_of(of)}'"


def uuid_of(of: int) -> str:
    """Return the UUID that stands for a number."""
    return f"00000000-0000-4000-8000-{of:012}"


@dataclass(frozen=True)
class SmallBilling:
    """The types of the columns, and how ids are written."""

    ids: str = "INTEGER"
    money: str = "NUMERIC(14, 2)"
    types: Mapping[str, str] = field(default_factory=dict)
    """Types of single columns, by their full names: "payments.meter_id"."""
    literal: Callable[[int], str] = number
    active: str = "true"

    def statements(self) -> list[str]:
        """Return the statements that create the tables and their rows."""
        return [*self.tables(), *self.rows()]

    def tables(self) -> list[str]:
        """Return the statements that create the tables."""
        money = self.money
        return [
            self._table("tenants", {"id": "id", "name": "VARCHAR(60)"}),
            self._table(
                "customers",
                {"id": "id", "tenant_id": "key", "name": "VARCHAR(60)", "balance": money, "overpayment": money},
            ),
            self._table(
                "meters",
                {"id": "id", "balance": money, "overpayment": money, "tenant_id": "key", "meter_number": "VARCHAR(60)"}
                | {"status": "VARCHAR(60)", "total_billed": money, "total_paid": money, "last_invoice_date": "DATE"},
            ),
            self._table(
                "meter_assignments",
                {"id": "id", "tenant_id": "key", "customer_id": "key", "meter_id": "key", "is_active": "BOOLEAN"},
            ),
            self._table("bills", {"id": "id", "tenant_id": "key", "bill_type": "VARCHAR(60)"}),
            self._table(
                "invoices",
                {"id": "id", "tenant_id": "key", "customer_id": "key", "meter_id": "key"}
                | {"invoice_number": "VARCHAR(60)", "invoice_date": "DATE", "status": "VARCHAR(60)"}
                | {"amount": money, "balance_brought_forward": money, "total_amount": money},
            ),
            self._table("invoice_bills", {"id": "id", "invoice_id": "key", "bill_id": "key", "amount": money}),
            self._table(
                "payments",
                {"amount": money, "id": "id", "tenant_id": "key", "customer_id": "key", "invoice_id": "key"}
                | {"meter_id": "key", "status": "VARCHAR(60)", "paid_at": "DATE"},
            ),
        ]

    def _table(self, name: str, columns: Mapping[str, str]) -> str:
        parts = []
        for column, usual in columns.items():
            kind = self.types.get(f"{name}.{column}", self.ids if usual in ("id", "key") else usual)
            parts.append(f"{column} {kind}{' PRIMARY KEY' if usual == 'id' else ''}")
        return f"CREATE TABLE {name} ({', '.join(parts)})"

    def rows(self, tenant: int = 1, shift: int = 0) -> list[str]:
        """Return the statements that insert one tenant with its rows; `shift` is added to their ids."""
        one = {name: self.literal(of + shift) for name, of in _IDS.items()}
        tenant_id = self.literal(tenant)
        paid = (
            "INSERT INTO payments (id, tenant_id, customer_id, invoice_id, meter_id, amount, status, paid_at) VALUES "
        )
        amounts = ["amount", "balance_brought_forward", "total_amount"]
        kept = [name for name in amounts if "GENERATED" not in self.types.get(f"invoices.{name}", "")]
        of_invoice = ["id", "tenant_id", "customer_id", "meter_id", "invoice_number", "invoice_date", "status", *kept]
        money = {"amount": "90", "balance_brought_forward": "0", "total_amount": "90"}
        stored = [
            name for name in ("balance", "overpayment") if "GENERATED" not in self.types.get(f"meters.{name}", "")
        ]
        zeros = "".join(", 0" for _ in stored)
        of_meter = ", ".join(["id", "tenant_id", "meter_number", "status", *stored, "total_billed", "total_paid"])
        return [
            f"INSERT INTO tenants (id, name) VALUES ({tenant_id}, 'Tenant')",
            "INSERT INTO customers (id, tenant_id, name, balance, overpayment) VALUES "
            f"({one['customer']}, {tenant_id}, 'Customer', 60, 0)",
            f"INSERT INTO meters ({of_meter}) VALUES ({one['meter']}, {tenant_id}, 'M-21', 'open'{zeros}, 0, 0)",
            "INSERT INTO meter_assignments (id, tenant_id, customer_id, meter_id, is_active) VALUES "
            f"({one['assignment']}, {tenant_id}, {one['customer']}, {one['meter']}, {self.active})",
            f"INSERT INTO bills (id, tenant_id, bill_type) VALUES ({one['water']}, {tenant_id}, 'WATER')",
            f"INSERT INTO bills (id, tenant_id, bill_type) VALUES ({one['brought']}, {tenant_id}, 'BALANCE')",
            f"INSERT INTO invoices ({', '.join(of_invoice)}) VALUES ({one['invoice']}, {tenant_id}, {one['customer']}, "
            f"{one['meter']}, 'I-51', '2024-01-31', 'open', {', '.join(money[name] for name in kept)})",
            "INSERT INTO invoice_bills (id, invoice_id, bill_id, amount) VALUES "
            f"({one['line']}, {one['invoice']}, {one['water']}, 100)",
            f"{paid} ({one['by_invoice']}, {tenant_id}, {one['customer']}, {one['invoice']}, NULL, 20, 'paid', "
            "'2024-02-01')",
            f"{paid} ({one['by_customer']}, {tenant_id}, {one['customer']}, NULL, NULL, 10, 'paid', '2024-02-02')",
        ]


_IDS = {
    "customer": 11,
    "meter": 21,
    "assignment": 31,
    "water": 41,
    "brought": 42,
    "invoice": 51,
    "line": 61,
    "by_invoice": 71,
    "by_customer": 72,
}
