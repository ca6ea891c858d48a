"""What every change and every invariant should find, computed row by row in plain Python.

The tests hold the SQL against this. It is written from the rules alone and shares nothing with the SQL but the policy:
no query, no database, no clock. A `Database` here is a dict of tables, a table a list of rows.

Not here: how databases are drawn (`tests.support.strategies`) and how they are loaded into an engine.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Any

from meter_assets.billing.policy import BalanceBasis, CustomersWithoutActiveMeter, InvoicesWithoutBills, Policy

Row = dict[str, Any]
Database = dict[str, list[Row]]

ZERO = Decimal(0)
BACKUP = "customer_balances_backup"
INVOICE_AMOUNTS = ("amount", "balance_brought_forward", "total_amount")
OPTIONAL_METER_COLUMNS = ("total_billed", "total_paid", "last_invoice_date")


@dataclass(frozen=True)
class ChangedRow:
    """One row that a change would write: its columns before and after, and the rule that decided."""

    before: Row
    after: Row
    rule: str


@dataclass(frozen=True)
class Expected:
    """What a change yields: the rows that differ, by id, and what became of every row that was looked at.

    An outcome is ("would_change", rule), ("already_correct", None) or ("unresolved", reason).
    """

    rows: dict[int, ChangedRow] = field(default_factory=dict)
    outcomes: Counter[tuple[str, str | None]] = field(default_factory=Counter)

    def change(self, row_id: int, before: Row, after: Row, rule: str) -> None:
        """Take up one row, as a change if it differs; a null differs from 0."""
        if before == after:
            self.keep()
            return
        self.rows[row_id] = ChangedRow(before, after, rule)
        self.outcomes["would_change", rule] += 1

    def keep(self) -> None:
        """Count one row that is as it should be."""
        self.outcomes["already_correct", None] += 1

    def leave(self, reason: str) -> None:
        """Count one row that no rule decides."""
        self.outcomes["unresolved", reason] += 1


@dataclass(frozen=True)
class Decided:
    """The values that a rule gives a row."""

    after: Row
    rule: str


@dataclass(frozen=True)
class Unresolved:
    """Why no rule gives a row its values."""

    reason: str


# What exists and what counts


@dataclass(frozen=True)
class Books:
    """One tenant's books under one policy: the rows that exist, those that count, and what belongs to what."""

    db: Database
    tenant_id: int
    policy: Policy

    def live(self, table: str) -> list[Row]:
        """Return a table's rows of all tenants; a deleted row does not exist, for anything."""
        return [row for row in self.db.get(table, []) if row.get("deleted_at") is None]

    def own(self, table: str) -> list[Row]:
        """Return the tenant's rows of a table."""
        return [row for row in self.live(table) if row["tenant_id"] == self.tenant_id]

    def find(self, table: str, row_id: int | None) -> Row | None:
        """Return the row with that id, whichever tenant's it is."""
        return next((row for row in self.live(table) if row_id is not None and row["id"] == row_id), None)

    def is_own(self, row: Row | None) -> bool:
        """Say whether there is such a row and it is the tenant's."""
        return row is not None and row["tenant_id"] == self.tenant_id

    def is_other(self, row: Row | None) -> bool:
        """Say whether there is such a row and it is another tenant's."""
        return row is not None and row["tenant_id"] != self.tenant_id

    @cached_property
    def counted_invoices(self) -> list[Row]:
        """The tenant's invoices that have money in them."""
        return [row for row in self.own("invoices") if self.counts_invoice(row)]

    @cached_property
    def counted_payments(self) -> list[Row]:
        """The tenant's payments that have money in them."""
        return [row for row in self.own("payments") if self.counts_payment(row)]

    def counts_invoice(self, row: Row) -> bool:
        """Say whether an invoice has money in it."""
        return _counts(row, self.policy.uncounted_invoice_statuses)

    def counts_payment(self, row: Row) -> bool:
        """Say whether a payment has money in it."""
        return _counts(row, self.policy.uncounted_payment_statuses)

    def lines(self, invoice: Row) -> list[Row]:
        """Return an invoice's lines, whatever tenant they say they are of."""
        return [line for line in self.live("invoice_bills") if line["invoice_id"] == invoice["id"]]

    def assignments(self, customer_id: int) -> list[Row]:
        """Return the tenant's assignments of a customer, whichever meters they name."""
        return [row for row in self.own("meter_assignments") if row["customer_id"] == customer_id]

    def valid_assignments(self, customer_id: int) -> list[Row]:
        """Return a customer's assignments that name a meter of the tenant, the lowest id first."""
        found = [row for row in self.assignments(customer_id) if self.is_own(self.find("meters", row["meter_id"]))]
        return sorted(found, key=lambda row: row["id"])

    def active_assignments(self, customer_id: int) -> list[Row]:
        """Return those of a customer's valid assignments that are active; null is not active."""
        return [row for row in self.valid_assignments(customer_id) if row["is_active"]]

    def invoices_of_meter(self, meter_id: int) -> list[Row]:
        """Return the tenant's counted invoices of a meter, the earliest first."""
        return sorted((row for row in self.counted_invoices if row["meter_id"] == meter_id), key=chronological)

    def payments_of_meter(self, meter_id: int) -> list[Row]:
        """Return the tenant's counted payments of a meter."""
        return [row for row in self.counted_payments if row["meter_id"] == meter_id]


