"""Measures a migration against hand-written SQL, and prints the table that the README shows.

    python -m bench.speed [--size tiny|small|S|L] [--engine postgresql|sqlite] [--url ...] [--rounds 3] [--readme]

All contenders take turns in each round, each on a fresh copy of the same database. The table has the medians of the
processor seconds (of the server and of this process), their ratio to the reference, and the spread of that ratio. With
PostgreSQL, a server is started that waits for the disk, unless --url names a database of a server on this machine whose
role may create databases.
"""

import hashlib
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import click
from sqlalchemy import create_engine, text

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))
from bench.speed import contenders  # noqa: E402
from bench.speed.contenders import Ours  # noqa: E402
from bench.speed.data import SIZES, Size  # noqa: E402
from bench.speed.places import Place, Postgresql, Sqlite, machine, peak_megabytes  # noqa: E402

TENANTS = 3
"""How many of the tenants are migrated."""
HAND, FUSED, WITH_VERDICTS, FIRST, WRITES = (
    "by hand",
    "fused SELECT",
    "fused SELECT with verdicts",
    "live",
    "bare writes",
)
ROWS = (
    ("live", HAND, 1.15),
    ("live with all checks", HAND, None),
    ("live, in batches of 10,000", FIRST, 1.25),
    ("live, nothing to change", FIRST, 0.35),
    ("dry run without verdicts", FUSED, 1.3),
    ("dry run with verdicts", WITH_VERDICTS, 1.5),
    ("validation", FIRST, 0.25),
    ("rollback", FIRST, None),
    ("live ", WRITES, 2.6),
    ("row by row, as the replaced commands (payments)", HAND, None),
    ("with pandas (payments)", HAND, None),
)
"""What the table shows: a contender, what it is compared with, and the goal of the ratio."""
COMPARED = {
    "payments": "id, meter_id",
    "invoices": "id, amount, balance_brought_forward, total_amount",
    "meters": "id, balance, overpayment, total_billed, total_paid, last_invoice_date",
}


@dataclass
class Measured:
    """What was measured: processor and wall seconds of each contender, by round."""

    place: Place
    processor: dict[str, list[float]] = field(default_factory=dict)
    wall: dict[str, list[float]] = field(default_factory=dict)
    also: dict[str, list[float]] = field(default_factory=dict)

    @contextmanager
    def taken(self, name: str, times: Callable[[], float] = lambda: 1.0) -> Iterator[None]:
        """Measure what is done inside as one round of a contender; it counts so many times."""
        used, started = self.place.processor_seconds(), time.perf_counter()
        yield
        factor = times()
        self.processor.setdefault(name, []).append((self.place.processor_seconds() - used) * factor)
        self.wall.setdefault(name, []).append((time.perf_counter() - started) * factor)

    def measure(self, name: str, work: Callable[[], object]) -> None:
        """Measure a piece of work as one round of a contender."""
        with self.taken(name):
            work()


@click.command()
@click.option("--size", type=click.Choice(list(SIZES)), default="S", show_default=True, help="How many rows.")
@click.option("--engine", type=click.Choice(["postgresql", "sqlite"]), default="postgresql", show_default=True)
@click.option("--url", help="A database of a PostgreSQL server on this machine; default: start a server.")
@click.option("--rounds", default=3, show_default=True, help="How often each contender runs.")
@click.option("--readme", is_flag=True, help="Write the table into README.md.")
def main(size: str, engine: str, url: str | None, rounds: int, *, readme: bool) -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        place: Place = Sqlite(Path(folder)) if engine == "sqlite" else Postgresql(url)
        try:
            measured = run(place, SIZES[size], rounds)
        finally:
            if isinstance(place, Postgresql):
                place.close()
    lines = table(measured, size, rounds)
    click.echo("\n".join(lines))
    if readme:
        write_into_readme(lines, place.name)


def run(place: Place, size: Size, rounds: int) -> Measured:
    """Measure every contender in every round. Raises AssertionError if two of them write different rows."""
    measured = Measured(place)
    measured.measure("generation", lambda: place.make(size))
    tenants = range(1, min(TENANTS, size.tenants) + 1)
    for _ in range(rounds):
        _one_round(measured, tenants)
    measured.also["peak"] = [peak_megabytes()]
    for _ in range(rounds):
        _by_other_means(measured)
    return measured


def _one_round(measured: Measured, tenants: Sequence[int]) -> None:
    place, measure = measured.place, measured.measure
    with place.copy() as url:
        contenders.prepare_by_hand(url)
        measure(FUSED, partial(contenders.fused, url, tenants, verdicts=False))
        measure(WITH_VERDICTS, partial(contenders.fused, url, tenants, verdicts=True))
        with _written(measured, url, HAND):
            measure(HAND, partial(contenders.by_hand, url, tenants))
        expected = _contents(url, tenants)
    with place.copy() as url:
        ours = Ours(url, tenants)
        measure("dry run without verdicts", partial(ours.preview, validate=False))
        measure("dry run with verdicts", partial(ours.preview, validate=True))
        with _written(measured, url, FIRST):
            measure(FIRST, ours.live)
        found = _contents(url, tenants)
        assert found == expected, "the migration by hand wrote other rows"
        measure("live, nothing to change", ours.live)
        measure("validation", ours.validate)
        measure("rollback", ours.roll_back)
    with place.copy() as url:
        measure("live with all checks", partial(Ours(url, tenants).live, checks=True))
    with place.copy() as url:
        measure("live, in batches of 10,000", partial(Ours(url, tenants).live, batch_size=10_000))
    with place.copy() as url:
        measure(WRITES, partial(contenders.bare_writes, url, tenants))
    measured.processor["live "], measured.wall["live "] = measured.processor[FIRST], measured.wall[FIRST]


