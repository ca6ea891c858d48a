"""The asset payment_meter_ids and its checks."""

from meter_assets.defs.checks import checks_of
from meter_assets.defs.step_asset import step_asset
from meter_assets.rules.steps.payment_meter_ids import STEP

payment_meter_ids = step_asset(
    STEP,
    deps=["customer_balances_backup", "payments", "invoices", "customers", "meters", "meter_assignments"],
    description="""`payments.meter_id`, filled in where it is null: the meter of the invoice, otherwise the meter
of the customer.

An existing meter id is never changed. Payments for which no rule finds a meter stay null and are counted by reason.""",
)
payment_meter_ids_checks = checks_of(payment_meter_ids)