def _counts(row: Row, uncounted: tuple[str, ...]) -> bool:
    status = row.get("status")
    return status is None or status.lower() not in {one.lower() for one in uncounted}


def chronological(invoice: Row) -> tuple[date, int]:
    """Order invoices by date, those without one last, then by id."""
    return (_day_of_invoice(invoice), invoice["id"])


def _day_of_invoice(invoice: Row) -> date:
    return invoice["invoice_date"] or date.max


def total(rows: Iterable[Row], column: str) -> Decimal:
    """Sum a money column; a null counts as 0."""
    return sum((row[column] or ZERO for row in rows), ZERO)


def net(rows: Iterable[Row]) -> Decimal:
    """Sum balance less overpayment; a null counts as 0."""
    kept = list(rows)
    return total(kept, "balance") - total(kept, "overpayment")


# payment_meter_ids


def payment_meter_ids(db: Database, tenant_id: int, policy: Policy) -> Expected:
    """Give payments without a meter one: their invoice's, or else one of their customer's."""
    books, expected = Books(db, tenant_id, policy), Expected()
    for payment in books.own("payments"):
        if payment["meter_id"] is not None:
            expected.keep()
            continue
        decision = _meter_of_payment(books, payment)
        if isinstance(decision, Unresolved):
            expected.leave(decision.reason)
        else:
            expected.change(payment["id"], {"meter_id": None}, decision.after, decision.rule)
    return expected


def _meter_of_payment(books: Books, payment: Row) -> Decided | Unresolved:
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
            expected.leave(decision.reason)
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
    brought_forward = total((line for line in lines if _is_brought_forward(books, line)), "amount")
    everything = total(lines, "amount")
    values = (everything - brought_forward, brought_forward, everything)
    return Decided(dict(zip(INVOICE_AMOUNTS, values, strict=True)), "sum_of_lines")


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


def _is_brought_forward(books: Books, line: Row) -> bool:
    bill = books.find("bills", line["bill_id"])
    return bill is not None and (bill["bill_type"] or "").upper() == "BALANCE"


# customer_balances_backup


def customer_balances_backup(db: Database, tenant_id: int, policy: Policy) -> Expected:
    """Back up every customer that has no backup yet; a backup that is there is never overwritten."""
    books, expected = Books(db, tenant_id, policy), Expected()
    backed_up = {row["customer_id"] for row in books.own(BACKUP)}
    for customer in books.own("customers"):
        if customer["id"] in backed_up:
            expected.keep()
            continue
        stored = {"balance": customer["balance"], "overpayment": customer["overpayment"]}
        expected.rows[customer["id"]] = ChangedRow(dict.fromkeys(stored), stored, "first_backup")
        expected.outcomes["would_change", "first_backup"] += 1
    return expected


# meter_balances


def meter_balances(db: Database, tenant_id: int, policy: Policy) -> Expected:
    """Recompute every meter of the tenant from its counted transactions."""
    books, expected = Books(db, tenant_id, policy), Expected()
    for meter in books.own("meters"):
        recomputed = _recomputed_meter(books, meter["id"])
        after = {name: value for name, value in recomputed.items() if _is_written(meter, name)}
        before = {name: meter[name] for name in after}
        expected.change(meter["id"], before, after, policy.balance_basis.value)
    return expected


def _is_written(meter: Row, column: str) -> bool:
    return column not in OPTIONAL_METER_COLUMNS or column in meter


