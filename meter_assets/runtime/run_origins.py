"""Who started a run, and which runs have ended: for thousands of runs at once, in one statement for each 10,000.

A run of the command line has a tag with the user and the host. Dagster has no users: a run from the UI has a tag with
its user only if a proxy says who that is (see `ui_users`); otherwise the tags say at most which schedule, sensor or
backfill launched it. Add here what the tags of runs say.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import dagster as dg

# The run storage and its tables: the public API loads each run with all of its tags and its job, which takes seconds
# for thousands of runs. No public API as of 1.13 reads single tags.
from dagster._core.storage.runs import SqlRunStorage
from dagster._core.storage.runs.schema import RunsTable, RunTagsTable
from sqlalchemy import and_, select

from meter_assets.migration.origin import IN_THE_UI
from meter_assets.runtime.processes import PROCESS_TAG, USER_TAG
from meter_assets.runtime.run_status import FINISHED
from meter_assets.runtime.run_tags import UI_USER_TAG

_PARENT = "dagster/parent_run_id"
_LAUNCHED_BY = {
    "dagster/schedule_name": "schedule",
    "dagster/sensor_name": "sensor",
    "dagster/backfill": "backfill",
}
COMMAND_LINE = "command line"
RUNS_AT_ONCE = 10_000


@dataclass(frozen=True)
class RunOrigin:
    """Who started a run, in words, and whether it has ended."""

    who: str
    has_ended: bool


def run_origins(instance: dg.DagsterInstance, run_ids: Iterable[str]) -> Mapping[str, RunOrigin]:
    """Return who started these runs. Runs that Dagster does not know, or no longer, are left out."""
    storage, wanted = instance.run_storage, sorted(set(run_ids))
    if not isinstance(storage, SqlRunStorage):
        raise TypeError(f"Dagster stores its runs in {type(storage).__name__}, which is not an SQL storage.")
    statuses: dict[str, str] = {}
    tags: dict[str, dict[str, str]] = {}
    named = RunTagsTable.c.key.in_((USER_TAG, PROCESS_TAG, UI_USER_TAG, _PARENT, *_LAUNCHED_BY))
    joined = RunsTable.outerjoin(RunTagsTable, and_(RunTagsTable.c.run_id == RunsTable.c.run_id, named))
    columns = RunsTable.c.run_id, RunsTable.c.status, RunTagsTable.c.key, RunTagsTable.c.value
    with storage.connect() as connection:
        for at in range(0, len(wanted), RUNS_AT_ONCE):
            some = RunsTable.c.run_id.in_(wanted[at : at + RUNS_AT_ONCE])
            for row in connection.execute(select(*columns).select_from(joined).where(some)):
                statuses[row.run_id] = row.status
                tags.setdefault(row.run_id, {})[row.key or ""] = row.value or ""
    ended = {one.value for one in FINISHED}
    return {run_id: RunOrigin(who_started(tags[run_id]), status in ended) for run_id, status in statuses.items()}


def who_started(tags: Mapping[str, str]) -> str:
    """Return who started a run, by its tags. Dagster copies the tags of a run to the runs that repeat it."""
    if tags.get(UI_USER_TAG):  # first: whoever launches in the UI may give a run any other tag
        return f"{tags[UI_USER_TAG]} ({IN_THE_UI})"
    if PROCESS_TAG in tags and _PARENT not in tags:
        return tags.get(USER_TAG, COMMAND_LINE)  # version 1.2 recorded no user
    for name, word in _LAUNCHED_BY.items():
        if name in tags:
            return f"{word} {tags[name]}"
    return IN_THE_UI
