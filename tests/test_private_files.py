"""Whom the files that we write let in, where they may be written, and what is in their cells.

How two operators of a group share a database is in `test_sharing`.
"""

import csv
import json
import os
import re
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from meter_assets.billing.schema import billing_tables
from meter_assets.engines.sqlite.locks import LockFile
from meter_assets.errors import NotWritable, TenantLocked
from meter_assets.migration.database import BillingDatabase
from meter_assets.private_files import written_by_path
from tests.support.command_line import HEALTHY, CommandLine, make_small_tenants
from tests.support.databases import STEP_RUNS, migrate, reseal, start_over, tenant
from tests.support.processes import started, until
from tests.support.run_queue import launch

SCHEMA = billing_tables()

MIGRATE, ROLLBACK = "migrate-meter-financials", "rollback"
GROUP = 64120
"""A group that nobody else is in. Only root may give it a folder."""
OUTSIDE = "not ours"
THOROUGH = pytest.mark.thorough


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, which tells nothing of a group."""
    current = tmp_path / "current"
    current.mkdir(0o755)
    monkeypatch.chdir(current)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    return current


@pytest.fixture
def shell(billing_url: str, folder: Path) -> CommandLine:
    """The command line on three small, clean tenants."""
    make_small_tenants(billing_url)
    return CommandLine(folder, billing_url)


def share(folder: Path, mode: int = 0o2770) -> int:
    """Share a folder with a group, and return that group."""
    group = GROUP if os.geteuid() == 0 else folder.stat().st_gid
    os.chown(folder, -1, group)
    folder.chmod(mode)
    return group


def modes(folder: Path) -> dict[str, str]:
    """Return the mode of everything below a folder, but for what tests have made."""
    found = {path: path.lstat().st_mode for path in folder.rglob("*")}
    return {str(path.relative_to(folder)): stat.filemode(mode) for path, mode in sorted(found.items())}


def others(folder: Path, of_a_folder: str, of_a_file: str) -> dict[str, str]:
    """Return what has another mode than these."""
    return {name: mode for name, mode in modes(folder).items() if mode not in (of_a_folder, of_a_file)}


def has_ended(shell: CommandLine, run_id: str) -> bool:
    """Say whether Dagster has a run as ended."""
    with shell.instance() as instance:
        run = instance.get_run_by_id(run_id)
        return run is not None and run.is_finished


PRIVATE, SHARED = ("drwx------", "-rw-------"), ("drwxrws---", "-rw-rw----")


# What commands make


def everything_is_made(shell: CommandLine) -> None:
    """Run what writes files: previews with exports, a migration, a rollback's preview with its export."""
    assert shell(MIGRATE, "--dry-run", "--tenant", HEALTHY, "--export", "rows/of/today").status == 0
    assert shell(MIGRATE, "--yes", "--tenant", HEALTHY).status == 0
    assert shell(ROLLBACK, "--dry-run", "--tenant", HEALTHY, "--export", "undone").status == 0


@pytest.mark.slow
@pytest.mark.by_default("sqlite")
@pytest.mark.parametrize("umask", [0o000, pytest.param(0o022, marks=THOROUGH), pytest.param(0o277, marks=THOROUGH)])
def test_what_is_made_is_for_its_owner_only(shell: CommandLine, umask: int) -> None:
    os.umask(umask)
    everything_is_made(shell)
    assert os.umask(umask) == umask, "the command leaves the process as it was"
    assert others(shell.folder, *PRIVATE) == {}
    made = modes(shell.folder)
    assert {"rows/of/today/1/meter_balances.csv", ".meter_assets/dagster/history/runs/index.db"} <= set(made)


