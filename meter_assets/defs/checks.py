"""How an invariant becomes an asset check: one check per law, partitioned by tenant, with its evidence.

Which laws guard which asset is said in that asset's module.
"""

import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg

from meter_assets.defs.step import failures, tenant_of
from meter_assets.invariants import Group, Invariant, Severity, of_group
from meter_assets.judge import Verdict, judge
from meter_assets.partitions import TENANTS
from meter_assets.relations import billing_relations
from meter_assets.resources import BillingResource, PolicyResource
from meter_assets.retries import never_start_again


def checks_of(group: Group, asset: dg.AssetsDefinition) -> dg.AssetChecksDefinition:
    """Return the checks of one group of laws, each of which can be selected alone.

    ERROR blocks what is downstream in the run, and fails the run; WARN does neither.
    """
    invariants = {one.name: one for one in of_group(group)}

    @dg.multi_asset_check(
        name=f"{asset.key.to_python_identifier()}_checks",
        specs=[_spec(one, asset) for one in invariants.values()],
        can_subset=True,
    )
    def checks(
        context: dg.AssetCheckExecutionContext, billing: BillingResource, policy: PolicyResource
    ) -> Iterator[dg.AssetCheckResult]:
        with failures():
            selected = {key.name for key in context.selected_asset_check_keys}
            verdicts = _judged(context, billing, policy, [one for one in invariants.values() if one.name in selected])
        if any(not one.holds and one.severity is Severity.ERROR for one in verdicts):
            never_start_again()
        for verdict in verdicts:
            yield _result(verdict, asset.key)

    return checks


def _spec(invariant: Invariant, asset: dg.AssetsDefinition) -> dg.AssetCheckSpec:
    with warnings.catch_warnings():
        # Partitioned checks are a preview feature. They are what keeps one tenant's pass from hiding another's
        # failure, so the version of Dagster is pinned for them.
        warnings.simplefilter("ignore", dg.PreviewWarning)
        return dg.AssetCheckSpec(
            invariant.name,
            asset=asset.key,
            description=f"**{invariant.severity}.** {invariant.law}\n\n*If it fails:* {invariant.remedy}\n\n*How to "
            f"look and how to mend:* `{page_of(invariant.name)}`",
            blocking=invariant.severity is Severity.ERROR,
            partitions_def=TENANTS,
            metadata={"group": invariant.group.value, "severity": invariant.severity.value},
        )


def _judged(
    context: dg.AssetCheckExecutionContext,
    billing: BillingResource,
    policy: PolicyResource,
    invariants: Sequence[Invariant],
) -> list[Verdict]:
    tenant = tenant_of(context, billing)
    with billing.database.snapshot() as connection:
        relations = billing_relations(billing.database.schema(connection), tenant.id)
        return judge(connection, invariants, relations, policy.policy())


def _result(verdict: Verdict, asset: dg.AssetKey) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        passed=verdict.holds,
        asset_key=asset,
        check_name=verdict.name,
        severity=dg.AssetCheckSeverity[verdict.severity],
        description=verdict.law if verdict.holds else sentence(verdict),
        metadata=evidence(verdict),
    )


def sentence(verdict: Verdict) -> str:
    """Say how many rows break a law, which for example, and what to do."""
    rows = "1 row breaks" if verdict.violations == 1 else f"{verdict.violations:,} rows break"
    return f"{rows} this law: {verdict.law} For example {verdict.example}. {verdict.remedy}"


def page_of(name: str) -> str:
    """Return where a law's page is, in this project: how to look at the rows that break it, and how to mend them."""
    return f"docs/checks/{name}.md"


def evidence(verdict: Verdict) -> dict[str, Any]:
    """Return what a check result shows: how many rows break the law, the first of them, and what to do."""
    metadata: dict[str, Any] = {"violations": verdict.violations}
    if verdict.samples:
        schema = dg.TableSchema(columns=[dg.TableColumn(name, "string") for name in verdict.samples[0]])
        records = [dg.TableRecord(dict(row)) for row in verdict.samples]
        metadata["first_violations"] = dg.MetadataValue.table(records=records, schema=schema)
        metadata["what_to_do"] = verdict.remedy
        metadata["page"] = page_of(verdict.name)
    return metadata
