"""The partitions: one per tenant. The key of a partition is the tenant's id as text.

Add here what concerns the set of partitions. The materializations that Dagster stores for a partition are in
`runtime.materializations`; the sensor that synchronizes the partitions is in `tenant_partitions`.
"""

import dagster as dg

from meter_assets.defs.scope import UNNAMED, Scope
from meter_assets.migration.database import BillingDatabase
from meter_assets.migration.tenants import SkippedTenant

TENANTS = UNNAMED.partitions


def partition_changes(
    instance: dg.DagsterInstance, database: BillingDatabase, scope: Scope = UNNAMED
) -> tuple[list[str], list[str], list[SkippedTenant]]:
    """Return the keys to add, the keys to remove, and the tenants whose ids are not valid as keys.

    Raises what `BillingDatabase.every_tenant` raises.
    """
    wanted = [tenant.key for tenant in database.every_tenant() if scope.includes(tenant.key)]
    skipped = [one for one in database.skipped_tenants() if scope.includes(one.key)]
    present = instance.get_dynamic_partitions(str(scope.partitions.name))
    return [key for key in wanted if key not in set(present)], sorted(set(present) - set(wanted)), skipped


def sync_partitions(instance: dg.DagsterInstance, database: BillingDatabase) -> None:
    """Make the instance's partitions equal to the tenants table now. The sensor does the same at each tick."""
    added, removed, _ = partition_changes(instance, database)
    if added:
        instance.add_dynamic_partitions(str(TENANTS.name), added)
    for key in removed:
        instance.delete_dynamic_partition(str(TENANTS.name), key)
