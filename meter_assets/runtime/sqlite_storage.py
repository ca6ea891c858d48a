"""Dagster's storage in SQLite files, with private files and fewer compiled statements.

Dagster's own classes set no permissions and create an engine for each connection. Add here what concerns these files;
which storage an instance has is decided in `instance`.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

# The storages that Dagster ships, to make their files private: no public API as of 1.13 (dagster issue 3288).
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._core.storage.sqlite_storage import (
    DagsterSqliteStorage,
    _event_logs_directory,
    _runs_directory,
    _schedule_directory,
)

# The required interface of a class in dagster.yaml: no public API as of 1.13 (dagster issue 3288).
from dagster._serdes import ConfigurableClassData
from sqlalchemy import Connection, Engine, NullPool, create_engine

from meter_assets.private_files import make_file, make_folder


class PrivateEventLog(SqliteEventLogStorage):
    """Dagster's events in SQLite files, one per run, with the permissions of `private_files`.

    A file that SQLite itself creates can be written only by its owner, not by a group that shares the folder.
    """

    def conn_string_for_shard(self, shard_name: str) -> str:
        """Return the URL of a file of events. Creates the file if it is missing."""
        make_file(Path(self.path_for_shard(shard_name)))
        return super().conn_string_for_shard(shard_name)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        """Connect to a file of events, as Dagster does, but with one engine for all files and connections.

        An engine remembers what it has compiled. Dagster makes one for each connection, of which a run of one tenant
        needs hundreds, and each compiles its statement again.
        """
        with self._db_lock:
            self._shard = shard
            if shard not in self._initialized_dbs:
                self._initdb(self._engine)
                self._initialized_dbs.add(shard)
            with self._engine.connect() as connection, connection.begin():
                yield connection

    def has_table(self, table_name: str) -> bool:
        """Return whether the index has a table. Dagster asks before each event of a check; no table goes away."""
        if table_name not in self._tables:
            if not super().has_table(table_name):
                return False
            self._tables.add(table_name)
        return True

    @cached_property
    def _tables(self) -> set[str]:
        return set()

    @cached_property
    def _engine(self) -> Engine:
        return create_engine("sqlite://", poolclass=NullPool, creator=self._open)

    def _open(self) -> sqlite3.Connection:
        path = Path(self.path_for_shard(self._shard))
        make_file(path)
        return sqlite3.connect(path, timeout=SQLITE_BUSY_TIMEOUT_SECONDS)


class PrivateSqliteStorage(DagsterSqliteStorage):
    """Dagster's storage in SQLite files that are created before SQLite would create them: see `PrivateEventLog`."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        """Take the folder. Raises OSError if its files cannot be created."""
        for folder, name in ((_runs_directory(base_dir), "runs.db"), (_schedule_directory(base_dir), "schedules.db")):
            make_folder(Path(folder))
            make_file(Path(folder) / name)
        make_folder(Path(_event_logs_directory(base_dir)))
        events = PrivateEventLog(_event_logs_directory(base_dir))
        super().__init__(base_dir, inst_data=inst_data)
        self._event_log_storage = events
