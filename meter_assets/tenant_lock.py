"""One run at a time for each tenant: a lock that goes with the process that holds it, however that process ends."""

import hashlib
from pathlib import Path
from typing import Protocol

from filelock import FileLock, Timeout
from sqlalchemy import Connection, Engine, func, select
from sqlalchemy.exc import DBAPIError


class TenantLock(Protocol):
    """A tenant's lock that was taken."""

    def is_held(self) -> bool:
        """Say whether it is still held: a server may have closed the connection that held it."""

    def release(self) -> None:
        """Let go of it."""


class LockFile:
    """The lock of a tenant in a SQLite database: a locked file beside it."""

    def __init__(self, lock: FileLock) -> None:
        """Take the lock, which is held."""
        self._lock = lock

    @classmethod
    def take(cls, database: Path, tenant: str) -> "LockFile | None":
        """Take a tenant's lock; return None if another process has it. Raises OSError where no file can be made."""
        folder = database.with_name(f"{database.name}-locks")
        folder.mkdir(exist_ok=True)
        lock = FileLock(folder / f"tenant-{tenant}.lock", blocking=False, thread_local=False)
        try:
            lock.acquire()
        except Timeout:
            return None
        return cls(lock)

    def is_held(self) -> bool:
        """Say whether it is still held."""
        return self._lock.is_locked

    def release(self) -> None:
        """Let go of it."""
        self._lock.release()


class AdvisoryLock:
    """The lock of a tenant in a PostgreSQL database: an advisory lock of a connection that does nothing else."""

    def __init__(self, connection: Connection) -> None:
        """Take the connection, which holds the lock."""
        self._connection = connection

    @classmethod
    def take(cls, engine: Engine, tenant: str) -> "AdvisoryLock | None":
        """Take a tenant's lock; return None if another session has it. Raises DBAPIError without a connection."""
        connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        if connection.scalar(select(func.pg_try_advisory_lock(_key("run", tenant)))):
            return cls(connection)
        connection.close()
        return None

    def is_held(self) -> bool:
        """Say whether it is still held."""
        try:
            return bool(self._connection.scalar(select(1)))
        except DBAPIError:
            self._connection.invalidate()
            return False

    def release(self) -> None:
        """Let go of it."""
        self._connection.close()


def take_within(connection: Connection, tenant: str) -> bool:
    """Take a second lock of the tenant that lasts as long as this transaction; say whether that was possible.

    Whatever cuts the connection that holds the first (a proxy, a time-out), two steps of a tenant cannot overlap.
    """
    if connection.dialect.name != "postgresql":
        return True  # SQLite has one writer at a time
    return bool(connection.scalar(select(func.pg_try_advisory_xact_lock(_key("step", tenant)))))


def _key(what: str, tenant: str) -> int:
    digest = hashlib.sha256(f"meter-assets {what} of tenant {tenant}".encode()).digest()
    return int.from_bytes(digest[:8], signed=True)
