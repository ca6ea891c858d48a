"""Writes the files version_1_1_0.* of this folder, by running version 1.1.0. It is no test, and needs that version.

The last commit of version 1.1.0 is f29c84fe. In a checkout of this repository:

    git worktree add --detach ../released f29c84fe && (cd ../released && ./dev setup)
    folder=$PWD/tests/upgrade
    (cd ../released && PYTHONPATH=. .venv/bin/python "$folder/dump_version_1_1_0.py" "$folder")

It needs `pg_dump` of the server's version. Modules of version 1.1.0 have other names than today's: they are imported
by name. Change here what the released version did to the databases; what is tested belongs in `test_version_1_1.py`.
"""

import hashlib
import json
import os
import re
import socket
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import Any

VERSION, NAME = "1.1.0", "version_1_1_0"
PLACE = {"sqlite": "sqlite:////srv/billing/billing.db", "postgresql": "postgresql://127.0.0.1:5432/billing"}
"""What stands in the dumps for the place of the billing database."""
RUNS, EVENTS = "history/runs.db", "history/runs/index.db"
"""The files of Dagster's storage that are dumped: the events of each run's own page are not."""
LEFT_OUT = {
    RUNS: ["DELETE FROM snapshots"],
    EVENTS: [
        "DELETE FROM asset_check_executions WHERE id NOT IN ("
        "SELECT max(id) FROM asset_check_executions GROUP BY asset_key, check_name, partition)",
        "DELETE FROM event_logs WHERE dagster_event_type LIKE 'PIPELINE%' OR dagster_event_type LIKE '%CHECK%PLANNED'",
        "DELETE FROM event_logs WHERE dagster_event_type = 'ASSET_CHECK_EVALUATION' AND id NOT IN ("
        "SELECT evaluation_event_storage_id FROM asset_check_executions WHERE evaluation_event_storage_id IS NOT NULL)",
        "UPDATE asset_check_executions SET evaluation_event = NULL",
    ],
}
"""Snapshots of jobs, events about runs alone, and evaluations that a later evaluation of the same check replaced."""
PUT_BACK = (
    "UPDATE asset_check_executions SET evaluation_event = "
    "(SELECT event FROM event_logs WHERE event_logs.id = evaluation_event_storage_id);\n"
)
"""What Dagster stores twice, and the dump has once."""
REVIEWED, ROLLED_BACK, BATCHED, BLOCKED = "1", "2", "3", "4"
FAULTS = (("several_active_meters", 1), ("orphan_payment", 4))
BROKEN = "UPDATE meters SET balance = balance + 1000 WHERE id = (SELECT min(id) FROM meters WHERE tenant_id = 3)"


def main() -> None:
    """Write the files for each engine into the folder that is named."""
    folder = Path(sys.argv[1]).resolve()
    assert import_module("meter_assets").__version__ == VERSION, "run this with the environment of version 1.1.0"
    with tempfile.TemporaryDirectory() as place:
        path = Path(place).resolve() / "billing.db"
        path.touch()
        _write(folder, "sqlite", f"sqlite:///{path}", f"sqlite:///{path}", lambda: _sqlite_dump(path))
    server = import_module("tests.servers").start_postgres()
    try:
        with server.database() as url:
            plain = f"postgresql://127.0.0.1:{server.port}/{url.rsplit('/', 1)[1]}"
            _write(folder, "postgresql", url, plain, lambda: _postgres_dump(url))
    finally:
        server.stop()


