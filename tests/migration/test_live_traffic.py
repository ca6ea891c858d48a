"""A tenant migrates on a server while others write and read it, over connections of their own.

Writers log each write with the row as it was before and after. As the journals do the same, the history of every row
must be one unbroken chain of writes, ours and theirs, from what it was at first to what it is in the end: a write
that was lost or overwritten breaks it.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import psycopg2
import psycopg2.extensions
import pymysql
import pytest
from pymysql.constants import CLIENT
from sqlalchemy import Connection, Engine, event, make_url

from meter_assets.billing.own_tables import BACKUP
from meter_assets.billing.policy import Policy
from meter_assets.billing.schema import billing_tables
from meter_assets.demo.generator import DemoSize, fill, make_tables
from meter_assets.errors import StepError
from meter_assets.migration.apply import run_step
from meter_assets.migration.database import BillingDatabase
from meter_assets.migration.recording import ATTEMPTS
from meter_assets.migration.rollback import roll_back
from meter_assets.migration.step_run import StepRun
from meter_assets.rules.steps import MIGRATION, STEPS
from tests.support import oracle
from tests.support.command_line import HEALTHY, CommandLine
from tests.support.databases import comparable, read, tenant
from tests.support.oracle import Database, Row

pytestmark = pytest.mark.server
SCHEMA = billing_tables()
DEFAULT = Policy.from_values({})
SECONDS_OF_TRAFFIC = 4
SECONDS_AT_MOST = 240
SECONDS_BETWEEN_WRITES = {"whole": 0.05, "in batches": 0.02}
"""A step in one transaction must have the luck that nobody changes its rows: it needs fewer who do."""
WRITERS = 3
BATCH = 25
SIZE = DemoSize(tenants=2, customers=30, months=12)
MIGRATE = "migrate-meter-financials"
IN_BOTH_WAYS = pytest.mark.parametrize("batch_size", [None, BATCH], ids=["whole", "in batches"])
GAVE_UP = (
    "Other programs write these rows",
    "other programs changed",
    "were changed or locked by other programs in every attempt",
    "was refused, nothing was changed",
    "invariants passed, ",
)
"""What a run may end with that had writers against it: a step that gave up, or a validation that found their rows."""
LOGGED = {
    "payments": ("meter_id", "amount", "status"),
    "invoices": ("amount", "balance_brought_forward", "total_amount", "status"),
    "meters": ("balance", "overpayment", "total_billed", "total_paid", "last_invoice_date"),
    "customers": ("balance", "overpayment"),
}

WRITTEN = {"payments", "invoices", "meters"}
"""The tables that both the migration and others write."""


@pytest.fixture(scope="module", params=["postgresql", "mysql"])
def engine_name(request: pytest.FixtureRequest) -> str:
    """Each engine on which several may write at once."""
    server: str = request.param
    return server


@pytest.fixture
def shell(billing_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """The command line on two clean tenants; of the first, each invoice's amount is 1.00 too high."""
    folder = tmp_path / "workplace"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    with BillingDatabase(billing_url).transaction() as connection:
        make_tables(connection, SCHEMA)
        fill(connection, SCHEMA, SIZE, seed=1)
    shell = CommandLine(folder, billing_url)
    shell.change("UPDATE invoices SET amount = amount + 1 WHERE tenant_id = 1")
    return shell


def option(batch_size: int | None) -> tuple[str, ...]:
    return ("--batch-size", str(batch_size)) if batch_size else ()


def all_rows(shell: CommandLine) -> Database:
    with shell.database.snapshot() as connection:
        return comparable(read(connection, SCHEMA))


# Others


