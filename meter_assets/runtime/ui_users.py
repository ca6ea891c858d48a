"""Records which user of the UI launches a run: the user that a proxy with a log-in names in a header.

Dagster has no users. With METER_ASSETS_UI_USER_HEADER, such as X-Forwarded-User, each launch gets a tag with the value
of that header. The proxy must set the header itself, and be the only way to the server. Tags of the request that say
who launches are removed, also without that header. A request is parsed as Dagster parses it: a launch is refused if no
tag can be added to it, or removed from it. Add here a further request of Dagster's pages that launches runs. The guard
in front is in `web_guard`.
"""

import json
from collections.abc import Iterator, Sequence
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
    StringValueNode,
    VariableNode,
    Visitor,
    parse,
    visit,
)
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from meter_assets.foreign_text import shown
from meter_assets.runtime.processes import PROCESS_TAG, USER_TAG
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
FORGED = (
    f"Refused: the tag {UI_USER_TAG} says who launched a run, and this server does not know its users. Leave the tag "
    "out."
)
_SAY_WHO = frozenset({UI_USER_TAG, USER_TAG, PROCESS_TAG})
"""The tags that say who started a run, which nobody may give to a launch."""
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

    def __init__(self, app: ASGIApp, header: str | None) -> None:
        """Take the application, and the name of the header; None if no proxy names users."""
        self._app, self._header = app, header

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, with the user; refuse a launch without one."""
        if scope["type"] != "http" or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        body = await _body(receive)
        user = None if self._header is None else _named(Headers(scope=scope).getlist(self._header))
        changed, problem = with_user(body, user)
        if problem:
            await JSONResponse(refusal(body, problem))(scope, receive, send)
            return
        headers = MutableHeaders(scope=scope)
        headers["content-length"] = str(len(changed))
        await self._app(scope, _once(changed, receive), send)


def _named(values: Sequence[str]) -> str:
    """Return the user that a header names; an empty text if it is not there, or there twice."""
    return shown(values[0].strip()) if len(values) == 1 else ""


def with_user(body: bytes, user: str | None) -> tuple[bytes, str]:
    """Return the body of a GraphQL request with the user's tag in its launches, and why it is refused, if it is.

    None: users are not known, and launches have no such tag.
    """
    try:
        asked = json.loads(body)
    except ValueError:
        return body, ""  # Dagster answers that it is no JSON
    except RecursionError:
        return body, NOT_TAGGED
    for one in asked if isinstance(asked, list) else [asked]:
        query = one.get("query") if isinstance(one, dict) else None
        try:
            document = parse(query) if isinstance(query, str) and "mutation" in query else None
            launches = [] if document is None else list(_launches(document))
        except GraphQLError:
            continue  # Dagster, which parses it in the same way, answers that it is no GraphQL
        except RecursionError:
            return body, NOT_TAGGED
        if not launches:
            continue
        if user is None:
            if document is None or not _without_user(one, document, launches):
                return body, FORGED
            continue
        if not user:
            return body, NOBODY
        if any(launch.name.value in _KEEP_TAGS for launch in launches):
            return body, OF_ANOTHER
        if not all(_tag(one.get("variables"), launch, user) for launch in launches):
            return body, NOT_TAGGED
    return json.dumps(asked).encode(), ""


def refusal(body: bytes, problem: str) -> dict[str, Any]:
    """Return the answer to a refused request: its launches fail with this problem.

    Dagster's pages show the sentence then, and end the launch. Of any other answer, such as the status 403, they show
    nothing, or that there is an error, and seem to launch for ever.
    """
    try:
        names = [one.alias or one.name for one in _launches(parse(json.loads(body)["query"]))]
    except (ValueError, TypeError, KeyError, GraphQLError, RecursionError):
        names = []
    failed: dict[str, Any] = {
        "__typename": "PythonError",
        "message": problem,
        "stack": [],
        "errorChain": [],
        "causes": [],
        "cause": None,
    }
    if names:
        return {"data": {one.value: failed for one in names}}
    return {"data": None, "errors": [{"message": problem}]}


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


def _without_user(asked: dict[str, Any], document: DocumentNode, launches: Sequence[FieldNode]) -> bool:
    """Remove the tags that say who launches; return whether the user's tag is nowhere in the request then."""
    variables = asked.get("variables")
    if isinstance(variables, str):  # which Dagster reads as JSON
        try:
            asked["variables"] = variables = json.loads(variables)
        except (ValueError, RecursionError):
            return False
    for launch in launches:
        _tag(variables, launch, None)
    texts = _Texts()
    visit(document, texts)
    return not texts.has_user and not _has_user(variables)


class _Texts(Visitor):
    """Looks for the name of the user's tag among the texts of a document."""

    has_user = False

    def enter_string_value(self, node: StringValueNode, *_: Any) -> None:
        """Look at a text as Dagster reads it, without its escapes."""
        self.has_user = self.has_user or node.value == UI_USER_TAG


def _has_user(value: Any) -> bool:
    """Return whether the name of the user's tag is anywhere in the variables."""
    if isinstance(value, dict):
        value = [*value, *value.values()]
    return any(map(_has_user, value)) if isinstance(value, list) else bool(value == UI_USER_TAG)


def _tag(variables: Any, launch: FieldNode, user: str | None) -> bool:
    """Set the user's tag in the variables that have the parameters of a launch; return whether it is in all of them."""
    given = [one for one in launch.arguments if one.name.value in _PARAMETERS]
    return bool(given) and all(_tag_argument(variables, one, user) for one in given)


def _tag_argument(variables: Any, argument: ArgumentNode, user: str | None) -> bool:
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
        tags = [each for each in given if not (isinstance(each, dict) and each.get("key") in _SAY_WHO)]
        one[last] = tags if user is None else [*tags, {"key": UI_USER_TAG, "value": user}]
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