def _write(folder: Path, engine: str, url: str, place: str, dump: Callable[[], str]) -> None:
    with tempfile.TemporaryDirectory() as work, _receiver() as (hook, taken):
        os.chdir(work)
        os.environ |= {"METER_ASSETS_DATABASE_URL": url, "DAGSTER_HOME": f"{work}/dagster", "COLUMNS": "200"}
        os.environ["METER_ASSETS_ALERT_WEBHOOK_URL"] = hook
        shown = _history_of(url, taken)
        files = {f"{engine}.sql": dump(), f"{engine}.json": json.dumps(shown, indent=1, sort_keys=True) + "\n"}
        if engine == "sqlite":  # Dagster has its own storage, whatever the engine of the billing database
            files["dagster_runs.sql"] = _storage_dump(RUNS)
            files["dagster_events.sql"] = _storage_dump(EVENTS) + PUT_BACK
        for name, content in files.items():
            neutral = content.replace(place, PLACE[engine]).replace(work, "/srv/billing")
            neutral = re.sub(rf"(host\W+){re.escape(socket.gethostname())}(\W)", r"\1billing\2", neutral)
            Path(folder, f"{NAME}.{name}").write_text(neutral, encoding="utf-8")


# What version 1.1.0 did


def _history_of(url: str, taken: list[Any]) -> dict[str, Any]:
    """Do to a new database what the tests need, and return what version 1.1.0 showed of it in the end."""
    database = import_module("meter_assets.database").BillingDatabase(url)
    _make_tenants(database)
    originals = _digests(database)
    _command(0, "migrate-meter-financials", "--yes", "--tenant", REVIEWED)
    _command(0, "backfill-payment-meter-ids", "--tenant", ROLLED_BACK)
    _command(0, "migrate-meter-financials", "--yes", "--tenant", ROLLED_BACK)
    (last,) = _rows(database, "SELECT run_id FROM meter_migration_runs ORDER BY id DESC LIMIT 1")[0]
    _command(0, "rollback", "--yes", "--tenant", ROLLED_BACK, "--run", last)
    _command(0, "migrate-meter-financials", "--yes", "--tenant", BATCHED, "--batch-size", "5")
    _command(1, "migrate-meter-financials", "--yes", "--tenant", BLOCKED)
    _command(0, "validate-meter-financial-data", "--tenant", REVIEWED)
    with import_module("meter_assets.dagster_instance").open_instance() as instance:
        cursor = _watch_and_tell(instance, database, taken)
        shown = _shown(instance)
        key = import_module("meter_assets.defs.watching").baseline_key(database)
        baseline = instance.daemon_cursor_storage.get_cursor_values({key})
    return {
        **shown,
        "originals": originals,
        "baseline": baseline,
        "alerts_cursor": cursor,
        "alerts_taken": taken,
        "history": _command(0, "history"),
        "rollback": _rollbacks(database),
    }


def _make_tenants(database: Any) -> None:
    schema = import_module("meter_assets.schema").billing_tables()
    generator = import_module("meter_assets.demo.generator")
    with database.transaction() as connection:
        generator.make_tables(connection, schema)
        generator.fill(connection, schema, generator.DemoSize(tenants=4, customers=4, months=3), seed=1)
        for name, tenant_id in FAULTS:
            import_module("meter_assets.demo.faults").FAULTS[name].inject(connection, schema, tenant_id)


def _command(status: int, *arguments: str) -> str:
    result = import_module("click.testing").CliRunner().invoke(import_module("meter_assets.cli").main, arguments)
    assert result.exit_code == status, (arguments, result.output, result.exception)
    return str(result.output)


def _watch_and_tell(instance: Any, database: Any, taken: list[Any]) -> str:
    """Watch twice with an alert of each; somebody overwrites a balance between. Return the cursor of the sensor.

    The receiver takes the first message and refuses the second one, which stays in the outbox.
    """
    alerts = import_module("meter_assets.defs.alerts")
    vars(alerts)["SETTLING"] = timedelta(0)
    _watch(instance)
    first = _tick(instance, None)
    assert len(taken) == 1, "the receiver has taken the first message"
    with database.transaction() as connection:
        connection.exec_driver_sql(BROKEN)
    _watch(instance)
    second = _tick(instance, first)
    assert len(json.loads(second)["outbox"]) == 1, second
    return second


