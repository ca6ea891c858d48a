"""The step that gives every payment without a meter its invoice's meter or, without that, its customer's.

What a person has decided about a payment comes before all rules, and may also replace a meter that this step itself has
written. Add a new rule's condition here, and its name in `billing.payment_rules`.
"""

from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, Subquery, and_, case, func, literal, or_, select

from meter_assets.billing.change import Change, changed_columns, outcome_columns
from meter_assets.billing.columns import CREATED_AT_COLUMN
from meter_assets.billing.conditions import is_active
from meter_assets.billing.money import exact
from meter_assets.billing.own_tables import OF_DECISION
from meter_assets.billing.payment_rules import (
    CUSTOMER_WITHOUT_ACTIVE_METER,
    DECISION,
    FIRST_ACTIVE_METER,
    FIRST_ASSIGNED_METER,
    FOR_REVIEW,
    INVOICE,
    PAYMENT_METER_IDS,
    RULES,
    SOLE_ACTIVE_METER,
)
from meter_assets.billing.policy import CustomersWithoutActiveMeter, Policy
from meter_assets.billing.relations import BillingRelations
from meter_assets.rules.invariants import Group, named, of_group
from meter_assets.rules.steps.step import Step, StepGuards

INVOICE_MISSING = "invoice_missing"
INVOICE_OF_OTHER_TENANT = "invoice_of_other_tenant"
INVOICE_WITHOUT_METER = "invoice_without_meter"
CUSTOMER_MISSING = "customer_missing"
CUSTOMER_WITHOUT_METER = "customer_without_meter"
METER_OF_OTHER_TENANT = "meter_of_other_tenant"
_ASSIGNMENTS = ("meter_assignments", "customers", "meters")


def payment_meter_ids(relations: BillingRelations) -> Change:
    """Return the change that gives payments their meter ids.

    A meter id that a payment had before the migration is never changed.
    """
    payment = _decided(relations)
    has_rule = payment.c.decision.in_(RULES)
    rule = case((has_rule, payment.c.decision))
    already_correct: ColumnElement[bool] = payment.c.meter_id.is_not(None)
    meters: list[tuple[ColumnElement[bool], ColumnElement[Any]]] = [
        (payment.c.decision == INVOICE, payment.c.invoice_meter_id)
    ]
    of_decision: list[ColumnElement[Any]] = []
    if relations.has_decisions:
        taken = payment.c.takes_decision == 1
        meters.insert(0, (taken, payment.c.decided_meter_id))
        already_correct = and_(already_correct, payment.c.takes_decision == 0)
        of_decision = [case((taken, payment.c[name])).label(name) for name in OF_DECISION]
    meter_id = case(*meters, else_=payment.c.assigned_meter_id)
    return Change(
        STEP,
        examined=select(
            payment.c.tenant_id,
            payment.c.id,
            *outcome_columns(already_correct, rule, payment.c.decision),
            exact(payment.c.amount).label("money"),
            *changed_columns(payment, {"meter_id": meter_id}),
            *of_decision,
        ),
        kept=tuple(OF_DECISION) if of_decision else (),
    )


STEP = Step(
    name=PAYMENT_METER_IDS,
    title="Give payments their meter ids",
    table="payments",
    key="payment_id",
    columns=("meter_id",),
    worth=(("amount", 1),),
    worth_title="amount",
    sum_title="amount of payments with a meter",
    sum_metric="paid_on_meters",
    context=("amount", "customer_id", "invoice_id"),
    recognized_by=(CREATED_AT_COLUMN, "customer_id", "invoice_id", "amount", "paid_at"),
    for_review=FOR_REVIEW,
    overwriting=frozenset({DECISION}),
    carries_out_decisions=True,
    reads=("payments", "invoices", "customers", "meters", "meter_assignments"),
    guards=StepGuards(
        values=of_group(Group.values),
        of_written_rows=named("every_payment_meter_exists_in_its_tenant"),
    ),
    checks=(Group.payments,),
    corrects=named(
        "every_counted_payment_has_a_meter", "every_uncounted_payment_has_a_meter", "no_payment_meter_needs_review"
    ),
    compute=payment_meter_ids,
)


