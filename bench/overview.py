"""Measures the overview of many tenants: the asset tenant_overview, and the command `status` with its start.

    python bench/overview.py [--tenants 1000] [--passes 3] [--url URL of an empty database] [--dagster-url URL]

All tenants are migrated, and every invariant of each was evaluated in each of the passes. Each has a preview whose
event has the size of a real one. Statements are counted on both databases.
"""

import os
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import click
import dagster as dg
from dagster._core.storage.event_log import SqlEventLogStorage

from bench.watching import event_of, make_migrated_tenants, record_materializations
from meter_assets.cli.runner import QUIET
from meter_assets.definitions import build_definitions
from meter_assets.defs.migration_preview import ASSET as PREVIEW
from meter_assets.defs.partitions import sync_partitions
from meter_assets.defs.resources import BillingResource
from meter_assets.defs.tenant_overview import overview_metadata, tenant_overviews
from meter_assets.demo.generator import DemoSize
from meter_assets.migration.database import BillingDatabase
from meter_assets.reports.overview_tables import counted
from meter_assets.runtime.instance import DAGSTER_HOME_VARIABLE, POSTGRES_URL_VARIABLE, open_instance
from meter_assets.settings import DATABASE_URL_VARIABLE
from tests.support.command_line import COMMAND
from tests.support.databases import statements

CHARACTERS = 55_000
"""The size of a preview's report; those of the demo database have about this many characters."""


@click.command()
@click.option("--tenants", default=1000, show_default=True, help="How many tenants, all migrated.")
@click.option("--passes", default=3, show_default=True, help="How many full passes of the watching came before.")
@click.option("--url", help="An empty database for billing; default: a SQLite file.")
@click.option("--dagster-url", help="An empty PostgreSQL database for Dagster; default: SQLite files.")
def main(tenants: int, passes: int, url: str | None, dagster_url: str | None) -> None:
    """Print the time and the statements of the overview of all tenants, three times, and of its metadata."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "billing.db"
        path.touch()
        os.environ[DAGSTER_HOME_VARIABLE] = str(Path(folder) / "dagster")
        if dagster_url:
            os.environ[POSTGRES_URL_VARIABLE] = dagster_url
        database = BillingDatabase(url or f"sqlite:///{path}")
        make_migrated_tenants(database, DemoSize(tenants, 3, 6))
        with open_instance() as instance:
            sync_partitions(instance, database)
            record_materializations(instance, database.tenants())
            _record_previews(instance, database)
            _watch(instance, database, passes)
            for _ in range(3):
                _measure(instance, BillingDatabase(url or f"sqlite:///{path}"))
        os.environ[DATABASE_URL_VARIABLE] = database._url.render_as_string(hide_password=False)
        for arguments in (["status"], ["status", "--json"], ["--version"]):
            _measure_command(arguments)


def _measure(instance: dg.DagsterInstance, database: BillingDatabase) -> None:
    with statements() as sent:
        started = time.perf_counter()
        rows = tenant_overviews(instance, database)
        read = time.perf_counter()
        overview_metadata(instance, rows)
        ended = time.perf_counter()
    click.echo(
        f"{counted(rows)}; {read - started:.2f} s, with metadata {ended - started:.2f} s, {len(sent)} statements"
    )


def _measure_command(arguments: list[str]) -> None:
    started = time.perf_counter()
    subprocess.run([*COMMAND, *arguments], check=True, stdout=subprocess.DEVNULL)
    click.echo(f"meter-assets {' '.join(arguments)}: {time.perf_counter() - started:.2f} s")


def _record_previews(instance: dg.DagsterInstance, database: BillingDatabase) -> None:
    storage = instance.event_log_storage
    assert isinstance(storage, SqlEventLogStorage)
    said: dict[str, Any] = {"rows_that_would_change": 5, "rows_unresolved": 1, "would_fail": False}
    said["report"] = dg.MetadataValue.text("x" * CHARACTERS)
    with storage.index_transaction() as connection:
        for tenant in database.tenants():
            made = dg.AssetMaterialization(PREVIEW, partition=tenant.key, metadata=said)
            connection.execute(storage.prepare_insert_event(event_of(made)))


def _watch(instance: dg.DagsterInstance, database: BillingDatabase, passes: int) -> None:
    billing = BillingResource(url=database._url.render_as_string(hide_password=False))
    job = build_definitions({"billing": billing}).resolve_job_def("watch_migrated_tenants")
    for _ in range(passes):
        job.execute_in_process(run_config=QUIET, instance=instance)


if __name__ == "__main__":
    main()
