"""The SQLite engine: it implements the protocol of `engines.base`.

A database is one file with one writer at a time, without roles, and its columns accept values of any type. Add here the
function for a new method of the protocol. Waits for others are in `waiting`, tenant locks in `locks`, the verification
of our own tables in `own_tables`, SQL constructs and types in `constructs`, copies for a rehearsal in `copies`.
"""

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

from sqlalchemy import URL, Connection, Engine, NullPool, Select, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import CreateTableAs
from sqlalchemy.types import TypeEngine

from meter_assets.billing.own_tables import JournaledStep
from meter_assets.billing.schema import BillingSchema
from meter_assets.engines import urls
from meter_assets.engines.base import Examined, Failure, Load, LockOwner, LockScope, Purpose
from meter_assets.engines.sqlite.catalogue import read_catalogue
from meter_assets.engines.sqlite.constructs import RowsDigest
from meter_assets.engines.sqlite.copies import claim_scratch as claim_scratch
from meter_assets.engines.sqlite.copies import copy_tables as copy_tables
from meter_assets.engines.sqlite.copies import is_dump as is_dump
from meter_assets.engines.sqlite.copies import release_scratch as release_scratch
from meter_assets.engines.sqlite.copies import restore as restore
from meter_assets.engines.sqlite.locks import LockFile
from meter_assets.engines.sqlite.own_tables import problems_of
from meter_assets.engines.sqlite.waiting import watch
from meter_assets.engines.temporary import create_temporary
from meter_assets.errors import InvalidSettings
from meter_assets.foreign_text import quoted

NAME = "sqlite"
SCHEMES: tuple[str, ...] = ("sqlite", "sqlite+pysqlite")
SECONDS_UNTIL_BUSY: float = 30
TEMPORARY_SCHEMA: str | None = "temp"
PLANS_FIRST = False
WRITES_AT_ONCE = False
URL_NAMES = "names its file"
INSTRUCTIONS_BETWEEN_INTERRUPTS = 100_000
_PRIMARY = 0xFF
"""The bits of an error code that say its kind; the others say more of it."""
_FAILURES = {
    sqlite3.SQLITE_ERROR: Failure.SCHEMA,
    sqlite3.SQLITE_INTERNAL: Failure.INTERNAL,
    sqlite3.SQLITE_PERM: Failure.REFUSED,
    sqlite3.SQLITE_BUSY: Failure.BUSY,
    sqlite3.SQLITE_LOCKED: Failure.BUSY,
    sqlite3.SQLITE_NOMEM: Failure.RESOURCES,
    sqlite3.SQLITE_READONLY: Failure.REFUSED,
    sqlite3.SQLITE_INTERRUPT: Failure.INTERRUPTED,
    sqlite3.SQLITE_IOERR: Failure.INTERNAL,
    sqlite3.SQLITE_CORRUPT: Failure.NO_DATABASE,
    sqlite3.SQLITE_FULL: Failure.RESOURCES,
    sqlite3.SQLITE_CANTOPEN: Failure.RESOURCES,
    sqlite3.SQLITE_PROTOCOL: Failure.BUSY,
    sqlite3.SQLITE_SCHEMA: Failure.SCHEMA,
    sqlite3.SQLITE_TOOBIG: Failure.DATA,
    sqlite3.SQLITE_CONSTRAINT: Failure.DATA,
    sqlite3.SQLITE_MISMATCH: Failure.DATA,
    sqlite3.SQLITE_AUTH: Failure.REFUSED,
    sqlite3.SQLITE_NOTADB: Failure.NO_DATABASE,
}
_ERRORS_OF_VALUES = frozenset({"integer overflow", "malformed JSON"})


def sql_of_page(sql: str) -> str:
    """Return the statement as it is: the pages are written for this engine."""
    return sql


def parse_url(given: str) -> URL:
    """Return the URL of a file, with the file's absolute path. Raises InvalidUrl for options: they would be ignored."""
    url = make_url(given)
    if url.query:
        raise urls.InvalidUrl("it has options after a ?, such as mode=ro", "sqlite:////srv/billing.db and no options")
    return URL.create(NAME, database=str(Path(url.database or "").resolve()))


def identity(url: URL) -> tuple[tuple[str, str], ...]:
    """Return a key that identifies the file."""
    return tuple(sorted({**urls.parts(url), "engine": NAME}.items()))


def file(url: URL) -> Path:
    """Return the database's file."""
    return Path(url.database or "")


