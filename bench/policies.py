"""Measures how long it takes to compare 64 policies, against one preview of the same tenant, as a ratio.

    python -m bench.policies [--payments 50000] [--rounds 3] [--postgresql] [--url URL of an empty database]

Both sides of a ratio alternate on the same data in one process, and the medians of the ratios are printed. The second
comparison has policies that change the amounts of invoices, for each of which the lines are summed again. Without a
URL, the database is a SQLite file in a temporary folder, or of a PostgreSQL server that is started for it.
"""

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import click
from sqlalchemy import update

from meter_assets.billing.policy import Policy
from meter_assets.billing.schema import billing_tables
from meter_assets.demo.generator import DemoSize, fill, make_tables
from meter_assets.engines import engine_of
from meter_assets.migration.database import BillingDatabase, Tenant
from meter_assets.reports.policies.comparison import compare_policies
from meter_assets.reports.preview import preview
from tests.support.servers import start_postgres

POLICY = Policy.from_values({})
SELECTING = (
    *("customers_without_active_meter=leave", "customers_without_active_meter=first_assigned_meter"),
    *("invoices_without_bills=keep", "invoices_without_bills=zero"),
    *("balance_basis=charges_and_opening_balance", "balance_basis=invoice_totals"),
    *(
        f"uncounted_payment_statuses={one}"
        for one in ("", "reversed", "reversed,failed", "reversed,failed,cancelled,voided,pending")
    ),
    *(f"uncounted_invoice_statuses={one}" for one in ("cancelled,voided", "reversed,cancelled,voided,draft")),
)
"""64 policies that select which rows count, or which of an invoice's amounts."""
SUMMING = (
    *(f"brought_forward_bill_types={one}" for one in ("", "BALANCE", "BALANCE,WATER", "SEWERAGE")),
    *("invoices_without_bills=keep", "invoices_without_bills=zero"),
    *("balance_basis=charges_and_opening_balance", "balance_basis=invoice_totals"),
    *(f"uncounted_payment_statuses={one}" for one in ("reversed", "reversed,failed")),
    *(f"uncounted_invoice_statuses={one}" for one in ("cancelled,voided", "reversed,cancelled,voided,draft")),
)
"""64 policies with eight ways to compute the amounts of invoices."""
COMPARISONS = {"64 policies that select rows": SELECTING, "64 policies with 8 treatments of lines": SUMMING}


@click.command()
@click.option(
    "--payments", default=50_000, show_default=True, help="The approximate number of payments, in one tenant."
)
@click.option("--rounds", default=3, show_default=True, help="How many times each pair runs.")
@click.option("--postgresql", is_flag=True, help="Start a PostgreSQL server for it.")
@click.option("--url", help="An empty database.")
def main(payments: int, rounds: int, postgresql: bool, url: str | None) -> None:
    """Print each ratio's median, lowest and highest."""
    with _empty(url, postgresql=postgresql) as found:
        database = BillingDatabase(found)
        with database.transaction() as connection:
            make_tables(connection, billing_tables())
            fill(connection, billing_tables(), DemoSize.of_payments(payments, tenants=1), seed=1)
            connection.execute(update(billing_tables().table("payments")).values(meter_id=None))
            engine_of(connection).analyze_if_never(connection)
        tenants = database.tenants()
        ratios: dict[str, list[float]] = {name: [] for name in COMPARISONS}
        for _ in range(rounds):
            previewed = _seconds(partial(preview, database, tenants[0], POLICY))
            for name, values in COMPARISONS.items():
                ratios[name].append(_seconds(partial(_compare, database, tenants, values)) / previewed)
            click.echo(f"a preview took {previewed:.2f} s")
        for name, measured in ratios.items():
            lowest, highest = min(measured), max(measured)
            click.echo(f"{name} / preview: {statistics.median(measured):.2f} ({lowest:.2f} to {highest:.2f})")
        database.release()
        database.reader.dispose()


def _compare(database: BillingDatabase, tenants: list[Tenant], values: tuple[str, ...]) -> None:
    found = compare_policies(database, tenants, POLICY, values)
    assert found.policies in (64, 65), found.policies  # the configured policy may not be among the named ones


@contextmanager
def _empty(url: str | None, *, postgresql: bool) -> Iterator[str]:
    """Yield the URL of an empty database."""
    if url:
        yield url
    elif postgresql:
        server = start_postgres()
        try:
            with server.database() as made:
                yield made
        finally:
            server.stop()
    else:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "bench.db"
            path.touch()
            yield f"sqlite:///{path}"


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
