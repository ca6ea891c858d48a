"""Records in the billing database which steps a failing check keeps from being run.

Dagster does not run the assets after a failing blocking check, so that no code of theirs can record it. Add here what a
failing check leaves in the records; the records themselves are written in `migration.recording`.
"""

from collections.abc import Sequence

import dagster as dg

from meter_assets.defs import metadata
from meter_assets.defs.origin import origin_of
from meter_assets.defs.resources import BillingResource, PolicyResource
from meter_assets.defs.step import tenant_of
from meter_assets.errors import MeterAssetsError
from meter_assets.formatting import counted
from meter_assets.migration.evaluation import InvariantResult
from meter_assets.migration.recording import record_blocked
from meter_assets.migration.step_run import StepRun
from meter_assets.rules.steps import STEPS
from meter_assets.runtime.run_plan import assets_after


def record_blocked_steps(
    context: dg.AssetCheckExecutionContext,
    billing: BillingResource,
    policy: PolicyResource,
    failed: Sequence[InvariantResult],
) -> None:
    """Record the later steps of this run as blocked by these failed checks; none for a run that only validates.

    If they cannot be recorded, the log of the run says why: the results of the checks matter more.
    """
    names = [key.path[-1] for key in assets_after(context)]
    steps = [name for name in names if name in STEPS]
    if not steps:
        return
    try:
        tenant = tenant_of(context, billing)
        origin = origin_of(context.run)
        runs = [StepRun(step, tenant, context.run.run_id, policy.policy(), origin=origin) for step in steps]
        record_blocked(billing.database, runs, _message(failed))
    except MeterAssetsError as error:
        said = f"It could not be recorded in the billing database that {', '.join(steps)} were not run: {error}"
        context.log.warning(metadata.log_line(said))


def _message(failed: Sequence[InvariantResult]) -> str:
    named = "; ".join(f"{one.name}: {counted(one.violations, 'violation')}" for one in failed)
    return f"Not run, nothing was changed: blocked by {named}. Fix these rows (the checks list them); then run again."
