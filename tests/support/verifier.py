"""The independent program that verifies journals, `tools/verify_journal.py`, as tests run it."""

import os
import subprocess
import sys

from tests.support import servers
from tests.support.command_line import PROJECT

PROGRAM = PROJECT / "tools" / "verify_journal.py"


def independent(url: str, *kept: str) -> "subprocess.CompletedProcess[str]":
    """Run the program that knows nothing of ours."""
    plain = url.replace("+psycopg2", "").replace("+pymysql", "").replace("mariadb://", "mysql://")
    command = [sys.executable, "-I", str(PROGRAM), plain, *kept]
    places = f"{os.environ['PATH']}:{servers.find_binaries()}"  # of psql
    environment = {**os.environ, "PATH": places}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
