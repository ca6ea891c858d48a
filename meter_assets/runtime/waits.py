"""Where the log of waits for locks (`engines.waiting`) is shown: on the terminal, and in the log of a Dagster run."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

LOGGER = logging.getLogger("meter_assets.waiting")


class _Handler(logging.Handler):
    """Shows each line of a log by calling a function."""

    def __init__(self, show: Callable[[str], object]) -> None:
        super().__init__(logging.WARNING)
        self._show = show

    def emit(self, record: logging.LogRecord) -> None:
        self._show(record.getMessage())


@contextmanager
def waits_shown(show: Callable[[str], object]) -> Iterator[None]:
    """Call a function with each line about a wait for a lock, until the context ends."""
    handler = _Handler(show)
    LOGGER.addHandler(handler)
    try:
        yield
    finally:
        LOGGER.removeHandler(handler)
