"""The logical tables and columns of a billing database: required, optional, money, dates, references.

Add a column here before a rule reads it. A database may have other names for them: see `mapping`.
"""

from collections.abc import Mapping

REQUIRED_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "tenants": ("id", "name"),
    "customers": ("id", "tenant_id", "name", "balance", "overpayment"),
    "meters": ("id", "tenant_id", "meter_number", "status", "balance", "overpayment"),
    "meter_assignments": ("id", "tenant_id", "customer_id", "meter_id", "is_active"),
    "bills": ("id", "tenant_id", "bill_type"),
    "invoices": (
        "id",
        "tenant_id",
        "customer_id",
        "meter_id",
        "invoice_number",
        "invoice_date",
        "amount",
        "balance_brought_forward",
        "total_amount",
    ),
    "invoice_bills": ("id", "invoice_id", "bill_id", "amount"),
    "payments": ("id", "tenant_id", "customer_id", "invoice_id", "meter_id", "amount"),
}
OPTIONAL_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "meters": ("total_billed", "total_paid", "last_invoice_date"),
    "invoices": ("status",),
    "invoice_bills": ("tenant_id",),
    "payments": ("status", "paid_at"),
}
SOFT_DELETE_COLUMN = "deleted_at"
DATE_COLUMNS = ("invoice_date", "last_invoice_date", "paid_at", SOFT_DELETE_COLUMN)
UPDATED_AT_COLUMN = "updated_at"
"""Any table may have this column; with it, changed rows are found without reading all rows."""
CREATED_AT_COLUMN = "created_at"
"""Any table may have this column; where ids return, it tells a row from a later one with the same id."""
MONEY_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "customers": ("balance", "overpayment"),
    "meters": ("balance", "overpayment", "total_billed", "total_paid"),
    "invoices": ("amount", "balance_brought_forward", "total_amount"),
    "invoice_bills": ("amount",),
    "payments": ("amount",),
}
REFERENCES: Mapping[str, str] = {
    "tenant_id": "tenants",
    "customer_id": "customers",
    "meter_id": "meters",
    "invoice_id": "invoices",
    "bill_id": "bills",
}
"""The columns that hold the id of a row of another table, and that table."""
