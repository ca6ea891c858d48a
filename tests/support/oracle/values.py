"""The invariants of stored values in plain Python, and those of statuses and bill types: what has two meanings.

Add a function here for such an invariant, and its name in `INVARIANTS` of the package.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date, datetime
from decimal import Decimal

from tests.support.oracle.books import INVOICE_AMOUNTS, ZERO, Books, Row, day_of_invoice, total
from tests.support.oracle.payments_and_invoices import day_of_payment
from tests.support.oracle.steps import is_brought_forward

TABLES = ("customers", "meters", "meter_assignments", "bills", "invoices", "payments", "invoice_bills")
DATES = {"invoices": "invoice_date", "payments": "paid_at"}
LOOKS_LIKE_DEBT = (
    *("balance", "arrear", "brought", "forward", "carried", "b/f", "c/f", "outstanding", "overdue", "past due"),
    *("previous", "opening", "old debt", "solde", "saldo", "arriéré", "atraso", "rückstand"),
)
IS_DEBT = ("bf", "bbf", "cf", "bal", "due")


def folded(text: str) -> str:
    """Return a status or a bill type as it is compared."""
    return text.strip().lower()


def _stored(books: Books, table: str) -> list[Row]:
    """Return the tenant's rows of a table, deleted ones too; a line is of the tenant of its invoice."""
    if table != "invoice_bills":
        return [row for row in books.db.get(table, []) if row["tenant_id"] == books.tenant_id]
    invoices = {row["id"] for row in _stored(books, "invoices")}
    return [line for line in books.db.get(table, []) if line["invoice_id"] in invoices]


def every_row_has_its_own_id(books: Books) -> Iterator[str]:
    """No id of a tenant is there twice."""
    for table in TABLES:
        for row_id, times in Counter(row["id"] for row in _stored(books, table)).items():
            if times > 1 or row_id is None:
                yield f"{table}.id of {'null' if row_id is None else row_id}"


def every_date_is_valid(books: Books) -> Iterator[str]:
    """A date is a date that Python holds, or null."""
    for table in TABLES:
        for row in _stored(books, table):
            for column in (DATES.get(table), "deleted_at"):
                if column and not isinstance(row.get(column), (date, datetime, type(None))):
                    yield f"{table}.{column} of {row['id']}"


def every_flag_is_true_or_false(books: Books) -> Iterator[str]:
    """An assignment is active or not, or nobody knows."""
    for row in _stored(books, "meter_assignments"):
        if not isinstance(row["is_active"], (bool, type(None))):
            yield f"meter_assignments.is_active of {row['id']}"


def every_balance_is_a_number(books: Books) -> Iterator[str]:
    """The balances of customers and meters are numbers or null."""
    for table, columns in (("customers", 2), ("meters", 4)):
        for row in _stored(books, table):
            for column in ("balance", "overpayment", "total_billed", "total_paid")[:columns]:
                if row.get(column) is not None and not row[column].is_finite():
                    yield f"{table}.{column} of {row['id']}"


def every_amount_fits_the_currency(books: Books) -> Iterator[str]:
    """Counted payments and all lines are whole minor units; lines whose sums are rounded need not be."""
    for payment in books.counted_payments:
        if not _fits(books, payment["amount"]):
            yield f"payments.amount of {payment['id']}"
    rounds = books.policy.rounding_of_sums != "none"
    for invoice in books.own("invoices"):
        for line in books.lines(invoice):
            if not rounds and not _fits(books, line["amount"]):
                yield f"invoice_bills.amount of {line['id']}"


def _fits(books: Books, value: Decimal | None) -> bool:
    if value is None or not value.is_finite():
        return True
    minor_units = value.scaleb(books.policy.currency_decimals)
    return minor_units == int(minor_units) and abs(minor_units) < 2**63


def no_row_is_deleted_by_an_unknown_column(books: Books) -> Iterator[str]:
    """No row is marked as deleted by a column that the policy does not name; only columns of payments are drawn."""
    named = (*books.policy.deletion_columns, *books.policy.ignored_columns)
    for row in books.own("payments"):
        if row.get("is_deleted") and "payments.is_deleted" not in named:
            yield f"payments.is_deleted of {row['id']}"


