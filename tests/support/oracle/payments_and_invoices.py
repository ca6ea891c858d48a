"""The invariants of payments and invoices in plain Python: each a function of the books to the ids that violate it.

Add a function here for such an invariant, and its name in `INVARIANTS` of the package; balances are in `balances`.
"""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from tests.support.oracle.books import DECISIONS, INVOICE_AMOUNTS, ZERO, Books, Row, day_of, day_of_invoice, total
from tests.support.oracle.steps import invoice_amounts


def lacks_meter(row: Row) -> bool:
    """Say whether a payment or an invoice names no meter."""
    return row["meter_id"] is None


def _meter_is_of_other_tenant(books: Books, row: Row) -> bool:
    return books.is_other(books.find("meters", row["meter_id"]))


def _names_missing_meter(books: Books, row: Row) -> bool:
    return not lacks_meter(row) and books.find("meters", row["meter_id"]) is None


def every_counted_payment_has_a_meter(books: Books) -> Iterator[int]:
    """A payment with money in it has a meter."""
    return (row["id"] for row in books.counted_payments if lacks_meter(row))


def every_payment_meter_exists_in_its_tenant(books: Books) -> Iterator[int]:
    """No payment names another tenant's meter, and no counted one a meter that does not exist."""
    for row in books.own("payments"):
        missing = _names_missing_meter(books, row) and books.counts_payment(row)
        if missing or _meter_is_of_other_tenant(books, row):
            yield row["id"]


def every_uncounted_payment_has_a_meter(books: Books) -> Iterator[int]:
    """Also a payment without money in it has a meter that exists."""
    for row in books.own("payments"):
        if not books.counts_payment(row) and (lacks_meter(row) or _names_missing_meter(books, row)):
            yield row["id"]


def every_payment_meter_is_its_invoice_meter(books: Books) -> Iterator[int]:
    """Where a payment and the tenant's invoice that it names both have a meter, it is the same."""
    for row in books.own("payments"):
        invoice = books.find("invoices", row["invoice_id"])
        if invoice is None or not books.is_own(invoice) or lacks_meter(invoice) or lacks_meter(row):
            continue
        if invoice["meter_id"] != row["meter_id"]:
            yield row["id"]


def every_payment_amount_is_a_number(books: Books) -> Iterator[int]:
    """A payment's amount is a number or null."""
    for payment in books.own("payments"):
        if not _is_number(payment["amount"]):
            yield payment["id"]


def every_invoice_amount_is_a_number(books: Books) -> Iterator[int]:
    """The amounts of an invoice and of its lines are numbers or null."""
    for invoice in books.own("invoices"):
        amounts = [invoice[name] for name in ("amount", "balance_brought_forward", "total_amount")]
        amounts += [line["amount"] for line in books.lines(invoice)]
        if not all(map(_is_number, amounts)):
            yield invoice["id"]


def _is_number(value: Decimal | None) -> bool:
    return value is None or value.is_finite()


def every_counted_payment_has_an_amount(books: Books) -> Iterator[int]:
    """A payment that counts says how much was paid."""
    return (row["id"] for row in books.counted_payments if row["amount"] is None)


def no_payment_meter_needs_review(books: Books) -> Iterator[int]:
    """No payment still has the meter that a rule for review gave it, and no counted one lacks a meter, undecided."""
    review = {"first_active_meter", "first_assigned_meter"}
    given = {(row["id"], row["meter_id"]) for row in books.own(DECISIONS) if row["rule"] in review}
    for row in books.own("payments"):
        unresolved = lacks_meter(row) and books.counts_payment(row)
        if row["id"] not in books.decided and (unresolved or (row["id"], row["meter_id"]) in given):
            yield row["id"]


# invoices


def every_counted_invoice_has_a_meter(books: Books) -> Iterator[int]:
    """An invoice with money in it has a meter."""
    return (row["id"] for row in books.counted_invoices if lacks_meter(row))


def every_invoice_meter_exists_in_its_tenant(books: Books) -> Iterator[int]:
    """No invoice names another tenant's meter, and no counted one a meter that does not exist."""
    for row in books.own("invoices"):
        missing = _names_missing_meter(books, row) and books.counts_invoice(row)
        if missing or _meter_is_of_other_tenant(books, row):
            yield row["id"]


def every_uncounted_invoice_has_a_meter(books: Books) -> Iterator[int]:
    """Also an invoice without money in it has a meter that exists."""
    for row in books.own("invoices"):
        if not books.counts_invoice(row) and (lacks_meter(row) or _names_missing_meter(books, row)):
            yield row["id"]


