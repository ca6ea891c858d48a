"""Shows the progress of a run on the terminal: one line per finished step, and a spinner with the current step.

Add here what is shown during a run. What is shown after it is in `results`.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from dagster import DagsterEventType, EventLogEntry
from rich.status import Status
from rich.text import Text

from meter_assets.cli.results import STEPS, Results
from meter_assets.cli.runner import TenantRun
from meter_assets.foreign_text import named, shown
from meter_assets.migration.database import Tenant
from meter_assets.rules.invariants import Group
from meter_assets.rules.steps import STEPS as EVERY_STEP
from meter_assets.rules.steps import guarded_step

VALIDATIONS = {
    "validation before": (Group.values, Group.payments, Group.invoices, Group.backup),
    "validation after": (Group.balances,),
}


class Progress:
    """Prints one line per step from a run's events, in the order of the six steps, and updates the spinner."""

    def __init__(self, terminal: Results, status: Status | None, *, brief: bool) -> None:
        """Take the terminal, the spinner if there is one, and whether to omit a preview."""
        self._brief = brief
        self._terminal = terminal
        self._status = status
        self._ended: set[str] = set()
        self._waiting = [*STEPS, *(name for name in EVERY_STEP if name not in STEPS)]

    def __call__(self, run: TenantRun, entry: EventLogEntry) -> None:
        """Take one event of the run."""
        event = entry.dagster_event
        if event is None:
            return
        key = event.step_key or ""
        if event.event_type is DagsterEventType.STEP_START and self._status is not None:
            self._status.update(Text(f"  {shown(key.replace('_', ' '))} ..."))
        if event.event_type in (DagsterEventType.STEP_SUCCESS, DagsterEventType.STEP_FAILURE):
            self._ended.add(key)
            while self._waiting and self._show(run, self._waiting[0]):
                self._waiting.pop(0)

    def finish(self, run: TenantRun) -> None:
        """Show the remaining steps: a step before them did not run, so they were not shown in order."""
        for label in self._waiting:
            self._show(run, label, finished=True)
        self._waiting.clear()
        if run.preview is not None and not self._brief:
            self._terminal.preview(run.preview)
        if run.rollback is not None:
            self._terminal.rollback(run.rollback)

    def _show(self, run: TenantRun, label: str, *, finished: bool = False) -> bool:
        """Show a step if it has ended. Return whether it has."""
        if label in run.reports:
            self._terminal.step(run.reports[label])
            return True
        groups = VALIDATIONS.get(label, ())
        results = [one for one in run.results if one.group in groups]
        all_ended = all(f"{guarded_step(group)}_checks" in self._ended for group in groups)
        if results and (finished or all_ended):
            self._terminal.validation(label, results)
            return True
        return False


@contextmanager
def following(terminal: Results, tenant: Tenant, at: int, of: int, *, brief: bool = False) -> Iterator[Progress]:
    """Show the progress of a tenant's run. If brief, omit the preview: `Results.preview_summary` shows it."""
    if not brief:
        terminal.heading(f"Tenant {named(tenant.key, tenant.name)} ({at} of {of})")
    with terminal.spinner(f"tenant {shown(tenant.key)}: starting") as status:
        yield Progress(terminal, status, brief=brief)
