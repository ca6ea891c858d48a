"""The job rollback_meter_financials: undoes a tenant's migration and marks its partitions as not materialized.

Add a field of its run config or an entry of its metadata here. How steps are undone is in `migration.rollback`.
"""

from functools import cache, partial
from typing import Any

import dagster as dg
from pydantic import Field

from meter_assets.defs import launchpad, metadata
from meter_assets.defs.origin import origin_of
from meter_assets.defs.resources import BillingResource, PolicyResource
from meter_assets.defs.scope import UNNAMED, Scope
from meter_assets.defs.step import RunConfig, failures, tenant_of
from meter_assets.errors import InvalidSettings, MissingPartition
from meter_assets.foreign_text import named, quoted
from meter_assets.migration.database import Tenant
from meter_assets.migration.rollback import Rollback, UndoneStep, roll_back
from meter_assets.reports import tables as render
from meter_assets.reports.rollback_preview import preview_rollback
from meter_assets.rules.steps import STEPS
from meter_assets.runtime import run_tags
from meter_assets.runtime.materializations import forget_materializations
from meter_assets.runtime.retries import NEVER_AGAIN
from meter_assets.runtime.sentences import StepFailed


class RollbackConfig(RunConfig):
    """The run config of a rollback."""

    before_run: str | None = Field(
        default=None,
        description="Undo this run (its id, or the start of it) and all later runs of the tenant. Default: all runs.",
    )
    dry_run: bool = Field(
        default=True, description="Only show what would be undone; write nothing. Set it to false to roll back."
    )
    confirm_tenant: str | None = Field(
        default=None, description="For a live rollback (dry_run: false): the id of the tenant, typed once more."
    )
    batch_size: int | None = Field(
        default=None,
        description="Write this number of rows per transaction, for a large tenant while others write; -1: as many "
        "as the load of the server allows.",
    )
    allow_unverified: bool = Field(
        default=False,
        description="Roll back although the journal, the backup or the records are not as they were recorded: somebody "
        "has changed them, and wrong values may be restored. Compare them with a backup of the database first. Also: "
        "roll back although the mapping names other tables or columns than when the run wrote them.",
    )
    export_dir: str | None = Field(
        default=None,
        description="With dry_run: a folder for CSV files with every row that would be restored or skipped. It must be "
        "below a folder that the table [launchpad] of the configuration file names.",
    )


def _undo_steps(
    context: dg.OpExecutionContext, config: RollbackConfig, billing: BillingResource, policy: PolicyResource
) -> dg.Output[None]:
    """Undo a tenant's steps from their journals, newest first. Rows that were changed since are listed and skipped."""
    with failures():
        export = launchpad.export_folder(config.export_dir)
        if not context.has_partition_key:
            raise MissingPartition(f"The job {context.job_name}")
        tenant = tenant_of(context, billing)
        if config.dry_run:
            found = preview_rollback(
                billing.database, tenant, config.before_run, export=export, allow_unverified=config.allow_unverified
            )
        elif export is not None:
            raise InvalidSettings("export_dir requires dry_run: it writes the rows that would be restored or skipped.")
        elif config.confirm_tenant != tenant.key:
            raise InvalidSettings(_not_confirmed(tenant, config.confirm_tenant))
        else:
            found = _undone(context, config, billing, policy, tenant)
    entries = _metadata(found, config.dry_run)
    if found.skipped:
        verb = "would be" if config.dry_run else "were"
        raise StepFailed(
            f"{found.restored:,} rows of tenant {tenant.key} {verb} restored; {found.skipped:,} {verb} skipped, "
            "because their values differ from those that the journal recorded as written. They are listed with the "
            "expected and the found values: correct each by hand, or keep it.",
            entries,
        )
    return dg.Output(None, metadata=entries)


def _not_confirmed(tenant: Tenant, given: str | None) -> str:
    found = "is not set" if given is None else f"is {quoted(given)}"
    return (
        f"Nothing was rolled back: a live rollback of tenant {tenant.key} must name it, but confirm_tenant {found}. "
        f'Set confirm_tenant: "{tenant.key}" in the config of the op, or run with dry_run: true first.'
    )


