-- examined
SELECT customers.tenant_id, customers.id, CASE
WHEN (customer_balances_backup.customer_id IS NOT NULL) THEN 'already_correct'
WHEN ('first_backup' IS NOT NULL) THEN 'would_change'
ELSE 'unresolved' END AS outcome, CASE
WHEN (customer_balances_backup.customer_id IS NOT NULL) THEN NULL
WHEN ('first_backup' IS NOT NULL) THEN 'first_backup'
ELSE NULL END AS label, coalesce(customers.balance, 0) - coalesce(customers.overpayment, 0) AS money, CAST(NULL AS DECIMAL(14, 2)) AS balance_before, customers.balance AS balance_after, CAST(NULL AS DECIMAL(14, 2)) AS overpayment_before, customers.overpayment AS overpayment_after
FROM (SELECT customers.id AS id, customers.tenant_id AS tenant_id, customers.name AS name, customers.balance AS balance, customers.overpayment AS overpayment
FROM customers
WHERE customers.tenant_id = 1
AND customers.deleted_at IS NULL) AS customers
LEFT OUTER JOIN (SELECT customers.tenant_id AS tenant_id, customers.id AS customer_id, customers.balance AS balance, customers.overpayment AS overpayment
FROM (SELECT customers.id AS id, customers.tenant_id AS tenant_id, customers.name AS name, customers.balance AS balance, customers.overpayment AS overpayment
FROM customers
WHERE customers.tenant_id = 1
AND customers.deleted_at IS NULL) AS customers
WHERE false = 1) AS customer_balances_backup ON customer_balances_backup.customer_id = customers.id
AND customer_balances_backup.tenant_id = customers.tenant_id;
