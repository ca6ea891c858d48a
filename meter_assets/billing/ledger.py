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
from meter_assets.billing.invoice_lines import line_sums
from meter_assets.billing.money import ZERO, ExactMoney, exact, or_zero, positive_part, total
from meter_assets.billing.policy import BalanceBasis
from meter_assets.billing.relations import BillingRelations

_LEDGER = ("invoices", "payments", "invoice_bills", "bills")


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


def invoices_in_order(relations: BillingRelations) -> FromClause:
    """Return the counted invoices of meters, numbered within each meter by invoice_date and id."""
    return relations.shared("invoices_in_order", ("invoices",), lambda: _in_order(relations))


def _in_order(relations: BillingRelations) -> Select[Any]:
    invoice = relations.counted_invoices()
    place = func.row_number().over(
        partition_by=(invoice.c.tenant_id, invoice.c.meter_id),
        order_by=(*nulls_last(invoice.c.invoice_date), invoice.c.id),
    )
    return select(invoice, place.label("place")).where(invoice.c.meter_id.is_not(None))


def _billed(relations: BillingRelations) -> FromClause:
    """Return, per meter, the sum billed on each balance basis, in exact form, and the latest invoice date."""
    return relations.shared("billed", ("invoices",), lambda: _sums_of_invoices(relations))


def _sums_of_invoices(relations: BillingRelations) -> Select[Any]:
    invoice = invoices_in_order(relations)
    opening = total(case((invoice.c.place == 1, or_zero(exact(invoice.c.balance_brought_forward))), else_=ZERO))
    charges = total(or_zero(exact(invoice.c.amount)))
    return select(
        invoice.c.tenant_id,
        invoice.c.meter_id,
        (charges + opening).label(BalanceBasis.charges_and_opening_balance.value),
        total(or_zero(exact(invoice.c.total_amount))).label(BalanceBasis.invoice_totals.value),
        func.max(invoice.c.invoice_date).label("latest"),
    ).group_by(invoice.c.tenant_id, invoice.c.meter_id)


def _paid(relations: BillingRelations) -> FromClause:
    """Return, per meter, the sum of its counted payments, in exact form."""
    return relations.shared("paid", ("payments",), lambda: _sums_of_payments(relations))


def _sums_of_payments(relations: BillingRelations) -> Select[Any]:
    payment = relations.counted_payments()
    return (
        select(payment.c.tenant_id, payment.c.meter_id, total(or_zero(exact(payment.c.amount))).label("paid"))
        .where(payment.c.meter_id.is_not(None))
        .group_by(payment.c.tenant_id, payment.c.meter_id)
    )


def owed_before(relations: BillingRelations) -> FromClause:
    """Return the counted invoices of meters, each with what its meter owed before it, in exact form.

    `owed` is by the stored amounts of invoices. `owed_by_lines` is by the sums of their lines, where they have lines;
    `moved_by_lines` is what the invoice itself adds to it. A payment counts from the day after its date, and a payment
    without a date (its own or its invoice's) counts from the beginning.
    """
    return relations.shared("owed_before", _LEDGER, lambda: _running_sums(relations))


def _running_sums(relations: BillingRelations) -> Select[Any]:
    ledger = _movements(relations)

    def before(moves: ColumnElement[Decimal]) -> ColumnElement[Decimal]:
        so_far = func.sum(moves, type_=ExactMoney()).over(
            partition_by=(ledger.c.tenant_id, ledger.c.meter_id),
            order_by=(ledger.c.undated, ledger.c.on_day, ledger.c.is_payment, ledger.c.place),
            rows=(None, -1),
        )
        return or_zero(so_far)

    sums = (before(ledger.c.moved).label("owed"), before(ledger.c.moved_by_lines).label("owed_by_lines"))
    row = select(ledger, *sums).subquery("ledger_in_order")
    names = ("tenant_id", "meter_id", "invoice_id", "place", "balance_brought_forward")
    found = (*(row.c[name] for name in names), row.c.owed, row.c.owed_by_lines, row.c.moved_by_lines)
    return select(*found).where(row.c.is_payment == 0)


def _movements(relations: BillingRelations) -> Subquery:
    """Return what changed each meter's debt: counted invoices (the first with the opening balance) and payments."""
    invoice, payment, lines = invoices_in_order(relations), relations.counted_payments(), line_sums(relations)
    of_payment = relations.invoices
    named = and_(of_payment.c.id == payment.c.invoice_id, of_payment.c.tenant_id == payment.c.tenant_id)
    summed = and_(lines.c.invoice_id == invoice.c.id, lines.c.tenant_id == invoice.c.tenant_id)
    on_day = paid_on(payment, of_payment)
    charge, brought = (or_zero(exact(invoice.c[name])) for name in ("amount", "balance_brought_forward"))
    has_lines = lines.c.invoice_id.is_not(None)
    sides = (
        (charge, brought),
        (
            case((has_lines, lines.c.charges), else_=charge),
            case((has_lines, lines.c.brought_forward), else_=brought),
        ),
    )
    moved, moved_by_lines = (one + case((invoice.c.place == 1, opening), else_=ZERO) for one, opening in sides)
    billed = select(
        invoice.c.tenant_id,
        invoice.c.meter_id,
        case((invoice.c.invoice_date.is_(None), 1), else_=0).label("undated"),
        day(invoice.c.invoice_date).label("on_day"),
        literal(0).label("is_payment"),
        invoice.c.place,
        moved.label("moved"),
        moved_by_lines.label("moved_by_lines"),
        invoice.c.id.label("invoice_id"),
        invoice.c.balance_brought_forward,
    ).select_from(invoice.outerjoin(lines, summed))
    paid = -or_zero(exact(payment.c.amount))
    payments = (
        select(
            payment.c.tenant_id,
            payment.c.meter_id,
            case((on_day.is_(None), -1), else_=0),
            on_day,
            literal(1),
            literal(0),
            paid,
            paid.label("paid_by_lines"),
            null(),
            null(),
        )
        .outerjoin(of_payment, named)
        .where(payment.c.meter_id.is_not(None))
    )
    return union_all(billed, payments).subquery("ledger")


def paid_on(payment: FromClause, its_invoice: FromClause) -> ColumnElement[date]:
    """Return the day of a payment or else, outer-joined, of the invoice that it names; null if neither is known."""
    return func.coalesce(day(payment.c.paid_at), day(its_invoice.c.invoice_date), type_=Date())


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
