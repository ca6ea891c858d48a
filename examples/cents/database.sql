-- All money is a whole number of cents.
CREATE TABLE tenants (id INTEGER PRIMARY KEY, name VARCHAR(60) NOT NULL);
CREATE TABLE customers (
    id INTEGER PRIMARY KEY,
    tenant_id INTEGER NOT NULL,
    name VARCHAR(60) NOT NULL,
    balance_cents INTEGER NOT NULL,
    credit_cents INTEGER NOT NULL
);
CREATE TABLE meters (
    id INTEGER PRIMARY KEY,
    tenant_id INTEGER NOT NULL,
    meter_number VARCHAR(30) NOT NULL,
    status VARCHAR(10)
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
    amount_cents INTEGER NOT NULL,
    carried_cents INTEGER NOT NULL,
    total_cents INTEGER NOT NULL
);
CREATE TABLE invoice_bills (
    id INTEGER PRIMARY KEY,
    invoice_id INTEGER NOT NULL,
    bill_id INTEGER NOT NULL,
    amount_cents INTEGER NOT NULL
);
CREATE TABLE payments (
    id INTEGER PRIMARY KEY,
    tenant_id INTEGER NOT NULL,
    customer_id INTEGER NOT NULL,
    invoice_id INTEGER,
    meter_id INTEGER,
    amount_cents INTEGER NOT NULL
);
INSERT INTO tenants VALUES (1, 'Reef');
INSERT INTO customers VALUES (1, 1, 'Ada', 29, 0), (2, 1, 'Bo', 0, 1);
INSERT INTO meters VALUES (1, 1, 'R-1', 'on'), (2, 1, 'R-2', 'on');
INSERT INTO meter_assignments VALUES (1, 1, 1, 1, 1), (2, 1, 2, 2, 1);
INSERT INTO bills VALUES (1, 1, 'WATER');
INSERT INTO invoices VALUES (1, 1, 1, 1, 'R1', '2025-01-31', 1000, 0, 1000), (2, 1, 2, 2, 'R2', '2025-01-31', 0, 0, 0);
INSERT INTO invoice_bills VALUES (1, 1, 1, 1029), (2, 2, 1, 57);
INSERT INTO payments VALUES (1, 1, 1, 1, NULL, 1000), (2, 1, 2, NULL, NULL, 58);