def _decided(relations: BillingRelations) -> Subquery:
    """Return every payment with its rule or reason, and the meters that the rules would assign."""
    payment, customer = relations.payments, relations.customers
    invoice, meter = relations.invoices, relations.meters
    assigned, foreign = _assigned_meters(relations), _customers_with_meters_of_other_tenants(relations)

    def of_customer(rows: FromClause, key: str) -> ColumnElement[bool]:
        return and_(rows.c[key] == payment.c.customer_id, rows.c.tenant_id == payment.c.tenant_id)

    rules: list[tuple[ColumnElement[bool], ColumnElement[str]]] = [
        (payment.c.invoice_id.is_not(None), _by_invoice(relations, payment, invoice, meter))
    ]
    columns: list[ColumnElement[Any]] = [
        payment.c.tenant_id,
        payment.c.id,
        payment.c.meter_id,
        payment.c.amount,
        invoice.c.meter_id.label("invoice_meter_id"),
        assigned.c.meter_id.label("assigned_meter_id"),
    ]
    rows: FromClause = payment
    if relations.has_decisions:  # without the table, the statement is spared a join
        rows, takes_decision, made = _with_decisions(relations, payment)
        rules.insert(0, (takes_decision, literal(DECISION)))
        columns += [
            made.c.meter_id.label("decided_meter_id"),
            case((takes_decision, 1), else_=0).label("takes_decision"),
        ]
        columns += [made.c[of].label(name) for name, of in OF_DECISION.items()]
    decision = case(*rules, else_=_by_customer(customer, assigned, foreign, relations.policy))
    return (
        select(*columns, decision.label("decision"))
        .select_from(rows)
        .outerjoin(invoice, and_(invoice.c.id == payment.c.invoice_id, invoice.c.tenant_id == payment.c.tenant_id))
        .outerjoin(meter, and_(meter.c.id == invoice.c.meter_id, meter.c.tenant_id == invoice.c.tenant_id))
        .outerjoin(customer, of_customer(customer, "id"))
        .outerjoin(assigned, of_customer(assigned, "customer_id"))
        .outerjoin(foreign, of_customer(foreign, "customer_id"))
        .subquery("decided")
    )


def _with_decisions(
    relations: BillingRelations, payment: FromClause
) -> tuple[FromClause, ColumnElement[bool], FromClause]:
    """Return the payments with their decisions, whether a payment takes its decision, and the decisions.

    It does if it has no meter, or another one that this step has written.
    """
    made, written = relations.decisions, _written_where_decided(relations)
    of_payment = and_(made.c.payment_id == payment.c.id, made.c.tenant_id == payment.c.tenant_id)
    rows = payment.outerjoin(made, of_payment)
    may_be_set: ColumnElement[bool] = payment.c.meter_id.is_(None)
    if written is not None:
        is_ours = and_(
            written.c.payment_id == payment.c.id,
            written.c.tenant_id == payment.c.tenant_id,
            written.c.meter_id == payment.c.meter_id,
        )
        rows = rows.outerjoin(written, is_ours)
        may_be_set = or_(may_be_set, and_(written.c.payment_id.is_not(None), payment.c.meter_id != made.c.meter_id))
    return rows, and_(made.c.meter_id.is_not(None), may_be_set), made


def _written_where_decided(relations: BillingRelations) -> FromClause | None:
    """Return the meters that this step has given to payments about which there is a decision; None if it has not run.

    Few payments are decided: their rows in the journal are looked up.
    """
    written = relations.meters_written()
    if written is None:
        return None
    decided = select(relations.decisions.c.payment_id)
    found = select(written.c.tenant_id, written.c.payment_id, written.c.meter_id)
    return found.where(written.c.payment_id.in_(decided)).distinct().subquery("written_where_decided")


