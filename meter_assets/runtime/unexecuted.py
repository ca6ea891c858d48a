"""Lets the last results stand for assets and checks that a run has planned but not executed.

Dagster plans all assets and checks of a run when the run is created. If the run fails, it shows every planned one as
failed, also those that never started: no public API as of 1.13 changes that. So a run that was refused, for its config
or because another run had locked the tenant, would turn a finished tenant red. `MeterAssetsInstance` calls
`let_last_results_stand` before it stores that a run has ended. A check that was not run because a step before it failed
gets a result that says so, unless it has an earlier result of the tenant. Add here what happens to such plans.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg
from dagster import DagsterEventType, EventLogEntry, deserialize_value

# See `event_log`.
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster._core.storage.event_log import SqlEventLogStorage
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable, SqlEventLogStorageTable
from sqlalchemy import Connection, select, update

from meter_assets.runtime import run_tags
from meter_assets.runtime.event_log import NOT_RUN, says_not_run, store_evaluations
from meter_assets.runtime.run_events import was_interrupted

REFUSAL = "refusal"
"""The metadata entry of a step's failure that says: the step was refused before it examined the tenant."""
_ENDS = (DagsterEventType.RUN_FAILURE, DagsterEventType.RUN_CANCELED)
_PLANNED = AssetCheckExecutionRecordStatus.PLANNED.value


@dataclass(frozen=True)
class _Executed:
    """What a run has executed: its steps, the checks that failed, and the steps that failed for another reason."""

    steps: frozenset[str]
    violated: tuple[str, ...]
    failed: tuple[str, ...]

    @property
    def reason(self) -> str:
        """Return why later steps were not run, as a clause; empty if nothing was executed."""
        if self.violated:
            return f"blocked by {', '.join(self.violated)}"
        return f"{', '.join(self.failed)} failed" if self.failed else ""


def let_last_results_stand(instance: dg.DagsterInstance, event: EventLogEntry) -> None:
    """Remove the plans of what a run has not executed from the results of its tenant, if the event ends the run."""
    ended, storage = event.dagster_event, instance.event_log_storage
    if ended is None or ended.event_type not in _ENDS or not isinstance(storage, SqlEventLogStorage):
        return
    run = instance.get_run_by_id(event.run_id)
    partition = run.tags.get(run_tags.PARTITION) if run else None
    if run is None or partition is None:
        return
    executed = _executed(instance.all_logs(run.run_id))
    with storage.index_connection() as connection:
        _set_aside_materializations(connection, run.run_id, partition, executed.steps)
        checks = _set_aside_checks(connection, run.run_id, partition, executed.steps)
        unknown = _without_result(connection, checks, partition)
    if executed.reason and ended.event_type is DagsterEventType.RUN_FAILURE and not was_interrupted(ended):
        store_evaluations(instance, run, [_not_run(key, partition, executed.reason) for key in unknown])


def _executed(log: Sequence[EventLogEntry]) -> _Executed:
    events = [entry.dagster_event for entry in log if entry.dagster_event is not None]
    started = {event.step_key for event in events if event.is_step_start}
    refused = {event.step_key for event in events if event.is_step_failure and _is_refusal(event)}
    evaluations = [
        event.asset_check_evaluation_data
        for event in events
        if event.event_type is DagsterEventType.ASSET_CHECK_EVALUATION
    ]
    violated = [one.check_name for one in evaluations if not one.passed and one.severity is dg.AssetCheckSeverity.ERROR]
    failed = [event.step_key for event in events if event.is_step_failure and event.step_key not in refused]
    return _Executed(
        steps=frozenset(key for key in started - refused if key),
        violated=tuple(violated),
        failed=tuple(map(str, failed)),
    )


def _is_refusal(event: dg.DagsterEvent) -> bool:
    failure = event.step_failure_data.user_failure_data
    return was_interrupted(event) or (failure is not None and REFUSAL in failure.metadata)


def _aside(partition: str) -> str:
    """Return the name under which the plans of a partition are kept: no partition has it, so no page counts them."""
    return f"{partition} (not run)"


def _set_aside_materializations(connection: Connection, run_id: str, partition: str, executed: Iterable[str]) -> None:
    log = SqlEventLogStorageTable
    planned = log.c.dagster_event_type == DagsterEventType.ASSET_MATERIALIZATION_PLANNED.value
    of_run = log.c.run_id == run_id, log.c.partition == partition, planned
    connection.execute(
        update(log).where(*of_run, log.c.step_key.not_in(list(executed))).values(partition=_aside(partition))
    )


def _set_aside_checks(
    connection: Connection, run_id: str, partition: str, executed: frozenset[str]
) -> list[dg.AssetCheckKey]:
    """Set the plans of checks aside that were not executed, and return the checks."""
    found = AssetCheckExecutionsTable
    of_run = found.c.run_id == run_id, found.c.partition == partition, found.c.execution_status == _PLANNED
    rows = connection.execute(
        select(found.c.id, found.c.asset_key, found.c.check_name, found.c.evaluation_event).where(*of_run)
    ).all()
    planned = [row for row in rows if deserialize_value(row.evaluation_event, EventLogEntry).step_key not in executed]
    if planned:
        ids = [row.id for row in planned]
        connection.execute(update(found).where(found.c.id.in_(ids)).values(partition=_aside(partition)))
    return [_key_of(row) for row in planned]


def _without_result(
    connection: Connection, checks: Sequence[dg.AssetCheckKey], partition: str
) -> list[dg.AssetCheckKey]:
    """Return those of the checks that have never been evaluated for a partition."""
    found = AssetCheckExecutionsTable
    assets = {key.asset_key.to_string() for key in checks}
    evaluated = select(found.c.asset_key, found.c.check_name).where(
        found.c.asset_key.in_(assets),
        found.c.partition == partition,
        found.c.execution_status != _PLANNED,
        ~says_not_run(found.c.evaluation_event),
    )
    known = {_key_of(row) for row in connection.execute(evaluated.distinct())}
    return [key for key in checks if key not in known]


def _key_of(row: Any) -> dg.AssetCheckKey:
    return dg.AssetCheckKey(dg.AssetKey(json.loads(row.asset_key)), row.check_name)


def _not_run(key: dg.AssetCheckKey, partition: str, reason: str) -> dg.AssetCheckEvaluation:
    """Return the result of a check that was not run. Its severity is WARN, because it says nothing about the data."""
    return dg.AssetCheckEvaluation(
        asset_key=key.asset_key,
        check_name=key.name,
        passed=False,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"Not run: {reason}. Fix that, then run the tenant again.",
        metadata={NOT_RUN: reason},
        partition=partition,
    )
