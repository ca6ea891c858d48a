"""The asset customer_balances, which is not part of the migration. It has no checks; the step's guards protect it."""

from meter_assets.defs.step_asset import step_asset
from meter_assets.rules.steps.customer_balances import STEP

customer_balances = step_asset(
    STEP,
    deps=["meter_balances", "meter_assignments", "customers"],
    group_name="after_the_migration",
    description="""`balance` and `overpayment` of every customer, as the sums over their active meters, for code
that still reads these columns.

Customers without an active meter keep their values. The step refuses to write while a customer has no backup.""",
)
