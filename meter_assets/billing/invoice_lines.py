"""Sums of invoice lines per invoice, and the defects for which an invoice cannot be summed.

Add here what both steps and invariants compute from lines. What meters are billed is computed in `ledger`.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, Subquery, and_, case, false, func, literal, null, or_, select

from meter_assets.billing.conditions import is_one_of
from meter_assets.billing.money import exact, fits_sums, is_number, or_zero, rounded_by, total
from meter_assets.billing.policy import InvoicesWithoutBills, Policy, RoundingOfSums
from meter_assets.billing.relations import BillingRelations

AMOUNTS = ("amount", "balance_brought_forward", "total_amount")

NO_LINES = "no_lines"
LINE_OF_OTHER_TENANT = "line_of_other_tenant"
BILL_MISSING = "bill_missing"
BILL_OF_OTHER_TENANT = "bill_of_other_tenant"
LINE_AMOUNT_NULL = "line_amount_null"


def recomputed(relations: BillingRelations) -> Subquery:
    """Return every invoice with the sums of its lines in exact form, and the first of the defects of its lines."""
    invoice, sums = relations.invoices, line_sums(relations)
    sides = (or_zero(sums.c.charges), or_zero(sums.c.brought_forward))
    charges, brought_forward = (rounded_by(relations.policy, side) for side in sides)
    rounds = relations.policy.rounding_of_sums is not RoundingOfSums.none
    is_rounded = or_(charges != sides[0], brought_forward != sides[1]) if rounds else false()
    return (
        select(
            *(invoice.c[name] for name in ("tenant_id", "id", "meter_id", "status", *AMOUNTS)),
            *(sums.c[name] for name in ("lines", "first_defect", "not_exact")),
            charges.label("lines_amount"),
            brought_forward.label("lines_balance_brought_forward"),
            (charges + brought_forward).label("lines_total_amount"),
            is_rounded.label("is_rounded"),
        )
        .outerjoin(sums, and_(sums.c.invoice_id == invoice.c.id, sums.c.tenant_id == invoice.c.tenant_id))
        .subquery("recomputed")
    )


def line_defects(relations: BillingRelations, line: FromClause, bill: FromClause) -> dict[str, ColumnElement[bool]]:
    """Return, per reason, whether a line (outer-joined by `its_bill`) makes its invoice's sum invalid.

    The first true condition is the reason. Each is true or false, never null.
    """
    elsewhere = relations.owner("bills", line.c.bill_id).is_not(None)
    return {
        LINE_OF_OTHER_TENANT: and_(line.c.line_tenant_id.is_not(None), line.c.line_tenant_id != line.c.tenant_id),
        BILL_MISSING: and_(bill.c.id.is_(None), ~elsewhere),
        BILL_OF_OTHER_TENANT: and_(bill.c.id.is_(None), elsewhere),
        LINE_AMOUNT_NULL: line.c.amount.is_(None),
    }


def its_bill(line: FromClause, bill: FromClause) -> ColumnElement[bool]:
    """Return whether a bill is the one that a line names."""
    return and_(bill.c.id == line.c.bill_id, bill.c.tenant_id == line.c.tenant_id)


_DEFECTS = (LINE_OF_OTHER_TENANT, BILL_MISSING, BILL_OF_OTHER_TENANT, LINE_AMOUNT_NULL)


def kinds_of_bills(relations: BillingRelations) -> FromClause:
    """Return the bills, each with whether its type is debt brought forward, a charge, or in neither policy (1 or 0).

    There are few bills: so the text of a type is compared once, and not once for each line.
    """
    return relations.shared("kinds_of_bills", ("bills",), lambda: _kinds(relations))


def _kinds(relations: BillingRelations) -> Select[Any]:
    bill, policy = relations.rows["bills"], relations.policy
    decided = (*policy.brought_forward_bill_types, *policy.charge_bill_types)
    return select(
        bill.c.tenant_id,
        bill.c.id,
        bill.c.bill_type,
        case((is_one_of(bill.c.bill_type, policy.brought_forward_bill_types), 1), else_=0).label("is_brought_forward"),
        case((is_one_of(bill.c.bill_type, decided), 0), else_=1).label("is_undecided"),
    )


def line_sums(relations: BillingRelations) -> FromClause:
    """Return, per invoice that has lines: their count, their sums in exact form, and the first of their defects.

    `first_defect` is the place of that defect among the reasons of `line_defects`, or null. `not_exact` is the number
    of lines whose amount is no number, or cannot be added up exactly.
    """
    return relations.shared("line_sums", ("invoice_bills", "bills"), lambda: _sums_of_lines(relations), by_index=True)


def _sums_of_lines(relations: BillingRelations) -> Select[Any]:
    line, bill = relations.lines, kinds_of_bills(relations)
    is_brought_forward = func.coalesce(bill.c.is_brought_forward, 0) == 1
    is_inexact = or_(~is_number(line.c.amount), ~fits_sums(line.c.amount, relations.policy))

    defects = line_defects(relations, line, bill).values()

    def sum_where(condition: ColumnElement[bool]) -> ColumnElement[Decimal]:
        return total(case((condition, exact(line.c.amount))))

    return (
        select(
            line.c.tenant_id,
            line.c.invoice_id,
            func.count().label("lines"),
            sum_where(~is_brought_forward).label("charges"),
            sum_where(is_brought_forward).label("brought_forward"),
            func.min(case(*((bad, place) for place, bad in enumerate(defects)))).label("first_defect"),
            func.count(case((is_inexact, 1))).label("not_exact"),
        )
        .outerjoin(bill, its_bill(line, bill))
        .group_by(line.c.tenant_id, line.c.invoice_id)
    )


def has_defects(invoice: FromClause) -> ColumnElement[bool]:
    """Return whether a `recomputed` invoice has a line that is not complete."""
    return invoice.c.first_defect.is_not(None)


def reason_to_skip(invoice: FromClause, policy: Policy) -> ColumnElement[str | None]:
    """Return why a `recomputed` invoice keeps its amounts; null if they are recomputed from its lines."""
    kept = policy.invoices_without_bills is InvoicesWithoutBills.keep
    without_lines = literal(NO_LINES) if kept else null()
    defects = [(invoice.c.first_defect == place, literal(reason)) for place, reason in enumerate(_DEFECTS)]
    return case((invoice.c.lines.is_(None), without_lines), *defects, else_=null())


def equals_its_lines(invoice: FromClause, columns: Sequence[str] = AMOUNTS) -> ColumnElement[bool]:
    """Return whether the amounts of a `recomputed` invoice, all or these, are the sums of its lines."""
    return and_(*(exact(invoice.c[name]).is_not_distinct_from(invoice.c[f"lines_{name}"]) for name in columns))
