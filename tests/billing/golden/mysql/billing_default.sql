CREATE TABLE tenants (
    id INTEGER NOT NULL AUTO_INCREMENT,
    name VARCHAR(120),
    PRIMARY KEY (id)
) ENGINE=InnoDB;

CREATE TABLE customers (
    id INTEGER NOT NULL AUTO_INCREMENT,
    tenant_id INTEGER NOT NULL,
    name VARCHAR(120),
    balance NUMERIC(14, 2),
    overpayment NUMERIC(14, 2),
    deleted_at DATETIME(6),
    PRIMARY KEY (id)
) ENGINE=InnoDB;

CREATE INDEX ix_customers_tenant_id ON customers (tenant_id);

CREATE TABLE meters (
    id INTEGER NOT NULL AUTO_INCREMENT,
    tenant_id INTEGER NOT NULL,
    meter_number VARCHAR(120),
    status VARCHAR(120),
    balance NUMERIC(14, 2),
    overpayment NUMERIC(14, 2),
    total_billed NUMERIC(14, 2),
    total_paid NUMERIC(14, 2),
    last_invoice_date DATE,
    deleted_at DATETIME(6),
    PRIMARY KEY (id)
) ENGINE=InnoDB;

CREATE INDEX ix_meters_tenant_id ON meters (tenant_id);

CREATE TABLE meter_assignments (
    id INTEGER NOT NULL AUTO_INCREMENT,
    tenant_id INTEGER NOT NULL,
    customer_id INTEGER,
    meter_id INTEGER,
    is_active BOOL,
    deleted_at DATETIME(6),
    PRIMARY KEY (id)
) ENGINE=InnoDB;

CREATE INDEX ix_meter_assignments_customer_id ON meter_assignments (customer_id);

CREATE INDEX ix_meter_assignments_tenant_id ON meter_assignments (tenant_id);

CREATE TABLE bills (
    id INTEGER NOT NULL AUTO_INCREMENT,
    tenant_id INTEGER NOT NULL,
    bill_type VARCHAR(120),
    deleted_at DATETIME(6),
    PRIMARY KEY (id)
) ENGINE=InnoDB;

CREATE INDEX ix_bills_tenant_id ON bills (tenant_id);

CREATE TABLE invoices (
    id INTEGER NOT NULL AUTO_INCREMENT,
    tenant_id INTEGER NOT NULL,
    customer_id INTEGER,
    meter_id INTEGER,
    invoice_number VARCHAR(120),
    invoice_date DATE,
    amount NUMERIC(14, 2),
    balance_brought_forward NUMERIC(14, 2),
    total_amount NUMERIC(14, 2),
    status VARCHAR(120),
    deleted_at DATETIME(6),
    PRIMARY KEY (id)
) ENGINE=InnoDB;

CREATE INDEX ix_invoices_meter_id ON invoices (meter_id);

CREATE INDEX ix_invoices_tenant_id ON invoices (tenant_id);

CREATE TABLE invoice_bills (
    id INTEGER NOT NULL AUTO_INCREMENT,
    invoice_id INTEGER,
    bill_id INTEGER,
    amount NUMERIC(14, 2),
    tenant_id INTEGER,
    deleted_at DATETIME(6),
    PRIMARY KEY (id)
) ENGINE=InnoDB;

CREATE INDEX ix_invoice_bills_invoice_id ON invoice_bills (invoice_id);

CREATE TABLE payments (
    id INTEGER NOT NULL AUTO_INCREMENT,
    tenant_id INTEGER NOT NULL,
    customer_id INTEGER,
    invoice_id INTEGER,
    meter_id INTEGER,
    amount NUMERIC(14, 2),
    status VARCHAR(120),
    paid_at DATETIME(6),
    deleted_at DATETIME(6),
    PRIMARY KEY (id)
) ENGINE=InnoDB;

CREATE INDEX ix_payments_invoice_id ON payments (invoice_id);

CREATE INDEX ix_payments_meter_id ON payments (meter_id);

CREATE INDEX ix_payments_tenant_id ON payments (tenant_id);
