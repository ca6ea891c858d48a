"""Errors about reviewed plans: one that cannot be run, that is not approved, or that is no longer what would change.

Add an error here when a plan is refused. Errors of a step run itself are in `steps`.
"""

from collections.abc import Sequence

from meter_assets.errors.base import ConfigurationError, StepError
from meter_assets.formatting import counted

_NOTHING, _STEPS_STAY = ", and nothing was changed", "; the steps that this run has finished stay, journaled"


class PlanUnusable(ConfigurationError):
    """A folder has no plan, or a plan cannot be read; found before anything starts."""


class PlanRefused(StepError):
    """The plan of a tenant is not one that may be run: altered, of something else, or not approved."""

    is_refusal = True

    def __init__(self, tenant_id: str, folder: str, problem: str, advice: str, *, was_compared: bool = False) -> None:
        """Take the tenant, the folder of its plan, what is wrong with the plan as a clause, and what to do.

        `was_compared` is whether the run has compared the tenant before, and may have written steps of it since.
        """
        self.tenant_id, self.problem = tenant_id, problem
        what = _STEPS_STAY if was_compared else _NOTHING
        super().__init__(f"The plan of tenant {tenant_id} in {folder} was refused{what}: {problem}. {advice}")


class PlanDrifted(StepError):
    """What a tenant's migration would change now is not what its plan says."""

    def __init__(
        self, title: str, folder: str, drifts: Sequence["StepDrift"], *, written: bool, was_compared: bool = False
    ) -> None:
        """Take what was refused, the folder of the plan, and how each step differs.

        `written` is whether a step was stopped while it was running, after the tenant was compared as a whole.
        `was_compared` is whether the run has compared the tenant before, and may have written steps of it since.
        """
        self.drifts, self.is_refusal = tuple(drifts), not written
        refused = f"was refused{_STEPS_STAY if was_compared else _NOTHING}"
        what = "was rolled back; earlier steps and batches stay, journaled" if written else refused
        super().__init__(
            f"{title} {what}: what it would change now is not the plan in {folder}. {' '.join(map(str, drifts))} Make "
            "the plan again (--dry-run --export), have it reviewed, and run that one."
        )


class StepDrift:
    """How what a step would change now differs from its plan."""

    def __init__(
        self, step: str, added: int, gone: int, different: int, examples: Sequence[str], seen: Sequence[str] = ()
    ) -> None:
        """Take the step, the numbers of rows by kind, and some of the rows in words.

        `seen` are the columns that are not written, but that the journal records of each row, and the files do not.
        """
        self.step, self.added, self.gone, self.different = step, added, gone, different
        self.examples, self.seen = tuple(examples), tuple(seen)

    def __str__(self) -> str:
        """Return one sentence."""
        counts = [
            f"{count:,} {name}"
            for name, count in (("added", self.added), ("gone", self.gone), ("different", self.different))
            if count
        ]
        rows = counted(self.added + self.gone + self.different, "row")
        if not counts:
            columns = " or ".join(self.seen) or "other columns"
            return (
                f"{self.step}: the same rows would be written, but others have changed {columns} of some of them "
                "since, which the journal records too."
            )
        return f"{self.step}: {rows} drifted ({', '.join(counts)}): {'; '.join(self.examples)}."
