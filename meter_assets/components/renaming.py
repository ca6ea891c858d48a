"""Renames the definitions for one of several billing databases: assets and checks, their jobs and their sensor.

All assets and checks are renamed. Add to `renamed` a job or a sensor that each database must have, as a function of the
scope in its module of `defs/`.
"""

import warnings
from collections.abc import Iterable
from typing import Any

import dagster as dg

from meter_assets.defs.jobs import asset_jobs
from meter_assets.defs.rollback import rollback_job, undo_op
from meter_assets.defs.scope import Scope
from meter_assets.defs.tenant_partitions import tenants_sensor


def renamed(loaded: dg.Definitions, scope: Scope) -> dg.Definitions:
    """Return the definitions with the names of a database; unchanged if the database has no name."""
    if not scope.name:
        return loaded
    return dg.Definitions(
        assets=[_asset(one, scope) for one in loaded.assets or ()],
        asset_checks=[_checks(one, scope) for one in loaded.asset_checks or ()],
        jobs=[*asset_jobs(scope), rollback_job(scope, undo_op(scope))],
        sensors=[tenants_sensor(scope)],
    )


def _asset(asset: Any, scope: Scope) -> Any:
    """Return a billing table or an asset with other names."""
    if isinstance(asset, dg.AssetSpec):
        return _spec(asset, scope)
    return dg.multi_asset(
        name=scope.named(asset.op.name),
        specs=[_spec(one, scope) for one in asset.specs],
        check_specs=list(_check_specs(asset.check_specs, scope)),
    )(scope.bind(_function(asset)))


def _spec(spec: dg.AssetSpec, scope: Scope) -> dg.AssetSpec:
    return spec.replace_attributes(
        key=scope.key(spec.key.path),
        deps=[scope.key(dep.asset_key.path) for dep in spec.deps],
        partitions_def=scope.partitions if spec.partitions_def else None,
        group_name=scope.named(str(spec.group_name)),
    )


def _checks(checks: dg.AssetsDefinition, scope: Scope) -> dg.AssetChecksDefinition:
    return dg.multi_asset_check(
        name=scope.named(checks.op.name), specs=list(_check_specs(checks.check_specs, scope)), can_subset=True
    )(scope.bind(_function(checks)))


def _check_specs(specs: Iterable[dg.AssetCheckSpec], scope: Scope) -> Iterable[dg.AssetCheckSpec]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.PreviewWarning)  # partitioned checks: see `checks`
        for spec in specs:
            yield dg.AssetCheckSpec(
                spec.name,
                asset=scope.key(spec.asset_key.path),
                description=spec.description,
                blocking=spec.blocking,
                metadata=spec.metadata,
                partitions_def=scope.partitions if spec.partitions_def else None,
            )


def _function(definition: dg.AssetsDefinition) -> Any:
    """Return the function that was decorated as an asset, or as checks."""
    return definition.op.compute_fn.decorated_fn  # type: ignore[union-attr]
