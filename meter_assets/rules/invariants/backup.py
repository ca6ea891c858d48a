"""The invariant about the backup of customers' balances.

Add here invariants that read only customers and the backup; those that compare balances with it are in `balances`.
"""

from typing import Any

from sqlalchemy import Select, and_, or_, select

from meter_assets.billing.money import exact
from meter_assets.billing.relations import BillingRelations
from meter_assets.rules.invariants.invariant import Group, Invariant, Severity


def _without_backup(relations: BillingRelations) -> Select[Any]:
    customer, kept, last = relations.customers, relations.backup, relations.backed_up_to()
    same = and_(kept.c.customer_id == customer.c.id, kept.c.tenant_id == customer.c.tenant_id)
    shown = [exact(customer.c[name]).label(name) for name in ("balance", "overpayment")]
    found = select(customer.c.tenant_id, customer.c.id.label("customer_id"), customer.c.name, *shown)
    found = found.outerjoin(kept, same).outerjoin(last, last.c.tenant_id == customer.c.tenant_id)
    later_id = or_(last.c.customer_id.is_(None), customer.c.id > last.c.customer_id)
    came_later = and_(last.c.tenant_id.is_not(None), later_id)
    return found.where(kept.c.customer_id.is_(None), ~came_later)


BACKUP = (
    Invariant(
        "every_customer_has_a_backup",
        Group.backup,
        Severity.ERROR,
        "customer_id",
        "Every customer has a row in customer_balances_backup, except customers created after the backup.",
        "Materialize customer_balances_backup for the tenant: it adds the customers that are missing.",
        _without_backup,
    ),
)
