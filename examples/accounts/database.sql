-- An account has one signed balance; meters come to accounts for ranges of dates; a meter may serve several accounts.
CREATE TABLE utilities (id INTEGER PRIMARY KEY, name VARCHAR(60) NOT NULL);
CREATE TABLE accounts (
    id INTEGER PRIMARY KEY,
    utility_id INTEGER NOT NULL,
    holder VARCHAR(60) NOT NULL,
    saldo DECIMAL(14, 4) NOT NULL
);
CREATE TABLE meters (
    id INTEGER PRIMARY KEY,
    utility_id INTEGER NOT NULL,
    meter_number VARCHAR(30) NOT NULL,
    status VARCHAR(10) NOT NULL
);
CREATE TABLE occupancies (
    account_id INTEGER NOT NULL,
    meter_id INTEGER NOT NULL,
    starts DATE NOT NULL,
    ends DATE,
    PRIMARY KEY (account_id, meter_id, starts)
);
CREATE TABLE tariffs (id INTEGER PRIMARY KEY, utility_id INTEGER NOT NULL, name VARCHAR(30) NOT NULL);
CREATE TABLE invoices (
    id INTEGER PRIMARY KEY,
    utility_id INTEGER NOT NULL,
    account_id INTEGER NOT NULL,
    meter_id INTEGER,
    invoice_number VARCHAR(30) NOT NULL,
    invoice_date DATE NOT NULL,
    amount DECIMAL(14, 4) NOT NULL,
    balance_brought_forward DECIMAL(14, 4) NOT NULL,
    total_amount DECIMAL(14, 4) NOT NULL
);
CREATE TABLE invoice_bills (
    id INTEGER PRIMARY KEY,
    invoice_id INTEGER NOT NULL,
    bill_id INTEGER NOT NULL,
    amount DECIMAL(14, 4) NOT NULL
);
CREATE TABLE payments (
    id INTEGER PRIMARY KEY,
    utility_id INTEGER NOT NULL,
    account_id INTEGER NOT NULL,
    invoice_id INTEGER,
    amount DECIMAL(14, 4) NOT NULL
);
INSERT INTO utilities VALUES (1, 'Lake');
INSERT INTO accounts VALUES (1, 1, 'Ada', 44.0000), (2, 1, 'Bo', -6.5000), (3, 1, 'Cy', 0.0000);
INSERT INTO meters VALUES (1, 1, 'L-1', 'A'), (2, 1, 'L-2', 'A'), (3, 1, 'L-3', 'R');
INSERT INTO occupancies VALUES (1, 3, '2020-01-01', '2024-12-31'), (1, 1, '2025-01-01', NULL),
    (2, 2, '2021-05-01', NULL), (3, 3, '2025-01-01', NULL);
INSERT INTO tariffs VALUES (1, 1, 'WATER');
INSERT INTO invoices VALUES
    (1, 1, 1, 3, 'L1', '2024-12-31', 20.0000, 0, 20.0000),
    (2, 1, 1, 1, 'L2', '2025-01-31', 54.0000, 0, 54.0000),
    (3, 1, 2, 2, 'L3', '2025-01-31', 13.5000, 0, 13.5000);
INSERT INTO invoice_bills VALUES (1, 1, 1, 20.0000), (2, 2, 1, 54.0000), (3, 3, 1, 13.5000);
INSERT INTO payments VALUES (1, 1, 1, 1, 20.0000), (2, 1, 1, NULL, 10.0000), (3, 1, 2, NULL, 20.0000);