def _recomputed_meter(books: Books, meter_id: int) -> Row:
    invoices = books.invoices_of_meter(meter_id)
    billed = _charged(books, invoices) + _opening(books, meter_id)
    paid = total(books.payments_of_meter(meter_id), "amount")
    dates = [row["invoice_date"] for row in invoices if row["invoice_date"] is not None]
    return {
        "balance": max(billed - paid, ZERO),
        "overpayment": max(paid - billed, ZERO),
        "total_billed": billed,
        "total_paid": paid,
        "last_invoice_date": max(dates, default=None),
    }


def _charged(books: Books, invoices: Iterable[Row]) -> Decimal:
    """Sum what invoices charge: their own charges, or their totals under the policy that sums totals."""
    by_totals = books.policy.balance_basis == BalanceBasis.invoice_totals
    return total(invoices, "total_amount" if by_totals else "amount")


def _opening(books: Books, meter_id: int) -> Decimal:
    """Return the earliest counted invoice's brought-forward; the totals have it in them already."""
    if books.policy.balance_basis == BalanceBasis.invoice_totals:
        return ZERO
    return total(books.invoices_of_meter(meter_id)[:1], "balance_brought_forward")


# customer_balances


def customer_balances(db: Database, tenant_id: int, policy: Policy) -> Expected:
    """Make every customer's stored amounts the sums over its active meters' stored ones."""
    books, expected = Books(db, tenant_id, policy), Expected()
    for customer in books.own("customers"):
        meters = _meters_named_by(books, books.active_assignments(customer["id"]))
        if not meters:
            expected.leave("customer_without_active_meter")
            continue
        before = {"balance": customer["balance"], "overpayment": customer["overpayment"]}
        after = {column: total(meters, column) for column in before}
        expected.change(customer["id"], before, after, "sum_of_active_meters")
    return expected


def _meters_named_by(books: Books, assignments: list[Row]) -> list[Row]:
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
MIGRATION = ("payment_meter_ids", "invoice_amounts", "customer_balances_backup", "meter_balances")
TARGETS = {
    "payment_meter_ids": "payments",
    "invoice_amounts": "invoices",
    "meter_balances": "meters",
    "customer_balances": "customers",
}


def apply(db: Database, change_name: str, expected: Expected) -> Database:
    """Return a copy of the database with a change made."""
    changed = deepcopy(db)
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


# The invariants, each a function of the books to the ids that violate it: payments


def _lacks_meter(row: Row) -> bool:
    return row["meter_id"] is None


def _meter_is_of_other_tenant(books: Books, row: Row) -> bool:
    return books.is_other(books.find("meters", row["meter_id"]))


def _names_missing_meter(books: Books, row: Row) -> bool:
    return not _lacks_meter(row) and books.find("meters", row["meter_id"]) is None


def every_counted_payment_has_a_meter(books: Books) -> Iterator[int]:
    """A payment with money in it has a meter."""
    return (row["id"] for row in books.counted_payments if _lacks_meter(row))


def every_payment_meter_exists_in_its_tenant(books: Books) -> Iterator[int]:
    """No payment names another tenant's meter, and no counted one a meter that does not exist."""
    for row in books.own("payments"):
        missing = _names_missing_meter(books, row) and books.counts_payment(row)
        if missing or _meter_is_of_other_tenant(books, row):
            yield row["id"]


def every_uncounted_payment_has_a_meter(books: Books) -> Iterator[int]:
    """Also a payment without money in it has a meter that exists."""
    for row in books.own("payments"):
        if not books.counts_payment(row) and (_lacks_meter(row) or _names_missing_meter(books, row)):
            yield row["id"]


def every_payment_meter_is_its_invoice_meter(books: Books) -> Iterator[int]:
    """Where a payment and the tenant's invoice that it names both have a meter, it is the same."""
    for row in books.own("payments"):
        invoice = books.find("invoices", row["invoice_id"])
        if invoice is None or not books.is_own(invoice) or _lacks_meter(invoice) or _lacks_meter(row):
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


# invoices


def every_counted_invoice_has_a_meter(books: Books) -> Iterator[int]:
    """An invoice with money in it has a meter."""
    return (row["id"] for row in books.counted_invoices if _lacks_meter(row))


