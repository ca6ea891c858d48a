"""How each kind of database is driven, and what its driver's errors mean.

Transactions begin when they are begun, Ctrl-C is heard while a statement runs, and plans are made for whole sets.
"""

import select
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from functools import cache
from pathlib import Path
from typing import Any

import psycopg2
import psycopg2.extensions
from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from meter_assets.billing.constructs import RowsDigest
from meter_assets.foreign_text import shown

SECONDS_TO_WAIT_FOR_SQLITE = 30
INSTRUCTIONS_BETWEEN_INTERRUPTS = 100_000
LONGEST_REASON = 500
"""So many characters of a server's words are told: a trigger may say anything, and as much as it likes."""


@cache
def sqlite_writer(path: Path) -> Engine:
    """Return an engine whose transactions take SQLite's write lock when they begin."""
    return _sqlite(lambda: _open(path, "rw"), "BEGIN IMMEDIATE")


@cache
def sqlite_reader(path: Path) -> Engine:
    """Return an engine that cannot write."""
    return _sqlite(lambda: _open_for_reading(path), "BEGIN")


def _open(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.as_uri()}?mode={mode}", uri=True, timeout=SECONDS_TO_WAIT_FOR_SQLITE)


def _open_for_reading(path: Path) -> sqlite3.Connection:
    """Open a database that cannot be written; first undo what a process that was killed has left half written.

    SQLite then finds the dead process's journal and puts the file back as it was, but not where it may only read: it
    would refuse every query until someone opens the file for writing. If that does not help, the queries say why.
    """
    if path.with_name(f"{path.name}-journal").exists():
        with suppress(sqlite3.Error), closing(_open(path, "rw")) as connection:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return _open(path, "ro")


def _sqlite(connect: Callable[[], sqlite3.Connection], begin: str) -> Engine:
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


@cache
def postgresql(url: URL) -> Engine:
    """Return an engine whose transactions see one state throughout (REPEATABLE READ).

    Connections are not pooled: a run makes few, and a fork must not share one.
    """
    psycopg2.extensions.set_wait_callback(_wait_or_cancel)
    engine = create_engine(url, poolclass=NullPool, isolation_level="REPEATABLE READ")

    @event.listens_for(engine, "begin")
    def _plan_for_sets(connection: Connection) -> None:
        # PostgreSQL cannot know how many rows a rule selects, takes it for one, and would compute a subquery again
        # for every row of another: minutes for a tenant of a few hundred rows. What we join, we join whole.
        connection.exec_driver_sql("SET LOCAL enable_nestloop = off")
        # Compiling our large queries takes longer than running them.
        connection.exec_driver_sql("SET LOCAL jit = off")

    return engine


def _wait_or_cancel(connection: Any) -> None:
    """Wait for the server, but let Ctrl-C end a running statement: by itself, the driver returns at its end only."""
    interrupt: BaseException | None = None
    while True:
        try:
            state = connection.poll()
            if state == psycopg2.extensions.POLL_OK:
                break
            if state == psycopg2.extensions.POLL_READ:
                select.select([connection.fileno()], [], [])
            else:
                select.select([], [connection.fileno()], [])
        except psycopg2.Error:
            if interrupt is None:
                raise
            break
        except BaseException as error:
            interrupt = error
            connection.cancel()
    if interrupt is not None:
        raise interrupt


def analyze_if_never(connection: Connection) -> None:
    """Let a SQLite database gather statistics if it never has; PostgreSQL does so by itself.

    Without them SQLite takes every tenant for ten rows, and scans all of a subquery for each row of another.
    """
    if connection.dialect.name != "sqlite":
        return
    known = connection.exec_driver_sql("SELECT count(*) FROM sqlite_master WHERE name = 'sqlite_stat1'").scalar()
    if not known:
        connection.exec_driver_sql("ANALYZE")


def is_conflict(error: BaseException) -> bool:
    """Say whether a transaction failed because others changed the same rows: it may be tried again."""
    return isinstance(error, DBAPIError) and getattr(error.orig, "pgcode", None) in ("40001", "40P01")


def is_kept_waiting(error: BaseException) -> bool:
    """Say whether a transaction gave up waiting for a lock that others hold: it may be tried again."""
    return isinstance(error, DBAPIError) and getattr(error.orig, "pgcode", None) == "55P03"


def is_interrupt(error: DBAPIError) -> bool:
    """Say whether a statement on SQLite was ended by Ctrl-C, whose exception its driver swallows."""
    return str(error.orig) == "interrupted"


def is_no_database(error: DBAPIError) -> bool:
    """Say whether a file is no SQLite database, or is damaged."""
    return getattr(error.orig, "sqlite_errorcode", None) in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)


def is_busy(error: DBAPIError) -> bool:
    """Say whether another program kept SQLite's write lock for longer than we wait."""
    return str(error.orig) == "database is locked"


def is_refusal(error: DBAPIError) -> bool:
    """Say whether a statement failed because this role, or this database, may not write."""
    return getattr(error.orig, "pgcode", None) in ("42501", "25006") or "readonly database" in str(error.orig)


def reason(error: SQLAlchemyError) -> str:
    """Return the driver's own words, on one line, visible and cut at a length."""
    original = getattr(error, "orig", None) or error
    return shown(" ".join(str(original).split()), LONGEST_REASON).rstrip(".")
