"""Interrupts that Python ignores: raised again in the main thread, while threads leave the process as it is."""

import sys
from concurrent.futures import ThreadPoolExecutor
from signal import SIGINT, raise_signal

import pytest

from meter_assets.runtime.interrupts import raised_again


class Destroyed:
    """Something whose destructor raises."""

    def __init__(self, error: Exception | None = None) -> None:
        """Take an error to raise; an interrupt if there is none."""
        self.error = error

    def __del__(self) -> None:
        if self.error is not None:
            raise self.error
        raise_signal(SIGINT)


def test_an_interrupt_is_raised_at_the_latest_when_the_context_ends() -> None:
    usual = sys.unraisablehook
    with pytest.raises(KeyboardInterrupt), raised_again(), raised_again():
        Destroyed()
    assert sys.unraisablehook is usual


def test_other_errors_are_reported_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    reported: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda ignored: reported.append(ignored.exc_type))
    with raised_again():
        Destroyed(ValueError("of others"))
    assert reported == [ValueError]


def test_other_threads_leave_the_process_as_it_is() -> None:
    usual = sys.unraisablehook

    def hook() -> object:
        with raised_again():
            return sys.unraisablehook

    with ThreadPoolExecutor(1) as threads:
        assert threads.submit(hook).result() is usual
