"""The processes that Dagster starts to show on the terminal what a step prints, while it also stores that."""

import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

# Dagster starts these processes without an option for their signals: no public API as of 1.13.
from dagster._core.execution import compute_logs


@contextmanager
def quiet_children() -> Iterator[None]:
    """Start the processes that show what a step prints so that Ctrl-C does not reach them.

    At a terminal, Ctrl-C reaches all processes of the command. These would end with a traceback; Dagster ends them with
    the step.
    """
    usual = compute_logs.execute_posix_tail

    @contextmanager
    def deaf(path: str, stream: Any) -> Iterator[Any]:
        with ExitStack() as started:
            # A new process inherits the signals that are blocked for the thread that starts it.
            before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
            try:
                processes = started.enter_context(usual(path, stream))
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, before)
            yield processes

    compute_logs.execute_posix_tail = deaf
    try:
        yield
    finally:
        compute_logs.execute_posix_tail = usual
