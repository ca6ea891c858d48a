"""Invariants about invoices and their lines. Those that payments share with invoices are built in `references`."""

from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, Text, and_, case, cast, func, literal, or_, select

from meter_assets.billing.invoice_lines import (
    AMOUNTS,
    BILL_MISSING,
    BILL_OF_OTHER_TENANT,
    LINE_AMOUNT_NULL,
    LINE_OF_OTHER_TENANT,
    equals_its_lines,
    has_defects,
    its_bill,
    line_defects,
    line_sums,
    reason_to_skip,
    recomputed,
)
from meter_assets.billing.ledger import owed_before
from meter_assets.billing.money import exact, fits_currency, is_number, or_zero, positive_part
from meter_assets.billing.relations import BillingRelations
from meter_assets.rules.invariants.bill_types import bill_types_of_two_meanings
from meter_assets.rules.invariants.invariant import Group, Invariant, Severity
from meter_assets.rules.invariants.references import (
    evidence,
    meter_not_of_tenant,
    rows_by_status,
    screens_of_meters,
    uncounted_without_meter,
    unknown_statuses,
    without_meter,
)
from meter_assets.rules.invariants.screens import BILLS, Context, screen
from meter_assets.rules.invariants.screens import INVOICES as PASS


def _does_not_add_up(relations: BillingRelations, *, counted: bool) -> Select[Any]:
    invoice = rows_by_status("invoices", relations, counted=counted)
    shown = [exact(invoice.c[name]).label(name) for name in ("amount", "balance_brought_forward")]
    return evidence("invoices", invoice, *shown).where(_does_not_equal_its_parts(invoice))


def _differs_from_its_lines(relations: BillingRelations, *, counted: bool) -> Select[Any]:
    invoice = rows_by_status("invoices", relations, counted=counted)
    found = recomputed(relations)
    differs = and_(reason_to_skip(found, relations.policy).is_(None), ~equals_its_lines(found))
    wrong = select(found).where(differs).subquery("differs_from_lines")
    shown = [wrong.c[f"lines_{name}"] for name in AMOUNTS]
    same = and_(wrong.c.id == invoice.c.id, wrong.c.tenant_id == invoice.c.tenant_id)
    return evidence("invoices", invoice, *shown).join(wrong, same)


def _incomplete_lines(relations: BillingRelations) -> Select[Any]:
    line, bill = relations.lines, relations.rows["bills"]
    defects = line_defects(relations, line, bill)
    incomplete = and_(relations.is_counted("invoices", line), or_(defects[BILL_MISSING], defects[LINE_AMOUNT_NULL]))
    return _shown_line(relations, line, bill).where(
        or_(defects[LINE_OF_OTHER_TENANT], defects[BILL_OF_OTHER_TENANT], incomplete)
    )


def _incomplete_uncounted_lines(relations: BillingRelations) -> Select[Any]:
    line, bill = relations.lines, relations.rows["bills"]
    defects = line_defects(relations, line, bill)
    return _shown_line(relations, line, bill).where(
        ~relations.is_counted("invoices", line),
        ~or_(defects[LINE_OF_OTHER_TENANT], defects[BILL_OF_OTHER_TENANT]),
        or_(defects[BILL_MISSING], defects[LINE_AMOUNT_NULL]),
    )


def _shown_line(relations: BillingRelations, line: FromClause, bill: FromClause) -> Select[Any]:
    """Return every line as evidence, outer-joined to its bill, with the first of its problems."""
    problem = case(*((is_so, literal(reason)) for reason, is_so in line_defects(relations, line, bill).items()))
    own_tenant = [line.c.line_tenant_id] if relations.schema.has("invoice_bills", "tenant_id") else []
    return select(
        line.c.tenant_id,
        line.c.id.label("invoice_bill_id"),
        *own_tenant,
        line.c.invoice_id,
        line.c.bill_id,
        relations.owner("bills", line.c.bill_id).label("bill_tenant_id"),
        exact(line.c.amount).label("amount"),
        problem.label("problem"),
    ).outerjoin(bill, its_bill(line, bill))


def _not_a_number(relations: BillingRelations) -> Select[Any]:
    """Return the invoices with text or NaN as money, in one of their columns or in a line."""
    invoice, line = relations.invoices, relations.lines
    # Not the min of the ids: PostgreSQL has none of a uuid.
    nth = func.row_number().over(partition_by=(line.c.tenant_id, line.c.invoice_id), order_by=line.c.id).label("nth")
    bad_line = select(line.c.tenant_id, line.c.invoice_id, line.c.id, nth).where(~is_number(line.c.amount)).subquery()
    bad_lines = (
        select(bad_line.c.tenant_id, bad_line.c.invoice_id, bad_line.c.id.label("invoice_bill_id"))
        .where(bad_line.c.nth == 1)
        .subquery("lines_not_a_number")
    )
    same = and_(bad_lines.c.invoice_id == invoice.c.id, bad_lines.c.tenant_id == invoice.c.tenant_id)
    return (
        select(
            invoice.c.tenant_id,
            invoice.c.id.label("invoice_id"),
            *(cast(invoice.c[name], Text).label(name) for name in AMOUNTS),
            bad_lines.c.invoice_bill_id,
        )
        .outerjoin(bad_lines, same)
        .where(or_(bad_lines.c.invoice_id.is_not(None), *(~is_number(invoice.c[name]) for name in AMOUNTS)))
    )


