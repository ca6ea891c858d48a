"""Waits for the server: a wait for a lock is told, Ctrl-C ends the statement, and values are read whole or not at all.

PyMySQL reads the answer to a statement in one call, and an interrupt in it leaves the statement running in the server.
So our connections wait for the answer's first byte. Meanwhile, a second connection can ask what the statement waits
for, or end it.
"""

import select
import ssl
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pymysql
from pymysql.connections import Connection
from pymysql.constants import COMMAND

from meter_assets.engines import waiting
from meter_assets.engines.mysql.failures import CUT_OFF

_OF_MARIADB = """
SELECT DISTINCT b.trx_mysql_thread_id, p.user, p.command, p.time, LEFT(COALESCE(b.trx_query, p.info), 60)
FROM information_schema.innodb_trx w
JOIN information_schema.innodb_lock_waits l ON l.requesting_trx_id = w.trx_id
JOIN information_schema.innodb_trx b ON b.trx_id = l.blocking_trx_id
LEFT JOIN information_schema.processlist p ON p.id = b.trx_mysql_thread_id
WHERE w.trx_mysql_thread_id = %s ORDER BY 1"""
_OF_MYSQL = """
SELECT DISTINCT b.trx_mysql_thread_id, p.user, p.command, p.time, LEFT(COALESCE(b.trx_query, p.info), 60)
FROM information_schema.innodb_trx w
JOIN performance_schema.data_lock_waits l ON l.requesting_engine_transaction_id = w.trx_id
JOIN information_schema.innodb_trx b ON b.trx_id = l.blocking_engine_transaction_id
LEFT JOIN information_schema.processlist p ON p.id = b.trx_mysql_thread_id
WHERE w.trx_mysql_thread_id = %s ORDER BY 1"""
_STATE = "SELECT state FROM information_schema.processlist WHERE id = %s"
_LOCK_OF_A_TABLE = "Waiting for table"
"""How the state of a session begins that waits for others to end their use of a table."""
_NAMED_LOCK = "User lock"


def connect(dialect: Any, record: Any, positional: Any, arguments: dict[str, Any]) -> Connection:
    """Open a connection whose waits are told."""
    return WatchedConnection(*positional, **arguments)


class WatchedConnection(Connection):  # type: ignore[misc]
    """A connection to a billing database, whose waits for locks are told."""

    _arguments: Mapping[str, Any] | None = None
    """How to open a second connection; None until this one is open."""
    _result: Any
    _tls_without_options: ssl.SSLContext | None = None
    """The TLS context of all connections of this process that name no certificate. To make one, the driver reads every
    certificate of the system, though it verifies none: that takes 27 ms, nearly all the time to connect."""

    def __init__(self, **arguments: Any) -> None:
        """Open a connection with the driver's arguments."""
        super().__init__(**arguments)
        self._arguments = arguments

    def _create_ssl_ctx(self, options: Any) -> Any:
        if options != {}:
            return super()._create_ssl_ctx(options)
        if WatchedConnection._tls_without_options is None:
            WatchedConnection._tls_without_options = super()._create_ssl_ctx(options)
        return WatchedConnection._tls_without_options

    def _read_query_result(self, unbuffered: bool = False) -> None:
        try:
            self._await_answer()
        except pymysql.MySQLError:
            raise
        except BaseException:
            self._end_statement()
            raise
        super()._read_query_result(unbuffered)
        if self._arguments is not None and self._result is not None and self._result.warning_count:
            self._require_whole_values()

    def _require_whole_values(self) -> None:
        """Raise DataError if the last statement has read or computed a value in part only.

        These servers read '12,50' as 12 and no day as NULL, and warn of it, where others end the statement.
        """
        result = self._result
        self._execute_command(COMMAND.COM_QUERY, b"SHOW WARNINGS")
        super()._read_query_result(False)
        warnings, self._result = self._result.rows, result
        for _, code, said in warnings or ():
            if code in CUT_OFF:
                raise pymysql.err.DataError(code, said)

    def _await_answer(self) -> None:
        """Wait for the answer to a statement, and tell whom it waits for."""
        looks = self._arguments is not None
        while not self._has_answer(waiting.SECONDS_UNTIL_TOLD if looks else None):
            try:
                looks = not self._tell()
            except pymysql.MySQLError:
                looks = False  # for example, the server has no connection left

    def _has_answer(self, seconds: float | None) -> bool:
        """Return whether the server has sent the beginning of its answer, after so many seconds at most."""
        socket: Any = self._sock
        if socket is None or getattr(socket, "pending", int)():  # lost; or decrypted already
            return True
        return bool(select.select([socket], [], [], seconds)[0])

    def _end_statement(self) -> None:
        """End the statement in the server, and read the answer that says so: the connection stays usable."""
        try:
            with self._second() as second, second.cursor() as cursor:
                cursor.execute(f"KILL QUERY {self.thread_id()}")
        except pymysql.MySQLError:
            self._force_close()  # the connection is still being opened, or the server answers nobody
            return
        with suppress(pymysql.MySQLError):  # which says that the statement was ended
            super()._read_query_result()

    def _second(self) -> Connection:
        return Connection(**{**(self._arguments or {}), "connect_timeout": int(waiting.SECONDS_TO_ASK)})

    def _tell(self) -> bool:
        """Tell what the statement waits for; return whether it waits, or will not be told."""
        with self._second() as second, second.cursor() as cursor:
            cursor.execute(_STATE, (self.thread_id(),))
            state = str((cursor.fetchone() or ("",))[0] or "")
            if state.startswith(_LOCK_OF_A_TABLE) or state == _NAMED_LOCK:
                waiting.tell(f"Waiting for a lock of another session of the database server ({state}).")
                return True
            cursor.execute(_OF_MARIADB if "MariaDB" in self.get_server_info() else _OF_MYSQL, (self.thread_id(),))
            sessions = [_session(row) for row in cursor.fetchall()]
        if sessions:
            waiting.tell_sessions(sessions)
        return bool(sessions)


def _session(row: tuple[Any, ...]) -> waiting.Session:
    """Return a session, as far as this user may see it."""
    number, user, command, seconds, statement = row
    since = None if seconds is None else datetime.now(UTC) - timedelta(seconds=seconds)
    state = "idle in transaction" if command == "Sleep" else command
    return waiting.Session(number, False, None, user, state, since, statement)
