"""Standard output and standard error that cannot end a run.

A terminal may not know a character, hang up or be closed; the reader of a pipe may end; the disk behind a file may be
full. What a command prints is then escaped or dropped, and the command goes on. Add here how such streams are handled;
what is printed is in `terminal`, `results` and `previews`.
"""

import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO, TextIO

_REASONS = {
    errno.EPIPE: "the program that read it has ended",
    errno.EIO: "the terminal is gone",
    errno.ENOSPC: "no space left on the disk",
}
_READER_IS_GONE = {errno.EPIPE, errno.EIO}


class LastingStream(io.TextIOBase):
    """A text stream whose writes always succeed.

    Characters that its encoding does not have are written as escapes. After an error of the operating system, all
    further text is dropped. It has no `buffer`, so that no library writes past it.
    """

    def __init__(self, stream: TextIO, title: str) -> None:
        """Take the stream, and what people call it ("standard output")."""
        self._stream, self._title = stream, title
        self.other: LastingStream | None = None
        self.note = ""
        """What people should know if this stream fails; said on the other stream. Empty: nothing is said."""
        self.failure: OSError | None = None
        """Why its text is dropped."""

    @property
    def encoding(self) -> str:  # type: ignore[override]  # typeshed has an attribute that cannot be set
        """The encoding of the stream."""
        return self._stream.encoding or "utf-8"

    @property
    def errors(self) -> str:  # type: ignore[override]
        """How characters are written that the encoding does not have."""
        return "backslashreplace"

    @property
    def problem(self) -> str:
        """Why its text is dropped, as a sentence; empty if it is not."""
        if self.failure is None:
            return ""
        reason = _REASONS.get(self.failure.errno or 0) or self.failure.strerror or str(self.failure)
        return f"{self._title} can no longer be written: {reason}."

    def fileno(self) -> int:
        """Return the file descriptor. Raises OSError if there is none."""
        return self._stream.fileno()

    def isatty(self) -> bool:
        """Return whether it is a terminal."""
        return self._stream.isatty()

    def writable(self) -> bool:
        """Return true: text that cannot be written is dropped."""
        return True

    def write(self, text: str) -> int:
        """Write a text, or drop it. Returns its length. Raises TypeError for bytes."""
        if not isinstance(text, str):  # click finds out by trying whether a stream takes bytes
            raise TypeError(f"expected a string, found {type(text).__name__}")
        if self.failure is None:
            try:
                self._stream.write(escaped(text, self.encoding))
            except OSError as error:
                self._fail(error)
        return len(text)

    def flush(self) -> None:
        """Write what is buffered, or drop it."""
        if self.failure is None:
            try:
                self._stream.flush()
            except OSError as error:
                self._fail(error)

    def _fail(self, error: OSError) -> None:
        self.failure = error
        with suppress(OSError):  # a stream of a test has no descriptor
            # Python would try to write the rest of the buffer when it exits, and change the exit status to 120.
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)
        if self.note and self.other is not None:
            self.other.write(f"{self.problem} {self.note}\n")
            self.other.flush()


def escaped(text: str, encoding: str) -> str:
    r"""Return a text with every character that an encoding does not have written as an escape, such as \u0142."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.encode(encoding, "backslashreplace").decode(encoding)
    return text


@contextmanager
def lasting_output() -> Iterator[None]:
    """Replace standard output and error by streams whose writes always succeed, until the context ends."""
    before = sys.stdin, sys.stdout, sys.stderr
    opened = _open_closed_streams()
    output, errors = LastingStream(sys.stdout, "Standard output"), LastingStream(sys.stderr, "Standard error")
    output.other, errors.other = errors, output
    sys.stdout, sys.stderr = output, errors
    try:
        yield
    finally:
        output.flush()
        errors.flush()
        sys.stdin, sys.stdout, sys.stderr = before
        for stream in opened:
            stream.close()


@contextmanager
def said_on_failure(note: str) -> Iterator[None]:
    """Say this, with the reason, on the stream that still works if the other one fails in this context."""
    streams = _streams()
    for stream in streams:
        stream.note = note
    try:
        yield
    finally:
        for stream in streams:
            stream.flush()
            stream.note = ""


def problems() -> list[str]:
    """Return why text on standard output and error is dropped, as sentences; none if both work."""
    return [stream.problem for stream in _streams() if stream.failure is not None]


def is_incomplete() -> bool:
    """Return whether a reader of standard output misses text. A reader that has ended itself misses nothing."""
    output = _streams()[:1]
    return any(one.failure is not None and one.failure.errno not in _READER_IS_GONE for one in output)


def _streams() -> list[LastingStream]:
    """Return standard output and error if they are ours; rich may have put a proxy before them."""
    found = [getattr(stream, "rich_proxied_file", stream) for stream in (sys.stdout, sys.stderr)]
    return [stream for stream in found if isinstance(stream, LastingStream)]


def _open_closed_streams() -> list[IO[str]]:
    """Open /dev/null in place of standard streams that are closed, as with `>&-`, and return those that were opened.

    Otherwise the next file that is opened, such as a database, would get the descriptor of standard output.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            nowhere = os.open(os.devnull, os.O_RDWR)
            if nowhere != descriptor:
                os.dup2(nowhere, descriptor)
                os.close(nowhere)
    opened: list[IO[str]] = []
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:  # as Python has it if the descriptor was closed when it started
            opened.append(open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115  # closed by the caller
            setattr(sys, name, opened[-1])
        else:
            with suppress(OSError):  # a stream of a test has no descriptor
                # Another program may have left the pipe or terminal so that a write fails while the reader is slow.
                os.set_blocking(stream.fileno(), True)
    return opened
