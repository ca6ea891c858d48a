"""The asset customer_balances_backup and its check."""

from typing import Any

import dagster as dg

from meter_assets.defs.checks import checks_of
from meter_assets.defs.columns import written_columns
from meter_assets.defs.partitions import TENANTS
from meter_assets.defs.resources import BillingResource, PolicyResource
from meter_assets.defs.step import MIGRATION_GROUP, OWNERS, materialize, tags_of
from meter_assets.rules.invariants import Group


@dg.asset(
    partitions_def=TENANTS,
    deps=["customers"],
    group_name=MIGRATION_GROUP,
    kinds={"sql", "table"},
    owners=OWNERS,
    tags=tags_of("customer_balances_backup"),
    metadata={"dagster/column_schema": written_columns("customer_balances_backup")},
)
def customer_balances_backup(
    context: dg.AssetExecutionContext, billing: BillingResource, policy: PolicyResource
) -> dg.MaterializeResult[Any]:
    """A copy of every customer's balance and overpayment, from before the migration first touched the tenant.

    The first backup of a customer is never overwritten; later runs add customers that have come since.

    In its metadata, sums of money that end in `_minor_units` are those afterwards, in hundredths of the currency unit.
    """
    return materialize(context, "customer_balances_backup", billing, policy)


customer_balances_backup_checks = checks_of(Group.backup, customer_balances_backup)
