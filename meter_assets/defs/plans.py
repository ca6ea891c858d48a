"""Which reviewed plan a run must follow: from its run config, and from what the settings require.

Add here what decides whether a run may write with a plan, or without one. The folders that a run config may name are in
`launchpad`; plans themselves are in `migration.reviewed_plans.comparison` and `migration.reviewed_plans.approval`.
"""

from collections.abc import Sequence
from pathlib import Path

from pydantic import Field

from meter_assets import settings
from meter_assets.defs import launchpad
from meter_assets.errors import PlanUnusable
from meter_assets.migration.reviewed_plans.approval import ApprovalRules
from meter_assets.migration.reviewed_plans.comparison import PlanToRun
from meter_assets.rules.steps import MIGRATION

PLAN_DIR = Field(
    default=None,
    description="The folder of a reviewed plan (that a dry run exported to): a tenant is changed only if what would "
    "change now is exactly that. It must be below a folder that the table [launchpad] of the configuration file names.",
)


def plan_to_run(plan_dir: str | None, steps: Sequence[str]) -> PlanToRun | None:
    """Return the plan that a run of these steps follows; None if it follows none.

    Raises ForbiddenRunConfig for a folder that it may not name, and PlanUnusable if the settings require a plan that
    was approved.
    """
    required, folder = settings.plan(), launchpad.plan_folder(plan_dir)
    if folder is None:
        require_no_plan(steps)
        return None
    signers = Path(required.allowed_signers) if required.allowed_signers else None
    return PlanToRun(folder, ApprovalRules(required.require_approval, signers))


def require_no_plan(steps: Sequence[str]) -> None:
    """Raise PlanUnusable if the settings require a plan for one of these steps."""
    if settings.plan().require_approval and set(steps) & set(MIGRATION):
        raise PlanUnusable(
            f"The table [plan] of {settings.config_file()} sets require_approval: a live run must follow a plan that "
            "somebody else has approved. Nothing was changed. Make one with 'meter-assets migrate-meter-financials "
            "--dry-run --export DIR', let it be approved with 'meter-assets approve DIR', and run 'meter-assets "
            "migrate-meter-financials --plan DIR'."
        )
