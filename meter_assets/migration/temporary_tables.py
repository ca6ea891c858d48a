"""Temporary tables of one transaction: what several statements read is computed once.

A transaction that only reads may have them too; it stays unable to write anything else. Where a role or a server allows
none, such as a standby, each statement computes what it reads: the results are the same. Add here what every temporary
table of ours has in common; how an engine makes one is in `engines`.
"""

from typing import Any

from sqlalchemy import Connection, FromClause, Select, column, func, literal, select, table, union_all

from meter_assets.billing.change import Change
from meter_assets.billing.relations import BillingRelations
from meter_assets.billing.schema import BillingSchema
from meter_assets.engines import engine_of

FEW_ROWS = 1_000
"""Up to this number of invoices, and of payments, of a tenant, computing them again is faster than creating tables."""
READ_OFTEN = ("customers", "meters", "meter_assignments", "invoices", "payments")
"""The billing tables whose rows of the tenant most of the statements read that compose all steps."""
_PREFIX = "meter_assets"
_COUNTER = "meter-assets: temporary tables so far"


class TemporaryTables:
    """The temporary tables of a transaction; they are gone when it ends."""

    def __init__(self, connection: Connection, *, reads_only: bool = False) -> None:
        """Take the connection of the open transaction, and whether it only reads."""
        self._connection = connection
        self._reads_only = reads_only

    def __call__(self, name: str, rows: Select[Any], *, by_index: bool = False) -> FromClause:
        """Compute rows into a new table, and return it. With `by_index`, the rows of a large table are looked up."""
        engine, info = engine_of(self._connection), self._connection.info
        info[_COUNTER] = info.get(_COUNTER, 0) + 1  # a connection may have several transactions
        full_name = f"{_PREFIX}_{info[_COUNTER]}_{name}"
        named = rows.subquery("computed")
        labelled = select(*(one.label(one.key) for one in named.c))
        engine.materialize(self._connection, full_name, labelled, reads_only=self._reads_only, by_index=by_index)
        return _table(full_name, named, engine.TEMPORARY_SCHEMA)

    def change(self, change: Change) -> Change:
        """Compute the examined rows of a change into a table, and return the change that reads them there."""
        return change.materialized_in(self(f"examined_{change.name}", change.examined))


def kept_table(connection: Connection, name: str, rows: Select[Any]) -> FromClause:
    """Compute rows with a unique id into a table that is dropped with the connection, and return it."""
    engine = engine_of(connection)
    engine.keep(connection, name, rows)
    return _table(name, rows.subquery("computed"), engine.TEMPORARY_SCHEMA)


def _table(name: str, rows: FromClause, schema: str | None) -> FromClause:
    # With a schema, where the engine has one for temporary tables, no table of the database has the same name.
    return table(name, *(column(one.key, one.type) for one in rows.c), schema=schema)


def tables_for_writing(connection: Connection) -> TemporaryTables | None:
    """Return the temporary tables of an open transaction that may write; None if it may have none."""
    return TemporaryTables(connection) if engine_of(connection).may_materialize(connection) else None


def tables_unless_few_rows(connection: Connection, schema: BillingSchema, tenant_id: Any) -> TemporaryTables | None:
    """Return what `tables_for_writing` returns; None too if the tenant has few rows, which are found by an index."""
    return None if has_few_rows(connection, schema, tenant_id) else tables_for_writing(connection)


def has_few_rows(connection: Connection, schema: BillingSchema, tenant_id: Any) -> bool:
    """Return whether a tenant's rows are found by indexes, and are so few that temporary tables would be slower."""
    if schema.catalogue.missing_indexes:
        return False
    rows = schema.tables["invoices"], schema.tables["payments"]
    first = [
        select(literal(1).label("row")).where(one.c.tenant_id == tenant_id).limit(FEW_ROWS + 1).subquery()
        for one in rows
    ]
    counts = union_all(*(select(func.count()).select_from(one) for one in first))
    return all(count <= FEW_ROWS for count in connection.scalars(counts))


def tables_for_reading(connection: Connection) -> TemporaryTables | None:
    """Let the open transaction only read, and return its temporary tables; None if it may have none."""
    return TemporaryTables(connection, reads_only=True) if engine_of(connection).begin_reading(connection) else None


def materialized(relations: BillingRelations, tables: TemporaryTables | None, *names: str) -> BillingRelations:
    """Return relations that share what they compute in temporary tables, and the rows of the named billing tables.

    Without tables, returns the relations as they are.
    """
    return relations if tables is None else relations.materialized(tables, names)
