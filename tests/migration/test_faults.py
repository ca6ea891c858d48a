"""Struck anywhere: no step is half done, the journal agrees with the data, and the same command makes the same end.

The points are those of small data, but for rows of questions: see `faults.points.where_it_matters`. `./dev test`
strikes each engine at a third of them; `./dev test-thorough` at all.
What must hold is in `faults.evaluate`.
"""

import signal
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import settings
from sqlalchemy import NullPool, create_engine, make_url, text

from meter_assets.billing.own_tables import BACKUP, RUNS
from meter_assets.errors import DatabaseBusy, DatabaseUnreachable, StatementFailed, StepError, StepUnconfirmed
from meter_assets.migration.database import BillingDatabase
from meter_assets.reports.preview import preview
from meter_assets.rules.steps import STEPS
from tests.support.command_line import PROJECT, CommandLine, make_small_tenants
from tests.support.databases import STEP_RUNS
from tests.support.faults.children import Ended, Nursery, Task, nursery
from tests.support.faults.commands import struck
from tests.support.faults.evaluate import Contents, as_stored
from tests.support.faults.jobs import MIGRATE, POLICY, PREVIEW, ROLL_BACK, TENANT, Job
from tests.support.faults.points import AFTER, BEFORE, COMMIT, SENT, where_it_matters
from tests.support.faults.stages import Stage, stage_of
from tests.support.faults.strikes import Kind, Strike
from tests.support.faults.trial import Part, Trial, contents_of
from tests.support.mariadb import MariaDbServer
from tests.support.servers import PostgresServer

pytestmark = pytest.mark.slow

FAULTS = ("invoice_wrong_total", "invoice_without_amounts", "duplicate_assignment", "several_active_meters")
"""Odd rows of the tenant that is struck, none of which stops it: so each step has something to change."""
BATCH = 6
IN_BATCHES = Job("migrate", BATCH)
BACK_IN_BATCHES = Job("rollback", BATCH)
FURTHER = pytest.mark.thorough
PAGE = 512
EVERY = 160
"""Of how many points of a preview one is tried: all of it are questions."""
PATIENCE = {"lock_timeout": 200, "statement_timeout": 1500}


@dataclass
class Theatre:
    """One engine's database of small tenants, and the trials of each job on it."""

    stage: Stage
    nursery: Nursery
    original: Contents
    trials: dict[Job, Trial] = field(default_factory=dict)

    def trial(self, job: Job) -> Trial:
        """Return the trial of a job, with the database as it is before that job."""
        if job not in self.trials:
            if job.name == "rollback":
                self.trial(MIGRATE)
            self.stage.put_back(f"{MIGRATE.key}_done" if job.name == "rollback" else "original")
            self.trials[job] = Trial(self.stage, self.nursery, job, self.original)
            self.trials[job].prepare()
        return self.trials[job]


@contextmanager
def theatre_at(url: str, children: Nursery) -> Iterator[Theatre]:
    make_small_tenants(url, *((name, TENANT.id) for name in FAULTS))
    with stage_of(url) as stage:
        stage.keep("original")
        yield Theatre(stage, children, contents_of(url))


@pytest.fixture(scope="module")
def children() -> Iterator[Nursery]:
    with nursery() as made:
        yield made


@pytest.fixture(scope="module")
def sqlite(children: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Theatre]:
    file = tmp_path_factory.mktemp("struck") / "billing.db"
    connection = sqlite3.connect(file)
    connection.execute(f"PRAGMA page_size = {PAGE}")  # small pages, so that little data fills some
    connection.execute("VACUUM")
    connection.close()
    with theatre_at(f"sqlite:///{file}", children) as theatre:
        yield theatre


@pytest.fixture(scope="module")
def postgresql(children: Nursery, postgres_server: PostgresServer) -> Iterator[Theatre]:
    with postgres_server.database() as url, theatre_at(url, children) as theatre:
        yield theatre


@pytest.fixture(scope="module")
def mysql(children: Nursery, mariadb_server: MariaDbServer) -> Iterator[Theatre]:
    with mariadb_server.database() as url, theatre_at(url, children) as theatre:
        yield theatre


