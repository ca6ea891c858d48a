"""The decisions of people about payments' meters: which of them are in effect.

Decisions are only added. Of several about one payment, the one with the highest number counts. A decision that a run
has carried out is in the journal too, where it is sealed: read it there. Add here what rules, invariants and reports
read of decisions. They are written in `migration.decisions`.
"""

from typing import Any

from sqlalchemy import ColumnElement, FromClause, Subquery, and_, false, func, or_, select

from meter_assets.billing.constructs import typed_null
from meter_assets.billing.own_tables import DECISIONS, OF_DECISION, JournaledStep
from meter_assets.billing.schema import BillingSchema


def newest(schema: BillingSchema, of_tenant: ColumnElement[bool], name: str = "newest_decisions") -> Subquery:
    """Return the newest decision about each payment, whatever it says: all columns of the table.

    `of_tenant` is the condition on the table's rows that they are of the wanted tenants.
    """
    table = schema.own[DECISIONS]
    of_payment = table.c.tenant_id, table.c.payment_id
    numbers = select(*of_payment, func.max(table.c.number).label("number")).where(of_tenant).group_by(*of_payment)
    last = numbers.subquery(f"{name}_numbers")
    is_last = and_(
        last.c.tenant_id == table.c.tenant_id,
        last.c.payment_id == table.c.payment_id,
        last.c.number == table.c.number,
    )
    return select(table).join(last, is_last).subquery(name)


def in_effect(schema: BillingSchema, of_tenant: ColumnElement[bool], meters: FromClause) -> Subquery:
    """Return the newest decisions that can be carried out: all columns of the table.

    A decision without a meter leaves its payment as it is. One that was withdrawn, or that is for a meter that is not
    among `meters` (it was deleted since), has no effect: its payment is to be decided again.
    """
    one = newest(schema, of_tenant)
    there = and_(meters.c.id == one.c.meter_id, meters.c.tenant_id == one.c.tenant_id)
    found = select(one).outerjoin(meters, there)
    is_there = or_(one.c.meter_id.is_(None), meters.c.id.is_not(None))
    return found.where(one.c.withdrawn.is_(None), is_there).subquery("decisions_in_effect")


def carried_out(schema: BillingSchema, step: JournaledStep) -> list[ColumnElement[Any]]:
    """Return the columns of a step's journal that keep the decisions it has carried out; none if it carries out none.

    They are nulls if an earlier version created the journal, and no run has added them yet.
    """
    if not step.carries_out_decisions:
        return []
    columns = [schema.journal(step.name).c[name] for name in OF_DECISION]
    return [typed_null(one.type).label(one.key) if schema.lacks(one) else one for one in columns]


def none_in_effect(schema: BillingSchema) -> Subquery:
    """Return no rows, with tenant_id, payment_id and meter_id of `in_effect`: for a database without the table."""
    payments, meters = schema.tables["payments"], schema.tables["meters"]
    columns: list[Any] = [payments.c.tenant_id, payments.c.id.label("payment_id")]
    columns.append(typed_null(meters.c.id.type).label("meter_id"))
    return select(*columns).where(false()).subquery("decisions_in_effect")
