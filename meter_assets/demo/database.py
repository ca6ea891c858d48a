"""The demo database: clean tenants, one example of each situation in a migration, and one tenant that it refuses.

Add here which faults the demo contains. The faults are in `invoice_faults` and `payment_faults`, clean tenants in
`generator`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import cycle

from sqlalchemy import Connection, func, or_, select

from meter_assets.billing.schema import BillingSchema, billing_tables
from meter_assets.demo.faults import FAULTS
from meter_assets.demo.generator import DemoSize, fill, make_tables, tenant_name
from meter_assets.demo.tenant_books import TenantBooks

BROKEN_TENANT = 3
BLOCKING = ("bill_of_other_tenant", "bill_of_other_tenant", "line_of_other_tenant")
"""The faults of the broken tenant; all of them are in invoice_bills, so that one UPDATE fixes them."""
FIXED_BY_MIGRATION = ("brought_forward_inside_amount", "invoice_wrong_total")
"""The faults of every tenant, and the only ones of the first: the migration fixes them without a violation."""
SPREAD = (
    "several_active_meters",
    "failed_payment_without_customer",
    "invoice_without_lines",
    "failed_payment_of_missing_invoice",
    "customer_balance_disagrees",
    "draft_invoice_without_meter",
    "failed_payment_of_customer_without_active_meter",
    "brought_forward_mismatch",
    "failed_payment_of_customer_without_meter",
    "draft_invoice_with_missing_bill",
    "opening_balance_moved_between_meters",
    "failed_payment_of_other_tenants_invoice",
    "payment_not_of_its_invoices_meter",
    "draft_invoice_not_adding_up",
    "failed_payment_by_assignment_to_other_tenants_meter",
    "draft_invoice_with_null_line_amount",
    "null_payment_amount",
    "negative_payment",
    "status_with_blanks",
    "status_in_capitals",
    "duplicate_assignment",
    "deleted_payment",
    "invoice_without_amounts",
    "negative_meter_balance",
    "payment_before_opening_balance",
    "opening_balance_of_cancelled_invoice",
    "refund_of_reversed_payment",
    "payment_of_another_customers_invoice",
    "payment_of_cancelled_invoice",
    "two_first_invoices",
)
"""Faults that are distributed over the tenants from the second on; none of them blocks."""


@dataclass(frozen=True)
class Demo:
    """The created database: rows per table, the tenant whose validation fails, and the statement that fixes it."""

    rows: Mapping[str, int]
    broken_tenant_id: int
    broken_tenant: str
    fix: str


def make_demo(connection: Connection, size: DemoSize, seed: int) -> Demo:
    """Create the billing tables in an empty database and fill them with the demo's tenants, at least three."""
    if size.tenants < BROKEN_TENANT:
        raise ValueError(f"The demo needs {BROKEN_TENANT} tenants or more, not {size.tenants}.")
    schema = billing_tables()
    make_tables(connection, schema)
    fill(connection, schema, size, seed)
    tenants = range(1, size.tenants + 1)
    for tenant_id in tenants:
        for name in FIXED_BY_MIGRATION:
            FAULTS[name].inject(connection, schema, tenant_id)
    others = [tenant_id for tenant_id in tenants if tenant_id not in (1, BROKEN_TENANT)]
    for name, tenant_id in zip(SPREAD, cycle(others), strict=False):
        FAULTS[name].inject(connection, schema, tenant_id)
    for name in BLOCKING:
        FAULTS[name].inject(connection, schema, BROKEN_TENANT)
    rows, name = _row_counts(connection, schema), tenant_name(BROKEN_TENANT)
    return Demo(rows, BROKEN_TENANT, name, fixing_statement(connection))


def fixing_statement(connection: Connection) -> str:
    """Return the UPDATE that fixes the broken tenant of a demo database in which it is not fixed yet."""
    schema = billing_tables()
    lines, invoices, bills = (schema.table(name) for name in ("invoice_bills", "invoices", "bills"))
    crossing = (
        select(lines.c.id)
        .join(invoices, invoices.c.id == lines.c.invoice_id)
        .join(bills, bills.c.id == lines.c.bill_id)
        .where(invoices.c.tenant_id == BROKEN_TENANT)
        .where(or_(lines.c.tenant_id != BROKEN_TENANT, bills.c.tenant_id != BROKEN_TENANT))
        .order_by(lines.c.id)
    )
    ids = ", ".join(map(str, connection.scalars(crossing)))
    bill_id = TenantBooks(connection, schema, BROKEN_TENANT).bill()
    return f"UPDATE invoice_bills SET tenant_id = {BROKEN_TENANT}, bill_id = {bill_id} WHERE id IN ({ids})"


def _row_counts(connection: Connection, schema: BillingSchema) -> dict[str, int]:
    counts = {name: connection.scalar(select(func.count()).select_from(table)) for name, table in schema.tables.items()}
    return {name: count or 0 for name, count in counts.items()}
