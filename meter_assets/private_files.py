"""Files and folders that hold money data: how they are made, with which mode, and how what others may write is read.

What is made here is for its owner only, whatever the umask, unless its folder is shared with a group on purpose: the
group may write in it and others may not. Then it is for that group too; it is never for others. What exists already
keeps its mode. Add here what every writer of files needs; what is in a file belongs to the module that writes it.
Nothing here knows Dagster or the billing database.
"""

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

OWN_FILE, GROUP_FILE = 0o600, 0o660
OWN_FOLDER, GROUP_FOLDER = 0o700, 0o2770
"""The group's with set-group-ID, so that what others make there is of the same group."""
OWN_UMASK, GROUP_UMASK = 0o077, 0o007
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
_TO_LOOK = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
"""Neither follows a link nor waits for who writes a fifo."""


def make_folder(folder: Path) -> None:
    """Make a folder and those above it that are missing. Raises OSError, also where a file has that name."""
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))
    for missing in reversed([one for one in (folder, *folder.parents) if not one.exists()]):
        try:
            missing.mkdir(OWN_FOLDER)
        except FileExistsError:  # somebody was faster, or it is a link that leads nowhere
            continue
        with _opened(missing) as handle:
            _set_mode(handle, missing.parent.stat())


def make_file(path: Path) -> None:
    """Make a file that is empty, where there is none. Raises OSError."""
    try:
        handle = os.open(path, _NEW, OWN_FILE)
    except FileExistsError:
        return
    try:
        _set_mode(handle, path.parent.stat())
    finally:
        os.close(handle)


def adapt(path: Path) -> None:
    """Give a file or folder that exists the mode that it would be made with today, if it is ours.

    A folder that is itself shared stays shared. Raises OSError, also for a link.
    """
    handle = _open(path, _TO_LOOK)
    try:
        found = os.fstat(handle)
        if found.st_uid == os.geteuid():
            is_shared_itself = stat.S_ISDIR(found.st_mode) and _is_shared(found)
            _set_mode(handle, found if is_shared_itself else path.parent.stat())
    finally:
        os.close(handle)


@contextmanager
def written(folder: Path, name: str, *, newline: str | None = None) -> Iterator[TextIO]:
    """Open a new file to be written, which replaces the one of that name when it is whole, and else is gone.

    A folder that is a link is refused: name what it leads to where that is meant. Raises OSError, and ValueError for a
    name that leads out of the folder.
    """
    if name in ("", ".", "..") or "/" in name:
        raise ValueError(f"{name!r} is not the name of a file.")
    with _opened(folder) as inside:
        partial = f"{name[:200]}.{secrets.token_hex(8)}.part"
        handle = os.open(partial, _NEW, OWN_FILE, dir_fd=inside)
        try:
            with open(handle, "w", newline=newline, encoding="utf-8") as file:
                _set_mode(handle, os.fstat(inside))
                yield file
            os.replace(partial, name, src_dir_fd=inside, dst_dir_fd=inside)
        except BaseException:
            with suppress(OSError):
                os.unlink(partial, dir_fd=inside)
            raise


def read_start(path: Path, most: int) -> bytes:
    """Return the first bytes of a file that others may have put there. Raises OSError, also for a link or a fifo."""
    handle = _open(path, _TO_LOOK)
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, f"{path} is not a regular file", str(path))
        return os.read(handle, most)
    finally:
        os.close(handle)


def umask_for(folder: Path) -> int:
    """Return the umask with which other programs make files in a folder that are as private as ours.

    They leave the group of a new file as the system sets it, so the group is let in only where that is the folder's.
    """
    found = next(one for one in (folder, *folder.parents) if one.exists()).stat()
    hands_its_group_on = found.st_mode & stat.S_ISGID or found.st_gid == os.getegid()
    return GROUP_UMASK if _is_shared(found) and hands_its_group_on else OWN_UMASK


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    """Open a folder, so that whoever replaces it by a link meanwhile leads us nowhere."""
    handle = _open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        yield handle
    finally:
        os.close(handle)


def _open(path: Path, flags: int) -> int:
    try:
        return os.open(path, flags)
    except OSError:
        if path.is_symlink():  # which the system says in several ways
            raise OSError(errno.ELOOP, f"{path} is a symbolic link", str(path)) from None
        raise


def _is_shared(folder: os.stat_result) -> bool:
    """Say whether a folder is shared with its group on purpose."""
    return bool(folder.st_mode & stat.S_IWGRP) and not folder.st_mode & stat.S_IWOTH


def _set_mode(handle: int, around: os.stat_result) -> None:
    """Set the mode of an open file or folder as the folder around it says."""
    made = os.fstat(handle)
    shared = _is_shared(around)
    if shared and made.st_gid != around.st_gid:
        try:
            os.fchown(handle, -1, around.st_gid)
        except PermissionError:  # we are not in that group, and no other is meant
            shared = False
    own, of_group = (OWN_FOLDER, GROUP_FOLDER) if stat.S_ISDIR(made.st_mode) else (OWN_FILE, GROUP_FILE)
    with suppress(PermissionError):  # a file system without modes: its mount options say who may read
        os.fchmod(handle, of_group if shared else own)