@dataclass
class Others:
    """Threads that use the database until they are told to stop; what goes wrong in one fails the test."""

    url: str
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)
    _errors: list[BaseException] = field(default_factory=list)

    def start(self, do: Callable[[Any], None], *, pause: float = 0) -> None:
        """Do something over a connection again and again."""
        self._threads.append(threading.Thread(target=self._work, args=(do, pause)))
        self._threads[-1].start()

    def stop(self) -> None:
        """Wait until all have stopped; raise the first error of any."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        if self._errors:
            raise self._errors[0]

    def _work(self, do: Callable[[Any], None], pause: float) -> None:
        connected = connect(self.url)
        try:
            while not self._stop.wait(pause):
                do(connected)
        except BaseException as error:
            self._errors.append(error)
        finally:
            connected.close()


def connect(url: str) -> Any:
    """Connect as others do, with the settings that the server gives everyone."""
    named = make_url(url)
    if named.get_backend_name() == "postgresql":
        return psycopg2.connect(named.set(drivername="postgresql").render_as_string(False))
    where = {"host": named.host, "port": named.port or 0, "database": named.database}
    return pymysql.connect(**where, user=named.username, client_flag=CLIENT.FOUND_ROWS)


@contextmanager
def transaction(connected: Any) -> Iterator[Any]:
    """Begin a transaction, and commit it at the end."""
    try:
        with connected.cursor() as cursor:
            yield cursor
        connected.commit()
    except BaseException:
        connected.rollback()
        raise


@contextmanager
def others(url: str) -> Iterator[Others]:
    """Let others in, and see them out however the test ends."""
    found = Others(url)
    try:
        yield found
    finally:
        found.stop()


# Writers and their log


@dataclass(frozen=True)
class Write:
    """A write of one row: these columns before and after. A row that is inserted has nothing before."""

    before: Row | None
    after: Row


Log = dict[tuple[str, int], list[Write]]
"""Every row's writes in their order: a row that is there at first is written by one writer only."""


class Writer:
    """One writer: it changes the rows whose ids are its own by division, adds rows, and logs all of it.

    While `calm` is set it writes nothing that would block `meter_balances`.
    """

    def __init__(self, number: int, rows: Database, calm: threading.Event) -> None:
        """Take its number, the tenant's rows as they are at first, and what tells it to be calm."""
        self.log: Log = defaultdict(list)
        self.written: dict[str, int] = defaultdict(int)
        self._number, self._random = number, Random(number)
        self._ids = {
            name: [row["id"] for row in rows[name] if row["tenant_id"] == 1 and row["id"] % WRITERS == number]
            for name in LOGGED
        }
        self._invoices = [row for row in rows["invoices"] if row["tenant_id"] == 1]
        self._bill = next(row["id"] for row in rows["bills"] if row["tenant_id"] == 1 and row["bill_type"] != "BALANCE")
        self._new_ids = count(1_000_000 * (number + 1))
        self._calm = calm
        self._harmless: tuple[Callable[[Any], None], ...] = (
            self._change_payment,
            self._change_invoice,
            self._change_meter,
            self._change_customer,
            self.add_payment,
            self._add_invoice,
        )
        self._kinds = (*self._harmless, self._take_meter_away, self._spoil_invoice, self._add_customer)

    def __call__(self, connected: Any) -> None:
        """Make one write of any kind."""
        with transaction(connected) as cursor:
            self._random.choice(self._harmless if self._calm.is_set() else self._kinds)(cursor)

    def _update(self, cursor: Any, table: str, change: Callable[[Row], Row]) -> int:
        """Change one of this writer's rows; return its id. What is logged is what the row's lock has held still."""
        row_id, columns = self._random.choice(self._ids[table]), LOGGED[table]
        cursor.execute(f"SELECT {', '.join(columns)} FROM {table} WHERE id = %s FOR UPDATE", [row_id])
        before = dict(zip(columns, cursor.fetchone(), strict=True))
        after = {**before, **change(before)}
        values = ", ".join(f"{name} = %s" for name in columns)
        cursor.execute(f"UPDATE {table} SET {values} WHERE id = %s", [*after.values(), row_id])
        self.log[table, row_id].append(Write(before, after))
        self.written[table] += 1
        return int(row_id)

    def _cents(self) -> Decimal:
        return Decimal(self._random.randint(1, 10_000)).scaleb(-2)

    def _change_payment(self, cursor: Any) -> None:
        status = self._random.choice(["completed", "paid", "pending", "reversed"])
        self._update(cursor, "payments", lambda _: {"amount": self._cents(), "status": status})

    def _take_meter_away(self, cursor: Any) -> None:
        self._update(cursor, "payments", lambda _: {"meter_id": None})

    def _change_invoice(self, cursor: Any) -> None:
        """Charge more, as an application would: a line more, and the amounts that go with it."""
        more = self._cents()

        def charge(row: Row) -> Row:
            return {name: row[name] + more for name in ("amount", "total_amount")}

        invoice_id = self._update(cursor, "invoices", charge)
        self._add_line(cursor, invoice_id, more)

    def _spoil_invoice(self, cursor: Any) -> None:
        self._update(cursor, "invoices", lambda _: {"amount": self._cents()})

    def _change_meter(self, cursor: Any) -> None:
        self._update(cursor, "meters", lambda _: {"balance": self._cents(), "total_paid": None})

    def _change_customer(self, cursor: Any) -> None:
        self._update(cursor, "customers", lambda _: {"balance": self._cents()})

    def _insert(self, cursor: Any, table: str, row: Row) -> int:
        row = {"id": next(self._new_ids), "tenant_id": 1, **row}
        names, places = ", ".join(row), ", ".join(["%s"] * len(row))
        cursor.execute(f"INSERT INTO {table} ({names}) VALUES ({places})", list(row.values()))
        if table in LOGGED:
            self.log[table, row["id"]].append(Write(None, {name: row.get(name) for name in LOGGED[table]}))
            self.written[f"new {table}"] += 1
        return int(row["id"])

    def _add_line(self, cursor: Any, invoice_id: int, amount: Decimal) -> None:
        self._insert(cursor, "invoice_bills", {"invoice_id": invoice_id, "bill_id": self._bill, "amount": amount})

    def add_payment(self, cursor: Any) -> None:
        """Add a payment that has no meter yet; in calm, one that does not count."""
        invoice = self._random.choice(self._invoices)
        of = {"invoice_id": invoice["id"], "customer_id": invoice["customer_id"]}
        paid = {
            "amount": self._cents(),
            "status": self._random.choice(["pending", "pending" if self._calm.is_set() else "paid"]),
        }
        self._insert(cursor, "payments", {**of, **paid})

    def _add_invoice(self, cursor: Any) -> None:
        like, amount = self._random.choice(self._invoices), self._cents()
        of = {name: like[name] for name in ("customer_id", "meter_id", "invoice_date")}
        number = f"NEW-{self._number}-{self.written['new invoices']}"
        amounts = {"amount": amount, "balance_brought_forward": Decimal(0), "total_amount": amount}
        self._add_line(cursor, self._insert(cursor, "invoices", {**of, "invoice_number": number, **amounts}), amount)

    def _add_customer(self, cursor: Any) -> None:
        self._insert(cursor, "customers", {"name": "New", "balance": self._cents(), "overpayment": Decimal(0)})