def python_for(url: URL, statement: str) -> str:
    """Return Python code that runs a statement: a host may not have the program sqlite3."""
    return f"import sqlite3; c = sqlite3.connect({str(file(url))!r}); c.execute({statement!r}); c.commit()"


def why_missing(url: URL) -> str | None:
    """Return that the file does not exist; without this check, SQLite would create it."""
    return None if file(url).is_file() else "the file does not exist"


@cache
def writer(url: URL) -> Engine:
    """Return an engine whose transactions acquire SQLite's write lock when they start."""
    return _engine(url, lambda: _open(file(url), "rw"), "BEGIN IMMEDIATE")


@cache
def reader(url: URL) -> Engine:
    """Return an engine that cannot write."""
    return _engine(url, lambda: _open_for_reading(file(url)), "BEGIN")


def _open(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.as_uri()}?mode={mode}", uri=True, timeout=SECONDS_UNTIL_BUSY)


def _open_for_reading(path: Path) -> sqlite3.Connection:
    """Open a database for reading; first let SQLite undo the unfinished transaction of a killed process.

    SQLite finds the journal of the killed process and restores the file, but only if it may write: otherwise it refuses
    every query until a program opens the file for writing. If that is not possible, the queries report why.
    """
    if path.with_name(f"{path.name}-journal").exists():
        with suppress(sqlite3.Error), closing(_open(path, "rw")) as connection:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return _open(path, "ro")


def _engine(url: URL, connect: Callable[[], sqlite3.Connection], begin: str) -> Engine:
    engine = create_engine("sqlite://", poolclass=NullPool, creator=connect)

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, record: Any) -> None:
        connection.isolation_level = None  # by default, the driver starts a transaction at the first write only
        # SQLite calls this while a statement runs, so that Ctrl-C can end it.
        connection.set_progress_handler(lambda: 0, INSTRUCTIONS_BETWEEN_INTERRUPTS)
        connection.create_aggregate(RowsDigest.NAME, -1, RowsDigest)

    watch(engine, begin, file(url), lambda: SECONDS_UNTIL_BUSY)
    return engine


@contextmanager
def connections_kept(url: URL) -> Iterator[None]:
    """Do nothing: a file is opened within a millisecond, and an open one may be replaced by another."""
    yield


def read_only(connection: Connection) -> Connection:
    """Return the connection: those of `reader` cannot write anyway."""
    return connection


def begin_planning(connection: Connection) -> None:
    """Do nothing: every transaction reads one snapshot."""


def prepare_batch(
    connection: Connection, milliseconds_to_wait: int | None, *, by_index: bool, one_snapshot: bool
) -> None:
    """Do nothing: after its start, no other transaction can write."""


def load(connection: Connection, table: str) -> Load:
    """Return no load: nobody else can write meanwhile, and others wait for the next pause anyway."""
    return Load()


def session_of(connection: Connection) -> int:
    """Return the same number for every transaction: a connection is a session."""
    return 0


def shares_sessions(url: URL) -> bool:
    """Return False: a connection is a session."""
    return False


def failure_of(error: DBAPIError) -> Failure | None:
    """Return what an error of the driver means. There are no conflicts: there is one writer at a time."""
    original = error.orig
    if not isinstance(original, sqlite3.Error):
        return None
    code = getattr(original, "sqlite_errorcode", None)
    if code is None:  # an error of the driver itself
        return Failure.UNREADABLE if "decode" in str(original) else None
    if code == sqlite3.SQLITE_ERROR and str(original) in _ERRORS_OF_VALUES:
        return Failure.DATA
    return _FAILURES.get(code & _PRIMARY)


def place_of(error: DBAPIError) -> str:
    """Return nothing: the message says it all."""
    return ""


def role_of(connection: Connection) -> str | None:
    """Return None: who may open the file may do all."""
    return None


def unreadable(url: URL, tables: Sequence[str]) -> str:
    """Return the first value in these tables that is not UTF-8."""
    with suppress(sqlite3.Error), closing(_open_for_reading(file(url))) as connection:
        connection.text_factory = bytes
        for table in tables:
            found = _not_text(connection, table)
            if found:
                return found
    return ""


