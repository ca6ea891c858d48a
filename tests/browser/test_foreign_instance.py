"""A web server in the instance of another project shows why the definitions do not load, and what to do."""

import os
import sys
from pathlib import Path

import dagster as dg
import pytest
from playwright.sync_api import expect

from tests.support.browser import answers, browser_page
from tests.support.processes import free_port, started, until

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.filterwarnings("default::ResourceWarning"),
    pytest.mark.xdist_group("browser"),
]


def test_the_page_of_locations_shows_why_and_what_to_do(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text("nux: {enabled: false}\n")
    with dg.DagsterInstance.from_config(str(home)) as instance:
        instance.add_run(dg.DagsterRun(job_name="of others"))
    port = free_port()
    environment = {**os.environ, "DAGSTER_HOME": str(home), "PYTHONWARNINGS": "ignore"}
    command = ["-m", "meter_assets.runtime.web_server", "-p", str(port), "-m", "meter_assets.definitions"]
    url = f"http://127.0.0.1:{port}"
    with started([sys.executable, *command], tmp_path, tmp_path / "log", environment), browser_page() as page:
        until(lambda: answers(url), "the web server answers", 120)
        page.goto(f"{url}/locations")
        page.get_by_text("View error").first.click()
        said = page.get_by_text("is not one of meter-assets").first
        expect(said).to_be_visible()
        expect(page.get_by_text(f"meter-assets init {home}").first).to_be_visible()
