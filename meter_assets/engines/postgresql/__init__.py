"""The PostgreSQL engine, through psycopg2: it implements the protocol of `engines.base`.

Add here the function for a new method of the protocol. Connections are in `connections`, the settings of our
transactions in `sessions`, waits for locks of others in `waiting`, the locks of tenants in `locks`, the verification of
our own tables in `own_tables`, the rights of roles in `grants`, SQL constructs and types in `constructs`, copies for a
rehearsal in `copies`, `scratch` and `dumps`.
"""

import os
from collections.abc import Sequence
from typing import Any

import psycopg2
from psycopg2.extensions import make_dsn
from sqlalchemy import URL, Connection, Engine, Numeric, Select, func, inspect, make_url, select
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.types import TypeEngine

from meter_assets.billing.own_tables import JournaledStep
from meter_assets.billing.schema import BillingSchema
from meter_assets.engines import urls
from meter_assets.engines.base import Examined, Failure, Load, LockOwner, LockScope
from meter_assets.engines.postgresql import constructs as constructs
from meter_assets.engines.postgresql import sessions, temporary_tables
from meter_assets.engines.postgresql.catalogue import hidden_rows, read_catalogue
from meter_assets.engines.postgresql.connections import connections_kept as connections_kept
from meter_assets.engines.postgresql.connections import writer as writer
from meter_assets.engines.postgresql.copies import copy_tables as copy_tables
from meter_assets.engines.postgresql.dumps import is_dump as is_dump
from meter_assets.engines.postgresql.dumps import restore as restore
from meter_assets.engines.postgresql.grants import grants as grants
from meter_assets.engines.postgresql.grants import obstacles_of
from meter_assets.engines.postgresql.locks import (
    LOAD,
    READ_CURRENT_ROWS,
    AdvisoryLock,
    take_within,
    wait_to_make_tables,
)
from meter_assets.engines.postgresql.own_tables import lock_own_tables as lock_own_tables
from meter_assets.engines.postgresql.own_tables import own_table_problems as own_table_problems
from meter_assets.engines.postgresql.scratch import claim_scratch as claim_scratch
from meter_assets.engines.postgresql.scratch import release_scratch as release_scratch
from meter_assets.engines.sessions import connection_changes_session
from meter_assets.engines.temporary import create_temporary
from meter_assets.foreign_text import quoted

NAME = "postgresql"
SCHEMES: tuple[str, ...] = ("postgresql", "postgres", "postgresql+psycopg2")
SECONDS_UNTIL_BUSY: float = 0
"""No program can lock the whole database."""
TEMPORARY_SCHEMA: str | None = temporary_tables.SCHEMA
PLANS_FIRST = False
WRITES_AT_ONCE = True
URL_NAMES = "names a running server, its port, user and database"
_FAILURES = {
    "40001": Failure.CONFLICT,  # serialization_failure; also a standby's conflict with recovery
    "40P01": Failure.CONFLICT,  # deadlock_detected
    "55P03": Failure.KEPT_WAITING,  # lock_not_available
    "55006": Failure.KEPT_WAITING,  # object_in_use
    "22021": Failure.UNREADABLE,  # character_not_in_repertoire
    "42501": Failure.REFUSED,  # insufficient_privilege
    "25006": Failure.REFUSED,  # read_only_sql_transaction
    # Classes: the first two characters.
    "08": Failure.ENDED,  # connection exception
    "0A": Failure.SCHEMA,  # feature not supported
    "22": Failure.DATA,  # data exception
    "23": Failure.DATA,  # integrity constraint violation
    "25": Failure.ENDED,  # invalid transaction state, such as a time-out of an idle transaction
    "40": Failure.CONFLICT,  # transaction rollback
    "42": Failure.SCHEMA,  # syntax error or access rule violation
    "44": Failure.DATA,  # WITH CHECK OPTION violation
    "53": Failure.RESOURCES,  # insufficient resources
    "54": Failure.RESOURCES,  # program limit exceeded
    "55": Failure.SCHEMA,  # object not in prerequisite state, such as a view that cannot be updated
    "57": Failure.ENDED,  # operator intervention
    "58": Failure.INTERNAL,  # system error
    "P0": Failure.DATA,  # raised by a trigger or function of the database
    "XX": Failure.INTERNAL,  # internal error
}
_RECOVERY = "conflict with recovery"
"""What a standby says when it cancels a query for what it replays; it has no code of its own for it."""
_PLACES = {
    "schema_name": "schema",
    "table_name": "table",
    "column_name": "column",
    "datatype_name": "type",
    "constraint_name": "constraint",
}


