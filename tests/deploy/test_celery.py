"""Runs on Celery workers: many tenants are migrated by two workers, one of which is killed in the middle."""

import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from sqlalchemy import Connection, text

from meter_assets.billing.own_tables import RUNS
from meter_assets.billing.schema import billing_tables
from meter_assets.defs.partitions import sync_partitions
from meter_assets.demo.generator import DemoSize, fill, make_tables
from meter_assets.migration.database import BillingDatabase
from meter_assets.rules.steps import STEPS
from meter_assets.runtime import run_tags
from meter_assets.runtime.celery_launcher import URL_VARIABLE, LostRunsLauncher
from meter_assets.runtime.instance import (
    DAGSTER_HOME_VARIABLE,
    MAX_RUNS_VARIABLE,
    POSTGRES_URL_VARIABLE,
    open_instance,
)
from meter_assets.settings import DATABASE_URL_VARIABLE
from tests.support import deployment as stack
from tests.support.databases import STEP_RUNS, comparable, migrate, read
from tests.support.oracle import Database
from tests.support.processes import NotInTime, kill, started, until
from tests.support.servers import PostgresServer

CONFIG = stack.ROOT / "deploy" / "celery" / "dagster.yaml"
BROKEN, HELD = 1, 5
HEALTHY = (8, pytest.param(20, marks=pytest.mark.thorough))
"""How many tenants have nothing that stops them: those after the broken one."""
JOB = "migrate_meter_financials"
STEPS_OF_A_RUN = 8
"""Of a run: four assets, and the checks of each."""
SECONDS = 500  # it takes a minute where nothing else goes on
BACKFILL = """
mutation($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) { __typename ... on PythonError { message } }
}
"""


@dataclass
class Deployment:
    """The running processes, and the databases."""

    folder: Path
    billing: BillingDatabase
    instance: dg.DagsterInstance
    workers: "dict[str, subprocess.Popen[bytes]]"
    healthy: list[str]

    def runs(self) -> dict[str, list[dg.DagsterRun]]:
        """Return the runs of each tenant, oldest first."""
        found = defaultdict(list)
        for run in self.instance.get_runs(dg.RunsFilter(job_name=JOB), ascending=True):
            found[run.tags[run_tags.PARTITION]].append(run)
        return found

    def statuses(self) -> dict[str, list[str]]:
        """Return how the runs of each tenant stand."""
        return {key: [run.status.value for run in runs] for key, runs in self.runs().items()}

    def all_have_ended(self) -> bool:
        """Say whether every tenant is migrated, or has failed for good."""
        runs = self.runs()
        ended = all(any(map(self.is_made, runs.get(key, ()))) for key in self.healthy) and runs.get(str(BROKEN))
        return bool(ended) and all(run.is_finished for ones in runs.values() for run in ones)

    def is_made(self, run: dg.DagsterRun) -> bool:
        """Say whether a run has made all of its steps: one that died just then is not started again, nor need it be."""
        if run.status is dg.DagsterRunStatus.FAILURE:
            return self.instance.get_run_stats(run.run_id).steps_succeeded == STEPS_OF_A_RUN
        return run.status is dg.DagsterRunStatus.SUCCESS

    def worker_of(self, run_id: str) -> str:
        """Return the name of the worker that says it executes a run."""
        launcher = self.instance.run_launcher
        assert isinstance(launcher, LostRunsLauncher)
        run = self.instance.get_run_by_id(run_id)
        assert run is not None
        task_id = run.tags["dagster-celery/task_id"]
        answers = launcher.celery.control.inspect(timeout=3).active() or {}
        found = [name for name, tasks in answers.items() if task_id in {task["id"] for task in tasks}]
        return found[0].partition("@")[0] if found else ""

    def printed(self) -> str:
        """Return the end of what each process has printed, to be read where something went wrong."""
        return "\n\n".join(f"{log.name}: {log.read_text()[-3000:]}" for log in self.folder.glob("*.log"))


def books(url: str, healthy: int) -> BillingDatabase:
    """Make the same small tenants in any database: the first has an invoice without a meter."""
    database = BillingDatabase(url)
    schema = billing_tables()
    with database.transaction() as connection:
        make_tables(connection, schema)
        fill(connection, schema, DemoSize(tenants=healthy + 1, customers=3, months=3), seed=1)
        connection.execute(
            text("UPDATE invoices SET meter_id = NULL WHERE id = (SELECT min(id) FROM invoices WHERE tenant_id = :id)"),
            {"id": BROKEN},
        )
    return database


@contextmanager
def processes(folder: Path, homes: dict[str, Path]) -> Iterator["dict[str, subprocess.Popen[bytes]]"]:
    """Start the daemon and the workers, each with a folder of its own for Dagster, as on machines of their own."""
    commands = {"daemon": stack.daemon(), "one": stack.worker("one", 2), "two": stack.worker("two", 2)}
    with ExitStack() as running, pytest.MonkeyPatch.context() as environment:
        environment.setenv("PYTHONWARNINGS", "ignore")
        found = {}
        for name, command in commands.items():
            environment.setenv(DAGSTER_HOME_VARIABLE, str(homes[name]))
            found[name] = running.enter_context(started(command, homes[name], folder / f"{name}.log"))
        yield found


