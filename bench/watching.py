"""Measures a full pass over many migrated tenants, and quick passes after no change or a change of one tenant.

    python bench/watching.py [--tenants 1000] [--url URL of an empty database] [--dagster-url URL of an empty database]

Each pass is a run of the job, with Dagster's storage. Statements are counted on the billing database only. Without
URLs, both databases are SQLite files in a temporary folder.
"""

import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import click
import dagster as dg
from dagster import EventLogEntry
from dagster._core.events import DagsterEvent, DagsterEventType, StepMaterializationData
from dagster._core.storage.event_log import SqlEventLogStorage
from sqlalchemy import Connection, Engine, delete, event, func, insert, select, text, update

from meter_assets.billing.columns import UPDATED_AT_COLUMN
from meter_assets.billing.own_tables import BACKUP, RUNS, SUCCEEDED, Effect
from meter_assets.billing.policy import Policy
from meter_assets.billing.relations import billing_relations
from meter_assets.billing.schema import BillingSchema, billing_tables
from meter_assets.cli.runner import QUIET
from meter_assets.definitions import build_definitions
from meter_assets.defs import alerts
from meter_assets.defs.partitions import sync_partitions
from meter_assets.defs.resources import BillingResource
from meter_assets.demo.generator import DemoSize, fill, make_tables
from meter_assets.engines import engine_of
from meter_assets.migration.database import BillingDatabase, Tenant
from meter_assets.migration.journal import record
from meter_assets.migration.step_run import RunningStep
from meter_assets.monitoring.alerts.receivers import WEBHOOK_VARIABLE
from meter_assets.rules.invariants import Group
from meter_assets.rules.steps import MIGRATION, STEPS, guarded_step
from meter_assets.runtime.event_log import Reader
from meter_assets.runtime.instance import DAGSTER_HOME_VARIABLE, POSTGRES_URL_VARIABLE, open_instance

POLICY = Policy.from_values({})
RUN_ID = "bench"
LONG_AGO = datetime(2025, 1, 1)


@dataclass(frozen=True)
class Cost:
    """The measured cost of a pass."""

    seconds: float
    statements: int
    evaluated: int
    failing: int

    def __str__(self) -> str:
        """Return the cost as text."""
        return (
            f"{self.seconds:.2f} s, {self.statements} statements, {self.evaluated:,} tenants evaluated, "
            f"{self.failing} of them failing"
        )


