"""Measures the cost of batches for a large tenant, and the latency of other writers during its migration.

    python bench/live_traffic.py [--payments 300000] [--batch-size 10000] [--url URL of an empty PostgreSQL database]

Migrations in batches and in one transaction alternate on copies of the same database, and their ratio is printed.
Then writers in separate processes update payments, invoices and meters of the tenant and insert payments: without a
migration, and during a migration of each kind (batches also by load, `--batch-size auto`). Without a URL, a
PostgreSQL server is started that waits for the disk at each commit. The role must be allowed to create databases.
"""

import multiprocessing
import random
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import psycopg2
from psycopg2.extensions import ISOLATION_LEVEL_AUTOCOMMIT
from sqlalchemy import URL, make_url

from meter_assets.billing.policy import Policy
from meter_assets.billing.schema import billing_tables
from meter_assets.demo.generator import DemoSize, fill, make_tables
from meter_assets.errors import StepError
from meter_assets.migration.apply import run_step
from meter_assets.migration.batch_size import AUTO
from meter_assets.migration.database import BillingDatabase
from meter_assets.migration.step_run import StepRun
from meter_assets.rules.steps import MIGRATION

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.support.servers import start_postgres

SECONDS_OF_QUIET = 10
SECONDS_BETWEEN_WRITES = 0.02
BY_LOAD = "the migration, by load"
BACKUP = "customer_balances_backup"
"""The step that writes only our own rows, so it does not run in batches."""


@click.command()
@click.option(
    "--payments", default=300_000, show_default=True, help="The approximate number of payments, in one tenant."
)
@click.option("--batch-size", default=10_000, show_default=True, help="Rows per batch.")
@click.option("--rounds", default=3, show_default=True, help="How many times both kinds run for the ratio.")
@click.option("--writers", default=3, show_default=True, help="How many processes write at the same time.")
@click.option("--url", help="An empty PostgreSQL database; default: start a server.")
def main(payments: int, batch_size: int, rounds: int, writers: int, url: str | None) -> None:
    """Print the ratios and the writers' latencies."""
    with nullcontext(url) if url else _a_server() as given:
        original = Copies(make_url(str(given)))
        made = original.make(payments)
        click.echo("One tenant: " + ", ".join(f"{rows:,} {table}" for table, rows in made.items()))
        _print_ratios(original, batch_size, rounds)
        _print_latencies(original, batch_size, writers)


@contextmanager
def _a_server() -> Iterator[str]:
    server = start_postgres(durable=True)
    try:
        with server.database() as url:
            yield url
    finally:
        server.stop()


# The tenant, and copies of it


@dataclass(frozen=True)
class Copies:
    """A database, and copies of its original state."""

    url: URL

    def make(self, payments: int) -> dict[str, int]:
        """Fill the database, without payments' meters and with wrong invoice amounts. Return its rows by table."""
        with BillingDatabase(_text(self.url)).transaction() as connection:
            make_tables(connection, billing_tables())
            made = fill(connection, billing_tables(), DemoSize.of_payments(payments, tenants=1), seed=1)
            connection.exec_driver_sql("UPDATE invoices SET amount = amount + 1")
        self._administer(self.url, "VACUUM (FULL, ANALYZE)")
        return {table: made[table] for table in ("payments", "invoices", "meters")}

    @contextmanager
    def copy(self) -> Iterator[str]:
        """Create a copy, yield its URL, and drop the copy."""
        copied = self.url.set(database=f"{self.url.database}_copy")
        server = self.url.set(database="postgres")
        self._administer(server, f'CREATE DATABASE "{copied.database}" TEMPLATE "{self.url.database}"')
        try:
            self._administer(server, "CHECKPOINT")
            yield _text(copied)
        finally:
            self._administer(server, f'DROP DATABASE "{copied.database}" WITH (FORCE)')

    def _administer(self, url: URL, statement: str) -> None:
        connected = _connect(_text(url))
        connected.set_isolation_level(ISOLATION_LEVEL_AUTOCOMMIT)
        try:
            with connected.cursor() as cursor:
                cursor.execute(statement)
        finally:
            connected.close()


def _text(url: URL) -> str:
    return url.render_as_string(hide_password=False)


def _connect(url: str) -> Any:
    return psycopg2.connect(_text(make_url(url).set(drivername="postgresql")))


# The cost of batches


def _print_ratios(original: Copies, batch_size: int, rounds: int) -> None:
    ratios: dict[str, list[float]] = {step: [] for step in (*MIGRATION, "the migration", BY_LOAD)}
    for _ in range(rounds):
        with original.copy() as url:
            whole = _migrate(url, None)
        with original.copy() as url:
            batched = _migrate(url, batch_size)
        with original.copy() as url:
            by_load = _migrate(url, AUTO)
        for step in MIGRATION:
            ratios[step].append(batched[step] / whole[step])
        ratios["the migration"].append(sum(batched.values()) / sum(whole.values()))
        ratios[BY_LOAD].append(sum(by_load.values()) / sum(whole.values()))
    click.echo(f"Batches of {batch_size:,} / one transaction, median of {rounds} rounds (lowest to highest):")
    for name, found in ratios.items():
        click.echo(f"  {name:<26}{statistics.median(found):.2f} ({min(found):.2f} to {max(found):.2f})")


