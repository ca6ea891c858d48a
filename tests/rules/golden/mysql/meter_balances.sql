-- examined
SELECT recomputed.tenant_id, recomputed.id, CASE
WHEN (recomputed.balance <=> recomputed.new_balance
AND recomputed.overpayment <=> recomputed.new_overpayment
AND recomputed.total_billed <=> recomputed.billed
AND recomputed.total_paid <=> recomputed.paid
AND recomputed.last_invoice_date <=> recomputed.latest) THEN 'already_correct'
WHEN ('charges_and_opening_balance' IS NOT NULL) THEN 'would_change'
ELSE 'unresolved' END AS outcome, CASE
WHEN (recomputed.balance <=> recomputed.new_balance
AND recomputed.overpayment <=> recomputed.new_overpayment
AND recomputed.total_billed <=> recomputed.billed
AND recomputed.total_paid <=> recomputed.paid
AND recomputed.last_invoice_date <=> recomputed.latest) THEN NULL
WHEN ('charges_and_opening_balance' IS NOT NULL) THEN 'charges_and_opening_balance'
ELSE 'charges_and_opening_balance' END AS label, coalesce(recomputed.balance, 0) - coalesce(recomputed.overpayment, 0) AS money, recomputed.balance AS balance_before, recomputed.new_balance AS balance_after, recomputed.overpayment AS overpayment_before, recomputed.new_overpayment AS overpayment_after, recomputed.total_billed AS total_billed_before, recomputed.billed AS total_billed_after, recomputed.total_paid AS total_paid_before, recomputed.paid AS total_paid_after, recomputed.last_invoice_date AS last_invoice_date_before, recomputed.latest AS last_invoice_date_after
FROM (SELECT meters.id AS id, meters.tenant_id AS tenant_id, meters.meter_number AS meter_number, meters.status AS status, meters.balance AS balance, meters.overpayment AS overpayment, meters.total_billed AS total_billed, meters.total_paid AS total_paid, meters.last_invoice_date AS last_invoice_date, coalesce(billed.charges_and_opening_balance, 0) AS billed, coalesce(paid.paid, 0) AS paid, CASE
WHEN (coalesce(billed.charges_and_opening_balance, 0) - coalesce(paid.paid, 0) > 0) THEN coalesce(billed.charges_and_opening_balance, 0) - coalesce(paid.paid, 0)
ELSE 0 END AS new_balance, CASE
WHEN (coalesce(paid.paid, 0) - coalesce(billed.charges_and_opening_balance, 0) > 0) THEN coalesce(paid.paid, 0) - coalesce(billed.charges_and_opening_balance, 0)
ELSE 0 END AS new_overpayment, billed.latest AS latest
FROM (SELECT meters.id AS id, meters.tenant_id AS tenant_id, meters.meter_number AS meter_number, meters.status AS status, meters.balance AS balance, meters.overpayment AS overpayment, meters.total_billed AS total_billed, meters.total_paid AS total_paid, meters.last_invoice_date AS last_invoice_date
FROM meters
WHERE meters.tenant_id = 1
AND meters.deleted_at IS NULL) AS meters
LEFT OUTER JOIN (SELECT invoices_in_order.tenant_id AS tenant_id, invoices_in_order.meter_id AS meter_id, coalesce(sum(coalesce(invoices_in_order.amount, 0)), 0) + coalesce(sum(CASE
WHEN (invoices_in_order.place = 1) THEN coalesce(invoices_in_order.balance_brought_forward, 0)
ELSE 0 END), 0) AS charges_and_opening_balance, coalesce(sum(coalesce(invoices_in_order.total_amount, 0)), 0) AS invoice_totals, max(invoices_in_order.invoice_date) AS latest
FROM (SELECT counted_invoices.id AS id, counted_invoices.tenant_id AS tenant_id, counted_invoices.customer_id AS customer_id, counted_invoices.meter_id AS meter_id, counted_invoices.invoice_number AS invoice_number, counted_invoices.invoice_date AS invoice_date, counted_invoices.amount AS amount, counted_invoices.balance_brought_forward AS balance_brought_forward, counted_invoices.total_amount AS total_amount, counted_invoices.status AS status, row_number() OVER (PARTITION BY counted_invoices.tenant_id, counted_invoices.meter_id ORDER BY CASE
WHEN (counted_invoices.invoice_date IS NULL) THEN 1
ELSE 0 END, counted_invoices.invoice_date, counted_invoices.id) AS place
FROM (SELECT invoices.id AS id, invoices.tenant_id AS tenant_id, invoices.customer_id AS customer_id, invoices.meter_id AS meter_id, invoices.invoice_number AS invoice_number, invoices.invoice_date AS invoice_date, invoices.amount AS amount, invoices.balance_brought_forward AS balance_brought_forward, invoices.total_amount AS total_amount, invoices.status AS status
FROM (SELECT invoices.id AS id, invoices.tenant_id AS tenant_id, invoices.customer_id AS customer_id, invoices.meter_id AS meter_id, invoices.invoice_number AS invoice_number, invoices.invoice_date AS invoice_date, invoices.amount AS amount, invoices.balance_brought_forward AS balance_brought_forward, invoices.total_amount AS total_amount, invoices.status AS status
FROM invoices
WHERE invoices.tenant_id = 1
AND invoices.deleted_at IS NULL) AS invoices
WHERE invoices.status IS NULL OR NOT (invoices.status IS NOT NULL
AND lower(REGEXP_REPLACE(REGEXP_REPLACE(CONVERT(invoices.status USING utf8mb4) COLLATE utf8mb4_bin, '^[ \\t\\n\\r\\v\\f]+', ''), '[ \\t\\n\\r\\v\\f]+$', '')) IN ('cancelled', 'draft', 'reversed', 'voided'))) AS counted_invoices
WHERE counted_invoices.meter_id IS NOT NULL) AS invoices_in_order
GROUP BY invoices_in_order.tenant_id, invoices_in_order.meter_id) AS billed ON billed.meter_id = meters.id
AND billed.tenant_id = meters.tenant_id
LEFT OUTER JOIN (SELECT counted_payments.tenant_id AS tenant_id, counted_payments.meter_id AS meter_id, coalesce(sum(coalesce(counted_payments.amount, 0)), 0) AS paid
FROM (SELECT payments.id AS id, payments.tenant_id AS tenant_id, payments.customer_id AS customer_id, payments.invoice_id AS invoice_id, payments.meter_id AS meter_id, payments.amount AS amount, payments.status AS status, payments.paid_at AS paid_at
FROM (SELECT payments.id AS id, payments.tenant_id AS tenant_id, payments.customer_id AS customer_id, payments.invoice_id AS invoice_id, payments.meter_id AS meter_id, payments.amount AS amount, payments.status AS status, payments.paid_at AS paid_at
FROM payments
WHERE payments.tenant_id = 1
AND payments.deleted_at IS NULL) AS payments
WHERE payments.status IS NULL OR NOT (payments.status IS NOT NULL
AND lower(REGEXP_REPLACE(REGEXP_REPLACE(CONVERT(payments.status USING utf8mb4) COLLATE utf8mb4_bin, '^[ \\t\\n\\r\\v\\f]+', ''), '[ \\t\\n\\r\\v\\f]+$', '')) IN ('cancelled', 'failed', 'pending', 'reversed', 'voided'))) AS counted_payments
WHERE counted_payments.meter_id IS NOT NULL
GROUP BY counted_payments.tenant_id, counted_payments.meter_id) AS paid ON paid.meter_id = meters.id
AND paid.tenant_id = meters.tenant_id) AS recomputed;