def _watch(instance: Any) -> None:
    definitions = import_module("meter_assets.definitions").build_definitions()
    job = definitions.resolve_job_def("watch_migrated_tenants")
    config = {**import_module("meter_assets.runs").QUIET, "ops": {"judge_migrated_tenants": {"config": {"full": True}}}}
    assert job.execute_in_process(run_config=config, instance=instance).success


def _tick(instance: Any, cursor: str | None) -> str:
    definitions = import_module("meter_assets.definitions").build_definitions()
    sensor = definitions.get_repository_def().get_sensor_def("check_alerts")
    with import_module("dagster").build_sensor_context(instance=instance, cursor=cursor) as context:
        return str(sensor.evaluate_tick(context).cursor)


@contextmanager
def _receiver() -> Iterator[tuple[str, list[Any]]]:
    """A web server that takes one message and refuses all others, and the messages that it has taken."""
    taken: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(503 if taken else 200)
            self.end_headers()
            if not taken:
                taken.append(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/alerts", taken
    finally:
        server.shutdown()
        server.server_close()


# What version 1.1.0 showed, and what it left


def _shown(instance: Any) -> dict[str, Any]:
    """Return, as Dagster shows them: the status of every check by tenant, and which partitions are materialized."""
    dg, invariants = import_module("dagster"), import_module("meter_assets.invariants")
    keys = [
        dg.AssetCheckKey(dg.AssetKey(invariants.GUARDED_STEP[one.group]), one.name) for one in invariants.INVARIANTS
    ]
    statuses: dict[str, dict[str, str]] = {}
    for one in instance.event_log_storage.get_asset_check_partition_info(keys):
        statuses.setdefault(str(one.partition_key), {})[one.check_key.name] = one.latest_execution_status.value
    steps = import_module("meter_assets.changes").MIGRATION
    made = {step: sorted(instance.get_materialized_partitions(dg.AssetKey(step))) for step in steps}
    return {
        "statuses": statuses,
        "materialized": made,
        "partitions": sorted(instance.get_dynamic_partitions("tenants")),
    }


def _rollbacks(database: Any) -> dict[str, list[int]]:
    """Return how many rows of each tenant a rollback would restore, and how many it would not touch."""
    preview = import_module("meter_assets.rollback").preview_rollback
    found = {one.key: preview(database, one) for one in database.tenants()}
    return {key: [one.restored, one.left_alone] for key, one in found.items()}


def _digests(database: Any) -> dict[str, str]:
    """Return a digest of the rows of each table, as the driver gives them."""
    with database.snapshot() as connection:
        rows = import_module("tests.databases").dump(connection)
    return {name: hashlib.sha256(json.dumps(found).encode()).hexdigest() for name, found in sorted(rows.items())}


def _rows(database: Any, statement: str) -> list[tuple[Any, ...]]:
    with database.snapshot() as connection:
        return [tuple(row) for row in connection.exec_driver_sql(statement)]


def _sqlite_dump(path: Path) -> str:
    connection = sqlite3.connect(path)
    try:
        return "\n".join(connection.iterdump()) + "\n"
    finally:
        connection.close()


def _storage_dump(name: str) -> str:
    """Return a dump of a file of Dagster's storage without what the tests do not need."""
    path = Path("dagster", name)
    connection = sqlite3.connect(path)
    try:
        for statement in LEFT_OUT[name]:
            connection.execute(statement)
        connection.commit()
    finally:
        connection.close()
    return _sqlite_dump(path)


def _postgres_dump(url: str) -> str:
    plain = url.replace("+psycopg2", "")
    command = ["pg_dump", "--inserts", "--no-owner", "--no-privileges", plain]
    dumped = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    noise = ("--", "SET ", "SELECT pg_catalog.set_config", "\\")
    return "".join(f"{line}\n" for line in dumped.splitlines() if line.strip() and not line.startswith(noise))


if __name__ == "__main__":
    main()