def every_invoice_meter_exists_in_its_tenant(books: Books) -> Iterator[int]:
    """No invoice names another tenant's meter, and no counted one a meter that does not exist."""
    for row in books.own("invoices"):
        missing = _names_missing_meter(books, row) and books.counts_invoice(row)
        if missing or _meter_is_of_other_tenant(books, row):
            yield row["id"]


def every_uncounted_invoice_has_a_meter(books: Books) -> Iterator[int]:
    """Also an invoice without money in it has a meter that exists."""
    for row in books.own("invoices"):
        if not books.counts_invoice(row) and (_lacks_meter(row) or _names_missing_meter(books, row)):
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
    meter_ids = {row["meter_id"] for row in books.counted_invoices if not _lacks_meter(row)}
    for meter_id in meter_ids:
        invoices = books.invoices_of_meter(meter_id)
        for position, invoice in enumerate(invoices[1:], start=1):
            owed = _owed_before(books, invoices[:position], invoice)
            if (invoice["balance_brought_forward"] or ZERO) not in (owed, max(owed, ZERO)):
                yield invoice["id"]


def _owed_before(books: Books, earlier: list[Row], invoice: Row) -> Decimal:
    """Return what the invoice's meter owed when it was written: opening, charges, less payments of earlier days."""
    payments = books.payments_of_meter(invoice["meter_id"])
    paid = total((row for row in payments if _day_of_payment(books, row) < _day_of_invoice(invoice)), "amount")
    return total(earlier[:1], "balance_brought_forward") + total(earlier, "amount") - paid


def _day_of_payment(books: Books, payment: Row) -> date:
    """Return the day a payment was made, or else its invoice's; where neither is known it is before all."""
    if payment.get("paid_at") is not None:
        day: date = payment["paid_at"].date()
        return day
    invoice = books.find("invoices", payment["invoice_id"])
    if invoice is None or not books.is_own(invoice):
        return date.min
    return invoice["invoice_date"] or date.min


# backup


def every_customer_has_a_backup(books: Books) -> Iterator[int]:
    """Every customer has a backup row."""
    return iter(customer_balances_backup(books.db, books.tenant_id, books.policy).rows)


# balances


def every_meter_balance_equals_its_transactions(books: Books) -> Iterator[int]:
    """A meter's balance and overpayment are the recomputed ones; its optional columns are not judged."""
    for meter in books.own("meters"):
        recomputed = _recomputed_meter(books, meter["id"])
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
    openings = sum((_opening(books, meter["id"]) for meter in meters), ZERO)
    everything = _charged(books, books.counted_invoices) + openings - total(books.counted_payments, "amount")
    stray_invoices = [row for row in books.counted_invoices if row["meter_id"] not in on_meter]
    stray_payments = [row for row in books.counted_payments if row["meter_id"] not in on_meter]
    strays = _charged(books, stray_invoices) - total(stray_payments, "amount")
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
    elsewhere = not _lacks_meter(other) and other["meter_id"] != first["meter_id"]
    return same_customer and elsewhere and chronological(other) < chronological(first)


def tenant_balance_agrees_with_its_backup(books: Books) -> Iterator[int]:
    """The tenant's backed-up net and its meters' net are within the tolerance; judged only with a backup."""
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
        difference = net([backup]) - net(_meters_named_by(books, assignments))
        if customer_id in customers and abs(difference) > books.policy.tolerance:
            yield customer_id


INVARIANTS: tuple[Callable[[Books], Iterator[int]], ...] = (
    every_counted_payment_has_a_meter,
    every_payment_meter_exists_in_its_tenant,
    every_uncounted_payment_has_a_meter,
    every_payment_meter_is_its_invoice_meter,
    every_payment_amount_is_a_number,
    every_counted_payment_has_an_amount,
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
)
"""The ERROR invariants of the groups payments and invoices: a violation of one blocks `meter_balances`."""


def violations(
    db: Database, tenant_id: int, policy: Policy, decided_by_review: frozenset[int] = frozenset()
) -> dict[str, set[int]]:
    """Return, for every invariant, the ids that violate it: the tenant's own for those about the tenant.

    `decided_by_review` are the payments that a rule for review gave their meter: only a journal knows them.
    """
    books = Books(db, tenant_id, policy)
    found = {invariant.__name__: set(invariant(books)) for invariant in INVARIANTS}
    payments = {row["id"] for row in books.own("payments")}
    found["no_payment_was_assigned_by_a_rule_for_review"] = payments & decided_by_review
    return found
