"""The results of runs for programs: of migrations, dry runs, validations and rollbacks, tenant by tenant.

Add here what `--json` prints of a run. The same results for people are in `results` and `previews`. A change of a model
changes a file in docs/schemas: fields are added, and never renamed or removed, within a major version.
"""

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from meter_assets.cli.json_output import Skipped
from meter_assets.cli.json_output import skipped_tenant as skipped_tenant
from meter_assets.cli.runner import JobRun, TenantRun
from meter_assets.foreign_text import Shown
from meter_assets.migration.database import Tenant
from meter_assets.migration.evaluation import InvariantResult
from meter_assets.migration.rollback import Rollback
from meter_assets.migration.step_report import StepReport
from meter_assets.reports.preview import Preview


class TenantResult(BaseModel):
    """How the run of one tenant has ended."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    tenant: str
    """The tenant's id."""
    name: Shown
    run_id: str
    """The id of the run, in Dagster and in the history."""
    succeeded: bool
    errors: list[str]
    """Why it failed, each a sentence; violated invariants are not among them."""


class Migrated(TenantResult):
    """The migration of one tenant: its steps in the order in which they ended, and the checks."""

    rows_changed: int
    steps: list[StepReport]
    invariants: list[InvariantResult]

    def without_rows(self) -> "Migrated":
        """Return the results without example rows."""
        steps = [one.model_copy(update={"largest": [], "review": []}) for one in self.steps]
        invariants = [one.model_copy(update={"samples": []}) for one in self.invariants]
        return self.model_copy(update={"steps": steps, "invariants": invariants})


class Previewed(TenantResult):
    """The dry run of one tenant."""

    preview: Preview | None
    """None if the dry run itself failed."""


class Validated(TenantResult):
    """The validation of one tenant."""

    evaluated_with: str
    """The policy by which it was evaluated, if it is not the configured one."""
    invariants: list[InvariantResult]


class RolledBack(TenantResult):
    """The rollback of one tenant, or its dry run."""

    rollback: Rollback | None
    """None if nothing was undone because it failed."""


class CommandResults(BaseModel):
    """What the results of every command have."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    command: str
    database: str
    """The URL, with its secrets masked."""
    exit_status: int
    skipped: list[Skipped]
    """The tenants that cannot be run because of their ids."""


class MigrationResults(CommandResults):
    """The results of a live run of steps."""

    dry_run: Literal[False] = False
    rows_changed: int
    finished_before: list[str]
    """The tenants that the same command had finished before it ended early, and that were not run again."""
    tenants: list[Migrated]
    """In the order of their runs. Of more than 50 tenants, or with --jobs, without example rows."""


class PreviewResults(CommandResults):
    """The results of a dry run of steps."""

    dry_run: Literal[True] = True
    tenants: list[Previewed]


class ValidationResults(CommandResults):
    """The results of a validation."""

    tenants: list[Validated]


class RollbackResults(CommandResults):
    """The results of a rollback, or of its dry run."""

    dry_run: bool
    rows_restored: int
    rows_skipped: int
    """Rows that were changed since, and so were left as they are."""
    tenants: list[RolledBack]

    @classmethod
    def of(cls, runs: Sequence[TenantRun], **of_command: Any) -> "RollbackResults":
        """Return the results of these runs."""
        found = [run.rollback for run in runs if run.rollback is not None]
        return cls(
            rows_restored=sum(one.restored for one in found),
            rows_skipped=sum(one.skipped for one in found),
            tenants=[RolledBack(**_of_run(run, run.tenant), rollback=run.rollback) for run in runs],
            **of_command,
        )


def migrated(run: TenantRun) -> Migrated:
    """Return the results of a tenant's migration."""
    return migrated_by(run, run.tenant, list(run.reports.values()), run.results)


def migrated_by(
    run: JobRun, tenant: Tenant, steps: Sequence[StepReport], invariants: Sequence[InvariantResult]
) -> Migrated:
    """Return the results of one of the tenants of a run; of many tenants, those that did not fail."""
    of_run = {**_of_run(run, tenant), "succeeded": run.succeeded if isinstance(run, TenantRun) else True}
    changed = sum(one.changed for one in steps)
    return Migrated(**of_run, rows_changed=changed, steps=list(steps), invariants=list(invariants))


def previewed(run: TenantRun) -> Previewed:
    """Return the results of a tenant's dry run."""
    return Previewed(**_of_run(run, run.tenant), preview=run.preview)


def validated(run: TenantRun) -> Validated:
    """Return the results of a tenant's validation."""
    return Validated(**_of_run(run, run.tenant), evaluated_with=run.evaluated_with, invariants=run.results)


def _of_run(run: JobRun, tenant: Tenant) -> dict[str, Any]:
    return {
        "tenant": tenant.key,
        "name": tenant.name,
        "run_id": run.run_id,
        "succeeded": run.succeeded,
        "errors": list(run.errors),
    }