def _amounts_of_no_currency(relations: BillingRelations) -> Select[Any]:
    invoice, policy = relations.counted_invoices(), relations.policy
    shown = [cast(invoice.c[name], Text).label(name) for name in AMOUNTS]
    bad = (and_(is_number(invoice.c[name]), ~fits_currency(invoice.c[name], policy)) for name in AMOUNTS)
    return select(invoice.c.tenant_id, invoice.c.id.label("invoice_id"), *shown).where(or_(*bad))


def _without_lines(relations: BillingRelations) -> Select[Any]:
    invoice, sums = relations.invoices, line_sums(relations)
    same = and_(sums.c.invoice_id == invoice.c.id, sums.c.tenant_id == invoice.c.tenant_id)
    return evidence("invoices", invoice).outerjoin(sums, same).where(sums.c.invoice_id.is_(None))


def _brought_forward_differs(relations: BillingRelations) -> Select[Any]:
    """Return later invoices of a meter whose brought-forward balance is not the meter's actual balance on that day.

    The actual balance is a running sum over the meter's invoices and payments by date. A credit may be brought forward
    as a credit or as zero.
    """
    at = owed_before(relations)
    brought = or_zero(exact(at.c.balance_brought_forward))
    return select(
        at.c.tenant_id,
        at.c.invoice_id,
        at.c.meter_id,
        brought.label("balance_brought_forward"),
        at.c.owed.label("meter_owed_before"),
    ).where(at.c.place > 1, brought != at.c.owed, brought != positive_part(at.c.owed))


def _does_not_equal_its_parts(invoice: FromClause) -> ColumnElement[bool]:
    parts = or_zero(exact(invoice.c.amount)) + or_zero(exact(invoice.c.balance_brought_forward))
    return parts != or_zero(exact(invoice.c.total_amount))


def _has_odd_amounts(at: Context) -> ColumnElement[bool]:
    return or_(at.row.c.not_exact > 0, *(~is_number(at.row.c[name]) for name in AMOUNTS))


def _fits_not(at: Context) -> ColumnElement[bool]:
    return or_(*(~fits_currency(at.row.c[name], at.relations.policy) for name in AMOUNTS))


_SCREENS = screens_of_meters(PASS)
_DOES_NOT_ADD_UP = screen(PASS, lambda at: _does_not_equal_its_parts(at.row))
_DIFFERS = screen(PASS, lambda at: ~equals_its_lines(at.row))
_INCOMPLETE = screen(PASS, lambda at: has_defects(at.row))
_NOT_A_NUMBER = screen(PASS, _has_odd_amounts)
_OF_NO_CURRENCY = screen(PASS, _fits_not)

