"""What would change, one module per step. Pure: no connection, no clock, no environment, no Dagster.

`CHANGES` has every change by its name; `MIGRATION` is the order in which the migration makes its four.
"""

from collections.abc import Callable, Mapping

from meter_assets.billing.change import ALREADY_CORRECT, UNRESOLVED, WOULD_CHANGE, Change, Effect
from meter_assets.billing.policy import Policy
from meter_assets.billing.relations import BillingRelations
from meter_assets.rules.steps import (
    customer_balances,
    customer_balances_backup,
    invoice_amounts,
    meter_balances,
    payment_meter_ids,
)

__all__ = ["ALREADY_CORRECT", "CHANGES", "MIGRATION", "UNRESOLVED", "WOULD_CHANGE", "Change", "Effect", "MakeChange"]

MakeChange = Callable[[BillingRelations, Policy], Change]

CHANGES: Mapping[str, MakeChange] = {
    payment_meter_ids.NAME: payment_meter_ids.payment_meter_ids,
    invoice_amounts.NAME: invoice_amounts.invoice_amounts,
    customer_balances_backup.NAME: customer_balances_backup.customer_balances_backup,
    meter_balances.NAME: meter_balances.meter_balances,
    customer_balances.NAME: customer_balances.customer_balances,
}
MIGRATION = (
    payment_meter_ids.NAME,
    invoice_amounts.NAME,
    customer_balances_backup.NAME,
    meter_balances.NAME,
)
