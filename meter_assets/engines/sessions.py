"""Whether a connection is a session of the server, or a pooler or proxy gives its transactions to several.

What is true for every server belongs here; how an engine numbers its sessions is in its own module.
"""

from collections.abc import Callable

from sqlalchemy import Connection, Engine

ROUNDS_OF_PROBES = 3


def connection_changes_session(engine: Engine, session_of: Callable[[Connection], int]) -> bool:
    """Return whether a pooler gives the transactions of one connection to several sessions of the server.

    The session of an idle connection is compared with that of a second connection, which may get the same one, and with
    that of its own next transaction, while the second connection keeps its session.
    """
    with engine.connect() as first:
        with first.begin():
            session = session_of(first)
        for _ in range(ROUNDS_OF_PROBES):
            with engine.connect() as second, second.begin():
                if session_of(second) == session:
                    return True
                with first.begin():
                    if session_of(first) != session:
                        return True
    return False
