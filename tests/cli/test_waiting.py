"""A wait for a lock of others is told, with its owner; and Ctrl-C at a terminal is one sentence."""

import re
import signal
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text

from meter_assets.engines.postgresql.locks import wait_to_make_tables
from meter_assets.migration.database import BillingDatabase
from meter_assets.migration.run_history import recorded_steps
from tests.support.command_line import HEALTHY, CommandLine
from tests.support.poolers import TRANSACTION, pooled
from tests.support.terminals import CTRL_C, Terminal, on_a_terminal

pytestmark = pytest.mark.slow
PREVIEW = ("migrate-meter-financials", "--dry-run", "--tenant", HEALTHY)
VALIDATE = ("validate-meter-financial-data", "--tenant", HEALTHY)
MIGRATE = ("migrate-meter-financials", "--yes", "--tenant", HEALTHY)
HISTORY = ("history",)
SECONDS = 120
APPLICATION = "nightly billing"


# Waiting


@contextmanager
def locked(url: str, *statements: str) -> Iterator[int]:
    """Run statements in a transaction of another program, and keep it open; yield its process of the server."""
    with BillingDatabase(url).transaction() as connection:
        connection.execute(text(f"SET LOCAL application_name = '{APPLICATION}'"))
        for statement in statements:
            connection.execute(text(statement))
        yield int(connection.scalar(text("SELECT pg_backend_pid()")) or 0)


def printed_while_waiting(shell: CommandLine, command: tuple[str, ...], release: Callable[[], object]) -> str:
    """Run a command until it tells that it waits, release what it waits for, and return all that it printed."""
    process, printed = shell.start(*command), []
    assert process.stdout is not None
    try:
        for line in process.stdout:
            printed.append(line)
            if line.startswith("Waiting for"):
                release()
        status = process.wait(SECONDS)
    finally:
        process.kill()
        process.communicate()
    assert status == (1 if command == VALIDATE else 0), printed
    return "".join(printed)


POSTGRESQL = {
    "rows": (MIGRATE, "SELECT id FROM payments WHERE tenant_id = 1 FOR UPDATE"),
    "a table": (PREVIEW, "LOCK TABLE payments IN ACCESS EXCLUSIVE MODE"),
    "a table, for the checks": (VALIDATE, "LOCK TABLE invoice_bills IN ACCESS EXCLUSIVE MODE"),
    "a table, outside a run": (HISTORY, "LOCK TABLE tenants IN ACCESS EXCLUSIVE MODE"),
}


@pytest.mark.parametrize("case", POSTGRESQL)
def test_a_wait_for_a_lock_names_its_owner_once(on_postgresql: CommandLine, case: str) -> None:
    command, statement = POSTGRESQL[case]
    with ExitStack() as others:
        process = others.enter_context(locked(on_postgresql.url, statement))
        printed = printed_while_waiting(on_postgresql, command, others.close)
    said = re.findall(r"^Waiting for .*$", printed, re.MULTILINE)
    assert len(said) == 1, printed
    assert said[0].startswith(
        f'Waiting for a lock of process {process} of the database server (application "{APPLICATION}", user '
        "meter_assets, idle in transaction, its query started 20"
    )
    assert said[0].endswith(', its statement "SELECT pg_backend_pid()").')
    if command == MIGRATE:
        assert said[0] in warnings_of_the_run(on_postgresql)


def warnings_of_the_run(shell: CommandLine) -> list[str]:
    """Return the warnings in Dagster's log of the newest run."""
    with shell.instance() as instance:
        [newest] = instance.get_run_records(limit=1)
        return [one.user_message for one in instance.all_logs(newest.dagster_run.run_id) if one.level == 30]


def test_a_wait_for_the_lock_of_our_tables_is_told(on_postgresql: CommandLine) -> None:
    with ExitStack() as others:
        connection = others.enter_context(on_postgresql.database.transaction())
        wait_to_make_tables(connection)
        printed = printed_while_waiting(on_postgresql, MIGRATE, others.close)
    assert len(re.findall("^Waiting for a lock of process", printed, re.MULTILINE)) == 1, printed


def test_a_wait_is_told_through_a_pooler(on_postgresql: CommandLine) -> None:
    with pooled(on_postgresql.url, TRANSACTION, 4) as through, ExitStack() as others:
        process = others.enter_context(locked(on_postgresql.url, POSTGRESQL["rows"][1]))
        shell = CommandLine(on_postgresql.folder, through)
        printed = printed_while_waiting(shell, MIGRATE, others.close)
    assert f"Waiting for a lock of process {process} of the database server" in printed


SQLITE = {
    "the write lock": (MIGRATE, "BEGIN IMMEDIATE"),
    "the whole file": (PREVIEW, "BEGIN EXCLUSIVE"),
    "the whole file, outside a run": (HISTORY, "BEGIN EXCLUSIVE"),
    "a reader, at the commit": (MIGRATE, "BEGIN; SELECT count(*) FROM tenants"),
}


