"""SQLite's tenant lock: a locked file beside the database.

The operating system releases the lock when the process ends, even after a crash. A second file names the lock's owner.
Functions that create and read such files safely are in `private_files`.
"""

import grp
import os
import pwd
import shlex
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from pydantic import TypeAdapter

from meter_assets.engines.base import LockOwner, LockUnavailable
from meter_assets.foreign_text import quoted
from meter_assets.private_files import adapt, make_file, make_folder, read_start, written

_OWNER = TypeAdapter(LockOwner)
_LONGEST_OWNER = 4096
"""The most bytes that are read from a file that names an owner."""


class LockFile:
    """A tenant's lock that was acquired."""

    def __init__(self, lock: FileLock, told: Path) -> None:
        """Take the acquired lock, and the file that names its owner."""
        self._lock, self._owner_file = lock, told

    @classmethod
    def take(cls, database: Path, tenant: str, owner: LockOwner) -> "LockFile | None":
        """Lock a tenant; return None if another process has locked it. Raises LockUnavailable without a file."""
        try:
            return cls._take(database, tenant, owner)
        except OSError as error:
            raise LockUnavailable(f"no lock file can be created beside it ({error.strerror})") from None

    @classmethod
    def _take(cls, database: Path, tenant: str, owner: LockOwner) -> "LockFile | None":
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
            raise _with_advice(error, folder, path) from None
        told = f"tenant-{tenant}.holder"
        try:
            with written(folder, told) as file:
                file.write(_OWNER.dump_json(owner).decode())
        except BaseException:
            lock.release()
            raise
        return cls(lock, folder / told)

    @staticmethod
    def owner(database: Path, tenant: str) -> LockOwner | None:
        """Return who has locked a tenant, if that is known.

        The file may contain anything: every user with write access to the folder can change it.
        """
        try:
            found = read_start(_folder(database) / f"tenant-{tenant}.holder", _LONGEST_OWNER)
            owner = _OWNER.validate_json(found, strict=True)
            return replace(owner, host=quoted(owner.host), since=owner.since and owner.since.astimezone(UTC))
        except (OSError, ValueError, OverflowError):
            return None

    @classmethod
    def owners(cls, database: Path) -> list[LockOwner]:
        """Return who has locked tenants of a database, without this process; only processes of this host that exist."""
        names = sorted(path.name for path in _folder(database).glob("tenant-*.holder"))
        tenants = [name.removeprefix("tenant-").removesuffix(".holder") for name in names]
        found = [owner for tenant in tenants if (owner := cls.owner(database, tenant)) is not None]
        here = quoted(socket.gethostname())
        return [one for one in found if one.host == here and one.process != os.getpid() and _exists(one.process)]

    def is_held(self) -> bool:
        """Return whether this process still owns it."""
        return self._lock.is_locked

    def release(self) -> None:
        """Release it; first remove this owner's name, so that it is not reported for the next owner."""
        with suppress(OSError):
            self._owner_file.unlink(missing_ok=True)
        self._lock.release()


def _exists(process: int) -> bool:
    try:
        os.kill(process, 0)
    except PermissionError:
        return True  # it belongs to another user
    except (OSError, OverflowError):
        return False
    return True


def _folder(database: Path) -> Path:
    return database.with_name(f"{database.name}-locks")


def _with_advice(error: PermissionError, *created_before: Path) -> PermissionError:
    """Return the error with advice, if another user created one of these files or folders."""
    for path in created_before:
        with suppress(OSError):
            owner = path.lstat().st_uid
            if owner != os.geteuid() and not os.access(path, os.R_OK | os.W_OK):
                return PermissionError(error.errno, f"{error.strerror}: {_advice(path, owner, created_before[0])}")
    return error


def _advice(path: Path, owner: int, folder: Path) -> str:
    user, group = _name_of(pwd.getpwuid, owner), _name_of(grp.getgrgid, folder.parent.stat().st_gid)
    locks = shlex.quote(str(folder))
    return (
        f"{path} belongs to user {user}, who does not share it. If the folder {folder.parent} is writable for a "
        f"group (chmod 2770), the next live run of user {user} shares the locks with that group, as does the command "
        f"'chgrp -R {group} {locks} && chmod -R g+rwX {locks}'"
    )


def _name_of(lookup: Callable[[int], Sequence[Any]], number: int) -> str:
    """Return the name of a user or a group, or the number of one that has none."""
    try:
        return str(lookup(number)[0])
    except KeyError:
        return str(number)
