"""Faults of payments, and of the assignments that determine a payment's meter. Other faults are in `invoice_faults`."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from functools import partial

from meter_assets.demo.fault import Fault
from meter_assets.demo.tenant_books import CHARGE, NOTHING, TenantBooks

HUGE = Decimal("99999999999.99")
_WITHOUT_METER = ("every_counted_payment_has_a_meter", "no_payment_meter_needs_review")


def _orphan(books: TenantBooks, status: str) -> None:
    books.payment(None, status=status)


def _of_missing_invoice(books: TenantBooks, status: str) -> None:
    books.payment(books.account().customer_id, invoice_id=books.missing("invoices"), status=status)


def _of_other_tenants_invoice(books: TenantBooks, status: str) -> None:
    books.payment(books.account().customer_id, invoice_id=books.of_other_tenant("invoices"), status=status)


def _without_assignment(books: TenantBooks, status: str) -> None:
    books.payment(books.customer(), status=status)


def _without_active_assignment(books: TenantBooks, status: str) -> None:
    books.payment(books.account(is_active=False).customer_id, status=status)


def _assigned_to_other_tenants_meter(books: TenantBooks, status: str) -> None:
    customer_id = books.customer()
    books.assign(customer_id, books.of_other_tenant("meters"))
    books.payment(customer_id, status=status)


def _unresolved(
    name: str, uncounted_name: str, description: str, add: Callable[[TenantBooks, str], None]
) -> tuple[Fault, Fault]:
    """Return a fault that leaves a payment without a meter, and the same fault for a payment that does not count."""
    return (
        Fault(name, description, _WITHOUT_METER, lambda books: add(books, "completed")),
        Fault(
            uncounted_name,
            f"{description} It failed, so there is no money in it.",
            ("every_uncounted_payment_has_a_meter",),
            lambda books: add(books, "failed"),
            needs=("payments.status",),
        ),
    )


def _with_meter(books: TenantBooks, meter_id: int) -> None:
    books.payment(books.account().customer_id, meter_id=meter_id)


def _not_of_its_invoices_meter(books: TenantBooks) -> None:
    account = books.account(meters=2)
    first, second = account.meter_ids
    invoice_id = books.invoice(account.customer_id, first, status="paid")
    books.payment(account.customer_id, invoice_id=invoice_id, meter_id=second)


def _several_active_meters(books: TenantBooks) -> None:
    books.payment(books.account(overpayment=CHARGE, meters=2).customer_id)


def _duplicate_assignment(books: TenantBooks) -> None:
    account = books.account(overpayment=CHARGE)
    books.assign(account.customer_id, account.meter_ids[0])
    books.payment(account.customer_id)


def _refund(books: TenantBooks) -> None:
    books.payment(books.account(balance=CHARGE).customer_id, amount=-CHARGE)


def _huge(books: TenantBooks) -> None:
    books.payment(books.account(overpayment=HUGE).customer_id, amount=HUGE)


def _deleted(books: TenantBooks) -> None:
    books.payment(None, deleted_at=datetime(2024, 2, 1))


def _paid_ahead(books: TenantBooks, status: str, overpayment: Decimal = CHARGE) -> None:
    books.payment(books.account(overpayment=overpayment).customer_id, status=status)


PAYMENT_FAULTS: tuple[Fault, ...] = (
    *_unresolved(
        "orphan_payment",
        "failed_payment_without_customer",
        "A payment names neither a customer nor an invoice.",
        _orphan,
    ),
    *_unresolved(
        "payment_of_missing_invoice",
        "failed_payment_of_missing_invoice",
        "A payment names an invoice that does not exist.",
        _of_missing_invoice,
    ),
    *_unresolved(
        "payment_of_other_tenants_invoice",
        "failed_payment_of_other_tenants_invoice",
        "A payment names an invoice of another tenant.",
        _of_other_tenants_invoice,
    ),
    *_unresolved(
        "customer_without_meter",
        "failed_payment_of_customer_without_meter",
        "A payment's customer has never been assigned a meter.",
        _without_assignment,
    ),
    *_unresolved(
        "customer_without_active_meter",
        "failed_payment_of_customer_without_active_meter",
        "A payment without an invoice has a customer whose only assignment is inactive.",
        _without_active_assignment,
    ),
    *_unresolved(
        "assignment_to_other_tenants_meter",
        "failed_payment_by_assignment_to_other_tenants_meter",
        "A payment's customer is assigned to another tenant's meter only.",
        _assigned_to_other_tenants_meter,
    ),
    Fault(
        "payment_with_other_tenants_meter",
        "A payment has a meter already, and it is another tenant's.",
        ("every_payment_meter_exists_in_its_tenant",),
        lambda books: _with_meter(books, books.of_other_tenant("meters")),
    ),
    Fault(
        "payment_with_missing_meter",
        "A payment has a meter already, and that meter does not exist.",
        ("every_payment_meter_exists_in_its_tenant",),
        lambda books: _with_meter(books, books.missing("meters")),
    ),
    Fault(
        "payment_not_of_its_invoices_meter",
        "A payment has a meter already, and its invoice has another one.",
        ("every_payment_meter_is_its_invoice_meter",),
        _not_of_its_invoices_meter,
    ),
    Fault(
        "several_active_meters",
        "A payment without an invoice has a customer with two active meters: it gets the first, for review.",
        ("no_payment_meter_needs_review",),
        _several_active_meters,
    ),
    Fault(
        "duplicate_assignment",
        "A customer is assigned to the same meter twice, which counts as one meter.",
        (),
        _duplicate_assignment,
    ),
    Fault("negative_payment", "A refund is a negative payment, and increases the debt.", (), _refund),
    Fault(
        "null_payment_amount",
        "A payment has no amount, which counts as 0.",
        ("every_counted_payment_has_an_amount",),
        lambda books: books.payment(books.account().customer_id, amount=None),
    ),
    Fault("huge_payment", f"A payment's amount is {HUGE:,}, which must stay exact.", (), _huge),
    Fault(
        "deleted_payment",
        "A payment without a customer is deleted, so it is ignored.",
        (),
        _deleted,
        needs=("payments.deleted_at",),
    ),
    Fault(
        "unknown_status",
        "A payment has a status that the policy does not name: nobody knows whether it counts.",
        ("every_payment_status_is_known",),
        partial(_paid_ahead, status="under_review"),
        needs=("payments.status",),
    ),
    Fault(
        "status_with_blanks",
        "A payment's status has blanks around it; it counts.",
        (),
        partial(_paid_ahead, status=" completed "),
        needs=("payments.status",),
    ),
    Fault(
        "status_in_capitals",
        "A payment is REVERSED, in capitals, and does not count.",
        (),
        partial(_paid_ahead, status="REVERSED", overpayment=NOTHING),
        needs=("payments.status",),
    ),
)
