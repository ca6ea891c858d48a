"""What every step should change, computed row by row in plain Python, and a whole migration of a tenant.

Add a function for a new step and its name in `CHANGES`. What must hold afterwards is in the other modules.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal

from meter_assets.billing.policy import BalanceBasis, CustomersWithoutActiveMeter, InvoicesWithoutBills, Policy
from tests.support.oracle.books import (
    BACKUP,
    INVOICE_AMOUNTS,
    OPTIONAL_METER_COLUMNS,
    ZERO,
    Books,
    ChangedRow,
    Database,
    Expected,
    Row,
    day_of,
    total,
)


@dataclass(frozen=True)
class Decided:
    """The values that a rule gives a row."""

    after: Row
    rule: str


@dataclass(frozen=True)
class Unresolved:
    """Why no rule gives a row its values."""

    reason: str


# payment_meter_ids


def payment_meter_ids(db: Database, tenant_id: int, policy: Policy) -> Expected:
    """Give payments without a meter one: their invoice's, or else one of their customer's."""
    books, expected = Books(db, tenant_id, policy), Expected()
    for payment in books.own("payments"):
        if payment["meter_id"] is not None:
            expected.keep(payment["id"])
            continue
        decision = _meter_of_payment(books, payment)
        if isinstance(decision, Unresolved):
            expected.leave(payment["id"], decision.reason)
        else:
            expected.change(payment["id"], {"meter_id": None}, decision.after, decision.rule)
    return expected


def _meter_of_payment(books: Books, payment: Row) -> Decided | Unresolved:
    decided = books.decided.get(payment["id"])
    if decided is not None:
        return Decided({"meter_id": decided}, "decision")
    if payment["invoice_id"] is not None:
        return _meter_of_invoice(books, payment["invoice_id"])
    return _meter_of_customer(books, payment["customer_id"])


def _meter_of_invoice(books: Books, invoice_id: int) -> Decided | Unresolved:
    invoice = books.find("invoices", invoice_id)
    if invoice is None:
        return Unresolved("invoice_missing")
    if books.is_other(invoice):
        return Unresolved("invoice_of_other_tenant")
    meter = books.find("meters", invoice["meter_id"])
    if meter is None:
        return Unresolved("invoice_without_meter")
    if books.is_other(meter):
        return Unresolved("meter_of_other_tenant")
    return Decided({"meter_id": meter["id"]}, "invoice")


def _meter_of_customer(books: Books, customer_id: int | None) -> Decided | Unresolved:
    if customer_id is None or not books.is_own(books.find("customers", customer_id)):
        return Unresolved("customer_missing")
    active = books.active_assignments(customer_id)
    if active:
        meters = {row["meter_id"] for row in active}
        rule = "sole_active_meter" if len(meters) == 1 else "first_active_meter"
        return Decided({"meter_id": active[0]["meter_id"]}, rule)
    return _meter_of_customer_without_active(books, customer_id)


def _meter_of_customer_without_active(books: Books, customer_id: int) -> Decided | Unresolved:
    valid = books.valid_assignments(customer_id)
    if valid:
        if books.policy.customers_without_active_meter == CustomersWithoutActiveMeter.leave:
            return Unresolved("customer_without_active_meter")
        return Decided({"meter_id": valid[0]["meter_id"]}, "first_assigned_meter")
    if any(books.is_other(books.find("meters", row["meter_id"])) for row in books.assignments(customer_id)):
        return Unresolved("meter_of_other_tenant")
    return Unresolved("customer_without_meter")


# invoice_amounts


def invoice_amounts(db: Database, tenant_id: int, policy: Policy) -> Expected:
    """Make every invoice's three amounts the sums of its lines, where its lines can be summed."""
    books, expected = Books(db, tenant_id, policy), Expected()
    for invoice in books.own("invoices"):
        decision = _amounts_of_invoice(books, invoice)
        if isinstance(decision, Unresolved):
            expected.leave(invoice["id"], decision.reason)
        else:
            before = {column: invoice[column] for column in INVOICE_AMOUNTS}
            expected.change(invoice["id"], before, decision.after, decision.rule)
    return expected


