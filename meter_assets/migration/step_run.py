"""A step run: which step of which tenant runs, and the step prepared to run.

Undoing a step is a step run like others: what it changes is computed in `rules.undo`. Add here what a run is told. How
a step runs is in `apply` and `batches`, what must hold for it in `stages`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from meter_assets.billing.change import Change
from meter_assets.billing.policy import Policy
from meter_assets.billing.relations import BillingRelations, billing_relations
from meter_assets.billing.schema import BillingSchema
from meter_assets.errors import InvalidSettings
from meter_assets.migration.database import Tenant
from meter_assets.migration.run_history import StepRunRecord
from meter_assets.rules.steps import STEPS, Step, StepGuards
from meter_assets.rules.undo import made_later, undo


def _nothing() -> None:
    """Do nothing."""


@dataclass(frozen=True)
class StepRun:
    """Which step of which tenant is run, under which run id and policy; or which recorded step it undoes.

    With `batch_size`, so many rows are written per transaction; without, all in one.
    """

    step: str
    tenant: Tenant
    run_id: str
    policy: Policy
    allow_invalid: bool = False
    batch_size: int | None = None
    undoes: StepRunRecord | None = None
    about_to_commit: Callable[[], None] = _nothing
    """Is called at the end of each transaction that changes rows, just before it commits: more than once, it may be."""

    def __post_init__(self) -> None:
        """Raise InvalidSettings for a batch of no rows."""
        if self.batch_size is not None and self.batch_size < 1:
            raise InvalidSettings(f"batch_size is {self.batch_size}; it takes a number of rows, 1 or more.")

    @property
    def rolls_back(self) -> bool:
        """Whether it undoes what a step has written."""
        return self.undoes is not None

    @property
    def title(self) -> str:
        """The step in words, as messages name it."""
        name = self.step if self.undoes is None else f"the rollback of {self.step}"
        return f"{name} of tenant {self.tenant.key}"


@dataclass(frozen=True)
class RunningStep:
    """A step run that has begun: its row in meter_migration_runs, under whose id its changes are journaled."""

    id: int
    run_id: str
    tenant: Tenant
    recorded: Mapping[str, Any] = field(default_factory=dict)
    """That row, as it was inserted."""


@dataclass(frozen=True)
class PreparedStep:
    """A step of one tenant, prepared to run: its change, the relations that it reads, and what guards it."""

    tenant: str
    """The tenant's key."""
    relations: BillingRelations
    change: Change
    guards: StepGuards
    allow_invalid: bool = False

    @property
    def schema(self) -> BillingSchema:
        """The tables."""
        return self.relations.schema


def prepare(step: Step, tenant: str, relations: BillingRelations, *, allow_invalid: bool = False) -> PreparedStep:
    """Return a step that would run on these relations of a tenant."""
    return PreparedStep(tenant, relations, step.compute(relations), step.guards, allow_invalid)


def prepare_run(schema: BillingSchema, run: StepRun) -> PreparedStep:
    """Return the step that a step run executes, or the undoing of the one that it undoes."""
    if run.undoes is None:
        relations = billing_relations(schema, run.policy, run.tenant.id)
        return prepare(STEPS[run.step], run.tenant.key, relations, allow_invalid=run.allow_invalid)
    step = schema.journaled[run.step]
    relations = billing_relations(schema, run.policy, run.tenant.id, deleted_too=True)
    kept = made_later(schema, run.tenant.id, step, run.undoes.id)
    change = undo(relations, step, run.undoes.id, run.undoes.run_id, kept)
    return PreparedStep(run.tenant.key, relations, change, StepGuards())
