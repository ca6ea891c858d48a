"""The sensor that keeps the partitions equal to the tenants table."""

import dagster as dg

from meter_assets.defs.partitions import TENANTS, partition_changes
from meter_assets.defs.resources import BillingResource
from meter_assets.errors import IllegalTenantId, MeterAssetsError


@dg.sensor(
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Adds a partition for every new tenant and removes those of tenants that are gone.",
)
def tenant_partitions(context: dg.SensorEvaluationContext, billing: BillingResource) -> dg.SensorResult:
    """Compare the tenants table with the partitions, and request what is missing or superfluous."""
    try:
        added, removed, illegal = partition_changes(context.instance, billing.database)
    except MeterAssetsError as error:
        return dg.SensorResult(skip_reason=str(error))
    if illegal:
        context.log.warning(str(IllegalTenantId(illegal)))
    requests: list[dg.AddDynamicPartitionsRequest | dg.DeleteDynamicPartitionsRequest] = []
    if added:
        requests.append(TENANTS.build_add_request(added))
    if removed:
        requests.append(TENANTS.build_delete_request(removed))
    if not requests:
        return dg.SensorResult(skip_reason="The partitions equal the tenants table.")
    return dg.SensorResult(dynamic_partitions_requests=requests)
