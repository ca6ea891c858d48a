"""Stores, reads and deletes many check evaluations at once in Dagster's event log, and stores many materializations.

Dagster stores one evaluation per transaction (dagster issues 19618 and 18149 request batches), reads one check at a
time (minutes for a thousand tenants), and does not delete the evaluations of a deleted run (dagster pull request
18341). This module stores them in one transaction, reads them in one query and deletes them with their runs, in
Dagster's own SQL storages. Add here what reads or writes evaluations; materializations are in `materializations`.
"""

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
from dagster import DagsterEvent, DagsterEventType, EventLogEntry, deserialize_value

# The type of a field of the public AssetCheckEvaluation, which is not exported: no public API as of 1.13.
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluationTargetMaterializationData

# The contents of the event of a materialization, which a run reports one by one: no public API as of 1.13.
from dagster._core.events import StepMaterializationData

# The status values in the table of evaluations: no public API as of 1.13.
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

# The storages and their tables, for statements about many rows. The public API of the instance reads and writes single
# events, and evaluations only as they happen: no public API as of 1.13 (dagster issues 19618 and 18149).
from dagster._core.storage.event_log import SqlEventLogStorage, SqliteEventLogStorage
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable, SqlEventLogStorageTable

# The public classes of events are of this kind: no public API as of 1.13 replaces a field of one.
from dagster_shared.record import replace
from sqlalchemy import ColumnElement, Connection, Delete, and_, delete, func, insert, literal, or_, select

from meter_assets.runtime.sqlite_storage import PrivateEventLog

PLACES_AT_ONCE = 1000
_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "AssetCheckEvaluation": {
        **dict.fromkeys(("blocking", "description", "target_materialization_data")),
        "metadata": {},
        "severity": {"__enum__": "AssetCheckSeverity.ERROR"},
    },
    "AssetMaterialization": {"description": None},
    "DagsterEvent": {
        **dict.fromkeys(("message", "pid", "solid_handle", "step_handle", "step_key", "step_kind_value")),
        "logging_tags": {},
    },
    "EventLogEntry": {"message": "", "step_key": None, "pipeline_name": None},
    "EventMetadataEntry": {"description": None},
    "StepMaterializationData": {"asset_lineage": []},
    "TableColumn": {
        "constraints": {"__class__": "TableColumnConstraints", "nullable": True, "other": [], "unique": False},
        "description": None,
        "type": "string",
    },
    "TableSchema": {"constraints": {"__class__": "TableConstraints", "other": []}},
}
"""The values that Dagster reads for missing fields of each class in the log."""
_INSERT = insert(SqlEventLogStorageTable).returning(SqlEventLogStorageTable.c.id, sort_by_parameter_order=True)
NOT_RUN = "not_run"
"""The metadata entry of a result that says: the check was not run. See `unexecuted`."""


def says_not_run(event: ColumnElement[str]) -> ColumnElement[bool]:
    """Return the condition that a stored evaluation says: not run. Quotes inside its texts are escaped."""
    return event.like(f'%"{NOT_RUN}"%')


def store_evaluations(
    instance: dg.DagsterInstance,
    run: dg.DagsterRun,
    evaluations: Sequence[dg.AssetCheckEvaluation],
    *,
    brief: bool = False,
) -> None:
    """Store check evaluations as results of a run, all or none of them.

    If `brief`, the event of one that passes does not name the materialization that it is about; its row still does.
    """
    storage = instance.event_log_storage
    if not isinstance(storage, SqlEventLogStorage):
        for one in evaluations:
            instance.handle_new_event(_entry(run, one))
        return
    if not evaluations:
        return
    # Two statements for all rows: with one statement per row, composing the statements would take most of the time.
    # Dagster's SQLite storage also has a file per run, for the page of the run; that page need not list these events.
    told = [replace(one, target_materialization_data=None) if brief and one.passed else one for one in evaluations]
    events = [_row(storage, _entry(run, one)) for one in told]
    # An evaluation is stored twice, in the log and in the table of evaluations. Of those of a partition that pass, the
    # log gets one, to which all of them refer: nothing reads the others there.
    logged = {_in_log(one): event for one, event in zip(reversed(evaluations), reversed(events), strict=True)}
    with storage.index_transaction() as connection:
        ids = dict(zip(logged, connection.scalars(_INSERT, list(logged.values())).all(), strict=True))
        rows = [_execution(one, event, ids[_in_log(one)]) for one, event in zip(evaluations, events, strict=True)]
        connection.execute(insert(AssetCheckExecutionsTable), rows)


