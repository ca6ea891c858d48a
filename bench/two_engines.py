"""Measures the same commands on a MariaDB and a PostgreSQL server, as ratios.

    python -m bench.two_engines [--payments 20000] [--rounds 3]

It starts both as durable servers, fills each with the same tenant, and lets them take turns: a preview, a live run, a
validation and a rollback on one, then on the other. The median, the lowest and the highest ratio of each command are
printed, with the median seconds of both. The seconds include the start of the command.
"""

import os
import statistics
import subprocess
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import click

from meter_assets.billing.schema import billing_tables
from meter_assets.demo.generator import DemoSize, fill, make_tables
from meter_assets.migration.database import BillingDatabase
from tests.support.command_line import COMMAND
from tests.support.mariadb import start_mariadb
from tests.support.servers import start_postgres

COMMANDS = {
    "preview": ("migrate-meter-financials", "--dry-run", "--tenant", "1"),
    "live run": ("migrate-meter-financials", "--yes", "--tenant", "1"),
    "validation": ("validate-meter-financial-data", "--tenant", "1"),
    "rollback": ("rollback", "--yes", "--tenant", "1"),
}


@click.command()
@click.option(
    "--payments", default=20_000, show_default=True, help="The approximate number of payments, in one tenant."
)
@click.option("--rounds", default=3, show_default=True, help="How many times each command runs on each server.")
def main(payments: int, rounds: int) -> None:
    """Print the ratios of MariaDB to PostgreSQL."""
    with ExitStack() as stack, tempfile.TemporaryDirectory() as folder:
        urls = {}
        for name, start in (("MariaDB", start_mariadb), ("PostgreSQL", start_postgres)):
            server = start(durable=True)
            stack.callback(server.stop)
            urls[name] = stack.enter_context(server.database())
            _fill(urls[name], payments)
        seconds: dict[tuple[str, str], list[float]] = {}
        for round_ in range(rounds):
            for command, arguments in COMMANDS.items():
                for name, url in urls.items():
                    took = _seconds(url, Path(folder) / f"{name}_{round_}", arguments)
                    seconds.setdefault((command, name), []).append(took)
    for command in COMMANDS:
        ours, theirs = seconds[command, "MariaDB"], seconds[command, "PostgreSQL"]
        ratios = [one / other for one, other in zip(ours, theirs, strict=True)]
        click.echo(
            f"{command}: {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}); "
            f"{statistics.median(ours):.1f} s on MariaDB, {statistics.median(theirs):.1f} s on PostgreSQL"
        )


def _fill(url: str, payments: int) -> None:
    with BillingDatabase(url).transaction() as connection:
        make_tables(connection, billing_tables())
        fill(connection, billing_tables(), DemoSize.of_payments(payments, tenants=1), seed=1)
    with BillingDatabase(url).engine.connect() as connection:
        tables = ", ".join(billing_tables().tables)
        is_mariadb = connection.dialect.name == "mysql"
        connection.exec_driver_sql(f"ANALYZE TABLE {tables}" if is_mariadb else "ANALYZE")
        connection.commit()


def _seconds(url: str, folder: Path, arguments: tuple[str, ...]) -> float:
    folder.mkdir(exist_ok=True)
    began = time.monotonic()
    ended = subprocess.run(
        [*COMMAND, *arguments],
        cwd=folder,
        env={**os.environ, "METER_ASSETS_DATABASE_URL": url},
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode:
        raise click.ClickException(f"{' '.join(arguments)} failed: {ended.stdout}{ended.stderr}")
    return time.monotonic() - began


if __name__ == "__main__":
    main()
