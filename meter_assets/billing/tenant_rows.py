"""The rows of each table that belong to a tenant, as SQL: also those of the lines, the backup and the decisions.

Add here how the rows of a further table are found. What computations read is a `BillingRelations`, which is made of
these.
"""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Date,
    FromClause,
    Select,
    String,
    Subquery,
    and_,
    bindparam,
    case,
    false,
    literal,
    literal_column,
    select,
    true,
)
from sqlalchemy.types import TypeEngine

from meter_assets.billing.columns import OPTIONAL_COLUMNS, REQUIRED_COLUMNS
from meter_assets.billing.conditions import is_set
from meter_assets.billing.constructs import member_of, typed_null
from meter_assets.billing.decisions import in_effect, none_in_effect
from meter_assets.billing.own_tables import BACKUP, DECISIONS
from meter_assets.billing.payment_rules import PAYMENT_METER_IDS
from meter_assets.billing.policy import Policy
from meter_assets.billing.schema import BillingSchema, IdScope, is_live
from meter_assets.errors import UnknownPolicy

_ABSENT_TYPES: Mapping[str, TypeEngine[Any]] = {"status": String(255), "paid_at": Date(), "last_invoice_date": Date()}


class AnyTenant:
    """Stands for the id of a tenant that is given when a statement is run."""


ANY_TENANT = AnyTenant()
TENANT_TABLES = ("customers", "meters", "meter_assignments", "bills", "invoices", "payments")


def tenant_parameter(column: ColumnElement[Any]) -> str:
    """Return the name of the parameter with the tenant's id in the type of a column."""
    return f"tenant_id_{type(column.type).__name__.lower()}"


def of_tenant(rows: FromClause, tenant_id: Any) -> ColumnElement[bool]:
    """Return whether rows are of the tenant: of one, of any in a list, of ANY_TENANT, or of all if it is None."""
    if tenant_id is None:
        return true()
    if isinstance(tenant_id, list):
        return rows.c.tenant_id.in_(tenant_id)
    if isinstance(tenant_id, AnyTenant):
        return rows.c.tenant_id == bindparam(tenant_parameter(rows.c.tenant_id), type_=rows.c.tenant_id.type)
    return rows.c.tenant_id == literal(tenant_id, rows.c.tenant_id.type)


def _columns(schema: BillingSchema, name: str) -> list[ColumnElement[Any]]:
    table = schema.tables[name]
    found: list[ColumnElement[Any]] = [table.c[column] for column in REQUIRED_COLUMNS[name]]
    for column in OPTIONAL_COLUMNS.get(name, ()):
        absent = typed_null(_ABSENT_TYPES.get(column, table.c.id.type))
        found.append(table.c[column] if schema.has(name, column) else absent.label(column))
    known = {column.key for column in found}
    recognized = (schema.recognized_columns(step) for step in schema.steps if step.table == name)
    others = dict.fromkeys(chain(schema.computed_from(name), *recognized))
    return found + [table.c[column] for column in others if column not in known]


def with_generated(schema: BillingSchema, name: str, rows: FromClause) -> FromClause:
    """Return a table's rows with the generated columns as the database would compute them from the other columns."""
    generated = schema.generated(name) if name in schema.tables else {}
    if not generated:
        return rows
    columns = [
        literal_column(f"({generated[column.key]})", column.type).label(column.key)
        if column.key in generated
        else column
        for column in rows.c
    ]
    return select(*columns).select_from(rows).subquery(name)


def is_live_under(policy: Policy, table: str, rows: FromClause) -> ColumnElement[bool]:
    """Return whether a table's rows are not deleted, also by the policy's `deletion_columns`."""
    marks = (name.partition(".")[2] for name in policy.deletion_columns if name.startswith(f"{table}."))
    return and_(is_live(rows), *(~is_set(rows.c[name]) for name in marks))


def require_columns(schema: BillingSchema, policy: Policy) -> None:
    """Raise UnknownPolicy if the policy names a column that the database lacks."""
    named = {"deletion_columns": policy.deletion_columns, "ignored_columns": policy.ignored_columns}
    unknown = [
        f"Policy {setting} names {name}, which the database does not have; expected table.column, such as "
        "payments.is_deleted."
        for setting, names in named.items()
        for name in names
        if name not in {f"{of}.{column.key}" for of, table in schema.tables.items() for column in table.c}
    ]
    if unknown:
        raise UnknownPolicy(unknown)


def tenant_rows(schema: BillingSchema, policy: Policy, name: str, tenant_id: Any, *, deleted_too: bool) -> Subquery:
    """Return the tenant's rows of a table, without soft-deleted ones or with them."""
    table = schema.tables[name]
    wanted = true() if deleted_too else is_live_under(policy, name, table)
    return select(*_columns(schema, name)).where(of_tenant(table, tenant_id), wanted).subquery(name)


