"""The tags of runs that Dagster itself reads, whose names it documents, and those that say who started a run and why.

Add a tag here when Dagster acts on it, or a person sets it. Tags against retries are in `retries`, the tag of a command
line's process is in `processes`.
"""

from collections.abc import Mapping

PARTITION = "dagster/partition"
"""The partition of a run: the key of its tenant."""
PRIORITY = "dagster/priority"
"""The place of a run in the queue: a run with a greater number starts first. Runs of a backfill have 0."""
FIRST: Mapping[str, str] = {PRIORITY: "10"}
"""The tag of a rollback: it starts before the runs of a backfill, however many of them wait."""
HIDDEN = ".dagster/"
"""The start of the names of tags that Dagster's pages do not list."""
REASON_TAG = "meter_assets/reason"
"""Why a run was started, in the words of whoever started it: --reason of a command, or a tag in the launchpad."""
UI_USER_TAG = "meter_assets/ui_user"
"""Who launched a run in the UI. Our web server sets it from the header that METER_ASSETS_UI_USER_HEADER names."""
REPOSITORY = f"{HIDDEN}repository"
"""The code location and the repository of a run's job, for the pages of jobs. See `code_location`."""
