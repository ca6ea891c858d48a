"""Invariants about what a balance assumes: that payments, opening balances and customers are what they seem to be.

A violation need not be an error, so each is a WARN: the rows are shown, and a person decides. Add an invariant here if
the rules of balances take something for granted that data can contradict. Whether stored balances are correct is in
`balances`.
"""

from typing import Any

from sqlalchemy import FromClause, Select, and_, exists, func, or_, select

from meter_assets.billing.constructs import day
from meter_assets.billing.ledger import invoices_in_order, paid_on
from meter_assets.billing.money import ZERO, exact, or_zero, total
from meter_assets.billing.relations import BillingRelations
from meter_assets.rules.invariants.invariant import Group, Invariant, Severity
from meter_assets.rules.invariants.references import evidence
from meter_assets.rules.invariants.screens import INVOICES, PAYMENTS, screen


def _openings(relations: BillingRelations) -> FromClause:
    """Return the earliest counted invoice of each meter that brings something forward."""
    return relations.shared("openings", ("invoices",), lambda: _first_invoices(relations))


def _first_invoices(relations: BillingRelations) -> Select[Any]:
    first = invoices_in_order(relations)
    brought = or_zero(exact(first.c.balance_brought_forward))
    return select(first, brought.label("opening_balance")).where(first.c.place == 1, brought != ZERO)


def _older_than_opening(relations: BillingRelations) -> Select[Any]:
    payment, opening, invoice = relations.counted_payments(), _openings(relations), relations.invoices
    same_meter = and_(opening.c.meter_id == payment.c.meter_id, opening.c.tenant_id == payment.c.tenant_id)
    named = and_(invoice.c.id == payment.c.invoice_id, invoice.c.tenant_id == payment.c.tenant_id)
    on_day = paid_on(payment, invoice)
    shown = (payment.c.meter_id, on_day.label("paid_on"), opening.c.id.label("opening_invoice_id"))
    found = evidence("payments", payment, *shown, opening.c.opening_balance)
    found = found.select_from(payment).join(opening, same_meter).outerjoin(invoice, named)
    return found.where(on_day < day(opening.c.invoice_date))


def _invoices_without_effect(relations: BillingRelations) -> FromClause:
    """Return the invoices that do not count, and those that are deleted."""
    columns = ("tenant_id", "id", "meter_id", "invoice_date", "balance_brought_forward", "total_amount")
    uncounted, stored = relations.counted_invoices(counted=False), relations.stored("invoices")
    deleted = select(*(stored.c[name] for name in columns)).where(~relations.is_live("invoices", stored))
    return select(*(uncounted.c[name] for name in columns)).union_all(deleted).subquery("without_effect")


def _after_uncounted_invoice(relations: BillingRelations) -> Select[Any]:
    """Return the opening balances after an invoice without effect that may have caused them.

    An invoice that brought the same balance forward did not: it was replaced by the one that counts.
    """
    opening, earlier = _openings(relations), _invoices_without_effect(relations)
    is_earlier = or_(
        earlier.c.invoice_date < opening.c.invoice_date,
        and_(earlier.c.invoice_date == opening.c.invoice_date, earlier.c.id < opening.c.id),
    )
    same_meter = and_(earlier.c.meter_id == opening.c.meter_id, earlier.c.tenant_id == opening.c.tenant_id)
    of_opening = (opening.c.tenant_id, opening.c.meter_id, opening.c.opening_balance, opening.c.id)
    return (
        select(
            opening.c.tenant_id,
            opening.c.meter_id,
            opening.c.opening_balance,
            opening.c.id.label("invoice_id"),
            func.count().label("earlier_invoices"),
            total(or_zero(exact(earlier.c.total_amount))).label("their_total"),
        )
        .join(earlier, and_(same_meter, is_earlier))
        .where(or_zero(exact(earlier.c.balance_brought_forward)) != opening.c.opening_balance)
        .group_by(*of_opening)
    )


def _mirrors_uncounted_payment(relations: BillingRelations) -> Select[Any]:
    payment, other = relations.counted_payments(), relations.stored("payments")
    has_no_effect = or_(~relations.is_live("payments", other), ~relations.is_counted("payments", other))
    same_payer = or_(other.c.customer_id == payment.c.customer_id, other.c.invoice_id == payment.c.invoice_id)
    opposite = or_zero(exact(other.c.amount)) == -or_zero(exact(payment.c.amount))
    mirrored = exists(select(1).select_from(other)).where(
        other.c.tenant_id == payment.c.tenant_id, same_payer, opposite, has_no_effect
    )
    return evidence("payments", payment, payment.c.meter_id).where(exact(payment.c.amount) < ZERO, mirrored)


