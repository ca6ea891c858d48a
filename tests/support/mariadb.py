"""A MariaDB server that tests start and stop: the one of this machine, from Debian's packages.

Nothing here knows pytest, or what is tested.
"""

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pymysql

from tests.support.processes import free_port
from tests.support.servers import SECONDS_TO_START, ServerFailed, start_guarded, unprivileged_user

SUPERUSER = "meter_assets"
_OPTIONS = {"bind-address": "127.0.0.1", "character-set-server": "utf8mb4", "collation-server": "utf8mb4_general_ci"}
_NOT_DURABLE = {
    "innodb-flush-log-at-trx-commit": "0",
    "innodb-doublewrite": "0",
    "innodb-flush-method": "nosync",
    "innodb-log-file-size": "64M",
    "innodb-buffer-pool-size": "128M",
    "max-connections": "100",
    "performance-schema": "ON",  # which shows the names of connections
    "performance-schema-instrument": "%=OFF",
}
"""What saves time where nobody minds a database that does not outlive its machine."""


@dataclass
class MariaDbServer:
    """A running MariaDB server of our own."""

    folder: Path
    port: int
    _guard: "subprocess.Popen[bytes]"
    _free: set[str] = field(default_factory=set)
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def url(self, database: str) -> str:
        """Return a database's URL, which SQLAlchemy takes as it is."""
        return f"mysql+pymysql://{SUPERUSER}@127.0.0.1:{self.port}/{database}"

    @contextmanager
    def database(self, *, character_set: str = "utf8mb4") -> Iterator[str]:
        """Make a fresh database, yield its URL, and drop it, whoever is still connected.

        Names are used again, for what has been compiled for a database is kept by its URL.
        """
        name = self._free.pop() if self._free else f"test_{next(self._numbers)}"
        self.administer(f"CREATE DATABASE {name} CHARACTER SET {character_set}")
        try:
            yield self.url(name)
        finally:
            self._disconnect(name)
            self.administer(f"DROP DATABASE {name}")
        self._free.add(name)

    def administer(self, *statements: str) -> list[tuple[Any, ...]]:
        """Run statements as the superuser; return the rows of the last."""
        with (
            pymysql.connect(host="127.0.0.1", port=self.port, user=SUPERUSER, autocommit=True) as connected,
            connected.cursor() as cursor,
        ):
            for statement in statements:
                cursor.execute(statement)
            return list(cursor.fetchall())

    def stop(self) -> None:
        """Stop the server and remove its folder."""
        if self._guard.stdin:
            self._guard.stdin.close()
        self._guard.wait(timeout=SECONDS_TO_START)

    def _disconnect(self, database: str) -> None:
        """End the sessions of a database: to drop it, the server would wait for their transactions."""
        for (session,) in self.administer(f"SELECT id FROM information_schema.processlist WHERE db = '{database}'"):
            with suppress(pymysql.OperationalError):  # it has ended meanwhile
                self.administer(f"KILL {session}")


def start_mariadb(settings: Mapping[str, str] | None = None, *, durable: bool = False) -> MariaDbServer:
    """Start a server with these settings on a free port, in a new folder below the folder for temporary files.

    A durable one waits for the disk at each commit, as one in production does.
    """
    if shutil.which("mariadb-install-db") is None or _server_program() is None:
        raise ServerFailed("No MariaDB here: install Debian's package mariadb-server.")
    folder = Path(tempfile.mkdtemp(prefix="meter-assets-mariadb-"))
    try:
        return _start_in(folder, {**_OPTIONS, **({} if durable else _NOT_DURABLE), **(settings or {})})
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _server_program() -> str | None:
    return shutil.which("mariadbd") or shutil.which("mariadbd", path="/usr/sbin:/usr/local/sbin")


def _start_in(folder: Path, settings: Mapping[str, str]) -> MariaDbServer:
    as_user, data, port = unprivileged_user(folder), folder / "data", free_port()
    made = subprocess.run(
        [
            "mariadb-install-db",
            "--no-defaults",
            f"--datadir={data}",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
        ],
        check=False,
        cwd=folder,
        capture_output=True,
        text=True,
        # Its temporary tables have names that two servers may choose at the same time.
        **as_user | {"env": as_user["env"] | {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "TMPDIR": str(folder)}},
    )
    if made.returncode:
        raise ServerFailed(f"mariadb-install-db failed: {made.stdout.strip()} {made.stderr.strip()}")
    files = [
        f"--datadir={data}",
        f"--tmpdir={folder}",
        f"--socket={folder}/socket",
        f"--pid-file={folder}/pid",
        f"--port={port}",
    ]
    options = [f"--{name}={value}" for name, value in settings.items()]
    command = [_server_program() or "", "--no-defaults", *files, *options]
    server = MariaDbServer(folder, port, start_guarded(command, folder, as_user, stop_signal="TERM"))
    _await(server)
    return server


def _await(server: MariaDbServer) -> None:
    """Return once the server answers and has our superuser."""
    deadline = time.monotonic() + SECONDS_TO_START
    while True:
        try:
            with (
                pymysql.connect(host="localhost", port=server.port, user="root", autocommit=True) as connected,
                connected.cursor() as cursor,
            ):
                cursor.execute(f"CREATE USER IF NOT EXISTS {SUPERUSER}@'%'")
                cursor.execute(f"GRANT ALL ON *.* TO {SUPERUSER}@'%' WITH GRANT OPTION")
            return
        except pymysql.OperationalError as refused:
            if time.monotonic() > deadline:
                log = (server.folder / "log").read_text(errors="replace")[-2000:]
                server.stop()
                raise ServerFailed(f"MariaDB does not answer on port {server.port}: {log}") from refused
            time.sleep(0.05)
