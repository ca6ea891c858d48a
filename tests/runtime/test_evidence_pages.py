"""The page of statements in the web server of the UI: what it shows, escapes and refuses."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp

from meter_assets.reports.statements.tables import STATEMENT_PATH
from meter_assets.runtime.evidence_pages import EvidencePages
from meter_assets.runtime.web_guard import WebGuard
from tests.support.command_line import CommandLine, on_small_tenants

EVIL = "<script>alert(1)</script><img src=x>"


@dataclass(frozen=True)
class Browser:
    """Requests pages of an application, without a server."""

    app: ASGIApp

    def get(
        self, path: str, params: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """Return the answer to a request."""

        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
                return await client.get(path, params=params, headers=headers)

        return asyncio.run(ask())


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[CommandLine, Browser]:
    """A browser before our pages, behind the guard and before another application; and the command line."""
    (tmp_path / "billing.db").touch()
    shell = on_small_tenants(tmp_path, f"sqlite:///{tmp_path / 'billing.db'}", monkeypatch)
    monkeypatch.setenv("METER_ASSETS_DATABASE_URL", shell.url)
    served = WebGuard(EvidencePages(PlainTextResponse("Dagster")), ())
    return shell, Browser(served)


@pytest.mark.slow
def test_a_statement_is_the_command_lines(client: tuple[CommandLine, Browser]) -> None:
    """Of a meter, of a customer, and of a tenant the list of its meters; other addresses are the application's."""
    shell, browser = client
    assert shell("migrate-meter-financials", "--yes", "--tenant", "1").status == 0
    shell.change(f"UPDATE customers SET name = '{EVIL}' WHERE id = 1")
    page = browser.get(STATEMENT_PATH, params={"tenant": "1", "meter": "1", "history": "1"})
    said = shell("explain", "1", "--tenant", "1").words
    conclusion = said[said.index("Billed") :].split(": balance")[0]
    assert (page.status_code, page.headers["cache-control"]) == (200, "no-store")
    assert conclusion in page.text
    assert "Journaled changes" in page.text
    assert "<script>" not in page.text
    assert "&lt;script&gt;" in page.text
    of_customer = browser.get(STATEMENT_PATH, params={"tenant": "1", "customer": "1", "as_of": "2024-02-01"})
    assert "at the end of 2024-02-01" in of_customer.text
    assert "in the backup" in of_customer.text
    shell.change("UPDATE meters SET meter_number = '1' WHERE id = 2")
    several = browser.get(STATEMENT_PATH, params={"tenant": "1", "meter": "1"})
    chosen = browser.get(STATEMENT_PATH, params={"tenant": "1", "meter": "1", "by": "number"})
    assert (several.status_code, "<h1>Meter 2, number 1" in chosen.text) == (404, True)
    of_tenant = browser.get(f"/prefix{STATEMENT_PATH}", params={"tenant": "1"}).text
    for (number,) in shell.rows("SELECT meter_number FROM meters WHERE tenant_id = 1"):
        assert number in of_tenant
    assert browser.get("/assets").text == "Dagster"


REFUSED = {
    "no tenant": ({}, 200, "Name a tenant"),
    "an unknown tenant": ({"tenant": "77"}, 404, "No such tenant: 77"),
    "an unknown meter": ({"tenant": "1", "meter": "x9"}, 404, "Tenant 1 has no meter x9"),
    "more digits than an id": ({"tenant": "1", "meter": "9" * 30}, 404, f"Tenant 1 has no meter {'9' * 30}"),
    "a meter and a customer": ({"tenant": "1", "meter": "1", "customer": "1"}, 404, "either a meter or a customer"),
    "a day that is none": ({"tenant": "1", "meter": "1", "as_of": "soon"}, 404, "is no day"),
}


@pytest.mark.slow
def test_what_it_cannot_show_is_one_sentence(client: tuple[CommandLine, Browser]) -> None:
    _, browser = client
    for asked, status, says in REFUSED.values():
        page = browser.get(STATEMENT_PATH, params=asked)
        assert (page.status_code, says in page.text, "Traceback" in page.text) == (status, True, False), asked
    foreign = browser.get(STATEMENT_PATH, params={"tenant": "1"}, headers={"Host": "evil.example"})
    assert foreign.status_code == 403
