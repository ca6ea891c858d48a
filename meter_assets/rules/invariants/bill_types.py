"""The query for bill types whose lines may be charges or debt brought forward, which the policy does not tell.

A bill type that is treated as a charge, but is brought-forward debt, counts that debt twice: once where it arose, and
again as a charge. Add here another way to recognize such a type. The invariant is in `invoices`.
"""

from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, and_, case, func, literal, or_, select, union_all

from meter_assets.billing.conditions import folded_text
from meter_assets.billing.invoice_lines import its_bill, kinds_of_bills
from meter_assets.billing.ledger import owed_before
from meter_assets.billing.money import ZERO, ExactMoney, exact, or_zero, total
from meter_assets.billing.relations import BillingRelations

_WORDS = (
    *("balance", "arrear", "brought", "forward", "carried", "b/f", "c/f", "outstanding", "overdue", "past due"),
    *("previous", "opening", "old debt", "solde", "saldo", "arriéré", "atraso", "rückstand"),
)
"""Parts of names of bill types for earlier debt, in a few languages."""
_WHOLE = ("bf", "bbf", "cf", "bal", "due")
NAME_LOOKS_SO = "its name looks like debt brought forward"
EQUALS_DEBT = "its lines equal what their meters owed before"


def bill_types_of_two_meanings(relations: BillingRelations) -> Select[Any]:
    """Return the bill types that are treated as charges, look like brought-forward debt, and are in no policy.

    Its parts are common table expressions, because SQLite parses subqueries only to a limited depth.
    """
    sums = _sums_by_type(relations)
    by_name = select(sums.c.tenant_id, sums.c.bill_type, literal(NAME_LOOKS_SO).label("problem")).where(
        _looks_like_debt(sums.c.bill_type)
    )
    found = union_all(by_name.distinct(), _equal_to_debt(relations, sums)).cte("two_meanings")
    one = (
        select(found.c.tenant_id, found.c.bill_type, func.max(found.c.problem).label("problem"))
        .group_by(found.c.tenant_id, found.c.bill_type)
        .cte("of_two_meanings")
    )
    same = and_(sums.c.bill_type == one.c.bill_type, sums.c.tenant_id == one.c.tenant_id)
    return (
        select(
            one.c.tenant_id,
            one.c.bill_type,
            one.c.problem,
            func.sum(sums.c.lines).label("lines"),
            total(sums.c.money).label("money"),
        )
        .join(sums, same)
        .group_by(one.c.tenant_id, one.c.bill_type, one.c.problem)
    )


def _sums_by_type(relations: BillingRelations) -> FromClause:
    """Return, per invoice and bill type in neither policy, the lines and their sum."""
    reads = ("invoice_bills", "bills")
    rows = relations.shared("sums_by_type", reads, lambda: _lines_by_type(relations), by_index=True)
    return rows if relations.materialize else select(rows).cte("sums_by_type")


def _lines_by_type(relations: BillingRelations) -> Select[Any]:
    line, bill = relations.lines, _undecided_bills(relations)
    of_invoice = (line.c.tenant_id, line.c.invoice_id, bill.c.bill_type)
    return (
        select(*of_invoice, func.count().label("lines"), total(or_zero(exact(line.c.amount))).label("money"))
        .join(bill, its_bill(line, bill))
        .group_by(*of_invoice)
    )


def _undecided_bills(relations: BillingRelations) -> FromClause:
    """Return the bills whose type is in neither policy, with the type as it is compared; "" for none."""
    bill, policy = kinds_of_bills(relations), relations.policy
    decided = (*policy.brought_forward_bill_types, *policy.charge_bill_types)
    folded = func.coalesce(folded_text(bill.c.bill_type, (*map(str.lower, decided), *_WORDS)), literal(""))
    undecided = select(bill.c.tenant_id, bill.c.id, folded.label("bill_type")).where(bill.c.is_undecided == 1)
    return undecided.subquery("undecided_bills")


def _looks_like_debt(bill_type: ColumnElement[str]) -> ColumnElement[bool]:
    return or_(bill_type.in_(_WHOLE), *(bill_type.contains(word, autoescape=True) for word in _WORDS))


def _equal_to_debt(relations: BillingRelations, of_invoice: FromClause) -> Select[Any]:
    """Return the bill types whose lines are mostly equal to what the meter owed before, had they been debt.

    Only invoices of meters that owed something count, and only if they have other charges too: a customer who always
    pays one month late owes as much as a flat charge.
    """
    ledger = owed_before(relations)
    at = ledger if relations.materialize else select(ledger).cte("owed")
    same = and_(of_invoice.c.invoice_id == at.c.invoice_id, of_invoice.c.tenant_id == at.c.tenant_id)
    # What the type's earlier lines have added to the debt must be taken out; of the first invoice, it is the opening.
    later = case((at.c.place > 1, of_invoice.c.money), else_=ZERO)
    added = func.sum(later, type_=ExactMoney()).over(
        partition_by=(at.c.tenant_id, at.c.meter_id, of_invoice.c.bill_type), order_by=at.c.place, rows=(None, -1)
    )
    placed = (
        select(
            at.c.tenant_id,
            of_invoice.c.bill_type,
            of_invoice.c.money,
            at.c.place,
            (at.c.moved_by_lines - of_invoice.c.money).label("other_charges"),
            (at.c.owed_by_lines - or_zero(added)).label("owed"),
        )
        .join(at, same)
        .cte("placed_sums")
    )
    equals = func.sum(case((placed.c.money == placed.c.owed, 1), else_=0))
    return (
        select(placed.c.tenant_id, placed.c.bill_type, literal(EQUALS_DEBT))
        .where(placed.c.place > 1, placed.c.money != ZERO, placed.c.owed != ZERO, placed.c.other_charges != ZERO)
        .group_by(placed.c.tenant_id, placed.c.bill_type)
        .having(equals * 2 > func.count())
    )
