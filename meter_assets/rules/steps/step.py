"""`Step`: one value that describes a step; everything that depends on the step is derived from it.

Each other module of this package contains one `Step`, as its constant STEP, and the function that computes its change.
Journal, rights, guards, batches, reports, columns and titles are derived from the value. A new step also needs an entry
in the list in this package's `__init__`, and a module in `defs` that shows it as an asset.
"""

from collections.abc import Callable
from dataclasses import dataclass

from meter_assets.billing.change import Change
from meter_assets.billing.own_tables import JournaledStep
from meter_assets.billing.relations import BillingRelations
from meter_assets.rules.invariants import Group, Invariant


@dataclass(frozen=True)
class StepGuards:
    """The invariants that are checked before the step writes, on its written rows, and on the tenant after it."""

    values: tuple[Invariant, ...] = ()
    """Those of the values that the step reads. They are checked before all others, and nobody can override them."""
    before: tuple[Invariant, ...] = ()
    of_written_rows: tuple[Invariant, ...] = ()
    after: tuple[Invariant, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Step(JournaledStep):
    """One step of the migration: what it writes, how its change is computed, its guards and its title."""

    title: str
    """The step in words, as an imperative: "Give payments their meter ids"."""
    compute: Callable[[BillingRelations], Change]
    guards: StepGuards = StepGuards()
    reads: tuple[str, ...] | None = None
    """The billing tables whose values it reads, if not all: invariants of values guard it for these only."""
    checks: tuple[Group, ...] = ()
    """The groups of invariants about the rows that the step writes: the checks of its asset."""
    corrects: tuple[Invariant, ...] = ()
    """Those of them that are usually violated before the step has run, because the step corrects the rows."""
    batchable: bool = True
    """Whether it may be written in several transactions."""
    needs_backup: bool = True
    """Whether the backup must be taken before it writes; if it is missing, a run of the step takes it first.

    False for the backup itself, and for a step with a guard that refuses to write without a backup.
    """
    overridable: bool = False
    """Whether the user may let a run write although the guards before it fail."""
