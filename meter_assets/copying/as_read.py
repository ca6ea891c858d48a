"""A copy of tables that are mapped: each as it is read under the mapping, with the usual names of tables and columns.

The copy needs no mapping, and it is made by SQLAlchemy alone, since such a table may be any SELECT. What is copied of
each table is in `masks`. Add here what the copy of such a table must have so that steps find its rows.
"""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Column, Connection, Index, MetaData, String, Table, column, select, table, type_coerce
from sqlalchemy.types import NullType, TypeEngine

from meter_assets.billing.schema import BillingSchema, IdScope
from meter_assets.engines import engine_of
from meter_assets.engines.base import TableCopy
from meter_assets.engines.scratch import of_the_copy

ROWS_AT_ONCE = 5_000
_LONGEST_TEXT = 255
"""The length of texts whose length is not known: an index needs one on MySQL."""
_KEYS = {IdScope.everywhere: ("id",), IdScope.tenant: ("tenant_id", "id"), IdScope.nowhere: ()}
LACKS = "the constraints of the tables, and their indexes but those of ids: the copy has the tables as they are read"


def copy_as_read(
    source: Connection,
    target: Connection,
    schema: BillingSchema,
    copies: Sequence[TableCopy],
    copied: Callable[[str, int], None],
) -> list[str]:
    """Create the tables and copy their rows, some thousands at a time. Returns what the copy lacks.

    Raises CopyFailed for an error of the target, DBAPIError for one of the source.
    """
    for one in copies:
        created = _table(schema, one)
        with of_the_copy(target):
            created.create(target)
        _copy_rows(source, target, one, copied)
    return [LACKS]


def _table(schema: BillingSchema, one: TableCopy) -> Table:
    types = {column.key: column.type for column in schema.tables[one.name].c}
    stored = {name: NullType() if name in one.masked else types[name] for name in one.columns}
    key = _KEYS[schema.id_scope(one.name)]
    columns = [
        Column(name, _with_length(kind), primary_key=name in key, autoincrement=False) for name, kind in stored.items()
    ]
    made = Table(one.name, MetaData(), *columns)
    for name in one.ids:
        Index(f"{one.name}_{name}", made.c[name])
    return made


def _with_length(kind: TypeEngine[Any]) -> TypeEngine[Any]:
    """Return the type of a column that may be in an index."""
    if isinstance(kind, NullType) or (isinstance(kind, String) and kind.length is None):
        return String(_LONGEST_TEXT)
    return kind


def _copy_rows(source: Connection, target: Connection, one: TableCopy, copied: Callable[[str, int], None]) -> None:
    values = one.rows.subquery("read")
    rows = select(*(type_coerce(value, NullType()).label(value.key) for value in values.c))  # no value is converted
    insert = table(one.name, *map(column, one.columns)).insert()
    count = 0
    for found in source.execute(rows, execution_options={"stream_results": True}).partitions(ROWS_AT_ONCE):
        with of_the_copy(target):
            target.execute(insert, [dict(row._mapping) for row in found])
        count += len(found)
        copied(one.name, count)
    engine_of(source).require_whole_values(source)
    copied(one.name, count)
