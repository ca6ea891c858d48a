"""The asset payment_meter_ids and its checks."""

from meter_assets.defs.checks import checks_of
from meter_assets.defs.step_asset import step_asset
from meter_assets.rules.steps.payment_meter_ids import STEP

payment_meter_ids = step_asset(
    STEP,
    deps=["payments", "invoices", "customers", "meters", "meter_assignments"],
    description="""`payments.meter_id`, filled in where it is null: the invoice's meter, or else the customer's.

A meter id that is there is never touched. Payments that no rule decides stay null and are counted by reason.""",
)
payment_meter_ids_checks = checks_of(payment_meter_ids)
