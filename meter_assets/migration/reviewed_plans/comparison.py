"""Runs a tenant by its reviewed plan: compares what would change now with the manifest, before anything is written.

Before its first step, a tenant is compared as a whole, in one read-only snapshot. Then each step compares again in its
own transaction, because other programs may have written since. Add here what makes a plan one that may be run. The
content of a plan is in `manifest`, the rows that are compared in `rows`, the names of drifted rows in
`drifted_rows`.
"""

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Select

from meter_assets.billing.change import Change
from meter_assets.billing.policy import Policy
from meter_assets.billing.schema import BillingSchema
from meter_assets.errors import PlanDrifted, PlanRefused, StepDrift
from meter_assets.foreign_text import quoted, shown
from meter_assets.migration.database import BillingDatabase, Tenant
from meter_assets.migration.reviewed_plans.approval import ApprovalRules, require_approved
from meter_assets.migration.reviewed_plans.contents import problems_of_files
from meter_assets.migration.reviewed_plans.drifted_rows import drift_of, has_exactly
from meter_assets.migration.reviewed_plans.manifest import (
    Manifest,
    StepPlanned,
    folder_of,
    is_of_version,
    read_manifest,
)
from meter_assets.migration.reviewed_plans.rows import RowsDigest, digest_of, of_the_plan
from meter_assets.migration.snapshot import tried_again
from meter_assets.migration.step_run import PlanOfTenant, StepRun, prepare
from meter_assets.migration.temporary_tables import READ_OFTEN, materialized
from meter_assets.rules.steps import MIGRATION, STEPS
from meter_assets.version import __version__

_AGAIN = "Make the plan again with --dry-run --export, have it reviewed, and run that one."
_COMPARED = "a plan"
"""What is checked of a tenant that was compared with any plan."""


@dataclass(frozen=True)
class PlanToRun:
    """The folder of the plans of several tenants, and which approval a run of them needs."""

    folder: Path
    rules: ApprovalRules = field(default_factory=ApprovalRules)

    def of(
        self, database: BillingDatabase, tenant: Tenant, policy: Policy, started_by: str | None = None
    ) -> PlanOfTenant:
        """Return the plan of a tenant, if it is one of this tenant, database, policy and version, and approved.

        `started_by` is who started the run: somebody else must have approved the plan, if an approval is required.
        Raises PlanRefused, and PlanUnusable if there is none or it was altered.
        """
        folder = folder_of(self.folder, tenant.key)
        manifest = read_manifest(folder)
        was_compared = _was_compared(database, tenant)
        for problem in _problems(manifest, database, tenant, policy):
            raise PlanRefused(tenant.key, str(folder), problem, _AGAIN, was_compared=was_compared)
        require_approved(folder, manifest, self.rules, started_by, was_compared=was_compared)
        return PlanOfTenant(folder, manifest)


def _problems(manifest: Manifest, database: BillingDatabase, tenant: Tenant, policy: Policy) -> Iterator[str]:
    """Yield, as clauses, in what a plan is not of this tenant, database, policy and version."""
    if manifest.tenant != tenant.key:
        yield f"it is of tenant {quoted(manifest.tenant)}"
    if manifest.database != database.place:
        yield f"it is of another database, {shown(manifest.database)}; this one is {database.place}"
    given = policy.model_dump(mode="json")
    if manifest.policy != given:
        names = [name for name in {**manifest.policy, **given} if manifest.policy.get(name) != given.get(name)]
        yield f"it was made with another policy, which differs in {', '.join(map(quoted, names))}"
    if manifest.mapping_digest != database.mapping.digest:
        yield "it was made with another mapping of tables and columns ([tables.NAME] of the configuration file)"
    if not is_of_version(manifest, __version__):
        yield f"it was made by version {quoted(manifest.software_version)}, and this is version {__version__}"
    steps = [one.step for one in manifest.steps]
    if steps != list(MIGRATION):
        yield f"its steps are {', '.join(map(quoted, steps))}; expected {', '.join(MIGRATION)}"


