"""Invariants about payments. Those that payments share with invoices are built in `references`."""

from functools import partial
from typing import Any

from sqlalchemy import Select, String, Text, and_, cast, func, select, union_all

from meter_assets.billing.constructs import typed_null
from meter_assets.billing.money import is_number
from meter_assets.billing.payment_rules import FOR_REVIEW
from meter_assets.billing.relations import BillingRelations
from meter_assets.rules.invariants.invariant import Group, Invariant, Severity
from meter_assets.rules.invariants.references import (
    evidence,
    meter_not_of_tenant,
    screens_of_meters,
    uncounted_without_meter,
    unknown_statuses,
    without_meter,
)
from meter_assets.rules.invariants.screens import PAYMENTS as PASS
from meter_assets.rules.invariants.screens import screen


def _not_its_invoices_meter(relations: BillingRelations) -> Select[Any]:
    payment, invoice = relations.payments, relations.invoices
    same = and_(invoice.c.id == payment.c.invoice_id, invoice.c.tenant_id == payment.c.tenant_id)
    found = evidence("payments", payment, payment.c.meter_id, invoice.c.meter_id.label("invoice_meter_id"))
    return found.join(invoice, same).where(payment.c.meter_id != invoice.c.meter_id)


def _needs_review(relations: BillingRelations) -> Select[Any]:
    """Return the payments that a rule for review assigned, and the unresolved ones that count; no decided ones."""
    waiting = union_all(_assigned_by_a_rule_for_review(relations), _unresolved(relations)).subquery("waiting")
    if not relations.has_decisions:
        return select(waiting)
    decided = relations.decisions
    of_payment = and_(decided.c.payment_id == waiting.c.payment_id, decided.c.tenant_id == waiting.c.tenant_id)
    return select(waiting).outerjoin(decided, of_payment).where(decided.c.payment_id.is_(None))


def _unresolved(relations: BillingRelations) -> Select[Any]:
    payment = relations.counted_payments()
    rule = typed_null(String(64)).label("rule")
    return evidence("payments", payment, payment.c.meter_id, rule).where(payment.c.meter_id.is_(None))


def _assigned_by_a_rule_for_review(relations: BillingRelations) -> Select[Any]:
    payment, decided = relations.payments, relations.assigned
    # A payment that was rolled back and assigned again is journaled twice; it is one payment to review.
    which = (decided.c.tenant_id, decided.c.id, decided.c.meter_id_after)
    for_review = select(*which, func.min(decided.c.rule).label("rule")).where(decided.c.rule.in_(sorted(FOR_REVIEW)))
    made = for_review.group_by(*which).subquery("for_review")
    still_so = and_(
        made.c.id == payment.c.id, made.c.tenant_id == payment.c.tenant_id, made.c.meter_id_after == payment.c.meter_id
    )
    return evidence("payments", payment, payment.c.meter_id, made.c.rule).join(made, still_so)


def _without_amount(relations: BillingRelations) -> Select[Any]:
    payment = relations.counted_payments()
    return evidence("payments", payment, payment.c.meter_id).where(payment.c.amount.is_(None))


def _not_a_number(relations: BillingRelations) -> Select[Any]:
    payment = relations.payments
    return select(
        payment.c.tenant_id, payment.c.id.label("payment_id"), cast(payment.c.amount, Text).label("found")
    ).where(~is_number(payment.c.amount))


_SCREENS = screens_of_meters(PASS)

PAYMENTS = (
    Invariant(
        "every_counted_payment_has_a_meter",
        Group.payments,
        Severity.ERROR,
        "payment_id",
        "Every counted payment has a meter.",
        "Give its customer an active meter assignment, or its invoice a meter, or correct its invoice_id or "
        "customer_id; then run the tenant again.",
        partial(without_meter, "payments"),
        screens=_SCREENS["without_meter"],
    ),
    Invariant(
        "every_payment_meter_exists_in_its_tenant",
        Group.payments,
        Severity.ERROR,
        "payment_id",
        "A payment's meter is an existing meter of its tenant.",
        "Set payments.meter_id to a meter of the payment's tenant, or to null so that the migration finds one.",
        partial(meter_not_of_tenant, "payments"),
        screens=_SCREENS["meter_not_of_tenant"],
    ),
    Invariant(
        "every_payment_amount_is_a_number",
        Group.payments,
        Severity.ERROR,
        "payment_id",
        "Every payment's amount is a number: no text (which SQLite allows in any column), no NaN.",
        "Enter what was paid in payments.amount; then run the tenant again.",
        _not_a_number,
        screens=screen(PASS, lambda at: ~is_number(at.row.c.amount)),
    ),
    Invariant(
        "every_payment_status_is_known",
        Group.payments,
        Severity.ERROR,
        "payment_status",
        "Every status of payments with money is in one of the policies counted_payment_statuses and "
        "uncounted_payment_statuses. A payment without a status counts.",
        "Name the status in the policy to which it belongs; then run the tenant again.",
        partial(unknown_statuses, "payments"),
        screens=screen(PASS, lambda at: at.has_unknown_status()),
    ),
    Invariant(
        "every_uncounted_payment_has_a_meter",
        Group.payments,
        Severity.WARN,
        "payment_id",
        "Every payment that does not count (failed, reversed, ...) has a meter. It has no money in it, so this only "
        "matters to programs that read its meter.",
        "Nothing has to be done; fix its references as for a counted payment if a program reads them.",
        partial(uncounted_without_meter, "payments"),
        screens=_SCREENS["uncounted_without_meter"],
    ),
    Invariant(
        "every_payment_meter_is_its_invoice_meter",
        Group.payments,
        Severity.WARN,
        "payment_id",
        "A payment's meter is its invoice's meter. The payment may have been moved on purpose, so a person has to "
        "check it.",
        "If the payment belongs to the invoice's meter, set payments.meter_id to it and run the tenant again.",
        _not_its_invoices_meter,
        screens=screen(PASS, lambda at: at.row.c.meter_id != at.invoice.c.meter_id),
    ),
    Invariant(
        "no_payment_meter_needs_review",
        Group.payments,
        Severity.WARN,
        "payment_id",
        "No payment waits for a person's decision: its meter came from a rule that may be wrong (the first of several "
        "active meters, or a meter that is no longer assigned), or it counts and no rule found a meter. A payment that "
        "was decided is not counted.",
        "Ask the customer which meter was paid for, and import the decisions ('meter-assets review'); then run the "
        "tenant again.",
        _needs_review,
        former_names=("no_payment_was_assigned_by_a_rule_for_review",),
    ),
    Invariant(
        "every_counted_payment_has_an_amount",
        Group.payments,
        Severity.WARN,
        "payment_id",
        "Every counted payment has an amount. A missing amount counts as 0, which may not be what was paid.",
        "Enter what was paid in payments.amount, or give the payment a status that does not count.",
        _without_amount,
        screens=screen(PASS, lambda at: at.row.c.amount.is_(None)),
    ),
)
