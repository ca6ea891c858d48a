"""The asset migration_preview: the dry run of a tenant on one page."""

from collections.abc import Sequence
from time import monotonic
from typing import Any

import dagster as dg
from pydantic import Field

from meter_assets.billing.schema import REQUIRED_COLUMNS
from meter_assets.defs import launchpad, metadata
from meter_assets.defs.partitions import TENANTS
from meter_assets.defs.resources import BillingResource, PolicyResource
from meter_assets.defs.step import DOMAIN, OWNERS, RunConfig, failures, tenant_of
from meter_assets.errors import InvalidSettings
from meter_assets.foreign_text import named
from meter_assets.formatting import minor_units
from meter_assets.migration.step_report import StepReport
from meter_assets.reports import tables as render
from meter_assets.reports.preview import Preview, preview
from meter_assets.rules.steps import MIGRATION, STEPS


class PreviewConfig(RunConfig):
    """What a preview may be told."""

    steps: list[str] = Field(default=list(MIGRATION), description="The steps to preview, in this order, each once.")
    judge_invariants: bool = Field(
        default=True, description="Judge every invariant as it would be afterwards; without, a preview is faster."
    )
    export_dir: str | None = Field(
        default=None,
        description="A folder to write every row that would change to, as CSV, one file per change. It must be below "
        "one that the table [launchpad] of the configuration file names.",
    )


@dg.asset(
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
) -> dg.MaterializeResult[Any]:
    """The dry run: what the migration would do to a tenant, all steps composed in one read-only snapshot.

    Writes nothing and takes no lock; works with a role that may only read. `net_change_minor_units` is by how much what
    the meters owe together would change, in hundredths of the currency unit.
    """
    with failures():
        export = launchpad.export_folder(config.export_dir)
        _require_steps(config.steps)
        tenant = tenant_of(context, billing)
        started = monotonic()
        found = preview(
            billing.database,
            tenant,
            policy.policy(),
            steps=config.steps,
            validate=config.judge_invariants,
            export=export,
        )
    return dg.MaterializeResult(
        metadata=_metadata(found, monotonic() - started), data_version=dg.DataVersion(context.run.run_id)
    )


def _require_steps(steps: Sequence[str]) -> None:
    """Raise InvalidSettings unless each is a step, none is there twice, and there is one at least."""
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
        "would_fail": found.would_fail,
        "duration_seconds": round(seconds, 3),
        **metadata.table("impact", render.impact(found)),
    }
    if render.difference(found).is_finite():
        entries["net_change_minor_units"] = minor_units(render.difference(found))
    if found.obstacles:
        entries |= metadata.table("obstacles", render.obstacles(found))
    if found.results is not None:
        broken = [one for one in found.results if not one.passed]
        entries["invariants_afterwards"] = f"{len(found.results) - len(broken)} of {len(found.results)} would hold"
        if broken:
            entries |= metadata.table("invariants_that_would_not_hold", render.results(broken))
    for report in found.steps:
        entries |= _of_step(report)
    entries |= metadata.table("statuses", render.statuses(found))
    entries |= metadata.table("balance_bases", render.bases(found))
    entries |= metadata.table("policy", render.policy(found))
    return entries | dict(metadata.report(found))


def _of_step(report: StepReport) -> dict[str, Any]:
    review = render.changed_rows("For review", report.review)
    return {
        **metadata.table(f"{report.step}: rows", render.outcomes(report)),
        **metadata.table(f"{report.step}: money", render.money(report)),
        **metadata.table(f"{report.step}: largest", render.changed_rows("Largest", report.largest)),
        **(metadata.table(f"{report.step}: for review", review) if review.rows else {}),
    }
