"""Checks that the columns of the billing tables can store the exact values that a change would write.

How many digits a column can store depends on the engine: see `capacity` in `engines.base`. Add here other checks of
values against the types of columns.
"""

from typing import Any

from sqlalchemy import Connection, FromClause, Select, func, literal, or_, select
from sqlalchemy.types import TypeEngine

from meter_assets.billing.change import Change
from meter_assets.billing.money import exact
from meter_assets.billing.own_tables import BACKUP
from meter_assets.billing.schema import BillingSchema
from meter_assets.engines import engine_of
from meter_assets.errors import ColumnTooSmall


def check_capacity(connection: Connection, change: Change, schema: BillingSchema, changed: FromClause) -> None:
    """Raise ColumnTooSmall if a column cannot store a value that would be written to it."""
    if change.target == BACKUP:
        return  # our own table, whose columns can store any money
    for name in change.money_columns:
        kind = schema.tables[change.target].c[name].type
        digits = engine_of(connection).capacity(kind)
        if digits is None:
            continue
        found = _first_too_large(connection, changed, name, kind, *digits)
        if found is not None:
            raise ColumnTooSmall(change.target, name, str(kind), found.id, found.value, found.count)


def _first_too_large(
    connection: Connection, changed: FromClause, name: str, kind: TypeEngine[Any], precision: int, scale: int
) -> Any:
    value, limit = exact(changed.c[f"{name}_after"]), literal(10 ** (precision - scale), kind)
    too_large: Select[Any] = select(changed.c.id, value.label("value"), func.count().over().label("count")).where(
        or_(func.abs(value) >= limit, func.round(value, scale) != value)
    )
    return connection.execute(too_large.order_by(changed.c.id).limit(1)).first()