def _invoices_that_do_not_add_up(books: Books, *, counted: bool) -> Iterator[int]:
    for row in books.own("invoices"):
        charges, brought_forward, stored_total = (row[column] or ZERO for column in INVOICE_AMOUNTS)
        if books.counts_invoice(row) == counted and charges + brought_forward != stored_total:
            yield row["id"]


def every_counted_invoice_adds_up(books: Books) -> Iterator[int]:
    """Amount and brought-forward make the total of an invoice with money in it."""
    return _invoices_that_do_not_add_up(books, counted=True)


def every_uncounted_invoice_adds_up(books: Books) -> Iterator[int]:
    """Amount and brought-forward make the total also where they do not count."""
    return _invoices_that_do_not_add_up(books, counted=False)


def _invoices_unlike_their_lines(books: Books, *, counted: bool) -> Iterator[int]:
    would_change = invoice_amounts(books.db, books.tenant_id, books.policy).rows
    for row in books.own("invoices"):
        if row["id"] in would_change and books.counts_invoice(row) == counted:
            yield row["id"]


def every_counted_invoice_equals_its_lines(books: Books) -> Iterator[int]:
    """`invoice_amounts` would not change an invoice with money in it."""
    return _invoices_unlike_their_lines(books, counted=True)


def every_uncounted_invoice_equals_its_lines(books: Books) -> Iterator[int]:
    """`invoice_amounts` would not change an invoice that does not count either."""
    return _invoices_unlike_their_lines(books, counted=False)


def _line_crosses_tenants(books: Books, line: Row) -> bool:
    says_other = line.get("tenant_id") not in (None, books.tenant_id)
    return says_other or books.is_other(books.find("bills", line["bill_id"]))


def _line_lacks_something(books: Books, line: Row) -> bool:
    return books.find("bills", line["bill_id"]) is None or line["amount"] is None


def every_invoice_line_is_complete(books: Books) -> Iterator[int]:
    """No line crosses tenants, and a counted invoice's lines each have a bill and an amount."""
    for invoice in books.own("invoices"):
        for line in books.lines(invoice):
            lacking = books.counts_invoice(invoice) and _line_lacks_something(books, line)
            if lacking or _line_crosses_tenants(books, line):
                yield line["id"]


def every_uncounted_invoice_line_is_complete(books: Books) -> Iterator[int]:
    """Lines of an invoice that does not count have a bill and an amount too."""
    for invoice in books.own("invoices"):
        for line in books.lines(invoice):
            lacking = not books.counts_invoice(invoice) and _line_lacks_something(books, line)
            if lacking and not _line_crosses_tenants(books, line):
                yield line["id"]


def every_invoice_has_lines(books: Books) -> Iterator[int]:
    """Every invoice, counted or not, has lines."""
    return (row["id"] for row in books.own("invoices") if not books.lines(row))


def every_brought_forward_equals_what_the_meter_owed(books: Books) -> Iterator[int]:
    """A later invoice brings forward what its meter owed by then, or nothing where the meter was in credit."""
    meter_ids = {row["meter_id"] for row in books.counted_invoices if not lacks_meter(row)}
    for meter_id in meter_ids:
        invoices = books.invoices_of_meter(meter_id)
        for position, invoice in enumerate(invoices[1:], start=1):
            owed = _owed_before(books, invoices[:position], invoice)
            if (invoice["balance_brought_forward"] or ZERO) not in (owed, max(owed, ZERO)):
                yield invoice["id"]


def _owed_before(books: Books, earlier: list[Row], invoice: Row) -> Decimal:
    """Return what the invoice's meter owed when it was written: opening, charges, less payments of earlier days."""
    payments = books.payments_of_meter(invoice["meter_id"])
    paid = total((row for row in payments if day_of_payment(books, row) < day_of_invoice(invoice)), "amount")
    return total(earlier[:1], "balance_brought_forward") + total(earlier, "amount") - paid


def day_of_payment(books: Books, payment: Row) -> date:
    """Return the day a payment was made, or else its invoice's; where neither is known it is before all."""
    if payment.get("paid_at") is not None:
        day: date = payment["paid_at"].date()
        return day
    invoice = books.find("invoices", payment["invoice_id"])
    if invoice is None or not books.is_own(invoice):
        return date.min
    return day_of(invoice["invoice_date"]) or date.min
