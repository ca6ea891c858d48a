"""The asset customer_balances_backup and its check."""

from typing import Any

import dagster as dg

from meter_assets.defs.checks import checks_of
from meter_assets.defs.step import MIGRATION_GROUP, OWNERS, materialize
from meter_assets.invariants import Group
from meter_assets.partitions import TENANTS
from meter_assets.resources import BillingResource, PolicyResource


@dg.asset(
    partitions_def=TENANTS,
    deps=["customers"],
    group_name=MIGRATION_GROUP,
    kinds={"sql", "table"},
    owners=OWNERS,
    metadata={
        "dagster/column_schema": dg.TableSchema(
            columns=[
                dg.TableColumn("tenant_id", "key"),
                dg.TableColumn("customer_id", "key"),
                dg.TableColumn("balance", "decimal"),
                dg.TableColumn("overpayment", "decimal"),
                dg.TableColumn("backed_up_at", "timestamp"),
                dg.TableColumn("run_id", "string"),
            ]
        )
    },
)
def customer_balances_backup(
    context: dg.AssetExecutionContext, billing: BillingResource, policy: PolicyResource
) -> dg.MaterializeResult[Any]:
    """A copy of every customer's balance and overpayment, from before the migration first touched the tenant.

    The first backup of a customer is never overwritten; later runs add customers that have come since.
    """
    return materialize(context, "customer_balances_backup", billing, policy)


customer_balances_backup_checks = checks_of(Group.backup, customer_balances_backup)
