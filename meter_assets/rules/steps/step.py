"""What a step is: one value from which everything that is keyed by a step is derived.

A module of this package holds one `Step`, as its constant STEP, and the function that computes its change. Journal,
rights, guards, batches, reports, columns and titles follow from the value: nothing else has to be told of a new step
but the list in this package's `__init__`, and the module in `defs` that shows it as an asset.
"""

from collections.abc import Callable
from dataclasses import dataclass

from meter_assets.billing.change import Change
from meter_assets.billing.own_tables import JournaledStep
from meter_assets.billing.relations import BillingRelations
from meter_assets.rules.invariants import Group, Invariant


@dataclass(frozen=True)
class StepGuards:
    """The invariants that must hold before a step writes, of each row that it wrote, and of the tenant afterwards."""

    before: tuple[Invariant, ...] = ()
    of_written_rows: tuple[Invariant, ...] = ()
    after: tuple[Invariant, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Step(JournaledStep):
    """One step of the migration: what it writes, how its change is computed, what guards it, how it is shown."""

    title: str
    """The step in words, as an imperative: "Give payments their meter ids"."""
    compute: Callable[[BillingRelations], Change]
    guards: StepGuards = StepGuards()
    checks: Group | None = None
    """The group of invariants about the rows that the step writes: the checks of its asset."""
    batchable: bool = True
    """Whether it may be written in several transactions."""
    overridable: bool = False
    """Whether a run may be told to write although the guards before it fail."""
