"""What a database engine is: the protocol that each engine's module implements, and the values that it exchanges.

`DatabaseEngine` is implemented by modules, not by classes: `engines.sqlite` and `engines.postgresql` have one function
for each method. Add a method here when the product must know something that depends on the database; then every engine
has to answer it. How an engine answers belongs in its own module. SQL constructs are declared in `billing.constructs`
and `billing.money`, and compiled in the engine's `constructs` module.
"""

import os
import socket
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, StrEnum, auto
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import URL, Connection, Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.types import TypeEngine

from meter_assets.billing.own_tables import JournaledStep
from meter_assets.billing.schema import BillingSchema
from meter_assets.errors import MeterAssetsError
from meter_assets.foreign_text import shown

LONGEST_REASON = 500
"""So many characters of a server's message are shown: a trigger may raise a text of any length."""


class Failure(Enum):
    """What an error of a driver means."""

    CONFLICT = auto()
    """Others changed the same rows; the transaction can be tried again."""
    KEPT_WAITING = auto()
    """The transaction gave up waiting for a lock that others have; it can be tried again."""
    INTERRUPTED = auto()
    """Ctrl-C ended the statement, and the driver swallowed the exception."""
    NO_DATABASE = auto()
    """The file is not a database, or is damaged."""
    BUSY = auto()
    """Another program kept the whole database locked for longer than SECONDS_UNTIL_BUSY."""
    REFUSED = auto()
    """This role, or this database, may not write."""


class Purpose(StrEnum):
    """What a role is for. A role that migrates cannot roll back: that is a purpose of its own."""

    preview = "preview"
    migrate = "migrate"
    monitor = "monitor"
    rollback = "rollback"

    @property
    def writes(self) -> bool:
        """Whether the role writes."""
        return self in (Purpose.migrate, Purpose.rollback)

    @property
    def verb(self) -> str:
        """What the role does, in a sentence."""
        return "roll back" if self is Purpose.rollback else self.value


class LockScope(StrEnum):
    """Which of a tenant's two locks: that of a run, from its first step to its end, or that of one transaction."""

    run = "run"
    step = "step"


@dataclass(frozen=True)
class LockOwner:
    """Who has locked a tenant: the run, on which host and in which process, and since when, if that can be seen."""

    run_id: str
    host: str
    process: int
    since: datetime | None

    @classmethod
    def this_process(cls, run_id: str) -> "LockOwner":
        """Return this process as an owner, from now."""
        return cls(run_id, socket.gethostname(), os.getpid(), datetime.now(UTC))


class TenantLock(Protocol):
    """A tenant's lock that was taken. It goes with the process that has it, however that process ends."""

    def is_held(self) -> bool:
        """Say whether this process still has it: a server may have closed the connection that had it."""

    def release(self) -> None:
        """Release it."""


class LockUnavailable(MeterAssetsError):
    """A tenant's lock cannot be taken by anybody here, for a reason that waiting does not change."""


