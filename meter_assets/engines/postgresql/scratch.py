"""The databases of a rehearsal on a PostgreSQL server: how they are created, listed, emptied and dropped.

Which database may be used is in `engines.scratch`. What is copied into it is in `copies`, dumps are read in `dumps`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Row, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from meter_assets.engines import scratch, urls
from meter_assets.engines.base import LockOwner, Scratch, TenantLock
from meter_assets.engines.failures import reason
from meter_assets.engines.postgresql.connections import writer
from meter_assets.engines.postgresql.locks import AdvisoryLock
from meter_assets.engines.scratch import LOCKED_AS, MARKER, ScratchServer, is_of_a_copy
from meter_assets.errors import InvalidSettings
from meter_assets.foreign_text import shown

_MAINTENANCE = ("postgres", "template1")
"""Databases of every server, to which a role connects to create another."""
_QUOTE = postgresql.dialect().identifier_preparer.quote  # type: ignore[no-untyped-call]
_WHICH = text("SELECT pg_catalog.pg_postmaster_start_time(), pg_catalog.current_database()")
_COUNTED = text("SELECT count(*) FROM pg_catalog.pg_database WHERE datname = :name")
_LOCALE = text(
    """
SELECT pg_catalog.quote_literal(pg_catalog.pg_encoding_to_char(encoding)) AS encoding,
    pg_catalog.quote_literal(datcollate) AS collate, pg_catalog.quote_literal(datctype) AS ctype
FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()
"""
)
# Objects of extensions are not somebody's data.
_OBJECTS = text(
    """
SELECT n.nspname AS schema, o.name, o.kind FROM (
    SELECT relnamespace AS space, relname AS name, 'table' AS kind, oid FROM pg_catalog.pg_class
    WHERE relkind = ANY('{r,p,v,m,f}'::"char"[])
    UNION ALL SELECT typnamespace, typname, 'type', oid FROM pg_catalog.pg_type WHERE typtype IN ('d', 'e')
) o JOIN pg_catalog.pg_namespace n ON n.oid = o.space
WHERE n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.objid = o.oid AND d.deptype = 'e')
ORDER BY o.name
"""
)


def claim_scratch(into: URL | None, folder: Path, billing: Connection | None) -> Scratch:
    """Create the database, or empty that of an earlier rehearsal; mark it, and lock it against other rehearsals."""
    return scratch.claim(_SERVER, into, billing)


def release_scratch(used: Scratch) -> None:
    """Drop the database if it was created for the rehearsal, otherwise what the rehearsal created in it."""
    scratch.release(_SERVER, used)


# Databases of a server


def exists(url: URL) -> bool:
    """Return whether a database exists. Raises InvalidSettings if it does and cannot be reached, or its server."""
    return scratch.exists(_SERVER, url)


def drop(url: URL) -> None:
    """Drop a database. Raises InvalidSettings, with what is left to do."""
    try:
        with _maintenance(url) as connection:
            connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {_QUOTE(str(url.database))}")
    except SQLAlchemyError as error:
        raise scratch.not_dropped(url, error) from None


def create(url: URL, like: Connection | None) -> None:
    """Create a database, with the encoding and locale of another. Raises InvalidSettings."""
    try:
        with _maintenance(url) as connection:
            _create(connection, url, like)
    except SQLAlchemyError as error:
        raise scratch.unreachable(url, error) from None


def _create(connection: Connection, url: URL, like: Connection | None) -> None:
    create = f"CREATE DATABASE {_QUOTE(str(url.database))} TEMPLATE template0"
    wanted = [f"{create} ENCODING 'UTF8'"]
    if like is not None:
        found = like.execute(_LOCALE).one()
        wanted.insert(0, f"{create} ENCODING {found.encoding} LC_COLLATE {found.collate} LC_CTYPE {found.ctype}")
    for at, statement in enumerate(wanted, start=1):
        try:
            connection.exec_driver_sql(statement)
            return
        except DBAPIError as error:  # the other server may not have the locale
            if at == len(wanted):
                owner = shown(_QUOTE(url.username or "ROLE"))
                statement = f"CREATE DATABASE {shown(_QUOTE(str(url.database)))} OWNER {owner}"
                raise scratch.not_created(url, error, statement, "role") from None


@contextmanager
def connected(url: URL) -> Iterator[Connection]:
    """Connect to a database, with each statement committed by itself. Raises SQLAlchemyError."""
    with writer(url).connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        yield connection


@contextmanager
def _maintenance(url: URL) -> Iterator[Connection]:
    """Connect to a database that every server has. Raises SQLAlchemyError if none can be reached."""
    for name in _MAINTENANCE:
        connection = connected(url.set(database=name))
        try:
            opened = connection.__enter__()
        except SQLAlchemyError:
            if name == _MAINTENANCE[-1]:
                raise
            continue
        try:
            yield opened
        finally:
            connection.__exit__(None, None, None)
        return


# The contents of a database


def mark(connection: Connection, url: URL) -> None:
    """Create the table that marks a database of a rehearsal."""
    try:
        connection.exec_driver_sql(f"CREATE TABLE IF NOT EXISTS {MARKER} (created_at timestamptz DEFAULT now())")
    except DBAPIError as error:
        role = shown(_QUOTE(url.username or "ROLE"))
        raise InvalidSettings(
            f"The role may not create tables in {urls.shown(url)}: {reason(error)}. Let its owner give it the right "
            f"(GRANT CREATE ON SCHEMA public TO {role})."
        ) from None


def marked_in(connection: Connection) -> str | None:
    """Return the schema of the marker; None if no rehearsal has used the database."""
    return next((row.schema for row in connection.execute(_OBJECTS) if row.name == MARKER), None)


def _identity(connection: Connection) -> Row[Any]:
    return connection.execute(_WHICH).one()


def _others(connection: Connection) -> list[str]:
    ours = marked_in(connection)
    found = connection.execute(_OBJECTS)
    return [f"{row.schema}.{row.name}" for row in found if ours is None or not _is_of_a_copy(row, ours)]


def _lock(url: URL) -> TenantLock | None:
    return AdvisoryLock.take(writer(url), LOCKED_AS, LockOwner.this_process(LOCKED_AS))


def _is_of_a_copy(found: Row[Any], ours: str) -> bool:
    return found.schema == ours and (is_of_a_copy(found.name) or found.kind == "type")


def _empty(connection: Connection) -> None:
    """Drop what earlier rehearsals created in a database."""
    ours = marked_in(connection)
    if ours is None:
        return
    found = [row for row in connection.execute(_OBJECTS) if _is_of_a_copy(row, ours)]
    for kind in ("table", "type"):
        names = [f"{_QUOTE(row.schema)}.{_QUOTE(row.name)}" for row in found if row.kind == kind]
        if names:
            connection.exec_driver_sql(f"DROP {kind.upper()} {', '.join(names)} CASCADE")


_SERVER = ScratchServer(
    "PostgreSQL", _maintenance, _COUNTED, create, connected, _identity, _others, _lock, _empty, mark, drop
)
