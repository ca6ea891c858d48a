"""Faults of invoices, of their lines, and of the resulting balances. Faults of payments are in `payment_faults`."""

from collections.abc import Mapping
from decimal import Decimal
from functools import partial
from typing import Any

from sqlalchemy import update

from meter_assets.demo.fault import Fault
from meter_assets.demo.tenant_books import CHARGE, NOTHING, TenantBooks

_INVOICE_STATUS, _BOTH_STATUSES = ("invoices.status",), ("invoices.status", "payments.status")


def _on_meter(books: TenantBooks, meter_id: int | None, status: str = "paid", paid: str = "completed") -> None:
    """Add an invoice on the given meter, and the payment that settles it."""
    account = books.account()
    invoice_id = books.invoice(account.customer_id, meter_id, status=status)
    books.payment(account.customer_id, invoice_id=invoice_id, status=paid)


def _with_line(books: TenantBooks, charge_line: Mapping[str, Any], status: str = "open") -> None:
    """Add an invoice whose line has the given values."""
    account = books.account(balance=CHARGE if status == "open" else NOTHING)
    books.invoice(account.customer_id, account.meter_ids[0], charge_line=charge_line, status=status)


def _with_stored(books: TenantBooks, *, lines: bool = True, status: str = "open", **stored: Decimal | None) -> None:
    """Add an invoice with the given stored amounts."""
    account = books.account(balance=NOTHING if status == "draft" else CHARGE)
    books.invoice(account.customer_id, account.meter_ids[0], lines=lines, stored=stored, status=status)


def _arrears(books: TenantBooks) -> None:
    account = books.account(balance=CHARGE)
    bill_id = books.add("bills", bill_type="ARREARS")
    books.invoice(account.customer_id, account.meter_ids[0], charge_line={"bill_id": bill_id})


def _brought_forward_inside_amount(books: TenantBooks) -> None:
    invoices = books.schema.table("invoices")
    books.connection.execute(
        update(invoices)
        .where(invoices.c.tenant_id == books.tenant_id, invoices.c.balance_brought_forward > NOTHING)
        .values(amount=invoices.c.total_amount, balance_brought_forward=NOTHING)
    )


def _brought_forward_mismatch(books: TenantBooks) -> None:
    account = books.account(balance=2 * CHARGE)
    books.invoice(account.customer_id, account.meter_ids[0], status="carried_forward")
    books.invoice(account.customer_id, account.meter_ids[0], month=2, brought_forward=CHARGE / 2)


def _opening_balance_moved(books: TenantBooks) -> None:
    account = books.account(balance=2 * CHARGE)
    left = books.meter()
    books.assign(account.customer_id, left, is_active=False)
    books.invoice(account.customer_id, left, status="carried_forward")
    books.invoice(account.customer_id, account.meter_ids[0], month=2, brought_forward=CHARGE)


