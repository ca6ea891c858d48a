"""Waits for the server: a wait for a lock is told, and Ctrl-C ends it.

The driver calls `wait` for every statement of this process. While a statement takes long, a second connection asks the
server whether it waits for a lock, and of whom.
"""

import os
import select
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any

import psycopg2
import psycopg2.extensions
from sqlalchemy import Engine, event

from meter_assets.engines import waiting
from meter_assets.engines.postgresql.locks import APPLICATION

_NOT_TOLD = "<insufficient privilege>"
"""What the server has in place of the statement of a role that this one may not watch."""
_ASKING_UNTIL: ContextVar[float | None] = ContextVar("asking until", default=None)
# Through a pooler, the driver does not know the server's process; a step's transaction has a name of its own.
_OWNERS = """
SELECT DISTINCT a.pid, a.application_name, a.usename, a.state, a.query_start,
    pg_catalog.left(a.query, 60)
FROM pg_catalog.pg_stat_activity w
CROSS JOIN LATERAL pg_catalog.unnest(pg_catalog.pg_blocking_pids(w.pid)) AS b (pid)
JOIN pg_catalog.pg_stat_activity a ON a.pid = b.pid
WHERE w.wait_event_type = 'Lock' AND (w.pid = %(process)s OR w.application_name LIKE %(ours)s)
ORDER BY a.pid"""


class WatchedConnection(psycopg2.extensions.connection):  # type: ignore[misc]
    """A connection to a billing database, whose waits for locks are told."""

    arguments: Mapping[str, Any] | None = None
    """How to open a second connection; None until this one is open."""


def watch(engine: Engine) -> None:
    """Let the waits of an engine's statements be told."""

    @event.listens_for(engine, "do_connect")
    def _connect(dialect: Any, record: Any, positional: Any, arguments: dict[str, Any]) -> Any:
        connection = dialect.connect(*positional, **arguments, connection_factory=WatchedConnection)
        connection.arguments = arguments
        return connection


def wait(connection: Any) -> None:
    """Wait for the server, and cancel the statement on Ctrl-C: by default, the driver waits until its end."""
    interrupt: BaseException | None = None
    watcher = _Watcher(connection)
    while True:
        try:
            state = connection.poll()
            if state == psycopg2.extensions.POLL_OK:
                break
            reads = [connection.fileno()] if state == psycopg2.extensions.POLL_READ else []
            writes = [] if reads else [connection.fileno()]
            if not any(select.select(reads, writes, [], watcher.seconds())):
                watcher.look()
        except psycopg2.Error:
            if interrupt is None:
                raise
            break
        except BaseException as error:
            interrupt = error
            try:
                connection.cancel()
            except psycopg2.Error:
                break  # the connection is still being opened, or is lost: there is nothing to cancel
    watcher.end()
    if interrupt is not None:
        raise interrupt


class _Watcher:
    """Looks from time to time whether a statement waits for a lock, until that is told."""

    def __init__(self, connection: Any) -> None:
        self._connection, self._second = connection, None  # type: Any, Any
        self._until = _ASKING_UNTIL.get()
        watched = isinstance(connection, WatchedConnection) and connection.arguments is not None
        self._looks = watched and self._until is None

    def seconds(self) -> float | None:
        """Return how long to wait until the next look; None for ever."""
        if self._until is not None:
            return max(0.0, self._until - time.monotonic())
        return waiting.SECONDS_UNTIL_TOLD if self._looks else None

    def look(self) -> None:
        """Tell whom the statement waits for. Raises OperationalError where this connection is the one that asks."""
        if self._until is not None:
            raise psycopg2.OperationalError("the server does not answer in time")
        try:
            with _asking():
                owners = self._owners()
        except psycopg2.Error:
            self._looks = False  # for example, the server has no connection left
            return
        if owners:
            waiting.tell_sessions([_session(row) for row in owners])
            self.end()
            self._looks = False

    def end(self) -> None:
        """Close the second connection."""
        if self._second is not None:
            with suppress(psycopg2.Error):
                self._second.close()
            self._second = None

    def _owners(self) -> list[tuple[Any, ...]]:
        if self._second is None:
            self._second = psycopg2.connect(**self._connection.arguments)
            self._second.autocommit = True
        named = {"process": self._connection.info.backend_pid, "ours": f"{APPLICATION}% {os.getpid()}"}
        with self._second.cursor() as cursor:
            cursor.execute(_OWNERS, named)
            return list(cursor.fetchall())


@contextmanager
def _asking() -> Iterator[None]:
    token = _ASKING_UNTIL.set(time.monotonic() + waiting.SECONDS_TO_ASK)
    try:
        yield
    finally:
        _ASKING_UNTIL.reset(token)


def _session(row: tuple[Any, ...]) -> waiting.Session:
    """Return a session; of another role's, the server may show only its name."""
    process, application, user, state, since, statement = row
    told = None if (statement or "").startswith(_NOT_TOLD) else statement
    return waiting.Session(process, True, application, user, state, since, told)
