"""The columns of the billing tables that a copy has, and which of their values it has in another form.

Only columns that this software reads are copied, so no other column can leak. Add a column to `MASKS` if its values may
name a person and no rule depends on them.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import (
    Boolean,
    ColumnClause,
    ColumnElement,
    Date,
    DateTime,
    FromClause,
    Integer,
    Interval,
    Numeric,
    Text,
    Time,
    Uuid,
    case,
    cast,
    column,
    literal,
    null,
    select,
    type_coerce,
)
from sqlalchemy import table as named_table
from sqlalchemy.types import TypeEngine

from meter_assets.billing.columns import (
    CREATED_AT_COLUMN,
    OPTIONAL_COLUMNS,
    REQUIRED_COLUMNS,
    SOFT_DELETE_COLUMN,
    UPDATED_AT_COLUMN,
)
from meter_assets.billing.conditions import as_text, is_set
from meter_assets.billing.policy import Policy
from meter_assets.billing.schema import BillingSchema
from meter_assets.engines.base import TableCopy

MASKS: Mapping[str, Mapping[str, str]] = {
    "customers": {"name": "Customer"},
    "meters": {"meter_number": "Meter"},
    "invoices": {"invoice_number": "Invoice"},
}
"""Columns that a copy has in another form: this word and the row's id."""
MARKED = "y"
"""What a copy has in place of a text that marks a row as deleted, such as the name of who deleted it."""
_WITHOUT_TEXT = (Boolean, Integer, Numeric, Date, DateTime, Time, Interval, Uuid)


def copies_of(schema: BillingSchema, policy: Policy) -> list[TableCopy]:
    """Return what is copied of each billing table."""
    return [_copy_of(schema, name, policy) for name in REQUIRED_COLUMNS]


def _copy_of(schema: BillingSchema, name: str, policy: Policy) -> TableCopy:
    types = {one.key: one.type for one in schema.tables[name].c}
    is_mapped = bool(schema.mapped)
    # Without types, so that no value is converted.
    rows = schema.tables[name] if is_mapped else named_table(name, *map(column, types))
    values = dict(_values(schema, name, policy, types, rows))
    computed = {} if is_mapped else schema.generated(name)
    own_sql = {one: sql for one, sql in computed.items() if set(schema.computed_from(name)) <= values.keys()}
    stored = [value.label(one) for one, value in values.items() if one not in own_sql]
    masked = frozenset(one for one, value in values.items() if not isinstance(value, ColumnClause))
    return TableCopy(name, tuple(values), select(*stored), masked, own_sql)


def _values(
    schema: BillingSchema, name: str, policy: Policy, types: Mapping[str, TypeEngine[Any]], rows: FromClause
) -> Iterator[tuple[str, ColumnElement[Any]]]:
    """Yield each copied column with its value in the copy."""
    masks = MASKS.get(name, {})
    known = {*REQUIRED_COLUMNS[name], *OPTIONAL_COLUMNS.get(name, ())}
    known |= {SOFT_DELETE_COLUMN, UPDATED_AT_COLUMN, CREATED_AT_COLUMN}
    named = (one.partition(".") for one in policy.deletion_columns)
    marks = {*schema.columns_that_may_delete(name), *(mark for of, _, mark in named if of == name)}
    for one in dict.fromkeys((*schema.selected_columns(name), *sorted(marks & types.keys()))):
        if one in masks:
            yield one, case((rows.c[one].is_(None), null()), else_=_mask(masks[one], rows.c.id))
        elif one in known or isinstance(types[one], _WITHOUT_TEXT):
            yield one, rows.c[one]
        elif one in marks:
            mark = type_coerce(rows.c[one], types[one])
            yield one, case((is_set(mark), literal(MARKED, Text())), else_=cast(as_text(mark), Text()))


def _mask(word: str, row_id: ColumnElement[Any]) -> ColumnElement[str]:
    return literal(f"{word} ", Text()).concat(cast(row_id, Text()))