@pytest.mark.parametrize("case", SQLITE)
def test_a_wait_for_the_file_is_told(on_sqlite: CommandLine, case: str) -> None:
    command, statements = SQLITE[case]
    other = sqlite3.connect(on_sqlite.folder / "billing.db", isolation_level=None, check_same_thread=False)
    for statement in statements.split(";"):
        other.execute(statement).fetchall()
    printed = printed_while_waiting(on_sqlite, command, other.close)
    path = on_sqlite.folder / "billing.db"
    said = re.findall(r"^Waiting for .*$", printed, re.MULTILINE)
    assert said == [f"Waiting for the database file {path}, which another program has locked."]


# Ctrl-C


@contextmanager
def on_terminal(shell: CommandLine, *command: str) -> Iterator[Terminal]:
    environment = {"METER_ASSETS_DATABASE_URL": shell.url, "DAGSTER_HOME": None, "TERM": "xterm"}
    with on_a_terminal(shell.folder, environment, *command) as terminal:
        yield terminal


@contextmanager
def everything_locked(shell: CommandLine, command: tuple[str, ...]) -> Iterator[None]:
    """Keep a live run in its first step, and a preview at its first query of payments."""
    with shell.database.transaction() as connection:
        if connection.dialect.name == "mysql":
            lock = "SELECT id FROM payments WHERE tenant_id = 1 FOR UPDATE"
            connection.execute(text(lock if command == MIGRATE else "LOCK TABLES payments WRITE"))
        elif shell.database.file is None:
            connection.execute(text(POSTGRESQL["rows" if command == MIGRATE else "a table"][1]))
        elif command != MIGRATE:
            connection.execute(text("PRAGMA cache_size = 1"))
            connection.execute(text("PRAGMA locking_mode = EXCLUSIVE"))
            connection.execute(text("CREATE TABLE locked AS SELECT randomblob(100000)"))
        yield


@pytest.mark.parametrize("command", [MIGRATE, PREVIEW], ids=["live", "preview"])
def test_ctrl_c_at_a_terminal_is_one_sentence(shell: CommandLine, command: tuple[str, ...]) -> None:
    with everything_locked(shell, command), on_terminal(shell, *command) as terminal:
        terminal.read(lambda: "Waiting for" in terminal.written)
        before = len(terminal.written)
        terminal.type(CTRL_C)
        status = terminal.end()
        after = terminal.written[before:]
    assert status == 130, terminal.written
    assert "Traceback" not in terminal.written
    assert "KeyboardInterrupt" not in terminal.written
    lines = [
        line for line in re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", after).replace("\r", "\n").split("\n") if line.strip()
    ]
    expected = "Interrupted. The current step," if command == MIGRATE else "Interrupted. Nothing was written."
    assert lines[-1].removeprefix("^C").startswith(expected)
    assert len([line for line in lines if "Interrupted" in line]) == 1
    if command == PREVIEW:
        assert "rolled back" not in terminal.written
        assert recorded_steps(shell.database, shell.database.tenants()) == []


def test_a_terminated_command_says_what_it_leaves(on_sqlite: CommandLine) -> None:
    with everything_locked(on_sqlite, MIGRATE), on_terminal(on_sqlite, *MIGRATE) as terminal:
        terminal.read(lambda: "Waiting for" in terminal.written)
        terminal.process.send_signal(signal.SIGTERM)
        status = terminal.end()
    assert status == 130, terminal.written
    assert "Interrupted. The current step, or its current batch, was rolled back" in terminal.written
    assert "Traceback" not in terminal.written
    assert recorded_steps(on_sqlite.database, on_sqlite.database.tenants()) == []


def test_ctrl_c_at_the_question_writes_nothing(on_sqlite: CommandLine) -> None:
    with on_terminal(on_sqlite, "migrate-meter-financials", "--tenant", HEALTHY) as terminal:
        terminal.read(lambda: "[y/N]" in terminal.written)
        time.sleep(1)  # until it reads: Python does not notice a signal just before a read until that has ended
        terminal.type(CTRL_C)
        assert terminal.end() == 130, terminal.written
    assert "Interrupted. Nothing was written." in terminal.written
    assert "Traceback" not in terminal.written
    assert recorded_steps(on_sqlite.database, on_sqlite.database.tenants()) == []


def test_ctrl_c_while_connecting_ends_the_command(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(SECONDS)
        address = f"postgresql://billing@127.0.0.1:{silent.getsockname()[1]}/billing"
        with CommandLine(tmp_path, address).start(*MIGRATE) as child:
            connecting, _ = silent.accept()
            child.send_signal(signal.SIGINT)
            printed, _ = child.communicate(timeout=SECONDS)
            connecting.close()
    assert (child.returncode, printed) == (130, "Interrupted. Nothing was written.\n")
