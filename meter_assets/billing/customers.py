"""What a customer's meters are, and what they owe together, to be compared with what the customer owed.

Add here what invariants and explanations need of a customer's meters. What one meter owes is in `ledger`.
"""

from typing import Any

from sqlalchemy import FromClause, Select, and_, case, func, select

from meter_assets.billing.conditions import is_active
from meter_assets.billing.ledger import net
from meter_assets.billing.money import total
from meter_assets.billing.relations import BillingRelations

_READS = ("meter_assignments", "customers", "meters")


def net_of_meters(relations: BillingRelations) -> FromClause:
    """Return, per customer, the net of the actively assigned meters or, without any, of all meters ever assigned."""
    return relations.shared("customers_meters", _READS, lambda: _sums_of_assigned_meters(relations))


def _sums_of_assigned_meters(relations: BillingRelations) -> Select[Any]:
    meter, chosen = relations.meters, _assigned(relations)
    return (
        select(chosen.c.tenant_id, chosen.c.customer_id, total(net(meter)).label("net"))
        .join(meter, and_(meter.c.id == chosen.c.meter_id, meter.c.tenant_id == chosen.c.tenant_id))
        .where(chosen.c.active == chosen.c.any_active)
        .group_by(chosen.c.tenant_id, chosen.c.customer_id)
    )


def chosen_meters(relations: BillingRelations) -> FromClause:
    """Return the pairs of customers and meters that `net_of_meters` adds up: tenant_id, customer_id, meter_id."""
    return relations.shared("chosen_pairs", _READS, lambda: _pairs(relations))


def _pairs(relations: BillingRelations) -> Select[Any]:
    chosen = _assigned(relations)
    pairs = select(chosen.c.tenant_id, chosen.c.customer_id, chosen.c.meter_id)
    return pairs.where(chosen.c.active == chosen.c.any_active)


def _assigned(relations: BillingRelations) -> FromClause:
    """Return each customer with each assigned meter, whether it is active, and whether any of the customer is."""
    made = relations.assignments_that_count()
    active = case((is_active(made), 1), else_=0)
    pairs = (
        select(made.c.tenant_id, made.c.customer_id, made.c.meter_id, func.max(active).label("active"))
        .group_by(made.c.tenant_id, made.c.customer_id, made.c.meter_id)
        .subquery("assigned_meters")
    )
    any_active = func.max(pairs.c.active).over(partition_by=(pairs.c.tenant_id, pairs.c.customer_id))
    return select(pairs, any_active.label("any_active")).subquery("chosen_meters")
