"""A temporary table with a unique id, for engines that can compute rows into a table and add an index to it."""

from typing import Any

from sqlalchemy import Connection, Index, Select
from sqlalchemy.schema import CreateTableAs


def create_temporary(connection: Connection, name: str, rows: Select[Any], schema: str | None) -> None:
    """Compute rows into a temporary table, which is dropped with the connection."""
    created = CreateTableAs(rows, name, temporary=True, schema=schema)
    connection.execute(created)
    Index(f"ix_{name}", created.table.c.id, unique=True).create(connection)
