"""What `meter-assets history` prints: one row per run, or its steps too, or JSON.

Add here what the command shows of the records. They are read in `migration.run_history`.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, PlainSerializer, WithJsonSchema

from meter_assets.billing.own_tables import RUNNING
from meter_assets.cli.terminal import Terminal
from meter_assets.foreign_text import named, shown
from meter_assets.formatting import in_utc, show_duration, show_time
from meter_assets.migration.run_history import RunRecord, StepRunRecord
from meter_assets.reports.tables import LONGEST_CELL, Grid

_WIDE_ENOUGH_FOR_NAMES = 120


Moment = Annotated[
    datetime,
    PlainSerializer(lambda moment: in_utc(moment).isoformat(), return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}, mode="serialization"),
]


class HistoryStep(BaseModel):
    """The record of one step of a run; `undoes` is the id of the step run that it undid."""

    id: int
    step: str
    undoes: int | None
    undoes_run_id: str | None
    started_at: Moment
    finished_at: Moment | None
    outcome: str
    rows_changed: int | None
    message: str | None
    software_version: str
    started_by: str | None
    executed_by: str | None
    database_role: str | None
    reason: str | None


class HistoryRun(BaseModel):
    """The steps of one tenant in one run; `progress` is how far it is, if it has not ended."""

    run_id: str
    tenant_id: str
    tenant_name: str
    started_at: Moment
    finished_at: Moment | None
    outcome: str
    started_by: str | None
    reason: str | None
    rows_changed: int
    progress: str | None
    undoes_run_ids: list[str]
    steps: list[HistoryStep]


class History(BaseModel):
    """The newest recorded runs, how many older ones there are, and why records or tenants cannot be trusted or run."""

    runs: list[HistoryRun]
    older_runs: int
    altered_records: list[str]
    skipped_tenants: list[str]


Progress = Mapping[tuple[str, str], str]
"""How far the runs are that have not ended, in words, by their ids and their tenants."""


def progress_of(runs: Sequence[RunRecord]) -> Progress:
    """Return how far those of the runs are that have not ended, as the logs of their runs in Dagster say."""
    running = [one for one in runs if one.outcome == RUNNING]
    if not running:
        return {}
    from meter_assets.migration.progress import beginning  # both take time to load, and are seldom needed
    from meter_assets.runtime.instance import UnusableInstance, open_instance
    from meter_assets.runtime.run_events import newest_line

    found = {}
    try:
        with open_instance() as instance:
            for one in running:
                tenant = str(one.tenant_id)
                found[one.run_id, tenant] = newest_line(instance, one.run_id, beginning(tenant)) or ""
    except UnusableInstance:
        return {}
    return {run: line for run, line in found.items() if line}


def show_runs(
    terminal: Terminal, runs: Sequence[RunRecord], names: Mapping[str, str], older: int, progress: Progress
) -> None:
    """Print one row per run, newest first, then how far it is, or the reason if it did not succeed.

    `names` are the names of tenants by their keys, `older` is how many runs are not shown.
    """
    is_wide = terminal.console.width >= _WIDE_ENOUGH_FOR_NAMES
    rows = []
    for run in runs:
        tenant = named(str(run.tenant_id), names[str(run.tenant_id)]) if is_wide else shown(run.tenant_id)
        started = show_time(run.started_at).rpartition(":")[0]
        who = [shown(run.started_by or "-")] if is_wide else []
        rows.append((started, _short(run), tenant, _outcome(run), f"{run.rows_changed:,}", _took(run), *who))
    headings = ("started (UTC)", "run", "tenant", "outcome", "rows", "took", *(["started by"] if is_wide else []))
    terminal.grid(Grid("Runs, newest first", headings, tuple(rows)))
    for run in runs:
        if run.reason:
            terminal.evidence(f"Run {_short(run)}, tenant {shown(run.tenant_id)}, because: {shown(run.reason)}")
        _show_messages(terminal, run, progress)
    _show_rest(terminal, runs, older)


def show_steps(
    terminal: Terminal, runs: Sequence[RunRecord], names: Mapping[str, str], older: int, progress: Progress
) -> None:
    """Print each run, newest first, with one row for each of its steps."""
    for run in runs:
        tenant = named(str(run.tenant_id), names[str(run.tenant_id)])
        terminal.heading(f"{show_time(run.started_at)}, run {_short(run)}, tenant {tenant}: {_outcome(run)}")
        headings, rows = ["took", "step", "outcome", "rows"], []
        for one in run.steps:
            undone = [shown((one.undoes_run_id or "-")[: len(run.short_id)])] if run.undoes else []
            rows.append((_took(one), shown(one.step), shown(one.outcome), _count(one.rows_changed), *undone))
        headings += ["undoes run"] if run.undoes else []
        terminal.grid(Grid("", tuple(headings), tuple(rows)))
        if run.started_by:
            newest = run.steps[0]
            role = f", as {shown(newest.database_role)} in the database" if newest.database_role else ""
            executed = f"executed by {shown(newest.executed_by or '-')}{role}"
            terminal.evidence(f"Started by {shown(run.started_by)}, {executed}")
        if run.reason:
            terminal.evidence(f"Because: {shown(run.reason)}")
        _show_messages(terminal, run, progress)
    _show_rest(terminal, runs, older)


def history_of(
    runs: Sequence[RunRecord],
    names: Mapping[str, str],
    older: int,
    progress: Progress,
    altered: Sequence[str],
    skipped: Sequence[str],
) -> History:
    """Return runs for programs: all fields, whole ids, times in ISO 8601 (UTC).

    `altered` are the errors of records that were changed, `skipped` those of tenants with invalid ids.
    """
    return History(
        runs=[
            HistoryRun(
                run_id=run.run_id,
                tenant_id=str(run.tenant_id),
                tenant_name=names[str(run.tenant_id)],
                started_at=run.started_at,
                finished_at=run.finished_at,
                outcome=run.outcome,
                started_by=run.started_by,
                reason=run.reason,
                rows_changed=run.rows_changed,
                progress=progress.get((run.run_id, str(run.tenant_id))),
                undoes_run_ids=list(run.undoes),
                steps=[HistoryStep(**one.model_dump(exclude={"run_id", "tenant_id"})) for one in run.steps],
            )
            for run in runs
        ],
        older_runs=older,
        altered_records=list(altered),
        skipped_tenants=list(skipped),
    )


def _short(run: RunRecord) -> str:
    return shown(run.short_id)


def _outcome(run: RunRecord) -> str:
    """Return what a run was and how it ended."""
    if not run.undoes:
        return f"migration {shown(run.outcome)}"
    undone = shown(run.undoes[0][: len(run.short_id)]) if len(run.undoes) == 1 else f"{len(run.undoes)} runs"
    return f"rollback of {undone} {shown(run.outcome)}"


def _took(ended: RunRecord | StepRunRecord) -> str:
    if ended.finished_at is None:
        return "-"
    seconds = (in_utc(ended.finished_at) - in_utc(ended.started_at)).total_seconds()
    return show_duration(seconds).replace(" ", "")  # one word, which no table folds


def _count(rows: int | None) -> str:
    return "-" if rows is None else f"{rows:,}"


def _show_messages(terminal: Terminal, run: RunRecord, progress: Progress) -> None:
    if line := progress.get((run.run_id, str(run.tenant_id))):
        terminal.evidence(f"Run {_short(run)}, tenant {shown(run.tenant_id)}, when last told: {shown(line)}")
    for step in run.steps:
        if step.message:
            what = f"Run {_short(run)}, tenant {shown(run.tenant_id)}, {shown(step.step)} {shown(step.outcome)}"
            terminal.evidence(f"{what}: {shown(step.message, LONGEST_CELL)}")


def _show_rest(terminal: Terminal, runs: Sequence[RunRecord], older: int) -> None:
    if not runs:
        terminal.print("No live run has started on this database yet.")
    if older:
        terminal.print(f"{older:,} older runs are not shown. --limit {len(runs) + older} shows all of them.")
