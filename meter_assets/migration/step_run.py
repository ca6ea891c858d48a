"""`StepRun`: which step of which tenant runs, and with which options; `PreparedStep`: the step, ready to run.

Undoing a step is a step run too; its change is computed in `rules.undo`. Add a new option of a run here. How a step
runs is in `apply` and `batches`, and its checks are in `stages`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from meter_assets.billing.change import Change
from meter_assets.billing.policy import Policy
from meter_assets.billing.relations import BillingRelations, billing_relations
from meter_assets.billing.schema import BillingSchema
from meter_assets.errors import InvalidSettings, NothingToWrite
from meter_assets.migration.batch_size import AUTO
from meter_assets.migration.database import Tenant
from meter_assets.migration.origin import UNKNOWN, Origin
from meter_assets.migration.reviewed_plans.manifest import Manifest
from meter_assets.migration.run_history import StepRunRecord
from meter_assets.migration.step_report import StepReport
from meter_assets.migration.temporary_tables import TemporaryTables, materialized
from meter_assets.rules.steps import STEPS, Step, StepGuards
from meter_assets.rules.undo import undo, written_later


def _nothing(*_: object) -> None:
    """Do nothing."""


@dataclass(frozen=True)
class PlanOfTenant:
    """The reviewed plan of a tenant: its folder and its manifest."""

    folder: Path
    manifest: Manifest


@dataclass(frozen=True)
class StepRun:
    """A step of a tenant to run, with its run id and policy; or a recorded step to undo.

    With `batch_size`, each transaction writes at most this many rows, or with AUTO as many as the load of the server
    allows; without it, one transaction writes all rows.
    """

    step: str
    tenant: Tenant
    run_id: str
    policy: Policy
    allow_invalid: bool = False
    batch_size: int | None = None
    undoes: StepRunRecord | None = None
    policy_changed: bool = False
    """Whether the policy may differ from the one that the tenant was migrated with."""
    allow_unverified: bool = False
    """Of a rollback: whether the journal and the records need not be as they were recorded."""
    origin: Origin = UNKNOWN
    """Who started it, and why: recorded with it."""
    about_to_commit: Callable[[], None] = _nothing
    """Called just before the commit of each transaction that changes rows; a retry may call it again."""
    plan: PlanOfTenant | None = None
    """The reviewed plan: the step changes exactly its rows, or nothing."""
    also_ran: Callable[[StepReport], None] = _nothing
    """Called with the report of the backup, if the tenant had none and it was taken before this step."""

    def __post_init__(self) -> None:
        """Raise InvalidSettings for a batch of no rows."""
        if self.batch_size is not None and self.batch_size < 1 and self.batch_size != AUTO:
            raise InvalidSettings(f"batch_size is {self.batch_size}; expected a number of rows, 1 or more.")

    @property
    def rolls_back(self) -> bool:
        """Whether it undoes a step."""
        return self.undoes is not None

    @property
    def title(self) -> str:
        """The step's name in messages."""
        name = self.step if self.undoes is None else f"the rollback of {self.step}"
        return f"{name} of tenant {self.tenant.key}"


@dataclass(frozen=True)
class RunningStep:
    """A started step run: its row in meter_migration_runs, whose id the journaled rows have."""

    id: int
    run_id: str
    tenant: Tenant
    recorded: Mapping[str, Any] = field(default_factory=dict)
    """That row, as it was inserted."""
    origin: Mapping[str, Any] | None = None
    """Its row in meter_migration_origins."""
    previous: str | None = None
    """The digest of the tenant's step run before it."""


@dataclass(frozen=True)
class PreparedStep:
    """A step of one tenant that is ready to run: the relations that it reads, its change, and its guards."""

    tenant: str
    """The tenant's key."""
    name: str
    """The step's name."""
    relations: BillingRelations
    compute: Callable[[], Change]
    guards: StepGuards
    allow_invalid: bool = False
    reads: tuple[str, ...] | None = None
    """The tables whose values it reads; None for all."""

    @property
    def schema(self) -> BillingSchema:
        """The schema of the relations."""
        return self.relations.schema

    @cached_property
    def change(self) -> Change:
        """What it would change. It is not asked for before the guards of the step have been evaluated."""
        return self.compute()

    def with_change(self, change: Change) -> "PreparedStep":
        """Return this step with its change as it was computed."""
        return replace(self, compute=lambda: change)

    def computed(self, tables: TemporaryTables | None) -> "PreparedStep":
        """Compute the change into a temporary table, and return the step that reads it there; itself without tables."""
        return self if tables is None else self.with_change(tables.change(self.change))


def prepare(step: Step, tenant: str, relations: BillingRelations, *, allow_invalid: bool = False) -> PreparedStep:
    """Return a step that is ready to run on these relations of a tenant. Raises NothingToWrite."""
    if not relations.schema.written_columns(step):
        raise NothingToWrite(step.name, step.target, step.columns)
    return PreparedStep(
        tenant, step.name, relations, partial(step.compute, relations), step.guards, allow_invalid, step.reads
    )


def prepare_run(schema: BillingSchema, run: StepRun, tables: TemporaryTables | None) -> PreparedStep:
    """Return the step that a step run executes, or the undoing of its recorded step.

    With `tables`, what it computes from the billing tables for several statements is in temporary tables.
    """
    if run.undoes is None:
        relations = materialized(billing_relations(schema, run.policy, run.tenant.id), tables)
        return prepare(STEPS[run.step], run.tenant.key, relations, allow_invalid=run.allow_invalid)
    step = schema.journaled[run.step]
    relations = billing_relations(schema, run.policy, run.tenant.id, deleted_too=True)
    kept = written_later(schema, run.tenant.id, step, run.undoes.id)
    compute = partial(undo, relations, step, run.undoes.id, run.undoes.run_id, kept)
    return PreparedStep(run.tenant.key, run.step, relations, compute, StepGuards())
