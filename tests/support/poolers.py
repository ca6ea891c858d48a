"""PgBouncer before a PostgreSQL server of the tests: it gives the connections of clients to few of the server's."""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg2
from sqlalchemy import make_url

from tests.support.processes import free_port, started, until
from tests.support.servers import SUPERUSER, unprivileged_user

TRANSACTION, SESSION = "transaction", "session"
_CONFIGURATION = """
[databases]
* = host=127.0.0.1 port={server}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {folder}/users
pool_mode = {mode}
default_pool_size = {size}
query_wait_timeout = 30
server_round_robin = {round_robin}
"""


class NoPooler(AssertionError):
    """There is no pooler on this machine."""


@contextmanager
def pooled(
    url: str, mode: str, size: int = 2, *, round_robin: bool = False, users: Sequence[str] = (SUPERUSER,)
) -> Iterator[str]:
    """Start PgBouncer before a database's server, and yield the database's URL there."""
    binary = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    if binary is None:
        raise NoPooler("These tests need PgBouncer: install Debian's package pgbouncer (apt-get install pgbouncer).")
    folder, port, behind = Path(tempfile.mkdtemp(prefix="meter-assets-pooler-")), free_port(), make_url(url)
    as_user = unprivileged_user(folder)
    configuration = _CONFIGURATION.format(
        server=behind.port, port=port, folder=folder, mode=mode, size=size, round_robin=int(round_robin)
    )
    (folder / "users").write_text("".join(f'"{name}" ""\n' for name in users), encoding="utf-8")
    (folder / "pgbouncer.ini").write_text(configuration, encoding="utf-8")
    through = behind.set(host="127.0.0.1", port=port)
    try:
        environment = as_user.pop("env")
        with started([binary, f"{folder}/pgbouncer.ini"], folder, folder / "log", environment, **as_user):
            until(lambda: _answers(through.set(drivername="postgresql").render_as_string()), "PgBouncer answers", 20)
            yield through.render_as_string()
    finally:
        shutil.rmtree(folder)


def _answers(url: str) -> bool:
    try:
        psycopg2.connect(url, connect_timeout=5).close()
    except psycopg2.OperationalError:
        return False
    return True