# What must hold of every row's history


def journaled(shell: CommandLine) -> Log:
    """Return what the migration has journaled of every row, in its order."""
    log: Log = defaultdict(list)
    with shell.database.snapshot() as connection:
        for step in (step for step in MIGRATION if STEPS[step].target in LOGGED):
            table, row_id, columns = STEPS[step].target, STEPS[step].key, STEPS[step].columns
            journal = shell.database.schema(connection).journal(step)
            rows = connection.execute(journal.select().order_by("step_run_id")).mappings()
            for row in rows:
                before, after = ({name: row[f"{name}_{side}"] for name in columns} for side in ("before", "after"))
                log[table, row[row_id]].append(Write(before, after))
    return log


def is_one_chain(first: Row, theirs: list[Write], ours: list[Write], last: Row) -> bool:
    """Say whether their writes and ours, each in its order, lead from the first state of a row to the last.

    Each must have found the row as the one before had left it, so that none was overwritten unseen.
    """

    @cache
    def state(so_far: int, of_ours: int) -> Row | None:
        """Return the row after so many writes of each, or None if they cannot be put in an order."""
        if (so_far, of_ours) == (0, 0):
            return first
        ways = []
        if so_far:
            ways.append((state(so_far - 1, of_ours), theirs[so_far - 1]))
        if of_ours:
            ways.append((state(so_far, of_ours - 1), ours[of_ours - 1]))
        for before, write in ways:
            if before is not None and write.before is not None and write.before.items() <= before.items():
                return {**before, **write.after}
        return None

    return state(len(theirs), len(ours)) == last


def broken_chains(first: Database, writers: list[Writer], ours: Log, last: Database) -> list[Any]:
    """Return the rows whose history is not one chain, with all that is known of them."""
    broken = []
    for table, columns in LOGGED.items():
        originals = {row["id"]: row for row in first[table]}
        for row in last[table]:
            key = (table, row["id"])
            theirs = [write for writer in writers for write in writer.log.get(key, [])]
            original = originals.get(row["id"])
            if original is None:
                original, theirs = theirs[0].after, theirs[1:]
            started, ended = ({name: one[name] for name in columns} for one in (original, row))
            if not is_one_chain(started, theirs, ours.get(key, []), ended):
                broken.append((key, started, theirs, ours.get(key, []), ended))
    return broken


