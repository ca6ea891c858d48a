-- An invoice has one column for each kind of charge, and one for arrears: there are no lines.
CREATE TABLE branches (id INTEGER PRIMARY KEY, label VARCHAR(60) NOT NULL);
CREATE TABLE accounts (
    id INTEGER PRIMARY KEY,
    branch_id INTEGER NOT NULL,
    holder VARCHAR(60) NOT NULL,
    due DECIMAL(12, 2) NOT NULL,
    prepaid DECIMAL(12, 2) NOT NULL,
    meter_no INTEGER
);
CREATE TABLE water_meters (
    no INTEGER PRIMARY KEY,
    branch_id INTEGER NOT NULL,
    serial VARCHAR(30) NOT NULL,
    condition_now VARCHAR(30),
    due DECIMAL(12, 2),
    prepaid DECIMAL(12, 2)
);
CREATE TABLE water_bills (
    id INTEGER PRIMARY KEY,
    branch_id INTEGER NOT NULL,
    account_id INTEGER NOT NULL,
    meter_no INTEGER,
    bill_no VARCHAR(30) NOT NULL,
    bill_date DATE NOT NULL,
    water DECIMAL(12, 2) NOT NULL,
    sewer DECIMAL(12, 2) NOT NULL,
    penalty DECIMAL(12, 2) NOT NULL,
    arrears DECIMAL(12, 2) NOT NULL,
    charges DECIMAL(12, 2),
    brought_forward DECIMAL(12, 2),
    payable DECIMAL(12, 2)
);
CREATE TABLE collections (
    id INTEGER PRIMARY KEY,
    branch_id INTEGER NOT NULL,
    account_id INTEGER NOT NULL,
    bill_id INTEGER,
    meter_no INTEGER,
    amount DECIMAL(12, 2) NOT NULL,
    collected_on DATE NOT NULL,
    status VARCHAR(20) NOT NULL
);
INSERT INTO branches VALUES (7, 'Hill');
INSERT INTO accounts VALUES (1, 7, 'Ada', 61.00, 0, 501), (2, 7, 'Bo', 0, 5.00, 502);
INSERT INTO water_meters VALUES (501, 7, 'H-501', 'ok', NULL, NULL), (502, 7, 'H-502', 'ok', NULL, NULL);
INSERT INTO water_bills VALUES
    (1, 7, 1, 501, 'H1', '2025-01-31', 30.00, 10.00, 0.00, 12.00, NULL, NULL, 52.00),
    (2, 7, 1, 501, 'H2', '2025-02-28', 25.00, 9.00, 1.00, 26.00, 35.00, 26.00, 61.00),
    (3, 7, 2, 502, 'H3', '2025-01-31', 20.00, 0.00, 0.00, 0.00, 20.00, 0.00, 20.00);
INSERT INTO collections VALUES
    (1, 7, 1, 1, NULL, 26.00, '2025-02-10', 'Posted'),
    (2, 7, 2, NULL, NULL, 25.00, '2025-02-10', 'Posted'),
    (3, 7, 2, NULL, NULL, 80.00, '2025-02-11', 'Voided');
