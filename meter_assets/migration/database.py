"""The billing database: how it is reached, read in one snapshot, written in one transaction, and held per tenant.

No rule of the migration is here, and no Dagster: see `resources` for what Dagster hands out.
"""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from sqlalchemy import URL, ColumnElement, Connection, Engine, func, make_url, select, text
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from meter_assets import settings
from meter_assets.billing.own_tables import BACKUP, RECORDS, RETIRED_BACKUPS, RUNNING, RUNS
from meter_assets.billing.reflection import read_schema
from meter_assets.billing.schema import BillingSchema, is_live
from meter_assets.billing.step_runs import step_runs
from meter_assets.engines import drivers as engines
from meter_assets.engines import own_tables, urls
from meter_assets.engines.tenant_lock import (
    AdvisoryLock,
    Holder,
    Lock,
    LockFile,
    TenantLock,
    take_within,
    wait_to_make_tables,
)
from meter_assets.errors import (
    NAMES_THE_DATABASE,
    DatabaseBusy,
    DatabaseUnreachable,
    DemoDatabaseMissing,
    IllegalTenantId,
    InvalidSettings,
    NoTenants,
    NotWritable,
    OwnTablesNotTrusted,
    StatementFailed,
    TenantLocked,
    UnknownTenant,
    UnsuitableSchema,
)
from meter_assets.foreign_text import quoted, shown
from meter_assets.formatting import show_time
from meter_assets.rules.steps import MIGRATION, STEPS

