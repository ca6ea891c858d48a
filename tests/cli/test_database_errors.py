"""Errors of the database through the command line: one sentence with advice that fits, and no traceback."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from sqlalchemy import Engine, ExceptionContext, event, make_url, text

from meter_assets.errors import UnreadableValue
from meter_assets.migration.database import BillingDatabase
from meter_assets.migration.run_history import recorded_steps
from meter_assets.migration.snapshot import ATTEMPTS
from tests.support.command_line import HEALTHY, CommandLine, on_small_tenants
from tests.support.processes import until
from tests.support.servers import PostgresServer

pytestmark = pytest.mark.slow
PREVIEW = ("migrate-meter-financials", "--dry-run", "--tenant", HEALTHY)
VALIDATE = ("validate-meter-financial-data", "--tenant", HEALTHY)
MIGRATE = ("migrate-meter-financials", "--yes", "--tenant", HEALTHY)
COMPARE = (
    "Compare the tables, columns and functions that it names with those of the database, and check the role's rights "
    "and search path; correct them, then run again."
)
CORRECT = "Correct the value, or the constraint or trigger that refuses it, then run again."
ADVICE = {
    "42883": COMPARE,
    "42501": "Give the role that right",
    "22012": CORRECT,
    "P0001": CORRECT,
    "53100": "Give the server more disk space, memory or connections, then run again.",
    "55P03": "Another program has locked these rows or this table: when it has ended, run again.",
    "57014": "The connection or the statement was ended: run again.",
    "XX000": "This is an error inside the server or of its disk: look in the server's log and fix it there, then "
    "run again.",
}
NEVER = ("Traceback", "finished steps and batches", "Background on this error")


def raising(code: str, returns: str, doing: str = "") -> str:
    """A function that raises an error with this code."""
    raised = doing or f"RAISE EXCEPTION 'the cause' USING ERRCODE = '{code}'"
    returned = "NEW" if returns == "trigger" else "true"
    return f"CREATE FUNCTION raises() RETURNS {returns} LANGUAGE plpgsql AS $$BEGIN {raised}; RETURN {returned}; END$$"


@contextmanager
def in_reads(shell: CommandLine, code: str, doing: str = "") -> Iterator[None]:
    """Let each statement that reads payments get an error with this code from the server."""
    shell.change(raising(code, "boolean", doing))

    def raise_first(connection: Any, cursor: Any, statement: str, *others: Any) -> None:
        if "FROM payments" in statement:
            cursor.execute("SELECT raises()")

    event.listen(Engine, "before_cursor_execute", raise_first)
    try:
        yield
    finally:
        event.remove(Engine, "before_cursor_execute", raise_first)


def in_writes(shell: CommandLine, code: str) -> None:
    """Let whoever changes a payment get an error with this code."""
    shell.change(
        raising(code, "trigger"),
        "CREATE TRIGGER refuses BEFORE UPDATE ON payments FOR EACH ROW EXECUTE FUNCTION raises()",
    )


@pytest.mark.parametrize("code", ADVICE)
def test_advice_for_a_query_follows_the_code(on_postgresql: CommandLine, code: str) -> None:
    with in_reads(on_postgresql, code):
        ended = on_postgresql(*(PREVIEW if code != "57014" else VALIDATE))
    assert ended.status == 1
    assert "did not answer a query: the cause" in ended.words
    assert ADVICE[code] in ended.words
    assert not [word for word in (*NEVER, "rolled back", "journaled") if word in ended.printed]


@pytest.mark.parametrize("code", ADVICE)
def test_advice_for_a_step_follows_the_code(on_postgresql: CommandLine, code: str) -> None:
    in_writes(on_postgresql, code)
    ended = on_postgresql(*MIGRATE)
    assert ended.status == 1
    assert "payment_meter_ids of tenant 1 was rolled back: the cause" in ended.words
    assert ADVICE[code] in ended.words
    assert not [word for word in NEVER if word in ended.printed]
    assert [one.outcome for one in recorded_steps(on_postgresql.database, on_postgresql.database.tenants([HEALTHY]))][
        -1
    ] == "failed"


POSTGRESQL: dict[str, tuple[tuple[str, ...], tuple[str, ...], str]] = {
    "a constraint's place": (
        (
            raising(
                "",
                "trigger",
                "RAISE EXCEPTION 'the cause' USING ERRCODE = '23514', SCHEMA = 'public', TABLE = 'meters', "
                "CONSTRAINT = 'few'",
            ),
            "CREATE TRIGGER refuses BEFORE UPDATE ON meters FOR EACH ROW EXECUTE FUNCTION raises()",
        ),
        MIGRATE,
        "(schema public, table meters, constraint few). Correct the value",
    ),
    "an ended connection": (
        (
            raising("", "trigger", "PERFORM pg_terminate_backend(pg_backend_pid())"),
            "CREATE TRIGGER refuses BEFORE UPDATE ON payments FOR EACH ROW EXECUTE FUNCTION raises()",
        ),
        MIGRATE,
        "The connection or the statement was ended: run again.",
    ),
    "a division": (
        (
            raising("", "trigger", "NEW.amount := NEW.amount / 0"),
            "CREATE TRIGGER refuses BEFORE UPDATE ON payments FOR EACH ROW EXECUTE FUNCTION raises()",
        ),
        MIGRATE,
        f"division by zero CONTEXT: PL/pgSQL function raises() line 1 at assignment. {CORRECT}",
    ),
    "a missing function": (
        (
            raising("", "trigger", "PERFORM missing(1)"),
            "CREATE TRIGGER refuses BEFORE UPDATE ON payments FOR EACH ROW EXECUTE FUNCTION raises()",
        ),
        MIGRATE,
        COMPARE,
    ),
}
SQLITE: dict[str, tuple[tuple[str, ...], tuple[str, ...], str]] = {
    "a trigger": (
        ("CREATE TRIGGER refuses BEFORE UPDATE ON payments FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'the cause'); END",),
        MIGRATE,
        f"payment_meter_ids of tenant 1 was rolled back: the cause. {CORRECT}",
    ),
    "a trigger's table": (
        ("CREATE TRIGGER refuses BEFORE UPDATE ON payments FOR EACH ROW BEGIN INSERT INTO missing VALUES (1); END",),
        MIGRATE,
        f"was rolled back: no such table: main.missing. {COMPARE}",
    ),
    "a view's column": (
        (
            "ALTER TABLE payments RENAME TO payments_there",
            "CREATE VIEW payments AS SELECT *, missing(amount) AS more FROM payments_there",
        ),
        PREVIEW,
        f"did not answer a query: no such function: missing. {COMPARE}",
    ),
    "a tenant's name that is no text": (
        ("UPDATE tenants SET name = CAST(X'4DFC6C6C6572' AS TEXT) WHERE id = 2",),
        PREVIEW,
        "cannot be read: Could not decode to UTF-8 column 'name' with text 'M\ufffdller' (table tenants, column name, "
        "row 2). Correct the value, then run again.",
    ),
    "a number of a meter that is no text": (
        ("UPDATE meters SET meter_number = CAST(X'FF31' AS TEXT) WHERE tenant_id = 1",),
        PREVIEW,
        "(table meters, column meter_number, row ",
    ),
    "a number of a meter that is no text, in a step": (
        ("UPDATE meters SET meter_number = CAST(X'FF31' AS TEXT) WHERE tenant_id = 1",),
        MIGRATE,
        "(table meters, column meter_number, row ",
    ),
}


@pytest.mark.parametrize("case", POSTGRESQL)
def test_errors_that_postgresql_makes(on_postgresql: CommandLine, case: str) -> None:
    _must_say(on_postgresql, *POSTGRESQL[case])


@pytest.mark.parametrize("case", SQLITE)
def test_errors_that_sqlite_makes(on_sqlite: CommandLine, case: str) -> None:
    _must_say(on_sqlite, *SQLITE[case])


def _must_say(shell: CommandLine, changes: tuple[str, ...], command: tuple[str, ...], expected: str) -> None:
    shell.change(*changes)
    ended = shell(*command)
    assert ended.status == 1, ended.printed
    assert expected in ended.words
    assert not [word for word in NEVER if word in ended.printed]


# Values that Python cannot read


def test_dates_that_python_cannot_hold_end_in_no_traceback(on_postgresql: CommandLine) -> None:
    for day in ("20240-01-01", "0044-03-15 BC", "infinity"):
        on_postgresql.change(f"UPDATE invoices SET invoice_date = '{day}' WHERE tenant_id = 1")
        ended = on_postgresql(*PREVIEW)
        assert ended.status in (0, 1), ended.printed
        assert not [word for word in (*NEVER, "out of range") if word in ended.printed]


def test_text_that_is_not_of_its_encoding_is_named(
    postgres_server: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with postgres_server.database(encoding="SQL_ASCII") as url:
        shell = on_small_tenants(tmp_path, url, monkeypatch)
        shell.change("UPDATE tenants SET name = convert_from('\\x4dfc6c6c6572', 'SQL_ASCII') WHERE id = 2")
        ended = shell(*PREVIEW)
        assert ended.status != 0
        assert "Traceback" not in ended.printed


# Queries that a standby cancels


@pytest.fixture
def errors() -> Iterator[list[str]]:
    """The errors that any statement got."""
    seen: list[str] = []

    def collect(context: ExceptionContext) -> None:
        seen.append(str(context.original_exception))

    event.listen(Engine, "handle_error", collect)
    yield seen
    event.remove(Engine, "handle_error", collect)


def test_a_preview_that_is_cancelled_is_tried_again(on_postgresql: CommandLine, errors: list[str]) -> None:
    """As a standby cancels it: until some time, each query of payments fails."""
    until = datetime.now(UTC) + timedelta(seconds=4)
    cancelled = "RAISE EXCEPTION 'canceling statement due to conflict with recovery' USING ERRCODE = '40001'"
    doing = f"IF clock_timestamp() < '{until.isoformat()}' THEN {cancelled}; END IF"
    with in_reads(on_postgresql, "", doing):
        ended = on_postgresql(*PREVIEW)
    assert ended.status == 0, ended.printed
    assert [one for one in errors if "conflict with recovery" in one]


def test_a_preview_that_is_always_cancelled_ends(
    on_postgresql: CommandLine, errors: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meter_assets.migration.snapshot.SECONDS_BETWEEN", 0.01)
    with in_reads(on_postgresql, "40001"):
        ended = on_postgresql(*PREVIEW)
    assert ended.status == 1
    assert "did not answer a query: the cause" in ended.words
    assert "The connection or the statement was ended: run again." in ended.words
    assert len(errors) == ATTEMPTS


@pytest.fixture
def on_standby(postgres_server: PostgresServer, on_postgresql: CommandLine) -> Iterator[CommandLine]:
    """The command line on a standby of the server of `on_postgresql`, which has replayed its rows."""
    name = make_url(on_postgresql.url).database
    assert name is not None
    with postgres_server.standby() as standby:
        shell = CommandLine(on_postgresql.folder, standby.url(name))
        until(lambda: shell.rows("SELECT count(*) > 0 FROM payments") == [(True,)], "the standby has caught up")
        yield shell


def test_a_preview_on_a_standby_is_tried_again(
    on_postgresql: CommandLine, on_standby: CommandLine, errors: list[str]
) -> None:
    """What the standby replays locks the table that the preview reads."""
    done = Event()

    def lock_until_cancelled() -> None:
        while not done.is_set() and not [one for one in errors if "conflict with recovery" in one]:
            on_postgresql.change("LOCK TABLE payments IN ACCESS EXCLUSIVE MODE")

    with ThreadPoolExecutor() as others:
        locking = others.submit(lock_until_cancelled)
        try:
            ended = on_standby(*PREVIEW)
        finally:
            done.set()
        locking.result()
    assert ended.status == 0, ended.printed
    assert [one for one in errors if "conflict with recovery" in one]


def test_a_preview_whose_connection_a_standby_ends_is_tried_again(
    on_postgresql: CommandLine, on_standby: CommandLine, errors: list[str]
) -> None:
    """A standby may do so in such a conflict, and the driver may not read why."""
    ended_until = (datetime.now(UTC) + timedelta(seconds=4)).isoformat()
    doing = f"IF clock_timestamp() < '{ended_until}' THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF"
    with in_reads(on_postgresql, "", doing):
        until(lambda: on_standby.rows("SELECT to_regproc('raises') IS NOT NULL") == [(True,)], "it is replayed")
        ended = on_standby(*PREVIEW)
    assert ended.status == 0, ended.printed
    assert errors


# Errors that are not the driver's own


@pytest.mark.not_on("mysql")  # whose driver sends what it is given
def test_a_value_that_no_driver_can_convert_is_a_sentence(billing_url: str) -> None:
    value = 2**70 if billing_url.startswith("sqlite") else "\0"
    with pytest.raises(UnreadableValue, match="cannot be read: .+ Correct the value"):  # noqa: SIM117
        with BillingDatabase(billing_url).snapshot() as connection:
            connection.execute(text("SELECT :value"), {"value": value})


def test_an_error_of_our_own_code_is_none_of_a_value(billing_url: str) -> None:
    with pytest.raises(ValueError, match="invalid literal"), BillingDatabase(billing_url).snapshot():
        int("no number")


def test_a_step_that_cannot_read_a_value_is_recorded_as_failed(on_sqlite: CommandLine) -> None:
    changes, command, expected = SQLITE["a number of a meter that is no text, in a step"]
    _must_say(on_sqlite, changes, command, expected)
    last = recorded_steps(on_sqlite.database, on_sqlite.database.tenants([HEALTHY]))[-1]
    assert last.outcome == "failed"
    assert expected in (last.message or "")
    assert f"{last.step} of tenant 1 was rolled back: Could not decode to UTF-8" in (last.message or "")
