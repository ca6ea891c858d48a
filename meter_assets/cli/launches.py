"""How commands launch Dagster's jobs: the steps and the run config of a migration, of a rollback, of a plan.

Add here what a command's options mean for the run config of a job. `runner` launches.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from meter_assets.cli.runner import Launch
from meter_assets.defs.rollback import undo_steps
from meter_assets.errors import PlanUnusable
from meter_assets.migration.database import Tenant
from meter_assets.migration.reviewed_plans.manifest import folder_of, read_manifest
from meter_assets.rules.steps import MIGRATION, STEPS


def migration(
    job: str,
    *,
    steps: Sequence[str] = (),
    batch_size: int | None = None,
    policy_changed: bool = False,
    plan: Path | None = None,
) -> Launch:
    """Return how to launch the steps (default: all) of a migration, in batches if a size is given, by a plan or not."""
    ops: dict[str, Any] = {}
    for step in steps or MIGRATION:
        config = {"batch_size": batch_size} if STEPS[step].batchable and batch_size else {}
        config |= plan_config(plan)
        ops |= {step: {"config": config}} if config else {}
    return Launch(job, assets=steps, config={"ops": ops, **policy_config(policy_changed)})


def plan_config(plan: Path | None) -> dict[str, Any]:
    """Return the part of an op's config that names the folder of reviewed plans."""
    return {} if plan is None else {"plan_dir": as_text(plan)}


def plan_digest(plan: Path, tenant: Tenant) -> str:
    """Return the digest of a tenant's plan; empty if there is none that can be read: its run will say why."""
    try:
        return read_manifest(folder_of(plan, tenant.key)).digest
    except PlanUnusable:
        return ""


def undoing(
    before_run: str | None = None,
    *,
    dry_run: bool = False,
    batch_size: int | None = None,
    export: Path | None = None,
    allow_unverified: bool = False,
) -> Launch:
    """Return how to launch a rollback, which is live unless it is a dry run."""
    config = {
        "before_run": before_run,
        "dry_run": dry_run,
        "batch_size": batch_size,
        "export_dir": as_text(export),
        "allow_unverified": allow_unverified or None,
    }
    given = {name: value for name, value in config.items() if value is not None}

    def confirmed(tenant: Tenant) -> dict[str, Any]:
        return {"ops": {undo_steps.name: {"config": {**given, "confirm_tenant": tenant.key}}}}

    return Launch("rollback_meter_financials", config=confirmed)


def policy_config(policy_changed: bool) -> dict[str, Any]:
    """Return the part of a run config that lets the policy differ from the one that a tenant was migrated with."""
    return {"resources": {"policy": {"config": {"policy_changed": True}}}} if policy_changed else {}


def as_text(folder: Path | None) -> str | None:
    """Return a folder for a run config, as an absolute path."""
    return str(folder.absolute()) if folder else None
