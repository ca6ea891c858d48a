"""Waits for SQLite's locks of the whole database: a wait is told, and Ctrl-C ends it.

SQLite itself would wait inside one call, without a word. So each call waits for a short time only, and is repeated.
"""

import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import DBAPIError

from meter_assets.engines import waiting
from meter_assets.engines.sqlite.locks import LockFile
from meter_assets.foreign_text import quoted

SECONDS_BETWEEN = 0.1
SHOWN_OWNERS = 3
_LOCKED = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_PRIMARY = 0xFF


def watch(engine: Engine, begin: str, file: Path, seconds: Callable[[], float]) -> None:
    """Let the transactions of an engine begin with this statement, and let their waits be told.

    They wait for so many seconds at most.
    """

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        raw: Any = connection.connection.dbapi_connection
        _patiently(raw, file, seconds(), lambda: connection.exec_driver_sql(begin))
        if begin == "BEGIN":  # which takes no lock: the first query does
            _patiently(raw, file, seconds(), lambda: _first_read(raw))

    commit = engine.dialect.do_commit

    def do_commit(raw: Any) -> None:
        _patiently(raw, file, seconds(), lambda: commit(raw))

    # There is an event before a commit, and none for the commit itself.
    setattr(engine.dialect, "do_commit", do_commit)  # noqa: B010  # mypy takes the assignment for a mistake


def _first_read(raw: Any) -> None:
    try:
        raw.execute("PRAGMA schema_version").fetchone()
    except sqlite3.Error as error:
        if _is_locked(error):
            raise  # any other error is reported by the first query


def _patiently(raw: Any, file: Path, seconds: float, attempt: Callable[[], Any]) -> None:
    """Do something again and again as long as others have locked the database, at most for some seconds."""
    started, told = time.monotonic(), False
    _wait_in_sqlite(raw, min(SECONDS_BETWEEN, seconds))
    try:
        while True:
            try:
                attempt()
                return
            except (DBAPIError, sqlite3.Error) as error:
                waited = time.monotonic() - started
                if not _is_locked(error) or waited >= seconds:
                    raise
            if not told and waited >= waiting.SECONDS_UNTIL_TOLD:
                waiting.tell(_line(file))
                told = True
    finally:
        _wait_in_sqlite(raw, seconds)


def _wait_in_sqlite(raw: Any, seconds: float) -> None:
    with suppress(sqlite3.Error):
        raw.execute(f"PRAGMA busy_timeout = {round(seconds * 1000)}")


def _is_locked(error: DBAPIError | sqlite3.Error) -> bool:
    original = error.orig if isinstance(error, DBAPIError) else error
    return (getattr(original, "sqlite_errorcode", 0) & _PRIMARY) in _LOCKED


def _line(file: Path) -> str:
    """Return who may have locked the database: SQLite does not know it, but our own runs lock tenants too."""
    owners = LockFile.owners(file)
    words = [f"run {quoted(one.run_id)}, process {one.process} on {one.host}" for one in owners[:SHOWN_OWNERS]]
    known = f"; these runs lock tenants of it: {'; '.join(words)}" if words else ""
    return f"Waiting for the database file {file}, which another program has locked{known}."