def _migrate(url: str, batch_size: int | None, gave_up: list[str] | None = None) -> dict[str, float]:
    """Run every step and return its seconds. Add the steps that gave up to `gave_up`, if it is given."""
    database, seconds = BillingDatabase(url), {}
    (tenant,) = database.tenants()
    for step in MIGRATION:
        size = None if step == BACKUP else batch_size
        started = time.perf_counter()
        try:
            run_step(database, StepRun(step, tenant, "bench", Policy.from_values({}), batch_size=size))
        except StepError as error:
            if gave_up is None:
                raise
            gave_up.append(f"{step}: {str(error)[:160]}")
        seconds[step] = time.perf_counter() - started
    database.release()
    return seconds


# The latency of writers


def _print_latencies(original: Copies, batch_size: int, writers: int) -> None:
    click.echo(f"Latency of one write, with {writers} writers, in ms:")
    click.echo(f"  {'':<26}{'writes':>8}{'median':>9}{'p99':>9}{'maximum':>9}")
    ways: dict[str, int | None] = {
        "no migration": 0,
        "in one transaction": None,
        f"batches of {batch_size:,}": batch_size,
        "batches by load": AUTO,
    }
    for name, size in ways.items():
        with original.copy() as url, _writing(url, writers) as latencies:
            gave_up: list[str] = []
            started = time.perf_counter()
            if size == 0:
                time.sleep(SECONDS_OF_QUIET)
            else:
                _migrate(url, size, gave_up)
            seconds = time.perf_counter() - started
            found = latencies()
        for kind in ("", *sorted({kind for kind, _ in found})):
            waits = sorted(wait * 1000 for of, wait in found if kind in ("", of))
            last = (statistics.median(waits), waits[int(len(waits) * 0.99)], waits[-1])
            label = f"  {kind}" if kind else f"{name} ({seconds:.0f} s)"
            click.echo(f"  {label:<26}{len(waits):>8,}" + "".join(f"{one:>9.1f}" for one in last))
        for sentence in gave_up:
            click.echo(f"    gave up: {sentence}")


@contextmanager
def _writing(url: str, writers: int) -> Iterator[Any]:
    """Start writers; yield a function that stops them and returns the latencies of their writes, by kind."""
    processes = multiprocessing.get_context("spawn")
    started, stop, results = processes.Barrier(writers + 1), processes.Event(), processes.Queue()
    running = [
        processes.Process(target=_write, args=(url, number, started, stop, results)) for number in range(writers)
    ]
    for process in running:
        process.start()
    try:
        started.wait(120)

        def latencies() -> Sequence[tuple[str, float]]:
            stop.set()
            return [one for _ in running for one in results.get(timeout=300)]

        yield latencies
    finally:
        stop.set()
        for process in running:
            process.join(60)
            process.kill()


_WRITES = {
    "update payments": "UPDATE payments SET status = 'paid', amount = amount + 0.01 WHERE id = %(payment)s",
    "update invoices": "UPDATE invoices SET status = 'sent' WHERE id = %(invoice)s",
    "update meters": "UPDATE meters SET status = 'active' WHERE id = %(meter)s",
    "insert payments": "INSERT INTO payments (id, tenant_id, customer_id, invoice_id, amount, status) "
    "SELECT %(new)s, tenant_id, customer_id, invoice_id, amount, 'pending' FROM payments WHERE id = %(payment)s",
}


def _write(url: str, number: int, started: Any, stop: Any, results: Any) -> None:
    """Write random rows until `stop` is set, each in a transaction, and put the latencies into `results`."""
    connected, dice, taken = _connect(url), random.Random(number), []
    connected.set_isolation_level(ISOLATION_LEVEL_AUTOCOMMIT)
    with connected.cursor() as cursor:
        cursor.execute("SELECT (SELECT max(id) FROM payments), (SELECT max(id) FROM invoices), max(id) FROM meters")
        highest = dict(zip(("payment", "invoice", "meter"), cursor.fetchone(), strict=True))
        started.wait(120)
        new = 10**8 * (number + 1)
        while not stop.wait(SECONDS_BETWEEN_WRITES):
            new += 1
            kind = dice.choice(list(_WRITES))
            ids = {name: dice.randint(1, last) for name, last in highest.items()}
            started = time.perf_counter()
            cursor.execute(_WRITES[kind], {**ids, "new": new})
            taken.append((kind, time.perf_counter() - started))
    connected.close()
    results.put(taken)


if __name__ == "__main__":
    main()
