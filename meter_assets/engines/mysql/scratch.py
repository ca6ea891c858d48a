"""The databases of a rehearsal on a MySQL or MariaDB server: how they are created, listed, emptied and dropped.

Which database may be used is in `engines.scratch`. What is copied into it is in `copies`.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Row, text
from sqlalchemy.dialects import mysql
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from meter_assets.engines import scratch
from meter_assets.engines.base import LockOwner, Scratch, TenantLock
from meter_assets.engines.failures import reason
from meter_assets.engines.mysql.connections import lock_connections, writer
from meter_assets.engines.mysql.locks import NamedLock, program_of
from meter_assets.engines.scratch import LOCKED_AS, MARKER, ScratchServer, is_of_a_copy
from meter_assets.engines.urls import shown as shown_url
from meter_assets.errors import InvalidSettings
from meter_assets.foreign_text import shown

_OF_EVERY_SERVER = "information_schema"
_QUOTE = mysql.dialect().identifier_preparer.quote_identifier
_WHICH = text("SELECT @@hostname, @@port, @@datadir, @@pid_file, DATABASE()")
_LOCALE = text("SELECT @@character_set_database AS characters, @@collation_database AS collation")
_EXISTS = text("SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = :name")
_TABLES = text(
    "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = DATABASE() ORDER BY table_name"
)


def claim_scratch(into: URL | None, folder: Path, billing: Connection | None) -> Scratch:
    """Create the database, or empty that of an earlier rehearsal; mark it, and lock it against other rehearsals."""
    return scratch.claim(_SERVER, into, billing)


def release_scratch(used: Scratch) -> None:
    """Drop the database if it was created for the rehearsal, otherwise what the rehearsal created in it."""
    scratch.release(_SERVER, used)


@contextmanager
def _connected(url: URL) -> Iterator[Connection]:
    with writer(url).connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        yield connection


def _elsewhere(url: URL) -> AbstractContextManager[Connection]:
    return _connected(url.set(database=_OF_EVERY_SERVER))


# Databases of a server


def _create(url: URL, like: Connection | None) -> None:
    name = _QUOTE(str(url.database))
    create = f"CREATE DATABASE {name} CHARACTER SET "
    wanted = [f"{create}utf8mb4"]
    if like is not None:
        found = like.execute(_LOCALE).one()
        wanted.insert(0, f"{create}{found.characters} COLLATE {found.collation}")
    with _elsewhere(url) as connection:
        for at, statement in enumerate(wanted, start=1):
            try:
                connection.exec_driver_sql(statement)
                return
            except DBAPIError as error:  # the other server may not have the collation
                if at == len(wanted):
                    raise scratch.not_created(url, error, f"CREATE DATABASE {shown(name)}", "user") from None


def _drop(url: URL) -> None:
    try:
        with _elsewhere(url) as connection:
            connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {_QUOTE(str(url.database))}")
    except SQLAlchemyError as error:
        raise scratch.not_dropped(url, error) from None


def _identity(connection: Connection) -> Row[Any]:
    return connection.execute(_WHICH).one()


def _lock(url: URL) -> TenantLock | None:
    owner = LockOwner.this_process(LOCKED_AS)
    return NamedLock.take(lock_connections(url, program_of(owner)), LOCKED_AS)


# The contents of a database


def _others(connection: Connection) -> list[str]:
    found = connection.scalars(_TABLES).all()
    return [name for name in found if MARKER not in found or not is_of_a_copy(name)]


def _empty(connection: Connection) -> None:
    found = connection.scalars(_TABLES).all()
    ours = [_QUOTE(name) for name in found if MARKER in found and is_of_a_copy(name)]
    if ours:
        connection.exec_driver_sql("SET SESSION foreign_key_checks = 0")
        connection.exec_driver_sql(f"DROP TABLE {', '.join(ours)}")
        connection.exec_driver_sql("SET SESSION foreign_key_checks = 1")


def _mark(connection: Connection, url: URL) -> None:
    try:
        connection.exec_driver_sql(
            f"CREATE TABLE IF NOT EXISTS {MARKER} (created_at timestamp DEFAULT CURRENT_TIMESTAMP)"
        )
    except DBAPIError as error:
        raise InvalidSettings(
            f"The user may not create tables in {shown_url(url)}: {reason(error)}. Let an administrator give it the "
            f"right (GRANT ALL ON {shown(_QUOTE(str(url.database)))}.* TO ...)."
        ) from None


_SERVER = ScratchServer(
    "MySQL or MariaDB", _elsewhere, _EXISTS, _create, _connected, _identity, _others, _lock, _empty, _mark, _drop
)
