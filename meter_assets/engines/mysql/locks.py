"""Locks on MySQL and MariaDB: the named lock of a tenant, and the one that serializes the creation of our own tables.

A named lock belongs to a session, and to the whole server, so the database is part of its name. A server frees it when
the session ends. But a statement of a process that was killed may go on for a while after that; so each transaction
that writes a tenant also locks a row of our own. Add other named locks here.
"""

from contextlib import suppress
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, func, literal, select, text
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError

from meter_assets.billing.own_tables import RUNS
from meter_assets.billing.schema import BillingSchema
from meter_assets.engines.base import LockOwner, LockScope
from meter_assets.engines.mysql.connections import RELEASES_LOCKS, SECONDS_TO_WAIT_FOR_A_LOCK
from meter_assets.engines.mysql.failures import is_kept_waiting
from meter_assets.engines.mysql.temporary_tables import is_mariadb

PROGRAM = "meter-assets run "
"""How the name of a connection with a tenant's lock begins."""
_LONGEST_NAME = 64
_OWNER = text(
    """
SELECT a.attr_value AS program, p.host AS host
FROM performance_schema.session_account_connect_attrs a
LEFT JOIN information_schema.processlist p ON p.id = a.processlist_id
WHERE a.attr_name = 'program_name' AND a.processlist_id = :session
"""
)


class NamedLock:
    """A tenant's lock that was acquired."""

    def __init__(self, engine: Engine, connection: Connection, tenant: str) -> None:
        """Take the connection that owns the lock, and its engine."""
        self._engine, self._connection, self._tenant = engine, connection, tenant

    @classmethod
    def take(cls, engine: Engine, tenant: str) -> "NamedLock | None":
        """Lock a tenant; return None if another session has locked it. Raises DBAPIError without a connection."""
        try:
            connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            if connection.scalar(select(func.get_lock(_name(LockScope.run, tenant), 0))):
                return cls(engine, connection, tenant)
            connection.close()
        except BaseException:
            engine.dispose()
            raise
        engine.dispose()
        return None

    def is_held(self) -> bool:
        """Return whether this process still owns it."""
        mine = func.is_used_lock(_name(LockScope.run, self._tenant)) == func.connection_id()
        try:
            return bool(self._connection.scalar(select(mine)))
        except DBAPIError:
            self._connection.invalidate()
            return False

    def release(self) -> None:
        """Release it at once: the server notices a closed connection only after some time."""
        with suppress(SQLAlchemyError):  # of a connection that is lost
            self._connection.execute(select(func.release_lock(_name(LockScope.run, self._tenant))))
        self._connection.close()
        self._engine.dispose()


def program_of(owner: LockOwner) -> str:
    """Return the name of the connection with the lock of a run, by which others find out who has it."""
    return f"{PROGRAM}{owner.run_id} {owner.process}"


def owner_of(connection: Connection, tenant: str, scope: LockScope) -> LockOwner | None:
    """Return who has locked a tenant; None if that is not known.

    Only a server with its performance schema on shows the name of a connection.
    """
    if scope is LockScope.step:
        return None
    session = connection.scalar(select(func.is_used_lock(_name(scope, tenant))))
    try:
        found = connection.execute(_OWNER, {"session": session}).first() if session else None
    except DBAPIError:
        return None
    if found is None or not str(found.program).startswith(PROGRAM):
        return None
    run_id, _, process = str(found.program).removeprefix(PROGRAM).rpartition(" ")
    if not (run_id and process.isascii() and process.isdecimal()):
        return None
    host = str(found.host).rpartition(":")[0] if found.host else "a host that this user may not see"
    return LockOwner(run_id, host, int(process), None)


def take_within(connection: Connection, schema: BillingSchema, tenant_id: Any) -> bool:
    """Lock the tenant's first record for this transaction; return whether that was possible."""
    if RUNS not in schema.own_tables_present:
        return True
    runs = schema.own[RUNS]
    first = connection.scalar(select(func.min(runs.c.id)).where(runs.c.tenant_id == tenant_id))
    try:
        # By its primary key: otherwise a transaction that reads one snapshot locks the rows beside it too.
        connection.execute(select(runs.c.id).where(runs.c.id == first).with_for_update(nowait=True)).all()
    except DBAPIError as error:
        if is_kept_waiting(error):
            return False
        raise
    return True


def wait_to_make_tables(connection: Connection) -> None:
    """Wait until no other session creates our own tables; others wait until the connection is given back."""
    connection.info[RELEASES_LOCKS] = True
    name = _name("tables", "every tenant")
    if not connection.scalar(select(func.get_lock(name, SECONDS_TO_WAIT_FOR_A_LOCK))):
        import pymysql

        waited = pymysql.err.OperationalError(1205, "another session creates the tables of meter-assets")
        raise OperationalError("SELECT GET_LOCK", {}, waited)


def _name(what: str, tenant: str) -> ColumnElement[str]:
    """Return the SQL of a lock's name: a hash, because names are short, and their letters have no case."""
    key = literal(f" meter-assets {what} of tenant {tenant}")
    return func.substr(func.sha2(func.concat(func.database(), key), 256), 1, _LONGEST_NAME - 4)


_WAITING_ON_MARIADB = text(
    "SELECT COUNT(*) FROM information_schema.innodb_trx b JOIN information_schema.innodb_lock_waits l "
    "ON l.blocking_trx_id = b.trx_id WHERE b.trx_mysql_thread_id = CONNECTION_ID()"
)
_WAITING_ON_MYSQL = text(
    "SELECT COUNT(*) FROM information_schema.innodb_trx b JOIN performance_schema.data_lock_waits l "
    "ON l.blocking_engine_transaction_id = b.trx_id WHERE b.trx_mysql_thread_id = CONNECTION_ID()"
)


def others_wait(connection: Connection) -> bool:
    """Return whether other sessions wait for locks of this transaction; False if this user may not know that."""
    try:
        return bool(connection.scalar(_WAITING_ON_MARIADB if is_mariadb(connection) else _WAITING_ON_MYSQL))
    except DBAPIError:
        return False
