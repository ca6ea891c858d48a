"""Failures that Dagster's pages show as a sentence, without a stack trace.

Dagster adds the stack of its own frames to every failure, and shows it as the end of the run's log. It keeps an error
as given only if the error comes from another process; the failures here present themselves as such. Add a class here
for another kind of failure. Which errors are reported as sentences is decided in `defs`.
"""

from collections.abc import Mapping
from typing import Any

import dagster as dg

# Errors whose text Dagster shows as it is. The public class, `dg.Failure`, always gets a stack: no public API as of
# 1.13.
from dagster._core.errors import DagsterUserCodeProcessError

# The text of an error, with its stack: no public API as of 1.13.
from dagster_shared.error import SerializableErrorInfo

from meter_assets.foreign_text import visible_lines, without_links


class RunRefused(DagsterUserCodeProcessError):
    """A run ends before its first step."""

    def __init__(self, said: str) -> None:
        """Take the sentence."""
        super().__init__(said, user_code_process_error_infos=[_shown(said, "RunRefused")])  # type: ignore[no-untyped-call]


class StepFailed(DagsterUserCodeProcessError, dg.Failure):
    """A step fails for a known reason; Dagster does not retry it.

    It is a `dg.Failure`: its description is the given text, and its metadata is on the page of the run.
    """

    def __init__(self, said: str, metadata: Mapping[str, Any] | None = None) -> None:
        """Take one or several lines of text, and metadata."""
        infos = [_shown(said, "StepFailed")]
        super().__init__(said, metadata, False, user_code_process_error_infos=infos)  # type: ignore[no-untyped-call]


def _shown(said: str, name: str) -> SerializableErrorInfo:
    """Return the text of an error as the log of a run shows it, where every address would become a link."""
    return SerializableErrorInfo(message=visible_lines(without_links(said)), stack=[], cls_name=name)