@click.command()
@click.option("--tenants", default=1000, show_default=True, help="How many tenants, all migrated.")
@click.option("--customers", default=3, show_default=True, help="How many customers the average tenant has.")
@click.option("--months", default=6, show_default=True, help="How many months of invoices and payments.")
@click.option("--url", help="An empty database for billing; default: a SQLite file.")
@click.option("--dagster-url", help="An empty PostgreSQL database for Dagster; default: SQLite files.")
def main(tenants: int, customers: int, months: int, url: str | None, dagster_url: str | None) -> None:
    """Print the time and the statements of each pass, their ratios, and the time of the alert sensor's ticks."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "billing.db"
        path.touch()
        os.environ[DAGSTER_HOME_VARIABLE] = str(Path(folder) / "dagster")
        if dagster_url:
            os.environ[POSTGRES_URL_VARIABLE] = dagster_url
        database = BillingDatabase(url or f"sqlite:///{path}")
        made = make_migrated_tenants(database, DemoSize(tenants, customers, months))
        click.echo(", ".join(f"{count:,} {table}" for table, count in made.items()))
        with open_instance() as instance:
            sync_partitions(instance, database)
            record_materializations(instance, database.tenants())
            _measure(instance, database)


def _measure(instance: dg.DagsterInstance, database: BillingDatabase) -> None:
    billing = BillingResource(url=database._url.render_as_string(hide_password=False))
    job = build_definitions({"billing": billing}).resolve_job_def("watch_migrated_tenants")

    def watched(*, full: bool) -> Cost:
        config = {**QUIET, "ops": {"judge_migrated_tenants": {"config": {"full": full}}}}
        with _statements(database) as sent:
            started = time.perf_counter()
            result = job.execute_in_process(run_config=config, instance=instance)
            seconds = time.perf_counter() - started
        said = {name: value.value for name, value in _metadata(result).items()}
        return Cost(seconds, len(sent), said["tenants_judged"], said["tenants_failing"])

    with _receiver() as received:
        _measure_passes(instance, database, watched, received)


def _measure_passes(
    instance: dg.DagsterInstance, database: BillingDatabase, watched: Callable[..., Cost], received: list[Any]
) -> None:
    full = watched(full=True)
    click.echo(f"full pass: {full}")
    cursor = _tick(instance, None, "alerts, first tick after it")
    again = watched(full=True)
    click.echo(f"full pass again: {again}")
    cursor = _tick(instance, cursor, "alerts, next tick, as many evaluations to read")
    _tick(instance, cursor, "alerts, a tick with nothing to read")
    for name, change in (("nothing changed", None), ("one tenant changed", _break_one)):
        if change is not None:
            change(database)
        quick = watched(full=False)
        click.echo(f"quick pass, {name}: {quick}; {quick.seconds / again.seconds:.3f} of a full pass")
    failing = watched(full=True)
    click.echo(f"full pass, one tenant failing: {failing}")
    for what, change in (("failing", None), ("fixed", _fix)):
        if change is not None:
            change(database)
            click.echo(f"quick pass, fixed: {watched(full=False)}")
        click.echo(f"in Dagster, {what}: {_status(instance)}")
        received.clear()
        cursor = _tick(instance, cursor, "alerts, a tick")
        for message in received:
            click.echo(f"  message: {message['text']}")


def _status(instance: dg.DagsterInstance) -> str:
    """Return the status of the checks of severity ERROR by tenant, as text."""
    reader = Reader(instance, tuple(map(guarded_step, Group)), alerts.CHECKS)
    found = reader.latest_outcomes(reader.last_settled(0, datetime.now(UTC) + timedelta(days=1)))
    failing = {one.partition for one in found if not one.passed}
    green = {one.partition for one in found} - failing
    return f"{len(green):,} tenants green, {len(failing)} failing {sorted(failing)}, {len(found):,} statuses"


@contextmanager
def _receiver() -> Iterator[list[Any]]:
    """Start the receiver of a webhook and name it in the environment; yield the list of received messages."""
    received: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    os.environ[WEBHOOK_VARIABLE] = f"http://127.0.0.1:{server.server_port}/"
    try:
        yield received
    finally:
        server.shutdown()
        server.server_close()


def _metadata(result: dg.ExecuteInProcessResult) -> Any:
    (output,) = (one for one in result.all_node_events if one.event_type is DagsterEventType.STEP_OUTPUT)
    return output.step_output_data.metadata


def _tick(instance: dg.DagsterInstance, cursor: str | None, name: str) -> str | None:
    alerts.SETTLING = timedelta(0)  # so that it reads everything that was just stored
    started = time.perf_counter()
    with dg.build_sensor_context(instance=instance, cursor=cursor) as context:
        found = alerts.check_alerts(context)
    click.echo(f"{name}: {time.perf_counter() - started:.2f} s")
    assert isinstance(found, dg.SensorResult)
    return found.cursor


@contextmanager
def _statements(database: BillingDatabase) -> Iterator[list[str]]:
    """Collect the statements sent to the billing database, not those sent to Dagster's database."""
    sent: list[str] = []
    name = None if database.file else database.engine.url.database

    def collect(connection: Connection, cursor: Any, statement: str, *rest: Any) -> None:
        if connection.engine.url.database == name:
            sent.append(statement)

    event.listen(Engine, "before_cursor_execute", collect)
    try:
        yield sent
    finally:
        event.remove(Engine, "before_cursor_execute", collect)


def _break_one(database: BillingDatabase) -> None:
    """Insert a payment of one tenant without recomputing its meter."""
    with database.transaction() as connection:
        payments = database.schema(connection).table("payments")
        counted = (
            payments.c.meter_id.is_not(None),
            payments.c.amount > 0,
            func.lower(payments.c.status).not_in(POLICY.uncounted_payment_statuses),
        )
        first = select(payments).where(*counted).order_by(payments.c.id).limit(1)
        row = dict(connection.execute(first).one()._mapping)
        now = func.current_timestamp()
        row |= {"id": connection.scalar(select(func.max(payments.c.id))) + 1, UPDATED_AT_COLUMN: now}
        connection.execute(insert(payments).values(**row))