def _in_log(evaluation: dg.AssetCheckEvaluation) -> tuple[str | None, str, str]:
    """Return a key of the event in the log to which an evaluation refers: its own, unless it passes."""
    own = ("", "") if evaluation.passed else (evaluation.asset_key.to_string(), evaluation.check_name)
    return (evaluation.partition, *own)


def _row(storage: SqlEventLogStorage, entry: EventLogEntry) -> dict[str, Any]:
    """Return the row of an event in the log, much shorter than Dagster's: without fields that have their defaults."""
    row = storage._event_to_row(entry)
    return {**row, "event": json.dumps(_without_defaults(json.loads(row["event"])), separators=(",", ":"))}


def _without_defaults(stored: Any) -> Any:
    if isinstance(stored, list):
        return [_without_defaults(one) for one in stored]
    if not isinstance(stored, dict):
        return stored
    defaults = _DEFAULTS.get(str(stored.get("__class__")), {})
    return {key: _without_defaults(one) for key, one in stored.items() if key not in defaults or one != defaults[key]}


def store_materializations(
    instance: dg.DagsterInstance, run: dg.DagsterRun, materializations: Sequence[dg.AssetMaterialization]
) -> list[AssetCheckEvaluationTargetMaterializationData]:
    """Store materializations of a run, all or none of them; return, for each, what an evaluation of it refers to."""
    storage = instance.event_log_storage
    entries = [_entry(run, one) for one in materializations]
    if not isinstance(storage, SqlEventLogStorage):
        for entry in entries:
            instance.handle_new_event(entry)
        return [_target(run, entry, 0) for entry in entries]
    if not entries:
        return []
    with storage.index_transaction() as connection:
        ids = connection.scalars(_INSERT, [_row(storage, one) for one in entries]).all()
        storage._store_asset_event_tags(connection, entries, ids)
        last = {entry.get_dagster_event().asset_key: (entry, at) for entry, at in zip(entries, ids, strict=True)}
        for entry, at in last.values():  # the row of an asset names its last materialization
            storage._store_asset_event(connection, entry, at)
    return [_target(run, *one) for one in zip(entries, ids, strict=True)]


def _target(run: dg.DagsterRun, entry: EventLogEntry, place: int) -> AssetCheckEvaluationTargetMaterializationData:
    return AssetCheckEvaluationTargetMaterializationData(storage_id=place, run_id=run.run_id, timestamp=entry.timestamp)


def _execution(evaluation: dg.AssetCheckEvaluation, event: Mapping[str, Any], event_id: int) -> dict[str, Any]:
    """Return the row of an evaluation whose event is already stored."""
    target = evaluation.target_materialization_data
    status = AssetCheckExecutionRecordStatus
    return {
        "asset_key": evaluation.asset_key.to_string(),
        "check_name": evaluation.check_name,
        "partition": evaluation.partition,
        "run_id": event["run_id"],
        "execution_status": (status.SUCCEEDED if evaluation.passed else status.FAILED).value,
        "evaluation_event": event["event"],
        "evaluation_event_timestamp": event["timestamp"],
        "evaluation_event_storage_id": event_id,
        "materialization_event_storage_id": target.storage_id if target else None,
    }


def _entry(run: dg.DagsterRun, of: dg.AssetCheckEvaluation | dg.AssetMaterialization) -> EventLogEntry:
    is_made = isinstance(of, dg.AssetMaterialization)
    kind = DagsterEventType.ASSET_MATERIALIZATION if is_made else DagsterEventType.ASSET_CHECK_EVALUATION
    event = DagsterEvent(
        event_type_value=kind.value,
        event_specific_data=StepMaterializationData(of) if isinstance(of, dg.AssetMaterialization) else of,
        job_name=run.job_name,
    )
    return EventLogEntry(  # type: ignore[no-untyped-call]
        error_info=None,
        level="info",
        user_message="",
        run_id=run.run_id,
        timestamp=round(time.time(), 3),
        dagster_event=event,
    )


