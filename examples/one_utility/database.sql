-- A single water works. There is no table of tenants; a meter names its customer; nobody keeps balances per meter.
CREATE TABLE consumers (
    consumer_no INTEGER PRIMARY KEY,
    full_name VARCHAR(80) NOT NULL,
    owes DECIMAL(12, 2) NOT NULL
);
CREATE TABLE devices (
    device_id INTEGER PRIMARY KEY,
    serial VARCHAR(40) NOT NULL,
    consumer_no INTEGER,
    state VARCHAR(20)
);
CREATE TABLE services (
    service_id INTEGER PRIMARY KEY,
    kind VARCHAR(20) NOT NULL
);
CREATE TABLE invoice_heads (
    invoice_id INTEGER PRIMARY KEY,
    consumer_no INTEGER NOT NULL,
    device_id INTEGER,
    nr VARCHAR(20) NOT NULL,
    issued DATE NOT NULL,
    net DECIMAL(12, 2),
    arrears DECIMAL(12, 2),
    gross DECIMAL(12, 2)
);
CREATE TABLE invoice_rows (
    row_id INTEGER PRIMARY KEY,
    invoice_id INTEGER NOT NULL,
    service_id INTEGER NOT NULL,
    price DECIMAL(12, 2)
);
CREATE TABLE receipts (
    receipt_id INTEGER PRIMARY KEY,
    consumer_no INTEGER NOT NULL,
    invoice_id INTEGER,
    paid DECIMAL(12, 2) NOT NULL,
    booked DATE NOT NULL
);
INSERT INTO consumers VALUES (1, 'Ada Novak', 70.00), (2, 'Bo Lind', -15.00);
INSERT INTO devices VALUES (11, 'W-11', 1, 'in use'), (12, 'W-12', 2, 'in use'), (13, 'W-13', NULL, 'in store');
INSERT INTO services VALUES (1, 'WATER'), (2, 'SEWER'), (3, 'BALANCE');
INSERT INTO invoice_heads VALUES
    (101, 1, 11, '2025-001', '2025-01-31', 0, 0, 0),
    (102, 1, 11, '2025-002', '2025-02-28', 50.00, 0, 50.00),
    (103, 2, 12, '2025-003', '2025-01-31', 40.00, 5.00, 45.00);
INSERT INTO invoice_rows VALUES
    (1, 101, 1, 60.00), (2, 101, 2, 20.00), (3, 102, 1, 50.00), (4, 103, 1, 40.00), (5, 103, 3, 5.00);
INSERT INTO receipts VALUES
    (1001, 1, 101, 40.00, '2025-02-10'), (1002, 1, NULL, 20.00, '2025-03-10'), (1003, 2, 103, 60.00, '2025-02-11');
