"""Dagster's event log, where its own calls do not do: many check evaluations at once.

Dagster stores one evaluation per transaction, and reads one check after the other: minutes for a thousand tenants.
Here they are stored in one transaction and read in one query, in Dagster's own SQL storages.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import dagster as dg
from dagster import EventLogEntry
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluationTargetMaterializationData
from dagster._core.events import DagsterEvent, DagsterEventType
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster._core.storage.event_log import SqlEventLogStorage
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable
from dagster_shared.serdes import deserialize_value, serialize_value
from sqlalchemy import ColumnElement, and_, func, select

Materializations = Mapping[tuple[str, str], AssetCheckEvaluationTargetMaterializationData]
"""By asset and partition: the latest materialization, which a check evaluation is about."""


def latest_materializations(instance: dg.DagsterInstance, assets: Iterable[str]) -> Materializations:
    """Return the latest materialization of every partition of these assets, one query per asset."""
    found = {}
    for asset in assets:
        by_partition = instance.event_log_storage.get_latest_storage_id_by_partition(
            dg.AssetKey(asset), DagsterEventType.ASSET_MATERIALIZATION
        )
        for partition, storage_id in by_partition.items():
            found[asset, partition] = AssetCheckEvaluationTargetMaterializationData(
                storage_id=storage_id, run_id="", timestamp=0
            )
    return found


def store_evaluations(
    instance: dg.DagsterInstance, run: dg.DagsterRun, evaluations: Sequence[dg.AssetCheckEvaluation]
) -> None:
    """Store check evaluations as made by a run, all or none of them."""
    entries = [_entry(run, one) for one in evaluations]
    storage = instance.event_log_storage
    if not isinstance(storage, SqlEventLogStorage):
        for entry in entries:
            instance.handle_new_event(entry)
        return
    # Not in a storage of SQLite's file of the run itself: its page need not list them.
    with storage.index_transaction() as connection:
        for entry, evaluation in zip(entries, evaluations, strict=True):
            stored = connection.execute(storage.prepare_insert_event(entry))
            (event_id,) = stored.inserted_primary_key or (None,)
            target = evaluation.target_materialization_data
            status = AssetCheckExecutionRecordStatus
            connection.execute(
                AssetCheckExecutionsTable.insert().values(
                    asset_key=evaluation.asset_key.to_string(),
                    check_name=evaluation.check_name,
                    partition=evaluation.partition,
                    run_id=run.run_id,
                    execution_status=(status.SUCCEEDED if evaluation.passed else status.FAILED).value,
                    evaluation_event=serialize_value(entry),
                    evaluation_event_timestamp=datetime.fromtimestamp(entry.timestamp, UTC).replace(tzinfo=None),
                    evaluation_event_storage_id=event_id,
                    materialization_event_storage_id=target.storage_id if target else None,
                )
            )


def _entry(run: dg.DagsterRun, evaluation: dg.AssetCheckEvaluation) -> EventLogEntry:
    event = DagsterEvent(
        event_type_value=DagsterEventType.ASSET_CHECK_EVALUATION.value,
        event_specific_data=evaluation,
        job_name=run.job_name,
    )
    return EventLogEntry(  # type: ignore[no-untyped-call]
        error_info=None,
        level="info",
        user_message="",
        run_id=run.run_id,
        timestamp=time.time(),
        job_name=run.job_name,
        dagster_event=event,
    )


@dataclass(frozen=True)
class Outcome:
    """How a check of a partition ended in a run, and its place in the event log."""

    storage_id: int
    run_id: str
    check: str
    partition: str
    passed: bool
    event: str
    """The event as it is stored: thousands of them take seconds to read, and few are news."""

    @property
    def description(self) -> str:
        """What the check says."""
        event = deserialize_value(self.event, EventLogEntry).dagster_event
        return "" if event is None else event.asset_check_evaluation_data.description or ""

    def of_run(self, run_id: str) -> "Outcome":
        """Return the same as if it were of another run."""
        return replace(self, run_id=run_id)


def outcomes_since(instance: dg.DagsterInstance, storage_id: int) -> list[Outcome]:
    """Return the check evaluations stored after this place in the event log, in their order."""
    found = AssetCheckExecutionsTable
    return _outcomes(instance, found.c.evaluation_event_storage_id > storage_id)


def latest_outcomes(instance: dg.DagsterInstance) -> list[Outcome]:
    """Return the latest evaluation of every check and partition, in the order of the event log."""
    found = AssetCheckExecutionsTable
    latest = select(func.max(found.c.evaluation_event_storage_id)).where(_evaluated())
    return _outcomes(
        instance, found.c.evaluation_event_storage_id.in_(latest.group_by(found.c.check_name, found.c.partition))
    )


def _evaluated() -> ColumnElement[bool]:
    """Say whether a row tells of an evaluation, and not of one that is only planned."""
    table, status = AssetCheckExecutionsTable, AssetCheckExecutionRecordStatus
    ended = (status.SUCCEEDED.value, status.FAILED.value)
    return and_(table.c.execution_status.in_(ended), table.c.partition.is_not(None))


def _outcomes(instance: dg.DagsterInstance, wanted: ColumnElement[bool]) -> list[Outcome]:
    storage = instance.event_log_storage
    if not isinstance(storage, SqlEventLogStorage):
        return []
    table = AssetCheckExecutionsTable
    statement = select(table).where(_evaluated(), wanted).order_by(table.c.evaluation_event_storage_id)
    with storage.index_connection() as connection:
        rows = connection.execute(statement).all()
    return [
        Outcome(
            storage_id=row.evaluation_event_storage_id,
            run_id=row.run_id,
            check=row.check_name,
            partition=row.partition,
            passed=row.execution_status == AssetCheckExecutionRecordStatus.SUCCEEDED.value,
            event=row.evaluation_event,
        )
        for row in rows
    ]
