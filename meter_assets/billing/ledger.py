"""A meter's ledger: its counted invoices in order, the sums billed and paid, and the resulting balance.

Add here what steps, invariants and explanations compute from a meter's transactions. Sums of an invoice's lines are in
`invoice_lines`.

The default balance basis does not add up invoice totals. When an open invoice is carried forward, it is closed without
a payment, and its debt appears again as the next invoice's balance brought forward, so a sum of totals counts the debt
twice. Charges are counted once. The balance brought forward of the earliest invoice is debt from before the first
record; it is counted once, as the opening balance.
"""

from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Date,
    FromClause,
    Select,
    Subquery,
    and_,
    case,
    func,
    literal,
    null,
    select,
    union_all,
)

from meter_assets.billing.constructs import day, nulls_last
from meter_assets.billing.money import ZERO, ExactMoney, exact, or_zero, positive_part, total
from meter_assets.billing.policy import BalanceBasis
from meter_assets.billing.relations import BillingRelations


def net(meter: FromClause) -> ColumnElement[Decimal]:
    """Return the net balance in the stored columns, in exact form; negative for a credit."""
    return or_zero(exact(meter.c.balance)) - or_zero(exact(meter.c.overpayment))


def recomputed(relations: BillingRelations) -> Subquery:
    """Return every meter as stored, with new_balance, new_overpayment, billed, paid and latest in exact form."""
    meter, billed, paid = relations.meters, _billed(relations), _paid(relations)
    was_billed = or_zero(billed.c[relations.policy.balance_basis.value])
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


def invoices_in_order(relations: BillingRelations) -> Subquery:
    """Return the counted invoices of meters, numbered within each meter by invoice_date and id."""
    invoice = relations.counted_invoices()
    place = func.row_number().over(
        partition_by=(invoice.c.tenant_id, invoice.c.meter_id),
        order_by=(*nulls_last(invoice.c.invoice_date), invoice.c.id),
    )
    return select(invoice, place.label("place")).where(invoice.c.meter_id.is_not(None)).subquery("invoices_in_order")


def _billed(relations: BillingRelations) -> Subquery:
    """Return, per meter, the sum billed on each balance basis, in exact form, and the latest invoice date."""
    invoice = invoices_in_order(relations)
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


def _paid(relations: BillingRelations) -> Subquery:
    payment = relations.counted_payments()
    return (
        select(payment.c.tenant_id, payment.c.meter_id, total(or_zero(exact(payment.c.amount))).label("paid"))
        .where(payment.c.meter_id.is_not(None))
        .group_by(payment.c.tenant_id, payment.c.meter_id)
        .subquery("paid")
    )


def movements(relations: BillingRelations) -> Subquery:
    """Return what changed each meter's debt: counted invoices (the first with the opening balance) and payments."""
    invoice, payment = invoices_in_order(relations), relations.counted_payments()
    opening = case((invoice.c.place == 1, or_zero(exact(invoice.c.balance_brought_forward))), else_=ZERO)
    of_payment = relations.invoices
    named = and_(of_payment.c.id == payment.c.invoice_id, of_payment.c.tenant_id == payment.c.tenant_id)
    on_day = paid_on(payment, of_payment)
    billed = select(
        invoice.c.tenant_id,
        invoice.c.meter_id,
        case((invoice.c.invoice_date.is_(None), 1), else_=0).label("undated"),
        day(invoice.c.invoice_date).label("on_day"),
        literal(0).label("is_payment"),
        invoice.c.place,
        (or_zero(exact(invoice.c.amount)) + opening).label("moves"),
        invoice.c.id.label("invoice_id"),
        invoice.c.balance_brought_forward,
    )
    paid = (
        select(
            payment.c.tenant_id,
            payment.c.meter_id,
            case((on_day.is_(None), -1), else_=0),
            on_day,
            literal(1),
            literal(0),
            -or_zero(exact(payment.c.amount)),
            null(),
            null(),
        )
        .outerjoin(of_payment, named)
        .where(payment.c.meter_id.is_not(None))
    )
    return union_all(billed, paid).subquery("ledger")


def paid_on(payment: FromClause, its_invoice: FromClause) -> ColumnElement[date]:
    """Return the day of a payment or else, outer-joined, of the invoice that it names; null if neither is known."""
    return func.coalesce(day(payment.c.paid_at), day(its_invoice.c.invoice_date), type_=Date())


def owed_before(relations: BillingRelations) -> Subquery:
    """Return the `movements` in order, each with what its meter owed before it, in exact form.

    A payment counts from the day after its date, and a payment without a date (its own or its invoice's) counts from
    the beginning.
    """
    ledger = movements(relations)
    before = func.sum(ledger.c.moves, type_=ExactMoney()).over(
        partition_by=(ledger.c.tenant_id, ledger.c.meter_id),
        order_by=(ledger.c.undated, ledger.c.on_day, ledger.c.is_payment, ledger.c.place),
        rows=(None, -1),
    )
    return select(ledger, or_zero(before).label("owed")).subquery("ledger_in_order")


def balance_bases(relations: BillingRelations) -> Select[Any]:
    """Return the meters for which the two balance bases differ: both sums in exact form, largest difference first."""
    meter, billed = relations.meters, _billed(relations)
    by_charges = billed.c[BalanceBasis.charges_and_opening_balance.value]
    by_totals = billed.c[BalanceBasis.invoice_totals.value]
    return (
        select(meter.c.tenant_id, meter.c.id, meter.c.meter_number, by_charges, by_totals)
        .join(billed, and_(billed.c.meter_id == meter.c.id, billed.c.tenant_id == meter.c.tenant_id))
        .where(by_charges != by_totals)
        .order_by(func.abs(by_charges - by_totals).desc(), meter.c.id)
    )
