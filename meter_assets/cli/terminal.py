"""The terminal: prints lines and tables safely. It makes no decisions.

All output passes `Terminal.print`, `command`, `evidence`, `heading` or `grid`, as text without markup and without
invisible characters: no name can move the cursor, change a color, or start a line that looks like our own. Add here a
further form of output; what is printed of runs is in `results` and `previews`. Progress during a run is in `progress`,
the layout of tables in `terminal_table`, their contents in `reports.tables`.
"""

import shutil
import sys
import textwrap
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

from rich.console import Console
from rich.padding import Padding
from rich.status import Status
from rich.text import Text

from meter_assets.cli.output import escaped
from meter_assets.cli.terminal_table import drawn
from meter_assets.foreign_text import named, visible, visible_lines
from meter_assets.migration.tenants import SkippedTenant
from meter_assets.reports import tables as render

_SIZE_WHEN_PIPED = (160, 25)


class Terminal:
    """The console, with a method for each kind of output."""

    def __init__(self, *, on_stderr: bool = False) -> None:
        """Write to standard output, or standard error, in plain lines if it is not a terminal."""
        # Not rich's own answer: it takes a pipe for a terminal if FORCE_COLOR is set, and a dumb one to be 80 wide.
        self.is_terminal = (sys.stderr if on_stderr else sys.stdout).isatty()
        self.console = Console(highlight=False, soft_wrap=True, stderr=on_stderr)
        if not self.is_terminal:
            self.console.size = _SIZE_WHEN_PIPED
        elif self.console.is_dumb_terminal:
            self.console.size = shutil.get_terminal_size()

    @property
    def can_redraw(self) -> bool:
        """Whether the terminal can redraw a line."""
        return self.is_terminal and self.console.is_interactive

    def spinner(self, text: str) -> AbstractContextManager[Status | None]:
        """Show a line that is redrawn, until the context ends; nothing if the terminal cannot redraw one."""
        if not self.can_redraw:
            return nullcontext()
        dots = "dots" if self.console.encoding.startswith("utf") else "line"
        return self.console.status(self._text(text), spinner=dots)

    def print(self, text: str, style: str = "") -> None:
        """Print one or several lines, which must contain only our own text; a terminal gets them wrapped at words."""
        lines = self._text(visible_lines(text))
        self.console.print(self._wrapped(lines) if self.is_terminal else lines, style=style or None)

    def command(self, line: str) -> None:
        """Print a line that people copy, on one line: only the terminal itself folds it."""
        self.console.print(self._text(visible(line)))

    def evidence(self, text: str, style: str = "") -> None:
        """Print a line with foreign text, indented and folded, so that no part of it starts at the edge."""
        if self.is_terminal:
            folded = Padding(self._text(visible(text)), (0, 0, 0, 4))
            self.console.print(folded, style=style or None, soft_wrap=False)
        else:
            self.print(f"    {text}", style)

    def _text(self, text: str) -> Text:
        return Text(escaped(text, self.console.encoding))

    def _wrapped(self, lines: Text) -> Text:
        """Return the lines without one that is too long; what continues an indented line is indented by 2 more."""
        wrapper = textwrap.TextWrapper(self.console.width, break_on_hyphens=False, break_long_words=False)
        wrapped = []
        for line in lines.plain.splitlines():
            indented = len(line) - len(line.lstrip())
            wrapper.subsequent_indent = " " * (indented + 2) if indented else ""
            wrapped.append(wrapper.fill(line))
        return Text("\n".join(wrapped))

    def header(self, lines: Sequence[str]) -> None:
        """Print what a command should say of the database before it starts."""
        for line in lines:
            self.print(visible(line))

    def heading(self, text: str) -> None:
        """Print a heading."""
        self.print(f"\n{text}", style="bold")

    def grid(self, grid: render.Grid) -> None:
        """Print a small table."""
        if grid.rows:
            self.console.print(drawn(self.console, grid), soft_wrap=False)
        if grid.note:
            self.print(grid.note)

    def skipped_tenants(self, skipped: Sequence[SkippedTenant]) -> None:
        """Print the tenants that no command can run, because of their ids."""
        for one in skipped:
            self.evidence(f"Skipped: tenant {named(one.key, one.name)}. {one}", style="red")
