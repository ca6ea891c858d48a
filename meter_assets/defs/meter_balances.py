"""The asset meter_balances and its checks."""

from meter_assets.defs.checks import checks_of
from meter_assets.defs.step_asset import step_asset
from meter_assets.rules.steps.meter_balances import STEP

meter_balances = step_asset(
    STEP,
    deps=["payment_meter_ids", "invoice_amounts", "customer_balances_backup", "meters"],
    description="""`balance` and `overpayment` of every meter, recomputed from its invoices and payments.

The step refuses to write while a payment, an invoice or the backup violates an ERROR invariant, also when it is the
only step of a run.""",
)
meter_balances_checks = checks_of(meter_balances)
