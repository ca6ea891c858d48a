"""Tells whoever runs a step how far it is: what it does, and how many of its rows are written.

Add here what is told of a running step. The command line shows it as a bar, and Dagster in the log of the run; neither
is known here.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from meter_assets.foreign_text import shown
from meter_assets.formatting import show_duration

SECONDS_BETWEEN_LINES = 10.0
"""Where lines are printed or logged one below the other, there is at most one in so many seconds."""
CHECKING, COMPUTING, WRITING = "checking what it reads", "computing", "writing"
VERIFYING = "checking what it has written"


@dataclass(frozen=True)
class StepProgress:
    """How far a step of a tenant is."""

    step: str
    tenant: str
    doing: str
    rows_done: int = 0
    rows_to_do: int = 0
    """The rows that it will write, once that is known."""
    seconds: float = 0.0
    """How long it has been writing."""

    @property
    def seconds_left(self) -> float | None:
        """About how long it will go on writing, by the rows so far; None if that is not known."""
        if not self.rows_done or self.rows_done >= self.rows_to_do:
            return None
        return self.seconds / self.rows_done * (self.rows_to_do - self.rows_done)

    def __str__(self) -> str:
        """Return it without the tenant: "invoice amounts: writing, 20,000 of 45,000 rows, about 12 s left"."""
        parts = [self.doing]
        if self.rows_to_do:
            parts.append(f"{self.rows_done:,} of {self.rows_to_do:,} rows")
        if self.seconds_left is not None:
            parts.append(f"about {show_duration(self.seconds_left)} left")
        return f"{self.step.replace('_', ' ')}: {', '.join(parts)}"


def beginning(tenant: str) -> str:
    """Return how a line about the progress of a tenant begins."""
    return f"tenant {shown(tenant)}: "


Listener = Callable[[StepProgress], object]
_LISTENERS: list[Listener] = []


@contextmanager
def progress_told(listener: Listener) -> Iterator[None]:
    """Call a function with the progress of every step of this process, until the context ends."""
    _LISTENERS.append(listener)
    try:
        yield
    finally:
        _LISTENERS.remove(listener)


def tell(progress: StepProgress) -> None:
    """Tell how far a step is."""
    for listener in tuple(_LISTENERS):
        listener(progress)


class Lines:
    """Passes on at most one line in ten seconds, and none in the first ten: a short step needs none."""

    def __init__(self, show: Callable[[str], object], *, with_tenant: bool = True) -> None:
        """Take the function that shows a line, and whether the line names the tenant."""
        self._show, self._with_tenant = show, with_tenant
        self._last = time.monotonic()

    def __call__(self, progress: StepProgress) -> None:
        """Take the progress of a step."""
        self.say(f"{beginning(progress.tenant)}{progress}" if self._with_tenant else f"  {progress}")

    def say(self, line: str) -> None:
        """Take a line."""
        now = time.monotonic()
        if now - self._last >= SECONDS_BETWEEN_LINES:
            self._last = now
            self._show(line)