INVOICE_FAULTS: tuple[Fault, ...] = (
    Fault(
        "invoice_without_meter",
        "An invoice lacks its meter, and so does the payment that names it.",
        ("every_counted_invoice_has_a_meter", "every_counted_payment_has_a_meter", "no_payment_meter_needs_review"),
        partial(_on_meter, meter_id=None),
    ),
    Fault(
        "draft_invoice_without_meter",
        "A draft lacks its meter, and so does the failed payment that names it.",
        ("every_uncounted_invoice_has_a_meter", "every_uncounted_payment_has_a_meter"),
        partial(_on_meter, meter_id=None, status="draft", paid="failed"),
        needs=_BOTH_STATUSES,
    ),
    Fault(
        "invoice_with_other_tenants_meter",
        "An invoice has another tenant's meter, which its payment must not be given.",
        (
            "every_invoice_meter_exists_in_its_tenant",
            "every_counted_payment_has_a_meter",
            "no_payment_meter_needs_review",
        ),
        lambda books: _on_meter(books, books.of_other_tenant("meters")),
    ),
    Fault(
        "missing_bill",
        "An invoice's line names a bill that does not exist.",
        ("every_invoice_line_is_complete",),
        lambda books: _with_line(books, {"bill_id": books.missing("bills")}),
    ),
    Fault(
        "draft_invoice_with_missing_bill",
        "A draft's line names a bill that does not exist.",
        ("every_uncounted_invoice_line_is_complete",),
        lambda books: _with_line(books, {"bill_id": books.missing("bills")}, "draft"),
        needs=_INVOICE_STATUS,
    ),
    Fault(
        "bill_of_other_tenant",
        "An invoice's line names a bill of another tenant.",
        ("every_invoice_line_is_complete",),
        lambda books: _with_line(books, {"bill_id": books.of_other_tenant("bills")}),
    ),
    Fault(
        "line_of_other_tenant",
        "An invoice's line has another tenant's id.",
        ("every_invoice_line_is_complete",),
        lambda books: _with_line(books, {"tenant_id": books.of_other_tenant("tenants")}),
        needs=("invoice_bills.tenant_id",),
    ),
    Fault(
        "null_line_amount",
        "An invoice's line has no amount.",
        ("every_invoice_line_is_complete",),
        partial(_with_line, charge_line={"amount": None}),
    ),
    Fault(
        "draft_invoice_with_null_line_amount",
        "A draft's line has no amount.",
        ("every_uncounted_invoice_line_is_complete",),
        partial(_with_line, charge_line={"amount": None}, status="draft"),
        needs=_INVOICE_STATUS,
    ),
    Fault(
        "unknown_bill_type",
        "An invoice brings debt forward under a bill type that the policy does not name.",
        ("every_bill_type_has_one_meaning",),
        _arrears,
    ),
    Fault(
        "unknown_invoice_status",
        "An invoice has a status that the policy does not name: nobody knows whether it counts.",
        ("every_invoice_status_is_known",),
        partial(_with_stored, status="disputed"),
        needs=_INVOICE_STATUS,
    ),
    Fault(
        "invoice_without_lines",
        "An invoice has amounts but no lines.",
        ("every_invoice_has_lines",),
        partial(_with_stored, lines=False),
    ),
    Fault(
        "invoice_without_lines_not_adding_up",
        "An invoice has no lines, and its amounts do not add up to its total.",
        ("every_invoice_has_lines", "every_counted_invoice_adds_up"),
        partial(_with_stored, lines=False, total_amount=CHARGE + 5),
    ),
    Fault(
        "draft_invoice_not_adding_up",
        "A draft has no lines, and its amounts do not add up to its total.",
        ("every_invoice_has_lines", "every_uncounted_invoice_adds_up"),
        partial(_with_stored, lines=False, status="draft", total_amount=CHARGE + 5),
        needs=_INVOICE_STATUS,
    ),
    Fault(
        "invoice_wrong_total",
        "An invoice's stored amounts differ from its lines; the migration fixes them.",
        (),
        partial(_with_stored, amount=CHARGE / 4, total_amount=CHARGE / 2),
    ),
    Fault(
        "invoice_without_amounts",
        "An invoice's amounts were never stored; the migration sums its lines.",
        (),
        partial(_with_stored, amount=None, balance_brought_forward=None, total_amount=None),
    ),
    Fault(
        "brought_forward_inside_amount",
        "The amounts of all invoices include the balance brought forward; the migration separates the two.",
        (),
        _brought_forward_inside_amount,
    ),
    Fault(
        "brought_forward_mismatch",
        "An invoice brings forward half of what its meter owed.",
        ("every_brought_forward_equals_what_the_meter_owed",),
        _brought_forward_mismatch,
    ),
    Fault(
        "opening_balance_moved_between_meters",
        "A customer's debt was moved to another meter, and is counted on both.",
        ("no_opening_balance_follows_invoices_on_another_meter", "tenant_balance_agrees_with_its_backup"),
        _opening_balance_moved,
    ),
    Fault(
        "negative_meter_balance",
        "A meter without transactions has a negative balance, which the migration fixes.",
        (),
        lambda books: books.meter(balance=-CHARGE),
    ),
    Fault(
        "customer_balance_disagrees",
        "A customer's stored balance is greater than the sum of the customer's invoices and payments.",
        ("tenant_balance_agrees_with_its_backup", "every_customer_balance_agrees_with_its_backup"),
        lambda books: books.account(balance=12 * CHARGE),
    ),
)
