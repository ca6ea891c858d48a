"""Databases of other shapes than the usual one: fewer columns, text ids, numbers for flags, enumerations.

Add a shape here when the software must cope with it; what is in the rows is in `ledger` and `strategies`.
"""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

from sqlalchemy import Column, Enum, Integer, String
from sqlalchemy.types import TypeEngine

from meter_assets.billing.schema import BillingSchema, billing_tables
from tests.support.oracle import Database, Row
from tests.support.strategies import BILL_TYPES, SPELLINGS


def _with_text_ids(rows: Database) -> Database:
    def as_text(row: Row) -> Row:
        ids = {key: f"id-{value}" for key, value in row.items() if key.split("_")[-1] == "id" and value is not None}
        return {**row, **ids}

    return {table: [as_text(row) for row in found] for table, found in rows.items()}


def _with_types(**kinds: Any) -> BillingSchema:
    schema = billing_tables()
    for place, kind in kinds.items():
        table, column = place.split("__")
        schema.table(table).append_column(Column(column, kind), replace_existing=True)
    return schema


def _with_numbers_for_flags(rows: Database) -> Database:
    flags = {True: 1, False: 0, None: None}
    changed = deepcopy(rows)
    for row in changed["meter_assignments"]:
        row["is_active"] = flags[row["is_active"]]
    return changed


def _enumeration(*names: str, name: str) -> TypeEngine[Any]:
    """Return an enumeration; on MySQL a text, since two names of one there differ in more than blanks and capitals."""
    return Enum(*names, name=name).with_variant(String(20), "mysql")


SHAPES: dict[str, tuple[BillingSchema, Callable[[Database], Database], Any]] = {
    "only the required columns": (billing_tables(optional_columns=False, soft_deletes=False), deepcopy, 1),
    "text ids": (billing_tables(ids=String(20)), _with_text_ids, "id-1"),
    "numbers for flags, and enumerations": (
        _with_types(
            meter_assignments__is_active=Integer(),
            payments__status=_enumeration(*SPELLINGS, name="payment_status"),
            invoices__status=_enumeration(*SPELLINGS, name="invoice_status"),
            bills__bill_type=_enumeration(*BILL_TYPES, name="bill_type"),
        ),
        _with_numbers_for_flags,
        1,
    ),
}
