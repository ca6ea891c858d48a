"""The asset invoice_amounts and its checks."""

from meter_assets.defs.checks import checks_of
from meter_assets.defs.step_asset import step_asset
from meter_assets.rules.steps.invoice_amounts import STEP

invoice_amounts = step_asset(
    STEP,
    deps=["customer_balances_backup", "invoices", "invoice_bills", "bills"],
    description="""`amount`, `balance_brought_forward` and `total_amount` of every invoice, as the sums of its lines.

Invoices without lines (policy `invoices_without_bills`) and invoices with a line that cannot be summed keep their
values. They are counted by reason.""",
)
invoice_amounts_checks = checks_of(invoice_amounts)
