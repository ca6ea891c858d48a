"""The transactions of meters, row by row: every invoice and payment of a meter, with what decides about its money.

Add here columns that statements and explanations show of a row. Sums of these rows are in `ledger`; how a statement is
made of them is in `reports.statements`. Deleted and uncounted rows are included, and marked.
"""

from typing import Any

from sqlalchemy import ColumnElement, Date, FromClause, Select, String, Subquery, and_, case, false, func, select

from meter_assets.billing.columns import CREATED_AT_COLUMN
from meter_assets.billing.constructs import day, nulls_last, typed_null
from meter_assets.billing.decisions import carried_out
from meter_assets.billing.invoice_lines import its_bill, kinds_of_bills
from meter_assets.billing.ledger import paid_on
from meter_assets.billing.money import exact, or_zero, total
from meter_assets.billing.own_tables import DECISIONS, OF_DECISION
from meter_assets.billing.payment_rules import PAYMENT_METER_IDS
from meter_assets.billing.relations import BillingRelations
from meter_assets.billing.step_runs import in_force


def invoices(relations: BillingRelations, every: BillingRelations) -> Select[Any]:
    """Return the tenant's invoices, whether or not they count: amounts in exact form, `is_live` and `is_counted`.

    `every` are the same relations with soft-deleted rows. `on_day` is null for an invoice without a date, and
    `created_on` where the table has no such column. `in_order` sorts them.
    """
    invoice, live = every.invoices, relations.invoices.alias("live_invoices")
    columns = ("tenant_id", "id", "meter_id", "customer_id", "invoice_number", "status")
    money = ("amount", "balance_brought_forward", "total_amount")
    return select(
        *(invoice.c[name] for name in columns),
        day(invoice.c.invoice_date).label("on_day"),
        invoice.c.invoice_date.label("dated"),
        _created_on(invoice),
        *(exact(invoice.c[name]).label(name) for name in money),
        *_flags(relations, "invoices", invoice, live),
    ).select_from(invoice.outerjoin(live, _same(live, invoice)))


def in_order(invoice: FromClause) -> tuple[ColumnElement[Any], ...]:
    """Return the terms of an ORDER BY that put these invoices in the order of the ledger."""
    return (*nulls_last(invoice.c.dated), invoice.c.id)


def payments(relations: BillingRelations, every: BillingRelations) -> Select[Any]:
    """Return the tenant's payments, whether or not they count: the amount in exact form, `is_live` and `is_counted`.

    `on_day` is the payment's day or else its invoice's; null if neither is known. `rule` and `assigned_meter_id` are
    the rule by which the migration assigned a meter and that meter; null if it did not, or was rolled back. The columns
    `OF_DECISION` are the decision that it carried out.
    """
    payment, live = every.payments, relations.payments.alias("live_payments")
    invoice, assigned = relations.invoices, assigned_in_force(relations)
    of_payment = and_(invoice.c.id == payment.c.invoice_id, invoice.c.tenant_id == payment.c.tenant_id)
    columns = ("tenant_id", "id", "meter_id", "customer_id", "invoice_id", "status")
    owner = relations.owner("invoices", payment.c.invoice_id)
    elsewhere = and_(payment.c.invoice_id.is_not(None), invoice.c.id.is_(None), owner.is_not(None))
    joined = payment.outerjoin(live, _same(live, payment)).outerjoin(invoice, of_payment)
    return select(
        *(payment.c[name] for name in columns),
        paid_on(payment, invoice).label("on_day"),
        _created_on(payment),
        exact(payment.c.amount).label("amount"),
        invoice.c.invoice_number,
        case((elsewhere, 1), else_=0).label("names_other_tenant"),
        assigned.c.rule,
        assigned.c.meter_id_after.label("assigned_meter_id"),
        *(assigned.c[name] for name in OF_DECISION),
        *_flags(relations, "payments", payment, live),
    ).select_from(joined.outerjoin(assigned, _same(assigned, payment)))


def charges(relations: BillingRelations) -> Select[Any]:
    """Return the charges of the tenant's invoices by bill type: the sums of their lines, without brought-forward debt.

    The columns are tenant_id, invoice_id, bill_type (null if the line's bill is missing) and amount, in exact form.
    """
    line, bill = relations.lines, kinds_of_bills(relations)
    of_invoice = line.c.tenant_id, line.c.invoice_id, bill.c.bill_type
    is_charge = func.coalesce(bill.c.is_brought_forward, 0) == 0
    amount = total(or_zero(exact(line.c.amount))).label("amount")
    joined = line.outerjoin(bill, its_bill(line, bill))
    return select(*of_invoice, amount).select_from(joined).where(is_charge).group_by(*of_invoice)


def assigned_in_force(relations: BillingRelations) -> Subquery:
    """Return the payments to which the migration assigned a meter, by step runs that were not rolled back.

    The columns are tenant_id, id, meter_id_after, rule and `OF_DECISION`; of a payment that was assigned several times,
    the newest.
    """
    schema, payment = relations.schema, relations.payments
    decisions = schema.own[DECISIONS]
    if not schema.has_journal(PAYMENT_METER_IDS):
        none = select(
            payment.c.tenant_id,
            payment.c.id,
            payment.c.meter_id.label("meter_id_after"),
            typed_null(String(64)).label("rule"),
            *(typed_null(decisions.c[of].type).label(name) for name, of in OF_DECISION.items()),
        )
        return none.where(false()).subquery("assigned_in_force")
    journal, done = schema.journal(PAYMENT_METER_IDS), in_force(schema)
    newest = func.row_number().over(
        partition_by=(journal.c.tenant_id, journal.c.payment_id), order_by=journal.c.step_run_id.desc()
    )
    values = journal.c.payment_id.label("id"), journal.c.meter_id_after, journal.c.rule
    decided = carried_out(schema, schema.journaled[PAYMENT_METER_IDS])
    rows = (
        select(journal.c.tenant_id, *values, *decided, newest.label("nth"))
        .join(done, and_(done.c.id == journal.c.step_run_id, done.c.tenant_id == journal.c.tenant_id))
        .where(journal.c.tenant_id == relations.tenant_id)
        .subquery("assignments_in_force")
    )
    return select(*(column for column in rows.c if column.key != "nth")).where(rows.c.nth == 1).subquery("in_force_now")


def _created_on(rows: FromClause) -> ColumnElement[Any]:
    has_column = CREATED_AT_COLUMN in rows.c
    found: ColumnElement[Any] = day(rows.c[CREATED_AT_COLUMN]) if has_column else typed_null(Date())
    return found.label("created_on")


def _flags(
    relations: BillingRelations, table: str, rows: FromClause, live: FromClause
) -> tuple[ColumnElement[int], ColumnElement[int]]:
    """Return whether a row is not deleted, and whether its status counts, each as 1 or 0."""
    is_live = case((live.c.id.is_not(None), 1), else_=0).label("is_live")
    return is_live, case((relations.is_counted(table, rows), 1), else_=0).label("is_counted")


def _same(rows: FromClause, others: FromClause) -> ColumnElement[bool]:
    return and_(rows.c.id == others.c.id, rows.c.tenant_id == others.c.tenant_id)
