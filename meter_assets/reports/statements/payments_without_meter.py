"""Payments that are on no meter: which meter a step run would give them, or why none.

Add here what people ask of such a payment. Who decides about those for review is shown in `review`.
"""

from datetime import date
from typing import Any

from pydantic import BaseModel
from sqlalchemy import and_, exists, or_, select

from meter_assets.billing import transactions
from meter_assets.billing.payment_rules import PAYMENT_METER_IDS
from meter_assets.foreign_text import Shown
from meter_assets.migration.database import Tenant
from meter_assets.migration.snapshot import Snapshot
from meter_assets.migration.step_report import Money
from meter_assets.rules.steps import STEPS


class PaymentWithoutMeter(BaseModel):
    """A payment that has no meter (money in currency units)."""

    payment_id: str
    on_day: date | None
    amount: Money | None
    status: Shown | None
    is_counted: bool
    meter_id: str | None
    """The meter that a step run would give it; None if it would give it none."""
    reason: str
    """The rule by which it would get that meter, or why it would get none."""


def payments_without_meter(
    snapshot: Snapshot, tenant: Tenant, *, customer_id: Any = None, meter_id: Any = None, as_of: date | None = None
) -> list[PaymentWithoutMeter]:
    """Return the payments without a meter of a customer, or those that would come to a meter, by their ids.

    With `as_of`, payments after that day are left out.
    """
    relations = snapshot.relations(tenant.id)
    stored = relations.payments
    if not snapshot.connection.scalar(select(exists().where(stored.c.meter_id.is_(None)))):
        return []
    payment = transactions.payments(relations, relations).subquery("transactions")
    examined = STEPS[PAYMENT_METER_IDS].compute(relations).examined.subquery("examined")
    same = and_(examined.c.id == payment.c.id, examined.c.tenant_id == payment.c.tenant_id)
    names = ("id", "on_day", "amount", "status", "is_counted")
    rows = (
        select(*(payment.c[name] for name in names), examined.c.meter_id_after, examined.c.label)
        .join(examined, same)
        .where(payment.c.meter_id.is_(None))
        .order_by(payment.c.id)
    )
    if customer_id is not None:
        rows = rows.where(payment.c.customer_id == customer_id)
    if meter_id is not None:
        rows = rows.where(examined.c.meter_id_after == meter_id)
    if as_of is not None:
        rows = rows.where(or_(payment.c.on_day.is_(None), payment.c.on_day <= as_of))
    return [
        PaymentWithoutMeter(
            payment_id=str(one.id),
            on_day=one.on_day,
            amount=one.amount,
            status=one.status,
            is_counted=bool(one.is_counted),
            meter_id=None if one.meter_id_after is None else str(one.meter_id_after),
            reason=one.label,
        )
        for one in snapshot.connection.execute(rows)
    ]
