"""Shows the progress of a run on the terminal: one line per finished step, and below it what is being done.

That is a bar that is redrawn, with the rows that the current step has written, the tenants that are done, and the time
left; where nothing can be redrawn, a line every ten seconds at most. Add here what is shown during a run. What is shown
after it is in `results`.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from dagster import DagsterEventType, EventLogEntry
from rich.status import Status
from rich.text import Text

from meter_assets.cli.results import STEPS, Results
from meter_assets.cli.runner import TenantRun
from meter_assets.foreign_text import named, shown
from meter_assets.formatting import show_duration
from meter_assets.migration.database import Tenant
from meter_assets.migration.progress import Lines, StepProgress, progress_told
from meter_assets.rules.invariants import Group
from meter_assets.rules.steps import STEPS as EVERY_STEP
from meter_assets.rules.steps import guarded_step

VALIDATIONS = {
    "validation before": (Group.values, Group.payments, Group.invoices, Group.backup),
    "validation after": (Group.balances,),
}


_CELLS = 20


@dataclass
class TenantProgress:
    """How many of the tenants are done, and about how long the others take, by their rows."""

    tenants: Sequence[Tenant]
    rows: Mapping[Any, int] = field(default_factory=dict)
    """The invoices and payments of each tenant id, if they were counted."""
    done: int = 0
    rows_done: int = 0
    started: float = field(default_factory=lambda: time.monotonic())

    def finish(self, tenant: Tenant) -> None:
        """Count a tenant as done."""
        self.done += 1
        self.rows_done += self._rows_of(tenant)

    def seconds_left(self) -> float | None:
        """Return about how long the tenants that are not done take; None until one is done."""
        left = sum(map(self._rows_of, self.tenants)) - self.rows_done
        return (time.monotonic() - self.started) / self.rows_done * left if self.rows_done else None

    def _rows_of(self, tenant: Tenant) -> int:
        return 1 + self.rows.get(tenant.id, 0)  # a tenant without rows takes time too

    def __str__(self) -> str:
        """Return it in words; nothing for a single tenant."""
        if len(self.tenants) == 1:
            return ""
        left = self.seconds_left()
        time_left = "" if left is None else f", about {show_duration(left)} left"
        return f"{self.done:,} of {len(self.tenants):,} tenants done{time_left}"


class Progress:
    """Prints one line per step from a run's events, in the order of the six steps, and updates the spinner."""

    def __init__(
        self,
        terminal: Results,
        status: Status | None,
        of_tenants: TenantProgress,
        *,
        brief: bool,
        lines: Lines | None = None,
    ) -> None:
        """Take the terminal, the spinner if any, the progress of all tenants, and whether to omit a preview.

        `lines` are those of the run before, so that there are not more of them for several runs than for one.
        """
        self._brief = brief
        self._terminal = terminal
        self._status = status
        self._of_tenants = of_tenants
        self._lines = lines or lines_of(terminal, of_tenants)
        self._ended: set[str] = set()
        self._waiting = [*STEPS, *(name for name in EVERY_STEP if name not in STEPS)]

    def __call__(self, run: TenantRun, entry: EventLogEntry) -> None:
        """Take one event of the run."""
        event = entry.dagster_event
        if event is None:
            return
        key = event.step_key or ""
        if event.event_type is DagsterEventType.STEP_START and self._status is not None:
            self._redraw(self._status, shown(key.replace("_", " ")))
        if event.event_type in (DagsterEventType.STEP_SUCCESS, DagsterEventType.STEP_FAILURE):
            self._ended.add(key)
            while self._waiting and self._show(run, self._waiting[0]):
                self._waiting.pop(0)

    def told(self, progress: StepProgress) -> None:
        """Take how far a step is."""
        if self._status is None:
            self._lines(progress)
        else:
            self._redraw(self._status, f"{_bar(progress, self._terminal.console.encoding)}{progress}")

    def tenant_done(self, tenant: Tenant) -> None:
        """Take a tenant of many that is done."""
        self._of_tenants.finish(tenant)
        if self._status is None:
            self._lines.say("")
        else:
            self._redraw(self._status, "")

    def _redraw(self, status: Status, doing: str) -> None:
        words = " · ".join(filter(None, (doing and f"{doing} ...", str(self._of_tenants))))
        status.update(Text(f"  {words}", no_wrap=True, overflow="ellipsis"))

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


def lines_of(terminal: Results, of_tenants: TenantProgress) -> Lines:
    """Return what prints the progress where nothing can be redrawn."""
    return Lines(lambda line: terminal.print("; ".join(filter(None, (line, str(of_tenants))))), with_tenant=False)


def _bar(progress: StepProgress, encoding: str) -> str:
    """Return a bar of the rows that a step has written; nothing before it is known how many it will write."""
    if not progress.rows_to_do:
        return ""
    full, empty = "━─" if encoding.startswith("utf") else "#-"
    cells = progress.rows_done * _CELLS // progress.rows_to_do
    return f"{full * cells}{empty * (_CELLS - cells)} "


@contextmanager
def following(
    terminal: Results, tenant: Tenant, at: int, of: int, of_tenants: TenantProgress, *, brief: bool = False
) -> Iterator[Progress]:
    """Show the progress of a tenant's run. If brief, omit the preview: `Results.preview_summary` shows it."""
    if not brief:
        terminal.heading(f"Tenant {named(tenant.key, tenant.name)} ({at} of {of})")
    with terminal.spinner(f"tenant {shown(tenant.key)}: starting") as status:
        progress = Progress(terminal, status, of_tenants, brief=brief)
        with progress_told(progress.told):
            yield progress


@contextmanager
def following_many(terminal: Results, of_tenants: TenantProgress, lines: Lines) -> Iterator[Progress]:
    """Show how many of many tenants are done, and how far the step of the current one is; `lines` of all their runs."""
    with terminal.spinner("starting") as status:
        progress = Progress(terminal, status, of_tenants, brief=True, lines=lines)
        with progress_told(progress.told):
            yield progress
