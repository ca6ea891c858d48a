"""The points of a run: the moments before and after each statement and commit that goes to the billing database.

On a server there is one more: when it has been sent, and the answer has not been read. There an end of the process
leaves a server that finishes what it was told; a lost connection leaves the outcome in doubt.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import psycopg2.extensions
from sqlalchemy import Connection, Engine, event

from meter_assets.engines import mysql, postgresql, sqlite
from meter_assets.engines.mysql.waiting import WatchedConnection, connect
from meter_assets.engines.postgresql.waiting import wait

BEFORE, SENT, AFTER = "before", "sent", "after"
COMMIT = "COMMIT"
FORGETTING = f"{AFTER} FORGETTING"
"""A point of the command line alone: Dagster has been told to forget what is about to be undone."""
BY_ITSELF = "(what the driver sends by itself)"
SHOWN_CHARACTERS = 70
_ASKS = re.compile(
    r"(SELECT|WITH|PRAGMA|SHOW|SET|\(SELECT|LOCK TABLE|CREATE TEMPORARY|DROP TEMPORARY|BEGIN NOT)\b(?!.*advisory)"
)
_FACTORIES = ((sqlite, "writer"), (sqlite, "reader"), (postgresql, "writer"), (mysql, "writer"), (mysql, "reader"))

Reached = Callable[[str, Any], None]
"""Is told each point, such as 'before COMMIT', and the driver's connection."""


def where_it_matters(points: list[str]) -> list[int]:
    """Return the numbers of the points between which something may have happened to the database, and of all commits.

    Questions leave it as it was; what is after one statement is before the next; and what a server has been told is
    as good as not told until it is told to commit. Of a row of such points, the first stands for all.
    """
    chosen, happened = [], True
    for number, point in enumerate(points):
        when, what = point.split(" ", 1)
        if what == COMMIT:
            chosen.append(number)
            happened = False
        elif not _ASKS.match(what):
            happened = happened or when == AFTER
            if happened and when != SENT:
                chosen.append(number)
                happened = False
    return chosen


@contextmanager
def watched(reached: Reached, on_connect: Callable[[Any], None] | None = None) -> Iterator[None]:
    """Tell of every point of whatever engine the product makes in this process, until the end."""
    originals = [(engine, name, getattr(engine, name)) for engine, name in _FACTORIES]
    for engine, name, original in originals:
        writes_sqlite = engine is sqlite and name == "writer"
        setattr(engine, name, _watching(original, reached, on_connect if writes_sqlite else None))
    try:
        yield
    finally:
        for engine, name, original in originals:
            setattr(engine, name, original)


def _watching(
    make: Callable[..., Engine], reached: Reached, on_connect: Callable[[Any], None] | None
) -> Callable[..., Engine]:
    @cache  # what is watched twice would tell of each point twice
    def made(*arguments: Any) -> Engine:
        engine = make(*arguments)
        _watch(engine, reached)
        if on_connect is not None:
            event.listen(engine, "connect", lambda connection, _: on_connect(connection))
        return engine

    return made


def _watch(engine: Engine, reached: Reached) -> None:
    doing = BY_ITSELF

    def before(connection: Connection, cursor: Any, statement: str, *rest: Any) -> None:
        nonlocal doing
        doing = " ".join(statement.split())[:SHOWN_CHARACTERS]
        reached(f"{BEFORE} {doing}", cursor.connection)

    def after(connection: Connection, cursor: Any, *rest: Any) -> None:
        nonlocal doing
        done, doing = doing, BY_ITSELF
        reached(f"{AFTER} {done}", cursor.connection)

    event.listen(engine, "before_cursor_execute", before)
    event.listen(engine, "after_cursor_execute", after)
    commit = engine.dialect.do_commit

    def do_commit(connection: Any) -> None:
        nonlocal doing
        doing = COMMIT
        reached(f"{BEFORE} {COMMIT}", connection.dbapi_connection)
        commit(connection)
        doing = BY_ITSELF
        reached(f"{AFTER} {COMMIT}", connection.dbapi_connection)

    # There is an event before a commit, and none after it.
    setattr(engine.dialect, "do_commit", do_commit)  # noqa: B010  # mypy takes the assignment for a mistake
    if engine.dialect.name == "postgresql":

        def sent(connection: Any) -> None:
            if connection.status != psycopg2.extensions.STATUS_SETUP:  # there is nothing to lose while it connects
                reached(f"{SENT} {doing}", connection)
            wait(connection)

        psycopg2.extensions.set_wait_callback(sent)
    elif engine.dialect.name == "mysql":

        class Told(WatchedConnection):
            """A connection that tells when the server has been sent a statement."""

            def _await_answer(self) -> None:
                if self._arguments is not None:  # there is nothing to lose while it connects
                    reached(f"{SENT} {doing}", self)
                super()._await_answer()

            def _read_ok_packet(self) -> Any:
                if doing == COMMIT:
                    reached(f"{SENT} {COMMIT}", self)
                return super()._read_ok_packet()

        event.remove(engine, "do_connect", connect)  # the first that makes a connection is asked alone
        event.listen(engine, "do_connect", lambda dialect, record, given, named: Told(*given, **named))
