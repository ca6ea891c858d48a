"""Our own pages in the web server of the UI: the statement of a meter, or of a customer's meters.

Add a further page here. What a page shows is made in `reports.pages`; the guard in front of all pages is in
`web_guard`. The pages only read the billing database.
"""

from collections.abc import Mapping
from datetime import date

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from meter_assets import settings
from meter_assets.errors import InvalidSettings, MeterAssetsError
from meter_assets.foreign_text import quoted
from meter_assets.reports.pages import statement_page
from meter_assets.reports.statements.explain import BY, explain_customer, explain_meter, meters_of_tenant
from meter_assets.reports.statements.tables import STATEMENT_PATH

_FIELDS = ("tenant", "meter", "customer", "by", "as_of", "history")


class EvidencePages:
    """An ASGI application that answers the addresses of our pages, and passes all other requests on."""

    def __init__(self, app: ASGIApp) -> None:
        """Take the application for all other requests."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request for one of our pages; pass another one on."""
        if scope["type"] == "http" and scope["method"] == "GET" and scope["path"].endswith(STATEMENT_PATH):
            answer = await _statement(Request(scope, receive))
            await answer(scope, receive, send)
            return
        await self._app(scope, receive, send)


async def _statement(request: Request) -> HTMLResponse:
    asked = {name: request.query_params.get(name, "").strip() for name in _FIELDS}
    try:
        page, status = await run_in_threadpool(_page, asked), 200
    except MeterAssetsError as error:
        page, status = statement_page(asked, problem=str(error)), 404
    # What is owed is nobody else's business: no cache keeps it, and no other site learns what was asked for.
    return HTMLResponse(page, status, {"Cache-Control": "no-store", "Referrer-Policy": "same-origin"})


def _page(asked: Mapping[str, str]) -> str:
    """Return the page for what was asked. Raises MeterAssetsError."""
    if not asked["tenant"]:
        return statement_page(asked, problem="Name a tenant, by its id or its exact name, and a meter or a customer.")
    if asked["meter"] and asked["customer"]:
        raise InvalidSettings("Name either a meter or a customer, and leave the other field empty.")
    database, policy = settings.billing_database(), settings.policy()
    (tenant,) = database.tenants(database.tenant_keys([asked["tenant"]]))
    as_of, history = _day(asked["as_of"]), bool(asked["history"])
    by = asked["by"] if asked["by"] in BY else None
    if asked["customer"]:
        of_customer = explain_customer(database, tenant, policy, asked["customer"], by=by, as_of=as_of, history=history)
        return statement_page(asked, found=of_customer)
    if asked["meter"]:
        found = explain_meter(database, tenant, policy, asked["meter"], by=by, as_of=as_of, history=history)
        return statement_page(asked, found=found)
    return statement_page(asked, grids=[meters_of_tenant(database, tenant, policy)])


def _day(text: str) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidSettings(f"{quoted(text)} is no day; expected one such as 2024-03-31.") from None
