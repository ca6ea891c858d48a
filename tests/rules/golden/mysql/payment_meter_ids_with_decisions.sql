-- examined
SELECT decided.tenant_id, decided.id, CASE
WHEN (decided.meter_id IS NOT NULL
AND decided.takes_decision = 0) THEN 'already_correct'
WHEN (CASE
WHEN (decided.decision IN ('decision', 'invoice', 'sole_active_meter', 'first_active_meter', 'first_assigned_meter')) THEN decided.decision END IS NOT NULL) THEN 'would_change'
ELSE 'unresolved' END AS outcome, CASE
WHEN (decided.meter_id IS NOT NULL
AND decided.takes_decision = 0) THEN NULL
WHEN (CASE
WHEN (decided.decision IN ('decision', 'invoice', 'sole_active_meter', 'first_active_meter', 'first_assigned_meter')) THEN decided.decision END IS NOT NULL) THEN CASE
WHEN (decided.decision IN ('decision', 'invoice', 'sole_active_meter', 'first_active_meter', 'first_assigned_meter')) THEN decided.decision END
ELSE decided.decision END AS label, decided.amount AS money, decided.meter_id AS meter_id_before, CASE
WHEN (decided.takes_decision = 1) THEN decided.decided_meter_id
WHEN (decided.decision = 'invoice') THEN decided.invoice_meter_id
ELSE decided.assigned_meter_id END AS meter_id_after, CASE
WHEN (decided.takes_decision = 1) THEN decided.decision_seen END AS decision_seen, CASE
WHEN (decided.takes_decision = 1) THEN decided.decided_by_seen END AS decided_by_seen, CASE
WHEN (decided.takes_decision = 1) THEN decided.decided_at_seen END AS decided_at_seen, CASE
WHEN (decided.takes_decision = 1) THEN decided.note_seen END AS note_seen
FROM (SELECT payments.tenant_id AS tenant_id, payments.id AS id, payments.meter_id AS meter_id, payments.amount AS amount, invoices.meter_id AS invoice_meter_id, assigned.meter_id AS assigned_meter_id, decisions_in_effect.meter_id AS decided_meter_id, CASE
WHEN (decisions_in_effect.meter_id IS NOT NULL
AND (payments.meter_id IS NULL OR written_where_decided.payment_id IS NOT NULL
AND payments.meter_id != decisions_in_effect.meter_id)) THEN 1
ELSE 0 END AS takes_decision, decisions_in_effect.number AS decision_seen, decisions_in_effect.decided_by AS decided_by_seen, decisions_in_effect.decided_at AS decided_at_seen, decisions_in_effect.note AS note_seen, CASE
WHEN (decisions_in_effect.meter_id IS NOT NULL
AND (payments.meter_id IS NULL OR written_where_decided.payment_id IS NOT NULL
AND payments.meter_id != decisions_in_effect.meter_id)) THEN 'decision'
WHEN (payments.invoice_id IS NOT NULL) THEN CASE
WHEN (meters.id IS NOT NULL) THEN 'invoice'
WHEN (invoices.id IS NULL) THEN CASE
WHEN ((SELECT invoices.tenant_id
FROM invoices
WHERE invoices.id = payments.invoice_id
AND invoices.deleted_at IS NULL) IS NOT NULL) THEN 'invoice_of_other_tenant'
ELSE 'invoice_missing' END
WHEN ((SELECT meters.tenant_id
FROM meters
WHERE meters.id = invoices.meter_id
AND meters.deleted_at IS NULL) IS NOT NULL) THEN 'meter_of_other_tenant'
ELSE 'invoice_without_meter' END
ELSE CASE
WHEN (customers.id IS NULL) THEN 'customer_missing'
WHEN (assigned.active_meters = 1) THEN 'sole_active_meter'
WHEN (assigned.active_meters > 1) THEN 'first_active_meter'
WHEN (assigned.meter_id IS NOT NULL) THEN 'customer_without_active_meter'
WHEN (assigned_elsewhere.customer_id IS NOT NULL) THEN 'meter_of_other_tenant'
ELSE 'customer_without_meter' END END AS decision
FROM (SELECT payments.id AS id, payments.tenant_id AS tenant_id, payments.customer_id AS customer_id, payments.invoice_id AS invoice_id, payments.meter_id AS meter_id, payments.amount AS amount, payments.status AS status, payments.paid_at AS paid_at
FROM payments
WHERE payments.tenant_id = 1
AND payments.deleted_at IS NULL) AS payments
LEFT OUTER JOIN (SELECT newest_decisions.tenant_id AS tenant_id, newest_decisions.payment_id AS payment_id, newest_decisions.number AS number, newest_decisions.meter_id AS meter_id, newest_decisions.decided_by AS decided_by, newest_decisions.note AS note, newest_decisions.decided_at AS decided_at, newest_decisions.withdrawn AS withdrawn
FROM (SELECT meter_migration_decisions.tenant_id AS tenant_id, meter_migration_decisions.payment_id AS payment_id, meter_migration_decisions.number AS number, meter_migration_decisions.meter_id AS meter_id, meter_migration_decisions.decided_by AS decided_by, meter_migration_decisions.note AS note, meter_migration_decisions.decided_at AS decided_at, meter_migration_decisions.withdrawn AS withdrawn
FROM meter_migration_decisions INNER
JOIN (SELECT meter_migration_decisions.tenant_id AS tenant_id, meter_migration_decisions.payment_id AS payment_id, max(meter_migration_decisions.number) AS number
FROM meter_migration_decisions
WHERE meter_migration_decisions.tenant_id = 1
GROUP BY meter_migration_decisions.tenant_id, meter_migration_decisions.payment_id) AS newest_decisions_numbers ON newest_decisions_numbers.tenant_id = meter_migration_decisions.tenant_id
AND newest_decisions_numbers.payment_id = meter_migration_decisions.payment_id
AND meter_migration_decisions.number = newest_decisions_numbers.number) AS newest_decisions
LEFT OUTER JOIN (SELECT meters.id AS id, meters.tenant_id AS tenant_id, meters.meter_number AS meter_number, meters.status AS status, meters.balance AS balance, meters.overpayment AS overpayment, meters.total_billed AS total_billed, meters.total_paid AS total_paid, meters.last_invoice_date AS last_invoice_date
FROM meters
WHERE meters.tenant_id = 1
AND meters.deleted_at IS NULL) AS meters ON meters.id = newest_decisions.meter_id
AND meters.tenant_id = newest_decisions.tenant_id
WHERE newest_decisions.withdrawn IS NULL
AND (newest_decisions.meter_id IS NULL OR meters.id IS NOT NULL)) AS decisions_in_effect ON decisions_in_effect.payment_id = payments.id
AND decisions_in_effect.tenant_id = payments.tenant_id
LEFT OUTER JOIN (SELECT DISTINCT meters_written.tenant_id AS tenant_id, meters_written.payment_id AS payment_id, meters_written.meter_id AS meter_id
FROM (SELECT meter_migration_payment_meter_ids.tenant_id AS tenant_id, meter_migration_payment_meter_ids.payment_id AS payment_id, meter_migration_payment_meter_ids.meter_id_after AS meter_id
FROM meter_migration_payment_meter_ids
WHERE meter_migration_payment_meter_ids.tenant_id = 1
AND meter_migration_payment_meter_ids.step_run_id IN (SELECT assigning.id
FROM (SELECT done.id AS id, done.run_id AS run_id, done.tenant_id AS tenant_id, done.step AS step, done.undoes AS undoes, done.started_at AS started_at, done.finished_at AS finished_at, done.outcome AS outcome, done.rows_changed AS rows_changed, done.message AS message, done.policy AS policy, done.software_version AS software_version, done.started_by AS started_by, done.executed_by AS executed_by, done.database_role AS database_role, done.reason AS reason
FROM (SELECT meter_migration_runs.id AS id, meter_migration_runs.run_id AS run_id, meter_migration_runs.tenant_id AS tenant_id, meter_migration_runs.step AS step, meter_migration_runs.undoes AS undoes, meter_migration_runs.started_at AS started_at, coalesce(meter_migration_outcomes.finished_at, meter_migration_runs.finished_at) AS finished_at, coalesce(meter_migration_outcomes.outcome, meter_migration_runs.outcome) AS outcome, coalesce(changed.rows_changed, meter_migration_runs.rows_changed, CASE
WHEN (meter_migration_outcomes.step_run_id IS NOT NULL) THEN 0 END) AS rows_changed, CASE
WHEN (meter_migration_outcomes.step_run_id IS NOT NULL) THEN meter_migration_outcomes.message
ELSE meter_migration_runs.message END AS message, meter_migration_runs.policy AS policy, meter_migration_runs.software_version AS software_version, meter_migration_origins.started_by AS started_by, meter_migration_origins.executed_by AS executed_by, meter_migration_origins.database_role AS database_role, meter_migration_origins.reason AS reason
FROM meter_migration_runs
LEFT OUTER JOIN meter_migration_outcomes ON meter_migration_outcomes.step_run_id = meter_migration_runs.id
AND meter_migration_outcomes.tenant_id = meter_migration_runs.tenant_id
LEFT OUTER JOIN (SELECT meter_migration_commits.step_run_id AS step_run_id, meter_migration_commits.tenant_id AS tenant_id, sum(meter_migration_commits.rows_changed) AS rows_changed
FROM meter_migration_commits
GROUP BY meter_migration_commits.step_run_id, meter_migration_commits.tenant_id) AS changed ON changed.step_run_id = meter_migration_runs.id
AND changed.tenant_id = meter_migration_runs.tenant_id
LEFT OUTER JOIN meter_migration_origins ON meter_migration_origins.step_run_id = meter_migration_runs.id
AND meter_migration_origins.tenant_id = meter_migration_runs.tenant_id) AS done
WHERE done.undoes IS NULL
AND (done.outcome = 'succeeded' OR done.rows_changed > 0)
AND NOT (EXISTS (SELECT 1
FROM (SELECT meter_migration_runs.id AS id, meter_migration_runs.run_id AS run_id, meter_migration_runs.tenant_id AS tenant_id, meter_migration_runs.step AS step, meter_migration_runs.undoes AS undoes, meter_migration_runs.started_at AS started_at, coalesce(meter_migration_outcomes.finished_at, meter_migration_runs.finished_at) AS finished_at, coalesce(meter_migration_outcomes.outcome, meter_migration_runs.outcome) AS outcome, coalesce(changed.rows_changed, meter_migration_runs.rows_changed, CASE
WHEN (meter_migration_outcomes.step_run_id IS NOT NULL) THEN 0 END) AS rows_changed, CASE
WHEN (meter_migration_outcomes.step_run_id IS NOT NULL) THEN meter_migration_outcomes.message
ELSE meter_migration_runs.message END AS message, meter_migration_runs.policy AS policy, meter_migration_runs.software_version AS software_version, meter_migration_origins.started_by AS started_by, meter_migration_origins.executed_by AS executed_by, meter_migration_origins.database_role AS database_role, meter_migration_origins.reason AS reason
FROM meter_migration_runs
LEFT OUTER JOIN meter_migration_outcomes ON meter_migration_outcomes.step_run_id = meter_migration_runs.id
AND meter_migration_outcomes.tenant_id = meter_migration_runs.tenant_id
LEFT OUTER JOIN (SELECT meter_migration_commits.step_run_id AS step_run_id, meter_migration_commits.tenant_id AS tenant_id, sum(meter_migration_commits.rows_changed) AS rows_changed
FROM meter_migration_commits
GROUP BY meter_migration_commits.step_run_id, meter_migration_commits.tenant_id) AS changed ON changed.step_run_id = meter_migration_runs.id
AND changed.tenant_id = meter_migration_runs.tenant_id
LEFT OUTER JOIN meter_migration_origins ON meter_migration_origins.step_run_id = meter_migration_runs.id
AND meter_migration_origins.tenant_id = meter_migration_runs.tenant_id) AS undoing
WHERE undoing.tenant_id = done.tenant_id
AND undoing.undoes <= done.id
AND undoing.id > done.id
AND (undoing.outcome = 'succeeded' OR undoing.rows_changed > 0)))) AS assigning
WHERE assigning.step = 'payment_meter_ids'
AND assigning.tenant_id = 1)) AS meters_written
WHERE meters_written.payment_id IN (SELECT decisions_in_effect.payment_id
FROM (SELECT newest_decisions.tenant_id AS tenant_id, newest_decisions.payment_id AS payment_id, newest_decisions.number AS number, newest_decisions.meter_id AS meter_id, newest_decisions.decided_by AS decided_by, newest_decisions.note AS note, newest_decisions.decided_at AS decided_at, newest_decisions.withdrawn AS withdrawn
FROM (SELECT meter_migration_decisions.tenant_id AS tenant_id, meter_migration_decisions.payment_id AS payment_id, meter_migration_decisions.number AS number, meter_migration_decisions.meter_id AS meter_id, meter_migration_decisions.decided_by AS decided_by, meter_migration_decisions.note AS note, meter_migration_decisions.decided_at AS decided_at, meter_migration_decisions.withdrawn AS withdrawn
FROM meter_migration_decisions INNER
JOIN (SELECT meter_migration_decisions.tenant_id AS tenant_id, meter_migration_decisions.payment_id AS payment_id, max(meter_migration_decisions.number) AS number
FROM meter_migration_decisions
WHERE meter_migration_decisions.tenant_id = 1
GROUP BY meter_migration_decisions.tenant_id, meter_migration_decisions.payment_id) AS newest_decisions_numbers ON newest_decisions_numbers.tenant_id = meter_migration_decisions.tenant_id
AND newest_decisions_numbers.payment_id = meter_migration_decisions.payment_id
AND meter_migration_decisions.number = newest_decisions_numbers.number) AS newest_decisions
LEFT OUTER JOIN (SELECT meters.id AS id, meters.tenant_id AS tenant_id, meters.meter_number AS meter_number, meters.status AS status, meters.balance AS balance, meters.overpayment AS overpayment, meters.total_billed AS total_billed, meters.total_paid AS total_paid, meters.last_invoice_date AS last_invoice_date
FROM meters
WHERE meters.tenant_id = 1
AND meters.deleted_at IS NULL) AS meters ON meters.id = newest_decisions.meter_id
AND meters.tenant_id = newest_decisions.tenant_id
WHERE newest_decisions.withdrawn IS NULL
AND (newest_decisions.meter_id IS NULL OR meters.id IS NOT NULL)) AS decisions_in_effect)) AS written_where_decided ON written_where_decided.payment_id = payments.id
AND written_where_decided.tenant_id = payments.tenant_id
AND written_where_decided.meter_id = payments.meter_id
LEFT OUTER JOIN (SELECT invoices.id AS id, invoices.tenant_id AS tenant_id, invoices.customer_id AS customer_id, invoices.meter_id AS meter_id, invoices.invoice_number AS invoice_number, invoices.invoice_date AS invoice_date, invoices.amount AS amount, invoices.balance_brought_forward AS balance_brought_forward, invoices.total_amount AS total_amount, invoices.status AS status
FROM invoices
WHERE invoices.tenant_id = 1
AND invoices.deleted_at IS NULL) AS invoices ON invoices.id = payments.invoice_id
AND invoices.tenant_id = payments.tenant_id
LEFT OUTER JOIN (SELECT meters.id AS id, meters.tenant_id AS tenant_id, meters.meter_number AS meter_number, meters.status AS status, meters.balance AS balance, meters.overpayment AS overpayment, meters.total_billed AS total_billed, meters.total_paid AS total_paid, meters.last_invoice_date AS last_invoice_date
FROM meters
WHERE meters.tenant_id = 1
AND meters.deleted_at IS NULL) AS meters ON meters.id = invoices.meter_id
AND meters.tenant_id = invoices.tenant_id
LEFT OUTER JOIN (SELECT customers.id AS id, customers.tenant_id AS tenant_id, customers.name AS name, customers.balance AS balance, customers.overpayment AS overpayment
FROM customers
WHERE customers.tenant_id = 1
AND customers.deleted_at IS NULL) AS customers ON customers.id = payments.customer_id
AND customers.tenant_id = payments.tenant_id
LEFT OUTER JOIN (SELECT assignments_in_order.tenant_id AS tenant_id, assignments_in_order.customer_id AS customer_id, assignments_in_order.first_meter AS meter_id, max(assignments_in_order.active) + max(CASE
WHEN (assignments_in_order.meter_id != assignments_in_order.first_meter) THEN assignments_in_order.active
ELSE 0 END) AS active_meters
FROM (SELECT assignments.tenant_id AS tenant_id, assignments.customer_id AS customer_id, assignments.meter_id AS meter_id, CASE
WHEN (assignments.is_active IS true) THEN 1
ELSE 0 END AS active, first_value(assignments.meter_id) OVER (PARTITION BY assignments.tenant_id, assignments.customer_id ORDER BY CASE
WHEN (assignments.is_active IS true) THEN 1
ELSE 0 END DESC, assignments.id) AS first_meter
FROM (SELECT meter_assignments.tenant_id AS tenant_id, meter_assignments.id AS id, meter_assignments.customer_id AS customer_id, meter_assignments.meter_id AS meter_id, meter_assignments.is_active AS is_active
FROM (SELECT meter_assignments.id AS id, meter_assignments.tenant_id AS tenant_id, meter_assignments.customer_id AS customer_id, meter_assignments.meter_id AS meter_id, meter_assignments.is_active AS is_active
FROM meter_assignments
WHERE meter_assignments.tenant_id = 1
AND meter_assignments.deleted_at IS NULL) AS meter_assignments INNER
JOIN (SELECT customers.id AS id, customers.tenant_id AS tenant_id, customers.name AS name, customers.balance AS balance, customers.overpayment AS overpayment
FROM customers
WHERE customers.tenant_id = 1
AND customers.deleted_at IS NULL) AS customers ON customers.id = meter_assignments.customer_id
AND customers.tenant_id = meter_assignments.tenant_id INNER
JOIN (SELECT meters.id AS id, meters.tenant_id AS tenant_id, meters.meter_number AS meter_number, meters.status AS status, meters.balance AS balance, meters.overpayment AS overpayment, meters.total_billed AS total_billed, meters.total_paid AS total_paid, meters.last_invoice_date AS last_invoice_date
FROM meters
WHERE meters.tenant_id = 1
AND meters.deleted_at IS NULL) AS meters ON meters.id = meter_assignments.meter_id
AND meters.tenant_id = meter_assignments.tenant_id) AS assignments) AS assignments_in_order
GROUP BY assignments_in_order.tenant_id, assignments_in_order.customer_id, assignments_in_order.first_meter) AS assigned ON assigned.customer_id = payments.customer_id
AND assigned.tenant_id = payments.tenant_id
LEFT OUTER JOIN (SELECT DISTINCT meter_assignments.tenant_id AS tenant_id, meter_assignments.customer_id AS customer_id
FROM (SELECT meter_assignments.id AS id, meter_assignments.tenant_id AS tenant_id, meter_assignments.customer_id AS customer_id, meter_assignments.meter_id AS meter_id, meter_assignments.is_active AS is_active
FROM meter_assignments
WHERE meter_assignments.tenant_id = 1
AND meter_assignments.deleted_at IS NULL) AS meter_assignments
LEFT OUTER JOIN (SELECT meters.id AS id, meters.tenant_id AS tenant_id, meters.meter_number AS meter_number, meters.status AS status, meters.balance AS balance, meters.overpayment AS overpayment, meters.total_billed AS total_billed, meters.total_paid AS total_paid, meters.last_invoice_date AS last_invoice_date
FROM meters
WHERE meters.tenant_id = 1
AND meters.deleted_at IS NULL) AS meters ON meters.id = meter_assignments.meter_id
AND meters.tenant_id = meter_assignments.tenant_id
WHERE meters.id IS NULL
AND (SELECT meters.tenant_id
FROM meters
WHERE meters.id = meter_assignments.meter_id
AND meters.deleted_at IS NULL) IS NOT NULL) AS assigned_elsewhere ON assigned_elsewhere.customer_id = payments.customer_id
AND assigned_elsewhere.tenant_id = payments.tenant_id) AS decided;
