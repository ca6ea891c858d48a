-- One payment pays several invoices, by rows of allocation; what is left of it belongs to the customer.
CREATE TABLE tenants (id INTEGER PRIMARY KEY, name VARCHAR(60) NOT NULL);
CREATE TABLE customers (
    id INTEGER PRIMARY KEY,
    tenant_id INTEGER NOT NULL,
    name VARCHAR(60) NOT NULL,
    balance DECIMAL(12, 2) NOT NULL,
    overpayment DECIMAL(12, 2) NOT NULL
);
CREATE TABLE meters (
    id INTEGER PRIMARY KEY,
    tenant_id INTEGER NOT NULL,
    customer_id INTEGER,
    meter_number VARCHAR(30) NOT NULL,
    status VARCHAR(10)
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
    total_amount DECIMAL(12, 2) NOT NULL
);
CREATE TABLE invoice_bills (
    id INTEGER PRIMARY KEY,
    invoice_id INTEGER NOT NULL,
    bill_id INTEGER NOT NULL,
    amount DECIMAL(12, 2) NOT NULL
);
CREATE TABLE payments (
    id INTEGER PRIMARY KEY,
    tenant_id INTEGER NOT NULL,
    customer_id INTEGER NOT NULL,
    amount DECIMAL(12, 2) NOT NULL,
    received DATE NOT NULL
);
CREATE TABLE payment_allocations (
    id INTEGER PRIMARY KEY,
    payment_id INTEGER NOT NULL,
    payable_type VARCHAR(20) NOT NULL,
    payable_id INTEGER NOT NULL,
    amount DECIMAL(12, 2) NOT NULL
);
INSERT INTO tenants VALUES (1, 'Bay');
INSERT INTO customers VALUES (1, 1, 'Ada', 15.00, 0);
INSERT INTO meters VALUES (1, 1, 1, 'B-1', 'on'), (2, 1, 1, 'B-2', 'on');
INSERT INTO bills VALUES (1, 1, 'WATER');
INSERT INTO invoices VALUES
    (1, 1, 1, 1, 'B1', '2025-01-31', 40.00, 0, 40.00), (2, 1, 1, 2, 'B2', '2025-01-31', 25.00, 0, 25.00);
INSERT INTO invoice_bills VALUES (1, 1, 1, 40.00), (2, 2, 1, 25.00);
INSERT INTO payments VALUES (1, 1, 1, 50.00, '2025-02-10');
INSERT INTO payment_allocations VALUES (1, 1, 'invoice', 1, 20.00), (2, 1, 'invoice', 2, 25.00), (3, 1, 'fee', 1, 0.00);
