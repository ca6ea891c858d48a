"""Processes of a deployment: Redis, Dagster's daemon, Celery's workers. All of them end with the tests.

Each process is the child of a guard, which ends it and all of its children when the tests end it, or when they die.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import redis

ROOT = Path(__file__).parents[2]
SECONDS_TO_START = 60
_GUARD = """
"$@" & child=$!
cat
kill -TERM "$child"
for _ in $(seq 50); do kill -0 "$child" 2>/dev/null || break; sleep 0.1; done
kill -KILL 0
"""
Found = TypeVar("Found")


class NoRedis(Exception):
    """There is no Redis on this machine."""


class NotInTime(AssertionError):
    """What a test waits for has not come."""


@contextmanager
def started(command: Sequence[str], folder: Path, log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Start a process in a group of its own, with all that it prints in a file; end the group afterwards."""
    with log.open("ab") as output:
        guard = subprocess.Popen(
            ["/bin/sh", "-c", _GUARD, "guard", *command],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield guard
    finally:
        if guard.stdin:
            guard.stdin.close()
        guard.wait(timeout=SECONDS_TO_START)


def kill(guard: "subprocess.Popen[bytes]") -> None:
    """Let a process and all of its children be gone, at once, as if their machine were."""
    os.killpg(guard.pid, signal.SIGKILL)


@contextmanager
def redis_server(folder: Path, password: str) -> Iterator[str]:
    """Start a Redis that keeps nothing, and yield its URL. Raises NoRedis."""
    binary = shutil.which("redis-server")
    if binary is None:
        raise NoRedis("These tests need Redis: install Debian's package redis-server (apt-get install redis-server).")
    port = free_port()
    options = {"port": str(port), "bind": "127.0.0.1", "requirepass": password, "save": "", "dir": str(folder)}
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    url = f"redis://:{password}@127.0.0.1:{port}/0"
    with started([binary, *words], folder, folder / "redis.log"), redis.Redis.from_url(url) as client:
        await_(lambda: _answers(client), "Redis answers", SECONDS_TO_START)
        yield url


def daemon() -> list[str]:
    """Return the command that starts Dagster's daemon, with our definitions."""
    return [sys.executable, "-c", "from dagster._daemon.cli import main; main()", "run", "-w", f"{ROOT}/workspace.yaml"]


def worker(name: str, concurrency: int) -> list[str]:
    """Return the command that starts a Celery worker."""
    words = ["worker", "--queues", "dagster", "--concurrency", str(concurrency), "--hostname", f"{name}@%h"]
    return [sys.executable, "-m", "celery", "--app", "meter_assets.celery_worker", *words]


def await_(look: Callable[[], Found], what: str, seconds: float, *, every: float = 0.2) -> Found:
    """Return what is found as soon as it is true. Raises NotInTime."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > deadline:
            raise NotInTime(f"Not within {seconds} seconds: {what}.")
        time.sleep(every)
    return found


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
