"""The real `dagster dev` on a demo database, and a real browser before it. Both end with the tests."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from meter_assets.dagster_instance import shipped_config
from meter_assets.database import BillingDatabase
from meter_assets.demo.database import make_demo
from meter_assets.demo.generator import DemoSize

ROOT = Path(__file__).parent.parent.parent
SIZE = DemoSize(tenants=5, customers=10, months=4)
SECONDS_TO_START = 180
MILLISECONDS_TO_SHOW = 60_000
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


class NoBrowser(Exception):
    """There is no Chromium on this machine."""


@dataclass(frozen=True)
class Stack:
    """A running `dagster dev`: its address, its folder, and its billing database."""

    url: str
    folder: Path
    database: BillingDatabase


@contextmanager
def dagster_dev(folder: Path) -> Iterator[Stack]:
    """Start `dagster dev` in a folder as a checkout is, on a demo database; stop all its processes at the end."""
    database = folder / "billing.db"
    database.touch()
    billing = BillingDatabase(f"sqlite:///{database}")
    with billing.transaction() as connection:
        make_demo(connection, SIZE, seed=1)
    (folder / "dagster.yaml").write_text(shipped_config(), encoding="utf-8")
    shutil.copy(ROOT / "workspace.yaml", folder)
    port = _free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("DAGSTER_", "METER_"))}
    environment |= {"METER_ASSETS_DATABASE_URL": f"sqlite:///{database}", "PYTHONWARNINGS": "ignore"}
    with (folder / "dagster-dev.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "dagster", "dev", "--host", "127.0.0.1", "--port", str(port)],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        stack = Stack(f"http://127.0.0.1:{port}", folder, billing)
        _await_answer(stack, process)
        yield stack
    finally:
        _stop(process)


@contextmanager
def browser_page() -> Iterator[Page]:
    """Open a page in a headless Chromium of this machine. Raises NoBrowser."""
    found = next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    if found is None:
        raise NoBrowser("These tests need Chromium: install Debian's package chromium (apt-get install chromium).")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1600, "height": 1100}, color_scheme="light")
        page.set_default_timeout(MILLISECONDS_TO_SHOW)
        yield page
        browser.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await_answer(stack: Stack, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + SECONDS_TO_START
    while True:
        try:
            urllib.request.urlopen(f"{stack.url}/server_info", timeout=5).close()
            return
        except (urllib.error.URLError, OSError) as refused:
            if process.poll() is not None or time.monotonic() > deadline:
                log = (stack.folder / "dagster-dev.log").read_text(errors="replace")[-3000:]
                raise AssertionError(f"dagster dev did not start: {log}") from refused
            time.sleep(0.2)


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """Ask all processes of the group to end, as Ctrl-C does; then make them."""
    for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, sign)
            process.wait(timeout=20)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            continue
