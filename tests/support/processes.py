"""Processes that tests start: all of them end with the tests, or with whoever runs the tests, however that ends."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

SECONDS_TO_END = 60
# The shell waits for its input to end, and then ends the process and all of its children.
_GUARD = """
"$@" & child=$!
cat
kill -TERM "$child"
for _ in $(seq 30); do kill -0 "$child" 2>/dev/null || break; sleep 0.1; done
kill -KILL 0
"""
Found = TypeVar("Found")


class NotInTime(AssertionError):
    """What a test waits for has not come."""


def without_schedules(folder: Path) -> dict[str, str]:
    """Return the environment with which a daemon starts no schedule: a pass on the hour is a run that no test made."""
    file = folder / "without-schedules.toml"
    file.write_text("[watching]\nenabled = false\n", encoding="utf-8")
    return {"METER_ASSETS_CONFIG": str(file)}


@contextmanager
def started(
    command: Sequence[str], folder: Path, log: Path, environment: Mapping[str, str] | None = None, **as_user: Any
) -> Iterator["subprocess.Popen[bytes]"]:
    """Start a process in a group of its own, with all that it prints in a file; end the group afterwards.

    `as_user` are the arguments with which `subprocess` runs it as another user.
    """
    with log.open("ab") as output:
        guard = subprocess.Popen(
            ["/bin/sh", "-c", _GUARD, "guard", *command],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            start_new_session=True,
            **as_user,
        )
    try:
        yield guard
    finally:
        if guard.stdin:
            guard.stdin.close()
        guard.wait(timeout=SECONDS_TO_END)


def kill(guard: "subprocess.Popen[bytes]") -> None:
    """Let a process and all of its children be gone, at once, as if their machine were."""
    os.killpg(guard.pid, signal.SIGKILL)


def until(look: Callable[[], Found | None], what: str, seconds: float = 120, *, every: float = 0.1) -> Found:
    """Return what is found as soon as it is true. Raises NotInTime."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > deadline:
            raise NotInTime(f"Not within {seconds} seconds: {what}.")
        time.sleep(every)
    return found


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
