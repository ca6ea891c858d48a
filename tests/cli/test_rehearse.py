"""`meter-assets rehearse`: what it prints, what it refuses, and that it leaves neither names nor files behind."""

import hashlib
import json
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url, text

from meter_assets.billing.columns import REQUIRED_COLUMNS
from meter_assets.migration.database import BillingDatabase
from tests.support.command_line import BROKEN, HEALTHY, CommandLine, on_small_tenants
from tests.support.mariadb import MariaDbServer
from tests.support.servers import PostgresServer

REHEARSE = "rehearse"
TABLES = tuple(REQUIRED_COLUMNS)
SECRETS = ("customers.name", "meters.meter_number", "invoices.invoice_number")
BLOCKED_BY = "every_invoice_line_is_complete"


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files, in which nothing may be left."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


def secrets_of(shell: CommandLine) -> set[str]:
    """Return every value that must not be in a copy."""
    found: set[str] = set()
    for one in SECRETS:
        table, _, column = one.partition(".")
        found |= {str(value) for (value,) in shell.rows(f"SELECT {column} FROM {table}") if value}
    return found


def contents(url: str) -> list[Any]:
    """Return every row of the billing tables, and the names of all tables."""
    found: list[Any] = []
    with BillingDatabase(url).snapshot() as connection:
        for table in TABLES:
            found += [tuple(row) for row in connection.execute(text(f"SELECT * FROM {table} ORDER BY id"))]
    return found


