"""What befalls a run: what it is, and where."""

import os
import select
import signal
import socket
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import psycopg2
import pymysql
from psycopg2.extensions import ISOLATION_LEVEL_AUTOCOMMIT
from pymysql.connections import Connection as MariaDbConnection

from meter_assets.engines import sqlite
from tests.support.faults.points import SENT

SECONDS_FOR_A_BACKEND_TO_END = 10
SECONDS_TO_WAIT_WHEN_BUSY = 0.05
PAGES_OF_A_SMALL_CACHE = 2


class Kind(StrEnum):
    """What can befall a run."""

    NOTHING = "nothing"
    KILLED = "killed"
    CUT_OFF = "cut off"
    BUSY = "busy"
    NO_ROOM = "no room"


@dataclass(frozen=True)
class Strike:
    """What befalls a run, and at which point: its number, or the first whose words begin so.

    With `small_cache`, SQLite writes pages into the file before the commit, as it does in a large transaction. With
    `pages`, its file may grow by so many pages and no more.
    """

    kind: Kind = Kind.NOTHING
    at: int | str | None = None
    small_cache: bool = False
    pages: int = 0


class Striker:
    """Counts the points of a run, keeps their names, and strikes at the one that was chosen."""

    def __init__(self, strike: Strike) -> None:
        """Take what is to befall the run."""
        self.points: list[str] = []
        self._strike = strike
        self._busy = False
        self._kept: list[Any] = []
        if strike.kind is Kind.BUSY:
            sqlite.SECONDS_UNTIL_BUSY = SECONDS_TO_WAIT_WHEN_BUSY

    def reached(self, point: str, connection: Any) -> None:
        """Take note of a point, and strike if it is the one."""
        if self._busy:
            return  # a connection of our own
        number = len(self.points)
        self.points.append(point)
        at = self._strike.at
        if number == at or (isinstance(at, str) and point.startswith(at)):
            self._strike_now(point, connection)

    def _strike_now(self, point: str, connection: Any) -> None:
        self._busy = True
        at, self._strike = self._strike, Strike()
        _STRIKES[at.kind](self, point, connection)
        self._busy = False

    def prepare(self, connection: sqlite3.Connection) -> None:
        """Give a writing connection of SQLite the cache and the room that it is to have."""
        if self._strike.small_cache:
            connection.execute(f"PRAGMA cache_size = {PAGES_OF_A_SMALL_CACHE}")
        if self._strike.kind is Kind.NO_ROOM:
            (there,) = connection.execute("PRAGMA page_count").fetchone()
            if not self._kept:
                self._kept.append(there + self._strike.pages)
            connection.execute(f"PRAGMA max_page_count = {self._kept[0]}")

    def _kill(self, point: str, connection: Any) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def _cut_off(self, point: str, connection: Any) -> None:
        is_mariadb = isinstance(connection, MariaDbConnection)
        if point.startswith(SENT):
            _lose_the_answer(connection._sock if is_mariadb else connection)
        if is_mariadb:
            _kill_on_mariadb(connection)
            return
        other = psycopg2.connect(connection.dsn)
        other.set_isolation_level(ISOLATION_LEVEL_AUTOCOMMIT)
        with other.cursor() as cursor:
            milliseconds = SECONDS_FOR_A_BACKEND_TO_END * 1000
            cursor.execute("SELECT pg_terminate_backend(%s, %s)", (connection.get_backend_pid(), milliseconds))
        other.close()

    def _keep_busy(self, point: str, connection: sqlite3.Connection) -> None:
        (_, _, file), *_ = connection.execute("PRAGMA database_list").fetchall()
        other = sqlite3.connect(file, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        self._kept.append(other)


def _kill_on_mariadb(connection: "MariaDbConnection[Any]") -> None:
    """End the session of a connection, and wait until the server has rolled it back."""
    there = {"host": connection.host, "port": connection.port, "user": connection.user}
    number = connection.thread_id()
    with pymysql.connect(**there, autocommit=True) as other, other.cursor() as cursor:
        cursor.execute(f"KILL {number}")
        deadline = time.monotonic() + SECONDS_FOR_A_BACKEND_TO_END
        while time.monotonic() < deadline:
            cursor.execute("SELECT count(*) FROM information_schema.processlist WHERE id = %s", (number,))
            if cursor.fetchone() == (0,):
                return
            time.sleep(0.01)


def _lose_the_answer(connection: Any) -> None:
    """Wait for the server's answer and take it off the line, so that the driver never reads it."""
    select.select([connection.fileno()], [], [], SECONDS_FOR_A_BACKEND_TO_END)
    with socket.socket(fileno=os.dup(connection.fileno())) as line:
        line.recv(1 << 20)


_STRIKES: dict[Kind, Callable[[Striker, str, Any], None]] = {
    Kind.KILLED: Striker._kill,
    Kind.CUT_OFF: Striker._cut_off,
    Kind.BUSY: Striker._keep_busy,
}
