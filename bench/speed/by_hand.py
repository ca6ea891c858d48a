"""The migration as a person would write it by hand, for one tenant: the same rules, the same journal, no checks.

It is what the database needs at the least. The default policy is written out, and what the generated data do not have
(foreign statuses, defects, deleted rows of other kinds) is left out where it costs nothing. Each step is a list of
statements of one transaction. Add here what another figure is to be compared with; what is measured is in `measure`.
"""

UNCOUNTED_PAYMENTS = "('reversed', 'failed', 'cancelled', 'voided', 'pending')"
UNCOUNTED_INVOICES = "('reversed', 'cancelled', 'voided', 'draft')"

BACKUP = """
INSERT INTO customer_balances_backup (tenant_id, customer_id, balance, overpayment, backed_up_at, run_id)
SELECT c.tenant_id, c.id, c.balance, c.overpayment, CURRENT_TIMESTAMP, 'by hand'
FROM customers c LEFT JOIN customer_balances_backup b ON b.tenant_id = c.tenant_id AND b.customer_id = c.id
WHERE c.tenant_id = {tenant} AND c.deleted_at IS NULL AND b.customer_id IS NULL
"""

_ASSIGNED = """
SELECT customer_id, first_meter, count(DISTINCT CASE WHEN is_active THEN meter_id END) AS active FROM (
    SELECT a.customer_id, a.meter_id, a.is_active, first_value(a.meter_id) OVER (
        PARTITION BY a.customer_id ORDER BY CASE WHEN a.is_active THEN 0 ELSE 1 END, a.id) AS first_meter
    FROM meter_assignments a
    JOIN customers c ON c.id = a.customer_id AND c.tenant_id = a.tenant_id AND c.deleted_at IS NULL
    JOIN meters m ON m.id = a.meter_id AND m.tenant_id = a.tenant_id AND m.deleted_at IS NULL
    WHERE a.tenant_id = {tenant} AND a.deleted_at IS NULL
) AS made GROUP BY customer_id, first_meter
"""
_DECIDED = f"""
SELECT p.tenant_id, p.id, p.amount, p.meter_id, p.status,
    CASE WHEN p.invoice_id IS NOT NULL THEN m.id WHEN a.active > 0 THEN a.first_meter END AS new_meter,
    CASE WHEN p.invoice_id IS NOT NULL THEN 'invoice' WHEN a.active = 1 THEN 'sole_active_meter'
        ELSE 'first_active_meter' END AS rule
FROM payments p
LEFT JOIN invoices i ON i.id = p.invoice_id AND i.tenant_id = p.tenant_id AND i.deleted_at IS NULL
LEFT JOIN meters m ON m.id = i.meter_id AND m.tenant_id = i.tenant_id AND m.deleted_at IS NULL
LEFT JOIN ({_ASSIGNED}) AS a ON a.customer_id = p.customer_id
WHERE p.tenant_id = {{tenant}} AND p.deleted_at IS NULL
"""
_LINES = """
SELECT l.invoice_id,
    sum(CASE WHEN lower(b.bill_type) = 'balance' THEN 0 ELSE {exact_amount} END) AS charges,
    sum(CASE WHEN lower(b.bill_type) = 'balance' THEN {exact_amount} ELSE 0 END) AS brought,
    count(*) AS lines
FROM invoices i
JOIN invoice_bills l ON l.invoice_id = i.id AND l.deleted_at IS NULL
JOIN bills b ON b.id = l.bill_id AND b.tenant_id = i.tenant_id AND b.deleted_at IS NULL
WHERE i.tenant_id = {tenant} AND i.deleted_at IS NULL
GROUP BY l.invoice_id
"""
_MONEY_OF_METERS = f"""
SELECT m.tenant_id, m.id, m.balance, m.overpayment, m.total_billed, m.total_paid, m.last_invoice_date,
    COALESCE(b.billed, 0) AS billed, COALESCE(p.paid, 0) AS paid, b.latest
FROM meters m
LEFT JOIN (
    SELECT meter_id, sum({{exact_charge}}) + sum(CASE WHEN place = 1 THEN {{exact_brought}} ELSE 0 END) AS billed,
        max(invoice_date) AS latest
    FROM (
        SELECT meter_id, invoice_date, amount, balance_brought_forward,
            row_number() OVER (PARTITION BY meter_id ORDER BY invoice_date, id) AS place
        FROM invoices WHERE tenant_id = {{tenant}} AND deleted_at IS NULL AND meter_id IS NOT NULL
            AND (status IS NULL OR lower(status) NOT IN {UNCOUNTED_INVOICES})
    ) AS ordered GROUP BY meter_id
) AS b ON b.meter_id = m.id
LEFT JOIN (
    SELECT meter_id, sum({{exact_paid}}) AS paid FROM payments
    WHERE tenant_id = {{tenant}} AND deleted_at IS NULL AND meter_id IS NOT NULL
        AND (status IS NULL OR lower(status) NOT IN {UNCOUNTED_PAYMENTS})
    GROUP BY meter_id
) AS p ON p.meter_id = m.id
WHERE m.tenant_id = {{tenant}} AND m.deleted_at IS NULL
"""

