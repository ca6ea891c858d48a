"""The asset migration_preview: the dry run of a tenant's migration, with all its results as metadata.

Add a field of its run config or an entry of its metadata here. What a preview computes is in `reports.preview`.
"""

import warnings
from collections.abc import Sequence
from time import monotonic
from typing import Any

import dagster as dg
from pydantic import Field

from meter_assets.billing.columns import REQUIRED_COLUMNS
from meter_assets.defs import launchpad, metadata
from meter_assets.defs.differences import difference_metadata
from meter_assets.defs.partitions import TENANTS
from meter_assets.defs.resources import BillingResource, PolicyResource
from meter_assets.defs.step import DOMAIN, OWNERS, RunConfig, failures, tenant_of
from meter_assets.errors import InvalidSettings
from meter_assets.foreign_text import named
from meter_assets.formatting import minor_units
from meter_assets.migration.reviewed_plans.files import CSV, require_format
from meter_assets.migration.step_report import StepReport
from meter_assets.reports import tables as render
from meter_assets.reports.preview import Preview, preview
from meter_assets.rules.invariants import Severity
from meter_assets.rules.steps import MIGRATION, STEPS

ASSET, CHECK = "migration_preview", "preview_would_succeed"


class PreviewConfig(RunConfig):
    """The run config of a preview."""

    steps: list[str] = Field(
        default=list(MIGRATION), description="The steps to preview, in this order, each named once."
    )
    evaluate_invariants: bool = Field(
        default=True,
        description="Evaluate every invariant on the data as it would be after the migration. Without this, a preview "
        "is faster.",
    )
    judge_invariants: bool | None = Field(
        default=None, description="Deprecated: the old name of evaluate_invariants. If it is set, it takes precedence."
    )
    export_dir: str | None = Field(
        default=None,
        description="A folder for files with every row that would change, one per change, and the manifest that makes "
        "them a plan. It must be below a "
        "folder that the table [launchpad] of the configuration file names.",
    )

    export_format: str = Field(default=CSV, description="The form of these files: csv, or parquet if pyarrow is there.")

    @property
    def evaluates(self) -> bool:
        """Whether to evaluate the invariants, by the new or by the deprecated field."""
        return self.evaluate_invariants if self.judge_invariants is None else self.judge_invariants


def _check_spec() -> dg.AssetCheckSpec:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.PreviewWarning)  # partitioned checks: see `checks`
        return dg.AssetCheckSpec(
            CHECK,
            asset=ASSET,
            description="**ERROR.** The migration of the tenant would succeed, by its last preview.\n\n*If it fails:* "
            "the result names the obstacles and the invariants that would be violated. It blocks nothing: the steps "
            "have guards and checks of their own.",
            partitions_def=TENANTS,
        )


@dg.asset(
    check_specs=[_check_spec()],
    partitions_def=TENANTS,
    deps=list(REQUIRED_COLUMNS),
    group_name="dry_run",
    kinds={"sql"},
    owners=OWNERS,
    tags={**DOMAIN, "writes": "nothing"},
)
def migration_preview(
    context: dg.AssetExecutionContext,
    config: PreviewConfig,
    billing: BillingResource,
    policy: PolicyResource,
) -> dg.MaterializeResult:  # type: ignore[type-arg]  # of an asset with checks, Dagster reads only the plain type
    """The dry run: what the migration would do to a tenant, with all steps composed in one read-only snapshot.

    Writes nothing and takes no lock; a role that may only read is sufficient. `net_change_minor_units` is the change of
    the total that the meters owe, in hundredths of the currency unit.
    """
    with failures():
        export = launchpad.export_folder(config.export_dir)
        require_format(config.export_format)
        _require_steps(config.steps)
        tenant = tenant_of(context, billing)
        started = monotonic()
        found = preview(
            billing.database,
            tenant,
            policy.policy(),
            policy_changed=bool(policy.policy_changed),
            steps=config.steps,
            validate=config.evaluates,
            export=export,
            export_format=config.export_format,
        )
    return dg.MaterializeResult(
        metadata=_metadata(found, monotonic() - started),
        data_version=dg.DataVersion(context.run.run_id),
        check_results=[_check_result(found)],
    )


