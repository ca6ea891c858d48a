"""A seeded generator of clean tenants: after their migration, no invariant (ERROR or WARN) is violated.

The same size and seed give the same rows on every engine. Add here what clean tenants contain; faults are added by
`meter_assets.demo.faults`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from sqlalchemy import Connection

from meter_assets.billing.columns import REQUIRED_COLUMNS
from meter_assets.billing.schema import BillingSchema
from meter_assets.demo.history import POWER_TARIFF, WATER_TARIFF, TenantHistory
from meter_assets.demo.rows import RowWriter

TENANT_NAMES = (
    "Willowmere Water",
    "Stonebrook Water",
    "Hilltop Power",
    "Fernvale Water",
    "Marrowdale Power",
    "Quillbeck Water",
    "Tarnside Power",
)
_PAYMENTS_PER_CUSTOMER_AND_MONTH = 1.007  # measured: one in ten has two meters, and some do not pay


@dataclass(frozen=True)
class DemoSize:
    """The size of the generated data; `customers` is the average per tenant."""

    tenants: int = 5
    customers: int = 40
    months: int = 12

    @classmethod
    def of_payments(cls, payments: int, *, tenants: int = 20, months: int = 24) -> "DemoSize":
        """Return a size that gives about this number of payments, for benchmarks."""
        customers = round(payments / (tenants * months * _PAYMENTS_PER_CUSTOMER_AND_MONTH))
        return cls(tenants, max(customers, 1), months)

    def customers_of(self, tenant_id: int) -> int:
        """Return how many customers a tenant has: the second tenant has twice as many as the first, and so on."""
        return max(1, self.customers * 2 * tenant_id // (self.tenants + 1))


def tenant_name(tenant_id: int) -> str:
    """Return the name of the generated tenant with this id."""
    rounds, index = divmod(tenant_id - 1, len(TENANT_NAMES))
    return TENANT_NAMES[index] + (f" {rounds + 1}" if rounds else "")


def make_tables(connection: Connection, schema: BillingSchema) -> None:
    """Create the billing tables, with their indexes."""
    schema.table("tenants").metadata.create_all(
        connection, tables=[schema.table(name) for name in REQUIRED_COLUMNS], checkfirst=False
    )


def fill(connection: Connection, schema: BillingSchema, size: DemoSize, seed: int) -> Mapping[str, int]:
    """Fill existing, empty tables with clean tenants, ids from 1 upwards; return the number of rows per table.

    Without the column payments.paid_at, a payment without an invoice has no date. Then brought-forward balances cannot
    be verified, and their WARN invariant is violated.
    """
    writer, random = RowWriter(connection, schema), Random(seed)
    for _ in range(size.tenants):
        name = tenant_name(writer.made["tenants"] + 1)
        tenant_id = writer.add("tenants", {"name": name})
        tariff = POWER_TARIFF if "Power" in name else WATER_TARIFF
        history = TenantHistory(writer, random, tenant_id, tariff, size.months)
        for ordinal in range(size.customers_of(tenant_id)):
            history.add_customer(ordinal)
            writer.flush_if_full()
    writer.flush()
    return dict(writer.made)
