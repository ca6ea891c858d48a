"""A database that can be read at a glance: two tenants, each with a customer, a meter, invoices and payments.

Add what every such database has. Databases drawn at random are in `strategies`, other forms of tables in `shapes`.
"""

from datetime import date
from decimal import Decimal

from tests.support.oracle import Database, Row


def invoice(
    number: int, amount: str, brought_forward: str = "0.00", *, of: int = 1, day: date = date(2024, 1, 31)
) -> Row:
    """An invoice of a tenant's meter whose amounts have not been computed, with its lines' amounts beside it."""
    row = {
        "id": 10 * of + number,
        "tenant_id": of,
        "customer_id": of,
        "meter_id": of,
        "invoice_number": f"INV-{number}",
    }
    return {**row, "invoice_date": day, "lines": (Decimal(amount), Decimal(brought_forward))}


def payment(number: int, amount: str, *, of: int = 1) -> Row:
    """A payment of a tenant's customer, not yet of a meter."""
    return {"id": 10 * of + number, "tenant_id": of, "customer_id": of, "invoice_id": None, "amount": Decimal(amount)}


def ledger(invoices: list[Row], payments: list[Row]) -> Database:
    """Tenants 1 and 2, each with a customer who owes 7.00 and has one meter, whose balance is not known yet."""
    ids = (1, 2)
    zero, seven = Decimal("0.00"), Decimal("7.00")
    return {
        "tenants": [{"id": of, "name": f"Tenant {of}"} for of in ids],
        "customers": [
            {"id": of, "tenant_id": of, "name": f"Customer {of}", "balance": seven, "overpayment": zero} for of in ids
        ],
        "meters": [
            {"id": of, "tenant_id": of, "meter_number": f"M-{of}", "balance": zero, "overpayment": zero} for of in ids
        ],
        "meter_assignments": [
            {"id": of, "tenant_id": of, "customer_id": of, "meter_id": of, "is_active": True} for of in ids
        ],
        "bills": [
            {"id": 10 * of + number, "tenant_id": of, "bill_type": kind}
            for of in ids
            for number, kind in enumerate(("WATER", "BALANCE"))
        ],
        "invoices": invoices,
        "invoice_bills": [
            {
                "id": 10 * one["id"] + number,
                "tenant_id": one["tenant_id"],
                "invoice_id": one["id"],
                "bill_id": 10 * one["tenant_id"] + number,
                "amount": amount,
            }
            for one in invoices
            for number, amount in enumerate(one["lines"])
        ],
        "payments": payments,
    }


def owing_20(of: int = 1) -> Database:
    """A tenant billed 30.00 who has paid 10.00: each step changes one row."""
    return ledger([invoice(1, "30.00", of=of)], [payment(1, "10.00", of=of)])
