"""Measures the migration of many small tenants: its time, its processor time, and what Dagster stores of each.

    python -m bench.many_tenants [--tenants 10000] [--jobs 2] [--url ...]

Each tenant has one meter, 20 invoices and 20 payments. The cost of the first hundred tenants is compared with that of
the last hundred. A server is started that waits for the disk, unless --url names a database of a server on this machine
whose role may create databases.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from statistics import mean

import click
import psutil
from sqlalchemy import text

sys.path.insert(0, str(Path(__file__).parents[1]))
from bench.speed.data import INVOICES_PER_METER, Size
from bench.speed.places import Postgresql, machine
from meter_assets.migration.database import BillingDatabase
from meter_assets.rules.steps import MIGRATION
from tests.support.command_line import COMMAND

COMPARED = 100
"""How many of the first and of the last tenants are compared."""


@click.command()
@click.option("--tenants", default=10_000, show_default=True, help="How many tenants.")
@click.option("--jobs", default=2, show_default=True, help="How many are migrated at once.")
@click.option("--url", help="A database of a server on this machine.")
def main(tenants: int, jobs: int, url: str | None) -> None:
    """Print the figures."""
    place = Postgresql(url)
    try:
        place.make(Size(payments=tenants * INVOICES_PER_METER, tenants=tenants))
        with place.copy() as copy, tempfile.TemporaryDirectory() as folder:
            print(f"PostgreSQL {place.version}, {machine()}, {tenants:,} tenants, --jobs {jobs}")
            print("\n".join(_measured(place, copy, Path(folder), tenants, jobs)))
    finally:
        place.close()


def _measured(place: Postgresql, url: str, folder: Path, tenants: int, jobs: int) -> list[str]:
    environment = {**os.environ, "METER_ASSETS_DATABASE_URL": url, "DAGSTER_HOME": str(folder)}
    command = [*COMMAND, "init", str(folder)]
    subprocess.run(command, cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)
    before, started = place.processor_seconds(), time.monotonic()
    command = [*COMMAND, "migrate-meter-financials", "--yes", "--jobs", str(jobs)]
    child = psutil.Popen(command, cwd=folder, env=environment)
    most = 0
    while child.poll() is None:
        most = max(most, _memory(child))
        time.sleep(1)
    seconds = time.monotonic() - started
    used = os.times()
    stored = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    first, last = _first_and_last(url)
    return [
        f"exit status {child.returncode}, {seconds / 60:.1f} minutes, {seconds / tenants:.3f} s for a tenant",
        f"processor time of a tenant: {(used.children_user + used.children_system) / tenants:.3f} s of the processes, "
        f"{(place.processor_seconds() - before) / tenants:.3f} s of the server",
        f"a tenant takes {first:.3f} s at first, {last:.3f} s at last",
        f"Dagster stores {stored / tenants / 1000:.1f} KB for a tenant",
        f"most memory of one process: {most / 2**20:.0f} MB",
    ]


def _memory(child: psutil.Popen) -> int:
    """Return the resident memory of the largest process, in bytes."""
    found = 0
    try:
        for one in [child, *child.children(recursive=True)]:
            found = max(found, one.memory_info().rss)
    except psutil.Error:  # one has just ended
        pass
    return found


def _first_and_last(url: str) -> tuple[float, float]:
    """Return the mean seconds from the start of a tenant to that of the next one, at first and at last."""
    statement = "SELECT started_at FROM meter_migration_runs WHERE step = :step ORDER BY id"
    with BillingDatabase(url).snapshot() as connection:
        starts = list(connection.scalars(text(statement), {"step": MIGRATION[0]}))
    return _between(starts[:COMPARED]), _between(starts[-COMPARED:])


def _between(starts: Sequence[datetime]) -> float:
    return mean((later - earlier).total_seconds() for earlier, later in pairwise(sorted(starts)))


if __name__ == "__main__":
    main()
