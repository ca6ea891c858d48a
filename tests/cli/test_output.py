"""Nothing that is only shown ends a run: no character, no closed pipe, no full disk, no terminal that hangs up."""

import fcntl
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

import pytest

from meter_assets.cli.main import main
from meter_assets.cli.progress import Progress
from tests.support.command_line import COMMAND, HEALTHY, CommandLine, on_small_tenants
from tests.support.terminals import on_a_terminal

pytestmark = pytest.mark.slow
MIGRATE = ("migrate-meter-financials", "--yes", "--tenant", HEALTHY)
GOES_ON = "The run goes on to its end; 'meter-assets history' shows how it ended."
READERS: list[threading.Thread] = []
NAME = "Łódź Ωmega 水"


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    """The command line on three small tenants, of which the first has a name that few encodings have."""
    folder = tmp_path_factory.mktemp("output")
    (folder / "billing.db").touch()
    with pytest.MonkeyPatch.context() as patch:
        made = on_small_tenants(folder, f"sqlite:///{folder}/billing.db", patch)
        made.change(f"UPDATE tenants SET name = '{NAME}' WHERE id = {HEALTHY}")
        patch.setenv("METER_ASSETS_DATABASE_URL", made.url)
        yield made


@pytest.fixture(scope="module")
def migrated(shell: CommandLine) -> CommandLine:
    """The same, after a live run of the first tenant."""
    assert shell(*MIGRATE).status == 0
    return shell


def runs(shell: CommandLine) -> dict[str, set[str]]:
    """Return the outcomes of the steps of each recorded run."""
    found: dict[str, set[str]] = {}
    if not shell.rows("SELECT name FROM sqlite_master WHERE name = 'meter_migration_runs'"):
        return found
    for run_id, outcome in shell.rows(
        "SELECT r.run_id, o.outcome FROM meter_migration_runs r JOIN meter_migration_outcomes o ON o.step_run_id = r.id"
    ):
        found.setdefault(run_id, set()).add(outcome)
    return found


def log_of(shell: CommandLine, run_id: str) -> list[str]:
    """Return the messages in Dagster's log of a run."""
    with shell.instance() as instance:
        return [one.user_message or one.message for one in instance.all_logs(run_id)]


def without_reader() -> TextIO:
    reader, writer = os.pipe()
    os.close(reader)
    return os.fdopen(writer, "w", encoding="utf-8")


def full() -> TextIO:
    return open("/dev/full", "w", encoding="utf-8")


def good(encoding: str = "utf-8") -> Callable[[], TextIO]:
    return lambda: open("printed.txt", "w", encoding=encoding)


