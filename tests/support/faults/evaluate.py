"""What is wrong with a database after a run was struck, each thing in a sentence; nothing is as it should be.

It reads what is stored, and none of the product's queries.
"""

from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, inspect

from meter_assets.billing.columns import REQUIRED_COLUMNS
from meter_assets.billing.own_tables import (
    BACKUP,
    BLOCKED,
    COMMITS,
    FAILED,
    INTERRUPTED,
    OUTCOMES,
    RUNNING,
    RUNS,
    SUCCEEDED,
)
from meter_assets.rules.steps import MIGRATION, STEPS
from tests.support.faults.jobs import TENANT, Job

Row = dict[str, Any]
Contents = dict[str, list[Row]]
_OF_THE_MOMENT = ("backed_up_at", "run_id")


def contents(connection: Connection) -> Contents:
    """Return every table's rows as the driver gives them."""
    found = {}
    for name in sorted(inspect(connection).get_table_names()):
        rows = connection.exec_driver_sql(f'SELECT * FROM "{name}"').mappings()
        found[name] = sorted((dict(row) for row in rows), key=repr)
    for run in found.get(RUNS, []):
        run |= _ended_as(found, run["id"])
    return found


def _ended_as(found: Contents, step_run_id: int) -> Row:
    """Return how a step run ended, and how many rows it has committed; nothing of one that runs on without any."""
    ended = {one["outcome"] for one in found.get(OUTCOMES, []) if one["step_run_id"] == step_run_id}
    rows = [one["rows_changed"] for one in found.get(COMMITS, []) if one["step_run_id"] == step_run_id]
    return {**({"outcome": ended.pop()} if ended else {}), "rows_changed": sum(rows)}


def as_stored(found: Contents) -> dict[str, list[str]]:
    """Return the rows of the billing tables to the byte, and of the backup but for when and by whom it was made."""
    tables = {name: found[name] for name in REQUIRED_COLUMNS}
    backup = [{key: value for key, value in row.items() if key not in _OF_THE_MOMENT} for row in found.get(BACKUP, [])]
    return {name: sorted(map(repr, rows)) for name, rows in {**tables, BACKUP: backup}.items()}


def journaled(found: Contents) -> Counter[int]:
    """Return how many rows each step run has journaled; its id is the key."""
    counted = Counter(row["step_run_id"] for step in STEPS for row in found.get(STEPS[step].journal, []))
    by_id = {run["id"]: run for run in found.get(RUNS, [])}
    retired_from = Counter(by_id[row["step_run_id"]]["undoes"] for row in found.get(STEPS[BACKUP].journal, []))
    for run in by_id.values():
        if run["step"] == BACKUP and run["undoes"] is None:
            kept = [row for row in found[BACKUP] if (row["run_id"], row["tenant_id"]) == (run["run_id"], TENANT.id)]
            counted[run["id"]] = len(kept) + retired_from[run["id"]]
    return counted


@dataclass(frozen=True)
class Undisturbed:
    """What a job makes of a database where nothing befalls it: from what, to what, and what it found."""

    original: Contents
    before: Contents
    after: Contents
    found: Any = None

    @property
    def full(self) -> Counter[tuple[str, bool]]:
        """How many rows each step changes, or its undoing restores."""
        return by_step(self.after)


def by_step(found: Contents) -> Counter[tuple[str, bool]]:
    """Return how many rows were journaled of each step, and of its undoing, by all runs."""
    counted = journaled(found)
    total: Counter[tuple[str, bool]] = Counter()
    for run in found.get(RUNS, []):
        total[run["step"], run["undoes"] is not None] += counted[run["id"]]
    return total


def state(found: Contents) -> str:
    """Return what is there but for ids and times: where two databases agree in it, the same command makes the same."""
    runs = Counter((run["step"], run["undoes"] is not None, run["outcome"]) for run in found.get(RUNS, []))
    return repr((sorted(found), as_stored(found), sorted(by_step(found).items()), sorted(runs.items())))