_PAYMENTS = (
    f"""
INSERT INTO meter_migration_payment_meter_ids
    (step_run_id, run_id, tenant_id, payment_id, meter_id_before, meter_id_after, rule)
SELECT {{run}}, 'by hand', tenant_id, id, meter_id, new_meter, rule FROM ({_DECIDED}) AS decided
WHERE meter_id IS NULL AND new_meter IS NOT NULL
""",
    """
UPDATE payments SET meter_id = j.meter_id_after FROM meter_migration_payment_meter_ids j
WHERE j.step_run_id = {run} AND j.payment_id = payments.id AND payments.tenant_id = {tenant}
    AND payments.meter_id IS NOT DISTINCT FROM j.meter_id_before
""",
)
_INVOICES = (
    f"""
INSERT INTO meter_migration_invoice_amounts
    (step_run_id, run_id, tenant_id, invoice_id, amount_before, amount_after, balance_brought_forward_before,
    balance_brought_forward_after, total_amount_before, total_amount_after, rule)
SELECT {{run}}, 'by hand', i.tenant_id, i.id, i.amount, {{charges}}, i.balance_brought_forward, {{brought}},
    i.total_amount, {{sum}}, 'sum_of_lines'
FROM invoices i JOIN ({_LINES}) AS s ON s.invoice_id = i.id
WHERE i.tenant_id = {{tenant}} AND i.deleted_at IS NULL AND (i.amount IS DISTINCT FROM {{charges}}
    OR i.balance_brought_forward IS DISTINCT FROM {{brought}} OR i.total_amount IS DISTINCT FROM {{sum}})
""",
    """
UPDATE invoices SET amount = j.amount_after, balance_brought_forward = j.balance_brought_forward_after,
    total_amount = j.total_amount_after
FROM meter_migration_invoice_amounts j
WHERE j.step_run_id = {run} AND j.invoice_id = invoices.id AND invoices.tenant_id = {tenant}
    AND invoices.amount IS NOT DISTINCT FROM j.amount_before
    AND invoices.balance_brought_forward IS NOT DISTINCT FROM j.balance_brought_forward_before
    AND invoices.total_amount IS NOT DISTINCT FROM j.total_amount_before
""",
)
_METERS = (
    f"""
INSERT INTO meter_migration_meter_balances
    (step_run_id, run_id, tenant_id, meter_id, balance_before, balance_after, overpayment_before, overpayment_after,
    total_billed_before, total_billed_after, total_paid_before, total_paid_after, last_invoice_date_before,
    last_invoice_date_after, rule)
SELECT {{run}}, 'by hand', tenant_id, id, balance, CASE WHEN billed > paid THEN {{owed}} ELSE 0 END, overpayment,
    CASE WHEN paid > billed THEN {{credit}} ELSE 0 END, total_billed, {{billed}}, total_paid, {{paid}},
    last_invoice_date, latest, 'charges_and_opening_balance'
FROM ({_MONEY_OF_METERS}) AS meters
WHERE balance IS DISTINCT FROM CASE WHEN billed > paid THEN {{owed}} ELSE 0 END
    OR overpayment IS DISTINCT FROM CASE WHEN paid > billed THEN {{credit}} ELSE 0 END
    OR total_billed IS DISTINCT FROM {{billed}} OR total_paid IS DISTINCT FROM {{paid}}
    OR last_invoice_date IS DISTINCT FROM latest
""",
    """
UPDATE meters SET balance = j.balance_after, overpayment = j.overpayment_after, total_billed = j.total_billed_after,
    total_paid = j.total_paid_after, last_invoice_date = j.last_invoice_date_after
FROM meter_migration_meter_balances j
WHERE j.step_run_id = {run} AND j.meter_id = meters.id AND meters.tenant_id = {tenant}
    AND meters.balance IS NOT DISTINCT FROM j.balance_before
    AND meters.overpayment IS NOT DISTINCT FROM j.overpayment_before
""",
)

STEPS = ((BACKUP,), _PAYMENTS, _INVOICES, _METERS)
"""The statements of each step, in the order of the migration."""

BARE_WRITES = (
    "UPDATE payments SET meter_id = 1 WHERE tenant_id = {tenant} AND meter_id IS NULL",
    "UPDATE invoices SET amount = 1, balance_brought_forward = 2, total_amount = 3 "
    "WHERE tenant_id = {tenant} AND (id - 1) / 3 % 20 < 3",
    "UPDATE meters SET balance = 1, overpayment = 0, total_billed = 1, total_paid = 0, "
    "last_invoice_date = '2024-01-01' WHERE tenant_id = {tenant}",
)
"""The same rows written with constants: nothing is computed, journaled or compared."""