INVOICES = (
    Invariant(
        "every_counted_invoice_has_a_meter",
        Group.invoices,
        Severity.ERROR,
        "invoice_id",
        "Every counted invoice has a meter.",
        "Set invoices.meter_id to the meter that was billed; then run the tenant again.",
        partial(without_meter, "invoices"),
        screens=_SCREENS["without_meter"],
    ),
    Invariant(
        "every_invoice_meter_exists_in_its_tenant",
        Group.invoices,
        Severity.ERROR,
        "invoice_id",
        "An invoice's meter is an existing meter of its tenant.",
        "Set invoices.meter_id to the meter of the invoice's tenant that was billed; then run the tenant again.",
        partial(meter_not_of_tenant, "invoices"),
        screens=_SCREENS["meter_not_of_tenant"],
    ),
    Invariant(
        "every_counted_invoice_adds_up",
        Group.invoices,
        Severity.ERROR,
        "invoice_id",
        "Amount and balance brought forward add up to the total of every counted invoice.",
        "Correct the invoice's amounts (or give it lines, from which they are recomputed); then run the tenant again.",
        partial(_does_not_add_up, counted=True),
        screens=_DOES_NOT_ADD_UP,
    ),
    Invariant(
        "every_counted_invoice_equals_its_lines",
        Group.invoices,
        Severity.ERROR,
        "invoice_id",
        "The amounts of every counted invoice are the sums of its lines.",
        "Materialize invoice_amounts for the tenant: it recomputes them. If they differ again, something else writes "
        "invoices.",
        partial(_differs_from_its_lines, counted=True),
        screens=_DIFFERS,
    ),
    Invariant(
        "every_invoice_line_is_complete",
        Group.invoices,
        Severity.ERROR,
        "invoice_bill_id",
        "Every line of a counted invoice names a bill of its tenant and has an amount; no line belongs to two tenants.",
        "Enter the missing amount, or set invoice_bills.bill_id to a bill of the invoice's tenant, or correct the "
        "line's tenant_id, or delete the line; then run the tenant again.",
        _incomplete_lines,
        screens=_INCOMPLETE,
    ),
    Invariant(
        "every_invoice_amount_is_a_number",
        Group.invoices,
        Severity.ERROR,
        "invoice_id",
        "The amounts of every invoice and of its lines are numbers: no text, which SQLite allows in any column, and no "
        "NaN.",
        "Enter the amounts that were billed; then run the tenant again.",
        _not_a_number,
        screens=_NOT_A_NUMBER,
    ),
    Invariant(
        "every_invoice_amount_fits_the_currency",
        Group.invoices,
        Severity.ERROR,
        "invoice_id",
        "The amounts of every counted invoice are whole numbers of minor units (policy currency_decimals), and fewer "
        "than 2^63 of them. On SQLite, amounts of 225 billion and more are not exact.",
        "Correct the amounts, or give the invoice lines, from which they are recomputed. If the currency has more "
        "decimals, set the policy currency_decimals.",
        _amounts_of_no_currency,
        screens=_OF_NO_CURRENCY,
    ),
    Invariant(
        "every_bill_type_has_one_meaning",
        Group.invoices,
        Severity.ERROR,
        "bill_type",
        "No bill type that counts as a charge looks like debt brought forward: by its name (balance, arrears, b/f), or "
        "because its lines are mostly equal to what their meters owed before.",
        "Name the bill type in the policy brought_forward_bill_types if it is earlier debt, or in charge_bill_types if "
        "it is a charge; then run the tenant again.",
        bill_types_of_two_meanings,
        screens=screen(BILLS, lambda at: at.row.c.is_undecided == 1),
    ),
    Invariant(
        "every_invoice_status_is_known",
        Group.invoices,
        Severity.ERROR,
        "invoice_status",
        "Every status of invoices with money is in one of the policies counted_invoice_statuses and "
        "uncounted_invoice_statuses. An invoice without a status counts.",
        "Name the status in the policy to which it belongs; then run the tenant again.",
        partial(unknown_statuses, "invoices"),
        screens=screen(PASS, lambda at: at.has_unknown_status()),
    ),
    Invariant(
        "every_uncounted_invoice_has_a_meter",
        Group.invoices,
        Severity.WARN,
        "invoice_id",
        "Every invoice that does not count (draft, cancelled, ...) has a meter. It has no money in it, so this only "
        "matters to programs that read its meter.",
        "Nothing has to be done; set its meter_id if a program reads it.",
        partial(uncounted_without_meter, "invoices"),
        screens=_SCREENS["uncounted_without_meter"],
    ),
    Invariant(
        "every_uncounted_invoice_adds_up",
        Group.invoices,
        Severity.WARN,
        "invoice_id",
        "Amount and balance brought forward add up to the total of invoices that do not count. They have no money in "
        "them, so no balance depends on it.",
        "Nothing has to be done; correct the amounts before the invoice is given a status that counts.",
        partial(_does_not_add_up, counted=False),
        screens=_DOES_NOT_ADD_UP,
    ),
    Invariant(
        "every_uncounted_invoice_equals_its_lines",
        Group.invoices,
        Severity.WARN,
        "invoice_id",
        "The amounts of invoices that do not count are the sums of their lines. They have no money in them, so "
        "no balance depends on it.",
        "Materialize invoice_amounts for the tenant: it recomputes them too.",
        partial(_differs_from_its_lines, counted=False),
        screens=_DIFFERS,
    ),
    Invariant(
        "every_uncounted_invoice_line_is_complete",
        Group.invoices,
        Severity.WARN,
        "invoice_bill_id",
        "Every line of an invoice that does not count names a bill and has an amount. There is no money in it, so "
        "no balance depends on it.",
        "Enter the missing amount, or set invoice_bills.bill_id to a bill of the invoice's tenant, or delete the "
        "line; then run the tenant again.",
        _incomplete_uncounted_lines,
        screens=_INCOMPLETE,
    ),
    Invariant(
        "every_invoice_has_lines",
        Group.invoices,
        Severity.WARN,
        "invoice_id",
        "Every invoice has lines. An invoice without lines keeps its amounts (policy invoices_without_bills), which "
        "cannot be verified.",
        "Compare the invoice with what was sent to the customer; add its lines if they were lost.",
        _without_lines,
        screens=screen(PASS, lambda at: at.row.c.lines.is_(None)),
    ),
    Invariant(
        "every_brought_forward_equals_what_the_meter_owed",
        Group.invoices,
        Severity.WARN,
        "invoice_id",
        "An invoice brings forward what its meter owed before it. Dates of payments and corrections are often "
        "approximate in old records, so a person has to check a difference.",
        "Compare the meter's invoices and payments before that invoice: a payment or an invoice may be missing, or "
        "belong to another meter.",
        _brought_forward_differs,
    ),
)
