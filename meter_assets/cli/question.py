"""The question that a command asks before it writes.

Every command that writes asks here, and takes --yes. What the question says is in `session` and `tour`.
"""

import sys

import click

from meter_assets.errors import InvalidSettings
from meter_assets.runtime.interrupts import NothingStarted


def ask(question: str, *, command: str, about_to: str, on_stderr: bool = False) -> None:
    """Ask a question that only yes answers, before a command is about to do what `about_to` says.

    It is on standard error if standard output is not a terminal, or if `on_stderr`. Raises InvalidSettings if standard
    input is no terminal, NothingStarted for Ctrl-C, and click.Abort for another answer than yes.
    """
    if not sys.stdin.isatty():
        raise InvalidSettings(
            f"{command} is about to {about_to}. It asks first, but standard input is not a terminal. Nothing was "
            "written. To write without a question, add --yes."
        )
    try:
        # The question must be visible where standard output is a file or a pipe.
        click.confirm(question, abort=True, err=on_stderr or not sys.stdout.isatty())
    except click.Abort as aborted:
        if isinstance(aborted.__context__, KeyboardInterrupt):
            raise NothingStarted from None
        raise