@pytest.fixture(scope="module")
def theatre(engine_name: str, request: pytest.FixtureRequest) -> Theatre:
    """The theatre of each engine in turn."""
    made: Theatre = request.getfixturevalue(engine_name)
    return made


def parts_of(trial: Trial) -> list[Part]:
    """Return the parts of a job that are tried: in batches only the one that has several of them."""
    if trial.job.batch_size is None:
        return trial.parts
    return [trial.parts[-1] if trial.job.name == "rollback" else trial.parts[0]]


def points_of(part: Part, job: Job, url: str) -> Iterable[int]:
    """Return the points of a part that are tried.

    Of a preview that is some, since all of it are questions; of batches and of rollbacks on a server those around
    commits, since what is between them is as in a migration that is not in batches, and as on SQLite. Of the others,
    each engine has a third, each another one, unless properties are tried on hundreds of examples.
    """
    if job is PREVIEW:
        return {*where_it_matters(part.points), *range(0, len(part.points), EVERY)}
    on = make_url(url).get_backend_name()
    tried = range(3) if settings().max_examples >= 100 else [("sqlite", "postgresql", "mysql").index(on)]
    if job is not MIGRATE and on != "sqlite":
        tried = []
    return [
        at
        for number, at in enumerate(where_it_matters(part.points))
        if number % 3 in tried or part.points[at].endswith(COMMIT)
    ]


def strike_all(trial: Trial, strikes: Iterable[tuple[Part, Strike]]) -> list[tuple[str, Ended]]:
    """Strike a job in each of these ways and fail where anything is wrong; return where, and how it has ended."""
    ends, found = [], {}
    for part, strike in strikes:
        ended, problems = trial.struck(part, strike)
        point = part.points[strike.at] if isinstance(strike.at, int) else ""
        ends.append((point, ended))
        if problems:
            found[f"part {part.first}, {strike}, {point}"] = problems
    assert found == {}
    return ends


def assert_every_step_changes_something(trial: Trial) -> None:
    full = trial.undisturbed.full
    assert all(full.values()), full
    assert len(full) == (8 if trial.job.name == "rollback" else 4)
    assert full["payment_meter_ids", False] > 2 * BATCH


# Killed


@pytest.mark.every_engine
@pytest.mark.parametrize(
    "job",
    [
        MIGRATE,
        ROLL_BACK,
        PREVIEW,
        pytest.param(IN_BATCHES, marks=pytest.mark.by_default("sqlite")),
        pytest.param(BACK_IN_BATCHES, marks=FURTHER),
    ],
    ids=str,
)
def test_killed_at_any_point(theatre: Theatre, job: Job) -> None:
    trial = theatre.trial(job)
    on_sqlite = theatre.stage.url.startswith("sqlite")
    strikes = [
        (part, Strike(Kind.KILLED, at, small_cache=on_sqlite))
        for part in parts_of(trial)
        for at in points_of(part, job, theatre.stage.url)
    ]

    ends = strike_all(trial, strikes)

    assert all(ended.was_killed for _, ended in ends)
    if job is PREVIEW:
        assert len(trial.finished_from) == 1, "a preview that is killed leaves everything as it was"
        return
    assert_every_step_changes_something(trial)
    assert {f"{BEFORE} {COMMIT}", f"{AFTER} {COMMIT}"} <= {point for point, _ in ends}
    steps_begun_and_made = 2 * len(parts_of(trial))
    assert len(trial.finished_from) > steps_begun_and_made


def test_a_rollback_after_any_kill_ends_in_the_original_to_the_byte(theatre: Theatre) -> None:
    undisturbed = theatre.trial(ROLL_BACK).undisturbed
    assert as_stored(undisturbed.after) == as_stored(theatre.original)
    assert as_stored(undisturbed.before) != as_stored(theatre.original)


