"""A seeded generator of clean tenants: they migrate without breaking an invariant, be it ERROR or WARN.

The same size and seed give the same rows on every engine. Faults are not made here: see `meter_assets.demo.faults`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from sqlalchemy import Connection

from meter_assets.billing.schema import REQUIRED_COLUMNS, BillingSchema
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
    """How much to make; `customers` is of the average tenant."""

    tenants: int = 5
    customers: int = 40
    months: int = 12

    @classmethod
    def of_payments(cls, payments: int, *, tenants: int = 20, months: int = 24) -> "DemoSize":
        """Return a size that makes about so many payments, for benchmarks."""
        customers = round(payments / (tenants * months * _PAYMENTS_PER_CUSTOMER_AND_MONTH))
        return cls(tenants, max(customers, 1), months)

    def customers_of(self, tenant_id: int) -> int:
        """Return how many customers a tenant has: the second has twice as many as the first, the third thrice."""
        return max(1, self.customers * 2 * tenant_id // (self.tenants + 1))


def tenant_name(tenant_id: int) -> str:
    """Return the name of the tenant that the generator makes with this id."""
    rounds, index = divmod(tenant_id - 1, len(TENANT_NAMES))
    return TENANT_NAMES[index] + (f" {rounds + 1}" if rounds else "")


def make_tables(connection: Connection, schema: BillingSchema) -> None:
    """Create the billing tables, with their indexes."""
    schema.tables["tenants"].metadata.create_all(
        connection, tables=[schema.tables[name] for name in REQUIRED_COLUMNS], checkfirst=False
    )


def fill(connection: Connection, schema: BillingSchema, size: DemoSize, seed: int) -> Mapping[str, int]:
    """Fill existing, empty tables with clean tenants, ids from 1 upwards; return the number of rows per table.

    Without the column payments.paid_at, nothing says when a payment that names no invoice was made: then
    brought-forward balances cannot be told to be right, and their WARN complains.
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