def every_invoice_amount_fits_the_currency(books: Books) -> Iterator[int]:
    """The amounts of counted invoices are whole minor units."""
    for invoice in books.counted_invoices:
        if not all(_fits(books, invoice[column]) for column in INVOICE_AMOUNTS):
            yield invoice["id"]


def _unknown(rows: list[Row], known: tuple[str, ...], has_money: Callable[[Row], bool]) -> Iterator[str]:
    names = {folded(one) for one in known}
    found = {folded(row["status"]) for row in rows if row.get("status") is not None and has_money(row)}
    return iter(found - names)


def every_payment_status_is_known(books: Books) -> Iterator[str]:
    """Each status of payments with money is counted or uncounted by policy."""
    policy = books.policy
    known = policy.counted_payment_statuses + policy.uncounted_payment_statuses
    return _unknown(books.own("payments"), known, lambda row: bool(row["amount"]))


def every_invoice_status_is_known(books: Books) -> Iterator[str]:
    """Each status of invoices with money or lines is counted or uncounted by policy."""
    policy = books.policy
    known = policy.counted_invoice_statuses + policy.uncounted_invoice_statuses

    def has_money(row: Row) -> bool:
        return any(row[column] for column in INVOICE_AMOUNTS) or bool(books.lines(row))

    return _unknown(books.own("invoices"), known, has_money)


# Bill types


def every_bill_type_has_one_meaning(books: Books) -> Iterator[str]:
    """No bill type that counts as a charge is called like earlier debt, or mostly equals it."""
    undecided = {kind for invoice in books.own("invoices") for kind in _undecided(books, invoice)}
    for kind in undecided:
        by_name = kind in IS_DEBT or any(word in kind for word in LOOKS_LIKE_DEBT)
        if by_name or _mostly_equals_debt(books, kind):
            yield kind


def _undecided(books: Books, invoice: Row) -> dict[str, Decimal]:
    """Return the sums of an invoice's lines by those bill types that the policy does not name."""
    policy = books.policy
    decided = {folded(one) for one in (*policy.brought_forward_bill_types, *policy.charge_bill_types)}
    sums: dict[str, Decimal] = {}
    for line in books.lines(invoice):
        bill = books.find("bills", line["bill_id"])
        if bill is not None and books.is_own(bill):
            kind = folded(bill["bill_type"] or "")
            if bill["bill_type"] is None or kind not in decided:
                sums[kind] = sums.get(kind, ZERO) + (line["amount"] or ZERO)
    return sums


def _mostly_equals_debt(books: Books, kind: str) -> bool:
    equal = examined = 0
    for meter_id in {row["meter_id"] for row in books.counted_invoices} - {None}:
        invoices = books.invoices_of_meter(meter_id)
        for position, invoice in enumerate(invoices):
            money = _undecided(books, invoice).get(kind, ZERO)
            owed = _owed_if_debt(books, invoices[:position], invoice, kind)
            if position and money and owed and _charges(books, invoice) != money:
                examined += 1
                equal += money == owed
    return equal * 2 > examined


def _owed_if_debt(books: Books, earlier: list[Row], invoice: Row, kind: str) -> Decimal:
    """Return what a meter owed before an invoice, had the lines of a bill type brought debt forward."""
    charges = sum((_charges(books, one) for one in earlier), ZERO)
    repeated = sum((_undecided(books, one).get(kind, ZERO) for one in earlier[1:]), ZERO)
    opening = sum((_brought_forward(books, one) for one in earlier[:1]), ZERO)
    payments = books.payments_of_meter(invoice["meter_id"])
    paid = total((row for row in payments if day_of_payment(books, row) < day_of_invoice(invoice)), "amount")
    return opening + charges - repeated - paid


def _charges(books: Books, invoice: Row) -> Decimal:
    return _amount_by_lines(books, invoice, "amount", brought_forward=False)


def _brought_forward(books: Books, invoice: Row) -> Decimal:
    return _amount_by_lines(books, invoice, "balance_brought_forward", brought_forward=True)


def _amount_by_lines(books: Books, invoice: Row, column: str, *, brought_forward: bool) -> Decimal:
    """Return the sum of an invoice's lines of one kind, or its stored amount where it has no lines."""
    lines = books.lines(invoice)
    if not lines:
        return total([invoice], column)
    return total((line for line in lines if is_brought_forward(books, line) == brought_forward), "amount")