class DatabaseEngine(Protocol):
    """What depends on which database it is. A URL is always one that `parse_url` of the same engine returned."""

    NAME: str
    """The name of its SQLAlchemy dialect."""
    SCHEMES: tuple[str, ...]
    """What stands before :// in the URLs that are accepted."""
    SECONDS_UNTIL_BUSY: float
    """How long a connection waits while another program keeps the whole database locked."""
    URL_NAMES: str
    """What a URL must name to be reached, as the end of a sentence: Check that it ..."""

    # URLs

    def parse_url(self, given: str) -> URL:
        """Return the URL with the driver that is used. Raises InvalidUrl, ArgumentError and ValueError."""

    def identity(self, url: URL) -> tuple[tuple[str, str], ...]:
        """Return what makes two URLs name the same database, with the same role and options; no password."""

    def file(self, url: URL) -> Path | None:
        """Return the database's file, or None where it is not one file of this host."""

    def python_for(self, url: URL, statement: str) -> str | None:
        """Return Python code that runs a statement, for databases that come without a client of their own."""

    # Connections and transactions

    def why_missing(self, url: URL) -> str | None:
        """Return why there is nothing to connect to, if that can be told without connecting."""

    def writer(self, url: URL) -> Engine:
        """Return SQLAlchemy's engine for what writes: its transactions see one state and do not overwrite others'."""

    def reader(self, url: URL) -> Engine:
        """Return SQLAlchemy's engine for what only reads."""

    def read_only(self, connection: Connection) -> Connection:
        """Return a connection of `reader` whose next transaction cannot write."""

    def prepare_batch(self, connection: Connection, milliseconds_to_wait: int, *, by_index: bool) -> None:
        """Prepare a transaction that writes one batch: it locks rows as they are by then, and waits only so long.

        This is the first call of the transaction. With `by_index`, its rows are found by an index.
        """

    def failure_of(self, error: DBAPIError) -> Failure | None:
        """Return what an error of this engine's driver means; None for others, and for errors of other drivers."""

    # Locks

    def lock_tenant(self, url: URL, tenant: str, owner: LockOwner) -> TenantLock | None:
        """Lock a tenant for a run; return None if another process has locked it.

        Raises LockUnavailable, and SQLAlchemyError where there is no connection.
        """

    def lock_tenant_within(self, connection: Connection, tenant: str, owner: LockOwner) -> bool:
        """Take a second lock of the tenant that lasts as long as this transaction; say whether that was possible.

        It keeps two steps of a tenant apart even where the first lock was lost with its connection.
        """

    def lock_owner(self, url: URL, connection: Connection, tenant: str, scope: LockScope) -> LockOwner | None:
        """Return who has locked a tenant; None if that cannot be told."""

    def ddl_lock(self, transaction: Callable[[], AbstractContextManager[Connection]]) -> AbstractContextManager[None]:
        """Wait until no other process creates our own tables, and keep others waiting until the end.

        `transaction` opens one, for an engine that needs one of its own.
        """

    # Our own tables

    def lock_own_tables(self, connection: Connection, schema: BillingSchema, *, to_roll_back: bool) -> None:
        """Let nobody add a trigger or anything else to our own tables until this transaction ends.

        It is called first in a transaction: what was added since its snapshot could not be seen later.
        """

    def own_table_problems(self, connection: Connection, schema: BillingSchema, *, known: bool) -> list[str]:
        """Return what we did not create in our own tables, or in what our statements call, each a clause.

        Of tables that are `known`, only what somebody can have added who owns none of them.
        """

    # Rights

    def obstacles(
        self,
        url: URL,
        connection: Connection,
        schema: BillingSchema,
        steps: Sequence[JournaledStep],
        *,
        to_roll_back: bool,
    ) -> list[str]:
        """Return why a live run of these steps, or a rollback, could not write, each a clause."""

    def how_to_let_write(self, purpose: str) -> str:
        """Return what to do where this role, or this process, may not write: a clause that begins a sentence."""

    def require_roles(self) -> None:
        """Raise InvalidSettings where the engine has no roles to grant anything to."""

    def grants(self, connection: Connection, schema: BillingSchema, purpose: Purpose, role: str) -> str:
        """Return the SQL that lets a role do one thing and no more. Raises InvalidSettings."""

    # Capacity and statistics

    def capacity(self, kind: TypeEngine[Any]) -> tuple[int, int] | None:
        """Return how many digits a column of numbers keeps, in all and after the point; None where it keeps all."""

    def analyze_if_never(self, connection: Connection) -> None:
        """Gather statistics of the whole database, if it needs to be told and never was."""

    def analyze_temporary(self, connection: Connection, name: str) -> None:
        """Gather statistics of a temporary table of ours, if the planner has none."""


def reason(error: SQLAlchemyError) -> str:
    """Return the driver's own words, on one line, visible and cut at a length."""
    original = getattr(error, "orig", None) or error
    return shown(" ".join(str(original).split()), LONGEST_REASON).rstrip(".")
