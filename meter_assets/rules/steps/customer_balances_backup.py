"""The balances of every customer that has no backup yet. Pure: returns one SELECT."""

from sqlalchemy import and_, func, literal, null, select

from meter_assets.billing.change import Change, Effect, outcome_columns
from meter_assets.billing.constructs import nothing
from meter_assets.billing.money import exact, or_zero
from meter_assets.billing.policy import Policy
from meter_assets.billing.relations import BillingRelations
from meter_assets.billing.schema import BACKUP

NAME = "customer_balances_backup"
COLUMNS = ("balance", "overpayment")
FIRST_BACKUP = "first_backup"
RULES = (FIRST_BACKUP,)


def customer_balances_backup(relations: BillingRelations, policy: Policy) -> Change:
    """Return the rows to add to the backup. A backup that is there is never overwritten, so there is no policy."""
    del policy
    customer, kept = relations.customers, relations.backup
    same = and_(kept.c.customer_id == customer.c.id, kept.c.tenant_id == customer.c.tenant_id)
    joined = customer.outerjoin(kept, same)
    rule = literal(FIRST_BACKUP)
    values = []
    for name in COLUMNS:
        values += [nothing(customer.c[name].type).label(f"{name}_before"), customer.c[name].label(f"{name}_after")]
    return Change(
        name=NAME,
        table="customers",
        target=BACKUP,
        effect=Effect.ADD,
        columns=COLUMNS,
        rows=select(customer.c.tenant_id, customer.c.id, *values, rule.label("rule"))
        .select_from(joined)
        .where(kept.c.customer_id.is_(None)),
        outcomes=select(
            customer.c.tenant_id,
            customer.c.id,
            *outcome_columns(kept.c.customer_id.is_not(None), rule, null()),
            (or_zero(exact(customer.c.balance)) - or_zero(exact(customer.c.overpayment))).label("money"),
        ).select_from(joined),
        weight=lambda changed, _: func.abs(
            or_zero(exact(changed.c.balance_after)) - or_zero(exact(changed.c.overpayment_after))
        ),
    )
