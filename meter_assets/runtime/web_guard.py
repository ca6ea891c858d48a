"""The guard in front of Dagster's web server: decides which requests of a browser are accepted or refused.

Dagster's server has no authentication, and accepts a launch from any web page that is open in a browser. The guard
refuses requests that only a page of another site, or a host name under foreign control, would send. It is not an
authentication: everybody who can reach the server can still launch runs. Add a rule to `refusal` for each new kind of
request; the start of the server is in `web_server`. Nothing here knows Dagster.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HOSTS_VARIABLE = "METER_ASSETS_UI_HOSTS"
LOCAL_HOSTS = frozenset({"127.0.0.1", "localhost", "[::1]"})
HOST = r"\[[0-9a-f:.]+\]|[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?"
"""A host as a browser writes it, in lower case: an IPv6 address in brackets, an IPv4 address, or a name."""
SECURITY_HEADERS = {
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
}
POLICY = "img-src 'self' data:; connect-src 'self'; form-action 'self'; frame-ancestors 'none'"
"""Our pages load nothing from other sites, send nothing to other sites, and appear in no frame of other sites.

The policy is sent in addition to Dagster's own. A browser applies both.
"""
_HOST_AND_PORT = re.compile(rf"({HOST})(:\d{{1,5}})?")
_READS = frozenset({"GET", "HEAD"})
_FROM_OURSELVES = frozenset({"same-origin", "none"})
"""The values of Sec-Fetch-Site for a page of this server, and for an address that a person has typed."""
_HEALTH = "/server_info"
"""The path that load balancers and Kubernetes request by an IP address. Its response contains only versions."""


@dataclass(frozen=True)
class Refusal:
    """Why a request is refused: the status of the response, and a sentence."""

    status: int
    sentence: str


class WebGuard:
    """An ASGI application that passes the requests that it does not refuse to another application."""

    def __init__(self, app: ASGIApp, hosts: Collection[str]) -> None:
        """Take the guarded application and the host names, in lower case, that browsers may use for it."""
        self._app = app
        self._hosts = LOCAL_HOSTS | frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Respond to a request, with headers that protect the user of the page."""
        if scope["type"] not in ("http", "websocket"):  # the start and the end of the server
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                _add_security_headers(message)
            await send(message)

        refused = refusal(scope, self._hosts)
        if refused is None:
            await self._app(scope, receive, send_with_headers)
            return
        allow = {"Allow": "POST"} if refused.status == 405 else None
        answer = PlainTextResponse(refused.sentence + "\n", refused.status, allow)
        await answer(scope, receive, send_with_headers)


def refusal(scope: Scope, hosts: Collection[str]) -> Refusal | None:
    """Return why a request is refused, or None if it is accepted."""
    headers = Headers(scope=scope)
    if _host(headers) not in hosts and not scope["path"].endswith(_HEALTH):
        return Refusal(
            403,
            "Refused: the host in this address is not allowed for this server. To allow it, add the host to "
            f"{HOSTS_VARIABLE} and restart the server.",
        )
    if scope["type"] == "http" and scope["method"] in _READS:
        return _refusal_to_read(scope, headers)
    if _is_foreign(scope, headers):
        return Refusal(403, "Refused: a page of another origin sent this request.")
    return None if scope["type"] == "websocket" else _refusal_to_change(scope, headers)


def _refusal_to_read(scope: Scope, headers: Headers) -> Refusal | None:
    """Return why a GET is refused: Dagster would execute GraphQL in it, even a launch of a run.

    If a browser requests a page, Dagster responds with its GraphQL page and executes nothing.
    """
    is_graphql = scope["path"].rstrip("/").endswith("/graphql")
    is_page = scope["method"] == "GET" and "text/html" in headers.get("accept", "")
    if is_graphql and not is_page:
        return Refusal(405, "Refused: GraphQL is accepted by POST only.")
    return None


def _refusal_to_change(scope: Scope, headers: Headers) -> Refusal | None:
    """Return why a request that may change data is refused: a page of another origin can send forms and text."""
    if scope["method"] != "POST":
        return Refusal(405, "Refused: only GET and POST are accepted.")
    kinds = headers.getlist("content-type")
    if [kind.partition(";")[0].strip().lower() for kind in kinds] != ["application/json"]:
        return Refusal(415, "Refused: the body must be JSON, with Content-Type: application/json.")
    return None


def _host(headers: Headers) -> str | None:
    """Return the host to which the browser sent the request, without its port."""
    given = headers.getlist("host")
    found = _HOST_AND_PORT.fullmatch(given[0].lower()) if len(given) == 1 else None
    return found[1] if found else None


def _is_foreign(scope: Scope, headers: Headers) -> bool:
    """Return whether a browser reports that a page of another site sent a request. Other programs report nothing."""
    sites, origins = headers.getlist("sec-fetch-site"), headers.getlist("origin")
    if not set(sites) <= _FROM_OURSELVES:
        return True
    return bool(origins) and (len(origins) > 1 or not _is_our_origin(origins[0].lower(), scope, headers))


def _is_our_origin(origin: str, scope: Scope, headers: Headers) -> bool:
    """Return whether an origin is the address to which the request was sent.

    If a proxy terminates TLS and does not report it, this server cannot know that its pages are served by https.
    """
    schemes = ("https",) if scope["scheme"] in ("https", "wss") else ("http", "https")
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    ports = {"http": ":80", "https": ":443"}
    host = headers["host"].lower().removesuffix(ports.get(parts.scheme, ""))
    return parts.scheme in schemes and origin == f"{parts.scheme}://{host}"


def _add_security_headers(message: Message) -> None:
    headers = MutableHeaders(scope=message)
    headers.append("Content-Security-Policy", POLICY)
    for name, value in SECURITY_HEADERS.items():
        headers[name] = value