def narrow() -> TextIO:
    """A pipe that another program left so that a write fails while it is full."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    READERS.append(threading.Thread(target=_read_slowly, args=(reader,)))
    READERS[-1].start()
    return os.fdopen(writer, "w", encoding="utf-8")


def _read_slowly(reader: int) -> None:
    read, last = b"", b" "
    while last:
        time.sleep(0.01)
        last = os.read(reader, 256)
        read += last
    os.close(reader)
    Path("printed.txt").write_bytes(read)


class Printed:
    """Standard output and error of a command in this process, both as real files."""

    def __init__(self, patch: pytest.MonkeyPatch, out: TextIO | None, err: TextIO | None) -> None:
        """Take the streams that Python would have."""
        self._patch, self._streams = patch, {"stdout": out, "stderr": err}

    def run(self, *arguments: str) -> int:
        """Run a command and return its exit status."""
        for name, stream in self._streams.items():
            self._patch.setattr(sys, name, stream)
        try:
            main(list(arguments), prog_name="meter-assets")
        except SystemExit as end:
            return int(end.code or 0)
        finally:
            self._patch.undo()
            for stream in self._streams.values():
                if stream is not None:
                    stream.close()
        raise AssertionError


DISPLAYS: dict[str, tuple[Callable[[], TextIO | None], Callable[[], TextIO | None], str]] = {
    "a reader that ends": (without_reader, good(), "Standard output can no longer be written: the program that read"),
    "a full disk": (full, good(), "Standard output can no longer be written: no space left on the disk."),
    "errors without reader": (good(), without_reader, ""),
    "nothing works": (full, without_reader, ""),
    "closed": (lambda: None, lambda: None, ""),
    "latin-1": (good("latin-1"), good(), ""),
    "a pipe that does not block": (narrow, good(), ""),
}


WHOLE = {"latin-1": r'"\u0141ód\u017a', "a pipe that does not block": "Read:"}


@pytest.mark.parametrize("display", DISPLAYS)
def test_a_live_run_ends_as_it_would(shell: CommandLine, monkeypatch: pytest.MonkeyPatch, display: str) -> None:
    out, err, said = DISPLAYS[display]
    before = runs(shell)
    Path("printed.txt").write_text("")
    assert Printed(monkeypatch, out(), err()).run(*MIGRATE) == 0
    while READERS:
        READERS.pop().join()
    (new,) = set(runs(shell)) - set(before)
    assert runs(shell)[new] == {"succeeded"}
    printed = Path("printed.txt").read_text(encoding="latin-1")
    if said:
        assert printed.startswith(said)
        assert printed.count(GOES_ON) == 1
        assert any(line.startswith(said) and line.endswith("The run went on.") for line in log_of(shell, new))
    elif display in WHOLE:
        assert WHOLE[display] in printed
        assert "1 of 1 tenants done" in printed
    assert "Traceback" not in printed


QUICK = {("--help",): 0, ("no-such-command",): 2, ("history", "--tenant", "Ω"): 2, ("history",): 0}
RUNS = {
    ("validate-meter-financial-data", "--tenant", HEALTHY): 0,
    ("migrate-meter-financials", "--dry-run", "--tenant", HEALTHY, "--export", "Ω"): 0,
    ("rollback", "--dry-run", "--tenant", HEALTHY): 0,
}


@pytest.mark.parametrize("look", [*QUICK, *RUNS], ids=" ".join)
def test_a_look_has_the_same_status_on_every_display(
    migrated: CommandLine, monkeypatch: pytest.MonkeyPatch, look: tuple[str, ...]
) -> None:
    expected = {**QUICK, **RUNS}[look]
    displays = (good("ascii"), without_reader, lambda: None) if look in QUICK else (good("ascii"),)
    for display in displays:
        assert Printed(monkeypatch, display(), good("ascii")()).run(*look) == expected
        assert "Traceback" not in Path("printed.txt").read_text()


def test_a_reader_that_has_seen_enough_is_told_nothing_and_a_full_disk_is(
    migrated: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Printed(monkeypatch, without_reader(), good()()).run("history") == 0
    assert Path("printed.txt").read_text() == ""
    assert Printed(monkeypatch, full(), good()()).run("history") == 1
    assert Path("printed.txt").read_text() == (
        "Error: Standard output can no longer be written: no space left on the disk. The output is incomplete.\n"
    )


def test_head_does_not_end_a_run(shell: CommandLine) -> None:
    before = set(runs(shell))
    command = 'PIPE=$("$@" 2>err.txt | head -1; echo "${PIPESTATUS[0]}"); echo "$PIPE"'
    ended = subprocess.run(
        ["bash", "-c", command, "bash", *COMMAND, *MIGRATE],
        cwd=shell.folder,
        env={**os.environ, "METER_ASSETS_DATABASE_URL": shell.url},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stdout.split()[-1] == "0", ended.stdout
    (new,) = set(runs(shell)) - before
    assert runs(shell)[new] == {"succeeded"}
    assert Path(shell.folder, "err.txt").read_text() == (
        f"Standard output can no longer be written: the program that read it has ended. {GOES_ON}\n"
    )


def test_a_terminal_that_hangs_up_does_not_end_a_run(shell: CommandLine) -> None:
    before = set(runs(shell))
    environment = {"METER_ASSETS_DATABASE_URL": shell.url, "DAGSTER_HOME": None, "TERM": "xterm"}
    with on_a_terminal(shell.folder, environment, *MIGRATE) as terminal:
        terminal.read(lambda: "1/6" in terminal.written)
        terminal.hang_up()
        assert terminal.process.wait(120) == 0
    (new,) = set(runs(shell)) - before
    assert runs(shell)[new] == {"succeeded"}
    assert "Standard output can no longer be written: the terminal is gone. The run went on." in log_of(shell, new)


def test_a_hangup_before_the_answer_writes_nothing(shell: CommandLine) -> None:
    before = runs(shell)
    environment = {"METER_ASSETS_DATABASE_URL": shell.url, "DAGSTER_HOME": None, "TERM": "xterm"}
    with on_a_terminal(shell.folder, environment, "migrate-meter-financials", "--tenant", HEALTHY) as terminal:
        terminal.read(lambda: "[y/N]" in terminal.written)
        terminal.hang_up()
        assert terminal.process.wait(120) != 0
    assert runs(shell) == before


def test_an_error_of_showing_does_not_end_a_run(shell: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    before = set(runs(shell))
    with monkeypatch.context() as patch:
        patch.setattr(Progress, "__call__", lambda *given: 1 / 0)
        ended = shell(*MIGRATE)
    assert ended.status == 0
    assert "was not shown: ZeroDivisionError('division by zero'). Its run is not affected." in ended.words
    (new,) = set(runs(shell)) - before
    assert runs(shell)[new] == {"succeeded"}
    assert any("division by zero" in line for line in log_of(shell, new))
