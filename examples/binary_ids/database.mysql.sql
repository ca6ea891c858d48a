-- Ids are UUIDs of 16 bytes; a meter belongs to a tenant through its site.
CREATE TABLE organisations (id int unsigned NOT NULL PRIMARY KEY, name varchar(60) NOT NULL);
CREATE TABLE sites (id binary(16) NOT NULL PRIMARY KEY, organisation_id int unsigned NOT NULL);
CREATE TABLE people (
    id binary(16) NOT NULL PRIMARY KEY,
    organisation_id int unsigned NOT NULL,
    name varchar(60) NOT NULL,
    balance decimal(12, 2) NOT NULL,
    overpayment decimal(12, 2) NOT NULL
);
CREATE TABLE meters (
    id binary(16) NOT NULL PRIMARY KEY,
    site_id binary(16) NOT NULL,
    person_id binary(16) NULL,
    serial varchar(30) NOT NULL,
    balance decimal(12, 2) NULL,
    overpayment decimal(12, 2) NULL
);
CREATE TABLE products (id smallint NOT NULL PRIMARY KEY, organisation_id int unsigned NOT NULL, kind varchar(30) NOT NULL);
CREATE TABLE invoices (
    id binary(16) NOT NULL PRIMARY KEY,
    person_id binary(16) NOT NULL,
    meter_id binary(16) NULL,
    number varchar(30) NOT NULL,
    day date NOT NULL,
    amount decimal(12, 2) NOT NULL,
    carried decimal(12, 2) NOT NULL,
    total decimal(12, 2) NOT NULL
);
CREATE TABLE invoice_lines (
    id bigint unsigned NOT NULL PRIMARY KEY,
    invoice_id binary(16) NOT NULL,
    product_id smallint NOT NULL,
    amount decimal(12, 2) NOT NULL
);
CREATE TABLE payments (
    id binary(16) NOT NULL PRIMARY KEY,
    person_id binary(16) NOT NULL,
    invoice_id binary(16) NULL,
    amount decimal(12, 2) NOT NULL
);
INSERT INTO organisations VALUES (1, 'Cove');
INSERT INTO sites VALUES (X'000000000000000000000000000000A1', 1);
INSERT INTO people VALUES (X'000000000000000000000000000000B1', 1, 'Ada', 21.00, 0);
INSERT INTO meters VALUES (X'000000000000000000000000000000C1', X'000000000000000000000000000000A1',
    X'000000000000000000000000000000B1', 'C-1', NULL, NULL);
INSERT INTO products VALUES (1, 1, 'WATER');
INSERT INTO invoices VALUES (X'000000000000000000000000000000D1', X'000000000000000000000000000000B1',
    X'000000000000000000000000000000C1', 'C1', '2025-01-31', 33.00, 0, 33.00);
INSERT INTO invoice_lines VALUES (1, X'000000000000000000000000000000D1', 1, 33.00);
INSERT INTO payments VALUES (X'000000000000000000000000000000E1', X'000000000000000000000000000000B1',
    X'000000000000000000000000000000D1', 7.00), (X'000000000000000000000000000000E2',
    X'000000000000000000000000000000B1', NULL, 5.00);
