"""The balance of every meter, recomputed from its transactions. Pure: returns one SELECT.

Why the default basis does not add up invoice totals: when an open invoice is carried forward it is closed without a
payment, and its debt comes again as the next invoice's balance brought forward, so that a sum of totals counts it
twice. Charges count once by nature. The earliest invoice's brought-forward has no earlier invoice behind it: it is
debt from before the records begin, and counts once as the opening balance.
"""

from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, Subquery, and_, case, func, literal, select

from meter_assets.billing.change import Change, changed_columns, outcome_columns
from meter_assets.billing.constructs import as_type_of, nulls_last
from meter_assets.billing.money import ZERO, exact, or_zero, positive_part, stored, total
from meter_assets.billing.policy import BalanceBasis, Policy
from meter_assets.billing.relations import BillingRelations

NAME = "meter_balances"
RULES = tuple(BalanceBasis)


def meter_balances(relations: BillingRelations, policy: Policy) -> Change:
    """Return the change that makes each meter's balance and overpayment what its transactions say."""
    meter = recomputed(relations, policy)
    columns = relations.schema.written_columns(NAME)
    after = {name: _stored_form(name, meter, relations) for name in columns}
    same = and_(*(_is_same(name, meter, after[name]) for name in columns))
    rule = literal(policy.balance_basis.value)
    return Change(
        name=NAME,
        table="meters",
        columns=columns,
        rows=select(meter.c.tenant_id, meter.c.id, *changed_columns(meter, after), rule.label("rule")).where(~same),
        outcomes=select(
            meter.c.tenant_id,
            meter.c.id,
            *outcome_columns(same, rule, rule),
            net(meter).label("money"),
        ),
        weight=lambda changed, _: func.abs(
            exact(changed.c.balance_after)
            - exact(changed.c.overpayment_after)
            - or_zero(exact(changed.c.balance_before))
            + or_zero(exact(changed.c.overpayment_before))
        ),
    )


def net(meter: FromClause) -> ColumnElement[Decimal]:
    """Return what a meter owes by its stored columns, in exact form; negative where it is in credit."""
    return or_zero(exact(meter.c.balance)) - or_zero(exact(meter.c.overpayment))


def recomputed(relations: BillingRelations, policy: Policy) -> Subquery:
    """Return every meter as stored, and new_balance, new_overpayment, billed, paid, latest in exact form."""
    meter, billed, paid = relations.meters, _billed(relations, policy), _paid(relations, policy)
    was_billed = or_zero(billed.c[policy.balance_basis.value])
    was_paid = or_zero(paid.c.paid)
    return (
        select(
            meter,
            was_billed.label("billed"),
            was_paid.label("paid"),
            positive_part(was_billed - was_paid).label("new_balance"),
            positive_part(was_paid - was_billed).label("new_overpayment"),
            billed.c.latest,
        )
        .outerjoin(billed, and_(billed.c.meter_id == meter.c.id, billed.c.tenant_id == meter.c.tenant_id))
        .outerjoin(paid, and_(paid.c.meter_id == meter.c.id, paid.c.tenant_id == meter.c.tenant_id))
        .subquery("recomputed")
    )


def invoices_in_order(relations: BillingRelations, policy: Policy) -> Subquery:
    """Return the counted invoices that name a meter, with their place among that meter's (invoice_date, then id)."""
    invoice = relations.counted_invoices(policy)
    place = func.row_number().over(
        partition_by=(invoice.c.tenant_id, invoice.c.meter_id),
        order_by=(*nulls_last(invoice.c.invoice_date), invoice.c.id),
    )
    return select(invoice, place.label("place")).where(invoice.c.meter_id.is_not(None)).subquery("invoices_in_order")


def _billed(relations: BillingRelations, policy: Policy) -> Subquery:
    """Per meter: what it was billed on either basis, in exact form, and its latest invoice date."""
    invoice = invoices_in_order(relations, policy)
    opening = total(case((invoice.c.place == 1, or_zero(exact(invoice.c.balance_brought_forward))), else_=ZERO))
    charges = total(or_zero(exact(invoice.c.amount)))
    return (
        select(
            invoice.c.tenant_id,
            invoice.c.meter_id,
            (charges + opening).label(BalanceBasis.charges_and_opening_balance.value),
            total(or_zero(exact(invoice.c.total_amount))).label(BalanceBasis.invoice_totals.value),
            func.max(invoice.c.invoice_date).label("latest"),
        )
        .group_by(invoice.c.tenant_id, invoice.c.meter_id)
        .subquery("billed")
    )


def _paid(relations: BillingRelations, policy: Policy) -> Subquery:
    payment = relations.counted_payments(policy)
    return (
        select(payment.c.tenant_id, payment.c.meter_id, total(or_zero(exact(payment.c.amount))).label("paid"))
        .where(payment.c.meter_id.is_not(None))
        .group_by(payment.c.tenant_id, payment.c.meter_id)
        .subquery("paid")
    )


_EXACT_VALUES = {
    "balance": "new_balance",
    "overpayment": "new_overpayment",
    "total_billed": "billed",
    "total_paid": "paid",
}


def _stored_form(name: str, meter: FromClause, relations: BillingRelations) -> ColumnElement[Any]:
    if name in _EXACT_VALUES:
        return stored(meter.c[_EXACT_VALUES[name]])
    return as_type_of(relations.meters.c[name], meter.c.latest)


def _is_same(name: str, meter: FromClause, after: ColumnElement[Any]) -> ColumnElement[bool]:
    if name in _EXACT_VALUES:
        return exact(meter.c[name]).is_not_distinct_from(meter.c[_EXACT_VALUES[name]])
    return meter.c[name].is_not_distinct_from(after)


def balance_bases(relations: BillingRelations, policy: Policy) -> Select[Any]:
    """Return the meters that the two balance bases bill differently: both figures in exact form, largest gap first."""
    meter, billed = relations.meters, _billed(relations, policy)
    by_charges = billed.c[BalanceBasis.charges_and_opening_balance.value]
    by_totals = billed.c[BalanceBasis.invoice_totals.value]
    return (
        select(meter.c.tenant_id, meter.c.id, meter.c.meter_number, by_charges, by_totals)
        .join(billed, and_(billed.c.meter_id == meter.c.id, billed.c.tenant_id == meter.c.tenant_id))
        .where(by_charges != by_totals)
        .order_by(func.abs(by_charges - by_totals).desc(), meter.c.id)
    )
