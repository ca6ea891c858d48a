"""The columns of the tables as Dagster's pages show them: each with its type and description.

Add here the description of a further column. Which columns are required is defined in `billing.schema`; the types in a
real database may differ (ids may be text).
"""

from collections.abc import Mapping, Sequence

import dagster as dg
from sqlalchemy import Boolean, Column, Date, DateTime, Numeric
from sqlalchemy.types import TypeEngine

from meter_assets.billing.columns import OPTIONAL_COLUMNS, REQUIRED_COLUMNS
from meter_assets.billing.own_tables import BACKUP, JournaledStep
from meter_assets.billing.schema import billing_tables

_DEFAULT = billing_tables()
_TYPE_NAMES: Mapping[type[TypeEngine], str] = {  # type: ignore[type-arg]
    Numeric: "decimal",
    Boolean: "boolean",
    DateTime: "timestamp",
    Date: "date",
}
_DESCRIPTIONS: Mapping[str, str] = {
    "tenants.id": "The tenant's id. As text it is also the tenant's partition.",
    "tenants.name": "The name of the provider.",
    "customers.balance": "The amount that the customer owes. Written only by customer_balances.",
    "customers.overpayment": "The amount that the customer overpaid. Written only by customer_balances.",
    "meters.meter_number": "The number on the meter.",
    "meters.status": "Not read by any rule.",
    "meters.balance": "The amount owed for the meter, 0 if it is in credit. Written by meter_balances.",
    "meters.overpayment": "The amount overpaid for the meter, 0 if it owes. Written by meter_balances.",
    "meters.total_billed": "The charges of its counted invoices plus its opening balance. Written by meter_balances.",
    "meters.total_paid": "The sum of its counted payments. Written by meter_balances.",
    "meters.last_invoice_date": "The date of its latest counted invoice. Written by meter_balances.",
    "meter_assignments.is_active": "Whether the customer has the meter now.",
    "bills.bill_type": "BALANCE means debt brought forward; any other value is a charge.",
    "invoices.meter_id": "The meter that is billed; null if the invoice names no meter.",
    "invoices.amount": "The sum of its lines that are charges. Written by invoice_amounts.",
    "invoices.balance_brought_forward": "The sum of its BALANCE lines. Written by invoice_amounts.",
    "invoices.total_amount": "The sum of all its lines. Written by invoice_amounts.",
    "invoices.status": "A policy decides which statuses do not count.",
    "invoice_bills.amount": "The amount of the line.",
    "invoice_bills.tenant_id": "If this column exists, it must be the tenant of the invoice.",
    "payments.invoice_id": "The invoice that is paid; null for a payment on account.",
    "payments.meter_id": "The meter that is paid for. Written by payment_meter_ids if it is null.",
    "payments.amount": "The amount paid.",
    "payments.status": "A policy decides which statuses do not count.",
    f"{BACKUP}.balance": "The customer's balance before the tenant's first migration.",
    f"{BACKUP}.overpayment": "The customer's overpayment before the tenant's first migration.",
    f"{BACKUP}.backed_up_at": "When it was copied (UTC).",
    f"{BACKUP}.run_id": "The run that copied it.",
}
_NOT_IN_EVERY_DATABASE = "optional"


def read_columns(table: str) -> dg.TableSchema:
    """Return the columns of a billing table that a rule reads or a report shows."""
    return _schema_of(table, (*REQUIRED_COLUMNS[table], *OPTIONAL_COLUMNS.get(table, ())))


def written_columns(step: JournaledStep) -> dg.TableSchema:
    """Return the columns that a step writes, with those that identify the row; for the backup, all columns."""
    table = step.target
    all_names = tuple(_DEFAULT.table(table).c.keys())
    return _schema_of(table, all_names if table == BACKUP else ("id", "tenant_id", *step.columns))


def _schema_of(table: str, names: Sequence[str]) -> dg.TableSchema:
    return dg.TableSchema(columns=[_column(table, _DEFAULT.table(table).c[name]) for name in names])


def _column(table: str, column: Column[object]) -> dg.TableColumn:
    optional = column.key in OPTIONAL_COLUMNS.get(table, ())
    constraints = dg.TableColumnConstraints(
        nullable=bool(column.nullable), other=[_NOT_IN_EVERY_DATABASE] if optional else []
    )
    return dg.TableColumn(column.key, _kind(column), _DESCRIPTIONS.get(f"{table}.{column.key}"), constraints)


def _kind(column: Column[object]) -> str:
    if column.key == "id" or column.key.endswith("_id"):
        return "id"
    return next((name for kind, name in _TYPE_NAMES.items() if isinstance(column.type, kind)), "text")
