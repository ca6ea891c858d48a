"""Connections to MySQL and MariaDB, through PyMySQL: how they are opened, and what each session sets.

A URL, a user or the server's configuration may have set anything, so each session sets what our statements depend on.
Add a setting to `_SETTINGS` if a statement of ours depends on it. A transaction that writes is READ COMMITTED, and one
that reads is REPEATABLE READ: it reads one snapshot. Never read in one and write what follows from it in the same:
these servers write the newest version of a row, whatever the transaction has read.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from importlib.util import find_spec
from typing import Any

from sqlalchemy import URL, Connection, Engine, QueuePool, create_engine, event
from sqlalchemy.pool import ConnectionPoolEntry

from meter_assets.engines.base import NOT_KEPT
from meter_assets.engines.mysql import options
from meter_assets.engines.mysql.compiler import correct
from meter_assets.engines.mysql.temporary_tables import drop_temporary_tables, is_mariadb, reads_each_once
from meter_assets.errors import InvalidSettings

KEPT = 4
"""How many idle connections are kept at most."""
SECONDS_TO_WAIT_FOR_A_LOCK = 300
"""A statement that waits longer for a lock fails, and its transaction is rolled back."""
SECONDS_A_SESSION_MAY_IDLE = 7 * 24 * 3600
_DAY = 24 * 3600
RELEASES_LOCKS = "meter-assets: has locks of its session"
"""In the info of a connection: its named locks are released when it is given back."""
_keeping: Counter[URL] = Counter()

# A day that is none is kept as it is until a check has named it.
_MODE = (
    "ANSI_QUOTES,PIPES_AS_CONCAT,STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION,"
    "ALLOW_INVALID_DATES"
)
_SETTINGS = {
    # What text means. In this collation, letters are equal only to themselves, as on other engines.
    "NAMES": "utf8mb4 COLLATE utf8mb4_bin",
    "sql_mode": f"'{_MODE}'",
    "time_zone": "'+00:00'",
    "sql_auto_is_null": "0",
    "sql_big_selects": "1",
    "sql_safe_updates": "0",
    "sql_select_limit": "DEFAULT",
    "div_precision_increment": "4",
    "foreign_key_checks": "1",
    "unique_checks": "1",
    # A step is one transaction, however long it takes. What may not last long are locks, so we do not wait for ever.
    "wait_timeout": str(SECONDS_A_SESSION_MAY_IDLE),
    "net_read_timeout": str(_DAY),
    "net_write_timeout": str(_DAY),
    "innodb_lock_wait_timeout": str(SECONDS_TO_WAIT_FOR_A_LOCK),
    "lock_wait_timeout": str(SECONDS_TO_WAIT_FOR_A_LOCK),
}
_OF_MARIADB = {"max_statement_time": "0", "idle_transaction_timeout": "0", "idle_write_transaction_timeout": "0"}
_OF_MYSQL = {"max_execution_time": "0"}
WRITES, READS = "READ COMMITTED", "REPEATABLE READ"
"""The isolation levels of transactions that write and that read."""


def require_driver() -> None:
    """Raise InvalidSettings if PyMySQL is not installed."""
    if find_spec("pymysql") is None:
        raise InvalidSettings(
            "The driver for MySQL and MariaDB is not installed: pip install 'meter-assets[mysql]' installs it."
        )


@cache
def writer(url: URL) -> Engine:
    """Return an engine whose statements read the newest rows. A connection is closed after its use, except if kept."""
    return _engine(url, WRITES)


@cache
def reader(url: URL) -> Engine:
    """Return an engine whose transactions read one snapshot; they are rolled back at the end, not committed."""
    engine = _engine(url, READS)
    setattr(engine.dialect, "do_commit", engine.dialect.do_rollback)  # noqa: B010  # mypy takes it for a mistake

    def clear(connection: Connection) -> None:
        # Without its temporary tables, a transaction has nothing to undo: their rows would be undone one by one.
        if not connection.invalidated:
            _is_cleared(connection.connection, connection.info)

    event.listen(engine, "commit", clear)
    event.listen(engine, "rollback", clear)
    return engine


def lock_connections(url: URL, program: str) -> Engine:
    """Return an engine for one connection with a lock, which the server shows under the name of a program."""
    return _engine(url, WRITES, program_name=program)


def _engine(url: URL, isolation: str, **arguments: Any) -> Engine:
    require_driver()
    from meter_assets.engines.mysql.waiting import connect

    engine = create_engine(
        url.set(query={}),
        poolclass=QueuePool,
        pool_size=KEPT,
        max_overflow=-1,
        pool_pre_ping=True,  # the server may have ended an idle connection
        connect_args={"charset": "utf8mb4", **options.for_driver(url), **arguments},
    )
    correct(engine.dialect)
    event.listen(engine, "do_connect", connect)

    @event.listens_for(engine, "connect", insert=True)  # before SQLAlchemy asks for the mode of the session
    def _prepare(connection: Any, entry: ConnectionPoolEntry) -> None:
        is_mariadb = "MariaDB" in connection.get_server_info()
        others = {name: value for name, value in _SETTINGS.items() if name != "NAMES"}
        others |= _OF_MARIADB if is_mariadb else _OF_MYSQL
        assigned = ", ".join(f"SESSION {name} = {value}" for name, value in others.items())
        with connection.cursor() as cursor:
            cursor.execute(f"SET NAMES {_SETTINGS['NAMES']}")
            cursor.execute(f"SET {assigned}")
            cursor.execute(f"SET SESSION TRANSACTION ISOLATION LEVEL {isolation}")

    @event.listens_for(engine, "before_cursor_execute", retval=True)
    def _reads_each_once(
        connection: Connection, cursor: Any, statement: str, parameters: Any, context: Any, many: bool
    ) -> tuple[str, Any]:
        read_again = reads_each_once if not is_mariadb(connection) else None
        return (read_again(cursor, statement, connection.info) if read_again else statement), parameters

    @event.listens_for(engine, "checkin")
    def _returned(connection: Any, entry: ConnectionPoolEntry) -> None:
        if connection is None:
            return
        if NOT_KEPT in entry.info or not _keeping[url] or not _is_cleared(connection, entry.info):
            entry.close()

    return engine


def _is_cleared(connection: Any, info: dict[Any, Any]) -> bool:
    """Remove what a session keeps after a transaction; return whether that was possible."""
    from pymysql import MySQLError

    with suppress(MySQLError), connection.cursor() as cursor:
        drop_temporary_tables(cursor, info)
        if info.pop(RELEASES_LOCKS, False):
            cursor.execute("SELECT RELEASE_ALL_LOCKS()")
        return True
    return False


@contextmanager
def connections_kept(url: URL) -> Iterator[None]:
    """Use connections again meanwhile: to connect takes longer than a statement about few rows.

    A process that is forked meanwhile must not use the engine.
    """
    _keeping[url] += 1
    try:
        yield
    finally:
        _keeping[url] -= 1
        if not _keeping[url]:
            writer(url).dispose()
            reader(url).dispose()


def set_isolation(connection: Connection, level: str) -> None:
    """Set the isolation level of the transaction that begins with the next statement."""
    connection.exec_driver_sql(f"SET TRANSACTION ISOLATION LEVEL {level}")
