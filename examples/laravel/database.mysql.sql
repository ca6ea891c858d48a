-- The Laravel application that this product replaces commands of, on MariaDB: customers are users with a role, bills
-- have a quantity and name their type in a lookup table, and a payment is reversed by the time at which it was.
CREATE TABLE tenants (
    id bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY,
    name varchar(255) NOT NULL,
    created_at timestamp NULL,
    updated_at timestamp NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
CREATE TABLE users (
    id bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY,
    tenant_id bigint unsigned NULL,
    name varchar(255) NOT NULL,
    email varchar(255) NOT NULL UNIQUE,
    role enum('super_admin', 'admin', 'customer') NOT NULL DEFAULT 'customer',
    balance decimal(15, 2) NOT NULL DEFAULT 0,
    overpayment decimal(15, 2) NOT NULL DEFAULT 0,
    deleted_at timestamp NULL,
    created_at timestamp NULL,
    updated_at timestamp NULL,
    CONSTRAINT users_tenant_id_foreign FOREIGN KEY (tenant_id) REFERENCES tenants (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
CREATE TABLE meters (
    id bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY,
    tenant_id bigint unsigned NOT NULL,
    meter_number varchar(255) NOT NULL,
    status enum('active', 'inactive', 'faulty') NOT NULL DEFAULT 'active',
    balance decimal(15, 2) NOT NULL DEFAULT 0,
    overpayment decimal(15, 2) NOT NULL DEFAULT 0,
    created_at timestamp NULL,
    updated_at timestamp NULL,
    UNIQUE KEY meters_meter_number_unique (tenant_id, meter_number)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
CREATE TABLE meter_assignments (
    id bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY,
    tenant_id bigint unsigned NOT NULL,
    user_id bigint unsigned NOT NULL,
    meter_id bigint unsigned NOT NULL,
    is_active tinyint(1) NOT NULL DEFAULT 1,
    created_at timestamp NULL,
    updated_at timestamp NULL,
    KEY meter_assignments_tenant_id_index (tenant_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
CREATE TABLE bill_types (
    id bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY,
    name varchar(255) NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
CREATE TABLE bills (
    id bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY,
    tenant_id bigint unsigned NOT NULL,
    bill_type_id bigint unsigned NOT NULL,
    amount decimal(15, 3) NOT NULL COMMENT 'cubic metres',
    total_amount decimal(15, 2) NOT NULL,
    created_at timestamp NULL,
    updated_at timestamp NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
CREATE TABLE invoices (
    id bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY,
    tenant_id bigint unsigned NOT NULL,
    user_id bigint unsigned NOT NULL,
    meter_id bigint unsigned NULL,
    invoice_number varchar(255) NOT NULL,
    invoice_date date NOT NULL,
    amount decimal(15, 2) NOT NULL DEFAULT 0,
    balance_brought_forward decimal(15, 2) NOT NULL DEFAULT 0,
    total_amount decimal(15, 2) NOT NULL DEFAULT 0,
    status varchar(255) NOT NULL DEFAULT 'not paid',
    deleted_at timestamp NULL,
    created_at timestamp NULL,
    updated_at timestamp NULL,
    KEY invoices_tenant_id_index (tenant_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
CREATE TABLE invoice_bills (
    id bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY,
    invoice_id bigint unsigned NOT NULL,
    bill_id bigint unsigned NOT NULL,
    amount decimal(15, 2) NOT NULL,
    KEY invoice_bills_invoice_id_index (invoice_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
CREATE TABLE payments (
    id bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY,
    tenant_id bigint unsigned NOT NULL,
    user_id bigint unsigned NOT NULL,
    invoice_id bigint unsigned NULL,
    meter_id bigint unsigned NULL,
    amount decimal(15, 2) NOT NULL,
    `date` date NOT NULL,
    reversed_at timestamp NULL,
    reversal_reason varchar(255) NULL,
    created_at timestamp NULL,
    updated_at timestamp NULL,
    KEY payments_tenant_id_index (tenant_id),
    CONSTRAINT payments_meter_id_foreign FOREIGN KEY (meter_id) REFERENCES meters (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
INSERT INTO tenants (id, name) VALUES (1, 'North Water'), (2, 'South Water');
INSERT INTO users (id, tenant_id, name, email, role, balance, overpayment) VALUES
    (1, NULL, 'Operator', 'operator@example.org', 'super_admin', 0, 0),
    (2, 1, 'Ada Novak', 'ada@example.org', 'customer', 230.00, 0),
    (3, 1, 'Bo Lind', 'bo@example.org', 'customer', 0, 25.00),
    (4, 1, 'Clerk', 'clerk@example.org', 'admin', 0, 0),
    (5, 2, 'Cy Moreau', 'cy@example.org', 'customer', 90.00, 0);
INSERT INTO meters (id, tenant_id, meter_number) VALUES (1, 1, 'N-1'), (2, 1, 'N-2'), (3, 1, 'N-3'), (4, 2, 'S-1');
INSERT INTO meter_assignments (id, tenant_id, user_id, meter_id, is_active) VALUES
    (1, 1, 2, 1, 1), (2, 1, 2, 2, 0), (3, 1, 3, 3, 1), (4, 2, 5, 4, 1);
INSERT INTO bill_types (id, name) VALUES (1, 'Water'), (2, 'Balance');
INSERT INTO bills (id, tenant_id, bill_type_id, amount, total_amount) VALUES
    (1, 1, 1, 12.500, 100.00), (2, 1, 2, 0, 30.00), (3, 1, 1, 20.000, 160.00), (4, 1, 1, 10.000, 75.00),
    (5, 2, 1, 11.250, 90.00);
INSERT INTO invoices (id, tenant_id, user_id, meter_id, invoice_number, invoice_date, amount, balance_brought_forward,
    total_amount, status) VALUES
    (1, 1, 2, 1, 'INV-1', '2025-01-31', 100.00, 30.00, 130.00, 'Partial Payment'),
    (2, 1, 2, 1, 'INV-2', '2025-02-28', 0, 0, 0, 'not paid'),
    (3, 1, 3, 3, 'INV-3', '2025-01-31', 75.00, 0, 75.00, 'PAID'),
    (4, 1, 3, 3, 'INV-4', '2025-02-28', 75.00, 0, 75.00, 'Reversed'),
    (5, 2, 5, 4, 'INV-1', '2025-01-31', 90.00, 0, 90.00, 'not paid');
INSERT INTO invoice_bills (id, invoice_id, bill_id, amount) VALUES
    (1, 1, 1, 100.00), (2, 1, 2, 30.00), (3, 2, 3, 160.00), (4, 3, 4, 75.00), (5, 4, 4, 75.00), (6, 5, 5, 90.00);
INSERT INTO payments (id, tenant_id, user_id, invoice_id, amount, `date`, reversed_at, reversal_reason) VALUES
    (1, 1, 2, 1, 60.00, '2025-02-03', NULL, NULL),
    (2, 1, 3, 3, 100.00, '2025-02-04', NULL, NULL),
    (3, 1, 3, NULL, 40.00, '2025-02-05', '2025-02-06 08:00:00', 'bounced'),
    (4, 1, 2, NULL, 0.00, '2025-02-07', NULL, NULL);
