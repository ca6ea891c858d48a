"""The guard before Dagster's web server: which requests of a browser it lets through, and which it refuses.

Dagster's server has no authentication, and takes a launch from any web page that a browser has open. The guard refuses
what only a foreign page, or a name that somebody else resolves, would send. It is no authentication: whoever can reach
the server can still launch. Add a rule to `refusal` for each new kind of request; how the server is started is in
`web_server`. Nothing here knows Dagster.
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
"""A page of ours loads nothing from elsewhere, sends nothing elsewhere, and is in no frame of others.

The policy is sent besides Dagster's own. A browser applies both.
"""
_HOST_AND_PORT = re.compile(rf"({HOST})(:\d{{1,5}})?")
_READS = frozenset({"GET", "HEAD"})
_FROM_OURSELVES = frozenset({"same-origin", "none"})
"""What Sec-Fetch-Site says of a page of this server, and of an address that a person has typed."""
_HEALTH = "/server_info"
"""What load balancers and Kubernetes ask by an address, and what tells nothing but versions."""


@dataclass(frozen=True)
class Refusal:
    """Why a request is refused: the status of the answer, and a sentence."""

    status: int
    sentence: str


class WebGuard:
    """An ASGI application that hands to another one the requests that it does not refuse."""

    def __init__(self, app: ASGIApp, hosts: Collection[str]) -> None:
        """Take the guarded application and the hosts, in lower case, by which browsers may reach it."""
        self._app = app
        self._hosts = LOCAL_HOSTS | frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, with the headers that keep browsers from using the page against its user."""
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
    """Return why a request is refused, or nothing where it may pass."""
    headers = Headers(scope=scope)
    if _host(headers) not in hosts and not scope["path"].endswith(_HEALTH):
        return Refusal(
            403,
            "Refused: this server is not known by the host of this address. Where it should be, name the host in "
            f"{HOSTS_VARIABLE} and start the server again.",
        )
    if scope["type"] == "http" and scope["method"] in _READS:
        return _refusal_to_read(scope, headers)
    if _is_foreign(scope, headers):
        return Refusal(403, "Refused: a page of another origin has sent this request.")
    return None if scope["type"] == "websocket" else _refusal_to_change(scope, headers)


def _refusal_to_read(scope: Scope, headers: Headers) -> Refusal | None:
    """Return why a GET is refused: GraphQL, which Dagster would execute, also where it launches a run.

    Where a browser asks for a page, Dagster answers with its page for GraphQL and executes nothing.
    """
    is_graphql = scope["path"].rstrip("/").endswith("/graphql")
    is_page = scope["method"] == "GET" and "text/html" in headers.get("accept", "")
    if is_graphql and not is_page:
        return Refusal(405, "Refused: GraphQL is taken by POST only.")
    return None


def _refusal_to_change(scope: Scope, headers: Headers) -> Refusal | None:
    """Return why a request that may change something is refused: a page of another origin can send forms and text."""
    if scope["method"] != "POST":
        return Refusal(405, "Refused: only GET and POST are taken.")
    kinds = headers.getlist("content-type")
    if [kind.partition(";")[0].strip().lower() for kind in kinds] != ["application/json"]:
        return Refusal(415, "Refused: the body must be JSON, with Content-Type: application/json.")
    return None


def _host(headers: Headers) -> str | None:
    """Return the host that the browser believes to speak to, without its port."""
    given = headers.getlist("host")
    found = _HOST_AND_PORT.fullmatch(given[0].lower()) if len(given) == 1 else None
    return found[1] if found else None


def _is_foreign(scope: Scope, headers: Headers) -> bool:
    """Say whether a browser says that another page than ours has sent a request. Other programs say nothing of it."""
    sites, origins = headers.getlist("sec-fetch-site"), headers.getlist("origin")
    if not set(sites) <= _FROM_OURSELVES:
        return True
    return bool(origins) and (len(origins) > 1 or not _is_our_origin(origins[0].lower(), scope, headers))


def _is_our_origin(origin: str, scope: Scope, headers: Headers) -> bool:
    """Say whether an origin is the address that the request was sent to.

    Where a proxy ends TLS and does not tell, this server cannot know that its pages come by https.
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
