"""The user of the UI in the tags of the runs that a request launches."""

import json
from typing import Any

import pytest

from meter_assets.runtime.processes import PROCESS_TAG, USER_TAG
from meter_assets.runtime.run_tags import UI_USER_TAG
from meter_assets.runtime.ui_users import FORGED as FORGED_TAG
from meter_assets.runtime.ui_users import NOBODY, NOT_TAGGED, OF_ANOTHER, refusal, with_user

LAUNCH = (
    "mutation L($executionParams: ExecutionParams!) { launchRun(executionParams: $executionParams) { __typename } }"
)
SEVERAL = (
    "mutation L($executionParamsList: [ExecutionParams!]!) "
    "{ launchMultipleRuns(executionParamsList: $executionParamsList) { __typename } }"
)
AGAIN = (
    "mutation L($reexecutionParams: ReexecutionParams) "
    "{ launchPipelineReexecution(reexecutionParams: $reexecutionParams) { __typename } }"
)
BACKFILL = (
    "mutation L($backfillParams: LaunchBackfillParams!) "
    "{ launchPartitionBackfill(backfillParams: $backfillParams) { __typename } }"
)
INLINE = 'mutation { launchRun(executionParams: {selector: {jobName: "x"}}) { __typename } }'
FORGED = {"key": UI_USER_TAG, "value": "somebody else"}
MINE = {"key": UI_USER_TAG, "value": "ada"}
OTHER = {"key": "team", "value": "billing"}


def asked(query: str, variables: Any = None) -> bytes:
    """Return the body of a request."""
    return json.dumps({"query": query, "variables": variables}).encode()


TAGGED = {
    "a run": (LAUNCH, {"executionParams": {"executionMetadata": {"tags": [OTHER, FORGED]}}}, [OTHER, MINE]),
    "a run without metadata": (LAUNCH, {"executionParams": {}}, [MINE]),
    "a run as if of a command line": (
        LAUNCH,
        {"executionParams": {"executionMetadata": {"tags": [{"key": PROCESS_TAG, "value": "{}"}, OTHER]}}},
        [OTHER, MINE],
    ),
    "several runs": (SEVERAL, {"executionParamsList": [{"executionMetadata": {"tags": [FORGED]}}]}, [MINE]),
}


@pytest.mark.parametrize(("query", "variables", "tags"), TAGGED.values(), ids=TAGGED)
def test_a_launch_has_the_users_tag(query: str, variables: Any, tags: list[Any]) -> None:
    """A tag of that name in the request is replaced."""
    body, problem = with_user(asked(query, variables), "ada")
    found = json.loads(body)["variables"]
    (params,) = found.get("executionParamsList", [found.get("executionParams")])
    assert (params["executionMetadata"]["tags"], problem) == (tags, "")


@pytest.mark.parametrize(
    ("query", "name", "tags"), [(AGAIN, "reexecutionParams", "extraTags"), (BACKFILL, "backfillParams", "tags")]
)
def test_repeated_runs_and_backfills_have_it(query: str, name: str, tags: str) -> None:
    body, problem = with_user(asked(query, {name: {tags: [FORGED, OTHER]}}), "ada")
    assert (json.loads(body)["variables"][name][tags], problem) == ([OTHER, MINE], "")


BESIDE = "mutation L($p: ExecutionParams!, $q: ExecutionParams!) {"
HIDDEN = {
    "a comment": INLINE.replace("executionParams:", "executionParams #\n:"),
    "commas": INLINE.replace("executionParams:", "executionParams,:,"),
    "a fragment": f"mutation {{ ...F }} fragment F on Mutation {INLINE.removeprefix('mutation ')}",
    "an inline fragment": f"mutation {{ ... on Mutation {INLINE.removeprefix('mutation ')} }}",
    "a default": 'mutation L($x: ExecutionParams! = {selector: {jobName: "x"}}) '
    "{ launchRun(executionParams: $x) { __typename } }",
    "a second variable": f"{BESIDE} launchRun(executionParams: $p) {{ id }} "
    "b: launchRun(executionParams: $z) { id } }",
}
"""Launches beside variables that look like those of a launch, and that no launch uses."""
DECOY = {"executionParams": {}, "executionParamsList": [{}], "p": {"executionParams": {}}}


@pytest.mark.parametrize("query", HIDDEN.values(), ids=HIDDEN)
def test_a_hidden_launch_is_refused(query: str) -> None:
    assert with_user(asked(query, DECOY), "ada")[1] == NOT_TAGGED


def test_each_launch_of_a_request_has_the_users_tag() -> None:
    """Whatever its variable is called, and where its metadata are null."""
    query = f"{BESIDE} launchRun(executionParams: $p) {{ id }} b: launchRun(executionParams: $q) {{ id }} }}"
    given = {"p": {"executionMetadata": None}, "q": {"executionMetadata": {"tags": [FORGED]}}}
    body, problem = with_user(asked(query, given), "ada")
    found = json.loads(body)["variables"]
    assert (problem, [found[one]["executionMetadata"]["tags"] for one in "pq"]) == ("", [[MINE], [MINE]])


