"""What the assets of all steps share: running a step, and the metadata of its materialization.

Add here what runs or reports every step. The asset of each step and its checks are in the module with the step's name.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

import dagster as dg

from meter_assets.defs import metadata
from meter_assets.defs.differences import differences_now
from meter_assets.defs.origin import origin_metadata, origin_of
from meter_assets.defs.plans import plan_to_run
from meter_assets.defs.resources import BillingResource, PolicyResource
from meter_assets.engines.base import LONGEST_REASON
from meter_assets.errors import MeterAssetsError, MissingPartition, UnknownTenant
from meter_assets.foreign_text import named, shown
from meter_assets.formatting import minor_units
from meter_assets.migration.apply import run_step
from meter_assets.migration.database import Tenant
from meter_assets.migration.step_report import StepReport
from meter_assets.migration.step_run import StepRun
from meter_assets.reports import tables as render
from meter_assets.rules.steps import MIGRATION, STEPS
from meter_assets.runtime.retries import never_start_again
from meter_assets.runtime.sentences import StepFailed
from meter_assets.runtime.unexecuted import REFUSAL

OWNERS = ["team:billing-data"]
MIGRATION_GROUP = "meter_migration"
DOMAIN = {"domain": "utility-billing"}


class RunConfig(dg.Config):
    """The run config of an op or asset. Dagster accepts null for every field: null means the default."""

    def __init__(self, **given: Any) -> None:
        """Take the values by name."""
        super().__init__(**{name: value for name, value in given.items() if value is not None})


class UnexpectedError(Exception):
    """An error of another library, with invisible characters in its text made visible."""


@contextmanager
def failures() -> Iterator[None]:
    """Report our own errors to the run as one sentence, without a traceback and without retries.

    Any other error keeps its traceback. Its text is made safe to show, since it may contain text of the database.
    """
    try:
        yield
    except dg.Failure:
        raise
    except MeterAssetsError as error:
        never_start_again()
        entries: dict[str, Any] = {"error": type(error).__name__, "exit_status": error.exit_status}
        if error.is_refusal:
            entries[REFUSAL] = "Nothing of the tenant was examined: the last results stand."
        raise StepFailed(str(error), entries) from None
    except Exception as error:
        message = shown(f"{type(error).__name__}: {error}", LONGEST_REASON)
        raise UnexpectedError(message).with_traceback(error.__traceback__) from None


def tenant_of(
    context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext | dg.OpExecutionContext, billing: BillingResource
) -> Tenant:
    """Return the tenant of a run.

    Raises MissingPartition for a run without a partition, UnknownTenant if the tenant no longer exists.
    """
    if not context.has_partition_key:
        raise MissingPartition(
            context.op_def.name if isinstance(context, dg.OpExecutionContext) else context.op_execution_context.op.name
        )
    if not billing.scope.includes(context.partition_key):
        raise UnknownTenant([context.partition_key], billing.scope.tenants or ())
    return billing.database.tenants([context.partition_key])[0]


def materialize(
    context: dg.AssetExecutionContext,
    step: str,
    billing: BillingResource,
    policy: PolicyResource,
    *,
    batch_size: int | None = None,
    allow_invalid: bool = False,
    plan_dir: str | None = None,
) -> dg.MaterializeResult[Any]:
    """Run one step for the run's tenant and return its materialization.

    The data version is the run's id: the same code may write other rows in another run, because the tables change.
    """
    with failures():
        tenant = tenant_of(context, billing)
        plan = plan_to_run(plan_dir, [step])
        context.log.info(metadata.log_line(f"{step} of tenant {named(tenant.key, tenant.name)}: started"))
        started = monotonic()
        origin = origin_of(context.run)
        run = StepRun(
            step,
            tenant,
            context.run.run_id,
            policy.policy(),
            allow_invalid,
            batch_size,
            policy_changed=bool(policy.policy_changed),
            origin=origin,
            plan=None if plan is None else plan.of(billing.database, tenant, policy.policy(), origin.started_by),
            also_ran=_materializes(context, billing, tenant),
        )
        report = run_step(billing.database, run)
        context.log.info(
            f"{step} of tenant {tenant.key}: {report.changed:,} of {report.examined:,} rows changed, "
            f"{report.already_correct.rows:,} already correct, {report.left_unresolved:,} unresolved"
        )
        entries = step_metadata(report, monotonic() - started) | origin_metadata(context.run)
        if step == MIGRATION[-1]:
            entries = differences_now(billing.database, tenant, policy.policy()) | entries
    return dg.MaterializeResult(metadata=entries, data_version=dg.DataVersion(context.run.run_id))


def _materializes(
    context: dg.AssetExecutionContext, billing: BillingResource, tenant: Tenant
) -> Callable[[StepReport], None]:
    """Return what logs the materialization of another step's asset that the run of this step has executed too."""
    started = monotonic()

    def log(report: StepReport) -> None:
        context.log.info(f"{report.step} of tenant {tenant.key} was missing: {report.changed:,} rows were added first")
        made = dg.AssetMaterialization(
            billing.scope.key(report.step),
            partition=tenant.key,
            metadata=step_metadata(report, monotonic() - started),
        )
        context.log_event(made)

    return log


def step_metadata(report: StepReport, seconds: float) -> dict[str, Any]:
    """Return a step's report as metadata: counts that Dagster plots, tables, and the whole report as JSON."""
    review = render.changed_rows("For review", report.review)
    return {
        "rows_changed": report.changed,
        "rows_already_correct": report.already_correct.rows,
        "rows_unresolved": report.left_unresolved,
        "rows_for_review": report.for_review,
        "dagster/row_count": report.examined,
        "duration_seconds": round(seconds, 3),
        **metadata.table("rows", render.outcomes(report)),
        **metadata.table("money", render.money(report)),
        **metadata.table("largest_changes", render.changed_rows("Largest changes", report.largest)),
        **_plotted(report),
        **metadata.report(report),
        **(metadata.table("for_review", review) if review.rows else {}),
        **({"notes": metadata.text(" ".join(report.notes))} if report.notes else {}),
    }


def _plotted(report: StepReport) -> dict[str, int]:
    """Return the sums of money after the step in whole minor units, which Dagster plots over time and tenants.

    The names are short: the longest name on a page leaves the less room for the tables.
    """
    step = STEPS[report.step]
    return {
        f"{step.sum_metric if name == step.sum_title else name.removeprefix('balance_')}_minor_units": minor_units(
            sums.after
        )
        for name, sums in report.sums.items()
        if sums.after.is_finite()
    }
