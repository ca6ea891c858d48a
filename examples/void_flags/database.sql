-- Rows are voided by flags and by times, and deleted by a flag.
CREATE TABLE tenants (id INTEGER PRIMARY KEY, name VARCHAR(60) NOT NULL);
CREATE TABLE customers (
    id INTEGER PRIMARY KEY,
    tenant_id INTEGER NOT NULL,
    name VARCHAR(60) NOT NULL,
    balance DECIMAL(12, 2) NOT NULL,
    overpayment DECIMAL(12, 2) NOT NULL,
    is_deleted SMALLINT NOT NULL
);
CREATE TABLE meters (
    id INTEGER PRIMARY KEY,
    tenant_id INTEGER NOT NULL,
    meter_number VARCHAR(30) NOT NULL,
    status VARCHAR(10),
    balance DECIMAL(12, 2),
    overpayment DECIMAL(12, 2)
);
CREATE TABLE meter_assignments (
    id INTEGER PRIMARY KEY,
    tenant_id INTEGER NOT NULL,
    customer_id INTEGER NOT NULL,
    meter_id INTEGER NOT NULL,
    is_active SMALLINT NOT NULL
);
CREATE TABLE bills (id INTEGER PRIMARY KEY, tenant_id INTEGER NOT NULL, bill_type VARCHAR(30) NOT NULL);
CREATE TABLE invoices (
    id INTEGER PRIMARY KEY,
    tenant_id INTEGER NOT NULL,
    customer_id INTEGER NOT NULL,
    meter_id INTEGER,
    invoice_number VARCHAR(30) NOT NULL,
    invoice_date DATE NOT NULL,
    amount DECIMAL(12, 2) NOT NULL,
    balance_brought_forward DECIMAL(12, 2) NOT NULL,
    total_amount DECIMAL(12, 2) NOT NULL,
    cancelled_at TIMESTAMP NULL,
    is_archived SMALLINT NOT NULL
);
CREATE TABLE invoice_bills (
    id INTEGER PRIMARY KEY,
    invoice_id INTEGER NOT NULL,
    bill_id INTEGER NOT NULL,
    amount DECIMAL(12, 2) NOT NULL,
    is_deleted SMALLINT NOT NULL
);
CREATE TABLE payments (
    id INTEGER PRIMARY KEY,
    tenant_id INTEGER NOT NULL,
    customer_id INTEGER NOT NULL,
    invoice_id INTEGER,
    meter_id INTEGER,
    amount DECIMAL(12, 2) NOT NULL,
    voided SMALLINT NOT NULL
);
INSERT INTO tenants VALUES (1, 'Vale');
INSERT INTO customers VALUES (1, 1, 'Ada', 18.00, 0, 0), (2, 1, 'Gone', 5.00, 0, 1);
INSERT INTO meters VALUES (1, 1, 'V-1', 'on', 0, 0);
INSERT INTO meter_assignments VALUES (1, 1, 1, 1, 1), (2, 1, 2, 1, 1);
INSERT INTO bills VALUES (1, 1, 'WATER');
INSERT INTO invoices VALUES
    (1, 1, 1, 1, 'V1', '2025-01-31', 30.00, 0, 30.00, NULL, 1),
    (2, 1, 1, 1, 'V2', '2025-02-28', 90.00, 0, 90.00, '2025-03-01 10:00:00', 0);
INSERT INTO invoice_bills VALUES (1, 1, 1, 30.00, 0), (2, 1, 1, 99.00, 1), (3, 2, 1, 90.00, 0);
INSERT INTO payments VALUES (1, 1, 1, NULL, NULL, 12.00, 0), (2, 1, 1, 1, NULL, 18.00, 1);
