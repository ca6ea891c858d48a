"""The billing database: how it is reached, read in one snapshot, written in one transaction, and locked per tenant.

`BillingDatabase` joins a URL with its engine and turns errors of drivers into ours. Add here what callers need whatever
the engine; what depends on the engine belongs in `engines`. No rule of the migration is here, and no Dagster.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cached_property, partial
from pathlib import Path

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from meter_assets.billing.own_tables import RECORDS
from meter_assets.billing.policy import Policy
from meter_assets.billing.reflection import own_tables_present, read_schema
from meter_assets.billing.schema import BillingSchema
from meter_assets.engines import parse_url, urls
from meter_assets.engines.base import (
    Failure,
    LockOwner,
    LockScope,
    LockUnavailable,
    Purpose,
    TenantLock,
    reason,
)
from meter_assets.errors import (
    DatabaseBusy,
    DatabaseUnreachable,
    DemoDatabaseMissing,
    NotWritable,
    OwnTablesNotTrusted,
    StatementFailed,
    TenantLocked,
    UnsuitableSchema,
)
from meter_assets.migration.snapshot import Snapshot
from meter_assets.migration.tenant_locks import TenantLocks, tenant_locked
from meter_assets.migration.tenants import Tenant as Tenant
from meter_assets.migration.tenants import live_tenants, named_tenants
from meter_assets.rules.steps import MIGRATION, STEPS


class BillingDatabase:
    """One billing database, named by a SQLAlchemy URL."""

    def __init__(self, url: str, *, demo: Path | None = None) -> None:
        """Take a URL such as sqlite:////srv/billing.db or postgresql://user@host/billing.

        `demo` is where the demo database would be. Raises InvalidSettings for what is not a URL, or the URL of an
        engine that is not supported.
        """
        self.backend, self._url = parse_url(url)
        self._demo = demo
        self._locks = TenantLocks()
        self._remembers = False
        self._schema: BillingSchema | None = None
        self._tenants: list[Tenant] | None = None

    @property
    def url(self) -> str:
        """The URL as a person may see it: with its secrets masked."""
        return urls.shown(self._url)

    @property
    def identity(self) -> tuple[tuple[str, str], ...]:
        """What tells this database, with its role and options, from others: no password is in it."""
        return self.backend.identity(self._url)

    @property
    def file(self) -> Path | None:
        """The database's file, where it is one."""
        return self.backend.file(self._url)

    @cached_property
    def engine(self) -> Engine:
        """SQLAlchemy's engine for what writes."""
        return self.backend.writer(self._url)

    @cached_property
    def reader(self) -> Engine:
        """SQLAlchemy's engine for what only reads."""
        return self.backend.reader(self._url)

    def python_for(self, statement: str) -> str | None:
        """Return Python code that runs a statement, where the database comes without a client of its own."""
        return self.backend.python_for(self._url, statement)

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """Open a read-only transaction that sees one state of the database throughout.

        Raises DatabaseUnreachable, DemoDatabaseMissing, and StatementFailed for what the database refuses.
        """
        try:
            with self._connected(self.reader) as connection:
                connection = self.backend.read_only(connection)
                with connection.begin():
                    yield connection
        except DBAPIError as error:
            forbidden = self.backend.failure_of(error) is Failure.REFUSED
            raise StatementFailed(self.url, reason(error), forbidden=forbidden) from error

    @contextmanager
    def read(self, policy: Policy) -> Iterator[Snapshot]:
        """Open a snapshot with the schema, to be read under a policy. Raises what `snapshot` and `schema` raise."""
        with self.snapshot() as connection:
            yield Snapshot(connection, self.schema(connection), policy)

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
            if self.backend.failure_of(error) is Failure.REFUSED:
                raise NotWritable(self.url, [reason(error)]) from error
            raise

    def ddl_lock(self) -> AbstractContextManager[None]:
        """Wait until no other process creates our own tables here. Raises what `transaction` raises."""
        return self.backend.ddl_lock(self.transaction)

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
            raise

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

        Raises UnsuitableSchema, naming all that is missing or unfit at once, and OwnTablesNotTrusted.
        """
        schema = self._schema or self._read_schema(connection)
        if self._remembers:
            self._schema = schema
        return schema

    def known_schema(self) -> BillingSchema:
        """Return what `schema` returns, in a snapshot of its own if it has to be read. Raises what that raises."""
        if self._schema is not None:
            return self._schema
        with self.snapshot() as connection:
            return self.schema(connection)

    def _read_schema(self, connection: Connection) -> BillingSchema:
        try:
            schema, problems = read_schema(connection, tuple(STEPS.values()))
        except DBAPIError as error:
            if self.backend.failure_of(error) is not Failure.NO_DATABASE:
                raise
            raise UnsuitableSchema(self.url, [reason(error)]) from None
        if problems:
            raise UnsuitableSchema(self.url, problems)
        self._require_ours(connection, schema)
        return schema

    def make_own_tables(self, connection: Connection, *, to_roll_back: bool = False) -> BillingSchema:
        """Create those of our own tables that are missing, and return the schema that has them.

        To roll back, only those that the released version before this one did not have: what a rollback reads is there,
        and a table made for it would stand, empty, for one that was lost. Raises what `schema` raises.
        """
        known = self._schema
        if known is None or own_tables_present(connection, known.steps) != known.own_tables_present:
            known = self._read_schema(connection)  # another process may have created some since
        schema = known.make_own_tables(connection, RECORDS if to_roll_back else ())
        self._require_ours(connection, schema)
        if self._remembers:
            self._schema = schema
        return schema

    def every_tenant(self) -> list[Tenant]:
        """Return all tenants in the order of their ids; see `remember`. Raises what `snapshot` and `schema` raise."""
        if self._tenants is not None:
            return self._tenants
        with self.snapshot() as connection:
            found = live_tenants(connection, self.schema(connection))
        if self._remembers:
            self._tenants = found
        return found

    def tenants(self, wanted: Sequence[str] = ()) -> list[Tenant]:
        """Return the tenants with these keys in this order, or all in the order of their ids.

        Raises UnknownTenant, IllegalTenantId, NoTenants, and what `every_tenant` raises.
        """
        return named_tenants(self.url, self.every_tenant(), wanted)

    def grants(self, purpose: str, role: str) -> str:
        """Return the SQL that lets a role do one thing only. Raises InvalidSettings, and what `schema` raises."""
        self.backend.require_roles()
        with self.snapshot() as connection:
            return self.backend.grants(connection, self.schema(connection), Purpose(purpose), role)

    def require_writable(self, *, to_roll_back: bool = False) -> None:
        """Raise NotWritable if a live run, or a rollback, could not write here."""
        with self.snapshot() as connection:
            schema = self.schema(connection)
            problems = self.backend.obstacles(
                self._url, connection, schema, [STEPS[name] for name in MIGRATION], to_roll_back=to_roll_back
            )
        if problems:
            raise NotWritable(self.url, problems, "rollback" if to_roll_back else "migrate")

    def lock(self, tenant: Tenant, run_id: str = "unnamed") -> None:
        """Take the tenant's lock for a run until `release`; it goes with this process. Taking it again does nothing.

        Raises TenantLocked, naming the run that holds it: then and, until `release`, whenever it is asked again, so
        that a run which was refused one step does not make the next.
        """
        self._locks.take(tenant.key, partial(self._take, tenant, run_id), partial(self._locked, tenant))

    def lock_within(
        self, connection: Connection, schema: BillingSchema, tenant: Tenant, run_id: str, *, to_roll_back: bool = False
    ) -> None:
        """Take the tenant for one transaction too, should the connection of the first lock be cut off; call it first.

        Our own tables are locked too, and verified. Raises TenantLocked and OwnTablesNotTrusted.
        """
        self.lock_own_tables(connection, schema, to_roll_back=to_roll_back)
        if not self.backend.lock_tenant_within(connection, tenant.key, LockOwner.this_process(run_id)):
            raise self._locked(tenant, LockScope.step)

    def lock_own_tables(self, connection: Connection, schema: BillingSchema, *, to_roll_back: bool = False) -> None:
        """Keep our own tables as they are for one transaction, of which this is the first call.

        Raises OwnTablesNotTrusted where they, or what statements call, are not ours.
        """
        self.backend.lock_own_tables(connection, schema, to_roll_back=to_roll_back)
        self._require_ours(connection, schema, known=True)

    def _require_ours(self, connection: Connection, schema: BillingSchema, *, known: bool = False) -> None:
        problems = self.backend.own_table_problems(connection, schema, known=known)
        if problems:
            raise OwnTablesNotTrusted(self.url, problems)

    def release(self) -> None:
        """Let go of every tenant that is held."""
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
