"""The engine of MySQL 8 and MariaDB, through PyMySQL: it implements the protocol of `engines.base`.

These servers have one kind of snapshot, for reading: a statement that writes reads the newest rows. So a step is
planned in a snapshot and written in another transaction, see `PLANS_FIRST`. Add here the function for a new method of
the protocol. The options of URLs are in `options`, connections and the settings of sessions in `connections`, waits for
locks of others in `waiting`, the locks of tenants in `locks`, the verification of our own tables in `own_tables`, the
rights of users in `grants`, SQL constructs and types in `constructs`.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import URL, Connection, Numeric, Select, func, make_url, select
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.types import TypeEngine

from meter_assets.billing.own_tables import JournaledStep
from meter_assets.billing.schema import BillingSchema
from meter_assets.engines import urls
from meter_assets.engines.base import Examined, Load, LockOwner, LockScope
from meter_assets.engines.mysql import constructs as constructs
from meter_assets.engines.mysql import locks, options, temporary_tables
from meter_assets.engines.mysql.catalogue import read_catalogue
from meter_assets.engines.mysql.connections import (
    READS,
    SECONDS_TO_WAIT_FOR_A_LOCK,
    lock_connections,
    require_driver,
    set_isolation,
)
from meter_assets.engines.mysql.connections import connections_kept as connections_kept
from meter_assets.engines.mysql.connections import reader as reader
from meter_assets.engines.mysql.connections import writer as writer
from meter_assets.engines.mysql.copies import copy_tables as copy_tables
from meter_assets.engines.mysql.copies import is_dump as is_dump
from meter_assets.engines.mysql.copies import restore as restore
from meter_assets.engines.mysql.failures import CUT_OFF, cut_off
from meter_assets.engines.mysql.failures import failure_of as failure_of
from meter_assets.engines.mysql.grants import grants as grants
from meter_assets.engines.mysql.grants import obstacles_of
from meter_assets.engines.mysql.own_tables import lock_own_tables as lock_own_tables
from meter_assets.engines.mysql.own_tables import own_table_problems as own_table_problems
from meter_assets.engines.mysql.pages import sql_of_page as sql_of_page
from meter_assets.engines.mysql.scratch import claim_scratch as claim_scratch
from meter_assets.engines.mysql.scratch import release_scratch as release_scratch
from meter_assets.engines.sessions import connection_changes_session

NAME = "mysql"
SCHEMES: tuple[str, ...] = ("mysql", "mariadb", "mysql+pymysql", "mariadb+pymysql")
SECONDS_UNTIL_BUSY: float = 0
"""No program can lock the whole database."""
TEMPORARY_SCHEMA: str | None = None
WRITES_AT_ONCE = True
PLANS_FIRST = True
URL_NAMES = "names a running server, its port, user and database"
_PORT = "3306"


def parse_url(given: str) -> URL:
    """Return the URL with the driver PyMySQL. Raises InvalidUrl, and InvalidSettings without the driver."""
    urls.check(given)
    try:
        url = make_url(given)
    except ArgumentError:
        raise urls.InvalidUrl("it cannot be read as a URL") from None
    if not url.database:
        raise urls.InvalidUrl("it names no database")
    require_driver()
    options.check(url)
    return url.set(drivername="mysql+pymysql")


def identity(url: URL) -> tuple[tuple[str, str], ...]:
    """Return all parts except the password, normalized: host and default port."""
    given = urls.parts(url)
    given["host"] = given.get("host", "").lower()
    given.setdefault("port", _PORT)
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


def read_only(connection: Connection) -> Connection:
    """Return the connection: the transactions of `reader` are rolled back."""
    return connection


def begin_planning(connection: Connection) -> None:
    """Let the transaction read one snapshot."""
    set_isolation(connection, READS)


def prepare_batch(
    connection: Connection, milliseconds_to_wait: int | None, *, by_index: bool, one_snapshot: bool
) -> None:
    """Let each statement read the current rows, or with one snapshot those of its first statement."""
    if one_snapshot:
        set_isolation(connection, READS)
    seconds = SECONDS_TO_WAIT_FOR_A_LOCK
    if milliseconds_to_wait is not None:
        seconds = max(1, round(milliseconds_to_wait / 1000))  # these servers count in seconds
    connection.exec_driver_sql(f"SET SESSION innodb_lock_wait_timeout = {seconds}")


def load(connection: Connection, table: str) -> Load:
    """Return whether others wait for this transaction, if this user may know that."""
    return Load(locks.others_wait(connection))


def session_of(connection: Connection) -> int:
    """Return the number of the session."""
    return int(connection.scalars(select(func.connection_id())).one())


def shares_sessions(url: URL) -> bool:
    """Return whether a proxy gives the transactions of one connection to several sessions of the server."""
    return connection_changes_session(writer(url), session_of)


def place_of(error: DBAPIError) -> str:
    """Return nothing: the message says it all."""
    return ""


def role_of(connection: Connection) -> str | None:
    """Return the account whose rights the connection has."""
    return str(connection.execute(select(func.current_user())).scalar_one())


def unreadable(url: URL, tables: Sequence[str]) -> str:
    """Return nothing: the server converts text itself."""
    return ""


def lock_tenant(url: URL, tenant: str, owner: LockOwner) -> locks.NamedLock | None:
    """Acquire a named lock in a connection of its own."""
    return locks.NamedLock.take(lock_connections(url, locks.program_of(owner)), tenant)


def lock_tenant_within(
    connection: Connection, schema: BillingSchema, tenant_id: Any, tenant: str, owner: LockOwner
) -> bool:
    """Lock the tenant's first record for this transaction."""
    return locks.take_within(connection, schema, tenant_id)


