"""The billing tables as external assets, at the start of the migration's lineage. They are never materialized.

Which tables and columns are required is defined in `billing.schema`; add here the description of a further table.
"""

import dagster as dg

from meter_assets.billing.columns import REQUIRED_COLUMNS
from meter_assets.defs.columns import read_columns
from meter_assets.defs.step import DOMAIN, OWNERS

_DESCRIPTIONS = {
    "tenants": "The providers of water or power whose data shares this database. One partition each.",
    "customers": "The customers who pay. The migration replaces their balance and overpayment.",
    "meters": "The meters that are billed. The migration recomputes their balance and overpayment.",
    "meter_assignments": "Which customer has or had which meter.",
    "bills": "What an invoice line bills; bill_type BALANCE is debt brought forward.",
    "invoices": "What was billed to a meter's customer in one period.",
    "invoice_bills": "The lines of the invoices, with their money.",
    "payments": "What was paid, for an invoice or on account.",
}

billing_tables = [
    dg.AssetSpec(
        name,
        group_name="billing_tables",
        description=_DESCRIPTIONS[name],
        kinds={"table"},
        owners=OWNERS,
        tags=DOMAIN,
        metadata={"dagster/column_schema": read_columns(name)},
    )
    for name in REQUIRED_COLUMNS
]
