"""Inserts generated rows into the billing tables, in chunks, parents before children.

Add here how rows are inserted; which rows are generated is in `history`.
"""

from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, insert

from meter_assets.billing.columns import REQUIRED_COLUMNS
from meter_assets.billing.schema import BillingSchema
from meter_assets.formatting import MINOR_UNIT_DIGITS

CHUNK = 10_000


def currency(minor_units: int) -> Decimal:
    """Return an amount in minor units as currency units."""
    return Decimal(minor_units).scaleb(-MINOR_UNIT_DIGITS)


def columns_there(schema: BillingSchema, table: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values whose columns the database has; optional columns may be missing."""
    return {name: value for name, value in values.items() if schema.has(table, name)}


class RowWriter:
    """Collects rows of all billing tables and inserts them in chunks; the ids in each table start at 1.

    Money is given as `Decimal`. On SQLite, which has no decimal, the column's type converts it into the nearest float,
    as SQLite does with the decimal's text; so nothing converts it here.
    """

    def __init__(self, connection: Connection, schema: BillingSchema) -> None:
        """Take the tables to fill, which must be empty."""
        self.schema, self.made = schema, Counter[str]()
        self._connection = connection
        self._waiting: dict[str, list[dict[str, Any]]] = {table: [] for table in REQUIRED_COLUMNS}

    def add(self, table: str, row: dict[str, Any]) -> int:
        """Take one row without its id; return its id. The row may be altered until the next `flush_if_full`."""
        self.made[table] += 1
        row["id"] = self.made[table]
        self._waiting[table].append(row)
        return self.made[table]

    def flush_if_full(self) -> None:
        """Insert the waiting rows if there is a whole chunk."""
        if sum(map(len, self._waiting.values())) >= CHUNK:
            self.flush()

    def flush(self) -> None:
        """Insert the waiting rows, in the order of the tables, parents first."""
        for name, rows in self._waiting.items():
            if not rows:
                continue
            if any(not self.schema.has(name, column) for column in rows[0]):
                rows = [columns_there(self.schema, name, row) for row in rows]
            self._connection.execute(insert(self.schema.table(name)), rows)
            self._waiting[name] = []
