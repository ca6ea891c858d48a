"""How every command ends: its exit status, and one sentence instead of a traceback.

Exit status: 0 for success, 1 if a step or a validation failed, 2 for wrong usage or configuration, 130 for Ctrl-C and
SIGTERM. Add here what a further kind of ending prints. Streams that cannot be written are in `output`.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial, wraps
from typing import ParamSpec

import click

from meter_assets.cli.output import is_incomplete, problems, said_on_failure
from meter_assets.cli.selection import NothingSelected
from meter_assets.cli.start import INTERRUPTED as _NOTHING_WRITTEN
from meter_assets.cli.start import interrupts_are_raised
from meter_assets.errors import MeterAssetsError
from meter_assets.runtime.interrupts import BetweenRuns, WhileRunning, raised_again, terminations_interrupt
from meter_assets.runtime.waits import waits_shown

P = ParamSpec("P")

_GOES_ON = "The run goes on to its end; 'meter-assets history' shows how it ended."
_NO_RUN = "Interrupted. No run was under way: finished runs stay. Run the same command again to continue."
_ROLLED_BACK = (
    "Interrupted. The current step, or its current batch, was rolled back; finished steps and batches stay. Run the "
    "same command again to continue."
)


def reports_errors(*, writes: bool = False) -> Callable[[Callable[P, int]], Callable[P, None]]:
    """End a command with its exit status, and report an error as one sentence instead of a traceback.

    A command that `writes` is told to have been rolled back when it is interrupted, unless it is a dry run.
    """

    def decorate(command: Callable[P, int]) -> Callable[P, None]:
        @wraps(command)
        def run(*args: P.args, **kwargs: P.kwargs) -> None:
            is_live = writes and not kwargs.get("dry_run")
            with terminations_interrupt():
                try:
                    interrupts_are_raised()
                    with _outputs(is_live=is_live):
                        status = command(*args, **kwargs)
                except MeterAssetsError as error:
                    click.echo(f"Error: {error}", err=True)
                    status = error.exit_status
                except NothingSelected as nothing:
                    for_programs = kwargs.get("as_json") or kwargs.get("form")
                    click.echo(str(nothing), err=bool(for_programs))
                    status = 0
                except click.Abort:  # another answer than yes
                    click.echo("Nothing was written.", err=True)
                    status = 1
                except KeyboardInterrupt as interrupt:
                    click.echo(_said_of(interrupt) if is_live else _NOTHING_WRITTEN, err=True)
                    status = 130
            sys.exit(status if is_live else _with_output(status))

        return run

    return decorate


@contextmanager
def _outputs(*, is_live: bool) -> Iterator[None]:
    """Lose no interrupt, show for what a statement waits, and say that a run goes on if its output cannot be shown."""
    with raised_again(), waits_shown(partial(click.echo, err=True)), said_on_failure(_GOES_ON * is_live):
        yield


def _said_of(interrupt: KeyboardInterrupt) -> str:
    """Return what an interrupt of a live command has left."""
    if isinstance(interrupt, WhileRunning):
        return _ROLLED_BACK
    return _NO_RUN if isinstance(interrupt, BetweenRuns) else _NOTHING_WRITTEN


def _with_output(status: int) -> int:
    """Return the exit status of a command whose output is its result: not 0 if a part of it could not be written."""
    if status == 0 and is_incomplete():
        for problem in problems():
            click.echo(f"Error: {problem} The output is incomplete.", err=True)
        return 1
    return status