REFUSED = {
    "no user": (asked(LAUNCH, {"executionParams": {}}), "", NOBODY),
    "parameters that are no variables": (asked(INLINE), "ada", NOT_TAGGED),
    "a second launch beside the variables": (
        asked(LAUNCH[:-1] + " b: " + INLINE.partition("{ ")[2], {"executionParams": {}}),
        "ada",
        NOT_TAGGED,
    ),
    "a repeated backfill": (
        asked(
            "mutation R($r: ReexecutionParams) { reexecutePartitionBackfill(reexecutionParams: $r) { __typename } }",
            {"r": {}},
        ),
        "ada",
        OF_ANOTHER,
    ),
    "a resumed backfill": (
        asked('mutation { resumePartitionBackfill(backfillId: "x") { __typename } }'),
        "ada",
        OF_ANOTHER,
    ),
    "one of several operations": (
        json.dumps([{"query": "{ version }"}, {"query": INLINE}]).encode(),
        "ada",
        NOT_TAGGED,
    ),
}


@pytest.mark.parametrize(("body", "user", "problem"), REFUSED.values(), ids=REFUSED)
def test_a_launch_that_gets_no_tag_is_refused(body: bytes, user: str, problem: str) -> None:
    assert with_user(body, user)[1] == problem


@pytest.mark.parametrize("body", [asked("{ version }"), b"no JSON", asked("query launchpad { version }")])
def test_other_requests_pass_unchanged(body: bytes) -> None:
    found, problem = with_user(body, "")
    assert (found if body == b"no JSON" else json.loads(found), problem) == (
        body if body == b"no JSON" else json.loads(body),
        "",
    )


@pytest.mark.parametrize("variables_are_text", [False, True])
def test_without_users_a_launch_has_no_such_tag(variables_are_text: bool) -> None:
    forged = [FORGED, {"key": USER_TAG, "value": "root@billing"}, {"key": PROCESS_TAG, "value": "{}"}, OTHER]
    variables: Any = {"executionParams": {"executionMetadata": {"tags": forged}}}
    body, problem = with_user(asked(LAUNCH, json.dumps(variables) if variables_are_text else variables), None)
    assert (json.loads(body)["variables"]["executionParams"]["executionMetadata"]["tags"], problem) == ([OTHER], "")
    assert with_user(asked(INLINE), None)[1] == ""


ESCAPED = "".join(f"\\u{ord(one):04x}" for one in UI_USER_TAG)
NOT_REMOVED = {
    "in the query": (
        f'mutation {{ launchRun(executionParams: {{executionMetadata: {{tags: [{{key: "{UI_USER_TAG}", '
        'value: "x"}]}}) { __typename } }',
        None,
    ),
    "escaped": (
        f'mutation {{ launchRun(executionParams: {{executionMetadata: {{tags: [{{key: "{ESCAPED}", '
        'value: "x"}]}}) { __typename } }',
        None,
    ),
    "in a part that is a variable": (
        "mutation L($t: [ExecutionTag!]) { launchRun(executionParams: {executionMetadata: {tags: $t}}) { id } }",
        {"t": [FORGED]},
    ),
    "as a key that is a variable": (
        'mutation L($k: String!) { launchRun(executionParams: {executionMetadata: {tags: [{key: $k, value: "x"}]}}) '
        "{ id } }",
        {"k": UI_USER_TAG},
    ),
    "in a default": (
        f'mutation L($x: ExecutionParams! = {{executionMetadata: {{tags: [{{key: "{UI_USER_TAG}", value: "x"}}]}}}}) '
        "{ launchRun(executionParams: $x) { id } }",
        {},
    ),
}
"""Forged tags that are not where Dagster's pages have tags."""


@pytest.mark.parametrize(("query", "variables"), NOT_REMOVED.values(), ids=NOT_REMOVED)
def test_a_hidden_tag_is_refused_without_users(query: str, variables: Any) -> None:
    assert with_user(asked(query, variables), None)[1] == FORGED_TAG


def test_a_refusal_answers_each_launch() -> None:
    """With the error that Dagster's pages show; of the status of an answer, they show nothing."""
    answer = refusal(
        asked(f"{BESIDE} launchRun(executionParams: $p) {{ id }} b: launchRun(executionParams: $q) {{ id }} }}"), NOBODY
    )
    assert {name: (one["__typename"], one["message"]) for name, one in answer["data"].items()} == {
        "launchRun": ("PythonError", NOBODY),
        "b": ("PythonError", NOBODY),
    }
    for body in (b"[]", b"no JSON", asked("{"), b"[" * 100_000):
        assert refusal(body, NOT_TAGGED)["errors"] == [{"message": NOT_TAGGED}]