def require_as_planned(database: BillingDatabase, run: StepRun) -> None:
    """Raise PlanDrifted unless a tenant's whole migration would change exactly what its plan says.

    It compares once in a run, before its first step; the tenant must be locked. Raises PlanRefused and PlanUnusable for
    files that are altered, or that do not have the rows of which the manifest has the digest.
    """
    plan = run.plan
    if plan is None or _compared(run, plan) in database.checked(run.tenant):
        return
    for problem in problems_of_files(plan.folder, plan.manifest):
        raise PlanRefused(
            run.tenant.key, str(plan.folder), problem, _AGAIN, was_compared=_was_compared(database, run.tenant)
        )
    drifts = _drifts_of_tenant(database, run, plan)
    if drifts:
        was_compared = _was_compared(database, run.tenant)
        raise PlanDrifted(
            f"Tenant {run.tenant.key}", str(plan.folder), drifts, written=False, was_compared=was_compared
        )
    database.checked(run.tenant).update((_compared(run, plan), _COMPARED))


def _compared(run: StepRun, plan: PlanOfTenant) -> Hashable:
    """Return what is checked of a tenant that was compared with its plan: see `BillingDatabase.checked`."""
    return "plan", run.run_id, plan.manifest.digest


def _was_compared(database: BillingDatabase, tenant: Tenant) -> bool:
    """Return whether this run has compared a tenant before: its plan or approval may have been replaced since."""
    return _COMPARED in database.checked(tenant)


@tried_again
def _drifts_of_tenant(database: BillingDatabase, run: StepRun, plan: PlanOfTenant) -> list[StepDrift]:
    """Compose all steps in one snapshot, as the dry run did, and return how each differs from the plan."""
    drifts = []
    was_compared = _was_compared(database, run.tenant)
    with database.read(run.policy) as snapshot:
        tables = snapshot.tables
        relations = materialized(snapshot.relations(run.tenant.id), tables, *READ_OFTEN)
        for planned in plan.manifest.steps:
            step = prepare(STEPS[planned.step], run.tenant.key, relations, allow_invalid=True).computed(tables)
            found = _difference(
                snapshot.connection,
                snapshot.schema,
                run,
                plan,
                planned,
                step.change,
                compares_file=True,
                was_compared=was_compared,
            )
            drifts += [found] if found else []
            relations = relations.after(step.change)
    return drifts


def require_planned(connection: Connection, schema: BillingSchema, run: StepRun, change: Change | None = None) -> None:
    """Raise PlanDrifted unless what a step has journaled, and with `change` would change, is what its plan says.

    Call it in the transaction of the step, before the commit. A run without a plan is not compared.
    """
    if run.plan is None or run.rolls_back:
        return
    planned = run.plan.manifest.step(run.step)
    if planned is None:
        raise PlanRefused(run.tenant.key, str(run.plan.folder), f"it does not have the step {run.step}", _AGAIN)
    found = _difference(connection, schema, run, run.plan, planned, change)
    if found:
        raise PlanDrifted(run.title, str(run.plan.folder), [found], written=True)


def _difference(
    connection: Connection,
    schema: BillingSchema,
    run: StepRun,
    plan: PlanOfTenant,
    planned: StepPlanned,
    change: Change | None,
    *,
    compares_file: bool = False,
    was_compared: bool = False,
) -> StepDrift | None:
    newest = plan.manifest.newest_step_run
    rows: Select[Any] = of_the_plan(connection, schema, STEPS[planned.step], run.tenant.id, newest, change)
    if digest_of(connection, rows) == RowsDigest(planned.rows, planned.digest):
        if compares_file and not has_exactly(connection, schema, rows, planned, plan.folder):
            problem = f"{planned.file} does not have the rows of which the manifest has the digest"
            raise PlanRefused(run.tenant.key, str(plan.folder), problem, _AGAIN, was_compared=was_compared)
        return None
    return drift_of(connection, schema, rows, planned, plan.folder)