def _amounts_of_invoice(books: Books, invoice: Row) -> Decided | Unresolved:
    lines = books.lines(invoice)
    if not lines:
        if books.policy.invoices_without_bills == InvoicesWithoutBills.keep:
            return Unresolved("no_lines")
        return Decided(dict.fromkeys(INVOICE_AMOUNTS, ZERO), "zero_without_lines")
    reason = _why_lines_cannot_be_summed(books, lines)
    if reason is not None:
        return Unresolved(reason)
    brought_forward = total((line for line in lines if is_brought_forward(books, line)), "amount")
    sums = (total(lines, "amount") - brought_forward, brought_forward)
    charges, brought_forward = (_rounded(books.policy, one) for one in sums)
    rule = "sum_of_lines" if (charges, brought_forward) == sums else "rounded_sum_of_lines"
    values = (charges, brought_forward, charges + brought_forward)
    return Decided(dict(zip(INVOICE_AMOUNTS, values, strict=True)), rule)


def _rounded(policy: Policy, value: Decimal) -> Decimal:
    mode = {"none": None, "half_up": ROUND_HALF_UP, "half_even": ROUND_HALF_EVEN}[policy.rounding_of_sums]
    return value if mode is None else value.quantize(Decimal(1).scaleb(-policy.currency_decimals), mode)


def _why_lines_cannot_be_summed(books: Books, lines: list[Row]) -> str | None:
    """Return the first reason that any of the lines gives; the lines are of an invoice of the tenant."""
    bills = [books.find("bills", line["bill_id"]) for line in lines]
    if any(line.get("tenant_id") not in (None, books.tenant_id) for line in lines):
        return "line_of_other_tenant"
    if any(bill is None for bill in bills):
        return "bill_missing"
    if any(books.is_other(bill) for bill in bills):
        return "bill_of_other_tenant"
    if any(line["amount"] is None for line in lines):
        return "line_amount_null"
    return None


def is_brought_forward(books: Books, line: Row) -> bool:
    """Say whether a line is debt that is brought forward, by the type of its bill."""
    bill = books.find("bills", line["bill_id"])
    if bill is None or bill["bill_type"] is None:
        return False
    types = {one.strip().lower() for one in books.policy.brought_forward_bill_types}
    return bill["bill_type"].strip().lower() in types


# customer_balances_backup


def customer_balances_backup(db: Database, tenant_id: int, policy: Policy) -> Expected:
    """Back up every customer that has no backup yet; a backup that is there is never overwritten."""
    books, expected = Books(db, tenant_id, policy), Expected()
    backed_up = {row["customer_id"] for row in books.own(BACKUP)}
    for customer in books.own("customers"):
        if customer["id"] in backed_up:
            expected.keep(customer["id"])
            continue
        stored = {"balance": customer["balance"], "overpayment": customer["overpayment"]}
        expected.rows[customer["id"]] = ChangedRow(dict.fromkeys(stored), stored, "first_backup")
        expected.outcome_of[customer["id"]] = ("would_change", "first_backup")
    return expected


# meter_balances


def meter_balances(db: Database, tenant_id: int, policy: Policy) -> Expected:
    """Recompute every meter of the tenant from its counted transactions."""
    books, expected = Books(db, tenant_id, policy), Expected()
    for meter in books.own("meters"):
        recomputed = recomputed_meter(books, meter["id"])
        after = {name: value for name, value in recomputed.items() if _is_written(meter, name)}
        before = {name: meter[name] for name in after}
        expected.change(meter["id"], before, after, policy.balance_basis.value)
    return expected


def _is_written(meter: Row, column: str) -> bool:
    return column not in OPTIONAL_METER_COLUMNS or column in meter


