"""Where the program `meter-assets` starts: an interrupt while it is being loaded ends it with one sentence.

Loading the commands takes a second or two, in which Python would print a traceback, or ignore the interrupt where it
comes in a callback. Import nothing here but what Python itself has loaded.
"""

import gc
import os
import signal
from types import FrameType

INTERRUPTED = "Interrupted. Nothing was written."
NEW_OBJECTS = 100_000
"""After how many new objects Python looks for garbage. Its 700 are soon reached by statements that are kept."""


def main() -> None:
    """Load and run the commands."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # a shell ignores it for one in the background
        signal.signal(signal.SIGINT, _end)
    gc.set_threshold(NEW_OBJECTS)
    from meter_assets.cli.main import main as commands

    commands()


def interrupts_are_raised() -> None:
    """Let an interrupt be raised from now on as KeyboardInterrupt, because a command has begun that ends by it."""
    if signal.getsignal(signal.SIGINT) is _end:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _end(_signal: int, _frame: FrameType | None) -> None:
    os.write(2, f"{INTERRUPTED}\n".encode())
    os._exit(130)