def _check_result(found: Preview) -> dg.AssetCheckResult:
    """Return whether the migration would succeed, and why not. A page renders the description as Markdown."""
    violated = [one for one in found.results or () if not one.passed and one.severity is Severity.ERROR]
    entries: dict[str, Any] = {"obstacles": len(found.obstacles), "violated": len(violated)}
    if found.obstacles:
        entries |= metadata.table("what_stops_it", render.obstacles(found))
    if violated:
        entries |= metadata.table("invariants_that_would_not_hold", render.results(violated))
    names = ", ".join(f"{one.name} ({one.violations:,})" for one in violated)
    reasons = [f"{len(found.obstacles)} obstacles (see what_stops_it)"] if found.obstacles else []
    reasons += [f"it would violate {names}"] if violated else []
    evaluated = "" if found.results is not None else " No invariant was evaluated."
    said = f"The migration would fail: {'; '.join(reasons)}." if found.would_fail else "The migration would succeed."
    return dg.AssetCheckResult(
        passed=not found.would_fail, check_name=CHECK, description=said + evaluated, metadata=entries
    )


def _require_steps(steps: Sequence[str]) -> None:
    """Raise InvalidSettings unless there is at least one step, every name is a step, and none is named twice."""
    unknown = [step for step in steps if step not in STEPS]
    twice = [step for step in dict.fromkeys(steps) if list(steps).count(step) > 1]
    problems = [f"There is no step {step!r}." for step in unknown] + [f"{step} is named twice." for step in twice]
    if not steps:
        problems = ["No step is named."]
    if problems:
        raise InvalidSettings(
            f"Nothing can be previewed: {' '.join(problems)} Name each step once, in steps: {', '.join(STEPS)}."
        )


def _metadata(found: Preview, seconds: float) -> dict[str, Any]:
    entries: dict[str, Any] = {
        "tenant": metadata.text(named(found.tenant, found.name)),
        "rows_that_would_change": sum(report.changed for report in found.steps),
        "rows_unresolved": sum(report.left_unresolved for report in found.steps),
        "rows_for_review": sum(report.for_review for report in found.steps),
        "would_fail": found.would_fail,
        "duration_seconds": round(seconds, 3),
        **metadata.table("impact", render.impact(found)),
    }
    if found.header:
        entries["database"] = metadata.text(" ".join(found.header))
    if found.triggers:
        entries |= metadata.table("triggers", render.triggers(found))
    if render.difference(found).is_finite():
        entries["net_change_minor_units"] = minor_units(render.difference(found))
    if found.obstacles:
        entries |= metadata.table("obstacles", render.obstacles(found))
    if found.results is not None:
        violated = [one for one in found.results if not one.passed]
        entries["invariants_afterwards"] = f"{len(found.results) - len(violated)} of {len(found.results)} would pass"
        if violated:
            entries |= metadata.table("invariants_that_would_fail", render.results(violated).without("group"))
    for report in found.steps:
        entries |= _of_step(report)
    entries |= metadata.table("statuses", render.statuses(found))
    entries |= metadata.table("bill_types", render.bill_types(found))
    entries |= metadata.table("balance_bases", render.bases(found))
    if found.differences is not None:
        entries |= difference_metadata(found.differences)
    entries |= metadata.table("policy", render.policy(found))
    if found.policy_differences:
        entries["policy_differs"] = metadata.text("; ".join(found.policy_differences))
    return entries | dict(metadata.report(found))


def _of_step(report: StepReport) -> dict[str, Any]:
    review = render.changed_rows("For review", report.review)
    return {
        **metadata.table(f"{report.step}: rows", render.outcomes(report)),
        **metadata.table(f"{report.step}: money", render.money(report)),
        **metadata.table(f"{report.step}: largest", render.changed_rows("Largest", report.largest)),
        **(metadata.table(f"{report.step}: for review", review) if review.rows else {}),
    }
