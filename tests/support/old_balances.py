"""Tenants whose customers' old balances have known defects: what the generator of the demo makes of them.

Add here how tests make and read such tenants; the defects are in `meter_assets.demo.old_balances`.
"""

from collections.abc import Sequence
from datetime import date
from itertools import combinations
from random import Random

from sqlalchemy import Connection

from meter_assets.billing.schema import BillingSchema
from meter_assets.demo.old_balances import DEFECTS, add_customers
from meter_assets.demo.rows import RowWriter, currency
from meter_assets.reports.differences.by_customer import TenantDifferences

COMBINATIONS: tuple[tuple[str, ...], ...] = (*((one,) for one in DEFECTS), *combinations(DEFECTS, 2))
"""Each defect alone, and each pair."""
TENANT, OTHER = 1, 2


def fill(connection: Connection, schema: BillingSchema, defects: Sequence[Sequence[str]], seed: int) -> list[int]:
    """Fill empty tables with a tenant that has a customer for each group of defects; return the customers' ids."""
    writer = RowWriter(connection, schema)
    for name in ("Old balances", "Other tenant"):
        writer.add("tenants", {"name": name})
    zero = {"balance": currency(0), "overpayment": currency(0)}
    customer = writer.add("customers", {"tenant_id": OTHER, "name": "Someone", **zero})
    meter = writer.add("meters", {"tenant_id": OTHER, "meter_number": "F-1", "status": "active", **zero})
    invoice = {"tenant_id": OTHER, "customer_id": customer, "meter_id": meter, "invoice_number": "F-1"}
    invoice |= {"invoice_date": date(2024, 1, 1), "amount": currency(0), "balance_brought_forward": currency(0)}
    foreign = writer.add("invoices", {**invoice, "total_amount": currency(0), "status": "open"})
    return add_customers(writer, Random(seed), TENANT, foreign, defects)


def right_causes(
    found: TenantDifferences, customers: Sequence[int], defects: Sequence[Sequence[str]]
) -> dict[tuple[str, ...], int]:
    """Return, per group of defects, for how many of its customers exactly the right causes were found."""
    causes = {one.id: {part.cause.value for part in one.causes} for one in found.largest if one.kind == "customer"}
    right = dict.fromkeys(map(tuple, defects), 0)
    for customer, group in zip(customers, defects, strict=True):
        right[tuple(group)] += causes.get(str(customer)) == {DEFECTS[name].cause for name in group}
    return right
