"""Tells whoever runs a statement that it waits for a lock of others: one line for each wait, in the log `LOGGER`.

The command line shows this log on the terminal, and Dagster in the log of the run. An engine finds out that it waits,
and for whom; add here what is told on every engine.
"""

import logging

LOGGER = logging.getLogger("meter_assets.waiting")
SECONDS_UNTIL_TOLD: float = 3
"""How long a statement waits before anything is told."""


def tell(line: str) -> None:
    """Tell whom a statement waits for."""
    LOGGER.warning("%s", line)