def _by_other_means(measured: Measured) -> None:
    """Migrate the payments of one tenant, which counts for all of them."""
    with measured.place.copy() as url:
        scale: list[float] = []
        name = "row by row, as the replaced commands (payments)"
        with measured.taken(name, lambda: scale[0] * TENANTS):
            scale.append(contenders.row_by_row(url, 1))
    with (
        measured.place.copy() as url,
        measured.taken("with pandas (payments)", lambda: float(TENANTS)),
    ):
        contenders.with_pandas(url, 1)


@contextmanager
def _written(measured: Measured, url: str, name: str) -> Iterator[None]:
    """Measure the bytes of WAL, and the share of updates that write no index, on PostgreSQL."""
    if measured.place.name != "PostgreSQL":
        yield
        return
    engine = create_engine(url)
    position = "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')"
    with engine.connect() as connection:
        before = float(connection.scalar(text(position)) or 0)
    yield
    with engine.connect() as connection:
        written = float(connection.scalar(text(position)) or 0) - before
        updates = "sum(n_tup_upd), sum(n_tup_hot_upd)"
        changed, without_index = connection.execute(text(f"SELECT {updates} FROM pg_stat_user_tables")).one()
    engine.dispose()
    if changed:
        measured.also.setdefault(f"WAL, {name}", []).append(written / float(changed))
        measured.also.setdefault(f"HOT, {name}", []).append(100 * float(without_index) / float(changed))


def _contents(url: str, tenants: Sequence[int]) -> dict[str, str]:
    """Return a hash of the rows of each table that the migration writes: this process must not hold them all."""
    engine, found = create_engine(url), {}
    with engine.connect().execution_options(stream_results=True, yield_per=5_000) as connection:
        for name, columns in COMPARED.items():
            of_rows = hashlib.sha256()
            for tenant in tenants:
                wanted = text(f"SELECT {columns} FROM {name} WHERE tenant_id = {tenant} ORDER BY id")
                for row in connection.execute(wanted):
                    of_rows.update(repr(tuple(row)).encode())
            found[name] = of_rows.hexdigest()
    engine.dispose()
    return found


def table(measured: Measured, size: str, rounds: int) -> list[str]:
    """Return the lines of the table, and of what was measured beside it."""
    rows = SIZES[size]
    of = f"{rows.payments:,} payments, {rows.payments:,} invoices, {3 * rows.payments:,} lines, {rows.tenants} tenants"
    lines = [
        f"{measured.place.name} {measured.place.version}, {machine()}; size {size} ({of}), {TENANTS} tenants migrated, "
        f"medians of {rounds} rounds:",
        "",
        "| | CPU seconds | wall seconds | compared with | its CPU seconds | ratio | lowest to highest | goal |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, reference, goal in ROWS:
        cpu, other = measured.processor[name], measured.processor[reference]
        ratios = [one / by for one, by in zip(cpu, other, strict=True)]
        median = statistics.median
        lines.append(
            f"| {name.strip()} | {median(cpu):.2f} | {median(measured.wall[name]):.2f} | {reference} | "
            f"{median(other):.2f} | {median(ratios):.2f} | {min(ratios):.2f} to {max(ratios):.2f} | "
            f"{'' if goal is None else f'<= {goal}'} |"
        )
    lines.append("")
    for name in ("WAL, by hand", "WAL, live"):
        if name in measured.also:
            lines.append(f"{name}: {statistics.median(measured.also[name]):.0f} bytes per updated row.")
    for name in ("HOT, by hand", "HOT, live"):
        if name in measured.also:
            lines.append(f"{name}: {statistics.median(measured.also[name]):.0f} % of the updates.")
    lines.append(f"Most memory of the process: {measured.also['peak'][0]:.0f} MB.")
    lines.append(f"Generated in {measured.wall['generation'][0]:.0f} s.")
    return lines


def write_into_readme(lines: Sequence[str], name: str) -> None:
    """Replace what is between the two comments of an engine in the README."""
    readme = ROOT / "README.md"
    begin, end = f"<!-- figures: {name} -->", f"<!-- end of figures: {name} -->"
    pattern = re.compile(f"{re.escape(begin)}.*{re.escape(end)}", re.DOTALL)
    shown = "\n".join([begin, "", *lines, "", end])
    readme.write_text(pattern.sub(lambda _: shown, readme.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
