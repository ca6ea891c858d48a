"""Connections to a PostgreSQL database, through psycopg2.

Add here what every connection of ours needs. The settings of each transaction are in `sessions`.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import psycopg2.extensions
from sqlalchemy import URL, Engine, QueuePool, create_engine, event
from sqlalchemy.pool import ConnectionPoolEntry

from meter_assets.engines.base import NOT_KEPT
from meter_assets.engines.postgresql.sessions import prepare
from meter_assets.engines.postgresql.waiting import wait, watch

KEPT = 4
"""How many idle connections are kept at most."""
_keeping: Counter[URL] = Counter()


@cache
def writer(url: URL) -> Engine:
    """Return an engine whose transactions read one snapshot (REPEATABLE READ).

    A connection is closed after its use, except in `connections_kept`.
    """
    psycopg2.extensions.set_wait_callback(wait)
    encoding = {} if "client_encoding" in url.query else {"client_encoding": "utf8"}
    engine = create_engine(
        url,
        poolclass=QueuePool,
        pool_size=KEPT,
        max_overflow=-1,
        pool_pre_ping=True,  # the server may have ended an idle connection
        isolation_level="REPEATABLE READ",
        connect_args=encoding,
    )
    prepare(engine)
    watch(engine)

    @event.listens_for(engine, "checkin")
    def _returned(connection: Any, entry: ConnectionPoolEntry) -> None:
        if connection is not None and (NOT_KEPT in entry.info or not _keeping[url]):
            entry.close()

    return engine


@contextmanager
def connections_kept(url: URL) -> Iterator[None]:
    """Use connections again meanwhile: to connect takes longer than a statement about few rows.

    A process that is forked meanwhile must not use the engine.
    """
    _keeping[url] += 1
    try:
        yield
    finally:
        _keeping[url] -= 1
        if not _keeping[url]:
            writer(url).dispose()
