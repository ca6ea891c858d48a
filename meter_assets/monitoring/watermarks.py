"""Watermarks: how far each billing table was read, and which rows were inserted or updated since.

Inserted rows have higher ids, if ids are numbers. Updated rows have a later `updated_at`, if the table has this column.
A row that was deleted, or updated in a table without `updated_at`, cannot be detected here: only a full pass finds the
effect. Add here a further way to detect changed rows; which tenants are then evaluated is in `watch`.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import BaseModel
from sqlalchemy import (
    ColumnElement,
    Connection,
    Date,
    DateTime,
    FromClause,
    Integer,
    Select,
    String,
    func,
    null,
    select,
    union,
)

from meter_assets.billing.columns import REQUIRED_COLUMNS, UPDATED_AT_COLUMN
from meter_assets.billing.constructs import member_of
from meter_assets.billing.own_tables import RUNS
from meter_assets.billing.schema import BillingSchema

SETTLING = timedelta(minutes=1)
"""The next pass examines rows of the last minute again: more rows with the same time may follow."""
TIME_FORMAT = "%Y-%m-%d %H:%M:%S.%f"
BEFORE_ALL = "0001-01-02 00:00:00"
"""The watermark of a table in which no row has a time: every row that has one later was changed since."""


class Watermark(BaseModel):
    """How far a table was read: its highest id, if ids are numbers, and its latest updated_at, as text (UTC)."""

    id: int | None = None
    updated_at: str | None = None


def take_watermarks(connection: Connection, schema: BillingSchema) -> dict[str, Watermark]:
    """Return the watermark of each table now."""
    settled = (datetime.now(UTC) - SETTLING).strftime(TIME_FORMAT)
    marks = {}
    for name, table in _tables(schema).items():
        highest = func.coalesce(func.max(table.c.id), 0) if _has_number_ids(table) else null()
        latest = func.max(table.c[UPDATED_AT_COLUMN]) if _has_times(table) else null()
        last_id = last_change = None
        if _has_number_ids(table) or _has_times(table):  # otherwise nothing is aggregated, and all rows are returned
            last_id, last_change = connection.execute(select(highest, latest).select_from(table)).one()
        seen = BEFORE_ALL if last_change is None else min(as_text(last_change), settled)
        marks[name] = Watermark(id=last_id, updated_at=seen)
    return marks


def watermarks_at(moment: datetime) -> dict[str, Watermark]:
    """Return watermarks for a moment without a pass: they have times, but no ids."""
    return {name: Watermark(updated_at=as_text(moment)) for name in REQUIRED_COLUMNS}


def changed_since(table: FromClause, mark: Watermark) -> list[ColumnElement[bool]]:
    """Return the conditions for rows inserted or updated after a watermark; each can use its own index."""
    found: list[ColumnElement[bool]] = []
    if mark.id is not None and _has_number_ids(table):
        found.append(table.c.id > mark.id)
    if mark.updated_at is not None and _has_times(table):
        column = table.c[UPDATED_AT_COLUMN]
        seen = _as_stored(column, mark.updated_at)
        found.append(
            column >= seen if isinstance(column.type, Date) else column > seen
        )  # more rows of the same day may follow
    return found


def changed_tenants(connection: Connection, schema: BillingSchema, marks: Mapping[str, Watermark]) -> frozenset[Any]:
    """Return the ids of the tenants with rows inserted or updated since the watermarks, in one statement."""
    parts: list[Select[Any]] = []
    for name, table in _tables(schema).items():
        for changed in changed_since(table, marks.get(name, Watermark())):
            if name == "invoice_bills":
                invoice = schema.tables["invoices"]
                lines = select(table.c.invoice_id).where(changed).scalar_subquery()
                parts.append(select(invoice.c.tenant_id).where(member_of(invoice.c.id, lines)))
            else:
                parts.append(select(table.c.tenant_id).where(changed))
    return frozenset(connection.execute(union(*parts)).scalars()) if parts else frozenset()


def as_text(moment: Any) -> str:
    """Return a time in the text form of watermarks, in UTC, in which times can be compared."""
    if isinstance(moment, datetime):
        return (moment.astimezone(UTC) if moment.tzinfo else moment).strftime(TIME_FORMAT)
    return str(moment)


def _tables(schema: BillingSchema) -> dict[str, FromClause]:
    tables: dict[str, FromClause] = {name: schema.tables[name] for name in REQUIRED_COLUMNS if name != "tenants"}
    return {**tables, RUNS: schema.own[RUNS]} if RUNS in schema.own_tables_present else tables


def _has_number_ids(table: FromClause) -> bool:
    return isinstance(table.c.id.type, Integer)


def _has_times(table: FromClause) -> bool:
    """Return whether a table has an updated_at of a type that can be compared."""
    return UPDATED_AT_COLUMN in table.c and isinstance(table.c[UPDATED_AT_COLUMN].type, (String, Date, DateTime))


def _as_stored(column: ColumnElement[Any], moment: str) -> Any:
    """Return a watermark's time as a value of the column's type: SQLite stores text."""
    if isinstance(column.type, String):
        return moment
    parsed = datetime.fromisoformat(moment)
    if isinstance(column.type, Date):
        return parsed.date()
    return parsed.replace(tzinfo=UTC) if getattr(column.type, "timezone", False) else parsed