def _not_text(connection: sqlite3.Connection, table: str) -> str:
    rows = connection.execute(f'SELECT * FROM "{table}"')
    names = [str(column[0]) for column in rows.description]
    for row in rows:
        for name, value in zip(names, row, strict=True):
            try:
                if isinstance(value, bytes):
                    value.decode()
            except UnicodeDecodeError:
                key = f", row {quoted(row[names.index('id')])}" if "id" in names else ""
                return f"table {quoted(table)}, column {quoted(name)}{key}"
    return ""


def lock_tenant(url: URL, tenant: str, owner: LockOwner) -> LockFile | None:
    """Lock a file beside the database."""
    return LockFile.take(file(url), tenant, owner)


def lock_tenant_within(
    connection: Connection, schema: BillingSchema, tenant_id: Any, tenant: str, owner: LockOwner
) -> bool:
    """Return True: the transaction has already locked the whole database."""
    return True


def lock_owner(url: URL, connection: Connection, tenant: str, scope: LockScope) -> LockOwner | None:
    """Return who has locked the file beside the database."""
    return LockFile.owner(file(url), tenant)


def lock_ddl(connection: Connection) -> None:
    """Do nothing: the transaction that creates tables has locked the whole database."""


def lock_own_tables(connection: Connection, schema: BillingSchema, *, to_roll_back: bool) -> None:
    """Do nothing: a transaction has locked the whole database."""


def own_table_problems(connection: Connection, schema: BillingSchema, *, known: bool) -> list[str]:
    """Return what others added to our own tables, each a clause."""
    return list(problems_of(connection, schema))


def catalogue(connection: Connection, schema: BillingSchema) -> Examined:
    """Return the triggers and constraints, and the views that hide rows or cannot be written."""
    return read_catalogue(connection, schema)


def other_schemas(connection: Connection) -> list[str]:
    """Return none: a database is one schema."""
    return []


def hidden_from(connection: Connection, schema: BillingSchema, role: str) -> list[str]:
    """Return nothing: there are no roles."""
    return []


def obstacles(
    url: URL, connection: Connection, schema: BillingSchema, steps: Sequence[JournaledStep], *, to_roll_back: bool
) -> list[str]:
    """Return whether the file or its folder is read-only for this process."""
    places = {"the file": file(url), "its folder": file(url).parent}
    return [f"{what} {place} is read-only" for what, place in places.items() if not os.access(place, os.W_OK)]


def how_to_let_write(purpose: str) -> str:
    """Return what to do if this process may not write."""
    return "Give this user the right to write the file"


def require_roles() -> NoReturn:
    """Raise InvalidSettings: a user who may read or write the file may read or write everything in it."""
    raise InvalidSettings("SQLite has no roles: control access with the read and write permissions of the file.")


def grants(connection: Connection, schema: BillingSchema, purpose: Purpose, role: str) -> NoReturn:
    """Raise InvalidSettings: there are no roles."""
    require_roles()


def capacity(kind: TypeEngine[Any]) -> None:
    """Return None: a column stores any number, whatever its declared type is."""
    return None


def analyze_if_never(connection: Connection) -> None:
    """Gather statistics if nobody ever has.

    Without them, SQLite estimates ten rows per tenant, and scans a whole subquery for each row of another.
    """
    known = connection.exec_driver_sql("SELECT count(*) FROM sqlite_master WHERE name = 'sqlite_stat1'").scalar()
    if not known:
        connection.exec_driver_sql("ANALYZE")


def begin_reading(connection: Connection) -> bool:
    """Return True: a connection that cannot write the file may have temporary tables in another one."""
    return True


def may_materialize(connection: Connection) -> bool:
    """Return True: temporary tables are in a file of their own."""
    return True


def materialize(connection: Connection, name: str, rows: Select[Any], *, reads_only: bool, by_index: bool) -> None:
    """Create the table with its rows; it is dropped when the connection is closed."""
    connection.execute(CreateTableAs(rows, name, temporary=True, schema=TEMPORARY_SCHEMA))
    _analyze(connection, name)


def require_whole_values(connection: Connection) -> None:
    """Do nothing: SQLite does not tell."""


def keep(connection: Connection, name: str, rows: Select[Any]) -> None:
    """Create the table with its rows; it is dropped when the connection is closed."""
    create_temporary(connection, name, rows, TEMPORARY_SCHEMA)
    _analyze(connection, name)


def _analyze(connection: Connection, name: str) -> None:
    """Count the rows: otherwise SQLite does not know which of two tables is the larger one."""
    connection.exec_driver_sql(f"ANALYZE {TEMPORARY_SCHEMA}.{name}")