@pytest.mark.slow
@pytest.mark.parametrize("mode", [pytest.param(0o2770, marks=THOROUGH), pytest.param(0o2775, marks=THOROUGH), 0o770])
def test_in_a_folder_of_a_group_it_is_for_the_group_too(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, mode: int
) -> None:
    group = share(folder, mode)
    shell = CommandLine(folder, f"sqlite:///{folder}/billing.db")
    assert shell("demo", "--yes", "--customers", "10", "--months", "3").status == 0
    everything_is_made(shell)
    assert others(folder, *SHARED) == {}
    assert {path.stat().st_gid for path in folder.rglob("*")} == {group}
    assert {"billing.db", "billing.db-locks/tenant-1.lock", "rows/of/today/1/meter_balances.csv"} <= set(modes(folder))


@pytest.mark.slow
@pytest.mark.by_default("sqlite")
@pytest.mark.parametrize("mode", [0o1777, *(pytest.param(one, marks=THOROUGH) for one in (0o777, 0o755))])
def test_a_folder_that_is_not_a_groups_says_nothing(shell: CommandLine, folder: Path, mode: int) -> None:
    share(folder, mode)
    assert shell(MIGRATE, "--dry-run", "--tenant", HEALTHY, "--export", "rows").status == 0
    assert others(folder, *PRIVATE) == {}
    assert f"rows/{HEALTHY}/meter_balances.csv" in modes(folder)


@pytest.mark.slow
def test_the_demo_database_is_for_its_owner_only(folder: Path) -> None:
    shell = CommandLine(folder, "", {"METER_ASSETS_DATABASE_URL": None})
    os.umask(0)
    assert shell("demo", "--customers", "10", "--months", "3").status == 0
    assert others(folder, *PRIVATE) == {}
    assert {".meter_assets/demo.db", ".meter_assets/demo.db-locks/tenant-1.lock"} <= set(modes(folder))


@pytest.mark.by_default("sqlite")
@pytest.mark.slow
def test_the_folder_dagster_home_says_whom_dagsters_files_let_in(shell: CommandLine, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    group = share(home)
    shell.environment["DAGSTER_HOME"] = str(home)
    everything_is_made(shell)
    assert others(home, *SHARED) == {}
    assert {path.stat().st_gid for path in home.rglob("*")} == {group}
    assert others(shell.folder, *PRIVATE) == {}


@pytest.mark.by_default("sqlite")
@pytest.mark.slow
def test_what_is_there_keeps_its_mode(shell: CommandLine) -> None:
    assert shell(MIGRATE, "--dry-run", "--tenant", HEALTHY, "--export", "rows").status == 0
    for path in shell.folder.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    before = modes(shell.folder)
    assert shell(MIGRATE, "--dry-run", "--tenant", HEALTHY).status == 0
    assert before.items() <= modes(shell.folder).items()


@pytest.mark.slow
@pytest.mark.parametrize("umask", ["000", pytest.param("022", marks=THOROUGH)])
def test_what_dagsters_own_processes_make_is_private(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, umask: str
) -> None:
    """The daemon, the code server and the worker of a run, which no command of ours has started."""
    database = tmp_path / "billing.db"
    database.touch()
    shell = CommandLine(folder, f"sqlite:///{database}")
    make_small_tenants(shell.url)
    assert shell(MIGRATE, "--dry-run", "--tenant", HEALTHY).status == 0  # which syncs partitions
    home = folder / ".meter_assets" / "dagster"
    environment = {**os.environ, "DAGSTER_HOME": str(home), "METER_ASSETS_DATABASE_URL": shell.url}
    words = [sys.executable, "-m", "dagster._daemon", "run", "-m", "meter_assets.definitions"]
    with started(
        ["/bin/sh", "-c", f'umask {umask}; exec "$@"', "sh", *words],
        folder,
        tmp_path / "daemon.log",
        {**environment, "PYTHONWARNINGS": "ignore"},
    ):
        run_id = launch(shell)
        until(lambda: has_ended(shell, run_id), "the run has ended")
    made = modes(folder)
    assert others(folder, *PRIVATE) == {}
    assert any(name.startswith(f".meter_assets/dagster/storage/{run_id}/") for name in made)
    assert f".meter_assets/dagster/history/runs/{run_id}.db" in made
    assert others(database.with_name("billing.db-locks"), *PRIVATE) == {}


@pytest.mark.slow
def test_the_files_of_a_dagster_that_nobody_has_opened_are_private(folder: Path, tmp_path: Path) -> None:
    """Dagster's command makes all of them, in a folder that dagster.yaml alone is in."""
    home = tmp_path / "home"
    home.mkdir(0o755)
    (home / "dagster.yaml").write_text((Path(__file__).parents[1] / "dagster.yaml").read_text())
    command = [sys.executable, "-m", "dagster", "run", "list"]
    environment = {**os.environ, "DAGSTER_HOME": str(home), "PYTHONWARNINGS": "ignore"}
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True, umask=0)
    (home / "dagster.yaml").unlink()
    assert others(home, *PRIVATE) == {}
    assert "history/runs.db" in modes(home)


