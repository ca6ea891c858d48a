"""Asset checks built from invariants: one check per invariant, partitioned by tenant, with its evidence.

Add here what all checks have in common. Invariants belong in `rules.invariants`; which group of them guards an asset is
a field of the asset's step (`rules.steps`).
"""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import dagster as dg

from meter_assets import settings
from meter_assets.defs.blocked_steps import record_blocked_steps
from meter_assets.defs.check_pages import how_to_fix
from meter_assets.defs.partitions import TENANTS
from meter_assets.defs.passes import judge_all
from meter_assets.defs.resources import CHECKS_SUFFIX, BillingResource, PolicyResource
from meter_assets.defs.results import checks_failed, evidence, other_policy, place, sentence
from meter_assets.defs.step import failures, tenant_of
from meter_assets.engines import engine_for
from meter_assets.migration.evaluation import InvariantResult
from meter_assets.migration.tenants import Tenant
from meter_assets.migration.validation import validate
from meter_assets.rules.invariants import INVARIANTS, Invariant, Severity, of_group
from meter_assets.rules.steps import STEPS
from meter_assets.runtime.retries import never_start_again
from meter_assets.runtime.run_plan import checks_of_run


def checks_of(asset: dg.AssetsDefinition) -> dg.AssetChecksDefinition:
    """Return the checks of a step's asset: one per invariant of its groups, each of which can be selected alone.

    A failing ERROR check blocks the downstream assets of the run and fails the run; a failing WARN check does neither.
    """
    groups = STEPS[asset.key.to_python_identifier()].checks
    invariants = {one.name: one for group in groups for one in of_group(group)}

    @dg.multi_asset_check(
        name=f"{asset.key.to_python_identifier()}{CHECKS_SUFFIX}",
        specs=[_spec(one, asset) for one in invariants.values()],
        can_subset=True,
    )
    def checks(
        context: dg.AssetCheckExecutionContext, billing: BillingResource, policy: PolicyResource
    ) -> Iterator[dg.AssetCheckResult | dg.AssetCheckEvaluation | dg.Output[None]]:
        with failures():
            selected = {key.name: key.asset_key for key in context.selected_asset_check_keys}
            if not context.has_partition_key:
                yield from judge_all(context, billing, policy, selected)
                return
            wanted = [one for one in invariants.values() if one.name in selected]
            tenant = tenant_of(context, billing)
            results, differences = _validated(context, billing, policy, tenant, wanted)
            where = place(tenant.name, billing.database.url)
        failed = [one for one in results if not one.passed and one.severity is Severity.ERROR]
        if failed:
            never_start_again()
            record_blocked_steps(context, billing, policy, failed)
        for result in results:
            yield _result(result, selected[result.name], other_policy(differences) | where)
        if failed:  # before Dagster fails the run itself, with a stack trace
            raise checks_failed(asset.key, context.partition_key, failed)

    return checks


def _validated(
    context: dg.AssetCheckExecutionContext,
    billing: BillingResource,
    policy: PolicyResource,
    tenant: Tenant,
    wanted: Sequence[Invariant],
) -> tuple[list[InvariantResult], list[str]]:
    """Return what `validate` returns for these invariants.

    A run that only evaluates checks evaluates all of them in one snapshot, when it comes to the first: they compute
    the same sums.
    """
    run_id, together = context.run.run_id, checks_of_run(context)
    if together is None:
        return validate(billing.database, tenant, run_id, policy.policy(), wanted)
    if billing.validated_by(run_id) is None:
        names = {key.name for key in together} | {one.name for one in wanted}
        every = [one for one in INVARIANTS if one.name in names]
        found, differences = validate(billing.database, tenant, run_id, policy.policy(), every)
        billing.keep_validated(run_id, {one.name: one for one in found}, differences)
    results, differences = billing.validated_by(run_id) or ({}, [])
    return [results[one.name] for one in wanted], differences


def in_words_of_engine(sql: str) -> str:
    """Return a statement of a page as the database in use understands it; as it is if the settings name none."""
    engine = engine_for(settings.variable(settings.DATABASE_URL_VARIABLE) or "")
    return engine.sql_of_page(sql) if engine else sql


def _spec(invariant: Invariant, asset: dg.AssetsDefinition) -> dg.AssetCheckSpec:
    with warnings.catch_warnings():
        # Partitioned checks are a preview feature of Dagster. Without them, one tenant's success would hide another
        # tenant's failure, so the version of Dagster is pinned.
        warnings.simplefilter("ignore", dg.PreviewWarning)
        return dg.AssetCheckSpec(
            invariant.name,
            asset=asset.key,
            description=f"**{invariant.severity}.** {invariant.description}\n\n*If it fails:* {invariant.remedy}\n\n"
            f"{how_to_fix(invariant.name, in_words_of_engine)}",
            blocking=invariant.severity is Severity.ERROR,
            partitions_def=TENANTS,
            metadata={"group": invariant.group.value, "severity": invariant.severity.value},
        )


def _result(result: InvariantResult, asset: dg.AssetKey, also: Mapping[str, Any]) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        passed=result.passed,
        asset_key=asset,
        check_name=result.name,
        severity=dg.AssetCheckSeverity[result.severity],
        description=result.description if result.passed else sentence(result),
        metadata={**evidence(result), **also},
    )
