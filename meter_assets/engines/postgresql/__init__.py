"""PostgreSQL: snapshots that conflict, roles, advisory locks and exact decimals, through psycopg2.

This module implements the protocol of `engines.base`. Tenant locks are in `locks`, what must not be in our own tables
in `own_tables`, what a role needs in `grants`, SQL constructs and types in `constructs`.
"""

import os
import select
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from typing import Any

import psycopg2
import psycopg2.extensions
from psycopg2.extensions import make_dsn
from sqlalchemy import URL, Connection, Engine, NullPool, Numeric, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.types import TypeEngine

from meter_assets.billing.own_tables import JournaledStep
from meter_assets.billing.schema import BillingSchema
from meter_assets.engines import urls
from meter_assets.engines.base import Failure, LockOwner, LockScope
from meter_assets.engines.postgresql import constructs as constructs
from meter_assets.engines.postgresql.grants import grants as grants
from meter_assets.engines.postgresql.grants import obstacles_of
from meter_assets.engines.postgresql.locks import AdvisoryLock, take_within, wait_to_make_tables
from meter_assets.engines.postgresql.own_tables import lock_own_tables as lock_own_tables
from meter_assets.engines.postgresql.own_tables import own_table_problems as own_table_problems

NAME = "postgresql"
SCHEMES: tuple[str, ...] = ("postgresql", "postgres", "postgresql+psycopg2")
SECONDS_UNTIL_BUSY: float = 0
"""Nobody can keep the whole database locked."""
URL_NAMES = "names a server that runs, its port, user and database"
_FAILURES = {
    "40001": Failure.CONFLICT,  # serialization_failure
    "40P01": Failure.CONFLICT,  # deadlock_detected
    "55P03": Failure.KEPT_WAITING,  # lock_not_available
    "42501": Failure.REFUSED,  # insufficient_privilege
    "25006": Failure.REFUSED,  # read_only_sql_transaction
}


def parse_url(given: str) -> URL:
    """Return the URL with the driver that Dagster's storage can use too. Raises InvalidUrl.

    SQLAlchemy 2.1 would by itself look for psycopg 3.
    """
    urls.check(given)
    try:
        url = make_url(given)
        make_dsn(**dict.fromkeys(url.query, "any"))
    except ArgumentError:
        raise urls.InvalidUrl("it cannot be read as a URL") from None
    except psycopg2.ProgrammingError:
        raise urls.InvalidUrl("it has an option that PostgreSQL does not know") from None
    return url.set(drivername="postgresql+psycopg2")


def identity(url: URL) -> tuple[tuple[str, str], ...]:
    """Return all but the password; spellings of the host, the default port and options for parts count as the same.

    Of what the driver takes from the environment instead, only the port is looked up.
    """
    given = urls.parts(url)
    given["host"] = given.get("host", "").lower()
    given.setdefault("port", os.environ.get("PGPORT", "5432"))
    return tuple(sorted({**given, "engine": NAME}.items()))


def file(url: URL) -> None:
    """Return None: a server keeps the database."""
    return None


def python_for(url: URL, statement: str) -> None:
    """Return None: whoever can reach the server has a client."""
    return None


def why_missing(url: URL) -> None:
    """Return None: only connecting tells."""
    return None


@cache
def writer(url: URL) -> Engine:
    """Return an engine whose transactions see one state throughout (REPEATABLE READ).

    Connections are not pooled: a run makes few, and a fork must not share one.
    """
    psycopg2.extensions.set_wait_callback(_wait_or_cancel)
    engine = create_engine(url, poolclass=NullPool, isolation_level="REPEATABLE READ")

    @event.listens_for(engine, "begin")
    def _plan_for_sets(connection: Connection) -> None:
        # PostgreSQL cannot know how many rows a rule selects, takes it for one, and would compute a subquery again
        # for every row of another: minutes for a tenant of a few hundred rows. What we join, we join whole. And
        # compiling our large queries takes longer than running them.
        connection.exec_driver_sql("SET LOCAL enable_nestloop = off; SET LOCAL jit = off")

    return engine


def reader(url: URL) -> Engine:
    """Return the engine that also writes: its transactions are made read-only one by one."""
    return writer(url)


def _wait_or_cancel(connection: Any) -> None:
    """Wait for the server, but let Ctrl-C end a running statement: by itself, the driver returns at its end only."""
    interrupt: BaseException | None = None
    while True:
        try:
            state = connection.poll()
            if state == psycopg2.extensions.POLL_OK:
                break
            if state == psycopg2.extensions.POLL_READ:
                select.select([connection.fileno()], [], [])
            else:
                select.select([], [connection.fileno()], [])
        except psycopg2.Error:
            if interrupt is None:
                raise
            break
        except BaseException as error:
            interrupt = error
            connection.cancel()
    if interrupt is not None:
        raise interrupt


def read_only(connection: Connection) -> Connection:
    """Return the connection with transactions that cannot write."""
    return connection.execution_options(postgresql_readonly=True)


def prepare_batch(connection: Connection, milliseconds_to_wait: int, *, by_index: bool) -> None:
    """Let the transaction see rows as they are by then: in one snapshot, a row changed since would end the batch."""
    connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = {milliseconds_to_wait}")
    if by_index:
        # The rows of a batch are few: among those of other tenants, they are better looked up.
        connection.exec_driver_sql("SET LOCAL enable_nestloop = on")


def failure_of(error: DBAPIError) -> Failure | None:
    """Return what the server's error code means."""
    return _FAILURES.get(getattr(error.orig, "pgcode", None) or "")


def lock_tenant(url: URL, tenant: str, owner: LockOwner) -> AdvisoryLock | None:
    """Take an advisory lock in a connection of its own."""
    return AdvisoryLock.take(writer(url), tenant, owner)


def lock_tenant_within(connection: Connection, tenant: str, owner: LockOwner) -> bool:
    """Take an advisory lock of the transaction."""
    return take_within(connection, tenant, owner)


def lock_owner(url: URL, connection: Connection, tenant: str, scope: LockScope) -> LockOwner | None:
    """Return who has the advisory lock."""
    return AdvisoryLock.owner(connection, tenant, scope)


@contextmanager
def ddl_lock(transaction: Callable[[], AbstractContextManager[Connection]]) -> Iterator[None]:
    """Take an advisory lock in a transaction of its own: the one that creates tables must begin after the wait."""
    with transaction() as connection:
        wait_to_make_tables(connection)
        yield


def obstacles(
    url: URL, connection: Connection, schema: BillingSchema, steps: Sequence[JournaledStep], *, to_roll_back: bool
) -> list[str]:
    """Return what the server and the role's rights do not allow."""
    return obstacles_of(connection, schema, steps, to_roll_back)


def how_to_let_write(purpose: str) -> str:
    """Return which command prints the rights."""
    return f"Give the role that right: 'meter-assets grants {purpose} ROLE' prints what it needs;"


def require_roles() -> None:
    """Do nothing: there are roles."""


def capacity(kind: TypeEngine[Any]) -> tuple[int, int] | None:
    """Return the precision and the scale that a NUMERIC was declared with."""
    if not isinstance(kind, Numeric) or kind.precision is None:
        return None
    return kind.precision, kind.scale or 0


def analyze_if_never(connection: Connection) -> None:
    """Do nothing: the server gathers statistics by itself."""


def analyze_temporary(connection: Connection, name: str) -> None:
    """Gather statistics: of temporary tables the server has none by itself."""
    connection.exec_driver_sql(f"ANALYZE {name}")