def delete_runs(instance: dg.DagsterInstance, run_ids: Sequence[str]) -> int:
    """Delete runs with their events and logs, and return the number of deleted check evaluations.

    The latest evaluation of each check and partition stays, so that no status is lost. A run is deleted last, after its
    events and logs: if this function is interrupted, another call deletes the rest. Dagster's own `delete_run` deletes
    the run first, and leaves its logs.
    """
    storage, deleted = instance.event_log_storage, 0
    if isinstance(storage, SqlEventLogStorage):
        with storage.index_transaction() as connection:
            deleted = connection.execute(_evaluations_to_delete(run_ids)).rowcount
    for run_id in run_ids:
        storage.delete_events(run_id)
        instance.compute_log_manager.delete_logs(prefix=[run_id])
        instance.delete_run(run_id)
        if isinstance(storage, PrivateEventLog):
            storage.delete_file(run_id)
        elif isinstance(storage, SqliteEventLogStorage):  # which leaves an empty file of the run
            Path(storage.path_for_shard(run_id)).unlink(missing_ok=True)
    return deleted


def _evaluations_to_delete(run_ids: Sequence[str]) -> Delete:
    found = AssetCheckExecutionsTable
    of_each = (found.c.asset_key, found.c.check_name, found.c.partition)
    nth = func.row_number().over(partition_by=of_each, order_by=found.c.id.desc()).label("nth")
    numbered = select(found.c.id, found.c.run_id, nth).subquery("numbered")
    outdated = select(numbered.c.id).where(numbered.c.nth > 1, numbered.c.run_id.in_(run_ids))
    return delete(found).where(found.c.id.in_(outdated))


def partitions_without_result(instance: dg.DagsterInstance, assets: Iterable[dg.AssetKey]) -> frozenset[str]:
    """Return the partitions for which the newest execution of a check of these assets has no result.

    Its run ended before the check was evaluated, or it is still in progress.
    """
    storage, found = instance.event_log_storage, AssetCheckExecutionsTable
    if not isinstance(storage, SqlEventLogStorage):
        return frozenset()
    of_each = found.c.asset_key, found.c.check_name, found.c.partition
    mine = found.c.asset_key.in_([key.to_string() for key in assets]), found.c.partition.is_not(None)
    newest = select(func.max(found.c.id)).where(*mine).group_by(*of_each)
    planned = found.c.execution_status == AssetCheckExecutionRecordStatus.PLANNED.value
    with storage.index_connection() as connection:
        rows = connection.scalars(select(found.c.partition).where(found.c.id.in_(newest), planned).distinct())
        return frozenset(rows)


@dataclass(frozen=True)
class Outcome:
    """The result of a check of a partition in a run, and its place (row id) in the event log."""

    storage_id: int
    run_id: str
    check: str
    partition: str
    passed: bool