def sql_of_page(sql: str) -> str:
    """Return the statement as it is: the pages are written for this engine."""
    return sql


def parse_url(given: str) -> URL:
    """Return the URL with the driver that Dagster's storage can use too. Raises InvalidUrl.

    SQLAlchemy 2.1 uses psycopg 3 by default. Several hosts may be named as in the URLs of PostgreSQL's own programs.
    """
    given = urls.with_hosts_as_options(given)
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
    """Return all parts except the password, normalized: host, default port, and options that stand for parts.

    Of the environment variables that the driver reads, only the one for the port is considered.
    """
    given = urls.parts(url)
    given["host"] = given.get("host", "").lower()
    given.setdefault("port", os.environ.get("PGPORT", "5432"))
    return tuple(sorted({**given, "engine": NAME}.items()))


def file(url: URL) -> None:
    """Return None: the database is on a server."""
    return None


def python_for(url: URL, statement: str) -> None:
    """Return None: every user of the server has a client program."""
    return None


def why_missing(url: URL) -> None:
    """Return None: this can only be found out by connecting."""
    return None


def reader(url: URL) -> Engine:
    """Return the engine for writing: `read_only` makes its transactions read-only."""
    return writer(url)


def read_only(connection: Connection) -> Connection:
    """Return the connection with transactions that cannot write."""
    return connection.execution_options(postgresql_readonly=True)


def begin_planning(connection: Connection) -> None:
    """Do nothing: every transaction reads one snapshot."""


def prepare_batch(
    connection: Connection, milliseconds_to_wait: int | None, *, by_index: bool, one_snapshot: bool
) -> None:
    """Let each statement read the current rows: with one snapshot, a concurrent change would end the batch."""
    if not one_snapshot:
        connection.exec_driver_sql(READ_CURRENT_ROWS)
    if milliseconds_to_wait is not None:
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = {milliseconds_to_wait}")
    if by_index:
        # A batch has few rows; looking them up in an index is faster than reading the rows of all tenants.
        connection.exec_driver_sql("SET LOCAL enable_nestloop = on")


def load(connection: Connection, table: str) -> Load:
    """Return who waits for this transaction, and how far replicas and autovacuum are behind."""
    connection.execute(select(func.pg_stat_clear_snapshot()))  # a transaction sees the sessions of its first look
    waiting, lag, dead, live = connection.execute(LOAD, {"table": table}).one()
    return Load(bool(waiting), float(lag or 0), float(dead or 0) / max(1.0, float(live or 0)))


def session_of(connection: Connection) -> int:
    """Return the id of the server's process that executes the current transaction."""
    return sessions.session_of(connection)


def shares_sessions(url: URL) -> bool:
    """Return whether a pooler gives the transactions of one connection to several processes of the server."""
    return connection_changes_session(writer(url), session_of)


def failure_of(error: DBAPIError) -> Failure | None:
    """Return what the server's error code, or its class, means; an error without a code is the driver's own."""
    original = error.orig
    if not isinstance(original, psycopg2.Error):
        return None
    code = original.pgcode
    if _RECOVERY in str(original):  # also without a code, where the standby ends the connection
        return Failure.CONFLICT
    if not code:
        if isinstance(original, psycopg2.DataError):
            return Failure.UNREADABLE
        lost = isinstance(original, psycopg2.OperationalError | psycopg2.InterfaceError)
        return Failure.ENDED if lost else None
    return _FAILURES.get(code) or _FAILURES.get(code[:2])


