"""Reads a few numbers of the latest event of each partition: materializations of assets, evaluations of checks.

An event is stored as JSON with its whole report: parsing those of a thousand tenants takes seconds. Our numbers are
among the first metadata entries of a materialization, so only its beginning is read; of an evaluation that passed,
nothing is. Add here what must be read of thousands of
events at once; `materializations` and `event_log` read and write whole events.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

import dagster as dg
from dagster import DagsterEventType

# The status values in the table of evaluations, the storages and their tables: no public API as of 1.13 reads the
# latest events of thousands of partitions without reading each event as a whole (dagster issues 19618 and 18149).
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster._core.storage.event_log import SqlEventLogStorage
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable, SqlEventLogStorageTable
from sqlalchemy import Connection, case, func, select

BEGINNING = 4_000
"""How many characters of an event are read."""
_NUMBER = re.compile(
    r'"entry_data": \{"__class__": "(?:Int|Bool)MetadataEntryData", "value": (-?\d+|true|false)\}, "label": "(\w+)"'
)
"""A number among the metadata entries of an event. In a stored text, quotation marks have a backslash before them."""
_VIOLATIONS = re.compile(r'"violations": \{"__class__": "IntMetadataEntryData", "value": (\d+)\}')
"""The same in an evaluation, whose metadata entries are in alphabetical order, so that this one is near the end."""


@dataclass(frozen=True)
class Materialized:
    """The latest materialization of a partition of an asset: its run, its time, and its first numbers by name."""

    asset: str
    partition: str
    run_id: str
    at: datetime
    numbers: Mapping[str, int]


class Evaluated(NamedTuple):
    """The latest evaluation of a check of a partition: its time is read only if it failed."""

    check: str
    partition: str
    failed_at: datetime | None
    violations: int | None
    """0 if it passed, None if it is not known."""


def latest_materialized(instance: dg.DagsterInstance, assets: Sequence[dg.AssetKey]) -> list[Materialized]:
    """Return the latest materialization of every partition of these assets, in one statement."""
    log, names = SqlEventLogStorageTable, {key.to_string(): key.path[-1] for key in assets}
    of_assets = (
        log.c.asset_key.in_(names),
        log.c.dagster_event_type == DagsterEventType.ASSET_MATERIALIZATION.value,
        log.c.partition.is_not(None),
    )
    newest = select(func.max(log.c.id).label("id")).where(*of_assets).group_by(log.c.asset_key, log.c.partition)
    latest = newest.subquery("latest")
    beginning = func.substr(log.c.event, 1, BEGINNING).label("beginning")
    columns = log.c.asset_key, log.c.partition, log.c.run_id, log.c.timestamp, beginning
    statement = select(*columns).join(latest, latest.c.id == log.c.id)
    return [
        Materialized(names[row.asset_key], row.partition, row.run_id, _in_utc(row.timestamp), _numbers(row.beginning))
        for row in _rows(instance, statement)
    ]


def latest_evaluated(instance: dg.DagsterInstance, checks: Iterable[dg.AssetCheckKey]) -> list[Evaluated]:
    """Return the latest evaluation of every partition of these checks, oldest first, in one statement.

    Evaluations that are only planned, and those whose partition was rolled back, are left out.
    """
    found, status = AssetCheckExecutionsTable, AssetCheckExecutionRecordStatus
    wanted = list(checks)
    of_checks = (
        found.c.asset_key.in_({key.asset_key.to_string() for key in wanted}),
        found.c.check_name.in_({key.name for key in wanted}),
        found.c.execution_status.in_((status.SUCCEEDED.value, status.FAILED.value)),
        found.c.partition.is_not(None),
    )
    newest = select(func.max(found.c.id).label("id")).where(*of_checks)
    latest = newest.group_by(found.c.asset_key, found.c.check_name, found.c.partition).subquery("latest")
    passed = found.c.execution_status == status.SUCCEEDED.value
    # Of thousands that passed, nothing more is read: to decode their times would take most of the time.
    event = case((passed, None), else_=found.c.evaluation_event)
    failed_at = case((passed, None), else_=found.c.evaluation_event_timestamp)
    statement = select(found.c.check_name, found.c.partition, failed_at, event)
    rows = _rows(instance, statement.join(latest, latest.c.id == found.c.id).order_by(found.c.id))
    return [
        Evaluated(check, partition, None, 0)
        if at is None
        else Evaluated(check, partition, _in_utc(at), _violations(event))
        for check, partition, at, event in rows
    ]


def _rows(instance: dg.DagsterInstance, statement: Any) -> Sequence[Any]:
    storage = instance.event_log_storage
    if not isinstance(storage, SqlEventLogStorage):
        raise TypeError(f"Dagster stores its events in {type(storage).__name__}, which is not an SQL storage.")
    connection: Connection
    with storage.index_connection() as connection:
        return connection.execute(statement).all()


def _in_utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC)


def _violations(event: str) -> int | None:
    found = _VIOLATIONS.search(event)
    return int(found[1]) if found else None


def _numbers(beginning: str) -> Mapping[str, int]:
    values = {"true": 1, "false": 0}
    found = _NUMBER.findall(beginning)
    return {label: values[value] if value in values else int(value) for value, label in reversed(found)}
