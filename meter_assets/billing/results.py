"""Our own tables that keep results: what steps compute of a table whose columns they cannot write.

They have one row for each row of the billing table that a step has written, with the columns that the mapping names. A
row that is not there has its values from before. Add here how results are created and read; they are written in
`migration.journal`.
"""

from collections.abc import Mapping

from sqlalchemy import Column, Date, FromClause, MetaData, Numeric, PrimaryKeyConstraint, Table, and_, case, select

from meter_assets.billing.columns import DATE_COLUMNS, REFERENCES
from meter_assets.billing.constructs import typed_null
from meter_assets.billing.engine_types import EngineTypes
from meter_assets.billing.mapping import MappedTable

MONEY_OF_RESULTS = Numeric(20, 4)
"""The type of money that the database itself has no column for."""


def results_table(one: MappedTable, rows: FromClause, ids: Mapping[str, FromClause], types: EngineTypes) -> Table:
    """Return our table with the results of a mapped table. `ids` are the tables of the database, for types of ids."""
    columns = []
    for name in one.results:
        if name in REFERENCES:
            kind = ids[REFERENCES[name]].c.id.type
        elif name in DATE_COLUMNS:
            kind = types.as_read(Date())
        else:
            there = rows.c[name].type if name in rows.c else None
            kind = there if isinstance(there, Numeric) else MONEY_OF_RESULTS
        columns.append(Column(name, kind))
    return Table(
        one.results_table,
        MetaData(),
        Column("tenant_id", ids["tenants"].c.id.type, nullable=False, autoincrement=False),
        Column("id", rows.c.id.type, nullable=False, autoincrement=False),
        *columns,
        PrimaryKeyConstraint("tenant_id", "id"),
    )


def with_results(name: str, rows: FromClause, results: Table, *, present: bool) -> FromClause:
    """Return the rows of a mapped table with the results that our own table has of them, if it is present."""
    kept = [column for column in results.c if column.key not in ("tenant_id", "id")]
    others = [column for column in rows.c if column.key not in {one.key for one in kept}]
    if not present:
        # In the same form as below: SQLite stores the 0.0 of CAST(... AS DECIMAL) as 0, and that of a CASE as 0.0. So a
        # plan that is made before our table is there has the digest of its run.
        values = [rows.c[one.key] if one.key in rows.c else typed_null(one.type) for one in kept]
        before = [case((rows.c.id.is_not(None), one), else_=one) for one in values]
        columns = [one.label(column.key) for one, column in zip(before, kept, strict=True)]
        return select(*others, *columns).select_from(rows).subquery(name)
    inner = rows.alias(f"{name}_before")
    columns = [
        case(
            (results.c.id.is_not(None), one), else_=inner.c[one.key] if one.key in inner.c else typed_null(one.type)
        ).label(one.key)
        for one in kept
    ]
    same_row = and_(results.c.id == inner.c.id, results.c.tenant_id == inner.c.tenant_id)
    joined = inner.outerjoin(results, same_row)
    return select(*(inner.c[one.key] for one in others), *columns).select_from(joined).subquery(name)
