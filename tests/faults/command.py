"""The command line in a process that is struck at a point: `python -m tests.faults.command KIND POINT ...`."""

import sys

from meter_assets.cli import main
from tests.faults.points import watched
from tests.faults.strikes import Kind, Strike, Striker


def run_and_strike() -> None:
    """Run the command that follows the kind of the strike and the words that its point begins with."""
    _, kind, point, *arguments = sys.argv
    striker = Striker(Strike(Kind(kind), point))
    with watched(striker.reached, striker.prepare):
        main(arguments, prog_name="meter-assets")


if __name__ == "__main__":
    run_and_strike()
