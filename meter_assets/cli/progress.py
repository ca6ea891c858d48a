"""The progress of a run on the terminal: one line per step as it ends, and a spinner that names the step under way.

Add here what is shown while a run goes on; what is shown after it is in `terminal`.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from dagster import DagsterEventType, EventLogEntry
from rich.status import Status
from rich.text import Text

from meter_assets.cli.runner import TenantRun
from meter_assets.cli.terminal import STEPS, Terminal
from meter_assets.foreign_text import named, shown
from meter_assets.migration.database import Tenant
from meter_assets.rules.invariants import Group
from meter_assets.rules.steps import guarded_step

VALIDATIONS = {
    "validation before": (Group.payments, Group.invoices, Group.backup),
    "validation after": (Group.balances,),
}


class Progress:
    """Turns a run's events into one line per step, in the order of the five steps, and into the spinner's text."""

    def __init__(self, terminal: Terminal, status: Status | None, *, brief: bool) -> None:
        """Take the terminal, the spinner where there is one, and whether to leave a preview out."""
        self._brief = brief
        self._terminal = terminal
        self._status = status
        self._ended: set[str] = set()
        self._waiting = list(STEPS)

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
        """Show the steps that could not be shown in order, since a step before them never ran."""
        for label in self._waiting:
            self._show(run, label, finished=True)
        self._waiting.clear()
        if run.preview is not None and not self._brief:
            self._terminal.preview(run.preview)
        if run.rollback is not None:
            self._terminal.rollback(run.rollback)

    def _show(self, run: TenantRun, label: str, *, finished: bool = False) -> bool:
        """Show a step if it has ended. Returns whether it has."""
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
def following(terminal: Terminal, tenant: Tenant, at: int, of: int, *, brief: bool = False) -> Iterator[Progress]:
    """Show a tenant's run while it goes on. In brief, a preview is left to `Terminal.preview_summary`."""
    if not brief:
        terminal.heading(f"Tenant {named(tenant.key, tenant.name)} ({at} of {of})")
    if terminal.console.is_terminal:
        with terminal.console.status(Text(f"tenant {shown(tenant.key)}: starting")) as status:
            yield Progress(terminal, status, brief=brief)
    else:
        yield Progress(terminal, None, brief=brief)
