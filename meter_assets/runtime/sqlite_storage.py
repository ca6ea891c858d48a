"""Dagster's storage in SQLite files, with private files and fewer compiled statements.

Dagster's own classes set no permissions, create an engine for each connection, and close the files after each
statement. Here, a commit does not wait for the disk either (SQLite's synchronous=NORMAL): a power failure may lose the
last events of Dagster's log, but never damages it, and what was written to the billing database is journaled there.
Add here what concerns these files; which storage an instance has is decided in `instance`.
"""

import os
import sqlite3
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

# The storages that Dagster ships, to make their files private: no public API as of 1.13 (dagster issue 3288).
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.runs import SqliteRunStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._core.storage.sqlite_storage import (
    DagsterSqliteStorage,
    _event_logs_directory,
    _runs_directory,
    _schedule_directory,
)

# The required interface of a class in dagster.yaml: no public API as of 1.13 (dagster issue 3288).
from dagster._serdes import ConfigurableClassData
from sqlalchemy import Connection, Engine, NullPool, create_engine, event

from meter_assets.private_files import make_file, make_folder

MOST_OPEN_FILES = 4
_NORMAL = "PRAGMA synchronous = NORMAL"


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

    @cached_property
    def _open_files(self) -> "_OpenFiles":
        return _OpenFiles()

    def _open(self) -> sqlite3.Connection:
        path = Path(self.path_for_shard(self._shard))
        make_file(path)
        return self._open_files.connection(path)

    def delete_file(self, run_id: str) -> None:
        """Delete the file of a run, whose events were deleted before."""
        path = Path(self.path_for_shard(run_id))
        with self._db_lock:
            self._open_files.close(path)
            self._initialized_dbs.discard(run_id)
            for suffix in ("", "-wal", "-shm"):
                path.with_name(path.name + suffix).unlink(missing_ok=True)

    def dispose(self) -> None:
        """Close the files."""
        super().dispose()
        self._open_files.close()


class _LeftOpen(sqlite3.Connection):
    """A connection that stays open when it is given back: the last one that closes a file waits for the disk."""

    def close(self) -> None:
        """Do nothing; see `really_close`."""

    def really_close(self) -> None:
        """Close the connection."""
        super().close()


class _OpenFiles:
    """The files of events that this process used last, left open. One thread at a time uses them."""

    def __init__(self) -> None:
        """Start without any."""
        self._connections: OrderedDict[tuple[int, Path, int], _LeftOpen] = OrderedDict()

    def connection(self, path: Path) -> sqlite3.Connection:
        """Return a connection to an existing file; a new one, if the file is a new one."""
        key = (os.getpid(), path, path.stat().st_ino)  # a forked process must not use the connections of its parent
        if key not in self._connections:
            opened = sqlite3.connect(
                path, timeout=SQLITE_BUSY_TIMEOUT_SECONDS, check_same_thread=False, factory=_LeftOpen
            )
            opened.execute(_NORMAL)
            self._connections[key] = opened
        self._connections.move_to_end(key)
        while len(self._connections) > MOST_OPEN_FILES:
            self._close(next(iter(self._connections)))
        return self._connections[key]

    def close(self, path: Path | None = None) -> None:
        """Close a file, or all of them."""
        for key in list(self._connections):
            if path is None or key[1] == path:
                self._close(key)

    def _close(self, key: tuple[int, Path, int]) -> None:
        connection = self._connections.pop(key)
        if key[0] == os.getpid():
            connection.really_close()


class PooledRunStorage(SqliteRunStorage):
    """Dagster's runs in a SQLite file, with one engine instead of one for each statement."""

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """Connect to the file and begin a transaction."""
        with self._engine_of(os.getpid()).connect() as connection, connection.begin():
            yield connection

    @cached_property
    def _engines(self) -> dict[int, Engine]:
        return {}

    def _engine_of(self, process: int) -> Engine:
        """Return the engine of a process: a forked one must not use the connections of its parent."""
        if process not in self._engines:
            waiting = {"timeout": SQLITE_BUSY_TIMEOUT_SECONDS}
            engine = create_engine(self._conn_string, connect_args=waiting, max_overflow=-1)
            event.listen(engine, "connect", lambda connection, _: connection.execute(_NORMAL))
            self._engines[process] = engine
        return self._engines[process]

    def dispose(self) -> None:
        """Close the file."""
        super().dispose()
        engine = self._engines.pop(os.getpid(), None)
        if engine is not None:
            engine.dispose()


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
        self._run_storage = PooledRunStorage.from_local(_runs_directory(base_dir))
