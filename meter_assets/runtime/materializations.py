"""Reads the latest materializations from Dagster's event log by asset and partition, and removes them after a rollback.

Add here what reads or changes the materialized partitions that Dagster shows. Check evaluations are in `event_log`.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC

import dagster as dg
from dagster import DagsterEvent, DagsterEventType

# The type of a field of the public AssetCheckEvaluation, which is not exported: no public API as of 1.13.
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluationTargetMaterializationData

# The event that informs Dagster's own caches about a wiped asset, and the ids of events without a run. Dagster's
# open-source storages can wipe only whole assets: no public API as of 1.13 (dagster issue 14749, pull request 21976).
from dagster._core.events import AssetWipedData
from dagster._core.instance.utils import RUNLESS_JOB_NAME, RUNLESS_RUN_ID

# The storages and their tables. The public `fetch_materializations` loads every event, page by page: no public API as
# of 1.13 reads the latest of each of thousands of partitions, or changes the partition of an event.
from dagster._core.storage.event_log import SqlEventLogStorage
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable, SqlEventLogStorageTable
from sqlalchemy import func, select

Materializations = Mapping[tuple[str, str], AssetCheckEvaluationTargetMaterializationData]
"""The latest materialization by asset and partition: the one that a check evaluation refers to."""


def latest_materializations(instance: dg.DagsterInstance, assets: Iterable[str]) -> Materializations:
    """Return the latest materialization of every partition of these assets, in a few queries per asset.

    An asset is named as in Dagster's pages: its name, after the prefix of its database if it has one ("north/meters").
    """
    found = {}
    for asset in assets:
        by_partition = instance.event_log_storage.get_latest_storage_id_by_partition(
            dg.AssetKey.from_user_string(asset), DagsterEventType.ASSET_MATERIALIZATION
        )
        runs_and_times = _materializations(instance, asset)
        for partition, storage_id in by_partition.items():
            run_id, timestamp = runs_and_times.get(storage_id, ("", 0.0))
            found[asset, partition] = AssetCheckEvaluationTargetMaterializationData(
                storage_id=storage_id, run_id=run_id, timestamp=timestamp
            )
    return found


def _materializations(instance: dg.DagsterInstance, asset: str) -> dict[int, tuple[str, float]]:
    """Return the run and the time of each partition's last materialization, by the place of that event in the log."""
    storage = instance.event_log_storage
    if not isinstance(storage, SqlEventLogStorage):
        return {}
    log = SqlEventLogStorageTable
    of_asset = (
        log.c.asset_key == dg.AssetKey.from_user_string(asset).to_string(),
        log.c.dagster_event_type == DagsterEventType.ASSET_MATERIALIZATION.value,
    )
    nth = func.row_number().over(partition_by=log.c.partition, order_by=log.c.id.desc()).label("nth")
    latest = select(log.c.id, log.c.run_id, log.c.timestamp, nth).where(*of_asset).subquery("numbered")
    statement = select(latest).where(latest.c.nth == 1)
    with storage.index_connection() as connection:
        return {
            row.id: (row.run_id, row.timestamp.replace(tzinfo=UTC).timestamp()) for row in connection.execute(statement)
        }


def forget_materializations(
    instance: dg.DagsterInstance, assets: Iterable[str | Sequence[str]], partition: str
) -> None:
    """Make Dagster show a partition of these assets, and its checks, as never materialized.

    Dagster's open-source storages cannot wipe single partitions. The events stay, in their runs and in the list of an
    asset's events; only the index by partition lists them under a name that no partition has.
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
