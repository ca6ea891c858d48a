-- examined
SELECT customers.tenant_id, customers.id, CASE
WHEN (active_meter_sums.customer_id IS NOT NULL
AND customers.balance <=> active_meter_sums.balance
AND customers.overpayment <=> active_meter_sums.overpayment) THEN 'already_correct'
WHEN (CASE
WHEN (active_meter_sums.customer_id IS NOT NULL) THEN 'sum_of_active_meters' END IS NOT NULL) THEN 'would_change'
ELSE 'unresolved' END AS outcome, CASE
WHEN (active_meter_sums.customer_id IS NOT NULL
AND customers.balance <=> active_meter_sums.balance
AND customers.overpayment <=> active_meter_sums.overpayment) THEN NULL
WHEN (CASE
WHEN (active_meter_sums.customer_id IS NOT NULL) THEN 'sum_of_active_meters' END IS NOT NULL) THEN CASE
WHEN (active_meter_sums.customer_id IS NOT NULL) THEN 'sum_of_active_meters' END
ELSE 'customer_without_active_meter' END AS label, coalesce(customers.balance, 0) - coalesce(customers.overpayment, 0) AS money, customers.balance AS balance_before, active_meter_sums.balance AS balance_after, customers.overpayment AS overpayment_before, active_meter_sums.overpayment AS overpayment_after
FROM (SELECT customers.id AS id, customers.tenant_id AS tenant_id, customers.name AS name, customers.balance AS balance, customers.overpayment AS overpayment
FROM customers
WHERE customers.tenant_id = 1
AND customers.deleted_at IS NULL) AS customers
LEFT OUTER JOIN (SELECT active_meters.tenant_id AS tenant_id, active_meters.customer_id AS customer_id, coalesce(sum(coalesce(meters.balance, 0)), 0) AS balance, coalesce(sum(coalesce(meters.overpayment, 0)), 0) AS overpayment
FROM (SELECT DISTINCT assignments.tenant_id AS tenant_id, assignments.customer_id AS customer_id, assignments.meter_id AS meter_id
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
AND meters.tenant_id = meter_assignments.tenant_id) AS assignments
WHERE assignments.is_active IS true) AS active_meters INNER
JOIN (SELECT meters.id AS id, meters.tenant_id AS tenant_id, meters.meter_number AS meter_number, meters.status AS status, meters.balance AS balance, meters.overpayment AS overpayment, meters.total_billed AS total_billed, meters.total_paid AS total_paid, meters.last_invoice_date AS last_invoice_date
FROM meters
WHERE meters.tenant_id = 1
AND meters.deleted_at IS NULL) AS meters ON meters.id = active_meters.meter_id
AND meters.tenant_id = active_meters.tenant_id
GROUP BY active_meters.tenant_id, active_meters.customer_id) AS active_meter_sums ON active_meter_sums.customer_id = customers.id
AND active_meter_sums.tenant_id = customers.tenant_id;
