"""What every change and every invariant should find, computed row by row in plain Python.

The tests hold the SQL against this. It is written from the rules alone and shares nothing with the SQL but the policy:
no query, no database, no clock. A `Database` here is a dict of tables, a table a list of rows.

Not here: how databases are drawn (`tests.support.strategies`) and how they are loaded into an engine.
"""

from collections.abc import Callable, Iterator
from typing import Any

from meter_assets.billing.policy import Policy
from tests.support.oracle.assumptions import (
    every_opening_balance_has_one_first_invoice,
    every_payment_customer_is_its_invoice_customer,
    no_counted_payment_pays_an_uncounted_invoice,
    no_opening_balance_follows_an_uncounted_invoice,
    no_payment_is_older_than_the_opening_balance,
    no_refund_mirrors_an_uncounted_payment,
)
from tests.support.oracle.balances import (
    every_customer_balance_agrees_with_its_backup,
    every_customer_has_a_backup,
    every_meter_balance_equals_its_transactions,
    every_meter_balance_is_one_sided,
    money_is_conserved,
    no_opening_balance_follows_invoices_on_another_meter,
    tenant_balance_agrees_with_its_backup,
)
from tests.support.oracle.books import (
    BACKUP,
    BACKUP_RUNS,
    DECIDED,
    DECISIONS,
    INVOICE_AMOUNTS,
    Books,
    ChangedRow,
    Database,
    Expected,
    Row,
    chronological,
    total,
)
from tests.support.oracle.payments_and_invoices import (
    every_brought_forward_equals_what_the_meter_owed,
    every_counted_invoice_adds_up,
    every_counted_invoice_equals_its_lines,
    every_counted_invoice_has_a_meter,
    every_counted_payment_has_a_meter,
    every_counted_payment_has_an_amount,
    every_invoice_amount_is_a_number,
    every_invoice_has_lines,
    every_invoice_line_is_complete,
    every_invoice_meter_exists_in_its_tenant,
    every_payment_amount_is_a_number,
    every_payment_meter_exists_in_its_tenant,
    every_payment_meter_is_its_invoice_meter,
    every_uncounted_invoice_adds_up,
    every_uncounted_invoice_equals_its_lines,
    every_uncounted_invoice_has_a_meter,
    every_uncounted_invoice_line_is_complete,
    every_uncounted_payment_has_a_meter,
    no_payment_meter_needs_review,
)
from tests.support.oracle.steps import (
    CHANGES,
    MIGRATION,
    TARGETS,
    apply,
    customer_balances,
    customer_balances_backup,
    invoice_amounts,
    meter_balances,
    migrated,
    payment_meter_ids,
)
from tests.support.oracle.values import (
    every_amount_fits_the_currency,
    every_balance_is_a_number,
    every_bill_type_has_one_meaning,
    every_date_is_valid,
    every_flag_is_true_or_false,
    every_invoice_amount_fits_the_currency,
    every_invoice_status_is_known,
    every_payment_status_is_known,
    every_row_has_its_own_id,
    folded,
    no_row_is_deleted_by_an_unknown_column,
)

__all__ = [
    "BACKUP",
    "BACKUP_RUNS",
    "BLOCKING_INVARIANTS",
    "CHANGES",
    "DECIDED",
    "DECISIONS",
    "INVARIANTS",
    "INVOICE_AMOUNTS",
    "MIGRATION",
    "TARGETS",
    "Books",
    "ChangedRow",
    "Database",
    "Expected",
    "Row",
    "apply",
    "chronological",
    "customer_balances",
    "customer_balances_backup",
    "folded",
    "invoice_amounts",
    "meter_balances",
    "migrated",
    "payment_meter_ids",
    "total",
    "violations",
]

INVARIANTS: tuple[Callable[[Books], Iterator[Any]], ...] = (
    every_row_has_its_own_id,
    every_date_is_valid,
    every_flag_is_true_or_false,
    every_balance_is_a_number,
    every_amount_fits_the_currency,
    no_row_is_deleted_by_an_unknown_column,
    every_payment_status_is_known,
    every_invoice_status_is_known,
    every_invoice_amount_fits_the_currency,
    every_bill_type_has_one_meaning,
    every_counted_payment_has_a_meter,
    every_payment_meter_exists_in_its_tenant,
    every_uncounted_payment_has_a_meter,
    every_payment_meter_is_its_invoice_meter,
    every_payment_amount_is_a_number,
    every_counted_payment_has_an_amount,
    no_payment_meter_needs_review,
    every_invoice_amount_is_a_number,
    every_counted_invoice_has_a_meter,
    every_invoice_meter_exists_in_its_tenant,
    every_uncounted_invoice_has_a_meter,
    every_counted_invoice_adds_up,
    every_uncounted_invoice_adds_up,
    every_counted_invoice_equals_its_lines,
    every_uncounted_invoice_equals_its_lines,
    every_invoice_line_is_complete,
    every_uncounted_invoice_line_is_complete,
    every_invoice_has_lines,
    every_brought_forward_equals_what_the_meter_owed,
    every_customer_has_a_backup,
    every_meter_balance_equals_its_transactions,
    every_meter_balance_is_one_sided,
    money_is_conserved,
    no_opening_balance_follows_invoices_on_another_meter,
    tenant_balance_agrees_with_its_backup,
    every_customer_balance_agrees_with_its_backup,
    every_opening_balance_has_one_first_invoice,
    every_payment_customer_is_its_invoice_customer,
    no_counted_payment_pays_an_uncounted_invoice,
    no_opening_balance_follows_an_uncounted_invoice,
    no_payment_is_older_than_the_opening_balance,
    no_refund_mirrors_an_uncounted_payment,
)
BLOCKING_INVARIANTS = (
    "every_counted_payment_has_a_meter",
    "every_payment_meter_exists_in_its_tenant",
    "every_counted_invoice_has_a_meter",
    "every_invoice_meter_exists_in_its_tenant",
    "every_counted_invoice_adds_up",
    "every_counted_invoice_equals_its_lines",
    "every_invoice_line_is_complete",
    "every_payment_amount_is_a_number",
    "every_invoice_amount_is_a_number",
    "every_row_has_its_own_id",
    "every_date_is_valid",
    "every_flag_is_true_or_false",
    "every_balance_is_a_number",
    "every_amount_fits_the_currency",
    "no_row_is_deleted_by_an_unknown_column",
    "every_payment_status_is_known",
    "every_invoice_status_is_known",
    "every_invoice_amount_fits_the_currency",
    "every_bill_type_has_one_meaning",
)
"""The ERROR invariants of the groups values, payments and invoices: a violation of one blocks `meter_balances`."""


def violations(
    db: Database, tenant_id: int, policy: Policy, decided_by_review: frozenset[int] = frozenset()
) -> dict[str, set[Any]]:
    """Return, for every invariant, the ids that violate it: the tenant's own for those about the tenant.

    `decided_by_review` are the payments that a rule for review gave their meter: only a journal knows them.
    """
    books = Books(db, tenant_id, policy)
    found = {invariant.__name__: set(invariant(books)) for invariant in INVARIANTS}
    payments = {row["id"] for row in books.own("payments")}
    found["no_payment_meter_needs_review"] |= payments & decided_by_review
    return found
