"""`DatabaseEngine`: the protocol that each engine's module implements, and the types in its signatures.

`DatabaseEngine` is implemented by modules, not by classes: `engines.sqlite` and `engines.postgresql` have one function
for each method. Add a method here for behaviour that depends on the database; then every engine must implement it in
its own module. SQL constructs are declared in `billing.constructs` and `billing.money`, and compiled in the engine's
`constructs` module.
"""

import os
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import URL, Connection, Engine, Select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.types import TypeEngine

from meter_assets.billing.catalogue import Catalogue
from meter_assets.billing.own_tables import JournaledStep
from meter_assets.billing.schema import BillingSchema
from meter_assets.engines.failures import LONGEST_REASON as LONGEST_REASON
from meter_assets.engines.failures import Failure as Failure
from meter_assets.engines.failures import reason as reason
from meter_assets.errors import MeterAssetsError

NOT_KEPT = "meter-assets: closed after its use"
"""In the info of a connection: another one is opened in its place, without its temporary tables."""


class Purpose(StrEnum):
    """The purpose of a role. A role for migrating cannot roll back, which is a separate purpose."""

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
        """The verb for this purpose in a sentence."""
        return "roll back" if self is Purpose.rollback else self.value


class LockScope(StrEnum):
    """A tenant's two locks: of a run, from its first step to its end, and of one transaction of a step."""

    run = "run"
    step = "step"


@dataclass(frozen=True)
class LockOwner:
    """The owner of a tenant's lock: the run, its host, its process, and the time of locking, if it is known."""

    run_id: str
    host: str
    process: int
    since: datetime | None

    @classmethod
    def this_process(cls, run_id: str) -> "LockOwner":
        """Return this process as the owner, from now on."""
        return cls(run_id, socket.gethostname(), os.getpid(), datetime.now(UTC))


class TenantLock(Protocol):
    """A tenant's lock that was acquired. It is released when its process ends, even after a crash."""

    def is_held(self) -> bool:
        """Return whether this process still owns it: a server may have closed the connection that acquired it."""

    def release(self) -> None:
        """Release it."""


class LockUnavailable(MeterAssetsError):
    """A tenant's lock cannot be acquired by this user, and waiting does not help."""


@dataclass(frozen=True)
class Examined:
    """What an engine's catalogue says about the billing tables of a database."""

    catalogue: Catalogue
    problems: Sequence[str]
    """What makes the database unsuitable, each a clause that ends with the statement that fixes it.

    For example rows or columns that this role does not see, views that hide rows, own tables in another schema.
    """
    note: str | None = None
    """A sentence for the header of a command, about a server that may lag behind another."""


@dataclass(frozen=True)
class TableCopy:
    """What a copy has of one billing table."""

    name: str
    columns: tuple[str, ...]
    """The columns of the copy, in their order."""
    rows: Select[Any]
    """Selects the values of those columns that the copy does not compute itself."""
    masked: frozenset[str]
    """The columns that have other values than the table; in the copy they are text of any length."""
    generated: Mapping[str, str]
    """The columns that the copy computes itself, each with its SQL expression."""

    @property
    def stored(self) -> tuple[str, ...]:
        """The columns that `rows` selects, in this order."""
        return tuple(one for one in self.columns if one not in self.generated)

    @property
    def as_they_are(self) -> frozenset[str]:
        """The columns that have the values of the table."""
        return frozenset(self.columns) - self.masked

    @property
    def ids(self) -> tuple[str, ...]:
        """The columns with ids: the row's own and those of other rows. The copy of a view has an index on each."""
        return tuple(one for one in self.columns if one == "id" or one.endswith("_id"))


@dataclass(frozen=True)
class Scratch:
    """A database of a rehearsal, and whether the rehearsal created it."""

    url: URL
    created: bool
    lock: TenantLock | None = None
    """Keeps other rehearsals away from it."""


@dataclass(frozen=True)
class Load:
    """Signs that a server or its users suffer from what is written."""

    others_wait: bool = False
    """Whether other sessions wait for locks of this transaction."""
    seconds_of_lag: float = 0.0
    """How far the slowest replica is behind."""
    dead_share: float = 0.0
    """Old versions of rows in the written table that are not removed yet, per row."""


