"""The asset customer_balances_backup and its check."""

from meter_assets.defs.checks import checks_of
from meter_assets.defs.step_asset import step_asset
from meter_assets.rules.steps.customer_balances_backup import STEP

customer_balances_backup = step_asset(
    STEP,
    deps=["customers"],
    description="""A copy of every customer's balance and overpayment from before the tenant's first migration.

It is the first step, because a trigger of the billing software may change customers' balances when another step writes
invoices or payments. A step that is materialized alone takes a missing backup first. The
first backup of a customer is never overwritten; later runs add customers that were created since.""",
)
customer_balances_backup_checks = checks_of(customer_balances_backup)
