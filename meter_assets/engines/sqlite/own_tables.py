"""Verifies that our own tables in a SQLite file are as we created them: without triggers, defaults, checks or views.

SQLite has no roles: every program that may write the file may add such objects. Add a check here for each kind of
object that could change our rows. The columns of our tables are in `billing.own_tables`.
"""

import re
from collections.abc import Iterator

from sqlalchemy import Connection

from meter_assets.billing.schema import BillingSchema
from meter_assets.foreign_text import quoted

_UNEXPECTED_KEYWORDS = re.compile(
    r"\b(CHECK|DEFAULT|GENERATED|REFERENCES|COLLATE|VIRTUAL|AS\s+SELECT)\b", re.IGNORECASE
)
"""Keywords that never occur in the CREATE statements of our own tables."""
_COMPUTES = re.compile(r"\bWHERE\b|\(.*\(", re.IGNORECASE | re.DOTALL)


def problems_of(connection: Connection, schema: BillingSchema) -> Iterator[str]:
    """Yield what others added to our own tables, each a clause."""
    found = connection.exec_driver_sql("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY name").all()
    for kind, name, table, statement in found:
        if table not in schema.own_tables_present:
            continue
        if kind == "trigger":
            yield f"{quoted(table)} has the trigger {quoted(name)}"
        elif kind == "view":
            yield f"{quoted(table)} is not an ordinary table"
        elif kind == "table" and _UNEXPECTED_KEYWORDS.search(statement or ""):
            yield f"{quoted(table)} has more than columns and a key"
        elif kind == "index" and _COMPUTES.search(statement or ""):
            yield f"{quoted(table)} has an index with an expression or condition, {quoted(name)}"
