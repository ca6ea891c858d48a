"""The step that recomputes the balance of every meter from its transactions (see `billing.ledger`)."""

from typing import Any

from sqlalchemy import ColumnElement, FromClause, and_, literal, select

from meter_assets.billing.change import Change, changed_columns, outcome_columns
from meter_assets.billing.columns import CREATED_AT_COLUMN
from meter_assets.billing.constructs import as_type_of
from meter_assets.billing.ledger import net, recomputed
from meter_assets.billing.money import exact, stored
from meter_assets.billing.policy import BalanceBasis
from meter_assets.billing.relations import BillingRelations
from meter_assets.rules.invariants import Group, blocking, errors_of, of_group
from meter_assets.rules.steps.step import Step, StepGuards

RULES = tuple(BalanceBasis)
_EXACT_VALUES = {
    "balance": "new_balance",
    "overpayment": "new_overpayment",
    "total_billed": "billed",
    "total_paid": "paid",
}


def meter_balances(relations: BillingRelations) -> Change:
    """Return the change that sets each meter's balance and overpayment to the result of its transactions."""
    meter = recomputed(relations)
    columns = relations.schema.written_columns(STEP)
    after = {name: _stored_form(name, meter, relations) for name in columns}
    same = and_(*(_is_same(name, meter, after[name]) for name in columns))
    rule = literal(relations.policy.balance_basis.value)
    return Change(
        STEP,
        columns=columns,
        examined=select(
            meter.c.tenant_id,
            meter.c.id,
            *outcome_columns(same, rule, rule),
            net(meter).label("money"),
            *changed_columns(meter, after),
        ),
    )


def _stored_form(name: str, meter: FromClause, relations: BillingRelations) -> ColumnElement[Any]:
    if name in _EXACT_VALUES:
        return stored(meter.c[_EXACT_VALUES[name]])
    return as_type_of(relations.meters.c[name], meter.c.latest)


def _is_same(name: str, meter: FromClause, after: ColumnElement[Any]) -> ColumnElement[bool]:
    if name in _EXACT_VALUES:
        return exact(meter.c[name]).is_not_distinct_from(meter.c[_EXACT_VALUES[name]])
    return meter.c[name].is_not_distinct_from(after)


STEP = Step(
    name="meter_balances",
    title="Recompute meters' balances from their transactions",
    table="meters",
    key="meter_id",
    columns=("balance", "overpayment", "total_billed", "total_paid", "last_invoice_date"),
    money=("balance", "overpayment", "total_billed", "total_paid"),
    worth=(("balance", 1), ("overpayment", -1)),
    worth_title="net before",
    context=("meter_number",),
    recognized_by=(CREATED_AT_COLUMN, "meter_number"),
    guards=StepGuards(values=of_group(Group.values), before=blocking(), after=errors_of(Group.balances)),
    checks=(Group.balances,),
    corrects=of_group(Group.balances),
    overridable=True,
    compute=meter_balances,
)