def _of_another_customer(relations: BillingRelations) -> Select[Any]:
    payment, invoice = relations.counted_payments(), relations.invoices
    named = and_(invoice.c.id == payment.c.invoice_id, invoice.c.tenant_id == payment.c.tenant_id)
    found = evidence("payments", payment, payment.c.meter_id, invoice.c.customer_id.label("invoice_customer_id"))
    return found.join(invoice, named).where(payment.c.customer_id != invoice.c.customer_id)


def _of_uncounted_invoice(relations: BillingRelations) -> Select[Any]:
    payment, invoice = relations.counted_payments(), relations.counted_invoices(counted=False)
    named = and_(invoice.c.id == payment.c.invoice_id, invoice.c.tenant_id == payment.c.tenant_id)
    found = evidence("payments", payment, payment.c.meter_id, invoice.c.status.label("invoice_status"))
    return found.join(invoice, named).where(or_zero(exact(payment.c.amount)) != ZERO)


def _several_first_invoices(relations: BillingRelations) -> Select[Any]:
    first, second = invoices_in_order(relations), invoices_in_order(relations).alias("second_invoices")
    same_meter = and_(second.c.meter_id == first.c.meter_id, second.c.tenant_id == first.c.tenant_id)
    sums = [or_zero(exact(one.c.balance_brought_forward)) for one in (first, second)]
    return (
        select(
            first.c.tenant_id,
            first.c.meter_id,
            first.c.invoice_date,
            first.c.id.label("invoice_id"),
            sums[0].label("opening_balance"),
            second.c.id.label("other_invoice_id"),
            sums[1].label("brought_forward_there"),
        )
        .join(second, and_(same_meter, second.c.place == 2))
        .where(first.c.place == 1, first.c.invoice_date.is_not_distinct_from(second.c.invoice_date))
        .where(or_(*(money != ZERO for money in sums)))
    )


ASSUMPTIONS = (
    Invariant(
        "no_payment_is_older_than_the_opening_balance",
        Group.balances,
        Severity.WARN,
        "payment_id",
        "No counted payment was made before its meter's opening balance. The opening balance is what was left after "
        "such a payment, so the payment may be deducted twice; or the date is wrong: a person has to check.",
        "If the opening balance has the payment in it, give the payment a status that does not count; otherwise "
        "correct its date. Then run the tenant again.",
        _older_than_opening,
    ),
    Invariant(
        "no_opening_balance_follows_an_uncounted_invoice",
        Group.balances,
        Severity.WARN,
        "meter_id",
        "No meter's opening balance comes after an invoice of the meter that does not count or is deleted. It may be "
        "the debt of that invoice, which nobody owes any more: a person has to check.",
        "If the debt was cancelled with the invoice, correct the BALANCE line of the first counted invoice; if it is "
        "owed, nothing has to be done.",
        _after_uncounted_invoice,
    ),
    Invariant(
        "no_refund_mirrors_an_uncounted_payment",
        Group.payments,
        Severity.WARN,
        "payment_id",
        "No counted negative payment is the opposite of a payment that does not count. If it was entered to reverse "
        "that payment, the reversal is counted twice: a person has to check.",
        "If it reverses the payment, give it a status that does not count too; if it is a refund of its own, nothing "
        "has to be done.",
        _mirrors_uncounted_payment,
        screens=screen(PAYMENTS, lambda at: exact(at.row.c.amount) < ZERO),
    ),
    Invariant(
        "every_payment_customer_is_its_invoice_customer",
        Group.payments,
        Severity.WARN,
        "payment_id",
        "A counted payment and the invoice that it names have the same customer. Somebody else may have paid, or the "
        "invoice is the wrong one: a person has to check.",
        "If the payment belongs to another invoice, correct invoice_id, and set meter_id to that invoice's meter.",
        _of_another_customer,
        screens=screen(PAYMENTS, lambda at: at.row.c.customer_id != at.invoice.c.customer_id),
    ),
    Invariant(
        "no_counted_payment_pays_an_uncounted_invoice",
        Group.payments,
        Severity.WARN,
        "payment_id",
        "No counted payment names an invoice that does not count. It then becomes a credit of the meter, although the "
        "payment may have been cancelled with the invoice: a person has to check.",
        "If the payment was given back, give it a status that does not count; if it is a credit, nothing has to be "
        "done.",
        _of_uncounted_invoice,
        screens=screen(PAYMENTS, lambda at: ~at.relations.is_counted(INVOICES, at.invoice)),
    ),
    Invariant(
        "every_opening_balance_has_one_first_invoice",
        Group.balances,
        Severity.WARN,
        "meter_id",
        "No two first invoices of a meter have the same date, or none, if one of them brings something forward. Only "
        "the one with the lower id gives the opening balance, so a person has to check.",
        "Correct the dates, so that the invoice that brings the older debt forward is the first one.",
        _several_first_invoices,
    ),
)
