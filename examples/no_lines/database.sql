-- Invoices have totals only, without lines; their status is a number; payments name no customer.
CREATE TABLE companies (id INTEGER PRIMARY KEY, title VARCHAR(60) NOT NULL);
CREATE TABLE clients (
    id INTEGER PRIMARY KEY,
    company_id INTEGER NOT NULL,
    title VARCHAR(60) NOT NULL,
    balance DECIMAL(12, 2) NOT NULL
);
CREATE TABLE meters (
    id INTEGER PRIMARY KEY,
    company_id INTEGER NOT NULL,
    client_id INTEGER NOT NULL,
    code VARCHAR(30) NOT NULL
);
CREATE TABLE invoices (
    id INTEGER PRIMARY KEY,
    company_id INTEGER NOT NULL,
    client_id INTEGER NOT NULL,
    meter_id INTEGER,
    number VARCHAR(30) NOT NULL,
    issued_on DATE NOT NULL,
    carried DECIMAL(12, 2) NOT NULL,
    total DECIMAL(12, 2) NOT NULL,
    state INTEGER NOT NULL
);
CREATE TABLE payments (
    id INTEGER PRIMARY KEY,
    invoice_id INTEGER NOT NULL,
    amount DECIMAL(12, 2) NOT NULL,
    paid_on DATE NOT NULL
);
INSERT INTO companies VALUES (1, 'East'), (2, 'West');
INSERT INTO clients VALUES (1, 1, 'Ada', 115.00), (2, 2, 'Bo', 0.00);
INSERT INTO meters VALUES (1, 1, 1, 'E-1'), (2, 2, 2, 'W-1');
INSERT INTO invoices VALUES
    (1, 1, 1, 1, 'E1', '2025-01-31', 15.00, 95.00, 0),
    (2, 1, 1, 1, 'E2', '2025-02-28', 95.00, 165.00, 0),
    (3, 1, 1, 1, 'E3', '2025-03-31', 0.00, 999.00, 9),
    (4, 2, 2, 2, 'W1', '2025-01-31', 0.00, 33.30, 1);
INSERT INTO payments VALUES (1, 1, 50.00, '2025-03-01'), (2, 4, 33.30, '2025-02-01');
