"""Commands of `meter-assets` that are struck at a point, in a process of their own (`tests.support.faults.command`)."""

import sys

import pytest

from tests.support import command_line
from tests.support.command_line import CommandLine
from tests.support.faults.strikes import Kind


def struck(shell: CommandLine, kind: Kind, point: str, *arguments: str) -> tuple[int, str]:
    """Run a command in a process of its own and strike it there; return its status and what it has printed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            command_line, "COMMAND", [sys.executable, "-m", "tests.support.faults.command", kind.value, point]
        )
        child = shell.start(*arguments)
    try:
        printed, _ = child.communicate(timeout=300)
    finally:
        child.kill()
    return child.returncode, printed
