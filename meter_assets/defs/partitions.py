"""One Dagster partition per tenant, its key the tenant's id as text, kept equal to the tenants table.

And taken back: what Dagster says of a tenant whose migration was undone.
"""

from collections.abc import Iterable

import dagster as dg
from dagster._core.events import AssetWipedData, DagsterEvent, DagsterEventType
from dagster._core.instance.utils import RUNLESS_JOB_NAME, RUNLESS_RUN_ID
from dagster._core.storage.event_log import SqlEventLogStorage
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable, SqlEventLogStorageTable

from meter_assets.migration.database import BillingDatabase
from meter_assets.migration.tenants import LEGAL_KEY

TENANTS = dg.DynamicPartitionsDefinition(name="tenants")
PARTITION_TAG = "dagster/partition"


def partition_changes(
    instance: dg.DagsterInstance, database: BillingDatabase
) -> tuple[list[str], list[str], list[str]]:
    """Return the keys to add, the keys to remove, and the tenants' ids that cannot be keys.

    Raises what `BillingDatabase.every_tenant` raises.
    """
    keys = [tenant.key for tenant in database.every_tenant()]
    illegal = [key for key in keys if not LEGAL_KEY.fullmatch(key)]
    wanted = [key for key in keys if LEGAL_KEY.fullmatch(key)]
    present = instance.get_dynamic_partitions(str(TENANTS.name))
    return [key for key in wanted if key not in set(present)], sorted(set(present) - set(wanted)), illegal


def sync_partitions(instance: dg.DagsterInstance, database: BillingDatabase) -> None:
    """Make the instance's partitions equal to the tenants table, at once. The sensor does the same in its own time."""
    added, removed, _ = partition_changes(instance, database)
    if added:
        instance.add_dynamic_partitions(str(TENANTS.name), added)
    for key in removed:
        instance.delete_dynamic_partition(str(TENANTS.name), key)


def forget_materializations(instance: dg.DagsterInstance, assets: Iterable[str], partition: str) -> None:
    """Let a partition of these assets, and its checks, be as if never materialized.

    Dagster's open-source storages cannot wipe single partitions. Here the events stay, in their runs and in the list of
    an asset's events; only the index by partition has them under a name that is no partition's.
    """
    storage = instance.event_log_storage
    for asset in assets:
        key = dg.AssetKey(asset)
        if not isinstance(storage, SqlEventLogStorage):
            instance.wipe_asset_partitions(key, [partition])
            continue
        with storage.index_connection() as connection:
            for table in (SqlEventLogStorageTable, AssetCheckExecutionsTable):
                mine = table.c.asset_key == key.to_string(), table.c.partition == partition
                connection.execute(table.update().where(*mine).values(partition=f"{partition} (rolled back)"))
        storage.wipe_asset_cached_status(key)
        instance.report_dagster_event(
            DagsterEvent(
                event_type_value=DagsterEventType.ASSET_WIPED.value,
                event_specific_data=AssetWipedData(asset_key=key, partition_keys=[partition]),
                job_name=RUNLESS_JOB_NAME,
            ),
            run_id=RUNLESS_RUN_ID,
        )