@pytest.mark.slow
def test_a_rehearsal_on_sqlite(tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"sqlite:///{tmp_path / 'billing.db'}"
    (tmp_path / "billing.db").touch()
    shell = on_small_tenants(tmp_path, url, monkeypatch, ("bill_of_other_tenant", int(BROKEN)))
    before = hashlib.sha256((tmp_path / "billing.db").read_bytes()).hexdigest()

    ended = shell(REHEARSE, "--json", "--keep")
    found = json.loads(ended.printed[ended.printed.index("{\n") : ended.printed.rindex("\n}") + 2])
    assert ended.status == 1
    assert not found["go"]
    assert [one["tenant"] for one in found["tenants"] if one["problems"]] == [BROKEN]
    assert any(BLOCKED_BY in one for one in found["tenants"][2]["problems"])
    assert [one["name"] for one in found["parts"]][:4] == ["copy", "preview", "migrate", "validate"]
    assert found["again"]["restored"] == found["again"]["changed"] == found["again"]["changed_again"] > 0
    assert found["again"]["skipped"] == 0
    assert found["again"]["batch_size"] == 10_000
    every = found["forecasts"][-1]
    assert every["tenant"] is None
    assert every["expected"] == pytest.approx(sum(one["expected"] for one in found["forecasts"][:-1]))
    assert every["at_most"] == pytest.approx(3 * every["expected"])
    assert found["forecasts"][2]["is_estimated"]
    (copy,) = temporary.glob("*/rehearsal.db")
    with BillingDatabase(f"sqlite:///{copy}").snapshot() as connection:
        undone = connection.execute(
            text("SELECT DISTINCT tenant_id FROM meter_migration_runs WHERE undoes IS NOT NULL")
        )
        assert [str(tenant_id) for (tenant_id,) in undone] == [found["again"]["tenant"]]
    written = copy.read_bytes()
    assert secrets_of(shell)
    assert [one for one in secrets_of(shell) if one.encode() in written] == []
    assert copy.stat().st_mode & 0o077 == 0
    assert f"DAGSTER_HOME={copy.parent / 'dagster'}" in ended.words

    shutil.rmtree(copy.parent)
    ended = shell(REHEARSE, "--tenant", HEALTHY)
    assert ended.status == 0, ended.printed
    assert "Go: 1 tenant was migrated with every check passed, and tenant 1 was rolled back completely." in ended.words
    assert "Forecast for the real run" in ended.printed
    assert hashlib.sha256((tmp_path / "billing.db").read_bytes()).hexdigest() == before
    assert list(temporary.iterdir()) == []
    assert not (tmp_path / ".meter_assets").exists()  # the runs of a rehearsal are in no instance of the user


def refused(shell: CommandLine, *arguments: str) -> str:
    ended = shell(REHEARSE, *arguments)
    assert ended.status == 2, ended.printed
    return ended.words


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--into", "postgresql://user@host/copy"], "expected one of sqlite"),
        (["--into", "nonsense"], "--into does not name a database that can be used"),
        (["--into", "sqlite:////tmp/copy.db"], "--into names a database on a server"),
        (["--dump", "missing.dump"], "missing.dump cannot be read: No such file or directory"),
        (["--dump", "text.txt"], "is not a dump that can be read"),
        (["--dump", "empty.db"], "no table tenants"),
        (["--tenant", "99"], "No such tenant: 99"),
    ],
)
def test_refusals(on_sqlite: CommandLine, temporary: Path, arguments: list[str], said: str) -> None:
    (on_sqlite.folder / "text.txt").write_text("This is no dump.")
    subprocess.run(["python3", "-c", "import sqlite3; sqlite3.connect('empty.db').execute('CREATE TABLE t (x)')"])
    assert said in refused(on_sqlite, *arguments)
    assert list(temporary.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_leaves_nothing(sent: signal.Signals, on_sqlite: CommandLine, temporary: Path) -> None:
    child = on_sqlite.start(REHEARSE)
    deadline = time.monotonic() + 120
    while not list(temporary.glob("*/dagster/history")) and time.monotonic() < deadline:
        time.sleep(0.05)
    child.send_signal(sent)
    printed, _ = child.communicate(timeout=120)
    assert child.returncode == 130, printed
    assert "Interrupted: the copy and its files were removed. The billing database was only read." in printed
    assert list(temporary.iterdir()) == []


# PostgreSQL


@pytest.fixture
def databases(postgres_server: PostgresServer, on_postgresql: CommandLine) -> Iterator[PostgresServer]:
    """The server, whose databases are afterwards what they were before."""
    before = names_of(postgres_server)
    yield postgres_server
    assert names_of(postgres_server) == before


def names_of(server: PostgresServer) -> list[str]:
    with BillingDatabase(server.url("postgres")).snapshot() as connection:
        return sorted(connection.scalars(text("SELECT datname FROM pg_database")))


def test_refusals_on_postgresql(
    databases: PostgresServer, on_postgresql: CommandLine, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell = on_postgresql
    billing = make_url(shell.url)
    shell.change("CREATE ROLE weak LOGIN")
    dump = shell.folder / "billing.dump"
    dump.write_bytes(b"PGDMP, cut off")
    itself = billing.set(host="localhost").render_as_string(hide_password=False)
    weak = billing.set(username="weak", database="nowhere").render_as_string(hide_password=False)
    new = billing.set(database="nowhere").render_as_string(hide_password=False)
    try:
        with databases.database() as other:
            with BillingDatabase(other).transaction() as connection:
                connection.execute(text("CREATE TABLE people (name text)"))
            cases = [
                ([], "needs --into URL"),
                (["--into", itself], "--into names the billing database itself"),
                (["--into", other], "is not empty: it has public.people"),
                (["--into", weak], "could not be created: permission denied to create database"),
                (["--into", new.replace(f":{billing.port}", ":1")], "Cannot reach the database"),
                (["--dump", str(dump), "--into", new], "pg_restore could not restore the dump"),
            ]
            for arguments, said in cases:
                assert said in refused(shell, *arguments), arguments
            monkeypatch.setenv("PATH", str(shell.folder))
            assert "needs pg_restore, which is not on the PATH" in refused(shell, "--dump", str(dump), "--into", new)
            with BillingDatabase(other).snapshot() as connection:
                assert connection.scalar(text("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")) == 1
    finally:
        shell.change("DROP ROLE weak")
    assert list(temporary.iterdir()) == []


@pytest.mark.slow
def test_a_rehearsal_on_postgresql(databases: PostgresServer, on_postgresql: CommandLine, temporary: Path) -> None:
    """From the database with a role that may only read, and from a dump; the kept copy is used again."""
    shell = on_postgresql
    before, secret = contents(shell.url), secrets_of(shell)
    into = make_url(shell.url).set(database="rehearsal").render_as_string(hide_password=False)
    dump = shell.folder / "billing.dump"
    plain = make_url(shell.url).set(drivername="postgresql").render_as_string(hide_password=False)
    subprocess.run(["pg_dump", "--format=custom", f"--file={dump}", plain], check=True)

    ended = shell(REHEARSE, "--dump", str(dump), "--into", into, "--tenant", HEALTHY, "--keep")
    assert ended.status == 0, ended.printed
    assert "restore the dump" in ended.printed
    found = str(contents(into))
    assert [one for one in secret if f"'{one}'" in found] == []
    assert "rehearsal_restored" not in names_of(databases)

    shell.change("CREATE ROLE reader LOGIN")
    try:
        tables = ", ".join(TABLES)
        shell.change(f"GRANT SELECT ON {tables} TO reader")
        reader = make_url(shell.url).set(username="reader").render_as_string(hide_password=False)
        limited = CommandLine(shell.folder, reader)
        ended = limited(REHEARSE, "--into", into, "--tenant", HEALTHY, "--batch-size", "5")
        assert ended.status == 0, ended.printed
        assert "without --batch-size" in ended.words
    finally:
        shell.change(f"REVOKE ALL ON {tables} FROM reader", "DROP ROLE reader")
    assert contents(shell.url) == before
    with BillingDatabase(into).snapshot() as connection:  # a database that was there stays, as empty as before
        assert connection.scalar(text("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")) == 0
    for folder in temporary.iterdir():
        shutil.rmtree(folder)
    with BillingDatabase(databases.url("postgres")).engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("DROP DATABASE rehearsal"))


# MariaDB


@pytest.fixture
def on_mariadb(mariadb_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """Return the command line on three small, clean tenants on MariaDB."""
    return on_small_tenants(tmp_path, mariadb_url, monkeypatch)


@pytest.fixture
def mariadb(mariadb_server: MariaDbServer, on_mariadb: CommandLine) -> Iterator[MariaDbServer]:
    """Return the server, whose databases are afterwards what they were before."""
    before = mariadb_server.administer("SHOW DATABASES")
    yield mariadb_server
    assert mariadb_server.administer("SHOW DATABASES") == before


@pytest.mark.slow
def test_refusals_on_mariadb(mariadb: MariaDbServer, on_mariadb: CommandLine, temporary: Path) -> None:
    shell, billing = on_mariadb, make_url(on_mariadb.url)
    new = billing.set(database="nowhere").render_as_string(hide_password=False)
    weak = billing.set(username="weak", database="nowhere").render_as_string(hide_password=False)
    dump = shell.folder / "billing.sql"
    dump.write_text("-- MariaDB dump 10.19\nUSE billing;\n")
    mariadb.administer("CREATE USER weak")
    try:
        with mariadb.database() as other:
            mariadb.administer(f"CREATE TABLE {make_url(other).database}.people (name text)")
            cases = [
                ([], "needs --into URL"),
                (
                    ["--into", billing.set(host="localhost").render_as_string()],
                    "--into names the billing database itself",
                ),
                (["--into", other], "is not empty: it has people"),
                (["--into", weak], "could not be created: Access denied"),
                (["--into", new.replace(f":{billing.port}", ":1")], "Cannot reach the database"),
                (["--dump", str(dump), "--into", new], "A dump of MySQL or MariaDB is not restored"),
            ]
            for arguments, said in cases:
                assert said in refused(shell, *arguments), arguments
    finally:
        mariadb.administer("DROP USER weak")
    assert list(temporary.iterdir()) == []


@pytest.mark.slow
def test_a_rehearsal_on_mariadb(mariadb: MariaDbServer, on_mariadb: CommandLine, temporary: Path) -> None:
    """With a user that may only read; a kept copy is used again, and a database that was there stays, empty."""
    shell = on_mariadb
    before, secret = contents(shell.url), secrets_of(shell)
    url = make_url(shell.url)
    into = url.set(database="rehearsal").render_as_string(hide_password=False)
    mariadb.administer("CREATE USER reader", f"GRANT SELECT, SHOW VIEW ON {url.database}.* TO reader")
    mariadb.administer("CREATE DATABASE rehearsal", "GRANT ALL ON rehearsal.* TO reader")
    try:
        as_reader = url.set(username="reader").render_as_string(hide_password=False)
        limited = CommandLine(shell.folder, as_reader)
        target = make_url(into).set(username="reader").render_as_string(hide_password=False)
        ended = limited(REHEARSE, "--into", target, "--tenant", HEALTHY, "--keep")
        assert ended.status == 0, ended.printed
        assert "Go: 1 tenant was migrated with every check passed" in ended.words
        found = str(contents(into))
        assert [one for one in secret if f"'{one}'" in found] == []

        ended = shell(REHEARSE, "--into", into)
        assert ended.status == 0, ended.printed
        assert "Forecast for the real run" in ended.printed
        assert contents(shell.url) == before
        assert mariadb.administer("SHOW TABLES FROM rehearsal") == []
    finally:
        mariadb.administer("DROP USER reader", "DROP DATABASE rehearsal")
    for folder in temporary.iterdir():
        shutil.rmtree(folder)


@pytest.mark.slow
def test_an_interrupted_copy_on_mariadb_leaves_nothing(
    mariadb: MariaDbServer, on_mariadb: CommandLine, temporary: Path
) -> None:
    """As soon as its database is there."""
    shell = on_mariadb
    into = make_url(shell.url).set(database="rehearsal").render_as_string(hide_password=False)
    child = shell.start(REHEARSE, "--into", into)
    deadline = time.monotonic() + 60
    while ("rehearsal",) not in mariadb.administer("SHOW DATABASES") and time.monotonic() < deadline:
        time.sleep(0.01)
    child.send_signal(signal.SIGINT)
    printed, _ = child.communicate(timeout=60)
    assert child.returncode == 130, printed
    assert "Interrupted: the copy and its files were removed." in printed
    assert list(temporary.iterdir()) == []
