"""The sensor `tenant_partitions`: keeps the partitions equal to the tenants table.

What it compares is in `partitions`; add here only what the sensor itself does.
"""

import dagster as dg

from meter_assets.defs.partitions import partition_changes
from meter_assets.defs.resources import BillingResource
from meter_assets.defs.scope import UNNAMED, Scope
from meter_assets.errors import MeterAssetsError

LISTED = 3
"""How many skipped tenants a tick names; its log has all."""


def _sync(context: dg.SensorEvaluationContext, billing: BillingResource) -> dg.SensorResult:
    """Compare the tenants table with the partitions, and request the additions and deletions."""
    tenants = billing.scope.partitions
    try:
        added, removed, skipped = partition_changes(context.instance, billing.database, billing.scope)
    except MeterAssetsError as error:
        return dg.SensorResult(skip_reason=str(error))
    for one in skipped:
        context.log.warning(str(one))
    requests: list[dg.AddDynamicPartitionsRequest | dg.DeleteDynamicPartitionsRequest] = []
    if added:
        requests.append(tenants.build_add_request(added))
    if removed:
        requests.append(tenants.build_delete_request(removed))
    if not requests:
        but = (
            f", except {len(skipped)} tenants that are skipped: {' '.join(map(str, skipped[:LISTED]))}"
            if skipped
            else ""
        )
        return dg.SensorResult(skip_reason=f"The partitions equal the tenants table{but or '.'}")
    return dg.SensorResult(dynamic_partitions_requests=requests)


def tenants_sensor(scope: Scope) -> dg.SensorDefinition:
    """Return the sensor of one billing database."""
    return dg.sensor(
        name=scope.named("tenant_partitions"),
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Adds a partition for every new tenant and removes the partitions of deleted tenants.",
    )(scope.bind(_sync))


tenant_partitions = tenants_sensor(UNNAMED)
