"""Shows the progress and the results of a rehearsal: on the terminal, or as JSON with the progress on standard error.

Add here how something is shown; the tables and sentences are in `reports.rehearsal_tables`.
"""

from collections.abc import Sequence
from pathlib import Path

import click
from rich.status import Status

from meter_assets import settings
from meter_assets.cli.json_output import print_json
from meter_assets.cli.terminal import Terminal
from meter_assets.foreign_text import visible
from meter_assets.formatting import show_duration
from meter_assets.reports import rehearsal_tables
from meter_assets.reports.rehearsal import Part, Rehearsal

_WIDEST_PART = 40


class RehearsalOutput:
    """Where a rehearsal prints."""

    def __init__(self, *, as_json: bool) -> None:
        """Print for people, or the results as JSON."""
        self._as_json = as_json
        self._terminal = Terminal(on_stderr=as_json)
        self._spinner: Status | None = None

    def say(self, line: str) -> None:
        """Print a line that is no result."""
        self.stop()
        click.echo(line, err=True)

    def start(self, part: str, what: str) -> None:
        """Show that a part has started, or what it works on."""
        text = visible(f"{part}: {what}")
        if not self._terminal.can_redraw:
            return
        if self._spinner is None:
            self._spinner = self._terminal.console.status(text)
            self._spinner.start()
        self._spinner.update(text)

    def table(self, name: str, rows: int) -> None:
        """Show how many rows of a table are copied."""
        self.start("copy", f"{name}, {rows:,} rows")

    def stop(self) -> None:
        """Show no progress any more."""
        if self._spinner is not None:
            self._spinner.stop()
            self._spinner = None

    def parts(self, found: Sequence[Part]) -> None:
        """Print one line for each finished part."""
        self.stop()
        for one in found:
            rows = "" if one.rows is None else f"{one.rows:,} rows {one.what}"
            line = f"  {one.name:<{_WIDEST_PART}} {show_duration(one.seconds):>12}   {rows}".rstrip()
            if self._as_json:
                click.echo(visible(line), err=True)
            else:
                self._terminal.print(line)

    def results(self, found: Rehearsal) -> None:
        """Print the results."""
        self.stop()
        if self._as_json:
            print_json(found)
            return
        self._terminal.print("")
        self._terminal.grid(rehearsal_tables.parts(found))
        self._terminal.print("")
        self._terminal.grid(rehearsal_tables.forecast(found))
        for sentence in rehearsal_tables.assumptions(found):
            self._terminal.evidence(sentence)
        for at, sentence in enumerate(rehearsal_tables.verdict(found)):
            style = "" if found.go else "red"
            self._terminal.print(f"\n{sentence}", style) if at == 0 else self._terminal.evidence(sentence, style)

    def kept(self, url: str, dagster_home: Path, config: Path | None) -> None:
        """Say where the copy is, and how to look at its runs; with its configuration file, if it has its own."""
        of_file = f"{settings.CONFIG_VARIABLE}={config} " if config else ""
        ui = f"{of_file}DAGSTER_HOME={dagster_home} {settings.command('meter-assets')} ui"
        self.say(
            f"Kept: the copy in {url}, and its runs in {dagster_home}. To look at them: "
            f"{settings.DATABASE_URL_VARIABLE}={url} {ui}"
        )
