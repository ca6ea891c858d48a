"""Who runs a step, and why: what is recorded with every step run beside what it writes.

Add here what is recorded of the origin of a run. Where it comes from, such as a tag of a run, is decided in `defs`.
"""

from dataclasses import dataclass

from meter_assets.foreign_text import shown
from meter_assets.migration.person import this_person

LONGEST_REASON = 1_000
"""The most characters of a reason that are recorded."""

IN_THE_UI = "UI"
"""Stands after the name of a user of the UI in parentheses; alone, where nobody knows who used it."""


@dataclass(frozen=True)
class Origin:
    """Who started a run, and why."""

    started_by: str | None = None
    """Who started it: a user and host of a command line, or the user of the UI; None if nobody is known."""
    reason: str | None = None
    """Why it was started, in the words of that person."""

    def recorded(self, database_role: str | None) -> dict[str, str | None]:
        """Return the values that are recorded of a step run that this process executes."""
        reason = shown(self.reason, LONGEST_REASON) if self.reason else None
        started_by = shown(self.started_by) if self.started_by else None
        return {
            "started_by": started_by,
            "executed_by": str(this_person()),
            "database_role": database_role,
            "reason": reason,
        }


UNKNOWN = Origin()
"""Of a run of which nobody has said who started it."""
