"""The asset payment_meter_ids and its checks."""

from typing import Any

import dagster as dg

from meter_assets.defs.checks import checks_of
from meter_assets.defs.columns import written_columns
from meter_assets.defs.partitions import TENANTS
from meter_assets.defs.resources import BillingResource, PolicyResource
from meter_assets.defs.step import MIGRATION_GROUP, OWNERS, StepConfig, materialize, tags_of
from meter_assets.rules.invariants import Group


@dg.asset(
    partitions_def=TENANTS,
    deps=["payments", "invoices", "customers", "meters", "meter_assignments"],
    group_name=MIGRATION_GROUP,
    kinds={"sql", "table"},
    owners=OWNERS,
    tags=tags_of("payment_meter_ids"),
    metadata={"dagster/column_schema": written_columns("payment_meter_ids")},
)
def payment_meter_ids(
    context: dg.AssetExecutionContext, config: StepConfig, billing: BillingResource, policy: PolicyResource
) -> dg.MaterializeResult[Any]:
    """`payments.meter_id`, filled in where it is null: the invoice's meter, or else the customer's.

    A meter id that is there is never touched. Payments that no rule decides stay null and are counted by reason.

    In its metadata, sums of money that end in `_minor_units` are those afterwards, in hundredths of the currency unit.
    """
    return materialize(context, "payment_meter_ids", billing, policy, batch_size=config.batch_size)


payment_meter_ids_checks = checks_of(Group.payments, payment_meter_ids)