def tenant_lines(schema: BillingSchema, policy: Policy, invoices: FromClause, tenant_id: Any) -> Subquery:
    """Return the lines of these invoices; `tenant_id` is the invoice's, `line_tenant_id` the line's own."""
    line = schema.tables["invoice_bills"]
    own_tenant = line.c.tenant_id if schema.has("invoice_bills", "tenant_id") else invoices.c.tenant_id
    return (
        select(
            invoices.c.tenant_id,
            line.c.id,
            line.c.invoice_id,
            line.c.bill_id,
            line.c.amount,
            own_tenant.label("line_tenant_id"),
            invoices.c.status.label("status"),
        )
        .join(invoices, _its_invoice(schema, line, invoices))
        .where(is_live_under(policy, "invoice_bills", line), _line_of_tenant(schema, line, tenant_id))
        .subquery("invoice_bills")
    )


def stored_lines(schema: BillingSchema, columns: Sequence[ColumnElement[Any]], tenant_id: Any) -> Subquery:
    """Return every line of the tenant's invoices, whether line or invoice is deleted; `tenant_id` is the invoice's."""
    line, invoice = schema.tables["invoice_bills"], schema.tables["invoices"]
    others = [column for column in columns if column.key != "tenant_id"]
    joined = line.join(invoice, _its_invoice(schema, line, invoice))
    found = select(invoice.c.tenant_id, *others).select_from(joined)
    return found.where(of_tenant(invoice, tenant_id), _line_of_tenant(schema, line, tenant_id)).subquery("stored_lines")


def _its_invoice(schema: BillingSchema, line: FromClause, invoice: FromClause) -> ColumnElement[bool]:
    """Return whether an invoice is that of a line, by its id; if ids are unique within a tenant only, also by that."""
    same_id = invoice.c.id == line.c.invoice_id
    if schema.id_scope("invoices") is not IdScope.tenant or not schema.has("invoice_bills", "tenant_id"):
        return same_id
    return and_(same_id, invoice.c.tenant_id == line.c.tenant_id)


def _line_of_tenant(schema: BillingSchema, line: FromClause, tenant_id: Any) -> ColumnElement[bool]:
    """Return whether a line names an invoice of the tenant, in a form for which engines use an index."""
    if tenant_id is None:
        return true()
    every = schema.tables["invoices"].alias("every_invoice")
    ids = select(every.c.id).where(of_tenant(every, tenant_id))
    if not schema.catalogue.has_index("invoice_bills"):
        return line.c.invoice_id.in_(ids)
    return member_of(line.c.invoice_id, ids.scalar_subquery())


def backup_rows(schema: BillingSchema, customers: FromClause, tenant_id: Any) -> Subquery:
    """Return the tenant's backed-up balances of customers; no rows if the table does not exist."""
    if BACKUP in schema.own_tables_present:
        table = schema.own[BACKUP]
        kept = select(table.c.tenant_id, table.c.customer_id, table.c.balance, table.c.overpayment)
        return kept.where(of_tenant(table, tenant_id)).subquery(BACKUP)
    customer_id = customers.c.id.label("customer_id")
    none = select(customers.c.tenant_id, customer_id, customers.c.balance, customers.c.overpayment)
    return none.where(false()).subquery(BACKUP)


def decisions_in_effect(schema: BillingSchema, meters: FromClause, tenant_id: Any) -> Subquery:
    """Return the tenant's decisions that are in effect; no rows if the table does not exist."""
    if DECISIONS not in schema.own_tables_present:
        return none_in_effect(schema)
    return in_effect(schema, of_tenant(schema.own[DECISIONS], tenant_id), meters)


def assigned_payments(schema: BillingSchema, payments: FromClause, tenant_id: Any) -> Subquery:
    """Return the payments to which the migration assigned a meter: tenant_id, id, meter_id_after, rule."""
    if schema.has_journal(PAYMENT_METER_IDS):
        journal = schema.journal(PAYMENT_METER_IDS)
        assigned: Select[Any] = select(
            journal.c.tenant_id, journal.c.payment_id.label("id"), journal.c.meter_id_after, journal.c.rule
        )
        return assigned.where(of_tenant(journal, tenant_id)).subquery("decided_payment_meter_ids")
    meter_id = payments.c.meter_id.label("meter_id_after")
    rule = case((payments.c.id.is_(None), literal(""))).label("rule")
    none = select(payments.c.tenant_id, payments.c.id, meter_id, rule).where(false())
    return none.subquery("decided_payment_meter_ids")
