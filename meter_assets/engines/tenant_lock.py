"""One run at a time for each tenant: a lock that goes with the process that holds it, however that process ends."""

import grp
import hashlib
import os
import pwd
import shlex
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from filelock import FileLock, Timeout
from pydantic import TypeAdapter
from sqlalchemy import Connection, Engine, func, select, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from meter_assets.foreign_text import quoted
from meter_assets.private_files import adapt, make_file, make_folder, read_start, written

SECONDS_TO_NOTICE_A_DEAD_HOST = (30, 10, 3)
"""PostgreSQL asks a silent client after so many seconds, again every so many, and gives up after so many times."""
_APPLICATION = "meter-assets run "
_APPLICATION_MOST = 63
"""So many bytes of an application's name PostgreSQL keeps: enough for a run's id and a process's."""


@dataclass(frozen=True)
class Holder:
    """Who holds a tenant: the run, on which host and in which process, and since when, if that can be seen."""

    run_id: str
    host: str
    process: int
    since: datetime | None

    @classmethod
    def this_process(cls, run_id: str) -> "Holder":
        """Return this process as a holder, from now."""
        return cls(run_id, socket.gethostname(), os.getpid(), datetime.now(UTC))


_HOLDER = TypeAdapter(Holder)
_LONGEST_HOLDER = 4096
"""So many bytes of a file that tells of a holder are read."""


class Lock(StrEnum):
    """Which of a tenant's two locks: that of a run, from its first step to its end, or that of one transaction."""

    run = "run"
    step = "step"


class TenantLock(Protocol):
    """A tenant's lock that was taken."""

    def is_held(self) -> bool:
        """Say whether it is still held: a server may have closed the connection that held it."""

    def release(self) -> None:
        """Let go of it."""


class LockFile:
    """The lock of a tenant in a SQLite database: a locked file beside it."""

    def __init__(self, lock: FileLock, told: Path) -> None:
        """Take the lock, which is held, and the file that tells of its holder."""
        self._lock, self._told = lock, told

    @classmethod
    def take(cls, database: Path, tenant: str, holder: Holder) -> "LockFile | None":
        """Take a tenant's lock; return None if another process has it. Raises OSError where no file can be made."""
        folder = _folder(database)
        path = folder / f"tenant-{tenant}.lock"
        try:
            make_folder(folder)
            adapt(folder)
            make_file(path)
            adapt(path)
            lock = FileLock(path, blocking=False, thread_local=False)
            lock.acquire()
        except Timeout:
            return None
        except PermissionError as error:
            raise _who_must_let_us_in(error, folder, path) from None
        told = f"tenant-{tenant}.holder"
        try:
            with written(folder, told) as file:
                file.write(_HOLDER.dump_json(holder).decode())
        except BaseException:
            lock.release()
            raise
        return cls(lock, folder / told)

    @staticmethod
    def holder(database: Path, tenant: str) -> Holder | None:
        """Return who holds a tenant that could not be taken, if that can be told.

        Whoever may write in the folder may have put anything there.
        """
        try:
            found = read_start(_folder(database) / f"tenant-{tenant}.holder", _LONGEST_HOLDER)
            holder = _HOLDER.validate_json(found, strict=True)
            return replace(holder, host=quoted(holder.host), since=holder.since and holder.since.astimezone(UTC))
        except (OSError, ValueError, OverflowError):
            return None

    def is_held(self) -> bool:
        """Say whether it is still held."""
        return self._lock.is_locked

    def release(self) -> None:
        """Let go of it; whoever takes it next is not told as the one who holds it now."""
        with suppress(OSError):
            self._told.unlink(missing_ok=True)
        self._lock.release()


def _folder(database: Path) -> Path:
    return database.with_name(f"{database.name}-locks")


def _who_must_let_us_in(error: PermissionError, *made_before: Path) -> PermissionError:
    """Return the error with what to do, where somebody else made what we may not use: the first of these."""
    for path in made_before:
        with suppress(OSError):
            owner = path.lstat().st_uid
            if owner != os.geteuid() and not os.access(path, os.R_OK | os.W_OK):
                return PermissionError(error.errno, f"{error.strerror}: {_advice(path, owner, made_before[0])}")
    return error


def _advice(path: Path, owner: int, folder: Path) -> str:
    user, group = _name_of(pwd.getpwuid, owner), _name_of(grp.getgrgid, folder.parent.stat().st_gid)
    locks = shlex.quote(str(folder))
    return (
        f"{path} belongs to user {user}, who shares it with nobody. Where the folder {folder.parent} is writable for a "
        f"group (chmod 2770), the next live run of user {user} shares the locks with that group, as does the command "
        f"'chgrp -R {group} {locks} && chmod -R g+rwX {locks}'"
    )