def lock_owner(url: URL, connection: Connection, tenant: str, scope: LockScope) -> LockOwner | None:
    """Return the owner of the named lock."""
    return locks.owner_of(connection, tenant, scope)


def lock_ddl(connection: Connection) -> None:
    """Acquire a named lock until the connection is given back."""
    locks.wait_to_make_tables(connection)


def catalogue(connection: Connection, schema: BillingSchema) -> Examined:
    """Return the triggers, constraints and indexes, and what makes the tables unsuitable."""
    return read_catalogue(connection, schema)


def other_schemas(connection: Connection) -> list[str]:
    """Return none: a database is one schema."""
    return []


def hidden_from(connection: Connection, schema: BillingSchema, role: str) -> list[str]:
    """Return nothing: these servers do not hide rows from a user."""
    return []


def obstacles(
    url: URL, connection: Connection, schema: BillingSchema, steps: Sequence[JournaledStep], *, to_roll_back: bool
) -> list[str]:
    """Return the rights that the user lacks, and the server's settings that prevent writing."""
    return obstacles_of(connection, schema, steps, to_roll_back)


def how_to_let_write(purpose: str) -> str:
    """Return the command that prints the needed rights."""
    return f"Give the user that right: 'meter-assets grants {purpose} USER' prints what it needs;"


def require_roles() -> None:
    """Do nothing: there are users and roles."""


def capacity(kind: TypeEngine[Any]) -> tuple[int, int] | None:
    """Return the declared precision and scale of a DECIMAL."""
    if not isinstance(kind, Numeric) or kind.precision is None:
        return None
    return kind.precision, kind.scale or 0


def analyze_if_never(connection: Connection) -> None:
    """Do nothing: the server gathers statistics by itself."""


def begin_reading(connection: Connection) -> bool:
    """Return True: a transaction of `reader` is rolled back at its end, whatever it wrote."""
    return may_materialize(connection)


def may_materialize(connection: Connection) -> bool:
    """Return whether this user may have temporary tables."""
    return temporary_tables.may_create(connection)


def materialize(connection: Connection, name: str, rows: Select[Any], *, reads_only: bool, by_index: bool) -> None:
    """Compute rows into a table that is dropped when the connection is given back."""
    temporary_tables.materialize(connection, name, rows)


def require_whole_values(connection: Connection) -> None:
    """Raise DBAPIError for a warning of the last statement: connections themselves see those of rows at once only."""
    for _, code, said in connection.exec_driver_sql("SHOW WARNINGS"):
        if code in CUT_OFF:
            raise cut_off(code, said)


def keep(connection: Connection, name: str, rows: Select[Any]) -> None:
    """Compute rows into a table that is dropped with the connection."""
    temporary_tables.create(connection, name, rows, ["id"], unique=True)
