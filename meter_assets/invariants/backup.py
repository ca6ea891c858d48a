"""The law about the backup of customers' balances."""

from typing import Any

from sqlalchemy import Select, and_, select

from meter_assets.invariants.invariant import Group, Invariant, Severity
from meter_assets.money import exact
from meter_assets.policy import Policy
from meter_assets.relations import BillingRelations


def _without_backup(relations: BillingRelations, policy: Policy) -> Select[Any]:
    del policy
    customer, kept = relations.customers, relations.backup
    same = and_(kept.c.customer_id == customer.c.id, kept.c.tenant_id == customer.c.tenant_id)
    shown = [exact(customer.c[name]).label(name) for name in ("balance", "overpayment")]
    found = select(customer.c.tenant_id, customer.c.id.label("customer_id"), customer.c.name, *shown)
    return found.outerjoin(kept, same).where(kept.c.customer_id.is_(None))


BACKUP = (
    Invariant(
        "every_customer_has_a_backup",
        Group.backup,
        Severity.ERROR,
        "customer_id",
        "Every customer has a row in customer_balances_backup.",
        "Materialize customer_balances_backup for the tenant: it adds the customers that are missing.",
        _without_backup,
    ),
)
