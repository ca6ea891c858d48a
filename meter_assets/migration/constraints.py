"""Checks that what a change would write does not violate the constraints of the billing tables.

The constraints come from the catalogue: CHECK, NOT NULL, conditions of domains, foreign keys, unique keys and exclusion
constraints on written columns. They are evaluated on the rows as they would be, so that the preview reports what the
live run would be refused for. Add here how a further kind of constraint is evaluated; it is read in `engines`.
"""

from typing import Any

from sqlalchemy import ColumnElement, Connection, FromClause, Subquery, and_, case, exists, func, literal_column, select

from meter_assets.billing.catalogue import EXAMINED, RowsConstraint
from meter_assets.billing.change import Change
from meter_assets.billing.columns import MONEY_COLUMNS
from meter_assets.billing.money import exact
from meter_assets.billing.own_tables import BACKUP
from meter_assets.billing.schema import BillingSchema
from meter_assets.errors import ConstraintViolated


def check_constraints(
    connection: Connection, change: Change, schema: BillingSchema, tenant: str, changed: FromClause
) -> None:
    """Raise ConstraintViolated where a row could not be written. No statement, where there are no constraints."""
    if change.target == BACKUP:
        return
    on_rows = schema.row_constraints(change.step)
    if on_rows:
        examined = _examined(change, schema, changed, only_changed=True)
        broken: list[ColumnElement[bool]] = [literal_column(f"NOT ({one.condition})") for one in on_rows]
        counted = select(*(func.count(case((one, 1))) for one in broken)).select_from(examined)
        for one, is_broken, count in zip(on_rows, broken, connection.execute(counted).one(), strict=True):
            if count:
                names = [name for name in one.columns if name in examined.c and name != "id"]
                money = MONEY_COLUMNS.get(change.target, ())
                shown = [exact(examined.c[name]).label(name) if name in money else examined.c[name] for name in names]
                example = (
                    connection.execute(select(examined.c.id, *shown).where(is_broken).order_by(examined.c.id).limit(1))
                    .mappings()
                    .one()
                )
                values = (tenant, one.name, one.definition, dict(example), count, one.fix)
                raise ConstraintViolated(change.name, *values)
    for key in schema.catalogue.rows_constraints:
        if key.table == change.target:
            _check_key(connection, change, schema, tenant, changed, key)


def _examined(change: Change, schema: BillingSchema, changed: FromClause, *, only_changed: bool) -> Subquery:
    """Return the rows of the target as they would be after the change: all of them, or only those that change."""
    table = schema.tables[change.target]
    known = schema.read_columns(change.target)
    of_row = and_(changed.c.id == table.c.id, changed.c.tenant_id == table.c.tenant_id)
    columns: list[ColumnElement[Any]] = []
    for name in known:
        stored: ColumnElement[Any] = table.c[name]
        if name in change.columns:
            after = changed.c[f"{name}_after"]
            stored = case((changed.c.id.is_not(None), after), else_=stored) if not only_changed else after
        columns.append(stored.label(name))
    is_changed = case((changed.c.id.is_not(None), 1), else_=0).label("is_changed_by_us")
    joined = table.join(changed, of_row, isouter=not only_changed)
    rows = select(*columns, is_changed).select_from(joined).subquery(EXAMINED)
    generated = schema.generated(change.target)
    if not generated:
        return rows
    computed = [
        literal_column(f"({generated[one.key]})", one.type).label(one.key) if one.key in generated else one
        for one in rows.c
    ]
    return select(*computed).select_from(rows).subquery(EXAMINED)


def _check_key(
    connection: Connection,
    change: Change,
    schema: BillingSchema,
    tenant: str,
    changed: FromClause,
    key: RowsConstraint,
) -> None:
    """Raise ConstraintViolated for a changed row that another row, changed or not, excludes."""
    examined = _examined(change, schema, changed, only_changed=False)
    elements: list[ColumnElement[Any]] = [
        literal_column(f"({sql})").label(f"element_{at}") for at, (sql, _) in enumerate(key.elements)
    ]
    rows = select(examined.c.id, examined.c.is_changed_by_us, *elements).select_from(examined)
    if key.only:
        rows = rows.where(literal_column(f"({key.only})"))
    one, other = rows.subquery("one_row"), rows.subquery("other_row")
    meets = [
        one.c[f"element_{at}"].op(operator, is_comparison=True)(other.c[f"element_{at}"])
        for at, (_, operator) in enumerate(key.elements)
    ]
    excluded = exists(select(1).select_from(other).where(other.c.id != one.c.id, *meets))
    found = select(one.c.id, func.count().over().label("of")).where(one.c.is_changed_by_us == 1, excluded)
    row = connection.execute(found.order_by(one.c.id).limit(1)).first()
    if row is not None:
        values = (tenant, key.name, key.definition, {"id": row.id}, row.of, key.fix)
        raise ConstraintViolated(change.name, *values)
