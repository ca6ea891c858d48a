"""Where the benchmarks run: databases that are copied for each contender, and the processor time that they cost.

Add an engine here as a class with the same methods.
"""

import os
import resource
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import psutil
from sqlalchemy import create_engine, text

from bench.speed.data import Size, fill
from meter_assets.engines import parse_url
from meter_assets.migration.database import BillingDatabase
from tests.support.servers import PostgresServer, start_postgres


class Place(Protocol):
    """A database engine on this machine, with one database that all others are copies of."""

    name: str
    version: str

    def make(self, size: Size) -> None:
        """Make the original."""

    @contextmanager
    def copy(self) -> Iterator[str]:
        """Yield the URL of a copy of the original, and remove it afterwards."""
        yield ""

    def processor_seconds(self) -> float:
        """Return the processor time that this process and the server have used so far."""


def _of_this_process() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


class Sqlite:
    """SQLite: a file in a folder."""

    name = "SQLite"

    def __init__(self, folder: Path) -> None:
        """Take the folder for the files."""
        import sqlite3

        self.version = sqlite3.sqlite_version
        self._original = folder / "original.db"

    def make(self, size: Size) -> None:
        """Make the original."""
        self._original.touch()
        with BillingDatabase(f"sqlite:///{self._original}").transaction() as connection:
            fill(connection, size)

    @contextmanager
    def copy(self) -> Iterator[str]:
        """Yield the URL of a copy of the original, and remove it afterwards."""
        folder = self._original.with_name("copy")
        folder.mkdir()
        shutil.copyfile(self._original, folder / "copy.db")
        try:
            yield f"sqlite:///{folder}/copy.db"
        finally:
            shutil.rmtree(folder)

    def processor_seconds(self) -> float:
        """Return the processor time of this process: the database has no other."""
        return _of_this_process()


class Postgresql:
    """PostgreSQL: a server of our own, or a given one, which must be on this machine."""

    name = "PostgreSQL"

    def __init__(self, url: str | None) -> None:
        """Take the URL of a database of the server, whose role may create others; None starts a server."""
        self._server: PostgresServer | None = None
        if url is None:
            self._server = start_postgres(durable=True)
            url = self._server.url("postgres")
        _, self._url = parse_url(url, "--url")
        self._administrator = create_engine(self._url, isolation_level="AUTOCOMMIT")
        with self._administrator.connect() as connection:
            self.version = str(connection.scalar(text("SHOW server_version")))
            folder = str(connection.scalar(text("SHOW data_directory")))
        self._postmaster = psutil.Process(int(Path(folder, "postmaster.pid").read_text().split()[0]))

    def close(self) -> None:
        """Stop the server, if it is ours."""
        self._administrator.dispose()
        if self._server:
            self._server.stop()

    def _administer(self, statement: str) -> None:
        with self._administrator.connect() as connection:
            connection.execute(text(statement))

    def _url_of(self, database: str) -> str:
        return self._url.set(database=database).render_as_string(hide_password=False)

    def make(self, size: Size) -> None:
        """Make the original."""
        self._administer("DROP DATABASE IF EXISTS bench_original WITH (FORCE)")
        self._administer("CREATE DATABASE bench_original")
        with BillingDatabase(self._url_of("bench_original")).transaction() as connection:
            fill(connection, size)

    @contextmanager
    def copy(self) -> Iterator[str]:
        """Yield the URL of a copy of the original, and remove it afterwards."""
        self._administer("DROP DATABASE IF EXISTS bench_copy WITH (FORCE)")
        self._administer("CREATE DATABASE bench_copy TEMPLATE bench_original")
        self._administer("CHECKPOINT")
        try:
            yield self._url_of("bench_copy")
        finally:
            self._administer("DROP DATABASE bench_copy WITH (FORCE)")

    def processor_seconds(self) -> float:
        """Return the processor time of this process and of the server's processes, those that ended included."""
        of_server: Any = self._postmaster.cpu_times()
        used: float = of_server.user + of_server.system + of_server.children_user + of_server.children_system
        for process in self._postmaster.children():
            try:
                one: Any = process.cpu_times()
            except psutil.NoSuchProcess:
                continue
            used += one.user + one.system
        return used + _of_this_process()


def peak_megabytes() -> float:
    """Return the most memory that this process has had so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def machine() -> str:
    """Return what the figures were measured on."""
    memory = psutil.virtual_memory().total / 2**30
    return f"{os.cpu_count()} processors, {memory:.0f} GB of memory"
