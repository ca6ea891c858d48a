"""Kills runs at random points, in random jobs on random databases, and reports what is wrong afterwards.

    python -m bench.kill_anywhere [--kills 1000] [--seed 1] [--engine sqlite|postgresql|both]

On each database, one job is killed several times: half of the kills are before, in or after a statement or a commit,
and half at a random moment. After each kill no step may be half done, the journal must agree with the data, and the
same command, run again, must end like a run that was not killed. The exit status is 1 if anything differs.
"""

import sys
import tempfile
import time
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import click

from meter_assets.billing.schema import billing_tables
from meter_assets.demo.faults import FAULTS
from meter_assets.demo.generator import DemoSize, fill, make_tables
from meter_assets.migration.database import BillingDatabase
from tests.support.faults.children import Nursery, Task, nursery
from tests.support.faults.jobs import TENANT, Job
from tests.support.faults.stages import Stage, stage_of
from tests.support.faults.strikes import Kind, Strike
from tests.support.faults.trial import Trial, contents_of
from tests.support.servers import PostgresServer, start_postgres

KILLS_OF_A_DATABASE = 20
SHARE_OF_POINTS = 0.5
NAMES = (*["migrate"] * 5, *["rollback"] * 5, "preview")
TELLING_WORDS = 3


@dataclass
class RowsAndMoney:
    """The counts of kills and points, and the differences found."""

    kills: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    points: Counter[str] = field(default_factory=Counter)
    differences: list[str] = field(default_factory=list)


@click.command()
@click.option("--kills", default=1000, show_default=True, help="The number of kills in total, over all engines.")
@click.option("--seed", default=1, show_default=True, help="The same seed creates the same databases and jobs.")
@click.option("--engine", type=click.Choice(["sqlite", "postgresql", "both"]), default="both", show_default=True)
def main(kills: int, seed: int, engine: str) -> None:
    """Kill runs at random, and print the counts by kind and every difference."""
    engines = ["sqlite", "postgresql"] if engine == "both" else [engine]
    tally, started = RowsAndMoney(), time.monotonic()
    for name in engines:
        with nursery() as children, _databases(name) as urls:
            _kill_on(name, kills // len(engines), Random(f"{seed} {name}"), children, urls, tally)
    _print(tally, time.monotonic() - started)
    sys.exit(bool(tally.differences))


@contextmanager
def _databases(engine: str) -> Iterator[Iterator[str]]:
    """Yield the URLs of empty databases, one after the other. Each is deleted when the next is requested."""
    with ExitStack() as stack:
        if engine == "sqlite":
            yield _files(Path(stack.enter_context(tempfile.TemporaryDirectory())))
        else:
            server = start_postgres()
            stack.callback(server.stop)
            yield stack.enter_context(closing(_fresh(server)))


def _files(folder: Path) -> Iterator[str]:
    file = folder / "billing.db"
    while True:
        for left in folder.glob("billing.*"):
            if left.is_file():
                left.unlink()
        file.touch()
        yield f"sqlite:///{file}"


def _fresh(server: PostgresServer) -> Generator[str]:
    while True:
        with server.database() as url:
            yield url


def _kill_on(
    engine: str, kills: int, random: Random, children: Nursery, urls: Iterator[str], tally: RowsAndMoney
) -> None:
    made = 0
    while made < kills:
        url, job = next(urls), _random_job(random)
        said = _fill_at_random(url, random)
        with stage_of(url) as stage:
            trial = _trial(stage, children, job)
            for _ in range(min(KILLS_OF_A_DATABASE, kills - made)):
                made += _kill_once(engine, trial, random, said, tally)
        click.echo(f"{engine}: {made} of {kills} kills, {len(tally.differences)} differences", err=True)


def _random_job(random: Random) -> Job:
    name = random.choice(NAMES)
    batch_size = random.choice([None, random.randint(1, 8)]) if name != "preview" else None
    return Job(name, batch_size, allow_invalid=True)


def _fill_at_random(url: str, random: Random) -> str:
    """Fill a database with some tenants and some of the known faults; return a description of them."""
    schema, seed = billing_tables(), random.randint(1, 10**6)
    size = DemoSize(tenants=random.randint(2, 3), customers=random.randint(3, 8), months=random.randint(1, 4))
    faults = random.sample(sorted(FAULTS), random.randint(0, 8))
    with BillingDatabase(url).transaction() as connection:
        make_tables(connection, schema)
        fill(connection, schema, size, seed=seed)
        for name in faults:
            FAULTS[name].inject(connection, schema, TENANT.id)
    return f"{size}, seed {seed}, {', '.join(faults)}"


def _trial(stage: Stage, children: Nursery, job: Job) -> Trial:
    original = contents_of(stage.url)
    if job.name == "rollback":
        made = children.run(Task(Job("migrate", allow_invalid=True), stage.url, "migrated"))
        if made.error is not None:
            raise click.ClickException(made.message)
    trial = Trial(stage, children, job, original, run_again_always=True)
    trial.prepare(in_parts=False)
    return trial


def _kill_once(engine: str, trial: Trial, random: Random, said: str, tally: RowsAndMoney) -> bool:
    """Kill a run, and check its result; return whether it was killed before it had ended."""
    (part,) = trial.parts
    small_cache = engine == "sqlite" and random.random() < 0.5
    if random.random() < SHARE_OF_POINTS:
        at = random.randrange(len(part.points))
        strike, seconds, how, where = Strike(Kind.KILLED, at, small_cache), None, "at a point", part.points[at]
    else:
        seconds = random.uniform(0, trial.seconds)
        strike, how, where = Strike(Kind.KILLED, None, small_cache), "at a moment", f"{seconds:.3f} s"
    ended, problems = trial.struck(part, strike, seconds)
    if not ended.was_killed:
        how = "at a moment, too late"
    tally.kills[engine, str(trial.job).split(" of ")[0], how] += 1
    if seconds is None:
        tally.points[f"{engine}: {' '.join(where.split()[:TELLING_WORDS])}"] += 1
    tally.differences += [f"{engine}, {trial.job}, killed at {where}; {said}: {one}" for one in problems]
    return ended.was_killed


def _print(tally: RowsAndMoney, seconds: float) -> None:
    for (engine, job, how), count in sorted(tally.kills.items()):
        click.echo(f"{engine:<10}  {job:<20}  {how:<22}  {count:>5}")
    killed = sum(count for (_, _, how), count in tally.kills.items() if "too late" not in how)
    click.echo(f"{killed} kills, at {len(tally.points)} different kinds of points, in {seconds:.0f} s")
    for one in tally.differences:
        click.echo(f"DIFFERENCE: {one}")
    click.echo(f"{len(tally.differences)} differences")


if __name__ == "__main__":
    main()