def make_home(folder: Path) -> Path:
    """Make a folder for Dagster with the instance file of deploy/celery, but less patient."""
    config = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))
    config["run_launcher"]["config"]["seconds_until_lost"] = 15
    # A worker may be killed with a run that it has taken, of which Dagster has not yet heard that it began.
    config["run_monitoring"] |= {"poll_interval_seconds": 2, "start_timeout_seconds": 90}
    config["run_queue"] = {"dequeue_interval_seconds": 1}
    folder.mkdir()
    (folder / "dagster.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    return folder


@pytest.fixture(params=HEALTHY)
def deployment(
    postgres_server: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[Deployment]:
    """A broker, a database for billing and one for Dagster, the daemon, two workers; nothing is launched yet."""
    with ExitStack() as running:
        urls = {
            DATABASE_URL_VARIABLE: running.enter_context(postgres_server.database()),
            POSTGRES_URL_VARIABLE: running.enter_context(postgres_server.database()),
            URL_VARIABLE: running.enter_context(stack.redis_server(tmp_path, "hunter2")),
        }
        homes = {name: make_home(tmp_path / name) for name in ("test", "daemon", "one", "two")}
        for name, value in {**urls, MAX_RUNS_VARIABLE: "4", DAGSTER_HOME_VARIABLE: str(homes["test"])}.items():
            monkeypatch.setenv(name, value)
        billing = books(urls[DATABASE_URL_VARIABLE], request.param)
        healthy = [str(BROKEN + number) for number in range(1, request.param + 1)]
        with open_instance() as instance:
            sync_partitions(instance, billing)
            with processes(tmp_path, homes) as started:
                yield Deployment(tmp_path, billing, instance, started, healthy)


def launch_backfill(tenants: list[str]) -> None:
    """Launch the migration of these tenants, as the UI does."""
    repository = {"repositoryLocationName": "meter_assets", "repositoryName": "__repository__"}
    selector = {"partitionSetName": f"{JOB}_partition_set", "repositorySelector": repository}
    params = {"selector": selector, "partitionNames": tenants}
    command = [sys.executable, "-W", "ignore", "-c", "from dagster_graphql.cli import main; main()"]
    command += ["-w", f"{stack.ROOT}/workspace.yaml", "-t", BACKFILL, "-v", json.dumps({"params": params})]
    answer = subprocess.run(command, check=False, capture_output=True, text=True, timeout=SECONDS)
    assert "LaunchBackfillSuccess" in answer.stdout, answer.stdout + answer.stderr


def waiting_run(connection: Connection) -> str:
    """Return the run of which a step waits for the rows that the test holds: its journal is written, not committed."""
    waits = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    has_journal = text("SELECT to_regclass(:name) IS NOT NULL")
    if not connection.scalar(text(waits)) or not connection.scalar(has_journal, {"name": RUNS}):
        return ""
    started = f"SELECT run_id FROM {STEP_RUNS} WHERE tenant_id = :id AND outcome = 'running'"
    return str(connection.scalar(text(started), {"id": HELD}) or "")


def kill_in_the_middle(deployment: Deployment) -> tuple[str, str]:
    """Hold rows of a tenant, kill the worker whose step waits for them, and let them go; return it and its run."""
    rows = text("SELECT 1 FROM payments WHERE tenant_id = :id FOR UPDATE")
    with deployment.billing.engine.connect() as holder, deployment.billing.engine.connect() as other:
        holder.execute(rows, {"id": HELD})
        launch_backfill([str(BROKEN), *deployment.healthy])
        looking = other.execution_options(isolation_level="AUTOCOMMIT")
        run_id = until(lambda: waiting_run(looking), "a step waits for rows", SECONDS)
        name = until(lambda: deployment.worker_of(run_id), "a worker says that it has the run", 30)
        kill(deployment.workers[name])
        holder.rollback()
    return run_id, name


def of_healthy(rows: Database) -> Database:
    """Leave out the tenant that fails: of that, not every step is made."""
    return {
        table: [row for row in found if row["id" if table == "tenants" else "tenant_id"] != BROKEN]
        for table, found in rows.items()
        if table != "invoice_bills" and all("tenant_id" in row or table == "tenants" for row in found)
    }


def state(database: BillingDatabase) -> tuple[Database, dict[str, list[tuple[Any, ...]]]]:
    """Return the billing tables and the journals of the healthy tenants, without the names of runs."""
    journals = {}
    with database.snapshot() as connection:
        schema = database.schema(connection)
        for step in sorted(set(STEPS) - {"customer_balances", "customer_balances_backup"}):
            journal = schema.journal(step)
            kept = [column for column in journal.c if column.key not in ("run_id", "step_run_id")]
            found = connection.execute(journal.select().with_only_columns(*kept).where(journal.c.tenant_id != BROKEN))
            journals[step] = sorted((tuple(row) for row in found), key=repr)
        return of_healthy(comparable(read(connection, schema))), journals


@pytest.mark.slow
def test_all_tenants_are_migrated_though_a_worker_is_killed_in_the_middle(
    deployment: Deployment, postgres_server: PostgresServer
) -> None:
    killed_run, _ = kill_in_the_middle(deployment)
    try:
        until(deployment.all_have_ended, "all runs have ended", SECONDS, every=2)
    except NotInTime as late:
        pytest.fail(f"{late} {deployment.statuses()}\n{deployment.printed()}")

    runs = deployment.runs()
    lost, retried = runs[str(HELD)]
    assert (lost.run_id, lost.status.value, retried.status.value) == (killed_run, "FAILURE", "SUCCESS")
    assert retried.parent_run_id == lost.run_id
    assert len([key for key in deployment.healthy if len(runs[key]) > 1]) <= 2, (
        "only the killed worker's runs are made again"
    )
    assert [run.status.value for run in runs[str(BROKEN)]] == ["FAILURE"], "a failed check is not tried again"

    with postgres_server.database() as url:
        expected = books(url, len(deployment.healthy))
        for key in deployment.healthy:
            migrate(expected, int(key))
        tables, journals = state(expected)
        found_tables, found_journals = state(deployment.billing)
        assert found_tables == tables
        assert found_journals == journals
        assert len(journals["payment_meter_ids"]) > len(deployment.healthy) < len(journals["meter_balances"])