def _name_of(look: Callable[[int], Sequence[Any]], number: int) -> str:
    """Return the name of a user or a group, or the number of one that has none."""
    try:
        return str(look(number)[0])
    except KeyError:
        return str(number)


class AdvisoryLock:
    """The lock of a tenant in a PostgreSQL database: an advisory lock of a connection that does nothing else."""

    def __init__(self, connection: Connection) -> None:
        """Take the connection, which holds the lock."""
        self._connection = connection

    @classmethod
    def take(cls, engine: Engine, tenant: str, holder: Holder) -> "AdvisoryLock | None":
        """Take a tenant's lock; return None if another session has it. Raises DBAPIError without a connection."""
        connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        try:
            _introduce(connection, holder)  # first, so that who is refused is told by whom
            if connection.scalar(select(func.pg_try_advisory_lock(_key(Lock.run, tenant)))):
                return cls(connection)
        except BaseException:
            connection.close()
            raise
        connection.close()
        return None

    @staticmethod
    def holder(connection: Connection, tenant: str, lock: Lock = Lock.run) -> Holder | None:
        """Return who holds a tenant that could not be taken; None if that cannot be told.

        Of another role's connection a server shows the name, but neither its host nor since when it is there.
        """
        high, low = divmod(_key(lock, tenant) % 2**64, 2**32)
        found = connection.execute(
            text(
                "SELECT a.application_name, host(a.client_addr) AS host, a.backend_start FROM pg_locks l "
                "JOIN pg_stat_activity a ON a.pid = l.pid WHERE l.locktype = 'advisory' AND l.granted "
                "AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
                "AND l.classid::bigint = :high AND l.objid::bigint = :low AND l.objsubid = 1"
            ),
            {"high": high, "low": low},
        ).first()
        if found is None or not (found.application_name or "").startswith(_APPLICATION):
            return None
        run_id, _, process = found.application_name.removeprefix(_APPLICATION).rpartition(" ")
        if not (run_id and process.isascii() and process.isdecimal()):  # any role may call itself what it likes
            return None
        host = found.host or ("the server's host" if found.backend_start else "a host that this role may not see")
        return Holder(run_id, host, int(process), found.backend_start)

    def is_held(self) -> bool:
        """Say whether it is still held."""
        try:
            return bool(self._connection.scalar(select(1)))
        except DBAPIError:
            self._connection.invalidate()
            return False

    def release(self) -> None:
        """Let go of it: at once, since a server notices a closed connection only a little later."""
        with suppress(SQLAlchemyError):  # of a connection that is lost
            self._connection.execute(select(func.pg_advisory_unlock_all()))
        self._connection.close()


def _introduce(connection: Connection, holder: Holder) -> None:
    """Say in pg_stat_activity who holds the lock, and let the server notice soon if this host is gone.

    The connection does nothing while it holds the lock: a server that ends idle ones must not end it.
    """
    idle, interval, times = SECONDS_TO_NOTICE_A_DEAD_HOST
    options = {
        "application_name": _application_name(holder),
        "tcp_keepalives_idle": str(idle),
        "tcp_keepalives_interval": str(interval),
        "tcp_keepalives_count": str(times),
    }
    for name, value in options.items():
        connection.execute(select(func.set_config(name, value, False)))
    # PostgreSQL has it since version 14.
    connection.execute(text("SELECT set_config(name, '0', false) FROM pg_settings WHERE name = 'idle_session_timeout'"))


def _application_name(holder: Holder) -> str:
    process = f" {holder.process}"  # the holder's own: the server's process of this connection is nothing to end
    return f"{_APPLICATION}{holder.run_id}"[: _APPLICATION_MOST - len(process)] + process


def take_within(connection: Connection, tenant: str, holder: Holder) -> bool:
    """Take a second lock of the tenant that lasts as long as this transaction; say whether that was possible.

    Whatever cuts the connection that holds the first (a proxy, a time-out), two steps of a tenant cannot overlap. The
    connection has the run's name as long as the transaction lasts, for those who look who writes.
    """
    if connection.dialect.name != "postgresql":
        return True  # SQLite has one writer at a time
    named = func.set_config("application_name", _application_name(holder), True).label("named")
    return bool(connection.execute(select(func.pg_try_advisory_xact_lock(_key(Lock.step, tenant)), named)).scalar())


def wait_to_make_tables(connection: Connection) -> None:
    """Wait, on PostgreSQL, until no other transaction makes our tables; until this one ends, others wait."""
    connection.execute(select(func.pg_advisory_xact_lock(_key("tables", "every tenant"))))


def _key(what: str, tenant: str) -> int:
    digest = hashlib.sha256(f"meter-assets {what} of tenant {tenant}".encode()).digest()
    return int.from_bytes(digest[:8], signed=True)
