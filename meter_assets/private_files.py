"""Functions that create files and folders for money data with private modes, and that read untrusted files safely.

Only the owner can read and write a new file or folder, with any umask. There is one exception: if the folder around it
is shared with a group (the group may write there and others may not), then that group gets access too. Others never get
access. Existing files keep their mode. Add here what every writer of files needs; the contents of a file belong to the
module that writes it. Nothing here knows Dagster or the billing database.
"""

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TextIO

OWN_FILE, GROUP_FILE = 0o600, 0o660
OWN_FOLDER, GROUP_FOLDER = 0o700, 0o2770
"""The second mode has set-group-ID, so that files which others create there belong to the same group."""
OWN_UMASK, GROUP_UMASK = 0o077, 0o007
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
_TO_LOOK = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
"""Does not follow a link, and does not wait for the writer of a fifo."""


def make_folder(folder: Path) -> None:
    """Create a folder and its missing parents. Raises OSError, also if a file has that name."""
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))
    for missing in reversed([one for one in (folder, *folder.parents) if not one.exists()]):
        try:
            missing.mkdir(OWN_FOLDER)
        except FileExistsError:  # another process created it first, or it is a link to a missing file
            continue
        with _opened(missing) as handle:
            _set_mode(handle, missing.parent.stat())


def make_file(path: Path) -> None:
    """Create an empty file, unless it exists. Raises OSError."""
    try:
        handle = os.open(path, _NEW, OWN_FILE)
    except FileExistsError:
        return
    try:
        _set_mode(handle, path.parent.stat())
    finally:
        os.close(handle)


def adapt(path: Path) -> None:
    """Give an existing file or folder the mode that a new one would get, if this user owns it.

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
    """Open a new file for writing; it replaces the file of that name when it is complete, and is removed on an error.

    A folder that is a symbolic link is refused: name the link's target instead. Raises OSError, and ValueError for a
    name outside the folder.
    """
    with _new_file(folder, name) as handle, open(handle, "w", newline=newline, encoding="utf-8") as file:
        yield file


def write_bytes(folder: Path, name: str, content: bytes) -> None:
    """Write a new file, in place of the file of that name. Raises what `written` raises."""
    with _new_file(folder, name) as handle, open(handle, "wb") as file:
        file.write(content)


def exists(path: Path) -> bool:
    """Return whether a file is there; not for a name that no file can have, which writing it will say."""
    try:
        path.lstat()
    except (OSError, ValueError):
        return False
    return True


def require_writable(folder: Path, name: str) -> None:
    """Raise the OSError with which a file of that name could not be written, before its contents are computed."""
    with suppress(FileNotFoundError):
        (folder / name).lstat()
    make_folder(folder)
    unused = f".{secrets.token_hex(8)}.part"
    with _opened(folder) as inside:
        os.close(os.open(unused, _NEW, OWN_FILE, dir_fd=inside))
        os.unlink(unused, dir_fd=inside)


@contextmanager
def _new_file(folder: Path, name: str) -> Iterator[int]:
    """Create a file, which gets its name when it is complete, and is removed on an error."""
    if name in ("", ".", "..") or "/" in name:
        raise ValueError(f"{name!r} is not the name of a file.")
    with _opened(folder) as inside:
        partial = f"{name[:200]}.{secrets.token_hex(8)}.part"
        handle = os.open(partial, _NEW, OWN_FILE, dir_fd=inside)
        try:
            _set_mode(handle, os.fstat(inside))
            yield handle
            os.replace(partial, name, src_dir_fd=inside, dst_dir_fd=inside)
        except BaseException:
            with suppress(OSError):
                os.unlink(partial, dir_fd=inside)
            raise


def remove(folder: Path, *names: str) -> None:
    """Remove these files of a folder, if they are there. Raises OSError, also for a folder that is a symbolic link."""
    with _opened(folder) as inside:
        for name in names:
            with suppress(FileNotFoundError):
                os.unlink(name, dir_fd=inside)


@contextmanager
def written_by_path(folder: Path, name: str) -> Iterator[str]:
    """Give the path of a new file to a library that writes it; otherwise `written`.

    The library writes a temporary file of a folder that only this user can enter.
    """
    if name in ("", ".", "..") or "/" in name:
        raise ValueError(f"{name!r} is not the name of a file.")
    with _opened(folder) as inside, TemporaryDirectory(dir=folder, prefix=".part-") as partial:
        path = Path(partial) / "file"
        yield str(path)
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
            _set_mode(file.fileno(), os.fstat(inside))
        os.replace(path, name, dst_dir_fd=inside)


def read_start(path: Path, most: int) -> bytes:
    """Return the first bytes of a file that others may have written. Raises OSError, also for a link or a fifo."""
    handle = _open(path, _TO_LOOK)
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, f"{path} is not a regular file", str(path))
        return os.read(handle, most)
    finally:
        os.close(handle)


def umask_for(folder: Path) -> int:
    """Return the umask with which other programs create files in a folder that are as private as ours.

    These programs do not change the group of a new file. So the umask lets the group in only if the system gives new
    files the folder's group.
    """
    found = next(one for one in (folder, *folder.parents) if one.exists()).stat()
    new_files_get_its_group = found.st_mode & stat.S_ISGID or found.st_gid == os.getegid()
    return GROUP_UMASK if _is_shared(found) and new_files_get_its_group else OWN_UMASK


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    """Open a folder, so that replacing its name by a link at the same time has no effect."""
    handle = _open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        yield handle
    finally:
        os.close(handle)


def _open(path: Path, flags: int) -> int:
    try:
        return os.open(path, flags)
    except OSError:
        if path.is_symlink():  # the system reports this with several error codes
            raise OSError(errno.ELOOP, f"{path} is a symbolic link", str(path)) from None
        raise


def _is_shared(folder: os.stat_result) -> bool:
    """Return whether a folder is shared with its group."""
    return bool(folder.st_mode & stat.S_IWGRP) and not folder.st_mode & stat.S_IWOTH


def _set_mode(handle: int, around: os.stat_result) -> None:
    """Set the mode of an open file or folder according to the folder around it."""
    created = os.fstat(handle)
    shared = _is_shared(around)
    if shared and created.st_gid != around.st_gid:
        try:
            os.fchown(handle, -1, around.st_gid)
        except PermissionError:  # this user is not in that group, and no other group should get access
            shared = False
    own, of_group = (OWN_FOLDER, GROUP_FOLDER) if stat.S_ISDIR(created.st_mode) else (OWN_FILE, GROUP_FILE)
    with suppress(PermissionError):  # a file system without modes: its mount options decide who may read
        os.fchmod(handle, of_group if shared else own)