def test_a_chain_is_broken_by_a_write_that_was_lost_or_overwritten() -> None:
    one, two, three = ({"a": value, "b": 0} for value in (1, 2, 3))
    assert is_one_chain(one, [Write(one, two)], [Write({"a": 2}, {"a": 3})], three)
    assert is_one_chain(one, [Write(one, two), Write(one, three)], [Write({"a": 2}, {"a": 1})], three)
    assert not is_one_chain(one, [Write(one, two)], [], one), "lost"
    assert not is_one_chain(one, [Write(one, two)], [Write({"a": 1}, {"a": 3})], three), "overwritten"
    assert not is_one_chain(one, [], [Write({"a": 1}, {"a": 3})], one), "journaled and not written"


# Writers


@contextmanager
def released(database: BillingDatabase) -> Iterator[None]:
    """Let go of every tenant at the end."""
    try:
        yield
    finally:
        database.release()


def make_all_steps(database: BillingDatabase, run_id: str, batch_size: int | None) -> None:
    """Make the steps that others let us make."""
    for step in MIGRATION:
        size = None if step == BACKUP else batch_size
        try:
            run_step(database, StepRun(step, tenant(1), run_id, DEFAULT, batch_size=size))
        except StepError as error:
            if not any(words in str(error) for words in GAVE_UP):
                raise


def migrate_for_a_while(
    shell: CommandLine, batch_size: int | None, calm: threading.Event, writers: Sequence["Writer"]
) -> None:
    """Make all steps again and again, until each has written rows that others have written too."""
    until, database = time.monotonic() + SECONDS_OF_TRAFFIC, shell.database
    with released(database):
        for number in count(1):
            calm.clear()
            make_all_steps(database, f"rough {number}", batch_size)
            calm.set()
            make_all_steps(database, f"calm {number}", batch_size)
            late = time.monotonic() - until
            if late > SECONDS_AT_MOST or (late > 0 and written_by_both(shell, writers) == WRITTEN):
                break


def written_by_both(shell: CommandLine, writers: Sequence["Writer"]) -> set[str]:
    """Return the tables of the rows that the steps and the others have written."""
    theirs = {key for writer in writers for key in list(writer.log)}
    return {table for table, _ in theirs & set(journaled(shell))}


@pytest.mark.every_engine
@IN_BOTH_WAYS
def test_no_write_of_others_is_lost_or_overwritten_and_a_run_at_rest_ends_as_the_oracle_does(
    shell: CommandLine, batch_size: int | None
) -> None:
    first, calm = all_rows(shell), threading.Event()
    writers = [Writer(number, first, calm) for number in range(WRITERS)]
    pause = SECONDS_BETWEEN_WRITES["in batches" if batch_size else "whole"]
    with others(shell.url) as traffic:
        for writer in writers:
            traffic.start(writer, pause=pause)
        under_traffic = shell(MIGRATE, "--yes", "--tenant", HEALTHY, *option(batch_size))
        migrate_for_a_while(shell, batch_size, calm, writers)
        traffic.stop()

    assert under_traffic.status == 0 or any(words in under_traffic.words for words in GAVE_UP), under_traffic.printed
    for table in LOGGED:
        assert sum(writer.written[table] for writer in writers) > WRITERS, table
    at_rest, ours = all_rows(shell), journaled(shell)
    assert broken_chains(first, writers, ours, at_rest) == []
    new = {key for writer in writers for key, writes in writer.log.items() if writes[0].before is None}
    there = {(table, row["id"]) for table in LOGGED for row in at_rest[table]}
    assert there == new | {(table, row["id"]) for table in LOGGED for row in first[table]}
    assert written_by_both(shell, writers) == WRITTEN, "both wrote the same rows"

    expected, _ = oracle.migrated(at_rest, 1, DEFAULT)
    ended = shell(MIGRATE, "--yes", "--tenant", HEALTHY, *option(batch_size))
    assert ended.status == 0, ended.printed
    assert all_rows(shell) == comparable(expected)


@pytest.mark.every_engine
@pytest.mark.not_on("mysql")  # where nobody can change the rows at that moment: see tests/engines/test_mysql.py
def test_a_step_whose_rows_others_change_each_time_ends_with_a_clear_error_and_status_1(shell: CommandLine) -> None:
    attempts = 0

    def change_an_invoice(connection: Connection, cursor: Any, statement: str, *rest: Any) -> None:
        nonlocal attempts
        if statement.startswith("INSERT INTO meter_migration_invoice_amounts"):
            attempts += 1
            shell.change("UPDATE invoices SET amount = amount + 5 WHERE tenant_id = 1")

    before = sum(row["amount"] for row in all_rows(shell)["invoices"] if row["tenant_id"] == 1)
    event.listen(Engine, "after_cursor_execute", change_an_invoice)
    try:
        ended = shell("backfill-invoice-amounts", "--yes", "--tenant", HEALTHY)
    finally:
        event.remove(Engine, "after_cursor_execute", change_an_invoice)

    assert (ended.status, attempts) == (1, ATTEMPTS)
    assert "invoice_amounts of tenant 1 was rolled back" in ended.words
    assert "Other programs write these rows: run the tenant again, or with --batch-size." in ended.words
    invoices = [row["amount"] for row in all_rows(shell)["invoices"] if row["tenant_id"] == 1]
    assert sum(invoices) == before + 5 * ATTEMPTS * len(invoices)
    assert shell.rows("SELECT count(*) FROM meter_migration_invoice_amounts") == [(0,)]