def test_a_file_that_a_dead_process_left_half_written_is_put_right_by_whoever_reads_next(sqlite: Theatre) -> None:
    """SQLite does so by itself only where it may write, and the first thing that any command does is to read."""
    trial = sqlite.trial(MIGRATE)
    sqlite.stage.put_back(trial.parts[3].kept)
    before = contents_of(sqlite.stage.url)
    strike = Strike(Kind.KILLED, f"{AFTER} UPDATE meters ", small_cache=True)
    ended = sqlite.nursery.run(Task(MIGRATE, sqlite.stage.url, "struck", strike, first=3))
    file = Path(str(make_url(sqlite.stage.url).database))
    journal = file.with_name(f"{file.name}-journal")
    assert ended.was_killed
    assert journal.stat().st_size > PAGE

    foreseen = preview(BillingDatabase(sqlite.stage.url), TENANT, POLICY)

    assert not journal.exists()
    assert foreseen.step("meter_balances").changed == trial.undisturbed.full["meter_balances", False]
    assert contents_of(sqlite.stage.url)["meters"] == before["meters"]


# Cut off


@pytest.mark.not_on("sqlite")
@pytest.mark.parametrize(
    "job",
    [MIGRATE, PREVIEW, ROLL_BACK, pytest.param(IN_BATCHES, marks=FURTHER)],
    ids=str,
)
def test_cut_off_at_any_point(theatre: Theatre, job: Job) -> None:
    """The connection is lost; where that is around a commit, whether it was made is in doubt."""
    trial = theatre.trial(job)
    parts = parts_of(trial)[:1]
    strikes = [(part, Strike(Kind.CUT_OFF, at)) for part in parts for at in points_of(part, job, trial.stage.url)]

    ends = strike_all(trial, strikes)

    told = Counter(ended.error for _, ended in ends)
    told_of = (DatabaseUnreachable, StatementFailed, StepError, StepUnconfirmed)
    assert told.keys() <= {None, *(one.__name__ for one in told_of)}
    assert told.total() > 2 * told[None], "most cuts are noticed: not those of a connection that has done its work"
    if job is PREVIEW:
        return
    unconfirmed = [point for point, ended in ends if ended.error == StepUnconfirmed.__name__]
    assert unconfirmed == [f"{SENT} {COMMIT}"] * len(parts)
    lost = [ended.message for _, ended in ends if ended.error == StepError.__name__]
    assert all("closed the connection" in one or "Lost connection to MySQL server" in one for one in lost)


# Out of room


@pytest.mark.parametrize("job", [MIGRATE, IN_BATCHES, ROLL_BACK], ids=str)
def test_without_room_on_the_disk(sqlite: Theatre, job: Job) -> None:
    """The file may grow by no page, by four, by eight, and so on, until the job has all the room that it needs."""
    trial, refused = sqlite.trial(job), 0
    for pages in range(0, 1000, 4):
        ended, problems = trial.struck(trial.parts[0], Strike(Kind.NO_ROOM, pages=pages))
        assert problems == [], pages
        if ended.error is None:
            break
        refused += 1
        assert "database or disk is full" in ended.message
        assert (ended.error, "Traceback" in ended.message) == (StepError.__name__, False)
    assert refused > 1


# Out of time


@pytest.mark.parametrize("job", [MIGRATE, IN_BATCHES, ROLL_BACK], ids=str)
def test_kept_waiting_by_another_writer_on_sqlite(sqlite: Theatre, job: Job) -> None:
    trial = sqlite.trial(job)
    strikes = [
        (part, Strike(Kind.BUSY, at))
        for part in parts_of(trial)
        for at, point in enumerate(part.points)
        if point == f"{BEFORE} BEGIN IMMEDIATE"
    ]
    ends = strike_all(trial, strikes)
    assert {ended.error for _, ended in ends} <= {DatabaseBusy.__name__, StepError.__name__}
    assert all("Another program has been writing" in one.message or "is locked" in one.message for _, one in ends)
    assert len(ends) >= 2 * len(parts_of(trial))


