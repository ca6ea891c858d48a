"""The command line in a process that is struck at a point: `python -m tests.support.faults.command KIND POINT ...`."""

import sys
from typing import Any
from unittest.mock import patch

from meter_assets.cli.main import main
from meter_assets.defs import rollback
from meter_assets.runtime.materializations import forget_materializations
from tests.support.faults.points import FORGETTING, watched
from tests.support.faults.strikes import Kind, Strike, Striker


def run_and_strike() -> None:
    """Run the command that follows the kind of the strike and the words that its point begins with."""
    _, kind, point, *arguments = sys.argv
    striker = Striker(Strike(Kind(kind), point))

    def forget_and_tell(*of: Any) -> None:
        forget_materializations(*of)
        striker.reached(FORGETTING, None)

    with watched(striker.reached, striker.prepare), patch.object(rollback, "forget_materializations", forget_and_tell):
        main(arguments, prog_name="meter-assets")


if __name__ == "__main__":
    run_and_strike()
