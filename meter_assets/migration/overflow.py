"""Checks that the columns of the billing tables can store the exact values that a change would write.

How many digits a column can store depends on the engine: see `capacity` in `engines.base`. Add here other checks of
values against the types of columns.
"""

from typing import Any

from sqlalchemy import ColumnElement, Connection, FromClause, case, func, literal, or_, select
from sqlalchemy.types import TypeEngine

from meter_assets.billing.change import Change
from meter_assets.billing.money import exact
from meter_assets.billing.own_tables import BACKUP
from meter_assets.billing.schema import BillingSchema
from meter_assets.engines import engine_of
from meter_assets.errors import ColumnTooSmall


def check_capacity(connection: Connection, change: Change, schema: BillingSchema, changed: FromClause) -> None:
    """Raise ColumnTooSmall where a column cannot hold what would be written to it. One statement, where all can."""
    if change.target == BACKUP:
        return  # a table of ours, whose columns hold any money
    kinds = {name: schema.table(change.target).c[name].type for name in change.money_columns}
    too_large = {
        name: _too_large(exact(changed.c[f"{name}_after"]), kind, *digits)
        for name, kind in kinds.items()
        if (digits := engine_of(connection).capacity(kind)) is not None
    }
    if not too_large:
        return
    counted = select(*(func.count(case((condition, 1))) for condition in too_large.values())).select_from(changed)
    for name, count in zip(too_large, connection.execute(counted).one(), strict=True):
        if count:
            value = exact(changed.c[f"{name}_after"]).label("value")
            rows = select(changed.c.id, value).where(too_large[name]).order_by(changed.c.id).limit(1)
            found = connection.execute(rows).one()
            raise ColumnTooSmall(change.target, name, str(kinds[name]), found.id, found.value, count)


def _too_large(value: ColumnElement[Any], kind: TypeEngine[Any], precision: int, scale: int) -> ColumnElement[bool]:
    limit = literal(10 ** (precision - scale), kind)
    return or_(func.abs(value) >= limit, func.round(value, scale) != value)
