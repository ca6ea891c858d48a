"""The asset meter_balances and its checks."""

from typing import Any

import dagster as dg
from pydantic import Field

from meter_assets.defs.checks import checks_of
from meter_assets.defs.columns import written_columns
from meter_assets.defs.customer_balances_backup import customer_balances_backup
from meter_assets.defs.invoice_amounts import invoice_amounts
from meter_assets.defs.partitions import TENANTS
from meter_assets.defs.payment_meter_ids import payment_meter_ids
from meter_assets.defs.resources import BillingResource, PolicyResource
from meter_assets.defs.step import MIGRATION_GROUP, OWNERS, StepConfig, materialize, tags_of
from meter_assets.rules.invariants import Group


class MeterBalancesConfig(StepConfig):
    """What a run of meter_balances may be told."""

    allow_invalid: bool = Field(
        default=False,
        description="Write the balances even where payments, invoices or the backup break an ERROR law. What has no "
        "meter is then on no meter's balance.",
    )


@dg.asset(
    partitions_def=TENANTS,
    deps=[payment_meter_ids, invoice_amounts, customer_balances_backup, "meters"],
    group_name=MIGRATION_GROUP,
    kinds={"sql", "table"},
    owners=OWNERS,
    tags=tags_of("meter_balances"),
    metadata={"dagster/column_schema": written_columns("meter_balances")},
)
def meter_balances(
    context: dg.AssetExecutionContext,
    config: MeterBalancesConfig,
    billing: BillingResource,
    policy: PolicyResource,
) -> dg.MaterializeResult[Any]:
    """`balance` and `overpayment` of every meter, recomputed from its invoices and payments.

    Refuses to write while a payment, an invoice or the backup breaks an ERROR law, also in a run of its own.

    In its metadata, sums of money that end in `_minor_units` are those afterwards, in hundredths of the currency unit.
    """
    return materialize(
        context,
        "meter_balances",
        billing,
        policy,
        batch_size=config.batch_size,
        allow_invalid=config.allow_invalid,
    )


meter_balances_checks = checks_of(Group.balances, meter_balances)