# Links that somebody made beforehand


def _links_the_partial_file(folder: Path, victim: Path) -> None:
    (folder / "rows" / HEALTHY).mkdir(parents=True)
    (folder / "rows" / HEALTHY / "payment_meter_ids.csv.part").symlink_to(victim)


def _links_the_file(folder: Path, victim: Path) -> None:
    (folder / "rows" / HEALTHY).mkdir(parents=True)
    (folder / "rows" / HEALTHY / "payment_meter_ids.csv").symlink_to(victim)


def _hard_links_the_file(folder: Path, victim: Path) -> None:
    (folder / "rows" / HEALTHY).mkdir(parents=True)
    os.link(victim, folder / "rows" / HEALTHY / "payment_meter_ids.csv")


@pytest.mark.slow
@pytest.mark.by_default("sqlite")
@pytest.mark.parametrize("attack", [_links_the_partial_file, _links_the_file, _hard_links_the_file])
def test_an_export_follows_no_link_in_its_folder(
    shell: CommandLine, tmp_path: Path, attack: Callable[[Path, Path], None]
) -> None:
    victim = tmp_path / "victim"
    victim.write_text(OUTSIDE)
    attack(shell.folder, victim)
    assert shell(MIGRATE, "--dry-run", "--tenant", HEALTHY, "--export", "rows").status == 0
    assert victim.read_text() == OUTSIDE
    made = shell.folder / "rows" / HEALTHY / "payment_meter_ids.csv"
    assert not made.is_symlink()
    assert made.read_text().startswith("tenant_id,id,")


@pytest.mark.slow
@pytest.mark.by_default("sqlite")
@pytest.mark.parametrize("leads_somewhere", [True, False])
def test_an_export_refuses_a_tenants_folder_that_is_a_link(
    shell: CommandLine, tmp_path: Path, leads_somewhere: bool
) -> None:
    elsewhere = tmp_path / "elsewhere"
    if leads_somewhere:
        elsewhere.mkdir()
    (shell.folder / "rows").mkdir()
    (shell.folder / "rows" / HEALTHY).symlink_to(elsewhere)
    ended = shell(MIGRATE, "--dry-run", "--tenant", HEALTHY, "--export", "rows")
    assert ended.status == 1
    assert f"rows/{HEALTHY} is a symbolic link. Name a folder that can be written." in ended.words
    assert [*elsewhere.glob("*")] == []


def test_what_a_library_writes_is_private_and_complete(tmp_path: Path) -> None:
    with written_by_path(tmp_path, "rows") as path:
        Path(path).write_text("new")
        assert [one.is_dir() for one in tmp_path.iterdir()] == [True], "the file is not there yet"
    assert [one.name for one in tmp_path.iterdir()] == ["rows"]
    assert stat.S_IMODE((tmp_path / "rows").stat().st_mode) == 0o600
    with pytest.raises(FileNotFoundError), written_by_path(tmp_path, "rows") as path:
        Path(path).rename(tmp_path / "other")  # nothing was written
    assert (tmp_path / "rows").read_text() == "new"


