"""Temporary tables in a transaction on PostgreSQL, also in one that only reads.

A transaction that is READ ONLY may fill a temporary table, but not create one. So a reading transaction is READ ONLY in
a savepoint, which ends for the moment in which an empty table is created. Then it begins again. Add here what else such
a table needs.
"""

from typing import Any

from sqlalchemy import Connection, Select, text

SCHEMA = "pg_temp"
_READ_ONLY = "SAVEPOINT meter_assets_reads; SET TRANSACTION READ ONLY"
_SMALL_SAMPLE = "SET LOCAL default_statistics_target = 10"
"""3,000 rows: enough to know how many rows there are, and how many ids they share."""
_LEAVE = "RELEASE SAVEPOINT meter_assets_reads"
_MAY = text(
    """
SELECT NOT pg_catalog.pg_is_in_recovery() AND pg_catalog.current_setting('transaction_read_only') = 'off'
    AND pg_catalog.has_database_privilege(pg_catalog.current_database(), 'TEMPORARY')
"""
)


def begin_reading(connection: Connection) -> bool:
    """Let the open transaction write nothing but temporary tables; return whether it may have these."""
    may = may_materialize(connection)
    connection.exec_driver_sql(_READ_ONLY if may else "SET TRANSACTION READ ONLY")
    return may


def may_materialize(connection: Connection) -> bool:
    """Return whether the role may have temporary tables, and the server is no standby."""
    return bool(connection.scalar(_MAY))


def materialize(connection: Connection, name: str, rows: Select[Any], *, reads_only: bool, by_index: bool) -> None:
    """Create the table, which is dropped at the end of the transaction, fill it, and gather its statistics.

    It is sent at once, as text: a server behind a network answers once.
    """
    table = f"{SCHEMA}.{name}"
    computed = str(rows.compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True}))
    created = f"CREATE TEMPORARY TABLE {table} ON COMMIT DROP AS {computed}"
    statements = [created]
    if reads_only:  # what computes the rows may call functions of others: it runs without the right to write
        statements = [_LEAVE, f"{created} WITH NO DATA", _READ_ONLY, f"INSERT INTO {table} {computed}"]
    if by_index:
        statements = ["SET LOCAL enable_nestloop = on", *statements, "SET LOCAL enable_nestloop = off"]
    joined = [name for name in list(rows.selected_columns.keys()) if name == "id" or name.endswith("_id")]
    columns = ", ".join(connection.dialect.identifier_preparer.quote(name) for name in joined)
    analyze = f"ANALYZE {table} ({columns})" if joined else f"ANALYZE {table}"
    connection.exec_driver_sql("; ".join([_SMALL_SAMPLE, *statements, analyze]))
