"""The billing database: how it is reached, read in one snapshot, written in one transaction, and locked per tenant.

No rule of the migration is here, and no Dagster: see `resources` for what Dagster hands out.
"""

import hashlib
import os
import re
import select as select_module
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import psycopg2
import psycopg2.extensions
from filelock import FileLock, Timeout
from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event, func, make_url, select, text
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError

from meter_assets import settings
from meter_assets.errors import (
    DatabaseUnreachable,
    DemoDatabaseMissing,
    IllegalTenantId,
    InvalidSettings,
    NoTenants,
    NotWritable,
    TenantLocked,
    UnknownTenant,
    UnsuitableSchema,
)
from meter_assets.schema import JOURNALED, RUNS, BillingSchema, read_schema

LEGAL_KEY = re.compile(r"[A-Za-z0-9_-]+")
SECONDS_TO_WAIT_FOR_SQLITE = 30
INSTRUCTIONS_BETWEEN_INTERRUPTS = 100_000


@dataclass(frozen=True)
class Tenant:
    """One tenant: its id as the database has it, its key (that id as text, the Dagster partition), its name."""

    id: Any
    key: str
    name: str


class BillingDatabase:
    """One billing database, named by a SQLAlchemy URL."""

    def __init__(self, url: str) -> None:
        """Take a URL such as sqlite:////srv/billing.db or postgresql://user@host/billing.

        Raises InvalidSettings for what is no URL, or the URL of an engine that is not supported.
        """
        self._url = _parsed(url)
        self._locks: dict[str, Any] = {}

    @property
    def url(self) -> str:
        """The URL with its password masked."""
        return self._url.render_as_string(hide_password=True)

    @property
    def sqlite_path(self) -> Path | None:
        """The database's file, if it is SQLite."""
        return self._path if self._is_sqlite else None

    @property
    def _is_sqlite(self) -> bool:
        return self._url.get_backend_name() == "sqlite"

    @property
    def _path(self) -> Path:
        return Path(self._url.database or "")

    @cached_property
    def engine(self) -> Engine:
        """The engine for what writes. Connections are not pooled: a run makes few, and a fork must not share one."""
        if self._is_sqlite:
            engine = create_engine(self._url, poolclass=NullPool, connect_args={"timeout": SECONDS_TO_WAIT_FOR_SQLITE})
            _begin_explicitly(engine, "BEGIN IMMEDIATE")
            return engine
        engine = create_engine(self._url, poolclass=NullPool, isolation_level="REPEATABLE READ")
        _let_interrupts_through()
        _plan_for_sets(engine)
        return engine

    @cached_property
    def _reader(self) -> Engine:
        if not self._is_sqlite:
            return self.engine
        uri = f"file:{self._path}?mode=ro"
        engine = create_engine(
            "sqlite://",
            poolclass=NullPool,
            creator=lambda: sqlite3.connect(uri, uri=True, timeout=SECONDS_TO_WAIT_FOR_SQLITE),
        )
        _begin_explicitly(engine, "BEGIN")
        return engine

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """Open a read-only transaction that sees one state of the database throughout.

        Raises DatabaseUnreachable or DemoDatabaseMissing.
        """
        with self._connected(self._reader) as connection:
            if not self._is_sqlite:
                connection = connection.execution_options(postgresql_readonly=True)
            with connection.begin():
                yield connection

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Open a transaction that may write, committed at the end and rolled back on any exception.

        On PostgreSQL it is REPEATABLE READ: all its statements see one state, and a row that others changed since
        then makes it fail (see `is_conflict`) rather than be overwritten.
        """
        with self._connected(self.engine) as connection, connection.begin():
            yield connection

    @contextmanager
    def _connected(self, engine: Engine) -> Iterator[Connection]:
        if self._is_sqlite and not self._path.is_file():
            if self._path == settings.demo_database_path():
                raise DemoDatabaseMissing(str(self._path))
            raise DatabaseUnreachable(self.url, "there is no such file")
        try:
            connection = engine.connect()
        except SQLAlchemyError as error:
            raise DatabaseUnreachable(self.url, _reason(error)) from None
        with connection:
            yield connection

    def schema(self, connection: Connection) -> BillingSchema:
        """Read the billing tables that the database has.

        Raises UnsuitableSchema, naming all that is missing or unfit at once.
        """
        try:
            schema, problems = read_schema(connection)
        except DBAPIError as error:  # such as a SQLite file that is none
            raise UnsuitableSchema(self.url, [_reason(error)]) from None
        if problems:
            raise UnsuitableSchema(self.url, problems)
        return schema

    def every_tenant(self) -> list[Tenant]:
        """Return all tenants in the order of their ids. Raises what `snapshot` and `schema` raise."""
        with self.snapshot() as connection:
            table = self.schema(connection).tables["tenants"]
            rows = connection.execute(select(table.c.id, table.c.name).order_by(table.c.id)).all()
        return [Tenant(row.id, str(row.id), str(row.name)) for row in rows]

    def tenants(self, wanted: Sequence[str] = ()) -> list[Tenant]:
        """Return the tenants with these keys in this order, or all in the order of their ids.

        Raises UnknownTenant, IllegalTenantId, NoTenants, and what `every_tenant` raises.
        """
        every = {tenant.key: tenant for tenant in self.every_tenant()}
        if not every:
            raise NoTenants(self.url)
        illegal = [key for key in (wanted or every) if not LEGAL_KEY.fullmatch(key)]
        if illegal:
            raise IllegalTenantId(illegal)
        unknown = [key for key in wanted if key not in every]
        if unknown:
            raise UnknownTenant(unknown, list(every))
        return [every[key] for key in dict.fromkeys(wanted)] if wanted else list(every.values())

    def require_writable(self) -> None:
        """Raise NotWritable if a live run could not write here."""
        with self.snapshot() as connection:
            schema = self.schema(connection)
            problems = _sqlite_obstacles(self._path) if self._is_sqlite else []
            if connection.dialect.name == "postgresql":
                problems = _postgresql_obstacles(connection, schema)
        if problems:
            raise NotWritable(self.url, problems)

    def hold(self, tenant: Tenant) -> None:
        """Take the tenant's lock until `release`; the lock goes with this process. Taking it again does nothing.

        Raises TenantLocked, naming the run that holds it.
        """
        if tenant.key in self._locks:
            return
        lock = self._file_lock(tenant) if self._is_sqlite else self._advisory_lock(tenant)
        if lock is None:
            raise self._locked(tenant)
        self._locks[tenant.key] = lock

    def release(self) -> None:
        """Let go of every tenant that is held."""
        for lock in self._locks.values():
            if isinstance(lock, FileLock):
                lock.release()
            else:
                lock.close()
        self._locks.clear()

    def _file_lock(self, tenant: Tenant) -> FileLock | None:
        folder = self._path.with_name(f"{self._path.name}-locks")
        try:
            folder.mkdir(exist_ok=True)
            lock = FileLock(folder / f"tenant-{tenant.key}.lock", blocking=False, thread_local=False)
            lock.acquire()
        except Timeout:
            return None
        except OSError as error:
            raise NotWritable(self.url, [f"{folder} cannot be made or written ({error.strerror})"]) from None
        return lock

    def _advisory_lock(self, tenant: Tenant) -> Connection | None:
        try:
            connection = self.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        except SQLAlchemyError as error:
            raise DatabaseUnreachable(self.url, _reason(error)) from None
        digest = hashlib.sha256(f"meter-assets tenant {tenant.key}".encode()).digest()
        key = int.from_bytes(digest[:8], signed=True)
        if connection.scalar(select(func.pg_try_advisory_lock(key))):
            return connection
        connection.close()
        return None

    def _locked(self, tenant: Tenant) -> TenantLocked:
        with self.snapshot() as connection:
            schema = self.schema(connection)
            if RUNS not in schema.own_tables_present:
                return TenantLocked(tenant.key, None, None, None)
            runs = schema.own[RUNS]
            running = runs.c.tenant_id == tenant.id, runs.c.finished_at.is_(None)
            row = connection.execute(select(runs).where(*running).order_by(runs.c.started_at.desc()).limit(1)).first()
        if row is None:
            return TenantLocked(tenant.key, None, None, None)
        return TenantLocked(tenant.key, row.run_id, row.step, f"{row.started_at:%Y-%m-%d %H:%M:%S} UTC")


def is_conflict(error: BaseException) -> bool:
    """Say whether a transaction failed because others changed the same rows: it may be tried again."""
    return isinstance(error, DBAPIError) and getattr(error.orig, "pgcode", None) in ("40001", "40P01")


def is_interrupt(error: BaseException) -> bool:
    """Say whether a statement on SQLite was ended by Ctrl-C, whose exception its driver swallows."""
    return isinstance(error, DBAPIError) and str(error.orig) == "interrupted"


def is_refusal(error: BaseException) -> bool:
    """Say whether a statement failed because this role, or this database, may not write."""
    if not isinstance(error, DBAPIError):
        return False
    return getattr(error.orig, "pgcode", None) in ("42501", "25006") or "readonly database" in str(error.orig)


def _reason(error: SQLAlchemyError) -> str:
    original = getattr(error, "orig", None) or error
    return " ".join(str(original).split()).rstrip(".")


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
        if parsed.drivername in ("postgresql", "postgres"):
            # SQLAlchemy 2.1 would look for psycopg 3, which Dagster's PostgreSQL storage cannot use.
            parsed = parsed.set(drivername="postgresql+psycopg2")
        supported = parsed.get_backend_name() in ("sqlite", "postgresql")
        parsed.get_dialect()
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError):
        supported = False
    if not supported:
        # The URL itself may hold a password, so it is not repeated.
        raise InvalidSettings(
            f"{settings.DATABASE_URL_VARIABLE} does not name a database that can be used. Expected something like "
            "sqlite:////srv/billing.db or postgresql://user:password@host/billing."
        )
    if parsed.get_backend_name() == "sqlite":
        return parsed.set(database=str(Path(parsed.database or "").absolute()))
    return parsed


def _begin_explicitly(engine: Engine, statement: str) -> None:
    """Let transactions on SQLite begin when they are begun: its driver would begin them at the first write only."""

    @event.listens_for(engine, "connect")
    def _no_implicit_begin(connection: Any, record: Any) -> None:
        connection.isolation_level = None
        # Called between a statement's instructions, so that Ctrl-C is noticed while it runs.
        connection.set_progress_handler(lambda: 0, INSTRUCTIONS_BETWEEN_INTERRUPTS)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(statement)


def _plan_for_sets(engine: Engine) -> None:
    """Keep PostgreSQL from joining whole subqueries by nested loops, and from compiling our large queries.

    It cannot know how many rows a rule selects, takes it for one, and would then compute a subquery again for every
    row of another: minutes for a tenant of a few hundred rows. What we join, we join whole, so hashing is right.
    """

    @event.listens_for(engine, "begin")
    def _set_local(connection: Connection) -> None:
        connection.exec_driver_sql("SET LOCAL enable_nestloop = off")
        connection.exec_driver_sql("SET LOCAL jit = off")


def _let_interrupts_through() -> None:
    """Let Ctrl-C end a running statement: by itself, the PostgreSQL driver would not return before its end."""
    psycopg2.extensions.set_wait_callback(_wait_or_cancel)


def _wait_or_cancel(connection: Any) -> None:
    interrupt: BaseException | None = None
    while True:
        try:
            state = connection.poll()
            if state == psycopg2.extensions.POLL_OK:
                break
            if state == psycopg2.extensions.POLL_READ:
                select_module.select([connection.fileno()], [], [])
            else:
                select_module.select([], [connection.fileno()], [])
        except psycopg2.Error:
            if interrupt is not None:
                break
            raise
        except BaseException as error:
            interrupt = error
            connection.cancel()
    if interrupt is not None:
        raise interrupt


def _sqlite_obstacles(path: Path) -> list[str]:
    places = {"the file": path, "its folder": path.parent}
    return [f"{what} {place} is read-only" for what, place in places.items() if not os.access(place, os.W_OK)]


def _postgresql_obstacles(connection: Connection, schema: BillingSchema) -> list[str]:
    found = connection.execute(
        text("SELECT pg_is_in_recovery(), current_setting('default_transaction_read_only') = 'on', current_user")
    ).one()
    if found[0]:
        return ["the server is a standby"]
    if found[1]:
        return [f"transactions of role {found[2]} are read-only by default"]
    problems = []
    for change in ("payment_meter_ids", "invoice_amounts", "meter_balances"):
        table = JOURNALED[change][0]
        for column in schema.written_columns(change):
            if not connection.scalar(select(func.has_column_privilege(table, column, "UPDATE"))):
                problems.append(f"role {found[2]} may not update {table}.{column}")
    missing = set(schema.own) - schema.own_tables_present
    if missing and not connection.scalar(select(func.has_schema_privilege(func.current_schema(), "CREATE"))):
        problems.append(f"role {found[2]} may not create {', '.join(sorted(missing))}")
    return problems