@pytest.mark.slow
@pytest.mark.by_default("sqlite")
def test_a_plan_replaces_no_file_behind_a_link(shell: CommandLine, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "manifest.json").write_text(OUTSIDE)
    (shell.folder / "rows").mkdir()
    (shell.folder / "rows" / HEALTHY).symlink_to(elsewhere)
    assert shell(MIGRATE, "--dry-run", "--tenant", HEALTHY, "--export", "rows").status == 1
    assert (elsewhere / "manifest.json").read_text() == OUTSIDE


@pytest.mark.slow
@pytest.mark.by_default("sqlite")
def test_the_folder_that_is_named_for_an_export_may_be_a_link(shell: CommandLine, tmp_path: Path) -> None:
    disk = tmp_path / "large disk"
    disk.mkdir()
    (shell.folder / "rows").symlink_to(disk)
    assert shell(MIGRATE, "--dry-run", "--tenant", HEALTHY, "--export", "rows").status == 0
    assert (disk / HEALTHY / "meter_balances.csv").is_file()


@pytest.mark.slow
@pytest.mark.by_default("sqlite")
def test_nothing_is_left_of_a_file_that_could_not_be_written(
    shell: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    (shell.folder / "rows" / HEALTHY / "payment_meter_ids.csv").mkdir(parents=True)  # which no file replaces
    ended = shell(MIGRATE, "--dry-run", "--tenant", HEALTHY, "--export", "rows")
    assert ended.status == 1
    assert "Cannot export to" in ended.words
    left = {path.name for path in (shell.folder / "rows" / HEALTHY).iterdir()}
    assert left == {"customer_balances_backup.csv", "payment_meter_ids.csv"}, "the file of the step before, and no part"


@pytest.mark.parametrize("name", ["tenant-1.holder.part", "tenant-1.holder", "tenant-1.lock", ""])
def test_a_lock_follows_no_link(tmp_path: Path, name: str) -> None:
    """The empty name is the folder's."""
    database = start_over(f"sqlite:///{tmp_path}/billing.db", SCHEMA, {})
    elsewhere, locks = tmp_path / "elsewhere", tmp_path / "billing.db-locks"
    elsewhere.mkdir(0o755)
    victim = elsewhere / "victim"
    victim.write_text(OUTSIDE)
    if name:
        locks.mkdir()
        (locks / name).symlink_to(victim)
    else:
        locks.symlink_to(elsewhere)
    if name in ("tenant-1.lock", ""):
        with pytest.raises(
            NotWritable, match=f"no lock file can be created beside it .*{locks / name} is a symbolic link"
        ):
            database.lock(tenant(1), "ours")
    else:
        database.lock(tenant(1), "ours")
        found = LockFile.owner(tmp_path / "billing.db", "1")
        assert found is not None
        assert found.run_id == "ours"
    database.release()
    assert victim.read_text() == OUTSIDE
    assert [path.name for path in elsewhere.iterdir()] == ["victim"]
    assert stat.filemode(victim.stat().st_mode) == "-rw-r--r--"


# What tells who holds a tenant, written by others


def _told(**values: object) -> bytes:
    return json.dumps({"run_id": "r", "host": "h", "process": 1, "since": None, **values}).encode()


HOLDERS = {
    "empty": b"",
    "not JSON": b"{",
    "not UTF-8": b"\xff\xfe",
    "a list": b"[]",
    "too deep": b"[" * 4_000,
    "a number for a run": _told(run_id=1),
    "a text for a process": _told(process="one"),
    "no host": b'{"run_id": "r", "process": 1, "since": null}',
    "no time": _told(since="yesterday"),
    "a number for a time": _told(since=1e300),
    "a time before all times": _told(since="0001-01-01T00:00:00+14:00"),
    "half a character": b'{"run_id": "\\ud800", "host": "h", "process": 1, "since": null}',
    "megabytes": _told(run_id="r" * 5_000_000),
}


def refused(database: Path) -> str:
    """Return what a run is told whose tenant another holds."""
    with pytest.raises(TenantLocked) as told:
        BillingDatabase(f"sqlite:///{database}").lock(tenant(1), "refused")
    return str(told.value)


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Path]:
    """A database of which a tenant is held."""
    database = start_over(f"sqlite:///{tmp_path}/billing.db", SCHEMA, {})
    database.lock(tenant(1), "holder")
    yield tmp_path / "billing.db"
    database.release()