def recomputed_meter(books: Books, meter_id: int) -> Row:
    invoices = books.invoices_of_meter(meter_id)
    billed = charged(books, invoices) + opening(books, meter_id)
    paid = total(books.payments_of_meter(meter_id), "amount")
    dates = [day for row in invoices if (day := day_of(row["invoice_date"])) is not None]
    return {
        "balance": max(billed - paid, ZERO),
        "overpayment": max(paid - billed, ZERO),
        "total_billed": billed,
        "total_paid": paid,
        "last_invoice_date": max(dates, default=None),
    }


def charged(books: Books, invoices: Iterable[Row]) -> Decimal:
    """Sum what invoices charge: their own charges, or their totals under the policy that sums totals."""
    by_totals = books.policy.balance_basis == BalanceBasis.invoice_totals
    return total(invoices, "total_amount" if by_totals else "amount")


def opening(books: Books, meter_id: int) -> Decimal:
    """Return the earliest counted invoice's brought-forward; the totals have it in them already."""
    if books.policy.balance_basis == BalanceBasis.invoice_totals:
        return ZERO
    return total(books.invoices_of_meter(meter_id)[:1], "balance_brought_forward")


# customer_balances


def customer_balances(db: Database, tenant_id: int, policy: Policy) -> Expected:
    """Make every customer's stored amounts the sums over its active meters' stored ones."""
    books, expected = Books(db, tenant_id, policy), Expected()
    for customer in books.own("customers"):
        meters = meters_named_by(books, books.active_assignments(customer["id"]))
        if not meters:
            expected.leave(customer["id"], "customer_without_active_meter")
            continue
        before = {"balance": customer["balance"], "overpayment": customer["overpayment"]}
        after = {column: total(meters, column) for column in before}
        expected.change(customer["id"], before, after, "sum_of_active_meters")
    return expected


def meters_named_by(books: Books, assignments: list[Row]) -> list[Row]:
    """Return the meters that assignments name, each once."""
    named = {row["meter_id"] for row in assignments}
    return [meter for meter in books.own("meters") if meter["id"] in named]


# The migration

CHANGES: dict[str, Callable[[Database, int, Policy], Expected]] = {
    "payment_meter_ids": payment_meter_ids,
    "invoice_amounts": invoice_amounts,
    "customer_balances_backup": customer_balances_backup,
    "meter_balances": meter_balances,
    "customer_balances": customer_balances,
}
MIGRATION = ("customer_balances_backup", "payment_meter_ids", "invoice_amounts", "meter_balances")
TARGETS = {
    "payment_meter_ids": "payments",
    "invoice_amounts": "invoices",
    "meter_balances": "meters",
    "customer_balances": "customers",
}


def apply(db: Database, change_name: str, expected: Expected) -> Database:
    """Return a copy of the database with a change made."""
    changed = {table: [row.copy() for row in rows] for table, rows in db.items()}
    if change_name == "customer_balances_backup":
        changed.setdefault(BACKUP, []).extend(_backup_rows(db, expected))
        return changed
    for row in changed[TARGETS[change_name]]:
        if row["id"] in expected.rows:
            row.update(expected.rows[row["id"]].after)
    return changed


def _backup_rows(db: Database, expected: Expected) -> Iterator[Row]:
    tenant_of = {customer["id"]: customer["tenant_id"] for customer in db["customers"]}
    for customer_id, row in expected.rows.items():
        yield {"tenant_id": tenant_of[customer_id], "customer_id": customer_id, **row.after}


def migrated(db: Database, tenant_id: int, policy: Policy) -> tuple[Database, dict[str, Expected]]:
    """Make a tenant's four changes in order, each on what the ones before it left; return them too."""
    found: dict[str, Expected] = {}
    for name in MIGRATION:
        found[name] = CHANGES[name](db, tenant_id, policy)
        db = apply(db, name, found[name])
    return db, found
