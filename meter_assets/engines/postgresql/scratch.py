"""The databases of a rehearsal on a PostgreSQL server: created or emptied before, removed afterwards.

A database is used only if it is empty or has nothing but what an earlier rehearsal created: the table `MARKER` says so.
Add here what must be true of such a database. What is copied into it is in `copies`, dumps are read in `dumps`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Row, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from meter_assets.billing.columns import REQUIRED_COLUMNS
from meter_assets.billing.own_tables import BACKUP
from meter_assets.engines import urls
from meter_assets.engines.base import LockOwner, Scratch
from meter_assets.engines.failures import reason
from meter_assets.engines.postgresql.connections import writer
from meter_assets.engines.postgresql.locks import AdvisoryLock
from meter_assets.errors import InvalidSettings
from meter_assets.foreign_text import quoted, shown

MARKER = "meter_assets_rehearsal"
"""The table by which a database is recognized as one of a rehearsal."""
_JOURNALS = "meter_migration_"
_SHOWN = 5
_MAINTENANCE = ("postgres", "template1")
"""Databases of every server, to which a role connects to create another."""
_LOCKED_AS = "the rehearsal"
"""No tenant has this id, because of its blank."""
_QUOTE = postgresql.dialect().identifier_preparer.quote  # type: ignore[no-untyped-call]
_WHICH = text("SELECT pg_catalog.pg_postmaster_start_time(), pg_catalog.current_database()")
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
    if into is None:
        raise InvalidSettings(
            "A rehearsal on PostgreSQL needs --into URL: a database for the copy, on any server. It is created if it "
            "does not exist; otherwise it must be empty, or of an earlier rehearsal."
        )
    created = create_if_missing(into, billing)
    with connected(into) as connection:
        if billing is not None and connection.execute(_WHICH).one() == billing.execute(_WHICH).one():
            raise InvalidSettings(
                f"--into names the billing database itself, {urls.shown(into)}. Name another database for the copy: it "
                "is created if it does not exist."
            )
        _require_ours(connection, into)
    lock = AdvisoryLock.take(writer(into), _LOCKED_AS, LockOwner.this_process(_LOCKED_AS))
    if lock is None:
        raise InvalidSettings(f"Another rehearsal uses {urls.shown(into)}. Wait for its end, or name another database.")
    scratch = Scratch(into, created, lock)
    with connected(into) as connection:
        _empty(connection)
        mark(connection, into)
    return scratch


def release_scratch(scratch: Scratch) -> None:
    """Drop the database if it was created for the rehearsal, otherwise what the rehearsal created in it."""
    if not scratch.created:
        with connected(scratch.url) as connection:
            _empty(connection)
    if scratch.lock is not None:
        scratch.lock.release()
    if scratch.created:
        drop(scratch.url)


# Databases of a server


def create_if_missing(url: URL, like: Connection | None) -> bool:
    """Create a database unless it exists, with the encoding and locale of another; return whether it was created."""
    try:
        with connected(url):
            return False
    except SQLAlchemyError as error:
        unreachable = InvalidSettings(
            f"Cannot reach the database {urls.shown(url)} for the copy: {reason(error)}. Check that --into names a "
            "running server, its port, user and database."
        )
    with _maintenance(url, unreachable) as connection:
        asked = text("SELECT count(*) FROM pg_catalog.pg_database WHERE datname = :name")
        if connection.scalar(asked, {"name": url.database}):
            raise unreachable
        _create(connection, url, like)
    return True


def drop(url: URL) -> None:
    """Drop a database. Raises InvalidSettings, with what is left to do."""
    failed = InvalidSettings(f"The database {urls.shown(url)} of the rehearsal could not be dropped: drop it yourself.")
    with _maintenance(url, failed) as connection:
        try:
            connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {_QUOTE(str(url.database))}")
        except DBAPIError as error:
            raise InvalidSettings(
                f"The database {urls.shown(url)} of the rehearsal could not be dropped: {reason(error)}. Drop it "
                "yourself."
            ) from None


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
                raise InvalidSettings(
                    f"The database {urls.shown(url)} does not exist and could not be created: {reason(error)}. Let an "
                    f"administrator create it (CREATE DATABASE {shown(_QUOTE(str(url.database)))} OWNER "
                    f"{shown(_QUOTE(url.username or 'ROLE'))}), or name a role that may create databases."
                ) from None


@contextmanager
def connected(url: URL) -> Iterator[Connection]:
    """Connect to a database, with each statement committed by itself. Raises SQLAlchemyError."""
    with writer(url).connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        yield connection


@contextmanager
def _maintenance(url: URL, unreachable: InvalidSettings) -> Iterator[Connection]:
    """Connect to a database that every server has. Raises the error if none can be reached."""
    for name in _MAINTENANCE:
        try:
            connection = connected(url.set(database=name))
            opened = connection.__enter__()
        except SQLAlchemyError:
            continue
        try:
            yield opened
        finally:
            connection.__exit__(None, None, None)
        return
    raise unreachable


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


def _require_ours(connection: Connection, url: URL) -> None:
    """Raise InvalidSettings for a database with objects that no rehearsal created."""
    ours = marked_in(connection)
    others = [row for row in connection.execute(_OBJECTS) if ours is None or not _is_of_a_copy(row, ours)]
    if not others:
        return
    named = ", ".join(quoted(f"{row.schema}.{row.name}") for row in others[:_SHOWN])
    raise InvalidSettings(
        f"{urls.shown(url)} is not empty: it has {named}{', ...' if len(others) > _SHOWN else ''}. The copy needs an "
        "empty database, or one of an earlier rehearsal. Name another with --into: it is created if it does not exist."
    )


def _is_of_a_copy(found: Row[Any], ours: str) -> bool:
    known = found.name in (*REQUIRED_COLUMNS, BACKUP, MARKER) or found.name.startswith(_JOURNALS)
    return found.schema == ours and (known or found.kind == "type")


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
