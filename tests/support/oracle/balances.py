"""The invariants of balances and of the backup in plain Python: functions of the books to the ids that violate them.

Add a function here for such an invariant, and its name in `INVARIANTS` of the package.
"""

from collections.abc import Iterator

from tests.support.oracle.books import BACKUP, BACKUP_RUNS, ZERO, Books, Row, chronological, net, total
from tests.support.oracle.payments_and_invoices import lacks_meter
from tests.support.oracle.steps import charged, customer_balances_backup, meters_named_by, opening, recomputed_meter

# backup


def every_customer_has_a_backup(books: Books) -> Iterator[int]:
    """Every customer has a backup row; once the backup is complete, also one with a greater id needs none."""
    without = customer_balances_backup(books.db, books.tenant_id, books.policy).rows
    complete = any(run["outcome"] == "succeeded" for run in books.own(BACKUP_RUNS))
    last = max((row["customer_id"] for row in books.own(BACKUP)), default=None) if complete else None
    return (customer_id for customer_id in without if last is None or customer_id <= last)


# balances


def every_meter_balance_equals_its_transactions(books: Books) -> Iterator[int]:
    """A meter's balance and overpayment are the recomputed ones; its optional columns are not evaluated."""
    for meter in books.own("meters"):
        recomputed = recomputed_meter(books, meter["id"])
        if any(meter[column] != recomputed[column] for column in ("balance", "overpayment")):
            yield meter["id"]


def every_meter_balance_is_one_sided(books: Books) -> Iterator[int]:
    """Neither balance nor overpayment is negative, and not both are positive."""
    for meter in books.own("meters"):
        balance, overpayment = (meter["balance"] or ZERO, meter["overpayment"] or ZERO)
        if balance < 0 or overpayment < 0 or (balance > 0 and overpayment > 0):
            yield meter["id"]


def money_is_conserved(books: Books) -> Iterator[int]:
    """All that was billed less all that was paid is on a meter, or on rows that name no meter of the tenant."""
    meters = books.own("meters")
    on_meter = {meter["id"] for meter in meters}
    openings = sum((opening(books, meter["id"]) for meter in meters), ZERO)
    everything = charged(books, books.counted_invoices) + openings - total(books.counted_payments, "amount")
    stray_invoices = [row for row in books.counted_invoices if row["meter_id"] not in on_meter]
    stray_payments = [row for row in books.counted_payments if row["meter_id"] not in on_meter]
    strays = charged(books, stray_invoices) - total(stray_payments, "amount")
    if everything != net(meters) + strays:
        yield books.tenant_id


def no_opening_balance_follows_invoices_on_another_meter(books: Books) -> Iterator[int]:
    """A meter's opening balance does not come after an invoice of its customer on another meter."""
    for meter in books.own("meters"):
        for first in books.invoices_of_meter(meter["id"])[:1]:
            brings_forward = (first["balance_brought_forward"] or ZERO) != 0
            if brings_forward and any(_came_before_elsewhere(other, first) for other in books.counted_invoices):
                yield meter["id"]


def _came_before_elsewhere(other: Row, first: Row) -> bool:
    """Say whether an invoice of the same customer on another meter is earlier."""
    same_customer = first["customer_id"] is not None and other["customer_id"] == first["customer_id"]
    elsewhere = not lacks_meter(other) and other["meter_id"] != first["meter_id"]
    return same_customer and elsewhere and chronological(other) < chronological(first)


def tenant_balance_agrees_with_its_backup(books: Books) -> Iterator[int]:
    """The tenant's backed-up net and its meters' net are within the tolerance; evaluated only with a backup."""
    backup = books.own(BACKUP)
    if backup and abs(net(backup) - net(books.own("meters"))) > books.policy.tolerance:
        yield books.tenant_id


def every_customer_balance_agrees_with_its_backup(books: Books) -> Iterator[int]:
    """A customer's backed-up net and its active meters' net are within the tolerance.

    Of a customer without an active meter, all assigned meters are looked at.
    """
    customers = {customer["id"] for customer in books.own("customers")}
    for backup in books.own(BACKUP):
        customer_id = backup["customer_id"]
        assignments = books.active_assignments(customer_id) or books.valid_assignments(customer_id)
        difference = net([backup]) - net(meters_named_by(books, assignments))
        if customer_id in customers and abs(difference) > books.policy.tolerance:
            yield customer_id
