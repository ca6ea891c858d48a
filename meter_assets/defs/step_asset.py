"""Builds the asset of a step from its `Step` value: its config, columns, tags, and the function that materializes it.

Add here what the assets of all steps have in common. The dependencies and the description of an asset are in the
step's own module of this folder.
"""

from collections.abc import Sequence
from typing import Any

import dagster as dg
from pydantic import Field

from meter_assets.defs.columns import written_columns
from meter_assets.defs.partitions import TENANTS
from meter_assets.defs.plans import PLAN_DIR
from meter_assets.defs.resources import BillingResource, PolicyResource
from meter_assets.defs.step import DOMAIN, MIGRATION_GROUP, OWNERS, RunConfig, materialize
from meter_assets.rules.steps import Step

_UNITS = (
    "In the metadata, entries that end in `_minor_units` are sums of money after the step, in hundredths of the "
    "currency unit."
)


class PlanConfig(RunConfig):
    """The run config of a step that writes all rows at once."""

    plan_dir: str | None = PLAN_DIR


class StepConfig(PlanConfig):
    """The run config of a step."""

    batch_size: int | None = Field(
        default=None,
        description="Write this number of rows per transaction, in the order of their ids, so that others who write "
        "the same rows wait for one batch at most (10000 is a good choice; -1: as many as take a quarter of a second, "
        "and fewer while others wait or the server falls behind). Default: one transaction for the step.",
    )


class GuardedStepConfig(StepConfig):
    """The run config of a step that refuses to write while invariants are violated."""

    allow_invalid: bool = Field(
        default=False,
        description="Write even if payments, invoices or the backup violate an ERROR invariant. Amounts without a "
        "meter are then missing from the balances.",
    )


def step_asset(
    step: Step, *, deps: Sequence[str], description: str, group_name: str = MIGRATION_GROUP
) -> dg.AssetsDefinition:
    """Return the asset of a step, partitioned by tenant; `deps` are the names of assets and billing tables."""

    def materialize_with_config(
        context: dg.AssetExecutionContext, config: Any, billing: BillingResource, policy: PolicyResource
    ) -> dg.MaterializeResult[Any]:
        options = {name: getattr(config, name) for name in type(config).model_fields}
        return materialize(context, step.name, billing, policy, **options)

    # Dagster reads a config's fields from the annotation.
    config_type = GuardedStepConfig if step.overridable else StepConfig if step.batchable else PlanConfig
    materialize_with_config.__annotations__["config"] = config_type
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
    return decorate(materialize_with_config)