@dataclass(frozen=True)
class Reader:
    """Reads the results of some checks of some assets, without their texts: only few of thousands are news."""

    instance: dg.DagsterInstance
    assets: Sequence[str]
    checks: Sequence[str]

    def last_settled(self, after: int, before: datetime) -> int:
        """Return the place up to which the log can be read: before the first evaluation newer than `before`.

        An event gets its place when it is stored, but is visible only after its transaction has ended. So an event with
        a lower place may become visible later.
        """
        log = SqlEventLogStorageTable
        newer = log.c.dagster_event_type == DagsterEventType.ASSET_CHECK_EVALUATION.value, log.c.id > after
        unsettled = log.c.timestamp > before.astimezone(UTC).replace(tzinfo=None)
        with self._connection() as connection:
            first = connection.scalar(select(func.min(log.c.id)).where(*newer, unsettled))
            settled = newer if first is None else (*newer, log.c.id < first)
            return connection.scalar(select(func.max(log.c.id)).where(*settled)) or after

    def run_at(self, place: int) -> str:
        """Return the id of the run whose event has this place in the log, or "" if there is none.

        SQLite uses places again after the events with the last places were deleted.
        """
        log = SqlEventLogStorageTable
        with self._connection() as connection:
            return connection.scalar(select(log.c.run_id).where(log.c.id == place)) or ""

    def outcomes(self, after: int, to: int) -> list[Outcome]:
        """Return the results between two places in the event log, in the order of the log."""
        log, found = SqlEventLogStorageTable, AssetCheckExecutionsTable
        between = log.c.dagster_event_type == DagsterEventType.ASSET_CHECK_EVALUATION.value, log.c.id > after
        # The table of evaluations has no index by place: find the runs in the log first, then their evaluations.
        runs = select(log.c.run_id).where(*between, log.c.id <= to)
        place = found.c.evaluation_event_storage_id
        return self._read(found.c.run_id.in_(runs), place > after, place <= to)

    def latest_outcomes(self, to: int) -> list[Outcome]:
        """Return the latest result of every check and partition up to a place in the event log, in the log's order.

        As in the UI, the results of deleted runs are included.
        """
        log, found = SqlEventLogStorageTable, AssetCheckExecutionsTable
        place = found.c.evaluation_event_storage_id
        is_deleted = place > select(func.max(log.c.id)).scalar_subquery()
        # Ordered by time, since the place of a deleted event may belong to another event now. Numbered rather than
        # joined with the maxima: a server without statistics would need minutes for the join.
        latest_first = found.c.evaluation_event_timestamp.desc(), place.desc()
        of_each = func.row_number().over(partition_by=(found.c.check_name, found.c.partition), order_by=latest_first)
        return self._read(or_(place <= to, is_deleted), nth=of_each)

    def failing_of(self, run_ids: Iterable[str]) -> set[tuple[str, str]]:
        """Return the checks (check, partition) that failed in these runs, with the current names of the partitions."""
        found = AssetCheckExecutionsTable
        failed = found.c.execution_status == AssetCheckExecutionRecordStatus.FAILED.value
        return {(one.check, one.partition) for one in self._read(found.c.run_id.in_(list(run_ids)), failed)}

    def evaluations(self, outcomes: Sequence[Outcome]) -> dict[Outcome, dg.AssetCheckEvaluation]:
        """Return the full evaluations of these results."""
        rows, found = AssetCheckExecutionsTable, {}
        wanted = {(one.run_id, one.check, one.partition): one for one in outcomes}
        runs = list({one.run_id for one in outcomes})
        columns = rows.c.run_id, rows.c.check_name, rows.c.partition
        with self._connection() as connection:
            for at in range(0, len(runs), PLACES_AT_ONCE):
                of_runs = self._evaluated(), rows.c.run_id.in_(runs[at : at + PLACES_AT_ONCE])
                for row in connection.execute(select(*columns, rows.c.evaluation_event).where(*of_runs)):
                    outcome = wanted.get((row.run_id, row.check_name, row.partition))
                    event = None if outcome is None else deserialize_value(row.evaluation_event, EventLogEntry)
                    if outcome is not None and event is not None and event.dagster_event is not None:
                        found[outcome] = event.dagster_event.asset_check_evaluation_data
        return found

    def _read(self, *wanted: ColumnElement[bool], nth: ColumnElement[int] | None = None) -> list[Outcome]:
        """Return the results that meet these conditions; if `nth` numbers them, only the first of each group."""
        found = AssetCheckExecutionsTable
        passed = found.c.execution_status == AssetCheckExecutionRecordStatus.SUCCEEDED.value
        columns = found.c.evaluation_event_storage_id.label("place"), found.c.run_id, found.c.check_name
        number = (literal(1) if nth is None else nth).label("nth")
        numbered = select(*columns, found.c.partition, passed.label("passed"), number)
        rows = numbered.where(self._evaluated(), *wanted).subquery("outcomes")
        statement = select(rows).where(rows.c.nth == 1).order_by(rows.c.place)
        with self._connection() as connection:
            return [
                Outcome(row.place, row.run_id, row.check_name, row.partition, bool(row.passed))
                for row in connection.execute(statement)
            ]

    def _evaluated(self) -> ColumnElement[bool]:
        """Return the condition for results of these checks, without those that are only planned or were not run."""
        found, status = AssetCheckExecutionsTable, AssetCheckExecutionRecordStatus
        return and_(
            found.c.asset_key.in_([dg.AssetKey(asset).to_string() for asset in self.assets]),
            found.c.check_name.in_(self.checks),
            found.c.execution_status.in_((status.SUCCEEDED.value, status.FAILED.value)),
            found.c.partition.is_not(None),
            or_(found.c.execution_status == status.SUCCEEDED.value, ~says_not_run(found.c.evaluation_event)),
        )

    def _connection(self) -> AbstractContextManager[Connection]:
        storage = self.instance.event_log_storage
        if not isinstance(storage, SqlEventLogStorage):
            raise TypeError(f"Dagster stores its events in {type(storage).__name__}, which is not an SQL storage.")
        return storage.index_connection()