def _fix(database: BillingDatabase) -> None:
    """Delete that payment again."""
    with database.transaction() as connection:
        payments = database.schema(connection).table("payments")
        connection.execute(delete(payments).where(payments.c.id == select(func.max(payments.c.id)).scalar_subquery()))


# Many migrated tenants, created at once


def make_migrated_tenants(
    database: BillingDatabase, size: DemoSize, schema: BillingSchema | None = None
) -> dict[str, int]:
    """Fill an empty database with tenants and migrate all of them at once: a thousand runs would take minutes.

    Returns the number of rows per table. Journals and the backup contain what runs would write, under one step's id.
    """
    tables = replace(schema or billing_tables(timestamps=True), steps=tuple(STEPS.values()))
    with database.transaction() as connection:
        make_tables(connection, tables)
        made = dict(fill(connection, tables, size, seed=1))
        with_own = tables.make_own_tables(connection)
        for number, step in enumerate(MIGRATION, start=1):
            _make(
                connection,
                with_own,
                step,
                RunningStep(number, RUN_ID, Tenant(None, "", ""), {"started_at": datetime.now(UTC)}),
            )
            _record_runs(connection, with_own, step)
        for name, table in tables.stored.items():
            if name != "tenants" and UPDATED_AT_COLUMN in table.c:
                connection.execute(update(table).values({UPDATED_AT_COLUMN: LONG_AGO}))
        engine_of(connection).analyze_if_never(connection)
    if database.backend.NAME == "postgresql":
        with database.session() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("ANALYZE"))
    return made


def _make(connection: Connection, schema: BillingSchema, step: str, entry: RunningStep) -> None:
    change = STEPS[step].compute(billing_relations(schema, POLICY))
    record(connection, change, schema, entry)
    if change.effect is Effect.UPDATE:
        table, journal = schema.table(change.target), schema.journal(step)
        values = {name: journal.c[f"{name}_after"] for name in change.columns}
        same = table.c.id == journal.c[STEPS[step].key], journal.c.step_run_id == entry.id
        connection.execute(update(table).values(values).where(*same))


def _record_runs(connection: Connection, schema: BillingSchema, step: str) -> None:
    """Record the step as run for every tenant; for the backup, also its number of rows."""
    now = datetime.now(UTC)
    rest = {"run_id": RUN_ID, "step": step, "outcome": SUCCEEDED, "started_at": now, "finished_at": now}
    rest |= {"policy": "{}", "software_version": "1.0.0"}  # the version that recorded the outcome there
    ids = connection.scalars(select(schema.table("tenants").c.id).order_by("id")).all()
    backup = schema.own[BACKUP]
    counted = select(backup.c.tenant_id, func.count()).group_by(backup.c.tenant_id)
    rows = {row[0]: row[1] for row in connection.execute(counted)} if step == BACKUP else {}
    runs = [{**rest, "tenant_id": one, "rows_changed": rows.get(one)} for one in ids]
    connection.execute(insert(schema.own[RUNS]), runs)


def record_materializations(instance: dg.DagsterInstance, tenants: Sequence[Tenant]) -> None:
    """Record materializations of the migration's assets for these tenants, in one transaction."""
    storage = instance.event_log_storage
    assert isinstance(storage, SqlEventLogStorage)
    with storage.index_transaction() as connection:
        for asset in map(guarded_step, Group):
            for tenant in tenants:
                made = dg.AssetMaterialization(asset, partition=tenant.key)
                connection.execute(storage.prepare_insert_event(event_of(made)))


def event_of(made: dg.AssetMaterialization) -> EventLogEntry:
    """Return the event that a materialization would have as one of no run."""
    happened = DagsterEvent(
        event_type_value=DagsterEventType.ASSET_MATERIALIZATION.value,
        event_specific_data=StepMaterializationData(made),
        job_name=RUN_ID,
    )
    return EventLogEntry(  # type: ignore[no-untyped-call]
        error_info=None,
        level="info",
        user_message="",
        run_id=RUN_ID,
        timestamp=time.time(),
        job_name=RUN_ID,
        dagster_event=happened,
    )


if __name__ == "__main__":
    main()
