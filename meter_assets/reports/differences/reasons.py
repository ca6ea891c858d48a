"""The causes of a difference between an old and a new balance, and what a possible reason is.

Add a cause here; which rows may be its reason is decided in `rows`. How reasons are combined is in `combinations`.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

ZERO = Decimal(0)


class Cause(StrEnum):
    """Why the net of a customer's meters is not what the customer owed before."""

    brought_forward_counted_twice = "brought_forward_counted_twice"
    opening_balance_on_another_meter = "opening_balance_on_another_meter"
    uncounted_row_in_old_balance = "uncounted_row_in_old_balance"
    payment_not_counted = "payment_not_counted"
    invoice_not_counted = "invoice_not_counted"
    invoice_line_missing_or_changed = "invoice_line_missing_or_changed"
    stored_amounts_wrong = "stored_amounts_wrong"
    row_of_another_tenant = "row_of_another_tenant"
    meter_reassigned = "meter_reassigned"
    since_the_backup = "since_the_backup"
    meter_not_recomputed = "meter_not_recomputed"
    customer_not_in_both = "customer_not_in_both"
    rounding = "rounding"
    unexplained = "unexplained"
    not_examined = "not_examined"

    @property
    def words(self) -> str:
        """The cause in words."""
        return _WORDS[self]


_WORDS = {
    Cause.brought_forward_counted_twice: "debt brought forward is counted twice, in the old figure or by an opening "
    "balance",
    Cause.opening_balance_on_another_meter: "an opening balance is debt of the customer's other meter",
    Cause.uncounted_row_in_old_balance: "the old figure counts a reversed, pending, draft or deleted row",
    Cause.payment_not_counted: "a payment is in one of both figures only",
    Cause.invoice_not_counted: "an invoice without a meter is in the old figure only",
    Cause.invoice_line_missing_or_changed: "an invoice line is missing, or the invoice was changed since",
    Cause.stored_amounts_wrong: "an invoice's stored amounts were not the sums of its lines",
    Cause.row_of_another_tenant: "a row names a row of another tenant",
    Cause.meter_reassigned: "a meter has transactions of another customer, or the customer's are on another meter",
    Cause.since_the_backup: "a row was made after the backup",
    Cause.meter_not_recomputed: "a meter's stored balance is not what its invoices and payments add up to",
    Cause.customer_not_in_both: "the customer was created or deleted since the backup",
    Cause.rounding: "sums of lines were rounded",
    Cause.unexplained: "unexplained: no rows add up to this part, or too many sets of rows do",
    Cause.not_examined: "not examined row by row here: see meter-assets differences",
}


@dataclass(frozen=True)
class Reason:
    """Rows that may be the reason for a part of a difference, and that part (currency units, new less old)."""

    cause: Cause
    amount: Decimal
    rows: tuple[str, ...]
    """The rows in words, such as "payment 12"."""
    rarity: int = 1
    """What it costs to assume it: 1 if the data has a sign of it, 2 if any row may be meant."""


def grouped(reasons: Iterable[Reason]) -> list[Reason]:
    """Return one reason for each cause with all its rows; without those that add up to nothing."""
    sums: dict[Cause, Decimal] = defaultdict(lambda: ZERO)
    rows: dict[Cause, list[str]] = defaultdict(list)
    for one in reasons:
        sums[one.cause] += one.amount
        rows[one.cause] += one.rows
    return [Reason(cause, amount, tuple(rows[cause])) for cause, amount in sums.items() if amount]