def place_of(error: DBAPIError) -> str:
    """Return what the server says beside its message."""
    diagnostics = getattr(error.orig, "diag", None)
    found = {what: getattr(diagnostics, name, None) for name, what in _PLACES.items()}
    return ", ".join(f"{what} {quoted(name)}" for what, name in found.items() if name)


def role_of(connection: Connection) -> str | None:
    """Return the current role, as which statements are executed."""
    return str(connection.execute(select(func.current_user())).scalar_one())


def unreadable(url: URL, tables: Sequence[str]) -> str:
    """Return nothing: the server converts text itself, and says which bytes it cannot convert."""
    return ""


def lock_tenant(url: URL, tenant: str, owner: LockOwner) -> AdvisoryLock | None:
    """Acquire an advisory lock in a transaction of a separate connection."""
    return AdvisoryLock.take(writer(url), tenant, owner)


def lock_tenant_within(
    connection: Connection, schema: BillingSchema, tenant_id: Any, tenant: str, owner: LockOwner
) -> bool:
    """Acquire an advisory lock for the transaction."""
    return take_within(connection, tenant, owner)


def lock_owner(url: URL, connection: Connection, tenant: str, scope: LockScope) -> LockOwner | None:
    """Return the owner of the advisory lock."""
    return AdvisoryLock.owner(connection, tenant, scope)


def lock_ddl(connection: Connection) -> None:
    """Acquire an advisory lock; after the wait, the transaction reads what others have created meanwhile."""
    wait_to_make_tables(connection)


def catalogue(connection: Connection, schema: BillingSchema) -> Examined:
    """Return where the tables are, their triggers and constraints, and what hides rows or columns from this role."""
    return read_catalogue(connection, schema)


def other_schemas(connection: Connection) -> list[str]:
    """Return the schemas of this database that are not the server's own."""
    inspector = inspect(connection)
    names = [one for one in inspector.get_schema_names() if one != inspector.default_schema_name]
    return [one for one in names if not one.startswith("pg_") and one != "information_schema"]


def hidden_from(connection: Connection, schema: BillingSchema, role: str) -> list[str]:
    """Return the tables whose row security applies to the role."""
    return hidden_rows(connection, schema, role)


def obstacles(
    url: URL, connection: Connection, schema: BillingSchema, steps: Sequence[JournaledStep], *, to_roll_back: bool
) -> list[str]:
    """Return the rights that the role lacks, and the server's settings that prevent writing."""
    return obstacles_of(connection, schema, steps, to_roll_back)


def how_to_let_write(purpose: str) -> str:
    """Return the command that prints the needed rights."""
    return f"Give the role that right: 'meter-assets grants {purpose} ROLE' prints what it needs;"


def require_roles() -> None:
    """Do nothing: there are roles."""


def capacity(kind: TypeEngine[Any]) -> tuple[int, int] | None:
    """Return the declared precision and scale of a NUMERIC."""
    if not isinstance(kind, Numeric) or kind.precision is None:
        return None
    return kind.precision, kind.scale or 0


def analyze_if_never(connection: Connection) -> None:
    """Do nothing: the server gathers statistics by itself."""


def begin_reading(connection: Connection) -> bool:
    """Let the transaction write nothing but temporary tables, if it may have these."""
    return temporary_tables.begin_reading(connection)


def may_materialize(connection: Connection) -> bool:
    """Return whether the role may have temporary tables, and the server is no standby."""
    return temporary_tables.may_materialize(connection)


def materialize(connection: Connection, name: str, rows: Select[Any], *, reads_only: bool, by_index: bool) -> None:
    """Compute rows into a table that is dropped at the end of the transaction."""
    temporary_tables.materialize(connection, name, rows, reads_only=reads_only, by_index=by_index)


def require_whole_values(connection: Connection) -> None:
    """Do nothing: a statement that cannot read a value raises an error."""


def keep(connection: Connection, name: str, rows: Select[Any]) -> None:
    """Create the table with its rows, and gather statistics: the server does not do so by itself."""
    create_temporary(connection, name, rows, TEMPORARY_SCHEMA)
    connection.exec_driver_sql(f"ANALYZE {TEMPORARY_SCHEMA}.{name}")
