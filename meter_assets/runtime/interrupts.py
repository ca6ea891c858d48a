"""Interrupts (Ctrl-C, SIGTERM, the termination of a run) that must not be lost, and hangups, which end no run.

Python raises an interrupt wherever the main thread happens to be. If that is a callback of the garbage collector or a
destructor, Python prints the exception and goes on. The garbage collector often runs while a statement is built.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

SECONDS_UNTIL_AGAIN = 0.05


class NothingStarted(KeyboardInterrupt):
    """The user interrupted a command before it began to write."""


class BetweenRuns(KeyboardInterrupt):
    """The user interrupted a live command while no run was under way: after the first one has ended."""


class WhileRunning(KeyboardInterrupt):
    """The user interrupted a run of a live command: its current step or batch was rolled back."""


@contextmanager
def terminations_interrupt() -> Iterator[None]:
    """Take SIGTERM as Ctrl-C until the context ends, as Dagster does within a run.

    It does nothing in another thread than the main one, where Python cannot change this.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a shell ignores Ctrl-C for a command in the background
            signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.raise_signal(signal.SIGINT)

    usual = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, usual)


@contextmanager
def hangups_ignored() -> Iterator[None]:
    """Ignore SIGHUP until the context ends: a run goes on when its terminal hangs up.

    In another thread than the main one, where Python cannot change this, it does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    usual = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, usual)


@contextmanager
def interrupts_noticed() -> Iterator[Callable[[], bool]]:
    """Yield a function that returns whether Ctrl-C or SIGTERM came since the context began.

    It does not depend on the exception of an interrupt, in whose place a library may raise another error. In another
    thread than the main one, which gets no signals, none is noticed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    received, sent = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    usual = signal.set_wakeup_fd(sent, warn_on_full_buffer=False)
    signals: set[int] = set()

    def has_come() -> bool:
        with suppress(BlockingIOError):
            signals.update(os.read(received, 4096))
        return not signals.isdisjoint((signal.SIGINT, signal.SIGTERM))

    try:
        yield has_come
    finally:
        signal.set_wakeup_fd(usual)
        os.close(received)
        os.close(sent)


@contextmanager
def raised_again() -> Iterator[None]:
    """Raise an interrupt again that Python ignores while this context is open, and print nothing about it.

    Raises KeyboardInterrupt, or what Dagster's handler of SIGINT raises, in the main thread: at the latest when the
    context ends. Other exceptions that Python ignores are reported as before. In another thread, where no interrupt is
    raised, this does nothing.
    """
    main = threading.main_thread()
    if threading.current_thread() is not main:
        yield
        return
    usual = sys.unraisablehook
    pending: list[threading.Timer] = []

    def report(ignored: "sys.UnraisableHookArgs") -> None:
        # Dagster's interrupts do not derive from Exception either.
        if issubclass(ignored.exc_type, Exception):
            usual(ignored)
            return
        pending.append(threading.Timer(SECONDS_UNTIL_AGAIN, signal.pthread_kill, (main.ident, signal.SIGINT)))
        pending[-1].start()

    sys.unraisablehook = report
    try:
        yield
    finally:
        try:
            for timer in pending:
                timer.join()
        finally:
            sys.unraisablehook = usual
