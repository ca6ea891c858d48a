CREATE TABLE tenants (
    id VARCHAR(36) NOT NULL,
    name VARCHAR(120),
    PRIMARY KEY (id)
) ENGINE=InnoDB;

CREATE TABLE customers (
    id VARCHAR(36) NOT NULL,
    tenant_id VARCHAR(36) NOT NULL,
    name VARCHAR(120),
    balance NUMERIC(14, 2),
    overpayment NUMERIC(14, 2),
    deleted_at DATETIME(6),
    updated_at DATETIME(6),
    PRIMARY KEY (id)
) ENGINE=InnoDB;

CREATE INDEX ix_customers_tenant_id ON customers (tenant_id);

CREATE INDEX ix_customers_updated_at ON customers (updated_at);

CREATE TABLE meters (
    id VARCHAR(36) NOT NULL,
    tenant_id VARCHAR(36) NOT NULL,
    meter_number VARCHAR(120),
    status VARCHAR(120),
    balance NUMERIC(14, 2),
    overpayment NUMERIC(14, 2),
    total_billed NUMERIC(14, 2),
    total_paid NUMERIC(14, 2),
    last_invoice_date DATE,
    deleted_at DATETIME(6),
    updated_at DATETIME(6),
    PRIMARY KEY (id)
) ENGINE=InnoDB;

CREATE INDEX ix_meters_tenant_id ON meters (tenant_id);

CREATE INDEX ix_meters_updated_at ON meters (updated_at);

CREATE TABLE meter_assignments (
    id VARCHAR(36) NOT NULL,
    tenant_id VARCHAR(36) NOT NULL,
    customer_id VARCHAR(36),
    meter_id VARCHAR(36),
    is_active BOOL,
    deleted_at DATETIME(6),
    updated_at DATETIME(6),
    PRIMARY KEY (id)
) ENGINE=InnoDB;

CREATE INDEX ix_meter_assignments_customer_id ON meter_assignments (customer_id);

CREATE INDEX ix_meter_assignments_tenant_id ON meter_assignments (tenant_id);

CREATE INDEX ix_meter_assignments_updated_at ON meter_assignments (updated_at);

CREATE TABLE bills (
    id VARCHAR(36) NOT NULL,
    tenant_id VARCHAR(36) NOT NULL,
    bill_type VARCHAR(120),
    deleted_at DATETIME(6),
    updated_at DATETIME(6),
    PRIMARY KEY (id)
) ENGINE=InnoDB;

CREATE INDEX ix_bills_tenant_id ON bills (tenant_id);

CREATE INDEX ix_bills_updated_at ON bills (updated_at);

CREATE TABLE invoices (
    id VARCHAR(36) NOT NULL,
    tenant_id VARCHAR(36) NOT NULL,
    customer_id VARCHAR(36),
    meter_id VARCHAR(36),
    invoice_number VARCHAR(120),
    invoice_date DATE,
    amount NUMERIC(14, 2),
    balance_brought_forward NUMERIC(14, 2),
    total_amount NUMERIC(14, 2),
    status VARCHAR(120),
    deleted_at DATETIME(6),
    updated_at DATETIME(6),
    PRIMARY KEY (id)
) ENGINE=InnoDB;

CREATE INDEX ix_invoices_meter_id ON invoices (meter_id);

CREATE INDEX ix_invoices_tenant_id ON invoices (tenant_id);

CREATE INDEX ix_invoices_updated_at ON invoices (updated_at);

CREATE TABLE invoice_bills (
    id VARCHAR(36) NOT NULL,
    invoice_id VARCHAR(36),
    bill_id VARCHAR(36),
    amount NUMERIC(14, 2),
    tenant_id VARCHAR(36),
    deleted_at DATETIME(6),
    updated_at DATETIME(6),
    PRIMARY KEY (id)
) ENGINE=InnoDB;

CREATE INDEX ix_invoice_bills_invoice_id ON invoice_bills (invoice_id);

CREATE INDEX ix_invoice_bills_updated_at ON invoice_bills (updated_at);

CREATE TABLE payments (
    id VARCHAR(36) NOT NULL,
    tenant_id VARCHAR(36) NOT NULL,
    customer_id VARCHAR(36),
    invoice_id VARCHAR(36),
    meter_id VARCHAR(36),
    amount NUMERIC(14, 2),
    status VARCHAR(120),
    paid_at DATETIME(6),
    deleted_at DATETIME(6),
    updated_at DATETIME(6),
    PRIMARY KEY (id)
) ENGINE=InnoDB;

CREATE INDEX ix_payments_invoice_id ON payments (invoice_id);

CREATE INDEX ix_payments_meter_id ON payments (meter_id);

CREATE INDEX ix_payments_tenant_id ON payments (tenant_id);

CREATE INDEX ix_payments_updated_at ON payments (updated_at);