class DatabaseEngine(Protocol):
    """Everything that depends on the database. A URL argument was always returned by `parse_url` of the same engine."""

    NAME: str
    """The name of its SQLAlchemy dialect."""
    SCHEMES: tuple[str, ...]
    """The schemes of accepted URLs: the part before ://."""
    SECONDS_UNTIL_BUSY: float
    """How long a connection waits while another program locks the whole database."""
    WRITES_AT_ONCE: bool
    """Whether several connections may write different rows at once."""
    URL_NAMES: str
    """What a URL must name, as the end of a sentence: Check that it ..."""
    PLANS_FIRST: bool
    """Whether a step must be planned in one transaction and written in another.

    It must be where a statement that writes does not read the snapshot of its transaction.
    """
    TEMPORARY_SCHEMA: str | None
    """The schema of temporary tables: a name with it never means another table; None if they have no schema."""

    # Pages

    def sql_of_page(self, sql: str) -> str:
        """Return a statement of the pages of the checks in this engine's own words."""

    # URLs

    def parse_url(self, given: str) -> URL:
        """Return the URL with the name of the driver. Raises InvalidUrl, ArgumentError and ValueError."""

    def identity(self, url: URL) -> tuple[tuple[str, str], ...]:
        """Return a key that is equal for URLs of the same database, role and options; without the password."""

    def file(self, url: URL) -> Path | None:
        """Return the database's file, or None if the database is not one file of this host."""

    def python_for(self, url: URL, statement: str) -> str | None:
        """Return Python code that runs a statement, for a database without its own client program."""

    # Connections and transactions

    def why_missing(self, url: URL) -> str | None:
        """Return why the database is missing, if that can be found out without connecting."""

    def writer(self, url: URL) -> Engine:
        """Return SQLAlchemy's engine for writing.

        A transaction reads one snapshot and never overwrites newer rows, unless the engine `PLANS_FIRST`.
        """

    def reader(self, url: URL) -> Engine:
        """Return SQLAlchemy's engine for reading."""

    def connections_kept(self, url: URL) -> AbstractContextManager[None]:
        """Let consecutive transactions of `writer` and `reader` use the same connections, where that is faster."""

    def read_only(self, connection: Connection) -> Connection:
        """Return a connection of `reader` whose next transaction cannot write."""

    def begin_planning(self, connection: Connection) -> None:
        """Let all statements of a transaction of `writer` read one snapshot. This is its first call."""

    def prepare_batch(
        self, connection: Connection, milliseconds_to_wait: int | None, *, by_index: bool, one_snapshot: bool
    ) -> None:
        """Prepare a transaction that writes one batch: it reads the current rows, and waits for locks only this long.

        Without a time, it waits as long as other transactions do.

        This is the first call of the transaction. With `by_index`, an index finds its rows. With `one_snapshot`, all of
        its statements read the same rows, and a concurrent change of a row that it writes ends the batch.
        """

    def load(self, connection: Connection, table: str) -> Load:
        """Return the load of the server while a transaction that has written to a table is open."""

    def session_of(self, connection: Connection) -> int:
        """Return a number for the session of the server that executes the current transaction.

        Temporary tables exist in one session only.
        """

    def shares_sessions(self, url: URL) -> bool:
        """Return whether the transactions of one connection may be executed in several sessions of the server.

        Raises SQLAlchemyError if there is no connection.
        """

    def failure_of(self, error: DBAPIError) -> Failure | None:
        """Return what an error of this engine's driver means; None if it is unknown or another driver's."""

    def place_of(self, error: DBAPIError) -> str:
        """Return which table, column and constraint an error names beside its message, if any, as a clause."""

    def unreadable(self, url: URL, tables: Sequence[str]) -> str:
        """Return which value of these tables is not text in the database's encoding, as a clause; empty if unknown."""

    def role_of(self, connection: Connection) -> str | None:
        """Return the role of the database as which a connection acts; None if the engine has no roles."""

    # Locks

    def lock_tenant(self, url: URL, tenant: str, owner: LockOwner) -> TenantLock | None:
        """Lock a tenant for a run; return None if another process has locked it.

        Raises LockUnavailable, and SQLAlchemyError if there is no connection.
        """

    def lock_tenant_within(
        self, connection: Connection, schema: BillingSchema, tenant_id: Any, tenant: str, owner: LockOwner
    ) -> bool:
        """Acquire a second lock of the tenant for this transaction; return whether that was possible.

        `tenant` is its key.

        It prevents two steps of a tenant from running at the same time, even if the first lock was lost with its
        connection.
        """

    def lock_owner(self, url: URL, connection: Connection, tenant: str, scope: LockScope) -> LockOwner | None:
        """Return who has locked a tenant; None if that is not known."""

    def lock_ddl(self, connection: Connection) -> None:
        """Wait until no other process creates our own tables, and make others wait until this transaction ends.

        This is the first call of the transaction.
        """

    # Our own tables

    def lock_own_tables(self, connection: Connection, schema: BillingSchema, *, to_roll_back: bool) -> None:
        """Prevent others from adding a trigger or another object to our own tables until this transaction ends.

        It must be the first call in a transaction: the snapshot would hide objects that were added after it.
        """

    def own_table_problems(self, connection: Connection, schema: BillingSchema, *, known: bool) -> list[str]:
        """Return what others added to our own tables, or to functions that our statements call, each a clause.

        If the tables are `known`, it checks only for objects that a role can add without owning the tables.
        """

    # The billing tables

    def catalogue(self, connection: Connection, schema: BillingSchema) -> Examined:
        """Return what the engine's own catalogue says about the billing tables. The schema may lack tables."""

    def other_schemas(self, connection: Connection) -> list[str]:
        """Return the schemas, beside that where the server looks first, whose tables this role may read."""

    def hidden_from(self, connection: Connection, schema: BillingSchema, role: str) -> list[str]:
        """Return the billing tables with rows that would be hidden from a role, each a clause."""

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
        """Return what to do if this role or this process may not write: the first clause of a sentence."""

    def require_roles(self) -> None:
        """Raise InvalidSettings if the engine has no roles."""

    def grants(self, connection: Connection, schema: BillingSchema, purpose: Purpose, role: str) -> str:
        """Return the SQL that grants a role the rights for one purpose only. Raises InvalidSettings."""

    # Capacity and statistics

    def capacity(self, kind: TypeEngine[Any]) -> tuple[int, int] | None:
        """Return the precision and the scale of a numeric column; None if it stores any number."""

    def analyze_if_never(self, connection: Connection) -> None:
        """Gather statistics of the whole database, if the engine does not do so by itself and nobody ever has."""

    def begin_reading(self, connection: Connection) -> bool:
        """Let an open transaction of `reader` write nothing but temporary tables; return whether it may have these."""

    def may_materialize(self, connection: Connection) -> bool:
        """Return whether an open transaction may have temporary tables."""

    def materialize(
        self, connection: Connection, name: str, rows: Select[Any], *, reads_only: bool, by_index: bool
    ) -> None:
        """Compute rows into a temporary table of the open transaction, with statistics.

        With `reads_only`, the transaction can write nothing else, before and afterwards. With `by_index`, few rows of a
        large table are looked up in an index.
        """

    def require_whole_values(self, connection: Connection) -> None:
        """Raise DBAPIError if the last statement, whose rows were streamed, has read a value in part only."""

    def keep(self, connection: Connection, name: str, rows: Select[Any]) -> None:
        """Compute rows into a temporary table that is dropped with the connection: with a unique id, and statistics."""

    # Copies, for a rehearsal

    def is_dump(self, path: Path) -> bool:
        """Return whether a file (or a folder) is a dump of a database of this engine. Raises OSError."""

    def restore(self, dump: Path, folder: Path, into: URL | None) -> Scratch:
        """Make a dump readable as a database: on the server of `into`, or a file. Raises InvalidSettings.

        The private `folder` is for files with secrets.
        """

    def claim_scratch(self, into: URL | None, folder: Path, billing: Connection | None) -> Scratch:
        """Return an empty database for a copy: the one that is named, or a file in this private folder.

        It is created if it does not exist. `billing` is a connection to the billing database. Raises InvalidSettings
        for the billing database, and for a database with tables that no rehearsal created.
        """

    def release_scratch(self, scratch: Scratch) -> None:
        """Remove a database that a rehearsal created, or what the rehearsal created in it."""

    def copy_tables(
        self,
        source: Connection,
        target: Connection,
        schema: BillingSchema,
        copies: Sequence[TableCopy],
        copied: Callable[[str, int], None],
    ) -> list[str]:
        """Create the billing tables in an empty database and copy their rows, with keys, constraints and indexes.

        Rows are streamed: memory does not grow with them. `copied` is called with a table and its number of rows so
        far. Returns what the copy lacks, each a clause. Raises CopyFailed, and DBAPIError for an error of the source.
        """
