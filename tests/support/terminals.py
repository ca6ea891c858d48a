"""Commands on a pseudo-terminal, whose Ctrl-C reaches their whole process group."""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

CTRL_C = b"\x03"
_OWN_SIZE = {"COLUMNS": None, "LINES": None}
# Where the tests run in the background, a shell lets them ignore Ctrl-C.
_COMMAND = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from meter_assets.cli.main import main; main(prog_name='meter-assets')"
)


_SCRIPT = """
import shlex, sys
from meter_assets.cli.main import main
for line in sys.argv[1:]:
    try:
        print("$ " + line, flush=True)
        main(shlex.split(line), prog_name="meter-assets")
    except SystemExit as end:
        print("ended with", end.code, flush=True)
"""
_PART = re.compile(r"\x1b\[\??[\d;]*[A-Za-z]|[\r\n]|[^\x1b\r\n]+|.")


def screen(written: str) -> list[str]:
    """Return the lines that a person sees in the end, at a terminal so wide that it folds none.

    Knows what rich writes: lines erased, the cursor moved to the start of a line or upwards, styles.
    """
    lines, row, column = [""], 0, 0
    for part in _PART.findall(written):
        if part == "\r":
            column = 0
        elif part == "\n":
            row += 1
            lines += [""] * (row == len(lines))
        elif part == "\x1b[2K":
            lines[row] = ""
        elif re.fullmatch(r"\x1b\[\d*A", part):
            row = max(0, row - int(part[2:-1] or 1))
        elif not part.startswith("\x1b"):
            lines[row] = lines[row][:column].ljust(column) + part + lines[row][column + len(part) :]
            column += len(part)
    return [line.rstrip() for line in lines]


class Terminal:
    """A terminal with a command in the foreground."""

    def __init__(self, process: "subprocess.Popen[bytes]", side: int) -> None:
        """Take the command, and our side of its terminal."""
        self.process, self._side, self._written = process, side, b""

    @property
    def written(self) -> str:
        """All that has been written to the terminal."""
        return self._written.decode("utf-8", "replace")

    def type(self, keys: bytes) -> None:
        """Press keys."""
        os.write(self._side, keys)

    @property
    def is_open(self) -> bool:
        """Whether nobody has hung up."""
        return self._side >= 0

    def hang_up(self) -> None:
        """Close the terminal, as the end of an SSH connection does."""
        os.close(self._side)
        self._side = -1

    def read(self, done: Callable[[], bool], seconds: float = 120) -> None:
        """Read what is written until something has happened, or until the end of the command."""
        deadline = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < deadline, self.written
            if select.select([self._side], [], [], 0.1)[0]:
                try:
                    self._written += os.read(self._side, 65536)
                except OSError:  # nobody has the other side any more
                    return

    def end(self, seconds: float = 120) -> int:
        """Read to the end, and return the exit status."""
        self.read(lambda: False, seconds)
        return self.process.wait(seconds)


@contextmanager
def on_a_terminal(
    folder: Path, environment: Mapping[str, str | None], *arguments: str, columns: int = 200, script: str = _COMMAND
) -> Iterator[Terminal]:
    """Start `meter-assets`, or a script, with these arguments on a terminal of its own, of so many columns."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    wanted = {name: value for name, value in {**os.environ, **_OWN_SIZE, **environment}.items() if value is not None}
    process = subprocess.Popen(
        ["setsid", "--ctty", sys.executable, "-c", script, *arguments],
        cwd=folder,
        env=wanted,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    terminal = Terminal(process, ours)
    try:
        yield terminal
    finally:
        process.kill()
        process.wait()
        if terminal.is_open:
            terminal.hang_up()


def printed_on_a_terminal(folder: Path, environment: Mapping[str, str | None], *lines: str, columns: int = 100) -> str:
    """Run commands one after the other, in one process on a terminal; return all that was written to it."""
    with on_a_terminal(folder, environment, *lines, columns=columns, script=_SCRIPT) as terminal:
        terminal.end(600)
        return terminal.written
