"""Connections to a PostgreSQL database, through psycopg2.

Add here what every connection of ours needs. The settings of each transaction are in `sessions`.
"""

from functools import cache

import psycopg2.extensions
from sqlalchemy import URL, Engine, NullPool, create_engine

from meter_assets.engines.postgresql.sessions import prepare
from meter_assets.engines.postgresql.waiting import wait, watch


@cache
def writer(url: URL) -> Engine:
    """Return an engine whose transactions read one snapshot (REPEATABLE READ).

    Connections are not pooled: a run opens few, and a forked process must not share one.
    """
    psycopg2.extensions.set_wait_callback(wait)
    encoding = {} if "client_encoding" in url.query else {"client_encoding": "utf8"}
    engine = create_engine(url, poolclass=NullPool, isolation_level="REPEATABLE READ", connect_args=encoding)
    prepare(engine)
    watch(engine)
    return engine