def rollback_job(scope: Scope, op: dg.OpDefinition) -> dg.JobDefinition:
    """Return the job of one billing database that executes this op."""

    @dg.job(
        name=scope.named("rollback_meter_financials"),
        partitions_def=scope.partitions,
        executor_def=dg.in_process_executor,
        # If Dagster started it again, it might undo a later migration.
        tags={**NEVER_AGAIN, **run_tags.FIRST},
        config={"ops": {op.name: {"config": {"dry_run": True}}}},  # what the launchpad starts with
        description="Undoes a tenant's migration from its journals: all runs, or a run and the later ones. Select the "
        "tenant as the partition. By default it is a dry run; a live one needs dry_run: false and the tenant's id, "
        "typed as confirm_tenant.",
    )
    def rollback() -> None:
        op()

    return rollback


def undo_op(scope: Scope) -> dg.OpDefinition:
    """Return the op of the job of one billing database."""
    return dg.op(name=scope.named("undo_steps"))(scope.bind(_undo_steps))


undo_steps = undo_op(UNNAMED)
rollback_meter_financials = rollback_job(UNNAMED, undo_steps)


def _undone(
    context: dg.OpExecutionContext,
    config: RollbackConfig,
    billing: BillingResource,
    policy: PolicyResource,
    tenant: Tenant,
) -> Rollback:
    """Undo the steps and return the results. If a step fails, the failure includes the results of those before it."""
    found = Rollback(tenant=tenant.key, name=tenant.name, steps=[])
    keys = [billing.scope.key(step).path for step in STEPS]
    # Once, and before the first commit: if this process is killed, Dagster must not show outdated materializations.
    forget = cache(partial(forget_materializations, context.instance, keys, tenant.key))
    try:
        with failures():
            for one in roll_back(
                billing.database,
                tenant,
                context.run_id,
                policy.policy(),
                before_run=config.before_run,
                batch_size=config.batch_size,
                about_to_commit=forget,
                origin=origin_of(context.run),
                allow_unverified=config.allow_unverified,
            ):
                _report_step(context, billing.scope, tenant, one)
                found.steps.append(one)
    except dg.Failure as failure:
        entries = {**failure.metadata, **(_metadata(found, dry_run=False) if found.steps else {})}
        raise StepFailed(str(failure.description), entries) from None
    if not found.steps and config.before_run is None:
        forget()  # the run that undid the steps may have been killed before it updated Dagster
    return found


def _report_step(context: dg.OpExecutionContext, scope: Scope, tenant: Tenant, one: UndoneStep) -> None:
    whose = f"run {quoted(one.made.run_id)} of tenant {named(tenant.key, tenant.name)}"
    counts = f"{one.report.changed:,} rows restored, {one.skipped:,} skipped"
    context.log.info(metadata.log_line(f"{one.made.step} of {whose}: {counts}"))
    key = scope.key(one.made.step)
    context.log_event(dg.AssetObservation(key, partition=tenant.key, metadata=_step_metadata(one)))


def _step_metadata(one: UndoneStep) -> dict[str, Any]:
    return {
        "rolled_back_run": metadata.text(one.made.run_id),
        "rows_restored": one.report.changed,
        "rows_left_alone": one.skipped,
        **metadata.table("rows", render.outcomes(one.report)),
        **metadata.table("money", render.money(one.report)),
        **metadata.table("skipped", render.skipped(one)),
    }


def _metadata(found: Rollback, dry_run: bool) -> dict[str, Any]:
    verb = "that_would_be_" if dry_run else ""
    entries: dict[str, Any] = {
        f"rows_{verb}restored": found.restored,
        f"rows_{verb}left_alone": found.skipped,
        **metadata.table("steps", render.undone(found)),
        **metadata.report(found),
    }
    if dry_run:
        entries["dry_run"] = "Nothing was written."
    notes = [note for one in found.steps for note in one.report.notes]
    if notes:
        entries["notes"] = metadata.text(" ".join(notes))
    for one in found.steps:
        if one.skipped:
            entries |= metadata.table(f"left alone of {one.made.step} {one.made.id}", render.skipped(one))
    return entries
