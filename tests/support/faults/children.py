"""Processes that may die: one that is warmed up, and forks a child for each run, which ends as it is struck."""

import gc
import json
import multiprocessing
import os
import select
import signal
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from multiprocessing.connection import Connection
from typing import Any

from meter_assets.errors import MeterAssetsError
from meter_assets.migration.database import BillingDatabase
from tests.support.faults.jobs import Job
from tests.support.faults.points import watched
from tests.support.faults.strikes import Strike, Striker

SECONDS_FOR_A_RUN = 300


@dataclass(frozen=True)
class Task:
    """A job to be run in a child, on which database, and what is to befall it.

    With `seconds`, the child is killed after so long, wherever it is then.
    """

    job: Job
    url: str
    run_id: str
    strike: Strike = field(default_factory=Strike)
    first: int = 0
    many: int | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class Ended:
    """How a child has ended: by which signal; or with which error, after which points, having found what."""

    signal: int | None = None
    error: str | None = None
    is_ours: bool = False
    message: str = ""
    points: list[str] = field(default_factory=list)
    found: Any = None

    @property
    def was_killed(self) -> bool:
        """Whether it was killed."""
        return self.signal == signal.SIGKILL


class Nursery:
    """The process that forks the children. It has no connection to a database, so that they share none."""

    def __init__(self, pipe: Connection) -> None:
        """Take the pipe to it."""
        self._pipe = pipe

    def run(self, task: Task) -> Ended:
        """Run a job in a new child and return how that has ended."""
        self._pipe.send(task)
        if not self._pipe.poll(SECONDS_FOR_A_RUN):
            raise TimeoutError(f"{task} has not ended in {SECONDS_FOR_A_RUN} s")
        return Ended(**json.loads(self._pipe.recv()))


@contextmanager
def nursery() -> Iterator[Nursery]:
    """Start the process that forks children, and end it."""
    context = multiprocessing.get_context("spawn")  # a test's process has threads, and must not be forked
    ours, theirs = context.Pipe()
    process = context.Process(target=_fork_on_demand, args=(theirs,), daemon=True)
    process.start()
    theirs.close()
    try:
        yield Nursery(ours)
    finally:
        ours.close()  # which ends it
        process.join(SECONDS_FOR_A_RUN)


def _fork_on_demand(pipe: Connection) -> None:
    gc.freeze()  # so that children need not copy what is there
    while True:
        try:
            told = _told_by_a_child(pipe.recv())
            pipe.send(told)
        except (EOFError, ConnectionError):  # nobody asks any more
            return


def _told_by_a_child(task: Task) -> str:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _be_the_child(task, writing)
    os.close(writing)
    if task.seconds is not None:
        _kill_unless_ended(child, reading, task.seconds)
    with os.fdopen(reading) as told:
        words = told.read()
    _, status = os.waitpid(child, 0)
    return json.dumps({"signal": os.WTERMSIG(status)}) if os.WIFSIGNALED(status) else words


def _kill_unless_ended(child: int, reading: int, seconds: float) -> None:
    """Kill a child after a while, unless it tells how it has ended; it is still ours, so that the id is its."""
    ended, _, _ = select.select([reading], [], [], seconds)
    if not ended:
        os.kill(child, signal.SIGKILL)


def _be_the_child(task: Task, writing: int) -> None:
    striker = Striker(task.strike)
    try:
        with watched(striker.reached, striker.prepare):
            found = task.job.make(BillingDatabase(task.url), task.run_id, first=task.first, many=task.many)
        ended = Ended(found=found, points=striker.points)
    except MeterAssetsError as error:
        ended = Ended(error=type(error).__name__, is_ours=True, message=str(error), points=striker.points)
    except BaseException as error:
        ended = Ended(error=type(error).__name__, message=traceback.format_exc(), points=striker.points)
    with os.fdopen(writing, "w") as told:
        json.dump(asdict(ended), told)
    os._exit(0)