def _by_invoice(
    relations: BillingRelations, payment: FromClause, invoice: FromClause, meter: FromClause
) -> ColumnElement[str]:
    return case(
        (meter.c.id.is_not(None), INVOICE),
        (
            invoice.c.id.is_(None),
            case(
                (_is_elsewhere(relations, "invoices", payment.c.invoice_id), INVOICE_OF_OTHER_TENANT),
                else_=INVOICE_MISSING,
            ),
        ),
        (_is_elsewhere(relations, "meters", invoice.c.meter_id), METER_OF_OTHER_TENANT),
        else_=INVOICE_WITHOUT_METER,
    )


def _is_elsewhere(relations: BillingRelations, table: str, row_id: ColumnElement[Any]) -> ColumnElement[bool]:
    """Return whether an id that is not in the tenant's own rows is in another tenant's."""
    return relations.owner(table, row_id).is_not(None)


def _by_customer(customer: FromClause, assigned: FromClause, foreign: FromClause, policy: Policy) -> ColumnElement[str]:
    take_inactive = policy.customers_without_active_meter is CustomersWithoutActiveMeter.first_assigned_meter
    return case(
        (customer.c.id.is_(None), CUSTOMER_MISSING),
        (assigned.c.active_meters == 1, SOLE_ACTIVE_METER),
        (assigned.c.active_meters > 1, FIRST_ACTIVE_METER),
        (assigned.c.meter_id.is_not(None), FIRST_ASSIGNED_METER if take_inactive else CUSTOMER_WITHOUT_ACTIVE_METER),
        (foreign.c.customer_id.is_not(None), METER_OF_OTHER_TENANT),
        else_=CUSTOMER_WITHOUT_METER,
    )


def _assigned_meters(relations: BillingRelations) -> FromClause:
    """Return, per customer, the meter of the first assignment (active ones first) and the number of active meters.

    The number 2 means several. The query uses windows and one grouping instead of a join, because engines estimate its
    number of rows well.
    """
    return relations.shared("assigned", _ASSIGNMENTS, lambda: _first_meters(relations))


def _first_meters(relations: BillingRelations) -> Select[Any]:
    made = relations.assignments_that_count()
    active = case((is_active(made), 1), else_=0)
    first_meter = func.first_value(made.c.meter_id, type_=made.c.meter_id.type).over(
        partition_by=(made.c.tenant_id, made.c.customer_id), order_by=(active.desc(), made.c.id)
    )
    one = select(
        made.c.tenant_id, made.c.customer_id, made.c.meter_id, active.label("active"), first_meter.label("first_meter")
    ).subquery("assignments_in_order")
    another = case((one.c.meter_id != one.c.first_meter, one.c.active), else_=0)
    of_customer = (one.c.tenant_id, one.c.customer_id, one.c.first_meter)
    return select(
        one.c.tenant_id,
        one.c.customer_id,
        one.c.first_meter.label("meter_id"),
        (func.max(one.c.active) + func.max(another)).label("active_meters"),
    ).group_by(*of_customer)


def _customers_with_meters_of_other_tenants(relations: BillingRelations) -> FromClause:
    return relations.shared("assigned_elsewhere", _ASSIGNMENTS, lambda: _assigned_elsewhere(relations))


def _assigned_elsewhere(relations: BillingRelations) -> Select[Any]:
    made, meter = relations.rows["meter_assignments"], relations.meters
    return (
        select(made.c.tenant_id, made.c.customer_id)
        .outerjoin(meter, and_(meter.c.id == made.c.meter_id, meter.c.tenant_id == made.c.tenant_id))
        .where(meter.c.id.is_(None), _is_elsewhere(relations, "meters", made.c.meter_id))
        .distinct()
    )
