"""The dry run of a rollback: the changes that undo a tenant's steps, computed in one read-only snapshot.

It writes nothing and takes no lock. Add here what such a dry run computes; the steps to undo are found in
`migration.rollback`.
"""

from pathlib import Path

from meter_assets.billing.policy import Policy
from meter_assets.foreign_text import LONGEST_NAME, file_name
from meter_assets.migration.database import BillingDatabase
from meter_assets.migration.rollback import Rollback, UndoneStep, find_steps_to_undo
from meter_assets.migration.side_effects import unlike_the_backup
from meter_assets.migration.snapshot import tried_again
from meter_assets.migration.step_report import step_report, summarize_change
from meter_assets.migration.tenants import Tenant
from meter_assets.reports.export import export_changed, export_skipped
from meter_assets.rules.undo import once_newer_are_undone, undo


@tried_again
def preview_rollback(
    database: BillingDatabase,
    tenant: Tenant,
    before_run: str | None = None,
    *,
    export: Path | None = None,
    allow_unverified: bool = False,
) -> Rollback:
    """Return the result that `roll_back` would have, step by step. Writes nothing, takes no lock.

    With `export`, every row that would be restored or skipped is written below `<export>/<tenant>`, two CSV files for
    each step. Raises what `steps_to_undo` raises, and InvalidSettings for a folder that cannot be written.
    """
    done: list[UndoneStep] = []
    with database.read(Policy()) as snapshot:  # no policy decides what is undone
        connection, schema = snapshot.connection, snapshot.schema
        steps = find_steps_to_undo(connection, schema, tenant, before_run, allow_unverified=allow_unverified)
        now = snapshot.relations(tenant.id, deleted_too=True)
        for step in steps:
            writes = schema.journaled[step.step]
            relations, kept = once_newer_are_undone(now, writes, step.id)
            change = undo(relations, writes, step.id, step.run_id, kept)
            summary = summarize_change(connection, change, relations)
            report = step_report(connection, change, relations, change.changed, summary)
            report = report.with_notes(unlike_the_backup(connection, change, now))
            done.append(UndoneStep(made=step, report=report))
            if export is not None:
                folder = export / file_name(tenant.key, LONGEST_NAME)
                name = f"{step.id}_{file_name(step.step)}_of_{file_name(step.run_id)}"
                export_changed(connection, change, now, folder, name)
                export_skipped(connection, change, now, folder, f"{name}_left_alone")
    return Rollback(tenant=tenant.key, name=tenant.name, steps=done)
