"""PostgreSQL's locks: the advisory lock of a tenant, and the one that serializes the creation of our own tables.

A tenant's lock belongs to a transaction that does nothing else, in a connection of its own. The server releases it when
the process ends, even after a crash. A lock of a session would not do: a pooler in transaction mode gives the session
to others, while an open transaction keeps it. Add other advisory locks here.
"""

import hashlib
from contextlib import suppress
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, func, select, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from meter_assets.engines.base import LockOwner, LockScope

SECONDS_TO_NOTICE_A_DEAD_HOST = (30, 10, 3)
"""PostgreSQL probes a silent client after the first number of seconds, then at this interval, at most this often."""
APPLICATION = "meter-assets run "
"""How the name of a connection with a lock begins."""
LOAD = text(
    """
SELECT EXISTS (
        SELECT FROM pg_catalog.pg_stat_activity a WHERE a.wait_event_type = 'Lock'
            AND pg_catalog.pg_backend_pid() = ANY(pg_catalog.pg_blocking_pids(a.pid))
    ), (SELECT extract(epoch FROM max(replay_lag)) FROM pg_catalog.pg_stat_replication), t.n_dead_tup, t.n_live_tup
FROM (SELECT 1) AS one LEFT JOIN pg_catalog.pg_stat_user_tables t ON t.relid = pg_catalog.to_regclass(:table)
"""
)
"""Who waits for this transaction; how far the slowest replica is behind, where the role may know it; old versions of
rows of a table, and its rows."""
READ_CURRENT_ROWS = "SET TRANSACTION ISOLATION LEVEL READ COMMITTED"
"""The first statement of a transaction whose statements each read the current rows."""
_APPLICATION_MOST = 63
"""The most bytes of an application's name that PostgreSQL stores: enough for the ids of a run and a process."""


class AdvisoryLock:
    """A tenant's lock that was acquired."""

    def __init__(self, connection: Connection) -> None:
        """Take the connection that owns the lock."""
        self._connection = connection

    @classmethod
    def take(cls, engine: Engine, tenant: str, owner: LockOwner) -> "AdvisoryLock | None":
        """Lock a tenant; return None if another session has locked it. Raises DBAPIError without a connection."""
        # The open transaction of this isolation level keeps no snapshot, so the server can remove dead rows meanwhile.
        connection = engine.connect().execution_options(isolation_level="READ COMMITTED")
        try:
            # The name is set before the lock is acquired, so that a refused run can report the owner.
            lock = func.pg_try_advisory_xact_lock(_key(LockScope.run, tenant)).label("acquired")
            if connection.execute(select(*_shown_owner(owner), lock)).one().acquired:
                return cls(connection)
        except BaseException:
            connection.close()
            raise
        connection.close()
        return None

    @staticmethod
    def owner(connection: Connection, tenant: str, scope: LockScope = LockScope.run) -> LockOwner | None:
        """Return who has locked a tenant; None if that is not known.

        For another role's connection, the server shows the name, but neither the host nor the start time.
        """
        high, low = divmod(_key(scope, tenant) % 2**64, 2**32)
        found = connection.execute(
            text(
                "SELECT a.application_name, host(a.client_addr) AS host, a.backend_start FROM pg_locks l "
                "JOIN pg_stat_activity a ON a.pid = l.pid WHERE l.locktype = 'advisory' AND l.granted "
                "AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
                "AND l.classid::bigint = :high AND l.objid::bigint = :low AND l.objsubid = 1"
            ),
            {"high": high, "low": low},
        ).first()
        if found is None or not (found.application_name or "").startswith(APPLICATION):
            return None
        run_id, _, process = found.application_name.removeprefix(APPLICATION).rpartition(" ")
        if not (run_id and process.isascii() and process.isdecimal()):  # any role may call itself what it likes
            return None
        host = found.host or ("the server's host" if found.backend_start else "a host that this role may not see")
        return LockOwner(run_id, host, int(process), found.backend_start)

    def is_held(self) -> bool:
        """Return whether this process still owns it."""
        try:
            return bool(self._connection.scalar(select(1)))
        except DBAPIError:
            self._connection.invalidate()
            return False

    def release(self) -> None:
        """Release it at once: the server notices a closed connection only after some time."""
        with suppress(SQLAlchemyError):  # of a connection that is lost
            self._connection.rollback()
        self._connection.close()


def _shown_owner(owner: LockOwner) -> list[ColumnElement[Any]]:
    """Return what shows the lock's owner in pg_stat_activity, and lets the server notice soon if this host is gone.

    The transaction is idle while it owns the lock: `sessions` lets it be so, whatever the role's time-outs are.
    """
    idle, interval, times = SECONDS_TO_NOTICE_A_DEAD_HOST
    options = {
        "application_name": _application_name(owner),
        "tcp_keepalives_idle": str(idle),
        "tcp_keepalives_interval": str(interval),
        "tcp_keepalives_count": str(times),
    }
    return [func.set_config(name, value, True).label(name) for name, value in options.items()]


def _application_name(owner: LockOwner) -> str:
    process = f" {owner.process}"  # the owner's own: the server's process of this connection is nothing to end
    return f"{APPLICATION}{owner.run_id}"[: _APPLICATION_MOST - len(process)] + process


def take_within(connection: Connection, tenant: str, owner: LockOwner) -> bool:
    """Acquire a second lock of the tenant for this transaction; return whether that was possible.

    Even if the connection with the first lock is cut (by a proxy or a time-out), two steps of a tenant cannot overlap.
    During the transaction, pg_stat_activity shows the run's name for this connection.
    """
    named = func.set_config("application_name", _application_name(owner), True).label("named")
    return bool(
        connection.execute(select(func.pg_try_advisory_xact_lock(_key(LockScope.step, tenant)), named)).scalar()
    )


def wait_to_make_tables(connection: Connection) -> None:
    """Wait until no other transaction creates our own tables; others wait until this one ends.

    After the wait, the transaction reads what others have created meanwhile. Call it first.
    """
    key = _key("tables", "every tenant")
    connection.exec_driver_sql(f"{READ_CURRENT_ROWS}; SELECT pg_advisory_xact_lock({key})")


def _key(what: str, tenant: str) -> int:
    digest = hashlib.sha256(f"meter-assets {what} of tenant {tenant}".encode()).digest()
    return int.from_bytes(digest[:8], signed=True)
