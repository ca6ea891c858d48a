"""Builds the asset of a step from its `Step` value: its config, its columns, its tags, and how it materializes.

Add here what the assets of all steps have in common. Which tables an asset depends on, and what it says of itself, is
in the step's own module of this folder.
"""

from collections.abc import Sequence
from typing import Any

import dagster as dg
from pydantic import Field

from meter_assets.defs.columns import written_columns
from meter_assets.defs.partitions import TENANTS
from meter_assets.defs.resources import BillingResource, PolicyResource
from meter_assets.defs.step import DOMAIN, MIGRATION_GROUP, OWNERS, RunConfig, materialize
from meter_assets.rules.steps import Step

_UNITS = (
    "In its metadata, sums of money that end in `_minor_units` are those afterwards, in hundredths of the currency "
)
_UNITS += "unit."


class StepConfig(RunConfig):
    """What a run of a step may be told."""

    batch_size: int | None = Field(
        default=None,
        description="Write so many rows per transaction, in the order of their ids, so that others who write the same "
        "rows wait for one batch at most (10000 is a good choice). Without, the step is one transaction.",
    )


class GuardedStepConfig(StepConfig):
    """What a run of a step may be told that refuses to write while invariants are violated."""

    allow_invalid: bool = Field(
        default=False,
        description="Write even where payments, invoices or the backup violate an ERROR invariant. What has no meter "
        "is then on no meter's balance.",
    )


def step_asset(
    step: Step, *, deps: Sequence[str], description: str, group_name: str = MIGRATION_GROUP
) -> dg.AssetsDefinition:
    """Return the asset of a step, partitioned by tenant; `deps` are the names of assets and billing tables."""

    def materialize_whole(
        context: dg.AssetExecutionContext, billing: BillingResource, policy: PolicyResource
    ) -> dg.MaterializeResult[Any]:
        return materialize(context, step.name, billing, policy)

    def materialize_as_told(
        context: dg.AssetExecutionContext, config: Any, billing: BillingResource, policy: PolicyResource
    ) -> dg.MaterializeResult[Any]:
        told = {name: getattr(config, name) for name in type(config).model_fields}
        return materialize(context, step.name, billing, policy, **told)

    # Dagster reads a config's fields from the annotation.
    materialize_as_told.__annotations__["config"] = GuardedStepConfig if step.overridable else StepConfig
    decorate = dg.asset(
        name=step.name,
        partitions_def=TENANTS,
        deps=list(deps),
        group_name=group_name,
        kinds={"sql", "table"},
        owners=OWNERS,
        tags={**DOMAIN, "writes": step.target},
        metadata={"dagster/column_schema": written_columns(step)},
        description=f"{description}\n\n{_UNITS}",
    )
    return decorate(materialize_as_told if step.batchable else materialize_whole)
