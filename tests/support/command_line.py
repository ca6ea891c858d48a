"""The command line as tests use it: in a folder and an environment of its own, on a demo database of few rows."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from click.testing import CliRunner
from sqlalchemy import text

from meter_assets.billing.schema import billing_tables
from meter_assets.cli.main import main
from meter_assets.demo.faults import FAULTS
from meter_assets.demo.generator import DemoSize, fill, make_tables
from meter_assets.migration.database import BillingDatabase
from meter_assets.runtime.instance import open_instance
from tests.support.databases import dump

PROJECT = Path(__file__).parents[2]
SMALL = DemoSize(tenants=3, customers=6, months=4)
HEALTHY, ALSO_HEALTHY, BROKEN = "1", "2", "3"
COMMAND = [
    sys.executable,
    "-c",
    "import sys; from meter_assets.cli.start import main; sys.argv[0] = 'meter-assets'; main()",
]


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit status and all that it printed."""

    status: int
    printed: str
    on_stdout: str = ""
    """What was printed on standard output alone."""

    @property
    def words(self) -> str:
        """What was printed as one line, without the edges of tables: a test need not know where lines were folded."""
        return " ".join(self.printed.replace("│", " ").split())


@dataclass
class CommandLine:
    """`meter-assets` in a folder of its own, on one billing database."""

    folder: Path
    url: str
    environment: dict[str, str | None] = field(default_factory=dict)

    def __call__(self, *arguments: str, input: str | None = None) -> Ended:
        """Run a command in this process."""
        environment = {"METER_ASSETS_DATABASE_URL": self.url, **self.environment}
        result = CliRunner().invoke(main, list(arguments), env=environment, input=input)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Ended(result.exit_code, result.output, result.stdout)

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start a command as a process of its own."""
        wanted = {"METER_ASSETS_DATABASE_URL": self.url, "DAGSTER_HOME": None, **self.environment}
        environment = {name: value for name, value in {**os.environ, **wanted}.items() if value is not None}
        return subprocess.Popen(
            [*COMMAND, *arguments],
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    @property
    def database(self) -> BillingDatabase:
        """The billing database."""
        return BillingDatabase(self.url)

    @contextmanager
    def instance(self) -> Iterator[dg.DagsterInstance]:
        """The Dagster instance that the commands use."""
        with open_instance() as instance:
            yield instance

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """Return what a statement finds in the billing database."""
        with self.database.snapshot() as connection:
            return [tuple(row) for row in connection.execute(text(statement))]

    def contents(self) -> object:
        """Return all that is in the billing database."""
        with self.database.snapshot() as connection:
            return dump(connection)

    def change(self, *statements: str) -> None:
        """Change the billing database as someone else would."""
        with self.database.transaction() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)


def command_line_in(folder: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """Return the command line in that folder, made if it is missing, with the instance that is kept there."""
    folder.mkdir(exist_ok=True)
    monkeypatch.chdir(folder)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    return CommandLine(folder, url)


def on_small_tenants(folder: Path, url: str, monkeypatch: pytest.MonkeyPatch, *faults: tuple[str, int]) -> CommandLine:
    """Return the command line in that folder, on a new database of three small tenants with these faults."""
    make_small_tenants(url, *faults)
    return command_line_in(folder, url, monkeypatch)


def make_small_tenants(url: str, *faults: tuple[str, int]) -> None:
    """Make a database of three small tenants, clean but for these faults (name, tenant id)."""
    schema = billing_tables()
    with BillingDatabase(url).transaction() as connection:
        make_tables(connection, schema)
        fill(connection, schema, SMALL, seed=1)
        for name, tenant_id in faults:
            FAULTS[name].inject(connection, schema, tenant_id)


def with_an_orphan_payment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """Return the command line below this folder, on SQLite, where the broken tenant has a payment without a meter."""
    path = tmp_path / "billing.db"
    path.touch()
    return on_small_tenants(tmp_path / "workplace", f"sqlite:///{path}", monkeypatch, ("orphan_payment", int(BROKEN)))


def meters_of(shell: CommandLine, tenant: str) -> list[tuple[object, ...]]:
    """Return the balances of a tenant's meters."""
    return shell.rows(
        f"SELECT id, balance, overpayment, total_billed FROM meters WHERE tenant_id = {tenant} ORDER BY id"
    )
