"""The report in a browser: it loads nothing else, fits the paper, and prints to PDF."""

import re
from pathlib import Path

import pytest

from tests.support.browser import browser_page
from tests.support.command_line import BROKEN, HEALTHY, CommandLine

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.filterwarnings("default::ResourceWarning"),
    pytest.mark.xdist_group("browser"),
]


def test_a_report_prints_to_pdf_without_the_network(on_sqlite: CommandLine, tmp_path: Path) -> None:
    assert on_sqlite("migrate-meter-financials", "--yes", "--tenant", HEALTHY).status == 0
    path = tmp_path / "all.html"
    on_sqlite.change(f"UPDATE tenants SET name = '{'Xy' * 100}' WHERE id = {BROKEN}")
    assert on_sqlite("report", "--out", str(path)).status == 0
    with browser_page() as page:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(path.as_uri())
        assert asked == [path.as_uri()]
        for width in (1280, 400):
            page.set_viewport_size({"width": width, "height": 1000})
            assert page.evaluate("document.documentElement.scrollWidth") <= width, "no text is wider than the screen"
        page.emulate_media(media="print")
        page.set_viewport_size({"width": 703, "height": 1000})  # A4 without its margins
        assert page.evaluate("document.documentElement.scrollWidth") <= 703, "no table is wider than the paper"
        assert page.locator("svg").first.is_visible()
        printed = page.pdf(prefer_css_page_size=True)
    assert printed.startswith(b"%PDF")
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) >= 3
