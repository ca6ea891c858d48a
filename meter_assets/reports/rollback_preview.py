"""The dry run of a rollback: what undoing a tenant's steps would do, in one read-only snapshot.

Nothing is written and no lock is taken. Which steps are undone, and undoing them, is in `migration.rollback`.
"""

from pathlib import Path

from meter_assets.billing.policy import Policy
from meter_assets.foreign_text import LONGEST_NAME, file_name
from meter_assets.migration.database import BillingDatabase
from meter_assets.migration.rollback import Rollback, UndoneStep, find_steps_to_undo
from meter_assets.migration.step_report import step_report, summarize_change
from meter_assets.migration.tenants import Tenant
from meter_assets.reports.export import export_changed, export_skipped
from meter_assets.rules.undo import once_newer_are_undone, undo


def preview_rollback(
    database: BillingDatabase, tenant: Tenant, before_run: str | None = None, *, export: Path | None = None
) -> Rollback:
    """Return what `roll_back` would do, step by step, in one read-only snapshot. Writes nothing, takes no lock.

    With `export`, every row that would be restored or left alone is written below `<export>/<tenant>`, two CSV files
    for each step. Raises what `steps_to_undo` raises, and InvalidSettings for a folder that cannot be written.
    """
    done: list[UndoneStep] = []
    with database.read(Policy()) as snapshot:  # no policy decides what is undone
        connection, schema = snapshot.connection, snapshot.schema
        steps = find_steps_to_undo(connection, schema, tenant, before_run)
        now = snapshot.relations(tenant.id, deleted_too=True)
        for step in steps:
            writes = schema.journaled[step.step]
            relations, kept = once_newer_are_undone(now, writes, step.id)
            change = undo(relations, writes, step.id, step.run_id, kept)
            stock = summarize_change(connection, change, relations)
            report = step_report(connection, change, relations, change.cte, stock)
            done.append(UndoneStep(made=step, report=report))
            if export is not None:
                folder = export / file_name(tenant.key, LONGEST_NAME)
                name = f"{step.id}_{file_name(step.step)}_of_{file_name(step.run_id)}"
                export_changed(connection, change, folder, name)
                export_skipped(connection, change, folder, f"{name}_left_alone")
    return Rollback(tenant=tenant.key, name=tenant.name, steps=done)
