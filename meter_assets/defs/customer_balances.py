"""The asset customer_balances, which is not part of the migration. It has no checks: its own laws guard its step."""

from typing import Any

import dagster as dg

from meter_assets.defs.columns import written_columns
from meter_assets.defs.meter_balances import meter_balances
from meter_assets.defs.partitions import TENANTS
from meter_assets.defs.resources import BillingResource, PolicyResource
from meter_assets.defs.step import OWNERS, StepConfig, materialize, tags_of


@dg.asset(
    partitions_def=TENANTS,
    deps=[meter_balances, "meter_assignments", "customers"],
    group_name="after_the_migration",
    kinds={"sql", "table"},
    owners=OWNERS,
    tags=tags_of("customer_balances"),
    metadata={"dagster/column_schema": written_columns("customer_balances")},
)
def customer_balances(
    context: dg.AssetExecutionContext, config: StepConfig, billing: BillingResource, policy: PolicyResource
) -> dg.MaterializeResult[Any]:
    """`balance` and `overpayment` of every customer, as the sums over their active meters, for code that reads them.

    Customers without an active meter are left as they are. Refuses while a customer has no backup.

    In its metadata, sums of money that end in `_minor_units` are those afterwards, in hundredths of the currency unit.
    """
    return materialize(context, "customer_balances", billing, policy, batch_size=config.batch_size)
