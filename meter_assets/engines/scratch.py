"""The databases of rehearsals: what is said if one fails, and on a server, which one may be used and how it is claimed.

A database is used only if it is empty or has nothing but what an earlier rehearsal created: the table `MARKER` says so.
How a server creates, lists and drops is in the engine's own module `scratch`.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy import URL, Connection, TextClause
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from meter_assets.billing.columns import REQUIRED_COLUMNS
from meter_assets.billing.own_tables import BACKUP
from meter_assets.engines import urls
from meter_assets.engines.base import Scratch, TenantLock
from meter_assets.engines.failures import reason
from meter_assets.errors import CopyFailed, InvalidSettings
from meter_assets.foreign_text import quoted

MARKER = "meter_assets_rehearsal"
"""The table by which a database is recognized as one of a rehearsal."""
LOCKED_AS = "the rehearsal"
"""No tenant has this id, because of its blank."""
_JOURNALS = "meter_migration_"
_SHOWN = 5


@dataclass(frozen=True)
class ScratchServer:
    """What a rehearsal does on a server, as each engine does it."""

    name: str
    """Its name in sentences."""
    elsewhere: Callable[[URL], AbstractContextManager[Connection]]
    """Connect to another database of the server, which every server has. Raises SQLAlchemyError."""
    counted: TextClause
    """Counts the databases of the server with the name :name."""
    create: Callable[[URL, Connection | None], None]
    """Create a database, with the encoding of another. Raises InvalidSettings."""
    connected: Callable[[URL], AbstractContextManager[Connection]]
    """Connect to a database, with each statement committed by itself. Raises SQLAlchemyError."""
    identity: Callable[[Connection], Any]
    """Return what only connections to the same database of the same server have."""
    others: Callable[[Connection], list[str]]
    """Return the names of the objects of a database that no rehearsal created."""
    lock: Callable[[URL], TenantLock | None]
    """Lock a database; return None if another rehearsal has locked it."""
    empty: Callable[[Connection], None]
    """Drop what earlier rehearsals created in a database."""
    mark: Callable[[Connection, URL], None]
    """Create the marker. Raises InvalidSettings if the user may not create tables."""
    drop: Callable[[URL], None]
    """Drop a database. Raises InvalidSettings, with what is left to do."""


def claim(server: ScratchServer, into: URL | None, billing: Connection | None) -> Scratch:
    """Create the database, or empty that of an earlier rehearsal; mark it, and lock it against other rehearsals."""
    if into is None:
        raise InvalidSettings(
            f"A rehearsal on {server.name} needs --into URL: a database for the copy, on any server. It is created if "
            "it does not exist; otherwise it must be empty, or of an earlier rehearsal."
        )
    created = not exists(server, into)
    try:
        if created:
            server.create(into, billing)
    except InvalidSettings:  # perhaps another program has created it meanwhile
        raise
    except BaseException:  # Ctrl-C: the server may have created it
        _drop_if_unused(server, into)
        raise
    try:
        return Scratch(into, created, _claimed(server, into, billing))
    except BaseException:
        if created:
            _drop_if_unused(server, into)
        raise


def _drop_if_unused(server: ScratchServer, url: URL) -> None:
    """Drop a database that was just created, unless it has somebody's objects."""
    with suppress(InvalidSettings, SQLAlchemyError):
        with server.connected(url) as connection:
            others = server.others(connection)
        if not others:
            server.drop(url)


def exists(server: ScratchServer, url: URL) -> bool:
    """Return whether a database exists. Raises InvalidSettings if it does and cannot be reached, or its server."""
    try:
        with server.connected(url):
            return True
    except SQLAlchemyError as error:
        refused = unreachable(url, error)
    try:
        with server.elsewhere(url) as connection:
            is_there = bool(connection.scalar(server.counted, {"name": url.database}))
    except SQLAlchemyError:
        raise refused from None
    if is_there:
        raise refused
    return False


def _claimed(server: ScratchServer, into: URL, billing: Connection | None) -> TenantLock:
    with server.connected(into) as connection:
        if billing is not None and server.identity(connection) == server.identity(billing):
            raise InvalidSettings(
                f"--into names the billing database itself, {urls.shown(into)}. Name another database for the copy: it "
                "is created if it does not exist."
            )
        _require_ours(into, server.others(connection))
    lock = server.lock(into)
    if lock is None:
        raise InvalidSettings(f"Another rehearsal uses {urls.shown(into)}. Wait for its end, or name another database.")
    try:
        with server.connected(into) as connection:
            server.empty(connection)
            server.mark(connection, into)
    except BaseException:
        lock.release()
        raise
    return lock


def release(server: ScratchServer, scratch: Scratch) -> None:
    """Drop the database if it was created for the rehearsal, otherwise what the rehearsal created in it."""
    if not scratch.created:
        with server.connected(scratch.url) as connection:
            server.empty(connection)
    if scratch.lock is not None:
        scratch.lock.release()
    if scratch.created:
        server.drop(scratch.url)


@contextmanager
def of_the_copy(target: Connection) -> Iterator[None]:
    """Raise CopyFailed for an error of the database of a copy."""
    try:
        yield
    except DBAPIError as error:
        raise CopyFailed(urls.shown(target.engine.url), reason(error)) from error


def is_of_a_copy(name: str) -> bool:
    """Return whether a copy of the billing tables has a table of this name."""
    return name in (*REQUIRED_COLUMNS, BACKUP, MARKER) or name.startswith(_JOURNALS)


def _require_ours(url: URL, others: list[str]) -> None:
    if not others:
        return
    named = ", ".join(map(quoted, others[:_SHOWN]))
    raise InvalidSettings(
        f"{urls.shown(url)} is not empty: it has {named}{', ...' if len(others) > _SHOWN else ''}. The copy needs an "
        "empty database, or one of an earlier rehearsal. Name another with --into: it is created if it does not exist."
    )


# What is said about a server that refuses


def unreachable(url: URL, error: SQLAlchemyError) -> InvalidSettings:
    """Return the error that says that no connection to a database could be opened."""
    return InvalidSettings(
        f"Cannot reach the database {urls.shown(url)} for the copy: {reason(error)}. Check that --into names a "
        "running server, its port, user and database."
    )


def not_created(url: URL, error: SQLAlchemyError, statement: str, user: str) -> InvalidSettings:
    """Return the error that says that a database could not be created, and with which statement it can be."""
    return InvalidSettings(
        f"The database {urls.shown(url)} does not exist and could not be created: {reason(error)}. Let an "
        f"administrator create it ({statement}), or name a {user} that may create databases."
    )


def not_dropped(url: URL, error: SQLAlchemyError) -> InvalidSettings:
    """Return the error that says that a database is left."""
    return InvalidSettings(
        f"The database {urls.shown(url)} of the rehearsal could not be dropped: {reason(error)}. Drop it yourself."
    )
