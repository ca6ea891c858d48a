"""Verifies that our own tables in a SQLite file are as we created them: without triggers, defaults, checks or views.

A file of SQLite has no roles: whoever may write it may do all of this. Which columns the tables have is in
`billing.schema`.
"""

import re
from collections.abc import Iterator

from sqlalchemy import Connection

from meter_assets.billing.schema import BillingSchema
from meter_assets.foreign_text import quoted

_NOT_OF_OURS = re.compile(r"\b(CHECK|DEFAULT|GENERATED|REFERENCES|COLLATE|VIRTUAL|AS\s+SELECT)\b", re.IGNORECASE)
"""What SQLite's text of a table of ours never has."""
_COMPUTES = re.compile(r"\bWHERE\b|\(.*\(", re.IGNORECASE | re.DOTALL)


def problems_of(connection: Connection, schema: BillingSchema) -> Iterator[str]:
    """Yield what we did not create in our own tables, each a clause."""
    found = connection.exec_driver_sql("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY name").all()
    for kind, name, table, statement in found:
        if table not in schema.own_tables_present:
            continue
        if kind == "trigger":
            yield f"{quoted(table)} has the trigger {quoted(name)}"
        elif kind == "view":
            yield f"{quoted(table)} is no ordinary table"
        elif kind == "table" and _NOT_OF_OURS.search(statement or ""):
            yield f"{quoted(table)} has more than columns and a key"
        elif kind == "index" and _COMPUTES.search(statement or ""):
            yield f"{quoted(table)} has an index that computes {quoted(name)}"
