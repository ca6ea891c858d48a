"""`BillingDatabase`: opens snapshots and transactions in the billing database, reads its schema, and locks tenants.

It combines a URL with its engine and turns errors of drivers into our own errors. Add here what callers need on every
engine; what depends on the engine belongs in `engines`. Nothing here knows the rules of the migration, or Dagster.
"""

from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from meter_assets.billing.columns import REQUIRED_COLUMNS
from meter_assets.billing.mapping import DEFAULT_NAMES, DatabaseMapping
from meter_assets.billing.own_tables import RECORDS
from meter_assets.billing.policy import Policy
from meter_assets.billing.reflection import own_tables_present, read_schema
from meter_assets.billing.schema import BillingSchema, known_schema
from meter_assets.engines import parse_url, urls
from meter_assets.engines.base import NOT_KEPT, LockOwner, LockScope, LockUnavailable, Purpose, TenantLock
from meter_assets.engines.failures import (
    Failure,
    advice_for,
    is_of_a_value,
    reason,
    reason_and_place,
    reason_of_value,
)
from meter_assets.errors import (
    DatabaseBusy,
    DatabaseUnreachable,
    DemoDatabaseMissing,
    NotWritable,
    OwnTablesNotTrusted,
    SharedSessions,
    SnapshotCancelled,
    StatementFailed,
    TenantLocked,
    UnreadableValue,
    UnsuitableSchema,
)
from meter_assets.migration.snapshot import Snapshot, tried_again
from meter_assets.migration.temporary_tables import tables_for_reading
from meter_assets.migration.tenant_locks import TenantLocks, tenant_locked
from meter_assets.migration.tenants import (
    SkippedTenant,
    keys_of,
    live_tenants,
    may_lack_tenant,
    named_tenants,
    rows_of_each,
    rows_without_tenant,
)
from meter_assets.migration.tenants import Tenant as Tenant
from meter_assets.rules.steps import MIGRATION, STEPS


