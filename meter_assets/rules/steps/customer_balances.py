"""The step that writes customers' balances as sums over their active meters, for code that still reads them.

It is not part of the migration. A customer without an active meter is skipped and reported: an empty sum would erase
what the customer owes. Add here what only this step computes; what steps share is in `billing`.
"""

from typing import Any

from sqlalchemy import FromClause, Select, and_, case, literal, select

from meter_assets.billing.change import Change, changed_columns, outcome_columns
from meter_assets.billing.columns import CREATED_AT_COLUMN
from meter_assets.billing.conditions import is_active
from meter_assets.billing.money import exact, or_zero, stored, total
from meter_assets.billing.payment_rules import CUSTOMER_WITHOUT_ACTIVE_METER
from meter_assets.billing.relations import BillingRelations
from meter_assets.rules.invariants import Group, errors_of, of_group
from meter_assets.rules.steps.step import Step, StepGuards

COLUMNS = ("balance", "overpayment")
SUM_OF_ACTIVE_METERS = "sum_of_active_meters"
RULES = (SUM_OF_ACTIVE_METERS,)


def customer_balances(relations: BillingRelations) -> Change:
    """Return the change that sets customers' balance and overpayment to the sums over their active meters."""
    customer, sums = relations.customers, _active_meter_sums(relations)
    joined = customer.outerjoin(
        sums, and_(sums.c.customer_id == customer.c.id, sums.c.tenant_id == customer.c.tenant_id)
    )
    has_meter = sums.c.customer_id.is_not(None)
    columns = relations.schema.written_columns(STEP)
    same = and_(has_meter, *(exact(customer.c[name]).is_not_distinct_from(sums.c[name]) for name in columns))
    rule = case((has_meter, SUM_OF_ACTIVE_METERS))
    after = {name: stored(sums.c[name]) for name in columns}
    return Change(
        STEP,
        columns=columns,
        examined=select(
            customer.c.tenant_id,
            customer.c.id,
            *outcome_columns(same, rule, literal(CUSTOMER_WITHOUT_ACTIVE_METER)),
            STEP.worth_of(customer).label("money"),
            *changed_columns(customer, after),
        ).select_from(joined),
    )


def _active_meter_sums(relations: BillingRelations) -> FromClause:
    """Return, per customer with an active meter, the sums over these meters, each counted once, in exact form."""
    reads = ("meter_assignments", "customers", "meters")
    return relations.shared("active_meter_sums", reads, lambda: _sums_of_meters(relations))


def _sums_of_meters(relations: BillingRelations) -> Select[Any]:
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
    )


STEP = Step(
    name="customer_balances",
    title="Set customers' balances to the sums over their active meters",
    table="customers",
    key="customer_id",
    columns=COLUMNS,
    money=COLUMNS,
    is_optional=True,
    worth=(("balance", 1), ("overpayment", -1)),
    worth_title="net before",
    context=("name",),
    recognized_by=(CREATED_AT_COLUMN, "name"),
    reads=("customers", "meters", "meter_assignments"),
    guards=StepGuards(values=of_group(Group.values), before=(*of_group(Group.backup), *errors_of(Group.balances))),
    needs_backup=False,
    compute=customer_balances,
)
