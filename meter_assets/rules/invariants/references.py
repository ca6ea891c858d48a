"""Queries that the invariants about payments and invoices share: rows without a meter, or with another tenant's.

Add here what both modules need. The invariants themselves are in `payments` and `invoices`.
"""

from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, and_, func, or_, select

from meter_assets.billing.columns import MONEY_COLUMNS
from meter_assets.billing.conditions import folded_text, has_status
from meter_assets.billing.invoice_lines import line_sums
from meter_assets.billing.money import ZERO, exact, or_zero, total
from meter_assets.billing.relations import BillingRelations
from meter_assets.rules.invariants.screens import Screens, screen

_EVIDENCE = {
    "payments": ("payment_id", "amount", ("customer_id", "invoice_id", "status")),
    "invoices": ("invoice_id", "total_amount", ("invoice_number", "customer_id", "status")),
}


def evidence(table: str, rows: FromClause, *more: Any) -> Select[Any]:
    """Return a SELECT of the columns by which a person recognizes a payment or an invoice, and of more columns."""
    subject, money, names = _EVIDENCE[table]
    shown = [rows.c[name] for name in names]
    return select(rows.c.tenant_id, rows.c.id.label(subject), exact(rows.c[money]).label(money), *shown, *more)


def rows_by_status(table: str, relations: BillingRelations, *, counted: bool) -> FromClause:
    """Return the counted, or the uncounted, payments or invoices."""
    if table == "payments":
        return relations.counted_payments(counted=counted)
    return relations.counted_invoices(counted=counted)


def unknown_statuses(table: str, relations: BillingRelations) -> Select[Any]:
    """Return the statuses that the policy does not name, of rows with money, with their counts and sums."""
    row, money = relations.rows[table], _EVIDENCE[table][1]
    known = [status for statuses in relations.statuses(table) for status in statuses]
    has_money = or_(*(or_zero(exact(row.c[name])) != ZERO for name in MONEY_COLUMNS[table]))
    source: FromClause = row
    if table == "invoices":  # the step may give money to an invoice that has lines
        lines = line_sums(relations)
        of_invoice = and_(lines.c.invoice_id == row.c.id, lines.c.tenant_id == row.c.tenant_id)
        source, has_money = row.outerjoin(lines, of_invoice), or_(has_money, lines.c.invoice_id.is_not(None))
    labelled = (
        select(row.c.tenant_id, folded_text(row.c.status, known).label("status"), exact(row.c[money]).label("money"))
        .select_from(source)
        .where(row.c.status.is_not(None), ~has_status(row, known), has_money)
        .subquery("unknown_statuses")
    )
    return select(
        labelled.c.tenant_id,
        labelled.c.status.label(f"{table.removesuffix('s')}_status"),
        func.count().label("rows"),
        total(labelled.c.money).label("money"),
    ).group_by(labelled.c.tenant_id, labelled.c.status)


def without_meter(table: str, relations: BillingRelations) -> Select[Any]:
    """Return the counted rows that name no meter."""
    row = rows_by_status(table, relations, counted=True)
    return evidence(table, row).where(row.c.meter_id.is_(None))


def uncounted_without_meter(table: str, relations: BillingRelations) -> Select[Any]:
    """Return the uncounted rows without a meter, or with a meter that does not exist."""
    row = rows_by_status(table, relations, counted=False)
    meter, owner = relations.meters, relations.owner("meters", row.c.meter_id)
    found = evidence(table, row, row.c.meter_id).outerjoin(meter, _its_meter(row, meter))
    return found.where(meter.c.id.is_(None), owner.is_(None))


def meter_not_of_tenant(table: str, relations: BillingRelations) -> Select[Any]:
    """Return the rows with another tenant's meter, and the counted rows with a meter that does not exist."""
    row = relations.rows[table]
    counted = relations.is_counted(table, row)
    meter, owner = relations.meters, relations.owner("meters", row.c.meter_id)
    return (
        evidence(table, row, row.c.meter_id, owner.label("meter_tenant_id"))
        .outerjoin(meter, _its_meter(row, meter))
        .where(row.c.meter_id.is_not(None), meter.c.id.is_(None), or_(counted, owner.is_not(None)))
    )


def screens_of_meters(of: str) -> dict[str, Screens]:
    """Return the screens of `without_meter`, `uncounted_without_meter` and `meter_not_of_tenant`, by these names."""
    return {
        "without_meter": screen(of, lambda at: and_(at.row.c.meter_id.is_(None), at.is_counted())),
        "uncounted_without_meter": screen(of, lambda at: and_(at.meter.c.id.is_(None), ~at.is_counted())),
        "meter_not_of_tenant": screen(of, lambda at: and_(at.meter.c.id.is_(None), at.row.c.meter_id.is_not(None))),
    }


def _its_meter(row: FromClause, meter: FromClause) -> ColumnElement[bool]:
    return and_(meter.c.id == row.c.meter_id, meter.c.tenant_id == row.c.tenant_id)
