"""The billing tables as external assets: where the migration's lineage begins. Nothing here materializes them."""

import dagster as dg

from meter_assets.billing.schema import REQUIRED_COLUMNS
from meter_assets.defs.columns import read_columns
from meter_assets.defs.step import DOMAIN, OWNERS

_SAYS = {
    "tenants": "The providers of water or power whose data shares this database. One partition each.",
    "customers": "Who pays. Their balance and overpayment are what the migration replaces.",
    "meters": "What is billed. Their balance and overpayment are what the migration makes true.",
    "meter_assignments": "Which customer has, or had, which meter.",
    "bills": "What an invoice line bills; bill_type BALANCE is debt brought forward.",
    "invoices": "What was billed to a meter's customer in one period.",
    "invoice_bills": "The lines of the invoices, with their money.",
    "payments": "What was paid, for an invoice or on account.",
}

billing_tables = [
    dg.AssetSpec(
        name,
        group_name="billing_tables",
        description=_SAYS[name],
        kinds={"table"},
        owners=OWNERS,
        tags=DOMAIN,
        metadata={"dagster/column_schema": read_columns(name)},
    )
    for name in REQUIRED_COLUMNS
]