class BillingDatabase:
    """One billing database, named by a SQLAlchemy URL."""

    def __init__(self, url: str, *, demo: Path | None = None, mapping: DatabaseMapping = DEFAULT_NAMES) -> None:
        """Take a URL such as sqlite:////srv/billing.db or postgresql://user@host/billing.

        `demo` is the path of the demo database, `mapping` how the database names its tables.
        Raises InvalidSettings for an invalid URL, and for an engine that is not supported.
        """
        self.backend, self._url = parse_url(url)
        self._demo, self._mapping = demo, mapping
        self._locks = TenantLocks()
        self._remembers = False
        self._schema: BillingSchema | None = None
        self._tenants: tuple[list[Tenant], list[SkippedTenant]] | None = None
        self._standby: str | None = None
        """A sentence about the server, if it is a standby."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Let another process open the database for itself: nothing that is open or remembered here is passed on."""
        return partial(BillingDatabase, demo=self._demo, mapping=self._mapping), (
            self._url.render_as_string(hide_password=False),
        )

    @property
    def url(self) -> str:
        """The URL with its secrets masked."""
        return urls.shown(self._url)

    @property
    def mapping(self) -> DatabaseMapping:
        """How the database names its tables."""
        return self._mapping

    @property
    def identity(self) -> tuple[tuple[str, str], ...]:
        """A key that identifies this database, its role and its options, without the password."""
        return self.backend.identity(self._url)

    @property
    def place(self) -> str:
        """Where the database is: the URL without role, password, and options that do not tell one from another."""
        return f"sqlite:///{self.file.resolve()}" if self.file is not None else urls.place(self._url)

    @property
    def file(self) -> Path | None:
        """The database's file; None if it is not a file."""
        return self.backend.file(self._url)

    @cached_property
    def engine(self) -> Engine:
        """SQLAlchemy's engine for writing."""
        return self.backend.writer(self._url)

    @cached_property
    def reader(self) -> Engine:
        """SQLAlchemy's engine for reading."""
        return self.backend.reader(self._url)

    def python_for(self, statement: str) -> str | None:
        """Return Python code that runs a statement, if the database has no client program of its own."""
        return self.backend.python_for(self._url, statement)

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """Open a read-only transaction that reads one snapshot of the database. Raises what `_reading` raises."""
        with self._reading(self.backend.read_only) as connection:
            yield connection

    @contextmanager
    def _reading(self, prepared: Callable[[Connection], Connection]) -> Iterator[Connection]:
        """Open a transaction of the reader.

        Raises DatabaseUnreachable, DemoDatabaseMissing, UnreadableValue, and StatementFailed if the database refuses a
        statement: SnapshotCancelled if it can be tried again at once.
        """
        try:
            with self._connected(self.reader) as unprepared:
                connection = prepared(unprepared)
                with connection.begin():
                    yield connection
        except DBAPIError as error:
            raise self._unanswered(error) from error

    @contextmanager
    def read(self, policy: Policy) -> Iterator[Snapshot]:
        """Open a snapshot with the schema, to be read under a policy. Raises what `snapshot` and `schema` raise.

        It may compute rows into temporary tables, and write nothing else.
        """
        with self._reading(lambda connection: connection) as connection:
            tables = tables_for_reading(connection)
            yield Snapshot(connection, self.schema(connection), policy, tables)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Open a transaction that may write, committed at the end and rolled back on any exception.

        On PostgreSQL it is REPEATABLE READ: all its statements read one snapshot, and instead of overwriting a row that
        others changed since, it fails (see `engines.is_conflict`). Raises DatabaseUnreachable, DatabaseBusy and
        NotWritable; other errors of the database are raised unchanged.
        """
        with self._writing() as connection, connection.begin():
            yield connection

    def connections_kept(self) -> AbstractContextManager[None]:
        """Let consecutive transactions use the same connections meanwhile: to open one takes longer than to use it."""
        return self.backend.connections_kept(self._url)

    @contextmanager
    def session(self) -> Iterator[Connection]:
        """Open a connection for several consecutive transactions, which is closed afterwards with its temporary tables.

        Raises what `transaction` raises.
        """
        with self._writing() as connection:
            connection.info[NOT_KEPT] = True
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        try:
            with self._connected(self.engine) as connection:
                yield connection
        except DBAPIError as error:
            if self.backend.failure_of(error) is Failure.REFUSED:
                raise NotWritable(self.url, [reason(error)]) from error
            raise

    def require_own_session(self) -> None:
        """Raise SharedSessions if the transactions of one connection may run in several sessions of the server.

        Steps in batches need one session, for their temporary tables. Raises DatabaseUnreachable.
        """
        try:
            shares = self.backend.shares_sessions(self._url)
        except SQLAlchemyError as error:
            raise self._unreachable(reason(error)) from None
        if shares:
            raise SharedSessions(self.url)

    @contextmanager
    def _connected(self, engine: Engine) -> Iterator[Connection]:
        why_missing = self.backend.why_missing(self._url)
        if why_missing is not None:
            if self.file is not None and self.file == self._demo:
                raise DemoDatabaseMissing(str(self.file))
            raise self._unreachable(why_missing)
        try:
            connection = engine.connect()
        except SQLAlchemyError as error:
            raise self._unreachable(reason(error)) from None
        try:
            with connection:
                yield connection
        except DBAPIError as error:
            failure = self.backend.failure_of(error)
            if failure is Failure.INTERRUPTED:
                raise KeyboardInterrupt from None
            if failure is Failure.BUSY:
                raise DatabaseBusy(self.url, self.backend.SECONDS_UNTIL_BUSY) from None
            if failure is Failure.UNREADABLE:
                raise self._unreadable(reason(error)) from error
            raise
        except Exception as error:
            if not is_of_a_value(error):
                raise
            raise self._unreadable(reason_of_value(error)) from error

    @property
    def _names(self) -> tuple[str, ...]:
        """The names of the tables that are read, as the database has them; those inside SELECTs are not known."""
        mapped = {name: self._mapping.of(name) for name in REQUIRED_COLUMNS}
        return tuple(name if one is None or one.table is None else one.table for name, one in mapped.items())

    def _unreadable(self, why: str) -> UnreadableValue:
        return UnreadableValue(self.url, why, self.backend.unreadable(self._url, self._names))

    def _unanswered(self, error: DBAPIError) -> StatementFailed:
        failure = self.backend.failure_of(error)
        why = reason_and_place(error, self.backend.place_of(error))
        # A standby also ends connections because of what it replays, and the driver may lose what it says about that.
        if failure is Failure.CONFLICT or (failure is Failure.ENDED and self._standby is not None):
            return SnapshotCancelled(self.url, why, advice_for(Failure.ENDED))
        return StatementFailed(self.url, why, advice_for(failure))

    def _unreachable(self, why: str) -> DatabaseUnreachable:
        return DatabaseUnreachable(self.url, why, self.backend.URL_NAMES)

    def remember(self, *, refresh: bool = False) -> None:
        """Read schema and tenants only once from now on, until `forget`: a run sees one state of both.

        With `refresh`, what was read before is read again when it is next needed.
        """
        if refresh:
            self.forget()
        self._remembers = True

    def forget(self) -> None:
        """Read schema and tenants whenever they are asked for."""
        self._remembers, self._schema, self._tenants = False, None, None

    def schema(self, connection: Connection) -> BillingSchema:
        """Return the billing tables that the database has; see `remember` for when they are read.

        Raises UnsuitableSchema, which lists all missing or unsuitable tables and columns, and OwnTablesNotTrusted.
        """
        schema = self._schema or self._read_schema(connection)
        if self._remembers:
            self._schema = schema
        return schema

    @tried_again
    def known_schema(self) -> BillingSchema:
        """Return what `schema` returns, in a snapshot of its own if it has to be read. Raises what that raises."""
        if self._schema is not None:
            return self._schema
        with self.snapshot() as connection:
            return self.schema(connection)

    def _read_schema(self, connection: Connection) -> BillingSchema:
        try:
            schema, problems = read_schema(connection, tuple(STEPS.values()), self._mapping)
        except DBAPIError as error:
            if self.backend.failure_of(error) is not Failure.NO_DATABASE:
                raise
            raise UnsuitableSchema(self.url, [reason(error)]) from None
        examined = self.backend.catalogue(connection, schema)
        if problems or examined.problems:
            raise UnsuitableSchema(self.url, [*problems, *examined.problems])
        self._standby = examined.note
        schema = known_schema(replace(schema, catalogue=examined.catalogue))
        self._require_ours(connection, schema)
        return schema

    def header(self, schema: BillingSchema | None = None) -> list[str]:
        """Return lines for the start of a command: where the tables are, and what a person should know about them.

        `schema` is that of an open snapshot. Without it, raises what `known_schema` raises.
        """
        known, unread = schema or self.known_schema(), None
        if tables := may_lack_tenant(known):
            with self.snapshot() as connection:
                unread = rows_without_tenant(connection, tables)
        where = f"Tables: {known.catalogue.where}" if known.catalogue.where else None
        return [line for line in (where, self._standby, unread, known.catalogue.slow) if line]

    def make_own_tables(
        self, connection: Connection, *, to_roll_back: bool = False, only: Sequence[str] = ()
    ) -> BillingSchema:
        """Create the missing ones of our own tables, or of those that are named, and return the schema with them.

        To roll back, create only the tables that version 1.0.0 did not have: the other tables that a rollback reads
        must exist, and an empty new table would hide that one was lost. Raises what `schema` raises.
        """
        known = self._schema
        if known is None or own_tables_present(connection, known.own_names) != known.own_tables_present:
            known = self._read_schema(connection)  # another process may have created some since
        schema = known.make_own_tables(connection, only or (RECORDS if to_roll_back else ()), known.own_tables_present)
        self._require_ours(connection, schema)
        if self._remembers:
            self._schema = schema
        return schema

    @tried_again
    def rows_of_each(self) -> dict[Any, int]:
        """Return the number of invoices and payments of each tenant id. Raises what `snapshot` and `schema` raise."""
        with self.snapshot() as connection:
            return rows_of_each(connection, self.schema(connection))

    @tried_again
    def every_tenant(self) -> list[Tenant]:
        """Return all tenants in the order of their ids, without the skipped ones; see `remember`.

        Raises what `snapshot` and `schema` raise.
        """
        return self._read_tenants()[0]

    def skipped_tenants(self, wanted: Sequence[str] = ()) -> list[SkippedTenant]:
        """Return the tenants (those with these keys, or all) whose ids cannot be the keys of partitions.

        They are skipped: report them. Raises what `every_tenant` raises.
        """
        return [one for one in self._read_tenants()[1] if not wanted or one.key in wanted]

    def _read_tenants(self) -> tuple[list[Tenant], list[SkippedTenant]]:
        if self._tenants is not None:
            return self._tenants
        with self.snapshot() as connection:
            found = live_tenants(connection, self.schema(connection))
        if self._remembers:
            self._tenants = found
        return found

    def tenants(self, wanted: Sequence[str] = ()) -> list[Tenant]:
        """Return the tenants with these keys in this order, or all in the order of their ids.

        Tenants with illegal ids are left out: see `skipped_tenants`. Raises UnknownTenant, IllegalTenantId if no other
        tenant is left, NoTenants, and what `every_tenant` raises.
        """
        return named_tenants(self.url, *self._read_tenants(), wanted)

    def tenant_keys(self, wanted: Sequence[str]) -> list[str]:
        """Return the keys of tenants that a user named by id or by exact name. Raises what `keys_of` raises.

        Only for what a person typed: the key of a partition is always an id.
        """
        return keys_of(*self._read_tenants(), wanted) if wanted else []

    def grants(self, purpose: str, role: str) -> str:
        """Return the SQL that grants a role the rights for one purpose. Raises InvalidSettings and as `schema`."""
        self.backend.require_roles()
        with self.snapshot() as connection:
            schema = self.schema(connection)
            printed = self.backend.grants(connection, schema, Purpose(purpose), role)
            hidden = self.backend.hidden_from(connection, schema, role)
        if hidden:
            raise UnsuitableSchema(self.url, hidden)
        return printed

    def require_writable(self, steps: Sequence[str] = MIGRATION, *, to_roll_back: bool = False) -> None:
        """Raise NotWritable if a live run of these steps or a rollback could not write here."""
        with self.snapshot() as connection:
            schema = self.schema(connection)
            problems = self.backend.obstacles(
                self._url, connection, schema, [STEPS[name] for name in steps], to_roll_back=to_roll_back
            )
        if problems:
            raise NotWritable(self.url, problems, "rollback" if to_roll_back else "migrate")

    def lock(self, tenant: Tenant, run_id: str = "unnamed") -> None:
        """Lock the tenant for a run until `release` or the end of this process. A second call does nothing.

        Raises TenantLocked, which names the run that has locked it. Until `release`, every later call for this tenant
        raises it again, so that a run that was refused one step does not run the next.
        """
        self._locks.take(tenant.key, partial(self._take, tenant, run_id), partial(self._locked, tenant))

    def checked(self, tenant: Tenant) -> set[Hashable]:
        """Return what this process has checked of a tenant that it has locked, to add to; empty until it is locked.

        It holds while the tenant is locked, because no other run changes the tenant meanwhile.
        """
        return self._locks.checked(tenant.key)

    def lock_within(
        self,
        connection: Connection,
        schema: BillingSchema,
        tenant: Tenant,
        run_id: str,
        *,
        to_roll_back: bool = False,
        writes: bool = True,
    ) -> None:
        """Lock the tenant for this transaction too, in case the connection of the first lock is cut; call it first.

        This also locks and verifies our own tables. `writes` is False for a transaction that only plans. Raises
        TenantLocked and OwnTablesNotTrusted.
        """
        self.lock_own_tables(connection, schema, to_roll_back=to_roll_back)
        if not writes and self.backend.PLANS_FIRST:  # a lock of a transaction that reads one snapshot keeps others out
            return
        owner = LockOwner.this_process(run_id)
        if not self.backend.lock_tenant_within(connection, schema, tenant.id, tenant.key, owner):
            raise self._locked(tenant, LockScope.step)

    def lock_own_tables(self, connection: Connection, schema: BillingSchema, *, to_roll_back: bool = False) -> None:
        """Prevent changes to the definitions of our own tables during this transaction; call it first.

        Raises OwnTablesNotTrusted if others changed these tables, or functions that our statements call.
        """
        self.backend.lock_own_tables(connection, schema, to_roll_back=to_roll_back)
        self._require_ours(connection, schema, known=True)

    def _require_ours(self, connection: Connection, schema: BillingSchema, *, known: bool = False) -> None:
        problems = self.backend.own_table_problems(connection, schema, known=known)
        if problems:
            raise OwnTablesNotTrusted(self.url, problems)

    def release(self) -> None:
        """Release the locks of all tenants."""
        self._locks.release()

    def _take(self, tenant: Tenant, run_id: str) -> TenantLock | None:
        try:
            return self.backend.lock_tenant(self._url, tenant.key, LockOwner.this_process(run_id))
        except LockUnavailable as error:
            raise NotWritable(self.url, [str(error)]) from None
        except SQLAlchemyError as error:
            raise self._unreachable(reason(error)) from None

    def _locked(self, tenant: Tenant, scope: LockScope = LockScope.run) -> TenantLocked:
        with self.snapshot() as connection:
            schema = self.schema(connection)
            owner = self.backend.lock_owner(self._url, connection, tenant.key, scope)
            return tenant_locked(connection, schema, tenant, owner)
