"""How an invariant becomes an asset check: one check per law, partitioned by tenant, with its evidence.

Which laws guard which asset is said in that asset's module.
"""

import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg

from meter_assets.billing.relations import billing_relations
from meter_assets.defs import metadata
from meter_assets.defs.partitions import TENANTS
from meter_assets.defs.resources import BillingResource, PolicyResource
from meter_assets.defs.step import failures, tenant_of
from meter_assets.migration.evaluation import Verdict, judge
from meter_assets.reports.tables import from_records
from meter_assets.rules.invariants import INVARIANTS, Invariant, Severity, of_group
from meter_assets.rules.steps import STEPS
from meter_assets.runtime.retries import never_start_again

EXAMPLE, FIRST_CHANGE = "for_example", "first_change"
"""The metadata entries that hold what the database says of a broken law. Dagster's pages render the description of a
check's result as Markdown: it has no text of the database.
"""


def checks_of(asset: dg.AssetsDefinition) -> dg.AssetChecksDefinition:
    """Return the checks of a step's asset: of the invariants that it guards, each of which can be selected alone.

    ERROR blocks what is downstream in the run, and fails the run; WARN does neither.
    """
    group = STEPS[asset.key.to_python_identifier()].checks
    invariants = {one.name: one for one in (of_group(group) if group else ())}

    @dg.multi_asset_check(
        name=f"{asset.key.to_python_identifier()}_checks",
        specs=[_spec(one, asset) for one in invariants.values()],
        can_subset=True,
    )
    def checks(
        context: dg.AssetCheckExecutionContext, billing: BillingResource, policy: PolicyResource
    ) -> Iterator[dg.AssetCheckResult]:
        with failures():
            selected = {key.name: key.asset_key for key in context.selected_asset_check_keys}
            verdicts = _judged(context, billing, policy, [one for one in invariants.values() if one.name in selected])
        if any(not one.holds and one.severity is Severity.ERROR for one in verdicts):
            never_start_again()
        for verdict in verdicts:
            yield _result(verdict, selected[verdict.name])

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
        relations = billing_relations(billing.database.schema(connection), policy.policy(), tenant.id)
        return judge(connection, invariants, relations)


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
    """Say how many rows break a law, and what to do; which rows, is in the evidence."""
    rows = "1 row breaks" if verdict.violations == 1 else f"{verdict.violations:,} rows break"
    return f"{rows} this law: {verdict.law} {verdict.remedy}"


def told(evaluation: dg.AssetCheckEvaluation) -> str:
    """Return all that the result of a check says, behind its law also what the database says: for plain text."""
    law = next((one.law for one in INVARIANTS if one.name == evaluation.check_name), "")
    before, law, after = (evaluation.description or "").partition(law or "\n")
    words = {"For example": EXAMPLE, "The tables show:": FIRST_CHANGE}
    found = [
        f"{ours} {evaluation.metadata[name].value}." for ours, name in words.items() if name in evaluation.metadata
    ]
    return " ".join([f"{before}{law}", *found, after.strip()]).strip()


def page_of(name: str) -> str:
    """Return where a law's page is, in this project: how to look at the rows that break it, and how to mend them."""
    return f"docs/checks/{name}.md"


def evidence(verdict: Verdict) -> dict[str, Any]:
    """Return what a check result shows: how many rows break the law, the first of them, and what to do."""
    entries: dict[str, Any] = {"violations": verdict.violations}
    if verdict.samples:
        entries |= metadata.table("first_violations", from_records("First violations", verdict.samples))
        entries[EXAMPLE] = metadata.text(verdict.example)
        entries["what_to_do"] = verdict.remedy
        entries["page"] = page_of(verdict.name)
    return entries
