"""Two operators of one group share a SQLite database, and Dagster's storage, in a folder of that group."""

import os
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command_line import ALSO_HEALTHY, HEALTHY, make_small_tenants
from tests.support.operators import IS_ROOT, Operator, group_folder, operators

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("operators")]
MIGRATE, YES = "migrate-meter-financials", "--yes"
Both = tuple[Operator, Operator]


@pytest.fixture(scope="module")
def both_and_a_folder() -> Iterator[tuple[Operator, Operator, Path]]:
    """Both operators, started once."""
    with operators() as started:
        yield started


@pytest.fixture
def both(both_and_a_folder: tuple[Operator, Operator, Path]) -> Both:
    """Both operators."""
    return both_and_a_folder[:2]


@pytest.fixture
def shared(both_and_a_folder: tuple[Operator, Operator, Path], request: pytest.FixtureRequest) -> Path:
    """A folder of their group, with a billing database that the group may write."""
    folder = both_and_a_folder[2] / str(request.node.name)
    group = group_folder(folder)
    database = folder / "billing.db"
    database.touch()
    os.chown(database, -1, group)
    database.chmod(0o660)
    make_small_tenants(url_in(folder))
    return folder


def url_in(folder: Path) -> str:
    return f"sqlite:///{folder}/billing.db"


def must_be_the_groups(folder: Path) -> None:
    """Everything below a folder lets its group in, and nobody else."""
    wanted = {True: "drwxrws---", False: "-rw-rw----"}
    for path in folder.rglob("*"):
        found = path.stat()
        assert stat.filemode(found.st_mode) == wanted[path.is_dir()], path
        assert found.st_gid == folder.stat().st_gid, path


def test_both_migrate_one_after_the_other_and_undo_it(both: Both, shared: Path) -> None:
    """Each is the first to make something that the other then writes."""
    first, second = both
    home = shared / "dagster"
    undone = ("rollback", "--dry-run", "--tenant", ALSO_HEALTHY, "--export", str(shared / "rows"))
    commands = [
        (first, (MIGRATE, YES, "--tenant", HEALTHY)),
        (second, (MIGRATE, YES, "--tenant", HEALTHY)),
        (second, (MIGRATE, YES, "--tenant", ALSO_HEALTHY)),
        (first, ("rollback", YES, "--tenant", HEALTHY)),
        (second, undone),
        (first, undone),
    ]
    for operator, command in commands:
        ended = operator.command(shared, url_in(shared), home, *command)
        assert ended.status == 0, (operator.user, command, ended.printed)
    must_be_the_groups(shared)
    makers = {path.stat().st_uid for path in shared.rglob("*") if path.suffix == ".lock"}
    assert makers == ({first.user, second.user} if IS_ROOT else {os.geteuid()})


def test_at_the_same_time_the_second_is_told_of_the_first(both: Both, shared: Path) -> None:
    first, second = both
    assert first.hold(url_in(shared)) == ""
    try:
        ended = second.command(shared, url_in(shared), shared / "dagster", MIGRATE, YES, "--tenant", HEALTHY)
        assert ended.status == 1
        assert 'Tenant 1 is being changed by another run (run "of an operator", process ' in ended.words
        other = second.command(shared, url_in(shared), shared / "dagster", MIGRATE, YES, "--tenant", ALSO_HEALTHY)
        assert other.status == 0, other.printed
        must_be_the_groups(shared)
    finally:
        first.release()
    assert second.command(shared, url_in(shared), shared / "dagster", MIGRATE, YES, "--tenant", HEALTHY).status == 0


def as_an_earlier_version_made_it(shared: Path, owner: int) -> Path:
    """Make a folder of locks as version 1.0.0 did under the usual umask."""
    locks = shared / "billing.db-locks"
    locks.mkdir()
    locks.chmod(0o755)
    (locks / "tenant-1.lock").write_text("")
    (locks / "tenant-1.lock").chmod(0o644)
    for path in (locks, locks / "tenant-1.lock"):
        if IS_ROOT:
            os.chown(path, owner, owner)
    return locks


def test_locks_of_an_earlier_version_are_adapted_by_the_next_run_of_their_owner(both: Both, shared: Path) -> None:
    first, second = both
    locks = as_an_earlier_version_made_it(shared, first.user)
    if IS_ROOT:  # nobody else makes files of another user
        _must_help(second, shared, first.user)
        shutil.rmtree(locks)
        as_an_earlier_version_made_it(shared, first.user)
    for operator in (first, second):
        ended = operator.command(shared, url_in(shared), shared / "dagster", MIGRATE, YES, "--tenant", HEALTHY)
        assert ended.status == 0, ended.printed
    must_be_the_groups(shared)


def _must_help(refused: Operator, shared: Path, owner: int) -> None:
    """What is said to who is refused names the owner, and a command that helps when the owner runs it."""
    command = (MIGRATE, YES, "--tenant", HEALTHY)
    ended = refused.command(shared, url_in(shared), shared / "dagster", *command)
    assert ended.status == 1
    assert f"{shared}/billing.db-locks belongs to user {owner}, who does not share it" in ended.words
    assert f"the next live run of user {owner} shares" in ended.words
    said = refused.hold(url_in(shared))
    refused.release()
    subprocess.run(["/bin/sh", "-c", said.split("'")[1]], check=True)
    assert refused.hold(url_in(shared)) == ""
    refused.release()
