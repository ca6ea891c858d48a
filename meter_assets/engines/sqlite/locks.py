"""The lock of a tenant in a SQLite database: a locked file beside it.

The lock goes with the process that has it, however that process ends. A second file tells who has it. How such files
are created and read safely is in `private_files`.
"""

import grp
import os
import pwd
import shlex
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
"""So many bytes of a file that tells of an owner are read."""


class LockFile:
    """The lock of a tenant that was taken."""

    def __init__(self, lock: FileLock, told: Path) -> None:
        """Take the lock, which was acquired, and the file that tells of its owner."""
        self._lock, self._told = lock, told

    @classmethod
    def take(cls, database: Path, tenant: str, owner: LockOwner) -> "LockFile | None":
        """Lock a tenant; return None if another process has locked it. Raises LockUnavailable without a file."""
        try:
            return cls._take(database, tenant, owner)
        except OSError as error:
            raise LockUnavailable(f"no lock file can be made beside it ({error.strerror})") from None

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
            raise _who_must_let_us_in(error, folder, path) from None
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
        """Return who has locked a tenant, if that can be told.

        Whoever may write in the folder may have put anything there.
        """
        try:
            found = read_start(_folder(database) / f"tenant-{tenant}.holder", _LONGEST_OWNER)
            owner = _OWNER.validate_json(found, strict=True)
            return replace(owner, host=quoted(owner.host), since=owner.since and owner.since.astimezone(UTC))
        except (OSError, ValueError, OverflowError):
            return None

    def is_held(self) -> bool:
        """Say whether this process still has it."""
        return self._lock.is_locked

    def release(self) -> None:
        """Release it; whoever takes it next is not told as the one who has it now."""
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
