CREATE TABLE meter_migration_runs (
    id INTEGER NOT NULL AUTO_INCREMENT,
    run_id VARCHAR(64) NOT NULL,
    tenant_id INTEGER NOT NULL,
    step VARCHAR(64) NOT NULL,
    undoes INTEGER,
    started_at DATETIME(6) NOT NULL,
    finished_at DATETIME(6),
    outcome VARCHAR(16) NOT NULL,
    rows_changed INTEGER,
    message LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,
    policy LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    software_version VARCHAR(64) NOT NULL,
    PRIMARY KEY (id)
) ENGINE=InnoDB;

CREATE INDEX ix_meter_migration_runs_tenant_id ON meter_migration_runs (tenant_id);

CREATE TABLE meter_migration_outcomes (
    step_run_id INTEGER NOT NULL,
    tenant_id INTEGER NOT NULL,
    outcome VARCHAR(16) NOT NULL,
    finished_at DATETIME(6) NOT NULL,
    message LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,
    seal VARCHAR(64) NOT NULL,
    PRIMARY KEY (step_run_id)
) ENGINE=InnoDB;

CREATE INDEX ix_meter_migration_outcomes_tenant_id ON meter_migration_outcomes (tenant_id);

CREATE TABLE meter_migration_commits (
    step_run_id INTEGER NOT NULL,
    tenant_id INTEGER NOT NULL,
    part INTEGER NOT NULL,
    rows_changed INTEGER NOT NULL,
    digest VARCHAR(64) NOT NULL,
    above_id VARCHAR(255),
    up_to_id VARCHAR(255),
    PRIMARY KEY (step_run_id, part)
) ENGINE=InnoDB;

CREATE INDEX ix_meter_migration_commits_tenant_id ON meter_migration_commits (tenant_id);

CREATE TABLE meter_migration_origins (
    step_run_id INTEGER NOT NULL,
    tenant_id INTEGER NOT NULL,
    started_by LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,
    executed_by LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    database_role LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,
    reason LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,
    PRIMARY KEY (step_run_id)
) ENGINE=InnoDB;

CREATE INDEX ix_meter_migration_origins_tenant_id ON meter_migration_origins (tenant_id);

CREATE TABLE meter_migration_chain (
    step_run_id INTEGER NOT NULL,
    tenant_id INTEGER NOT NULL,
    previous VARCHAR(64) NOT NULL,
    digest VARCHAR(64) NOT NULL,
    PRIMARY KEY (step_run_id)
) ENGINE=InnoDB;

CREATE INDEX ix_meter_migration_chain_tenant_id ON meter_migration_chain (tenant_id);

CREATE TABLE customer_balances_backup (
    tenant_id INTEGER NOT NULL,
    customer_id INTEGER NOT NULL,
    balance NUMERIC(14, 2),
    overpayment NUMERIC(14, 2),
    backed_up_at DATETIME(6) NOT NULL,
    run_id VARCHAR(64) NOT NULL,
    PRIMARY KEY (tenant_id, customer_id)
) ENGINE=InnoDB;

CREATE TABLE meter_migration_decisions (
    tenant_id INTEGER NOT NULL,
    payment_id INTEGER NOT NULL,
    number INTEGER NOT NULL,
    meter_id INTEGER,
    decided_by LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    note LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,
    decided_at DATETIME(6) NOT NULL,
    withdrawn INTEGER,
    PRIMARY KEY (tenant_id, payment_id, number)
) ENGINE=InnoDB;

CREATE TABLE meter_migration_retired_backups (
    step_run_id INTEGER NOT NULL,
    run_id VARCHAR(64) NOT NULL,
    tenant_id INTEGER NOT NULL,
    customer_id INTEGER NOT NULL,
    balance_before NUMERIC(14, 2),
    balance_after NUMERIC(14, 2),
    overpayment_before NUMERIC(14, 2),
    overpayment_after NUMERIC(14, 2),
    rule VARCHAR(64) NOT NULL,
    PRIMARY KEY (step_run_id, customer_id)
) ENGINE=InnoDB;

CREATE INDEX ix_meter_migration_retired_backups_tenant_id ON meter_migration_retired_backups (tenant_id);

CREATE TABLE meter_migration_payment_meter_ids (
    step_run_id INTEGER NOT NULL,
    run_id VARCHAR(64) NOT NULL,
    tenant_id INTEGER NOT NULL,
    payment_id INTEGER NOT NULL,
    meter_id_before INTEGER,
    meter_id_after INTEGER,
    rule VARCHAR(64) NOT NULL,
    decision_seen INTEGER,
    decided_by_seen LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,
    decided_at_seen DATETIME(6),
    note_seen LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,
    PRIMARY KEY (step_run_id, payment_id)
) ENGINE=InnoDB;

CREATE INDEX ix_meter_migration_payment_meter_ids_tenant_id ON meter_migration_payment_meter_ids (tenant_id);

CREATE TABLE meter_migration_invoice_amounts (
    step_run_id INTEGER NOT NULL,
    run_id VARCHAR(64) NOT NULL,
    tenant_id INTEGER NOT NULL,
    invoice_id INTEGER NOT NULL,
    amount_before NUMERIC(14, 2),
    amount_after NUMERIC(14, 2),
    balance_brought_forward_before NUMERIC(14, 2),
    balance_brought_forward_after NUMERIC(14, 2),
    total_amount_before NUMERIC(14, 2),
    total_amount_after NUMERIC(14, 2),
    rule VARCHAR(64) NOT NULL,
    PRIMARY KEY (step_run_id, invoice_id)
) ENGINE=InnoDB;

CREATE INDEX ix_meter_migration_invoice_amounts_tenant_id ON meter_migration_invoice_amounts (tenant_id);

CREATE TABLE meter_migration_meter_balances (
    step_run_id INTEGER NOT NULL,
    run_id VARCHAR(64) NOT NULL,
    tenant_id INTEGER NOT NULL,
    meter_id INTEGER NOT NULL,
    balance_before NUMERIC(14, 2),
    balance_after NUMERIC(14, 2),
    overpayment_before NUMERIC(14, 2),
    overpayment_after NUMERIC(14, 2),
    total_billed_before NUMERIC(14, 2),
    total_billed_after NUMERIC(14, 2),
    total_paid_before NUMERIC(14, 2),
    total_paid_after NUMERIC(14, 2),
    last_invoice_date_before DATE,
    last_invoice_date_after DATE,
    rule VARCHAR(64) NOT NULL,
    PRIMARY KEY (step_run_id, meter_id)
) ENGINE=InnoDB;

CREATE INDEX ix_meter_migration_meter_balances_tenant_id ON meter_migration_meter_balances (tenant_id);

CREATE TABLE meter_migration_customer_balances (
    step_run_id INTEGER NOT NULL,
    run_id VARCHAR(64) NOT NULL,
    tenant_id INTEGER NOT NULL,
    customer_id INTEGER NOT NULL,
    balance_before NUMERIC(14, 2),
    balance_after NUMERIC(14, 2),
    overpayment_before NUMERIC(14, 2),
    overpayment_after NUMERIC(14, 2),
    rule VARCHAR(64) NOT NULL,
    PRIMARY KEY (step_run_id, customer_id)
) ENGINE=InnoDB;

CREATE INDEX ix_meter_migration_customer_balances_tenant_id ON meter_migration_customer_balances (tenant_id);
