"""The asset invoice_amounts and its checks."""

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
    deps=["invoices", "invoice_bills", "bills"],
    group_name=MIGRATION_GROUP,
    kinds={"sql", "table"},
    owners=OWNERS,
    tags=tags_of("invoice_amounts"),
    metadata={"dagster/column_schema": written_columns("invoice_amounts")},
)
def invoice_amounts(
    context: dg.AssetExecutionContext, config: StepConfig, billing: BillingResource, policy: PolicyResource
) -> dg.MaterializeResult[Any]:
    """`amount`, `balance_brought_forward` and `total_amount` of every invoice, as the sums of its lines.

    Invoices without lines (policy `invoices_without_bills`), or with a line that cannot be summed, are left as they
    are and counted by reason.

    In its metadata, sums of money that end in `_minor_units` are those afterwards, in hundredths of the currency unit.
    """
    return materialize(context, "invoice_amounts", billing, policy, batch_size=config.batch_size)


invoice_amounts_checks = checks_of(Group.invoices, invoice_amounts)
