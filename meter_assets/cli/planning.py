"""Approves plans and prints what was approved. Add here what commands print about plans.

What a valid approval is, is in `migration.reviewed_plans.approval`.
"""

from collections.abc import Sequence
from pathlib import Path

from meter_assets import settings
from meter_assets.cli.terminal import Terminal
from meter_assets.foreign_text import named
from meter_assets.migration.reviewed_plans.approval import Approved, approve
from meter_assets.migration.reviewed_plans.manifest import folder_of, planned_tenants
from meter_assets.reports.tables import Grid


def approve_plans(folder: Path, tenants: Sequence[str], name: str | None, key: Path | None) -> int:
    """Approve the plans of these tenants in a folder (default: of all), and print them. Returns the exit status.

    Raises PlanUnusable for the first plan that cannot be approved, and InvalidSettings for a key that cannot sign.
    """
    chosen = tuple(tenants) or planned_tenants(folder)
    approved = [approve(folder_of(folder, tenant), name, key, tenant=tenant) for tenant in chosen]
    terminal = Terminal()
    headings = ("tenant", "rows to change", "result", "plan made by", "at", "digest")
    terminal.grid(Grid("Approved", headings, tuple(map(_row, approved))))
    for manifest in (one.manifest for one in approved if one.manifest.would_fail):
        tenant = named(manifest.tenant, manifest.tenant_name)
        terminal.print(f"By its dry run, the migration of tenant {tenant} would fail.", style="red")
    first = approved[0].approval
    signed = "" if key is None else ", signed"
    terminal.print(f"Approved by {first.name} ({first.person}) at {first.approved_at}{signed}.")
    terminal.command(f"Run them:  {settings.command('meter-assets')} migrate-meter-financials --plan {folder}")
    return 0


def _row(one: Approved) -> tuple[str, ...]:
    manifest = one.manifest
    return (
        named(manifest.tenant, manifest.tenant_name),
        f"{manifest.rows:,}",
        "would FAIL" if manifest.would_fail else "would succeed",
        str(manifest.created_by),
        manifest.created_at,
        manifest.digest[:16],
    )