FUSED = f"""
WITH decided AS ({_DECIDED}), sums AS ({_LINES}),
invoice AS (
    SELECT i.id, i.meter_id, i.invoice_date, i.status, i.amount, i.balance_brought_forward, i.total_amount,
        s.charges, s.brought, s.lines
    FROM invoices i LEFT JOIN sums s ON s.invoice_id = i.id
    WHERE i.tenant_id = {{tenant}} AND i.deleted_at IS NULL
),
billed AS (
    SELECT meter_id, sum(charges) + sum(CASE WHEN place = 1 THEN brought ELSE 0 END) AS billed FROM (
        SELECT meter_id, charges, brought, row_number() OVER (PARTITION BY meter_id ORDER BY invoice_date, id) AS place
        FROM invoice WHERE meter_id IS NOT NULL AND (status IS NULL OR lower(status) NOT IN {UNCOUNTED_INVOICES})
    ) AS ordered GROUP BY meter_id
),
paid AS (
    SELECT COALESCE(meter_id, new_meter) AS meter_id, sum({{exact_paid}}) AS paid FROM decided
    WHERE status IS NULL OR lower(status) NOT IN {UNCOUNTED_PAYMENTS} GROUP BY COALESCE(meter_id, new_meter)
)
SELECT * FROM (
    SELECT count(CASE WHEN meter_id IS NULL AND new_meter IS NOT NULL THEN 1 END) AS payments,
        sum(CASE WHEN meter_id IS NULL THEN {{exact_paid}} ELSE 0 END) AS moved{{verdicts_on_payments}} FROM decided
) AS of_payments, (
    SELECT count(CASE WHEN amount IS DISTINCT FROM {{new_charges}} OR balance_brought_forward IS DISTINCT FROM
        {{new_brought}} OR total_amount IS DISTINCT FROM {{new_sum}} THEN 1 END) AS invoices,
        sum(charges) AS charges, sum(brought) AS brought{{verdicts_on_invoices}} FROM invoice
) AS of_invoices, (
    SELECT count(*) AS meters, sum(COALESCE(b.billed, 0) - COALESCE(p.paid, 0)) AS net FROM meters m
    LEFT JOIN billed b ON b.meter_id = m.id LEFT JOIN paid p ON p.meter_id = m.id
    WHERE m.tenant_id = {{tenant}} AND m.deleted_at IS NULL
) AS of_meters
"""
"""All that a dry run must know of one tenant, in one SELECT."""

_VERDICTS = {
    "verdicts_on_payments": f"""
        , count(CASE WHEN COALESCE(meter_id, new_meter) IS NULL AND
            (status IS NULL OR lower(status) NOT IN {UNCOUNTED_PAYMENTS}) THEN 1 END) AS without_meter
        , count(CASE WHEN amount - amount <> 0 THEN 1 END) AS odd_amounts""",
    "verdicts_on_invoices": f"""
        , count(CASE WHEN meter_id IS NULL AND
            (status IS NULL OR lower(status) NOT IN {UNCOUNTED_INVOICES}) THEN 1 END) AS without_meter
        , count(CASE WHEN lines IS NULL AND
            COALESCE(amount, 0) + COALESCE(balance_brought_forward, 0) <> COALESCE(total_amount, 0) THEN 1 END) AS odd
        , count(CASE WHEN amount - amount <> 0 OR total_amount - total_amount <> 0 THEN 1 END) AS odd_amounts""",
}
"""What the ERROR invariants add to it."""


def statement(template: str, engine: str, tenant: int, run: int = 0, *, verdicts: bool = False) -> str:
    """Return a statement for one tenant on an engine: SQLite adds up whole ten-thousandths, as it has no decimals."""
    verdict_columns = _VERDICTS if verdicts else dict.fromkeys(_VERDICTS, "")
    if engine == "postgresql":
        names = {
            "exact_amount": "l.amount",
            "exact_charge": "amount",
            "exact_brought": "balance_brought_forward",
            "exact_paid": "amount",
            "charges": "s.charges",
            "brought": "s.brought",
            "sum": "s.charges + s.brought",
            "new_charges": "charges",
            "new_brought": "brought",
            "new_sum": "charges + brought",
            "owed": "billed - paid",
            "credit": "paid - billed",
            "billed": "billed",
            "paid": "paid",
        }
    else:
        names = {
            "exact_amount": "CAST(ROUND(l.amount * 10000) AS INTEGER)",
            "exact_charge": "CAST(ROUND(amount * 10000) AS INTEGER)",
            "exact_brought": "CAST(ROUND(balance_brought_forward * 10000) AS INTEGER)",
            "exact_paid": "CAST(ROUND(amount * 10000) AS INTEGER)",
            "charges": "s.charges / 10000.0",
            "brought": "s.brought / 10000.0",
            "sum": "(s.charges + s.brought) / 10000.0",
            "new_charges": "charges / 10000.0",
            "new_brought": "brought / 10000.0",
            "new_sum": "(charges + brought) / 10000.0",
            "owed": "(billed - paid) / 10000.0",
            "credit": "(paid - billed) / 10000.0",
            "billed": "billed / 10000.0",
            "paid": "paid / 10000.0",
        }
    return template.format(tenant=tenant, run=run, **names, **verdict_columns)
