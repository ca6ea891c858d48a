"""SQLite: one file, one writer at a time, no roles, and columns that keep whatever they are given.

This module implements the protocol of `engines.base`. Tenant locks are in `locks`, what must not be in our own tables
in `own_tables`, SQL constructs and types in `constructs`.
"""

import os
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, closing, nullcontext, suppress
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.types import TypeEngine

from meter_assets.billing.own_tables import JournaledStep
from meter_assets.billing.schema import BillingSchema
from meter_assets.engines import urls
from meter_assets.engines.base import Failure, LockOwner, LockScope, Purpose
from meter_assets.engines.sqlite.constructs import RowsDigest
from meter_assets.engines.sqlite.locks import LockFile
from meter_assets.engines.sqlite.own_tables import problems_of
from meter_assets.errors import InvalidSettings

NAME = "sqlite"
SCHEMES: tuple[str, ...] = ("sqlite", "sqlite+pysqlite")
SECONDS_UNTIL_BUSY: float = 30
URL_NAMES = "names its file"
INSTRUCTIONS_BETWEEN_INTERRUPTS = 100_000


def parse_url(given: str) -> URL:
    """Return the URL of a file, with the file's absolute path."""
    return URL.create(NAME, database=str(Path(make_url(given).database or "").resolve()))


def identity(url: URL) -> tuple[tuple[str, str], ...]:
    """Return what tells the file from others."""
    return tuple(sorted({**urls.parts(url), "engine": NAME}.items()))


def file(url: URL) -> Path:
    """Return the database's file."""
    return Path(url.database or "")


def python_for(url: URL, statement: str) -> str:
    """Return Python code that runs a statement: a host need not have the program sqlite3."""
    return f"import sqlite3; c = sqlite3.connect({str(file(url))!r}); c.execute({statement!r}); c.commit()"


def why_missing(url: URL) -> str | None:
    """Say that there is no file: SQLite would create it."""
    return None if file(url).is_file() else "there is no such file"


@cache
def writer(url: URL) -> Engine:
    """Return an engine whose transactions take SQLite's write lock when they begin."""
    return _engine(lambda: _open(file(url), "rw"), "BEGIN IMMEDIATE")


@cache
def reader(url: URL) -> Engine:
    """Return an engine that cannot write."""
    return _engine(lambda: _open_for_reading(file(url)), "BEGIN")


def _open(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.as_uri()}?mode={mode}", uri=True, timeout=SECONDS_UNTIL_BUSY)


def _open_for_reading(path: Path) -> sqlite3.Connection:
    """Open a database that cannot be written; first undo what a process that was killed has left half written.

    SQLite then finds the dead process's journal and restores the file, but not where it may only read: it would refuse
    every query until someone opens the file for writing. If that does not help, the queries say why.
    """
    if path.with_name(f"{path.name}-journal").exists():
        with suppress(sqlite3.Error), closing(_open(path, "rw")) as connection:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return _open(path, "ro")


def _engine(connect: Callable[[], sqlite3.Connection], begin: str) -> Engine:
    engine = create_engine("sqlite://", poolclass=NullPool, creator=connect)

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, record: Any) -> None:
        connection.isolation_level = None  # by itself, the driver would begin at the first write only
        # Called between a statement's instructions, so that Ctrl-C is noticed while it runs.
        connection.set_progress_handler(lambda: 0, INSTRUCTIONS_BETWEEN_INTERRUPTS)
        connection.create_aggregate(RowsDigest.NAME, -1, RowsDigest)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def read_only(connection: Connection) -> Connection:
    """Return the connection: those of `reader` cannot write anyway."""
    return connection


def prepare_batch(connection: Connection, milliseconds_to_wait: int, *, by_index: bool) -> None:
    """Do nothing: a transaction is alone once it has begun."""


def failure_of(error: DBAPIError) -> Failure | None:
    """Return what an error of the driver means. There are no conflicts: there is one writer at a time."""
    original = error.orig
    if not isinstance(original, sqlite3.Error):
        return None
    if getattr(original, "sqlite_errorcode", None) in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
        return Failure.NO_DATABASE
    if "readonly database" in str(original):
        return Failure.REFUSED
    return {"interrupted": Failure.INTERRUPTED, "database is locked": Failure.BUSY}.get(str(original))


def lock_tenant(url: URL, tenant: str, owner: LockOwner) -> LockFile | None:
    """Lock a file beside the database."""
    return LockFile.take(file(url), tenant, owner)


def lock_tenant_within(connection: Connection, tenant: str, owner: LockOwner) -> bool:
    """Say yes: a transaction has locked the whole database."""
    return True


def lock_owner(url: URL, connection: Connection, tenant: str, scope: LockScope) -> LockOwner | None:
    """Return who has locked the file beside the database."""
    return LockFile.owner(file(url), tenant)


def ddl_lock(transaction: Callable[[], AbstractContextManager[Connection]]) -> AbstractContextManager[None]:
    """Do nothing: the transaction that creates tables has locked the whole database."""
    return nullcontext()


def lock_own_tables(connection: Connection, schema: BillingSchema, *, to_roll_back: bool) -> None:
    """Do nothing: a transaction has locked the whole database."""


def own_table_problems(connection: Connection, schema: BillingSchema, *, known: bool) -> list[str]:
    """Return what we did not create in our own tables, each a clause."""
    return list(problems_of(connection, schema))


def obstacles(
    url: URL, connection: Connection, schema: BillingSchema, steps: Sequence[JournaledStep], *, to_roll_back: bool
) -> list[str]:
    """Return which of the file and its folder this process may not write."""
    places = {"the file": file(url), "its folder": file(url).parent}
    return [f"{what} {place} is read-only" for what, place in places.items() if not os.access(place, os.W_OK)]


def how_to_let_write(purpose: str) -> str:
    """Return what to do where this process may not write."""
    return "Let the file be written to"


def require_roles() -> NoReturn:
    """Raise InvalidSettings: whoever may read or write the file may read or write everything in it."""
    raise InvalidSettings("SQLite has no roles: let the file be readable, or writable, by who may read or write it.")


def grants(connection: Connection, schema: BillingSchema, purpose: Purpose, role: str) -> NoReturn:
    """Raise InvalidSettings: there are no roles."""
    require_roles()


def capacity(kind: TypeEngine[Any]) -> None:
    """Return None: a column keeps any number, whatever its type was declared as."""
    return None


def analyze_if_never(connection: Connection) -> None:
    """Gather statistics if nobody ever has.

    Without them SQLite takes every tenant for ten rows, and scans all of a subquery for each row of another.
    """
    known = connection.exec_driver_sql("SELECT count(*) FROM sqlite_master WHERE name = 'sqlite_stat1'").scalar()
    if not known:
        connection.exec_driver_sql("ANALYZE")


def analyze_temporary(connection: Connection, name: str) -> None:
    """Do nothing: the statements that read temporary tables of ours are planned well without."""
