"""Processes that migrate tenants beside each other: `Workers`. Each has its own connections, and one tenant at a time.

A worker gets a tenant through a pipe, and returns what was done. It ends when its pipe is closed, also because the
process that started it was killed: then it finishes the current step. Add here what concerns the processes; what they
do with a tenant is in `many_tenants`.
"""

import gc
import logging
import signal
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection as Pipe
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from time import monotonic
from types import FrameType

from meter_assets.engines import waiting
from meter_assets.errors import InvalidSettings
from meter_assets.migration.database import BillingDatabase, Tenant
from meter_assets.migration.many_tenants import MigratedTenant, Migration, Remembered, migrate_tenant
from meter_assets.migration.progress import StepProgress, progress_told, tell

SECONDS_UNTIL_ENDED_AGAIN = 5.0
"""An interrupt can be lost in a callback: a worker that goes on is interrupted again."""


@dataclass
class _Worker:
    """A process, this end of its pipe, and its current tenant."""

    process: BaseProcess
    pipe: Pipe
    tenant: Tenant | None = None


class Workers:
    """Migrates tenants in several processes."""

    def __init__(self, database: BillingDatabase, jobs: int) -> None:
        """Take the number of processes. Raises InvalidSettings if only one process at a time can write there."""
        if not database.backend.WRITES_AT_ONCE:
            raise InvalidSettings(
                f"--jobs is {jobs}, but {database.backend.NAME} lets one process write at a time. Leave --jobs out."
            )
        self._database, self._jobs = database, jobs
        self._workers: list[_Worker] = []
        self.interrupted: list[MigratedTenant] = []

    def migrate(
        self, tenants: Sequence[Tenant], migration: Migration, go_on: Callable[[], bool] = lambda: True
    ) -> Generator[MigratedTenant]:
        """Yield each tenant once it is done. `go_on` is asked before each. An interrupt ends those under way."""
        to_do, done = list(reversed(tenants)), list[MigratedTenant]()
        try:
            while True:
                self._workers += [self._started() for _ in range(self._jobs - len(self._workers))]
                for worker in self._workers:
                    if worker.tenant is None and to_do and go_on():
                        worker.tenant = to_do.pop()
                        worker.pipe.send((worker.tenant, migration))
                if not self._busy():
                    return
                done = self._next()
                while done:
                    yield done.pop(0)
        except BaseException:  # an interrupt, or the caller wants no more of them
            self.interrupted += done
            self._interrupt()
            raise

    def close(self) -> None:
        """End the processes."""
        for worker in self._workers:
            worker.pipe.close()
        for worker in self._workers:
            worker.process.join()

    def _started(self) -> _Worker:
        context = get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_work, args=(theirs, self._database), daemon=True)
        process.start()
        theirs.close()
        return _Worker(process, ours)

    def _busy(self) -> list[_Worker]:
        return [one for one in self._workers if one.tenant is not None]

    def _next(self, seconds: float | None = None) -> list[MigratedTenant]:
        """Wait until a worker says something; return the tenants that are done."""
        busy, done = self._busy(), []
        ready = wait([one.pipe for one in busy], seconds)
        for worker in (one for one in busy if one.pipe in ready):
            try:
                said = worker.pipe.recv()
            except (EOFError, OSError):
                done.append(self._ended(worker))
                continue
            if isinstance(said, MigratedTenant):
                worker.tenant = None
                done.append(said)
            elif isinstance(said, StepProgress):
                tell(said)
            else:
                waiting.tell(said)
        return done

    def _ended(self, worker: _Worker) -> MigratedTenant:
        """Return the tenant of a process that has ended as one that failed."""
        worker.process.join()
        self._workers.remove(worker)
        assert worker.tenant is not None  # it was waited for
        how = _exit(worker.process.exitcode)
        failure = f"The process that migrated it ended early ({how}). No step of it is half done."
        return MigratedTenant(worker.tenant, failure=failure)

    def _interrupt(self) -> None:
        """End what is under way, and keep what was done of it."""
        until = monotonic()
        while busy := self._busy():
            if monotonic() >= until:
                until = monotonic() + SECONDS_UNTIL_ENDED_AGAIN
                for worker in busy:
                    worker.process.terminate()
            self.interrupted += self._next(SECONDS_UNTIL_ENDED_AGAIN)


def _exit(code: int | None) -> str:
    return f"signal {-code}" if code is not None and code < 0 else f"exit status {code}"


# In the worker


class _Told(logging.Handler):
    """Sends what is told of waits for locks to the process that shows it."""

    def __init__(self, pipe: Pipe) -> None:
        super().__init__(logging.WARNING)
        self._pipe = pipe

    def emit(self, record: logging.LogRecord) -> None:
        self._pipe.send(record.getMessage())


class _Progress:
    """Sends how far a step is, once in a second at most."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe, self._sent = pipe, monotonic()

    def __call__(self, progress: StepProgress) -> None:
        if monotonic() - self._sent >= 1:
            self._sent = monotonic()
            self._pipe.send(progress)


def _work(pipe: Pipe, database: BillingDatabase) -> None:
    """Migrate the tenants that come through a pipe, until it is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process of a terminal: the first one decides
    signal.signal(signal.SIGTERM, _interrupt)
    waiting.LOGGER.addHandler(_Told(pipe))
    gc.collect()
    gc.freeze()
    database.remember()
    remembered = Remembered(database)
    try:
        with database.connections_kept(), progress_told(_Progress(pipe)):
            while True:
                tenant, migration = pipe.recv()
                remembered.refresh()
                found = migrate_tenant(database, tenant, migration, go_on=lambda: not _is_closed(pipe))
                found.interrupt = found.interrupt and KeyboardInterrupt()
                pipe.send(found)
    except (EOFError, OSError, KeyboardInterrupt):
        return


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _is_closed(pipe: Pipe) -> bool:
    """Return whether the other end is closed: nothing is sent while a tenant is under way."""
    return pipe.poll()
