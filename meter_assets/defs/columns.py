"""The columns of a table as Dagster's pages show them: of which type they are, and what is in them.

Which columns there must be is said in `schema`; a database's own types may differ (ids may be text).
"""

from collections.abc import Mapping, Sequence

import dagster as dg
from sqlalchemy import Boolean, Column, Date, DateTime, Numeric
from sqlalchemy.types import TypeEngine

from meter_assets.billing.own_tables import BACKUP, JournaledStep
from meter_assets.billing.schema import OPTIONAL_COLUMNS, REQUIRED_COLUMNS, billing_tables

_DEFAULT = billing_tables()
_KINDS: Mapping[type[TypeEngine], str] = {  # type: ignore[type-arg]
    Numeric: "decimal",
    Boolean: "boolean",
    DateTime: "timestamp",
    Date: "date",
}
_SAYS: Mapping[str, str] = {
    "tenants.id": "Also, as text, the tenant's partition.",
    "tenants.name": "The provider's name.",
    "customers.balance": "What the customer owes; written by customer_balances only.",
    "customers.overpayment": "What the customer has paid too much; written by customer_balances only.",
    "meters.meter_number": "The number on the meter.",
    "meters.status": "Not read by any rule.",
    "meters.balance": "What the meter owes, written by meter_balances; 0 where it is in credit.",
    "meters.overpayment": "What was paid too much for the meter, written by meter_balances; 0 where it owes.",
    "meters.total_billed": "Charges of its counted invoices and its opening balance, written by meter_balances.",
    "meters.total_paid": "Its counted payments, written by meter_balances.",
    "meters.last_invoice_date": "Of its latest counted invoice, written by meter_balances.",
    "meter_assignments.is_active": "Whether the customer has the meter now.",
    "bills.bill_type": "BALANCE is debt brought forward, any other a charge.",
    "invoices.meter_id": "The meter that is billed; null where the invoice names none.",
    "invoices.amount": "The sum of its lines that are charges, written by invoice_amounts.",
    "invoices.balance_brought_forward": "The sum of its BALANCE lines, written by invoice_amounts.",
    "invoices.total_amount": "The sum of all its lines, written by invoice_amounts.",
    "invoices.status": "Which statuses do not count is a policy.",
    "invoice_bills.amount": "The line's money.",
    "invoice_bills.tenant_id": "Where it is there, it must be the invoice's.",
    "payments.invoice_id": "The invoice that is paid; null for a payment on account.",
    "payments.meter_id": "The meter that is paid for; where it is null, written by payment_meter_ids.",
    "payments.amount": "What was paid.",
    "payments.status": "Which statuses do not count is a policy.",
    f"{BACKUP}.balance": "The customer's balance before the migration first touched the tenant.",
    f"{BACKUP}.overpayment": "The customer's overpayment before the migration first touched the tenant.",
    f"{BACKUP}.backed_up_at": "When it was copied (UTC).",
    f"{BACKUP}.run_id": "The run that copied it.",
}
_NOT_IN_EVERY_DATABASE = "optional"


def read_columns(table: str) -> dg.TableSchema:
    """Return the columns of a billing table that any rule reads, or that are shown."""
    return _schema_of(table, (*REQUIRED_COLUMNS[table], *OPTIONAL_COLUMNS.get(table, ())))


def written_columns(step: JournaledStep) -> dg.TableSchema:
    """Return the columns that a step writes, with those that say of which row; of the backup, all."""
    table = step.target
    every = tuple(_DEFAULT.table(table).c.keys())
    return _schema_of(table, every if table == BACKUP else ("id", "tenant_id", *step.columns))


def _schema_of(table: str, names: Sequence[str]) -> dg.TableSchema:
    return dg.TableSchema(columns=[_column(table, _DEFAULT.table(table).c[name]) for name in names])


def _column(table: str, column: Column[object]) -> dg.TableColumn:
    optional = column.key in OPTIONAL_COLUMNS.get(table, ())
    constraints = dg.TableColumnConstraints(
        nullable=bool(column.nullable), other=[_NOT_IN_EVERY_DATABASE] if optional else []
    )
    return dg.TableColumn(column.key, _kind(column), _SAYS.get(f"{table}.{column.key}"), constraints)


def _kind(column: Column[object]) -> str:
    if column.key == "id" or column.key.endswith("_id"):
        return "id"
    return next((said for kind, said in _KINDS.items() if isinstance(column.type, kind)), "text")