LEGAL_KEY = re.compile(r"[A-Za-z0-9_-]+")


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
        self._locks: dict[str, TenantLock] = {}
        self._refused: dict[str, TenantLocked] = {}

    @property
    def url(self) -> str:
        """The URL as a person may see it: with its secrets masked."""
        return urls.shown(self._url)

    @property
    def identity(self) -> tuple[tuple[str, str], ...]:
        """What tells this database, with its role and options, from others: no password is in it."""
        return urls.identity(self._url)

    @cached_property
    def sqlite_path(self) -> Path | None:
        """The database's file, if it is SQLite."""
        return Path(self._url.database or "") if self._url.get_backend_name() == "sqlite" else None

    @cached_property
    def engine(self) -> Engine:
        """The engine for what writes."""
        return engines.sqlite_writer(self.sqlite_path) if self.sqlite_path else engines.postgresql(self._url)

    @cached_property
    def reader(self) -> Engine:
        """The engine for what only reads."""
        return engines.sqlite_reader(self.sqlite_path) if self.sqlite_path else self.engine

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """Open a read-only transaction that sees one state of the database throughout.

        Raises DatabaseUnreachable, DemoDatabaseMissing, and StatementFailed for what the database refuses.
        """
        try:
            with self._connected(self.reader) as connection:
                if self.sqlite_path is None:
                    connection = connection.execution_options(postgresql_readonly=True)
                with connection.begin():
                    yield connection
        except DBAPIError as error:
            forbidden = engines.is_refusal(error)
            raise StatementFailed(self.url, engines.reason(error), forbidden=forbidden) from error

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Open a transaction that may write, committed at the end and rolled back on any exception.

        On PostgreSQL it is REPEATABLE READ: all its statements see one state, and a row that others changed since
        then makes it fail (see `engines.is_conflict`) rather than be overwritten. Raises DatabaseUnreachable,
        DatabaseBusy and NotWritable; other errors of the database as they are.
        """
        with self.connection() as connection, connection.begin():
            yield connection

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Open a connection for several transactions one after the other. Raises what `transaction` raises."""
        try:
            with self._connected(self.engine) as connection:
                yield connection
        except DBAPIError as error:
            if engines.is_refusal(error):
                raise NotWritable(self.url, [engines.reason(error)]) from error
            raise

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Wait until no other process makes tables here. Raises what `transaction` raises."""
        if self.sqlite_path:
            yield
            return
        with self.connection() as connection, connection.begin():
            wait_to_make_tables(connection)
            yield

    @contextmanager
    def _connected(self, engine: Engine) -> Iterator[Connection]:
        if self.sqlite_path and not self.sqlite_path.is_file():
            if self.sqlite_path == settings.demo_database_path():
                raise DemoDatabaseMissing(str(self.sqlite_path))
            raise DatabaseUnreachable(self.url, "there is no such file")
        try:
            connection = engine.connect()
        except SQLAlchemyError as error:
            raise DatabaseUnreachable(self.url, engines.reason(error)) from None
        try:
            with connection:
                yield connection
        except DBAPIError as error:
            if engines.is_interrupt(error):
                raise KeyboardInterrupt from None
            if engines.is_busy(error):
                raise DatabaseBusy(self.url, engines.SECONDS_TO_WAIT_FOR_SQLITE) from None
            raise

    def schema(self, connection: Connection) -> BillingSchema:
        """Read the billing tables that the database has.

        Raises UnsuitableSchema, naming all that is missing or unfit at once, and OwnTablesNotTrusted.
        """
        try:
            schema, problems = read_schema(connection, tuple(STEPS.values()))
        except DBAPIError as error:
            if not engines.is_no_database(error):
                raise
            raise UnsuitableSchema(self.url, [engines.reason(error)]) from None
        if problems:
            raise UnsuitableSchema(self.url, problems)
        self._require_ours(connection, schema)
        return schema

    def make_own_tables(self, connection: Connection, *, to_roll_back: bool = False) -> BillingSchema:
        """Create those of our own tables that are missing, and return the schema that has them.

        To roll back, only those that the released version before this one did not have: what a rollback reads is there,
        and a table made for it would stand, empty, for one that was lost. Raises what `schema` raises.
        """
        schema = self.schema(connection).make_own_tables(connection, RECORDS if to_roll_back else ())
        self._require_ours(connection, schema)
        return schema

    def every_tenant(self) -> list[Tenant]:
        """Return all tenants in the order of their ids. Raises what `snapshot` and `schema` raise."""
        with self.snapshot() as connection:
            table = self.schema(connection).tables["tenants"]
            live = select(table.c.id, table.c.name).where(is_live(table))
            rows = connection.execute(live.order_by(table.c.id)).all()
        return [Tenant(row.id, str(row.id), shown(row.name)) for row in rows]

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

    def require_writable(self, *, to_roll_back: bool = False) -> None:
        """Raise NotWritable if a live run, or a rollback, could not write here."""
        with self.snapshot() as connection:
            schema = self.schema(connection)
            if self.sqlite_path:
                problems = _sqlite_obstacles(self.sqlite_path)
            else:
                problems = _postgresql_obstacles(connection, schema, to_roll_back)
        if problems:
            raise NotWritable(self.url, problems, "rollback" if to_roll_back else "migrate")

    def hold(self, tenant: Tenant, run_id: str = "unnamed") -> None:
        """Take the tenant's lock for a run until `release`; it goes with this process. Taking it again does nothing.

        Raises TenantLocked, naming the run that holds it: then and, until `release`, whenever it is asked again, so
        that a run which was refused one step does not make the next.
        """
        if tenant.key in self._refused:
            raise self._refused[tenant.key]
        if tenant.key in self._locks and self._locks[tenant.key].is_held():
            return
        lock = self._take(tenant, run_id)
        if lock is None:
            self._refused[tenant.key] = self._locked(tenant)
            raise self._refused[tenant.key]
        self._locks[tenant.key] = lock

    def hold_within(
        self, connection: Connection, schema: BillingSchema, tenant: Tenant, run_id: str, *, to_roll_back: bool = False
    ) -> None:
        """Take the tenant for one transaction too, should the lock of `hold` be cut off; call it first of all.

        Our own tables are held too, and are found to be ours. Raises TenantLocked and OwnTablesNotTrusted.
        """
        self.hold_own_tables(connection, schema, to_roll_back=to_roll_back)
        if not take_within(connection, tenant.key, Holder.this_process(run_id)):
            raise self._locked(tenant, Lock.step)

    def hold_own_tables(self, connection: Connection, schema: BillingSchema, *, to_roll_back: bool = False) -> None:
        """Keep our own tables as they are for one transaction, of which this is the first call.

        Raises OwnTablesNotTrusted where they, or what statements call, are not ours.
        """
        own_tables.lock(connection, schema, to_roll_back=to_roll_back)
        self._require_ours(connection, schema, known=True)

    def _require_ours(self, connection: Connection, schema: BillingSchema, *, known: bool = False) -> None:
        problems = own_tables.problems_of(connection, schema, known=known)
        if problems:
            raise OwnTablesNotTrusted(self.url, problems)

    def release(self) -> None:
        """Let go of every tenant that is held."""
        for lock in self._locks.values():
            lock.release()
        self._locks.clear()
        self._refused.clear()

    def _take(self, tenant: Tenant, run_id: str) -> TenantLock | None:
        holder = Holder.this_process(run_id)
        try:
            if self.sqlite_path:
                return LockFile.take(self.sqlite_path, tenant.key, holder)
            return AdvisoryLock.take(self.engine, tenant.key, holder)
        except OSError as error:
            raise NotWritable(self.url, [f"no lock file can be made beside it ({error.strerror})"]) from None
        except SQLAlchemyError as error:
            raise DatabaseUnreachable(self.url, engines.reason(error)) from None

    def _locked(self, tenant: Tenant, lock: Lock = Lock.run) -> TenantLocked:
        """Return the error that says who holds a tenant, and at which step that run is, as far as it can be told."""
        with self.snapshot() as connection:
            schema = self.schema(connection)
            holder = self._holder(connection, tenant, lock)
            if RUNS not in schema.own_tables_present:
                return TenantLocked(tenant.key, _as_words(holder), holder.run_id if holder else None)
            runs = step_runs(schema)
            of_holder = runs.c.outcome == RUNNING if holder is None else runs.c.run_id == holder.run_id
            newest = select(runs).where(runs.c.tenant_id == tenant.id, of_holder).order_by(runs.c.id.desc()).limit(1)
            row = connection.execute(newest).first()
        words, run_id = _as_words(holder), holder.run_id if holder else None
        if row is not None:
            if holder is None:
                words, run_id = [f"probably run {quoted(row.run_id)}, which is recorded as running"], row.run_id
            undoing = "the rollback of " if row.undoes is not None else ""
            words.append(f"its step {undoing}{quoted(row.step)} began {show_time(row.started_at)}")
        return TenantLocked(tenant.key, words, run_id)

    def _holder(self, connection: Connection, tenant: Tenant, lock: Lock) -> Holder | None:
        if self.sqlite_path:
            return LockFile.holder(self.sqlite_path, tenant.key)
        return AdvisoryLock.holder(connection, tenant.key, lock)


def _as_words(holder: Holder | None) -> list[str]:
    if holder is None:
        return []
    since = [f"since {show_time(holder.since)}"] if holder.since else []
    return [f"run {quoted(holder.run_id)}", f"process {holder.process} on {holder.host}", *since]


def _parsed(given: str) -> URL:
    kind = given.partition("://")[0]
    try:
        if kind in ("postgresql", "postgres", "postgresql+psycopg2"):
            return urls.postgresql(given)
        if kind in ("sqlite", "sqlite+pysqlite"):
            return URL.create("sqlite", database=str(Path(make_url(given).database or "").resolve()))
    except urls.OddUrl as odd:
        raise InvalidSettings(f"{NAMES_THE_DATABASE} cannot be used: {odd}.") from None
    except (ArgumentError, ValueError):  # such as a port that is no number
        pass
    # The URL itself may hold a password, so it is not repeated.
    raise InvalidSettings(
        f"{NAMES_THE_DATABASE} does not name a database that can be used. Expected something like "
        "sqlite:////srv/billing.db or postgresql://user:password@host/billing."
    )


def _sqlite_obstacles(path: Path) -> list[str]:
    places = {"the file": path, "its folder": path.parent}
    return [f"{what} {place} is read-only" for what, place in places.items() if not os.access(place, os.W_OK)]


def _postgresql_obstacles(connection: Connection, schema: BillingSchema, to_roll_back: bool) -> list[str]:
    found = connection.execute(
        text("SELECT pg_is_in_recovery(), current_setting('default_transaction_read_only') = 'on', current_user")
    ).one()
    if found[0]:
        return ["the server is a standby"]
    if found[1]:
        return [f"transactions of role {found[2]} are read-only by default"]
    rights = _rights(schema, to_roll_back)
    return [f"role {found[2]} may not {what}" for what, right in rights if not connection.scalar(select(right))]


def _rights(schema: BillingSchema, to_roll_back: bool) -> Iterator[tuple[str, ColumnElement[bool]]]:
    """Yield what a live run must be allowed to do, and how PostgreSQL is asked whether it is."""
    for step in (STEPS[name] for name in MIGRATION):
        for column in schema.written_columns(step) if step.target != BACKUP else ():
            yield f"update {step.target}.{column}", func.has_column_privilege(step.target, column, "UPDATE")
    others = BACKUP if to_roll_back else RETIRED_BACKUPS  # a rollback takes rows from the one to the other
    for name in sorted(schema.own_tables_present - {others}):
        yield f"insert into {name}", func.has_table_privilege(name, "INSERT")
    if to_roll_back and BACKUP in schema.own_tables_present:
        yield f"delete from {BACKUP}", func.has_table_privilege(BACKUP, "DELETE")
    if missing := set(RECORDS if to_roll_back else schema.own) - schema.own_tables_present:
        yield f"create {', '.join(sorted(missing))}", func.has_schema_privilege(func.current_schema(), "CREATE")
