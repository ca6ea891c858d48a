"""Records which user of the UI launches a run: the user that a proxy with a log-in names in a header.

Dagster has no users. With METER_ASSETS_UI_USER_HEADER, such as X-Forwarded-User, each launch gets a tag with the value
of that header; a tag of that name in the request is replaced. The proxy must set the header itself, and be the only way
to the server. A request is parsed as Dagster parses it: a launch to which no tag can be added is refused. Add here a
further request of Dagster's pages that launches runs. The guard in front is in `web_guard`.
"""

import json
from collections.abc import Iterator
from typing import Any

from graphql import (
    ArgumentNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    VariableNode,
    parse,
)
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
OF_ANOTHER = (
    "Refused: this server records who launches runs, and the runs of a backfill that is repeated or resumed would have "
    "the name of the user who launched it first. Launch a new backfill of the partitions that are missing."
)
_PARAMETERS = {
    "executionParams": ("executionMetadata", "tags"),
    "executionParamsList": ("executionMetadata", "tags"),
    "reexecutionParams": ("extraTags",),
    "backfillParams": ("tags",),
}
"""The arguments of Dagster's mutations that launch runs, each with the place of the tags in it."""
_LAUNCH, _KEEP_TAGS = "launch", frozenset({"reexecutePartitionBackfill", "resumePartitionBackfill"})
"""How the names of these mutations start; and those whose runs keep the tags of the backfill that they repeat."""


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
    except RecursionError:
        return body, NOT_TAGGED
    for one in asked if isinstance(asked, list) else [asked]:
        query = one.get("query") if isinstance(one, dict) else None
        try:
            launches = list(_launches(parse(query))) if isinstance(query, str) else []
        except GraphQLError:
            continue  # Dagster, which parses it in the same way, answers that it is no GraphQL
        except RecursionError:
            return body, NOT_TAGGED
        if launches and not user:
            return body, NOBODY
        if any(launch.name.value in _KEEP_TAGS for launch in launches):
            return body, OF_ANOTHER
        if not all(_tag(one.get("variables"), launch, user) for launch in launches):
            return body, NOT_TAGGED
    return json.dumps(asked).encode(), ""


def _launches(document: DocumentNode) -> Iterator[FieldNode]:
    """Yield the fields of all mutations of a document that launch runs, also those in fragments."""
    fragments = {one.name.value: one for one in document.definitions if isinstance(one, FragmentDefinitionNode)}
    waiting: list[SelectionSetNode] = [
        one.selection_set
        for one in document.definitions
        if isinstance(one, OperationDefinitionNode) and one.operation is OperationType.MUTATION
    ]
    while waiting:
        for selected in waiting.pop().selections:
            if isinstance(selected, FieldNode):
                names = {one.name.value for one in selected.arguments}
                name = selected.name.value
                if name.startswith(_LAUNCH) or name in _KEEP_TAGS or not names.isdisjoint(_PARAMETERS):
                    yield selected
            elif isinstance(selected, InlineFragmentNode):
                waiting.append(selected.selection_set)
            elif isinstance(selected, FragmentSpreadNode) and selected.name.value in fragments:
                waiting.append(fragments.pop(selected.name.value).selection_set)


def _tag(variables: Any, launch: FieldNode, user: str) -> bool:
    """Set the user's tag in the variables that have the parameters of a launch; return whether it is in all of them."""
    given = [one for one in launch.arguments if one.name.value in _PARAMETERS]
    return bool(given) and all(_tag_argument(variables, one, user) for one in given)


def _tag_argument(variables: Any, argument: ArgumentNode, user: str) -> bool:
    if not isinstance(argument.value, VariableNode) or not isinstance(variables, dict):
        return False  # what is not a variable would have to be rewritten
    value = variables.get(argument.value.name.value)
    params = value if isinstance(value, list) else [value]
    for one in params:
        if not isinstance(one, dict):
            return False
        *path, last = _PARAMETERS[argument.name.value]
        for name in path:
            one[name] = one.get(name) or {}
            one = one[name]
        if not isinstance(one, dict):
            return False
        given = one.get(last) or []
        tags = [each for each in given if not (isinstance(each, dict) and each.get("key") == UI_USER_TAG)]
        one[last] = [*tags, {"key": UI_USER_TAG, "value": user}]
    return bool(params)


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
