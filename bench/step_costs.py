"""Measures a step against the bare UPDATE that it executes, and a preview against the live run, as ratios.

    python bench/step_costs.py [--payments 50000] [--url URL of an empty database]

Both sides of a ratio alternate on the same data in one process, and the medians of the ratios are printed. Without a
URL, the database is a SQLite file in a temporary folder.
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import click
from sqlalchemy import update

from meter_assets.billing.policy import Policy
from meter_assets.billing.relations import billing_relations
from meter_assets.billing.schema import billing_tables
from meter_assets.demo.generator import DemoSize, fill, make_tables
from meter_assets.engines import engine_of
from meter_assets.migration.apply import run_step
from meter_assets.migration.database import BillingDatabase, Tenant
from meter_assets.migration.step_run import StepRun
from meter_assets.reports.preview import preview
from meter_assets.rules.steps import MIGRATION, STEPS

STEP = "payment_meter_ids"


@click.command()
@click.option(
    "--payments", default=50_000, show_default=True, help="The approximate number of payments, in one tenant."
)
@click.option("--rounds", default=3, show_default=True, help="How many times each pair runs.")
@click.option("--url", help="An empty database; default: a SQLite file.")
def main(payments: int, rounds: int, url: str | None) -> None:
    """Print each ratio's median, lowest and highest."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bench.db"
        path.touch()
        database = BillingDatabase(url or f"sqlite:///{path}")
        with database.transaction() as connection:
            make_tables(connection, billing_tables())
            fill(connection, billing_tables(), DemoSize.of_payments(payments, tenants=1), seed=1)
            engine_of(connection).analyze_if_never(connection)
        (tenant,) = database.tenants()
        pairs: dict[str, list[float]] = {f"{STEP}, journaled and verified / bare UPDATE": [], "preview / live run": []}
        for round_ in range(rounds):
            _forget(database)
            bare = _seconds(partial(_bare_update, database, tenant))
            _forget(database)
            previewed = _seconds(partial(preview, database, tenant, Policy.from_values({})))
            run_id = f"bench {round_}"
            made = [_seconds(partial(_step, database, tenant, step, run_id)) for step in MIGRATION]
            ratios = (made[0] / bare, previewed / sum(made))
            for found, ratio in zip(pairs.values(), ratios, strict=True):
                found.append(ratio)
        database.release()
    for name, found in pairs.items():
        click.echo(f"{name}: {statistics.median(found):.2f} ({min(found):.2f} to {max(found):.2f})")


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _forget(database: BillingDatabase) -> None:
    """Remove the payments' meters again, so that each round does the same work."""
    with database.transaction() as connection:
        connection.execute(update(billing_tables().table("payments")).values(meter_id=None))


def _bare_update(database: BillingDatabase, tenant: Tenant) -> None:
    """Write the same values in one UPDATE, without a journal, counts or invariants."""
    with database.transaction() as connection:
        schema = database.schema(connection)
        payments = schema.table("payments")
        changed = STEPS[STEP].compute(billing_relations(schema, Policy(), tenant.id)).rows.subquery()
        connection.execute(
            update(payments).values(meter_id=changed.c.meter_id_after).where(payments.c.id == changed.c.id)
        )


def _step(database: BillingDatabase, tenant: Tenant, step: str, run_id: str) -> None:
    run_step(database, StepRun(step, tenant, run_id, Policy.from_values({})))


if __name__ == "__main__":
    main()
