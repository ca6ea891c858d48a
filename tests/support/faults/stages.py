"""Databases that are put back as they were: a file copied, a database made from a template, or table by table."""

import shutil
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlalchemy import NullPool, create_engine, make_url, text
from sqlalchemy.exc import OperationalError


class Stage(ABC):
    """A database at one URL, of which states are kept and put back."""

    def __init__(self, url: str) -> None:
        """Take the URL."""
        self.url = url
        self.there: str | None = None
        """The name of what the database is known to hold: whoever has seen that may say so, to spare a copy."""

    @abstractmethod
    def keep(self, name: str) -> None:
        """Keep the database as it is now, under a name."""

    def put_back(self, name: str) -> None:
        """Make the database what was kept under that name."""
        there, self.there = self.there, None
        if there != name:
            self._put_back(name)

    @abstractmethod
    def _put_back(self, name: str) -> None: ...


class SqliteStage(Stage):
    """A SQLite file, and copies of it beside it."""

    def __init__(self, file: Path) -> None:
        """Take the file, which is there or will be."""
        super().__init__(f"sqlite:///{file}")
        self._file = file

    def keep(self, name: str) -> None:
        """Keep the file as it is now, under a name."""
        shutil.copyfile(self._file, self._copy(name))

    def _put_back(self, name: str) -> None:
        """Copy the file, and remove what a dead process may have left beside it."""
        for left in self._file.parent.glob(f"{self._file.name}-journal"):
            left.unlink()
        shutil.copyfile(self._copy(name), self._file)

    def _copy(self, name: str) -> Path:
        return self._file.with_suffix(f".{name}")


class PostgresStage(Stage):
    """A PostgreSQL database, and others that were made from it."""

    def __init__(self, url: str) -> None:
        """Take the URL of a database that is there."""
        super().__init__(url)
        self._name = str(make_url(url).database)
        self._administrator = create_engine(
            make_url(url).set(database="postgres"), poolclass=NullPool, isolation_level="AUTOCOMMIT"
        )
        self._kept: set[str] = set()

    def keep(self, name: str) -> None:
        """Keep the database as it is now, under a name."""
        self._copy(self._name, f"{self._name}_{name}")
        self._kept.add(f"{self._name}_{name}")

    def _put_back(self, name: str) -> None:
        """Make the database from what was kept, whoever is still connected."""
        self._copy(f"{self._name}_{name}", self._name)

    def forget(self) -> None:
        """Drop all that was kept."""
        for name in self._kept:
            self._do(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        self._kept.clear()

    def _copy(self, source: str, target: str) -> None:
        self._do(f"DROP DATABASE IF EXISTS {target} WITH (FORCE)")
        self._do(f"CREATE DATABASE {target} TEMPLATE {source}")

    def _do(self, statement: str) -> None:
        with self._administrator.connect() as connection:
            connection.execute(text(statement))


class MariaDbStage(Stage):
    """A MariaDB database, and others that were made from it, table by table."""

    def __init__(self, url: str) -> None:
        """Take the URL of a database that is there."""
        super().__init__(url)
        self._name = str(make_url(url).database)
        self._administrator = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
        self._kept: set[str] = set()

    def keep(self, name: str) -> None:
        """Keep the database as it is now, under a name."""
        self._copy(self._name, f"{self._name}_{name}")
        self._kept.add(f"{self._name}_{name}")

    def _put_back(self, name: str) -> None:
        """Make the database from what was kept, whoever is still connected."""
        self._copy(f"{self._name}_{name}", self._name)

    def forget(self) -> None:
        """Drop all that was kept."""
        with self._administrator.connect() as connection:
            for name in self._kept:
                connection.execute(text(f"DROP DATABASE IF EXISTS {name}"))
        self._kept.clear()

    def _copy(self, source: str, target: str) -> None:
        with self._administrator.connect() as connection:
            of_database = text(
                "SELECT id FROM information_schema.processlist WHERE db = :name AND id <> CONNECTION_ID()"
            )
            for session in connection.scalars(of_database, {"name": target}):
                with suppress(OperationalError):  # it has ended meanwhile
                    connection.execute(text(f"KILL {session}"))
            connection.execute(text(f"DROP DATABASE IF EXISTS {target}"))
            connection.execute(text(f"CREATE DATABASE {target} CHARACTER SET utf8mb4"))
            tables = text("SELECT table_name FROM information_schema.tables WHERE table_schema = :name")
            for table in connection.scalars(tables, {"name": source}).all():
                connection.execute(text(f"CREATE TABLE {target}.{table} LIKE {source}.{table}"))
                connection.execute(text(f"INSERT INTO {target}.{table} SELECT * FROM {source}.{table}"))


@contextmanager
def stage_of(url: str) -> Iterator[Stage]:
    """Return the stage of a database, and drop in the end what it has kept."""
    if url.startswith("sqlite"):
        yield SqliteStage(Path(str(make_url(url).database)))
        return
    stage = PostgresStage(url) if url.startswith("postgresql") else MariaDbStage(url)
    try:
        yield stage
    finally:
        stage.forget()
