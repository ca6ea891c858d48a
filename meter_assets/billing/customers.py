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
    chosen, meter = chosen_meters(relations), relations.meters
    return (
        select(chosen.c.tenant_id, chosen.c.customer_id, total(net(meter)).label("net"))
        .join(meter, and_(meter.c.id == chosen.c.meter_id, meter.c.tenant_id == chosen.c.tenant_id))
        .group_by(chosen.c.tenant_id, chosen.c.customer_id)
    )


def chosen_meters(relations: BillingRelations) -> FromClause:
    """Return the rows of `meters_of_customers`, in a temporary table if several computations read them."""
    return relations.shared("chosen_pairs", _READS, lambda: meters_of_customers(relations))


def meters_of_customers(relations: BillingRelations) -> Select[Any]:
    """Return the meters whose nets a customer owes: tenant_id, customer_id, meter_id.

    They are the actively assigned meters or, without any, all meters that were ever assigned to the customer.
    """
    made = relations.assignments_that_count()
    active = case((is_active(made), 1), else_=0)
    pairs = (
        select(made.c.tenant_id, made.c.customer_id, made.c.meter_id, func.max(active).label("active"))
        .group_by(made.c.tenant_id, made.c.customer_id, made.c.meter_id)
        .subquery("assigned_meters")
    )
    any_active = func.max(pairs.c.active).over(partition_by=(pairs.c.tenant_id, pairs.c.customer_id))
    chosen = select(pairs, any_active.label("any_active")).subquery("chosen_meters")
    found = select(chosen.c.tenant_id, chosen.c.customer_id, chosen.c.meter_id)
    return found.where(chosen.c.active == chosen.c.any_active)
