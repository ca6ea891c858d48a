CREATE TABLE meter_migration_runs (
    id INTEGER NOT NULL,
    run_id VARCHAR(64) NOT NULL,
    tenant_id BIGINT NOT NULL,
    step VARCHAR(64) NOT NULL,
    undoes INTEGER,
    started_at DATETIME NOT NULL,
    finished_at DATETIME,
    outcome VARCHAR(16) NOT NULL,
    rows_changed INTEGER,
    message TEXT,
    policy TEXT NOT NULL,
    software_version VARCHAR(64) NOT NULL,
    PRIMARY KEY (id)
);

CREATE INDEX ix_meter_migration_runs_tenant_id ON meter_migration_runs (tenant_id);

CREATE TABLE meter_migration_outcomes (
    step_run_id INTEGER NOT NULL,
    tenant_id BIGINT NOT NULL,
    outcome VARCHAR(16) NOT NULL,
    finished_at DATETIME NOT NULL,
    message TEXT,
    seal VARCHAR(64) NOT NULL,
    PRIMARY KEY (step_run_id)
);

CREATE INDEX ix_meter_migration_outcomes_tenant_id ON meter_migration_outcomes (tenant_id);

CREATE TABLE meter_migration_commits (
    step_run_id INTEGER NOT NULL,
    tenant_id BIGINT NOT NULL,
    part INTEGER NOT NULL,
    rows_changed INTEGER NOT NULL,
    digest VARCHAR(64) NOT NULL,
    above_id VARCHAR(255),
    up_to_id VARCHAR(255),
    PRIMARY KEY (step_run_id, part)
);

CREATE INDEX ix_meter_migration_commits_tenant_id ON meter_migration_commits (tenant_id);

CREATE TABLE meter_migration_origins (
    step_run_id INTEGER NOT NULL,
    tenant_id BIGINT NOT NULL,
    started_by TEXT,
    executed_by TEXT NOT NULL,
    database_role TEXT,
    reason TEXT,
    PRIMARY KEY (step_run_id)
);

CREATE INDEX ix_meter_migration_origins_tenant_id ON meter_migration_origins (tenant_id);

CREATE TABLE meter_migration_chain (
    step_run_id INTEGER NOT NULL,
    tenant_id BIGINT NOT NULL,
    previous VARCHAR(64) NOT NULL,
    digest VARCHAR(64) NOT NULL,
    PRIMARY KEY (step_run_id)
);

CREATE INDEX ix_meter_migration_chain_tenant_id ON meter_migration_chain (tenant_id);

CREATE TABLE customer_balances_backup (
    tenant_id BIGINT NOT NULL,
    customer_id BIGINT NOT NULL,
    balance NUMERIC,
    overpayment NUMERIC,
    backed_up_at DATETIME NOT NULL,
    run_id VARCHAR(64) NOT NULL,
    PRIMARY KEY (tenant_id, customer_id)
);

CREATE TABLE meter_migration_decisions (
    tenant_id BIGINT NOT NULL,
    payment_id BIGINT NOT NULL,
    number INTEGER NOT NULL,
    meter_id BIGINT,
    decided_by TEXT NOT NULL,
    note TEXT,
    decided_at DATETIME NOT NULL,
    withdrawn INTEGER,
    PRIMARY KEY (tenant_id, payment_id, number)
);

CREATE TABLE meter_migration_retired_backups (
    step_run_id INTEGER NOT NULL,
    run_id VARCHAR(64) NOT NULL,
    tenant_id BIGINT NOT NULL,
    customer_id BIGINT NOT NULL,
    balance_before BLOB,
    balance_after BLOB,
    overpayment_before BLOB,
    overpayment_after BLOB,
    rule VARCHAR(64) NOT NULL,
    PRIMARY KEY (step_run_id, customer_id)
);

CREATE INDEX ix_meter_migration_retired_backups_tenant_id ON meter_migration_retired_backups (tenant_id);

CREATE TABLE meter_migration_payment_meter_ids (
    step_run_id INTEGER NOT NULL,
    run_id VARCHAR(64) NOT NULL,
    tenant_id BIGINT NOT NULL,
    payment_id BIGINT NOT NULL,
    meter_id_before BLOB,
    meter_id_after BLOB,
    rule VARCHAR(64) NOT NULL,
    decision_seen INTEGER,
    decided_by_seen TEXT,
    decided_at_seen DATETIME,
    note_seen TEXT,
    PRIMARY KEY (step_run_id, payment_id)
);

CREATE INDEX ix_meter_migration_payment_meter_ids_tenant_id ON meter_migration_payment_meter_ids (tenant_id);

CREATE TABLE meter_migration_invoice_amounts (
    step_run_id INTEGER NOT NULL,
    run_id VARCHAR(64) NOT NULL,
    tenant_id BIGINT NOT NULL,
    invoice_id BIGINT NOT NULL,
    amount_before BLOB,
    amount_after BLOB,
    balance_brought_forward_before BLOB,
    balance_brought_forward_after BLOB,
    total_amount_before BLOB,
    total_amount_after BLOB,
    rule VARCHAR(64) NOT NULL,
    PRIMARY KEY (step_run_id, invoice_id)
);

CREATE INDEX ix_meter_migration_invoice_amounts_tenant_id ON meter_migration_invoice_amounts (tenant_id);

CREATE TABLE meter_migration_meter_balances (
    step_run_id INTEGER NOT NULL,
    run_id VARCHAR(64) NOT NULL,
    tenant_id BIGINT NOT NULL,
    meter_id BIGINT NOT NULL,
    balance_before BLOB,
    balance_after BLOB,
    overpayment_before BLOB,
    overpayment_after BLOB,
    rule VARCHAR(64) NOT NULL,
    PRIMARY KEY (step_run_id, meter_id)
);

CREATE INDEX ix_meter_migration_meter_balances_tenant_id ON meter_migration_meter_balances (tenant_id);

CREATE TABLE meter_migration_customer_balances (
    step_run_id INTEGER NOT NULL,
    run_id VARCHAR(64) NOT NULL,
    tenant_id BIGINT NOT NULL,
    customer_id BIGINT NOT NULL,
    balance_before BLOB,
    balance_after BLOB,
    overpayment_before BLOB,
    overpayment_after BLOB,
    rule VARCHAR(64) NOT NULL,
    PRIMARY KEY (step_run_id, customer_id)
);

CREATE INDEX ix_meter_migration_customer_balances_tenant_id ON meter_migration_customer_balances (tenant_id);
