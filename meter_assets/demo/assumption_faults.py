"""Faults that contradict what a balance assumes, although no row is wrong by itself."""

from meter_assets.demo.fault import Fault
from meter_assets.demo.tenant_books import CHARGE, TenantBooks

_STATUSES = ("invoices.status", "payments.status")


def _payment_before_opening(books: TenantBooks) -> None:
    account = books.account(balance=CHARGE)
    (meter_id,) = account.meter_ids
    books.payment(account.customer_id, meter_id=meter_id)
    books.invoice(account.customer_id, meter_id, month=2, brought_forward=CHARGE)


def _opening_after_cancelled_invoice(books: TenantBooks) -> None:
    account = books.account(balance=2 * CHARGE)
    books.invoice(account.customer_id, account.meter_ids[0], status="cancelled")
    books.invoice(account.customer_id, account.meter_ids[0], month=2, brought_forward=CHARGE)


def _refund_of_reversed_payment(books: TenantBooks) -> None:
    account = books.account(balance=2 * CHARGE)
    books.invoice(account.customer_id, account.meter_ids[0])
    books.payment(account.customer_id, status="reversed")
    books.payment(account.customer_id, amount=-CHARGE)


def _invoice_of_another_customer(books: TenantBooks) -> None:
    account = books.account()
    invoice_id = books.invoice(account.customer_id, account.meter_ids[0], status="paid")
    books.payment(books.account().customer_id, invoice_id=invoice_id)


def _payment_of_cancelled_invoice(books: TenantBooks) -> None:
    account = books.account(overpayment=CHARGE)
    invoice_id = books.invoice(account.customer_id, account.meter_ids[0], status="cancelled")
    books.payment(account.customer_id, invoice_id=invoice_id)


def _two_first_invoices(books: TenantBooks) -> None:
    account = books.account(balance=2 * CHARGE)
    books.invoice(account.customer_id, account.meter_ids[0])
    books.invoice(account.customer_id, account.meter_ids[0], brought_forward=CHARGE)


ASSUMPTION_FAULTS: tuple[Fault, ...] = (
    Fault(
        "payment_before_opening_balance",
        "A payment was made before its meter's first invoice, which brings forward what was left.",
        ("no_payment_is_older_than_the_opening_balance",),
        _payment_before_opening,
    ),
    Fault(
        "opening_balance_of_cancelled_invoice",
        "A meter's opening balance is the debt of an invoice that was cancelled.",
        ("no_opening_balance_follows_an_uncounted_invoice",),
        _opening_after_cancelled_invoice,
        needs=_STATUSES,
    ),
    Fault(
        "refund_of_reversed_payment",
        "A payment was reversed by its status, and once more by a negative payment.",
        ("no_refund_mirrors_an_uncounted_payment",),
        _refund_of_reversed_payment,
        needs=_STATUSES,
    ),
    Fault(
        "payment_of_another_customers_invoice",
        "A payment names an invoice of another customer.",
        ("every_payment_customer_is_its_invoice_customer",),
        _invoice_of_another_customer,
    ),
    Fault(
        "payment_of_cancelled_invoice",
        "A payment that counts names an invoice that was cancelled.",
        ("no_counted_payment_pays_an_uncounted_invoice",),
        _payment_of_cancelled_invoice,
        needs=_STATUSES,
    ),
    Fault(
        "two_first_invoices",
        "A meter's first two invoices have one date, and the second brings the debt of the first forward.",
        ("every_opening_balance_has_one_first_invoice",),
        _two_first_invoices,
    ),
)