@contextmanager
def held_by_another(url: str, table: str) -> Iterator[None]:
    """Keep everyone from a table."""
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        connection.execute(text(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE"))
        yield


@pytest.mark.parametrize(
    ("job", "part", "tables"),
    [
        (MIGRATE, 0, ["payments", "invoice_bills"]),
        (MIGRATE, 1, ["invoices", "customers", "meters", RUNS, BACKUP, STEPS["invoice_amounts"].journal]),
        pytest.param(IN_BATCHES, 0, ["payments"], marks=FURTHER),
        (ROLL_BACK, 0, ["payments", "meters", RUNS, BACKUP]),
        (PREVIEW, 0, ["payments", "meters"]),
    ],
    ids=str,
)
@pytest.mark.parametrize("limit", PATIENCE)
def test_kept_waiting_by_a_lock_until_the_time_is_out(
    postgresql: Theatre, job: Job, part: int, tables: list[str], limit: str
) -> None:
    trial, url = postgresql.trial(job), postgresql.stage.url
    begins = trial.parts[part]
    options = {"options": f"-c {limit}={PATIENCE[limit]}"}
    impatient = make_url(url).update_query_dict(options).render_as_string(hide_password=False)
    for table in tables if limit == "lock_timeout" else tables[:1]:
        postgresql.stage.put_back(begins.kept)
        with held_by_another(url, table):
            ended = postgresql.nursery.run(Task(job, impatient, "struck", first=part))
        assert trial.wrong_after(ended, begins) == []
        assert ended.error in (StepError.__name__, StatementFailed.__name__)
        assert f"canceling statement due to {limit.split('_')[0]} timeout" in ended.message


# Through the command line


@pytest.fixture
def shell_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], CommandLine]:
    """What makes a command line in a folder of its own, on a database of which it makes the tenants."""

    def made(url: str) -> CommandLine:
        monkeypatch.chdir(tmp_path)
        monkeypatch.delenv("DAGSTER_HOME", raising=False)
        make_small_tenants(url, *((name, TENANT.id) for name in FAULTS))
        return CommandLine(tmp_path, url, {"PYTHONPATH": str(PROJECT)})

    return made


@pytest.fixture
def shell(billing_url: str, shell_at: Callable[[str], CommandLine]) -> CommandLine:
    return shell_at(billing_url)


@pytest.mark.by_default("postgresql")
def test_a_command_that_is_killed_in_the_middle_of_a_step_is_finished_by_the_same_command(
    shell: CommandLine, theatre: Theatre
) -> None:
    """The migration, and then its rollback; the history says which step was interrupted."""
    migrated = as_stored(theatre.trial(MIGRATE).undisturbed.after)
    of_interrupted = f"SELECT run_id, step FROM {STEP_RUNS} WHERE outcome = 'interrupted'"
    for command, point, interrupted, end in (
        ("migrate-meter-financials", f"{AFTER} UPDATE meters", "meter_balances", migrated),
        ("rollback", f"{AFTER} UPDATE invoices", "invoice_amounts", as_stored(theatre.original)),
    ):
        arguments = (command, "--yes", "--tenant", TENANT.key)
        status, printed = struck(shell, Kind.KILLED, point, *arguments)
        assert status == -signal.SIGKILL, printed
        assert as_stored(contents_of(shell.url)) != end
        seen = shell.rows(of_interrupted)

        ended = shell(*arguments)

        assert ended.status == 0, ended.printed
        assert as_stored(contents_of(shell.url)) == end
        assert [step for run, step in shell.rows(of_interrupted) if (run, step) not in seen] == [interrupted]
        assert "interrupted" in shell("history", "--tenant", TENANT.key).words


def test_a_command_that_loses_its_connection_says_so_in_a_sentence_and_is_finished_by_the_same(
    postgres_url: str, shell_at: Callable[[str], CommandLine], postgresql: Theatre
) -> None:
    shell = shell_at(postgres_url)
    arguments = ("migrate-meter-financials", "--yes", "--tenant", TENANT.key)
    status, printed = struck(shell, Kind.CUT_OFF, f"{AFTER} UPDATE invoices ", *arguments)
    words = " ".join(printed.split())
    assert status == 1, printed
    assert "invoice_amounts of tenant 1 was rolled back" in words
    assert "Traceback" not in words
    assert shell.rows(f"SELECT step FROM {STEP_RUNS} WHERE outcome = 'failed'") == [("invoice_amounts",)]
    assert shell(*arguments).status == 0
    assert as_stored(contents_of(shell.url)) == as_stored(postgresql.trial(MIGRATE).undisturbed.after)