@pytest.mark.parametrize("told", HOLDERS.values(), ids=HOLDERS)
def test_whatever_tells_of_a_holder_the_run_is_refused_in_a_sentence(held: Path, told: bytes) -> None:
    held.with_name("billing.db-locks").joinpath("tenant-1.holder").write_bytes(told)
    assert refused(held).startswith("Tenant 1 is being changed by another run. Nothing was changed")


@pytest.mark.parametrize("kind", ["fifo", "link", "folder", "missing"])
def test_what_tells_of_a_holder_is_a_file_or_nothing(held: Path, kind: str) -> None:
    told = held.with_name("billing.db-locks") / "tenant-1.holder"
    elsewhere = told.rename(held.with_name("elsewhere"))
    if kind == "fifo":
        os.mkfifo(told)
    elif kind == "link":
        told.symlink_to(elsewhere)
    elif kind == "folder":
        told.mkdir()
    assert refused(held).startswith("Tenant 1 is being changed by another run. Nothing was changed")


def test_a_holders_texts_do_not_pass_for_ours(held: Path) -> None:
    told = _told(run_id="r). All is well \x1b[31m", host="h). Run rm -rf", since="2024-01-01T00:00:00+01:00")
    held.with_name("billing.db-locks").joinpath("tenant-1.holder").write_bytes(told)
    assert refused(held).startswith(
        r'Tenant 1 is being changed by another run (run "r). All is well \x1b[31m", process 1 on "h). Run rm -rf", '
        "since 2023-12-31 23:00:00 UTC). Nothing was changed"
    )


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("meter-assets run r one", "another run. Nothing"),
        ("meter-assets run r \u00b2", "another run. Nothing"),
        ("meter-assets run 5", "another run. Nothing"),
        ("meter-assets run ", "another run. Nothing"),
        ("meter-assets run r). All is well 5", 'another run (run "r). All is well", process 5 on 127.0.0.1, since'),
    ],
)
def test_a_session_may_call_itself_what_it_likes(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch, name: str, said: str
) -> None:
    holder = start_over(postgres_url, SCHEMA, {})
    with monkeypatch.context() as patch:
        patch.setattr("meter_assets.engines.postgresql.locks._application_name", lambda holder: name)
        holder.lock(tenant(1), "holder")
    try:
        with pytest.raises(TenantLocked) as told:
            BillingDatabase(postgres_url).lock(tenant(1), "refused")
    finally:
        holder.release()
    assert str(told.value).startswith(f"Tenant 1 is being changed by {said}")


# Names and cells of exports


HOSTILE_RUNS = ("x/../../../../outside", "/outside", "..", "con\\..\\..\\outside", "x" * 64, "\u202e:")


@pytest.mark.slow
@pytest.mark.by_default("postgresql")
@pytest.mark.parametrize("run", [HOSTILE_RUNS[0], *(pytest.param(one, marks=THOROUGH) for one in HOSTILE_RUNS[1:])])
def test_the_name_of_an_export_stays_in_its_folder(shell: CommandLine, tmp_path: Path, run: str) -> None:
    migrate(shell.database, int(HEALTHY), run_id=run)
    inside = shell.folder / "rows" / HEALTHY
    (inside / "4_meter_balances_of_x").mkdir(parents=True)  # through which the name led, were it taken as it is
    before = set(tmp_path.rglob("*"))
    ended = shell(ROLLBACK, "--dry-run", "--tenant", HEALTHY, "--export", "rows")
    assert ended.status == 0, ended.words
    made = {path for path in set(tmp_path.rglob("*")) - before if ".meter_assets" not in path.parts}
    assert {path.parent for path in made} == {inside}
    assert len(made) == 5
    assert all(re.fullmatch(r"\d+_[A-Za-z0-9_-]+\.csv", path.name) for path in made)


