"""Tells whoever runs a statement that it waits for a lock of others: one line for each wait, in the log `LOGGER`.

The command line shows this log on the terminal, and Dagster in the log of the run. An engine finds out that it waits,
and for whom; add here what is told on every engine.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from meter_assets.foreign_text import quoted, shown
from meter_assets.formatting import show_time

LOGGER = logging.getLogger("meter_assets.waiting")
SECONDS_UNTIL_TOLD: float = 3
"""How long a statement waits before anything is told."""
SECONDS_TO_ASK = 5.0
"""How long a second connection may take to ask whom a statement waits for."""
SHOWN_OWNERS = 3


@dataclass(frozen=True)
class Session:
    """A session of a server that a statement waits for, as far as the server shows it."""

    number: int
    """Its number: on PostgreSQL, of the server's process."""
    is_process: bool = True
    application: str | None = None
    user: str | None = None
    state: str | None = None
    since: datetime | None = None
    """When its query started."""
    statement: str | None = None

    def __str__(self) -> str:
        """Return it in words."""
        words = [f"application {quoted(self.application)}"] if self.application else []
        words += [f"user {quoted(self.user)}"] if self.user else []
        words += [shown(self.state)] if self.state else []
        words += [f"its query started {show_time(self.since)}"] if self.since else []
        told = " ".join((self.statement or "").split())
        words += [f"its statement {quoted(told)}"] if told else []
        what = "process" if self.is_process else "connection"
        return f"{what} {self.number} of the database server" + (f" ({', '.join(words)})" if words else "")


def tell(line: str) -> None:
    """Tell whom a statement waits for."""
    LOGGER.warning("%s", line)


def tell_sessions(sessions: Sequence[Session]) -> None:
    """Tell that a statement waits for locks of these sessions."""
    more = f" and {len(sessions) - SHOWN_OWNERS} more" if len(sessions) > SHOWN_OWNERS else ""
    tell(f"Waiting for a lock of {'; '.join(map(str, sessions[:SHOWN_OWNERS]))}{more}.")