# Readers

_LOOK = {
    table: f"SELECT id, {', '.join(columns)} FROM {table} WHERE tenant_id = 1 AND id < 1000000 ORDER BY id"
    for table, columns in {
        "payments": ("meter_id",),
        "invoices": ("amount", "balance_brought_forward", "total_amount"),
        "meters": LOGGED["meters"],
    }.items()
}
Look = tuple[tuple[Any, ...], ...]


class Reader:
    """One reader: it looks at a table twice in one REPEATABLE READ transaction, and keeps each different sight."""

    def __init__(self) -> None:
        """Have seen nothing."""
        self.seen: dict[str, set[Look]] = {table: set() for table in _LOOK}
        self._tables = count()

    def __call__(self, connected: Any) -> None:
        """Look once, at the next table."""
        table = list(_LOOK)[next(self._tables) % len(_LOOK)]
        if isinstance(connected, psycopg2.extensions.connection):  # MySQL's transactions are so by default
            connected.set_session(isolation_level="REPEATABLE READ", readonly=True)
        with transaction(connected) as cursor:
            first, second = self._look(cursor, table), self._look(cursor, table)
        assert first == second
        self.seen[table].add(first)

    def _look(self, cursor: Any, table: str) -> Look:
        cursor.execute(_LOOK[table])
        return tuple(cursor.fetchall())


def states(shell: CommandLine) -> dict[str, Look]:
    return {table: tuple(shell.rows(statement)) for table, statement in _LOOK.items()}


def is_whole(sight: Look, before: Look, after: Look, batch_size: int | None) -> bool:
    """Say whether a reader has seen each transaction's rows all as before or all as after."""
    changed = [rows for rows in zip(sight, before, after, strict=True) if rows[1] != rows[2]]
    size = batch_size or len(changed)
    batches = [changed[start : start + size] for start in range(0, len(changed), size)]
    as_they_are = all(row == was for row, was, becomes in zip(sight, before, after, strict=True) if was == becomes)
    return as_they_are and all(
        all(row == was for row, was, _ in batch) or all(row == becomes for row, _, becomes in batch)
        for batch in batches
    )


@pytest.mark.every_engine
@IN_BOTH_WAYS
def test_no_reader_sees_half_of_a_transaction(shell: CommandLine, batch_size: int | None) -> None:
    """The tenant is migrated and rolled back again and again; others insert, which changes none of what is seen."""
    database, before, reader = shell.database, states(shell), Reader()
    ended = shell(MIGRATE, "--yes", "--tenant", HEALTHY)
    assert ended.status == 0, ended.printed
    after, seen_between, calm = states(shell), 0, threading.Event()
    calm.set()
    writer = Writer(0, all_rows(shell), calm)

    def insert(connected: Any) -> None:
        with transaction(connected) as cursor:
            writer.add_payment(cursor)

    until = time.monotonic() + SECONDS_OF_TRAFFIC
    with others(shell.url) as traffic, released(database):
        traffic.start(reader)
        traffic.start(insert, pause=SECONDS_BETWEEN_WRITES["whole"])
        while time.monotonic() < until:
            list(roll_back(database, tenant(1), "back", DEFAULT, batch_size=batch_size))
            assert states(shell) == before
            for step in MIGRATION:
                size = None if step == MIGRATION[2] else batch_size
                run_step(database, StepRun(step, tenant(1), "again", DEFAULT, batch_size=size))
            assert states(shell) == after

    for table, sights in reader.seen.items():
        halves = [one for one in sights if not is_whole(one, before[table], after[table], batch_size)]
        assert halves == [], table
        assert {before[table], after[table]} <= sights, f"{table}: the reader has seen both"
        seen_between += len(sights) - 2
    assert bool(seen_between) == bool(batch_size), "between batches, and never within a transaction"
