"""Records which user of the UI launches a run: the user that a proxy with a log-in names in a header.

Dagster has no users. With METER_ASSETS_UI_USER_HEADER, such as X-Forwarded-User, each launch gets a tag with the value
of that header; a tag of that name in the request is replaced. The proxy must set the header itself, and be the only way
to the server. Add here a further request of Dagster's pages that launches runs. The guard in front is in `web_guard`.
"""

import json
import re
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from meter_assets.foreign_text import shown
from meter_assets.runtime.run_tags import UI_USER_TAG

HEADER_VARIABLE = "METER_ASSETS_UI_USER_HEADER"
NOBODY = (
    "Refused: this server records who launches runs, and the proxy named no user. Launch it through the proxy, after a "
    "log-in."
)
NOT_TAGGED = (
    "Refused: this server records who launches runs, and it cannot add that to this request. Send the parameters of "
    "the launch as variables, as Dagster's pages do."
)
_LAUNCHES = re.compile(r"\blaunch\w+|\breexecutePartitionBackfill\b")
_CANNOT_BE_TAGGED = re.compile(
    r"\breexecutePartitionBackfill\b"
    r"|\b(executionParams|executionParamsList|reexecutionParams|backfillParams)\s*:\s*[^$\s]"
)
"""A repeated backfill keeps the tags of the first one; and what is not a variable would have to be rewritten."""
_WHERE = {"reexecutionParams": "extraTags", "backfillParams": "tags"}


class UiUsers:
    """An ASGI application that adds the user to each request that launches runs, and passes it on."""

    def __init__(self, app: ASGIApp, header: str) -> None:
        """Take the application, and the name of the header."""
        self._app, self._header = app, header

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, with the user; refuse a launch without one."""
        if scope["type"] != "http" or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        body = await _body(receive)
        named = Headers(scope=scope).getlist(self._header)
        user = shown(named[0].strip()) if len(named) == 1 else ""
        changed, problem = with_user(body, user)
        if problem:
            await PlainTextResponse(f"{problem}\n", 403)(scope, receive, send)
            return
        headers = MutableHeaders(scope=scope)
        headers["content-length"] = str(len(changed))
        await self._app(scope, _once(changed, receive), send)


def with_user(body: bytes, user: str) -> tuple[bytes, str]:
    """Return the body of a GraphQL request with the user's tag in its launches, and why it is refused, if it is."""
    try:
        asked = json.loads(body)
    except ValueError:
        return body, ""  # Dagster answers that it is no JSON
    operations = asked if isinstance(asked, list) else [asked]
    for one in operations:
        query = one.get("query") if isinstance(one, dict) else None
        if not isinstance(query, str) or not _is_launch(query):
            continue
        if not user:
            return body, NOBODY
        if _CANNOT_BE_TAGGED.search(_without_types(query)) or not _tag(one.get("variables") or {}, user):
            return body, NOT_TAGGED
    return json.dumps(asked).encode(), ""


def _is_launch(query: str) -> bool:
    return re.search(r"\bmutation\b", query) is not None and _LAUNCHES.search(query) is not None


def _without_types(query: str) -> str:
    """Return a query without its variables' declarations, in which a name is followed by a type."""
    return re.sub(r"\$\w+\s*:", "", query)


def _tag(value: Any, user: str) -> int:
    """Set the user's tag wherever variables have the parameters of a launch; return how often."""
    if isinstance(value, list):
        return sum(_tag(one, user) for one in value)
    if not isinstance(value, dict):
        return 0
    found = 0
    for name, inner in list(value.items()):
        if name in ("executionParams", "executionParamsList"):
            for one in inner if isinstance(inner, list) else [inner]:
                if isinstance(one, dict):
                    _set(one.setdefault("executionMetadata", {}), "tags", user)
                    found += 1
        elif name in _WHERE and isinstance(inner, dict):
            _set(inner, _WHERE[name], user)
            found += 1
        else:
            found += _tag(inner, user)
    return found


def _set(owner: dict[str, Any], name: str, user: str) -> None:
    tags = [one for one in owner.get(name) or [] if not (isinstance(one, dict) and one.get("key") == UI_USER_TAG)]
    owner[name] = [*tags, {"key": UI_USER_TAG, "value": user}]


async def _body(receive: Receive) -> bytes:
    parts, more = [], True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            break
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts)


def _once(body: bytes, receive: Receive) -> Receive:
    """Return what gives the body, and after it what the server says next."""
    given = False

    async def next_message() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return next_message
