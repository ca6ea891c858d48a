-- examined
SELECT recomputed.tenant_id, recomputed.id, CASE
WHEN (CASE
WHEN (recomputed.`lines` IS NULL) THEN 'no_lines'
WHEN (recomputed.first_defect = 0) THEN 'line_of_other_tenant'
WHEN (recomputed.first_defect = 1) THEN 'bill_missing'
WHEN (recomputed.first_defect = 2) THEN 'bill_of_other_tenant'
WHEN (recomputed.first_defect = 3) THEN 'line_amount_null'
ELSE NULL END IS NULL
AND recomputed.amount <=> recomputed.lines_amount
AND recomputed.balance_brought_forward <=> recomputed.lines_balance_brought_forward
AND recomputed.total_amount <=> recomputed.lines_total_amount) THEN 'already_correct'
WHEN (CASE
WHEN (CASE
WHEN (recomputed.`lines` IS NULL) THEN 'no_lines'
WHEN (recomputed.first_defect = 0) THEN 'line_of_other_tenant'
WHEN (recomputed.first_defect = 1) THEN 'bill_missing'
WHEN (recomputed.first_defect = 2) THEN 'bill_of_other_tenant'
WHEN (recomputed.first_defect = 3) THEN 'line_amount_null'
ELSE NULL END IS NULL) THEN CASE
WHEN (recomputed.`lines` IS NULL) THEN 'zero_without_lines'
WHEN recomputed.is_rounded THEN 'rounded_sum_of_lines'
ELSE 'sum_of_lines' END END IS NOT NULL) THEN 'would_change'
ELSE 'unresolved' END AS outcome, CASE
WHEN (CASE
WHEN (recomputed.`lines` IS NULL) THEN 'no_lines'
WHEN (recomputed.first_defect = 0) THEN 'line_of_other_tenant'
WHEN (recomputed.first_defect = 1) THEN 'bill_missing'
WHEN (recomputed.first_defect = 2) THEN 'bill_of_other_tenant'
WHEN (recomputed.first_defect = 3) THEN 'line_amount_null'
ELSE NULL END IS NULL
AND recomputed.amount <=> recomputed.lines_amount
AND recomputed.balance_brought_forward <=> recomputed.lines_balance_brought_forward
AND recomputed.total_amount <=> recomputed.lines_total_amount) THEN NULL
WHEN (CASE
WHEN (CASE
WHEN (recomputed.`lines` IS NULL) THEN 'no_lines'
WHEN (recomputed.first_defect = 0) THEN 'line_of_other_tenant'
WHEN (recomputed.first_defect = 1) THEN 'bill_missing'
WHEN (recomputed.first_defect = 2) THEN 'bill_of_other_tenant'
WHEN (recomputed.first_defect = 3) THEN 'line_amount_null'
ELSE NULL END IS NULL) THEN CASE
WHEN (recomputed.`lines` IS NULL) THEN 'zero_without_lines'
WHEN recomputed.is_rounded THEN 'rounded_sum_of_lines'
ELSE 'sum_of_lines' END END IS NOT NULL) THEN CASE
WHEN (CASE
WHEN (recomputed.`lines` IS NULL) THEN 'no_lines'
WHEN (recomputed.first_defect = 0) THEN 'line_of_other_tenant'
WHEN (recomputed.first_defect = 1) THEN 'bill_missing'
WHEN (recomputed.first_defect = 2) THEN 'bill_of_other_tenant'
WHEN (recomputed.first_defect = 3) THEN 'line_amount_null'
ELSE NULL END IS NULL) THEN CASE
WHEN (recomputed.`lines` IS NULL) THEN 'zero_without_lines'
WHEN recomputed.is_rounded THEN 'rounded_sum_of_lines'
ELSE 'sum_of_lines' END END
ELSE CASE
WHEN (recomputed.`lines` IS NULL) THEN 'no_lines'
WHEN (recomputed.first_defect = 0) THEN 'line_of_other_tenant'
WHEN (recomputed.first_defect = 1) THEN 'bill_missing'
WHEN (recomputed.first_defect = 2) THEN 'bill_of_other_tenant'
WHEN (recomputed.first_defect = 3) THEN 'line_amount_null'
ELSE NULL END END AS label, coalesce(recomputed.total_amount, 0) AS money, recomputed.amount AS amount_before, recomputed.lines_amount AS amount_after, recomputed.balance_brought_forward AS balance_brought_forward_before, recomputed.lines_balance_brought_forward AS balance_brought_forward_after, recomputed.total_amount AS total_amount_before, recomputed.lines_total_amount AS total_amount_after
FROM (SELECT invoices.tenant_id AS tenant_id, invoices.id AS id, invoices.meter_id AS meter_id, invoices.status AS status, invoices.amount AS amount, invoices.balance_brought_forward AS balance_brought_forward, invoices.total_amount AS total_amount, line_sums.`lines` AS `lines`, line_sums.first_defect AS first_defect, line_sums.not_exact AS not_exact, coalesce(line_sums.charges, 0) AS lines_amount, coalesce(line_sums.brought_forward, 0) AS lines_balance_brought_forward, coalesce(line_sums.charges, 0) + coalesce(line_sums.brought_forward, 0) AS lines_total_amount, false AS is_rounded
FROM (SELECT invoices.id AS id, invoices.tenant_id AS tenant_id, invoices.customer_id AS customer_id, invoices.meter_id AS meter_id, invoices.invoice_number AS invoice_number, invoices.invoice_date AS invoice_date, invoices.amount AS amount, invoices.balance_brought_forward AS balance_brought_forward, invoices.total_amount AS total_amount, invoices.status AS status
FROM invoices
WHERE invoices.tenant_id = 1
AND invoices.deleted_at IS NULL) AS invoices
LEFT OUTER JOIN (SELECT invoice_bills.tenant_id AS tenant_id, invoice_bills.invoice_id AS invoice_id, count(*) AS `lines`, coalesce(sum(CASE
WHEN (coalesce(kinds_of_bills.is_brought_forward, 0) != 1) THEN invoice_bills.amount END), 0) AS charges, coalesce(sum(CASE
WHEN (coalesce(kinds_of_bills.is_brought_forward, 0) = 1) THEN invoice_bills.amount END), 0) AS brought_forward, min(CASE
WHEN (invoice_bills.line_tenant_id IS NOT NULL
AND invoice_bills.line_tenant_id != invoice_bills.tenant_id) THEN 0
WHEN (kinds_of_bills.id IS NULL
AND (SELECT bills.tenant_id
FROM bills
WHERE bills.id = invoice_bills.bill_id
AND bills.deleted_at IS NULL) IS NULL) THEN 1
WHEN (kinds_of_bills.id IS NULL
AND (SELECT bills.tenant_id
FROM bills
WHERE bills.id = invoice_bills.bill_id
AND bills.deleted_at IS NULL) IS NOT NULL) THEN 2
WHEN (invoice_bills.amount IS NULL) THEN 3 END) AS first_defect, count(CASE
WHEN ((invoice_bills.amount IS NULL OR true) = 0 OR (invoice_bills.amount IS NULL OR true) = 0) THEN 1 END) AS not_exact
FROM (SELECT invoices.tenant_id AS tenant_id, invoice_bills.id AS id, invoice_bills.invoice_id AS invoice_id, invoice_bills.bill_id AS bill_id, invoice_bills.amount AS amount, invoice_bills.tenant_id AS line_tenant_id, invoices.status AS status
FROM invoice_bills INNER
JOIN (SELECT invoices.id AS id, invoices.tenant_id AS tenant_id, invoices.customer_id AS customer_id, invoices.meter_id AS meter_id, invoices.invoice_number AS invoice_number, invoices.invoice_date AS invoice_date, invoices.amount AS amount, invoices.balance_brought_forward AS balance_brought_forward, invoices.total_amount AS total_amount, invoices.status AS status
FROM invoices
WHERE invoices.tenant_id = 1
AND invoices.deleted_at IS NULL) AS invoices ON invoices.id = invoice_bills.invoice_id
WHERE invoice_bills.deleted_at IS NULL
AND invoice_bills.invoice_id IN (SELECT every_invoice.id
FROM invoices AS every_invoice
WHERE every_invoice.tenant_id = 1)) AS invoice_bills
LEFT OUTER JOIN (SELECT bills.tenant_id AS tenant_id, bills.id AS id, bills.bill_type AS bill_type, CASE
WHEN (bills.bill_type IS NOT NULL
AND lower(REGEXP_REPLACE(REGEXP_REPLACE(CONVERT(bills.bill_type USING utf8mb4) COLLATE utf8mb4_bin, '^[ \\t\\n\\r\\v\\f]+', ''), '[ \\t\\n\\r\\v\\f]+$', '')) IN ('balance')) THEN 1
ELSE 0 END AS is_brought_forward, CASE
WHEN (bills.bill_type IS NOT NULL
AND lower(REGEXP_REPLACE(REGEXP_REPLACE(CONVERT(bills.bill_type USING utf8mb4) COLLATE utf8mb4_bin, '^[ \\t\\n\\r\\v\\f]+', ''), '[ \\t\\n\\r\\v\\f]+$', '')) IN ('balance', 'electricity', 'energy', 'gas', 'heating', 'power', 'sewage', 'sewer', 'tax', 'vat', 'wastewater', 'water')) THEN 0
ELSE 1 END AS is_undecided
FROM (SELECT bills.id AS id, bills.tenant_id AS tenant_id, bills.bill_type AS bill_type
FROM bills
WHERE bills.tenant_id = 1
AND bills.deleted_at IS NULL) AS bills) AS kinds_of_bills ON kinds_of_bills.id = invoice_bills.bill_id
AND kinds_of_bills.tenant_id = invoice_bills.tenant_id
GROUP BY invoice_bills.tenant_id, invoice_bills.invoice_id) AS line_sums ON line_sums.invoice_id = invoices.id
AND line_sums.tenant_id = invoices.tenant_id) AS recomputed;
