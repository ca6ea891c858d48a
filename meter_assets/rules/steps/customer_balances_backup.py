"""The step that backs up the balances of every customer without a backup. Add here what only this step computes."""

from sqlalchemy import and_, literal, null, select

from meter_assets.billing.change import Change, outcome_columns
from meter_assets.billing.constructs import typed_null
from meter_assets.billing.own_tables import BACKUP, RETIRED_BACKUPS, Effect
from meter_assets.billing.relations import BillingRelations
from meter_assets.rules.invariants import Group, of_group
from meter_assets.rules.steps.step import Step, StepGuards

COLUMNS = ("balance", "overpayment")
FIRST_BACKUP = "first_backup"
RULES = (FIRST_BACKUP,)


def customer_balances_backup(relations: BillingRelations) -> Change:
    """Return the rows to add to the backup. An existing backup is never overwritten, so there is no policy."""
    customer, kept = relations.customers, relations.backup
    same = and_(kept.c.customer_id == customer.c.id, kept.c.tenant_id == customer.c.tenant_id)
    joined = customer.outerjoin(kept, same)
    rule = literal(FIRST_BACKUP)
    values = []
    for name in COLUMNS:
        values += [typed_null(customer.c[name].type).label(f"{name}_before"), customer.c[name].label(f"{name}_after")]
    return Change(
        STEP,
        effect=Effect.ADD,
        examined=select(
            customer.c.tenant_id,
            customer.c.id,
            *outcome_columns(kept.c.customer_id.is_not(None), rule, null()),
            STEP.worth_of(customer).label("money"),
            *values,
        ).select_from(joined),
    )


STEP = Step(
    name="customer_balances_backup",
    title="Back up customers' balances",
    table="customers",
    target=BACKUP,
    effect=Effect.ADD,
    journal=RETIRED_BACKUPS,
    key="customer_id",
    columns=COLUMNS,
    money=COLUMNS,
    worth=(("balance", 1), ("overpayment", -1)),
    worth_title="net",
    context=("name",),
    reads=("customers",),
    guards=StepGuards(values=of_group(Group.values), after=of_group(Group.backup)),
    checks=(Group.values, Group.backup),
    corrects=of_group(Group.backup),
    batchable=False,
    needs_backup=False,
    compute=customer_balances_backup,
)
