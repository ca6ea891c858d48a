CREATE TABLE tenants (
    id BIGINT NOT NULL AUTO_INCREMENT,
    name VARCHAR(120),
    PRIMARY KEY (id)
) ENGINE=InnoDB;

CREATE TABLE customers (
    id BIGINT NOT NULL AUTO_INCREMENT,
    tenant_id BIGINT NOT NULL,
    name VARCHAR(120),
    balance NUMERIC(10, 3),
    overpayment NUMERIC(10, 3),
    PRIMARY KEY (id)
) ENGINE=InnoDB;

CREATE INDEX ix_customers_tenant_id ON customers (tenant_id);

CREATE TABLE meters (
    id BIGINT NOT NULL AUTO_INCREMENT,
    tenant_id BIGINT NOT NULL,
    meter_number VARCHAR(120),
    status VARCHAR(120),
    balance NUMERIC(10, 3),
    overpayment NUMERIC(10, 3),
    PRIMARY KEY (id)
) ENGINE=InnoDB;

CREATE INDEX ix_meters_tenant_id ON meters (tenant_id);

CREATE TABLE meter_assignments (
    id BIGINT NOT NULL AUTO_INCREMENT,
    tenant_id BIGINT NOT NULL,
    customer_id BIGINT,
    meter_id BIGINT,
    is_active BOOL,
    PRIMARY KEY (id)
) ENGINE=InnoDB;

CREATE INDEX ix_meter_assignments_customer_id ON meter_assignments (customer_id);

CREATE INDEX ix_meter_assignments_tenant_id ON meter_assignments (tenant_id);

CREATE TABLE bills (
    id BIGINT NOT NULL AUTO_INCREMENT,
    tenant_id BIGINT NOT NULL,
    bill_type VARCHAR(120),
    PRIMARY KEY (id)
) ENGINE=InnoDB;

CREATE INDEX ix_bills_tenant_id ON bills (tenant_id);

CREATE TABLE invoices (
    id BIGINT NOT NULL AUTO_INCREMENT,
    tenant_id BIGINT NOT NULL,
    customer_id BIGINT,
    meter_id BIGINT,
    invoice_number VARCHAR(120),
    invoice_date DATE,
    amount NUMERIC(10, 3),
    balance_brought_forward NUMERIC(10, 3),
    total_amount NUMERIC(10, 3),
    PRIMARY KEY (id)
) ENGINE=InnoDB;

CREATE INDEX ix_invoices_meter_id ON invoices (meter_id);

CREATE INDEX ix_invoices_tenant_id ON invoices (tenant_id);

CREATE TABLE invoice_bills (
    id BIGINT NOT NULL AUTO_INCREMENT,
    invoice_id BIGINT,
    bill_id BIGINT,
    amount NUMERIC(10, 3),
    PRIMARY KEY (id)
) ENGINE=InnoDB;

CREATE INDEX ix_invoice_bills_invoice_id ON invoice_bills (invoice_id);

CREATE TABLE payments (
    id BIGINT NOT NULL AUTO_INCREMENT,
    tenant_id BIGINT NOT NULL,
    customer_id BIGINT,
    invoice_id BIGINT,
    meter_id BIGINT,
    amount NUMERIC(10, 3),
    PRIMARY KEY (id)
) ENGINE=InnoDB;

CREATE INDEX ix_payments_invoice_id ON payments (invoice_id);

CREATE INDEX ix_payments_meter_id ON payments (meter_id);

CREATE INDEX ix_payments_tenant_id ON payments (tenant_id);
