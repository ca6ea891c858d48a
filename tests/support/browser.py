"""The real `meter-assets ui` on a demo database, and a real browser before it. Both end with the tests."""

import os
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
from dagster._core.instance.ref import InstanceRef
from playwright.sync_api import Page, sync_playwright

from meter_assets.demo.database import make_demo
from meter_assets.demo.generator import DemoSize
from meter_assets.migration.database import BillingDatabase
from meter_assets.runtime import run_tags
from meter_assets.runtime.instance import FOLDER, shipped_config
from tests.support.command_line import COMMAND
from tests.support.processes import NotInTime, free_port, started, until, without_schedules

ROOT = Path(__file__).parent.parent.parent
SIZE = DemoSize(tenants=5, customers=10, months=4)
LOG = "ui.log"
SECONDS_TO_START = 180
MILLISECONDS_TO_SHOW = 60_000
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


class NoBrowser(Exception):
    """There is no Chromium on this machine."""


@dataclass(frozen=True)
class Stack:
    """A running `meter-assets ui`: its address, its folder, and its billing database."""

    url: str
    folder: Path
    database: BillingDatabase
    environment: Mapping[str, str]

    def failed_runs(self, tenant: str) -> list[dg.DagsterRun]:
        """Return the failed runs of a tenant, newest first."""
        kept = InstanceRef.from_dir(str(self.folder / FOLDER), config_dir=str(self.folder))
        failed = dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE], tags={run_tags.PARTITION: tenant})
        with dg.DagsterInstance.from_ref(kept) as instance:
            return list(instance.get_runs(failed))

    def meter_assets(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run a command beside the UI, on its instance and its database."""
        return subprocess.run(
            [*COMMAND, *arguments], cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        )

    def newest_run(self) -> dg.DagsterRun:
        """Return the run that was created last."""
        kept = InstanceRef.from_dir(str(self.folder / FOLDER), config_dir=str(self.folder))
        with dg.DagsterInstance.from_ref(kept) as instance:
            return instance.get_runs(limit=1)[0]

    def evaluations(self, run_id: str) -> list[dg.AssetCheckEvaluation]:
        """Return what the checks of a run have found, as Dagster has it."""
        kept = InstanceRef.from_dir(str(self.folder / FOLDER), config_dir=str(self.folder))
        with dg.DagsterInstance.from_ref(kept) as instance:
            events = instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
        return [one.get_dagster_event().asset_check_evaluation_data for one in events]


@contextmanager
def running_ui(folder: Path, size: DemoSize = SIZE) -> Iterator[Stack]:
    """Start `meter-assets ui` in a folder as a checkout is, on a demo database; stop all its processes at the end."""
    database = folder / "billing.db"
    database.touch()
    billing = BillingDatabase(f"sqlite:///{database}")
    with billing.transaction() as connection:
        make_demo(connection, size, seed=1)
        billing.backend.analyze_if_never(connection)
    (folder / "dagster.yaml").write_text(shipped_config(), encoding="utf-8")
    shutil.copy(ROOT / "workspace.yaml", folder)
    port = free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("DAGSTER_", "METER_"))}
    environment |= {
        "METER_ASSETS_DATABASE_URL": f"sqlite:///{database}",
        "PYTHONWARNINGS": "ignore",
        **without_schedules(folder),
    }
    command = [*COMMAND, "ui", "--port", str(port)]
    with started(command, folder, folder / LOG, environment):
        stack = Stack(f"http://127.0.0.1:{port}", folder, billing, environment)
        _await_answer(stack)
        yield stack


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


def _await_answer(stack: Stack) -> None:
    try:
        until(lambda: answers(stack.url), "the UI answers", SECONDS_TO_START)
    except NotInTime as late:
        raise AssertionError(f"{late} {(stack.folder / LOG).read_text(errors='replace')[-3000:]}") from None


def answers(url: str) -> bool:
    """Return whether a web server of Dagster answers at this address."""
    try:
        urllib.request.urlopen(f"{url}/server_info", timeout=5).close()
    except OSError:
        return False
    return True
