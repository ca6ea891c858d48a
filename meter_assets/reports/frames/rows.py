"""Streams the rows of SELECTs into DataFrames, journaled rows with what is known of the step runs that wrote them.

Add here how further rows of the database are selected for a frame. Which frames there are is in `parts`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Select, select

from meter_assets.billing.constructs import typed_null
from meter_assets.billing.decisions import carried_out
from meter_assets.billing.money import exact
from meter_assets.billing.own_tables import BACKUP, RUNS, Effect, JournaledStep
from meter_assets.billing.schema import BillingSchema
from meter_assets.migration.journal import backed_up_columns
from meter_assets.migration.run_history import StepRunRecord
from meter_assets.reports.export import streamed
from meter_assets.reports.frames.columns import Kind, frame_of, kind_of

if TYPE_CHECKING:
    import pandas as pd

RUN_COLUMNS: Mapping[str, Kind] = {
    "step_run_id": Kind.number,
    "run_id": Kind.text,
    "started_at": Kind.moment,
    "outcome": Kind.text,
    "is_rollback": Kind.flag,
    "in_force": Kind.flag,
}


@dataclass(frozen=True)
class OfRuns:
    """What journaled rows have of the step runs that wrote them."""

    runs: Mapping[int, StepRunRecord]
    backups: Mapping[str, int]
    """The step runs that took a backup, by their run ids."""
    current: frozenset[int]
    """The step runs that are in force."""
    only_current: bool

    def of(self, step_run_id: int | None, run_id: str) -> tuple[Any, ...] | None:
        """Return the values of a row's step run; None if its rows are not wanted."""
        key = self.backups.get(run_id) if step_run_id is None else step_run_id
        is_current = key in self.current
        if self.only_current and not is_current:
            return None
        one = None if key is None else self.runs.get(key)
        if one is None:
            return key, run_id, None, None, None, is_current
        return key, run_id, one.started_at, one.outcome, one.undoes is not None, is_current


@dataclass(frozen=True)
class Rows:
    """The rows of a SELECT with tenant_id, id and other columns; the frames call the id row_id."""

    statement: Select[Any]
    same: Mapping[str, tuple[Kind, Any]]
    """The columns in which all rows have the same value."""

    def frames(
        self, connection: Connection, rows_at_a_time: int, of_runs: OfRuns | None = None
    ) -> "Iterator[pd.DataFrame]":
        """Yield the rows; with `of_runs`, the first two columns are replaced by what is known of the step run."""
        columns = {
            "row_id" if one.key == "id" else str(one.key): kind_of(one.type) for one in self.statement.selected_columns
        }
        if of_runs is not None:
            columns = {**RUN_COLUMNS, **dict(list(columns.items())[2:])}
        fixed = tuple(value for _, value in self.same.values())
        columns = {**{name: kind for name, (kind, _) in self.same.items()}, **columns}
        with streamed(connection, self.statement, rows_at_a_time) as found:
            yield from parts(columns, _with_runs(found, fixed, of_runs), rows_at_a_time)


def _with_runs(
    found: Iterable[Sequence[Any]], fixed: tuple[Any, ...], of_runs: OfRuns | None
) -> Iterator[Sequence[Any]]:
    for row in found:
        if of_runs is None:
            yield (*fixed, *row)
        elif (run := of_runs.of(row[0], row[1])) is not None:
            yield (*fixed, *run, *row[2:])


def journaled(schema: BillingSchema, step: JournaledStep, tenant_id: Any) -> Iterator[Select[Any]]:
    """Yield SELECTs of what a step has journaled, with the ids of the step run and of the run first."""
    if step.effect is Effect.ADD and BACKUP in schema.own_tables_present:
        kept = schema.own[BACKUP]
        values = (_exact(one, step) for one in backed_up_columns(step, kept, ""))
        no_step_run = schema.own[RUNS].c.id.type
        rows = select(typed_null(no_step_run).label("step_run_id"), kept.c.run_id, *values)
        yield rows.where(kept.c.tenant_id == tenant_id).order_by(kept.c.customer_id)
    if schema.has_journal(step.name):
        kept = schema.journal(step.name)
        sides = [
            _exact(kept.c[f"{name}_{side}"], step)
            for name in schema.journaled_columns(step)
            for side in ("before", "after")
        ]
        rows = select(
            kept.c.step_run_id, kept.c.run_id, kept.c.tenant_id, kept.c[step.key].label("id"), *sides, kept.c.rule
        ).add_columns(*carried_out(schema, step))
        yield rows.where(kept.c.tenant_id == tenant_id).order_by(kept.c.step_run_id, kept.c[step.key])


def _exact(column: Any, step: JournaledStep) -> Any:
    """Return a column of before or after, money in exact form; other columns as they are."""
    name = str(column.key).removesuffix("_before").removesuffix("_after")
    return exact(column).label(column.key) if name in step.money else column


def parts(columns: Mapping[str, Kind], rows: Iterable[Sequence[Any]], rows_at_a_time: int) -> "Iterator[pd.DataFrame]":
    """Yield the rows as frames of so many rows each; an empty frame if there are none."""
    remaining = iter(rows)
    part = list(islice(remaining, rows_at_a_time))
    yield frame_of(columns, part)
    while part := list(islice(remaining, rows_at_a_time)):
        yield frame_of(columns, part)
