"""Two people who share a machine: processes that become users of one group, and run commands one after the other.

Only root can become somebody else. Where the tests are run by another user, both are that user: then the modes of the
files, which the tests look at too, are all that says whether another could use them.
"""

import multiprocessing
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from meter_assets.errors import MeterAssetsError
from meter_assets.migration.database import BillingDatabase
from tests.support.command_line import CommandLine, Ended, make_small_tenants
from tests.support.databases import tenant

GROUP = 64120
USERS = (64121, 64122)
"""Ids that no user and no group of the machine has; each user's own group has the user's id."""
SECONDS = 300
IS_ROOT = os.geteuid() == 0


class Operator:
    """One of them: a process that waits for what to do."""

    def __init__(self, pipe: Connection, user: int) -> None:
        """Take the pipe to the process, and who it is."""
        self._pipe, self.user = pipe, user

    def command(self, folder: Path, url: str, home: Path, *arguments: str) -> Ended:
        """Run a command of meter-assets in a folder, with that DAGSTER_HOME."""
        return Ended(*self._asked("command", str(folder), url, str(home), arguments))

    def hold(self, url: str) -> str:
        """Take tenant 1 until `release`; return what is wrong with that."""
        return str(self._asked("hold", url))

    def release(self) -> None:
        """Let go of it."""
        self._asked("release")

    def _asked(self, *asked: Any) -> Any:
        self._pipe.send(asked)
        if not self._pipe.poll(SECONDS):
            raise TimeoutError(f"{asked} has not ended in {SECONDS} s")
        return self._pipe.recv()


@contextmanager
def operators() -> Iterator[tuple[Operator, Operator, Path]]:
    """Start both; yield them, and a folder in which everybody may look."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="meter-assets-operators-")))
        folder.chmod(0o755)
        first, second = (stack.enter_context(_operator(user, folder / f"{user}")) for user in USERS)
        yield first, second, folder


def group_folder(folder: Path) -> int:
    """Make a folder that is shared with the group of both; return that group."""
    folder.mkdir()
    group = GROUP if IS_ROOT else folder.stat().st_gid
    os.chown(folder, -1, group)
    folder.chmod(0o2770)
    return group


@contextmanager
def _operator(user: int, folder: Path) -> Iterator[Operator]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, user, str(folder)), daemon=True)
    process.start()
    theirs.close()
    try:
        yield Operator(ours, user)
    finally:
        ours.close()  # which ends it
        process.join(SECONDS)


def _serve(pipe: Connection, user: int, folder: str) -> None:
    """Become a user, once all that is needed has been imported: that may lie where only root may read."""
    home = Path(folder)
    home.mkdir()
    _warm_up(home)
    if IS_ROOT:
        os.setgroups([GROUP])
        os.setgid(user)
        os.setuid(user)
    os.umask(0o022)
    holder: BillingDatabase | None = None
    while True:
        try:
            what, *given = pipe.recv()
        except EOFError:
            return
        if what == "release" and holder is not None:
            holder.release()
        if what == "hold":
            holder = BillingDatabase(given[0])
            pipe.send(_held(holder))
        else:
            pipe.send(None if what == "release" else _command(*given))


def _warm_up(folder: Path) -> None:
    url = f"sqlite:///{folder}/billing.db"
    (folder / "billing.db").touch()
    make_small_tenants(url)
    status, printed = _command(str(folder), url, str(folder / "dagster"), ("migrate-meter-financials", "--yes"))
    assert status == 0, printed


def _held(database: BillingDatabase) -> str:
    try:
        database.lock(tenant(1), "of an operator")
    except MeterAssetsError as error:
        return str(error)
    return ""


def _command(folder: str, url: str, home: str, arguments: Sequence[str]) -> tuple[int, str]:
    os.chdir(folder)
    ended = CommandLine(Path(folder), url, {"DAGSTER_HOME": home})(*arguments)
    return ended.status, ended.printed
