"""Customers' balances as the sums over their active meters, for code that still reads them. Pure: one SELECT.

Not part of the migration. A customer without an active meter has nothing to sum, and is left as it is and reported:
an empty sum would erase what the customer owes.
"""

from decimal import Decimal

from sqlalchemy import ColumnElement, FromClause, Subquery, and_, case, func, literal, select

from meter_assets.billing.change import Change, changed_columns, outcome_columns
from meter_assets.billing.money import exact, or_zero, stored, total
from meter_assets.billing.policy import Policy
from meter_assets.billing.relations import BillingRelations, is_active
from meter_assets.rules.steps.payment_meter_ids import CUSTOMER_WITHOUT_ACTIVE_METER

NAME = "customer_balances"
COLUMNS = ("balance", "overpayment")
SUM_OF_ACTIVE_METERS = "sum_of_active_meters"
RULES = (SUM_OF_ACTIVE_METERS,)


def customer_balances(relations: BillingRelations, policy: Policy) -> Change:
    """Return the change that makes customers' balance and overpayment the sums over their active meters."""
    del policy
    customer, sums = relations.customers, _active_meter_sums(relations)
    joined = customer.outerjoin(
        sums, and_(sums.c.customer_id == customer.c.id, sums.c.tenant_id == customer.c.tenant_id)
    )
    has_meter = sums.c.customer_id.is_not(None)
    same = and_(has_meter, *(exact(customer.c[name]).is_not_distinct_from(sums.c[name]) for name in COLUMNS))
    rule = case((has_meter, SUM_OF_ACTIVE_METERS))
    after = {name: stored(sums.c[name]) for name in COLUMNS}
    return Change(
        name=NAME,
        table="customers",
        columns=COLUMNS,
        rows=select(
            customer.c.tenant_id,
            customer.c.id,
            *changed_columns(customer, after),
            literal(SUM_OF_ACTIVE_METERS).label("rule"),
        )
        .select_from(joined)
        .where(has_meter, ~same),
        outcomes=select(
            customer.c.tenant_id,
            customer.c.id,
            *outcome_columns(same, rule, literal(CUSTOMER_WITHOUT_ACTIVE_METER)),
            _net(customer, "").label("money"),
        ).select_from(joined),
        weight=lambda changed, _: func.abs(_net(changed, "_after") - _net(changed, "_before")),
    )


def _net(rows: FromClause, side: str) -> ColumnElement[Decimal]:
    return or_zero(exact(rows.c[f"balance{side}"])) - or_zero(exact(rows.c[f"overpayment{side}"]))


def _active_meter_sums(relations: BillingRelations) -> Subquery:
    """Per customer with an active meter: the sums over those meters, each counted once, in exact form."""
    made, meter = relations.assignments_that_count(), relations.meters
    pairs = (
        select(made.c.tenant_id, made.c.customer_id, made.c.meter_id)
        .where(is_active(made))
        .distinct()
        .subquery("active_meters")
    )
    return (
        select(
            pairs.c.tenant_id,
            pairs.c.customer_id,
            *(total(or_zero(exact(meter.c[name]))).label(name) for name in COLUMNS),
        )
        .join(meter, and_(meter.c.id == pairs.c.meter_id, meter.c.tenant_id == pairs.c.tenant_id))
        .group_by(pairs.c.tenant_id, pairs.c.customer_id)
        .subquery("active_meter_sums")
    )