@pytest.mark.slow
@pytest.mark.by_default("sqlite")
def test_a_step_with_a_hostile_name_writes_nothing_anywhere(shell: CommandLine, tmp_path: Path) -> None:
    migrate(shell.database, int(HEALTHY))
    shell.change("UPDATE meter_migration_runs SET step = '../../../x' WHERE step = 'meter_balances'")
    reseal(shell.database)
    before = {path for path in tmp_path.rglob("*") if ".meter_assets" not in path.parts}
    ended = shell(ROLLBACK, "--dry-run", "--tenant", HEALTHY, "--export", "rows")
    assert ended.status == 1
    assert {path for path in tmp_path.rglob("*") if ".meter_assets" not in path.parts} == before


@pytest.mark.slow
@pytest.mark.by_default("sqlite")
def test_the_full_id_of_a_run_is_in_the_name_of_its_export(shell: CommandLine) -> None:
    assert shell(MIGRATE, "--yes", "--tenant", HEALTHY).status == 0
    assert shell(ROLLBACK, "--dry-run", "--tenant", HEALTHY, "--export", "rows").status == 0
    made = {path.name for path in (shell.folder / "rows" / HEALTHY).iterdir()}
    steps = shell.rows(f"SELECT id, step, run_id FROM {STEP_RUNS} WHERE rows_changed > 0")
    assert {f"{step_id}_{step}_of_{run}.csv" for step_id, step, run in steps} <= made
    assert len(made) == 2 * len(steps) - 1, "of what the backup has, nothing is left alone"


@pytest.mark.slow
def test_no_cell_of_an_export_is_a_formula(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite keeps any text in a column of money or of days."""
    path = folder / "billing.db"
    path.touch()
    shell = CommandLine(folder, f"sqlite:///{path}")
    make_small_tenants(shell.url)
    formulas = ("=1+1", "@SUM(A1)", "+cmd|' /C calc'!A0")
    ids = [row[0] for row in shell.rows(f"SELECT id FROM meters WHERE tenant_id = {HEALTHY} ORDER BY id")]
    assert len(ids) >= len(formulas)
    for meter, formula in zip(ids, formulas, strict=False):
        quoted = formula.replace("'", "''")
        shell.change(f"UPDATE meters SET last_invoice_date = '{quoted}' WHERE id = {meter}")
    shell(MIGRATE, "--dry-run", "--tenant", HEALTHY, "--export", "rows")
    before = {row["last_invoice_date_before"] for row in exported(folder / "rows" / HEALTHY / "meter_balances.csv")}
    assert {f"'{formula}" for formula in formulas} <= before

    assert shell(MIGRATE, "--yes", "--tenant", HEALTHY).status == 0
    shell.change(f"UPDATE meters SET balance = '=1+1', last_invoice_date = '=1+1' WHERE id = {ids[0]}")
    shell(ROLLBACK, "--dry-run", "--tenant", HEALTHY, "--export", "undone")
    (skipped,) = (folder / "undone" / HEALTHY).glob("*_meter_balances_of_*_left_alone.csv")
    (row,) = exported(skipped)
    assert row["found_last_invoice_date"] == "'=1+1"
    cells = [cell for one in folder.rglob("*.csv") for row in exported(one) for cell in row.values()]
    assert not [cell for cell in cells if cell.startswith(("=", "@", "+", "\t"))]


def exported(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
