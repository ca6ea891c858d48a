"""Billing databases for tests: loading plain rows into an engine, and reading an engine back as plain rows.

Plain rows are the oracle's: dicts with Decimal money, from table name to rows.
"""

from typing import Any

from sqlalchemy import Connection, Table, insert, inspect, select

from meter_assets.money import exact
from meter_assets.schema import BACKUP, MONEY_COLUMNS, BillingSchema
from tests.oracle import Database

_MONEY = {**MONEY_COLUMNS, BACKUP: ("balance", "overpayment")}


def make_tables(connection: Connection, schema: BillingSchema) -> None:
    """Create the billing tables."""
    schema.tables["tenants"].metadata.create_all(connection)


def load(connection: Connection, schema: BillingSchema, rows: Database) -> None:
    """Insert the rows of every billing table (a backup that is among them is left out: our tables are not made here)."""
    for name, table in schema.tables.items():
        columns = [column.key for column in table.c]
        if rows.get(name):
            connection.execute(insert(table), [{key: row.get(key) for key in columns} for row in rows[name]])


def read(connection: Connection, schema: BillingSchema) -> Database:
    """Return every row of the billing tables, and of the backup where it has been made, in the order of their keys."""
    tables = dict(schema.tables)
    if inspect(connection).has_table(BACKUP):
        tables[BACKUP] = schema.own[BACKUP]
    return {name: _rows(connection, table, _MONEY.get(name, ())) for name, table in tables.items()}


def _rows(connection: Connection, table: Table, money: tuple[str, ...]) -> list[dict[str, Any]]:
    columns = [exact(column).label(column.key) if column.key in money else column for column in table.c]
    found = connection.execute(select(*columns).order_by(*table.primary_key.columns))
    return [dict(row) for row in found.mappings()]


def dump(connection: Connection) -> dict[str, list[tuple[Any, ...]]]:
    """Return every table of the database, ours too, as the driver gives its rows: what 'byte-identical' compares."""
    names = inspect(connection).get_table_names()
    found = {}
    for name in sorted(names):
        columns = [column["name"] for column in inspect(connection).get_columns(name)]
        quoted = ", ".join(f'"{column}"' for column in columns)
        rows = connection.exec_driver_sql(f'SELECT {quoted} FROM "{name}"').fetchall()
        found[name] = sorted((tuple(map(repr, row)) for row in rows))
    return found
