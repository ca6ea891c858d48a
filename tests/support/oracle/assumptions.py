"""What a balance assumes, in plain Python: each a function of the books to the ids whose data contradict it.

Add a function here for such an invariant, and its name in `INVARIANTS` of the package.
"""

from collections.abc import Iterator
from datetime import date
from typing import Any

from tests.support.oracle.books import ZERO, Books, Row, day_of_invoice
from tests.support.oracle.payments_and_invoices import day_of_payment


def _opening(books: Books, meter_id: Any) -> Row | None:
    """Return a meter's first counted invoice, if it brings something forward."""
    first = next(iter(books.invoices_of_meter(meter_id)), None)
    return first if first is not None and first["balance_brought_forward"] else None


def no_payment_is_older_than_the_opening_balance(books: Books) -> Iterator[Any]:
    """A payment was not made before the opening balance of its meter."""
    for payment in books.counted_payments:
        opening = None if payment["meter_id"] is None else _opening(books, payment["meter_id"])
        if opening is None or opening["invoice_date"] is None:
            continue
        if date.min < day_of_payment(books, payment) < day_of_invoice(opening):
            yield payment["id"]


def no_opening_balance_follows_an_uncounted_invoice(books: Books) -> Iterator[Any]:
    """Before an opening balance there is no invoice of the meter without effect, but those with the same balance."""
    stored = [row for row in books.db.get("invoices", []) if row["tenant_id"] == books.tenant_id]
    without_effect = [row for row in stored if row not in books.counted_invoices]
    for meter_id in {row["meter_id"] for row in books.counted_invoices} - {None}:
        opening = _opening(books, meter_id)
        if opening is not None and any(_is_earlier(row, opening) for row in without_effect):
            yield meter_id


def _is_earlier(invoice: Row, opening: Row) -> bool:
    dates = (invoice["invoice_date"], opening["invoice_date"])
    if invoice["meter_id"] != opening["meter_id"] or None in dates:
        return False
    brought = [row["balance_brought_forward"] or ZERO for row in (invoice, opening)]
    return bool((dates[0], invoice["id"]) < (dates[1], opening["id"])) and brought[0] != brought[1]


def no_refund_mirrors_an_uncounted_payment(books: Books) -> Iterator[Any]:
    """A counted negative payment is not the opposite of one without effect, of the same customer or invoice."""
    stored = [row for row in books.db.get("payments", []) if row["tenant_id"] == books.tenant_id]
    without_effect = [row for row in stored if row not in books.counted_payments]
    for payment in books.counted_payments:
        if (payment["amount"] or ZERO) < 0 and any(_mirrors(payment, other) for other in without_effect):
            yield payment["id"]


def _mirrors(payment: Row, other: Row) -> bool:
    same = any(payment[key] is not None and payment[key] == other[key] for key in ("customer_id", "invoice_id"))
    return same and (other["amount"] or ZERO) == -payment["amount"]


def _its_invoice(books: Books, payment: Row) -> Row | None:
    invoice = books.find("invoices", payment["invoice_id"])
    return invoice if books.is_own(invoice) else None


def every_payment_customer_is_its_invoice_customer(books: Books) -> Iterator[Any]:
    """A counted payment is of the customer of the invoice that it names."""
    for payment in books.counted_payments:
        invoice = _its_invoice(books, payment)
        customers = {payment["customer_id"], invoice["customer_id"]} if invoice else {None}
        if len(customers) == 2 and None not in customers:
            yield payment["id"]


def no_counted_payment_pays_an_uncounted_invoice(books: Books) -> Iterator[Any]:
    """A counted payment with money does not name an invoice that does not count."""
    for payment in books.counted_payments:
        invoice = _its_invoice(books, payment)
        if invoice is not None and payment["amount"] and not books.counts_invoice(invoice):
            yield payment["id"]


def every_opening_balance_has_one_first_invoice(books: Books) -> Iterator[Any]:
    """A meter's first two invoices do not share their date if one brings something forward."""
    for meter_id in {row["meter_id"] for row in books.counted_invoices} - {None}:
        first_two = books.invoices_of_meter(meter_id)[:2]
        same_day = len(first_two) == 2 and len({row["invoice_date"] for row in first_two}) == 1
        if same_day and any(row["balance_brought_forward"] for row in first_two):
            yield meter_id
