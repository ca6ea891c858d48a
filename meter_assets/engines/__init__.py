"""The database engines: one module per engine, behind the protocol of `base`.

`ENGINES` is the only list of engines; importing this package also registers how each engine compiles our SQL
constructs. To add an engine, add its module and one entry to `ENGINES`. Queries that all engines share belong in
`billing` and `rules`.
"""

from collections.abc import Mapping

from sqlalchemy import URL, Connection
from sqlalchemy.exc import ArgumentError, DBAPIError

from meter_assets.engines import mysql, postgresql, sqlite
from meter_assets.engines.base import DatabaseEngine, Failure
from meter_assets.engines.urls import InvalidUrl
from meter_assets.errors import NAMES_THE_DATABASE, InvalidSettings

ENGINES: Mapping[str, DatabaseEngine] = {"sqlite": sqlite, "postgresql": postgresql, "mysql": mysql}
"""Each engine's module, by the name of its SQLAlchemy dialect."""


def engine_for(url: str) -> DatabaseEngine | None:
    """Return the engine of a URL, by its scheme alone; None if no engine has it."""
    scheme = url.strip().partition("://")[0]
    return next((one for one in ENGINES.values() if scheme in one.SCHEMES), None)


def parse_url(given: str, named_by: str = NAMES_THE_DATABASE) -> tuple[DatabaseEngine, URL]:
    """Return the engine of a database's URL, and the URL in the form that this engine uses.

    `named_by` is the setting or the option that has the URL.

    Raises InvalidSettings for an invalid URL, and for an engine that is not supported. The message does not repeat the
    URL, because it may contain a password.
    """
    engine = engine_for(given)
    try:
        if engine is not None:
            return engine, engine.parse_url(given)
    except InvalidUrl as invalid:
        raise InvalidSettings(f"{named_by} cannot be used: {invalid}.") from None
    except (ArgumentError, ValueError):  # for example, a port that is not a number
        pass
    raise InvalidSettings(
        f"{named_by} does not name a database that can be used. Expected something like "
        "sqlite:////srv/billing.db, postgresql://user:password@host/billing or mysql://user:password@host/billing."
    )


def engine_of(connection: Connection) -> DatabaseEngine:
    """Return the engine of a connection."""
    return ENGINES[connection.dialect.name]


def failure_of(error: BaseException) -> Failure | None:
    """Return what a driver's error means, for the drivers of all engines; None for any other error."""
    if not isinstance(error, DBAPIError):
        return None
    meanings = (engine.failure_of(error) for engine in ENGINES.values())
    return next((one for one in meanings if one is not None), None)


def is_conflict(error: BaseException) -> bool:
    """Return whether a transaction failed because others changed the same rows: it can be tried again."""
    return failure_of(error) is Failure.CONFLICT


def is_kept_waiting(error: BaseException) -> bool:
    """Return whether a transaction gave up waiting for another transaction's lock: it can be tried again."""
    return failure_of(error) is Failure.KEPT_WAITING
