-- examined
SELECT decided.tenant_id, decided.id, CASE
WHEN (decided.meter_id IS NOT NULL) THEN 'already_correct'
WHEN (CASE
WHEN (decided.decision IN ('decision', 'invoice', 'sole_active_meter', 'first_active_meter', 'first_assigned_meter')) THEN decided.decision END IS NOT NULL) THEN 'would_change'
ELSE 'unresolved' END AS outcome, CASE
WHEN (decided.meter_id IS NOT NULL) THEN NULL
WHEN (CASE
WHEN (decided.decision IN ('decision', 'invoice', 'sole_active_meter', 'first_active_meter', 'first_assigned_meter')) THEN decided.decision END IS NOT NULL) THEN CASE
WHEN (decided.decision IN ('decision', 'invoice', 'sole_active_meter', 'first_active_meter', 'first_assigned_meter')) THEN decided.decision END
ELSE decided.decision END AS label, decided.amount AS money, decided.meter_id AS meter_id_before, CASE
WHEN (decided.decision = 'invoice') THEN decided.invoice_meter_id
ELSE decided.assigned_meter_id END AS meter_id_after
FROM (SELECT payments.tenant_id AS tenant_id, payments.id AS id, payments.meter_id AS meter_id, payments.amount AS amount, invoices.meter_id AS invoice_meter_id, assigned.meter_id AS assigned_meter_id, CASE
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
