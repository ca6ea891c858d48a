"""The smallest billing database with money: one customer, one meter, one invoice, two payments; the meter owes 70.

Its tables are made by plain statements, so that a test can replace one by the table of another database. Add a table or
a row here only if every such test needs it; larger databases are in `ledger`, drawn ones in `strategies`.
"""

from collections.abc import Mapping, Sequence

from meter_assets.migration.database import BillingDatabase

MONEY = "NUMERIC(14, 2)"
TABLES: Mapping[str, str] = {
    "tenants": "id INTEGER PRIMARY KEY, name VARCHAR(120), deleted_at TIMESTAMP",
    "customers": f"id INTEGER PRIMARY KEY, tenant_id INTEGER NOT NULL, name VARCHAR(120), balance {MONEY}, "
    f"overpayment {MONEY}, deleted_at TIMESTAMP",
    "meters": f"id INTEGER PRIMARY KEY, tenant_id INTEGER NOT NULL, meter_number VARCHAR(120), status VARCHAR(40), "
    f"balance {MONEY}, overpayment {MONEY}, last_invoice_date DATE, deleted_at TIMESTAMP",
    "meter_assignments": "id INTEGER PRIMARY KEY, tenant_id INTEGER NOT NULL, customer_id INTEGER, meter_id INTEGER, "
    "is_active BOOLEAN, deleted_at TIMESTAMP",
    "bills": "id INTEGER PRIMARY KEY, tenant_id INTEGER NOT NULL, bill_type VARCHAR(40), deleted_at TIMESTAMP",
    "invoices": f"id INTEGER PRIMARY KEY, tenant_id INTEGER NOT NULL, customer_id INTEGER, meter_id INTEGER, "
    f"invoice_number VARCHAR(40), invoice_date DATE, amount {MONEY}, balance_brought_forward {MONEY}, "
    f"total_amount {MONEY}, status VARCHAR(40), deleted_at TIMESTAMP",
    "invoice_bills": f"id INTEGER PRIMARY KEY, tenant_id INTEGER, invoice_id INTEGER, bill_id INTEGER, amount {MONEY}, "
    "deleted_at TIMESTAMP",
    "payments": f"id INTEGER PRIMARY KEY, tenant_id INTEGER NOT NULL, customer_id INTEGER, invoice_id INTEGER, "
    f"meter_id INTEGER, amount {MONEY}, status VARCHAR(40), paid_at TIMESTAMP, deleted_at TIMESTAMP",
}
ROWS = (
    "INSERT INTO tenants (id, name) VALUES (1, 'North')",
    "INSERT INTO customers (id, tenant_id, name, balance, overpayment) VALUES (11, 1, 'Ann', 70, 0)",
    "INSERT INTO meters (id, tenant_id, meter_number, balance, overpayment) VALUES (21, 1, 'M1', 0, 0)",
    "INSERT INTO meter_assignments (id, tenant_id, customer_id, meter_id, is_active) VALUES (31, 1, 11, 21, '1')",
    "INSERT INTO bills (id, tenant_id, bill_type) VALUES (41, 1, 'WATER'), (42, 1, 'BALANCE')",
    "INSERT INTO invoices (id, tenant_id, customer_id, meter_id, invoice_number, invoice_date, amount, "
    "balance_brought_forward, total_amount) VALUES (51, 1, 11, 21, 'I1', '2024-01-31', 90, 0, 90)",
    "INSERT INTO invoice_bills (id, invoice_id, bill_id, amount) VALUES (61, 51, 41, 100)",
    "INSERT INTO payments (id, tenant_id, customer_id, invoice_id, amount) "
    "VALUES (71, 1, 11, 51, 20), (72, 1, 11, NULL, 10)",
)


def one_meter(
    url: str, *more: str, tables: Mapping[str, str] | None = None, rows: Sequence[str] = ROWS
) -> BillingDatabase:
    """Make the database in an empty one, then run `more` statements; `tables` replaces the columns of some tables."""
    database = BillingDatabase(url)
    with database.transaction() as connection:
        for name, columns in {**TABLES, **(tables or {})}.items():
            connection.exec_driver_sql(f"CREATE TABLE {name} ({columns})")
        for statement in (*rows, *more):
            connection.exec_driver_sql(statement.replace("%", "%%"))
    return database
