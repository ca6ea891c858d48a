-- Keys are the numbers that people know, as text; rows are numbered within a tenant; dates and periods are text.
CREATE TABLE districts (code varchar(10) PRIMARY KEY, name varchar(60) NOT NULL);
CREATE TABLE customers (
    district varchar(10) NOT NULL,
    customer_no varchar(20) NOT NULL,
    name varchar(60) NOT NULL,
    balance numeric(12, 2) NOT NULL,
    overpayment numeric(12, 2) NOT NULL,
    PRIMARY KEY (district, customer_no)
);
CREATE TABLE meters (
    district varchar(10) NOT NULL,
    meter_no varchar(20) NOT NULL,
    status varchar(10),
    balance numeric(12, 2),
    overpayment numeric(12, 2),
    last_period char(7),
    PRIMARY KEY (district, meter_no)
);
CREATE TABLE customer_meters (
    district varchar(10) NOT NULL,
    customer_no varchar(20) NOT NULL,
    meter_no varchar(20) NOT NULL,
    position integer NOT NULL,
    ended varchar(10),
    PRIMARY KEY (district, customer_no, meter_no)
);
CREATE TABLE items (district varchar(10) NOT NULL, item varchar(20) NOT NULL, PRIMARY KEY (district, item));
CREATE TABLE invoices (
    district varchar(10) NOT NULL,
    invoice_no varchar(20) NOT NULL,
    customer_no varchar(20) NOT NULL,
    meter_no varchar(20),
    dated varchar(10) NOT NULL,
    amount numeric(12, 2) NOT NULL,
    carried numeric(12, 2) NOT NULL,
    total numeric(12, 2) NOT NULL,
    PRIMARY KEY (district, invoice_no)
);
CREATE TABLE invoice_items (
    district varchar(10) NOT NULL,
    invoice_no varchar(20) NOT NULL,
    line integer NOT NULL,
    item varchar(20) NOT NULL,
    amount numeric(12, 2) NOT NULL,
    PRIMARY KEY (district, invoice_no, line)
);
CREATE TABLE payments (
    district varchar(10) NOT NULL,
    payment_no varchar(20) NOT NULL,
    customer_no varchar(20),
    invoice_no varchar(20),
    meter_no varchar(20),
    amount numeric(12, 2) NOT NULL,
    paid varchar(10) NOT NULL,
    PRIMARY KEY (district, payment_no)
);
INSERT INTO districts VALUES ('NORTH', 'Northern district'), ('SOUTH', 'Southern district');
INSERT INTO customers VALUES ('NORTH', 'C1', 'Ada', 12.00, 0), ('SOUTH', 'C1', 'Bo', 0, 3.00);
INSERT INTO meters VALUES ('NORTH', 'M1', 'on', 0, 0, NULL), ('SOUTH', 'M1', 'on', 0, 0, NULL);
INSERT INTO customer_meters VALUES ('NORTH', 'C1', 'M1', 1, NULL), ('SOUTH', 'C1', 'M1', 1, NULL);
INSERT INTO items VALUES ('NORTH', 'WATER'), ('NORTH', 'BALANCE'), ('SOUTH', 'WATER');
INSERT INTO invoices VALUES
    ('NORTH', 'I1', 'C1', 'M1', '31.01.2025', 10.00, 2.00, 12.00),
    ('NORTH', 'I2', 'C1', 'M1', '05.02.2025', 8.00, 12.00, 20.00),
    ('SOUTH', 'I1', 'C1', 'M1', '31.01.2025', 7.00, 0, 7.00);
INSERT INTO invoice_items VALUES
    ('NORTH', 'I1', 1, 'WATER', 10.00), ('NORTH', 'I1', 2, 'BALANCE', 2.00), ('NORTH', 'I2', 1, 'WATER', 8.00),
    ('NORTH', 'I2', 2, 'BALANCE', 12.00), ('SOUTH', 'I1', 1, 'WATER', 7.00);
INSERT INTO payments VALUES
    ('NORTH', 'P1', 'C1', 'I1', NULL, 8.00, '10.02.2025'), ('SOUTH', 'P1', 'C1', NULL, NULL, 10.00, '11.02.2025');