def wrong(now: Contents, job: Job, undisturbed: Undisturbed) -> list[str]:
    """Return what is wrong right after a strike."""
    if job.name == "preview":
        return [] if now == undisturbed.before else ["a preview has changed something"]
    return [*_journal_and_data(now, undisturbed.original), *_counts(now), *_halves(now, job, undisturbed)]


def wrong_at_the_end(now: Contents, job: Job, undisturbed: Undisturbed) -> list[str]:
    """Return what is wrong after the same command was run again."""
    found = wrong(now, job, undisturbed)
    stored, expected = as_stored(now), as_stored(undisturbed.after)
    found += [f"{name} is not as after an undisturbed run" for name in expected if stored[name] != expected[name]]
    if by_step(now) != undisturbed.full:
        found.append(f"journaled were {by_step(now)}, and {undisturbed.full} by an undisturbed run")
    return found + list(_still_running(now, undisturbed))


def _still_running(now: Contents, undisturbed: Undisturbed) -> Iterator[str]:
    """Whoever died has been recorded as interrupted: by the next step that begins.

    A rollback in batches that died after its last batch has left no step to begin; its record waits for the next run.
    """
    counted = journaled(now)
    for run in now.get(RUNS, []):
        all_undone = run["undoes"] is not None and counted[run["id"]] == undisturbed.full[run["step"], True]
        if run["outcome"] == RUNNING and not all_undone:
            yield f"{run['step']} is still {RUNNING}"


def _journal_and_data(now: Contents, original: Contents) -> Iterator[str]:
    """The original rows, with all that is journaled made in its order, are the rows that are there now."""
    made = {name: {row["id"]: row for row in deepcopy(original[name])} for name in REQUIRED_COLUMNS}
    for step, table, row_id, columns in ((one.name, one.target, one.key, one.columns) for one in STEPS.values()):
        if table == BACKUP:
            continue
        for entry in sorted(now.get(STEPS[step].journal, []), key=lambda entry: entry["step_run_id"]):
            row = made[table][entry[row_id]]
            for name in columns:
                if row[name] != entry[f"{name}_before"]:
                    yield f"{step} journaled {entry}, where {name} was {row[name]}"
                row[name] = entry[f"{name}_after"]
    for name, rows in made.items():
        there = {row["id"]: row for row in now[name]}
        if there != rows:
            others = [row for key, row in there.items() if row != rows.get(key)]
            yield f"{name} is not what the journal says: {others[:2]}"
    for kept in now.get(BACKUP, []):
        customer = next(row for row in original["customers"] if row["id"] == kept["customer_id"])
        if (kept["balance"], kept["overpayment"]) != (customer["balance"], customer["overpayment"]):
            yield f"the backup is not the customer's: {kept}"


def _counts(now: Contents) -> Iterator[str]:
    """Each step run has journaled as many rows as it has recorded, and has ended in a way that there is."""
    counted = journaled(now)
    for run in now.get(RUNS, []):
        if counted[run["id"]] != (run["rows_changed"] or 0):
            yield f"{counted[run['id']]} rows were journaled by {run}"
        if run["outcome"] not in (SUCCEEDED, BLOCKED, FAILED, INTERRUPTED, RUNNING):
            yield f"the outcome of {run} is unknown"
    if unknown := counted.keys() - {run["id"] for run in now.get(RUNS, [])}:
        yield f"rows were journaled by step runs that are not recorded: {unknown}"


def _halves(now: Contents, job: Job, undisturbed: Undisturbed) -> Iterator[str]:
    """Each step is made whole or not at all; in batches, by whole batches."""
    done = by_step(now)
    for step in MIGRATION:
        for undoing in (False, True):
            rows, full = done[step, undoing], undisturbed.full[step, undoing]
            whole_batches = job.batch_size is not None and 0 < rows < full and rows % job.batch_size == 0
            if rows not in (0, full) and not whole_batches:
                yield f"{rows} of {full} rows of {step} were made (undoing: {undoing})"
