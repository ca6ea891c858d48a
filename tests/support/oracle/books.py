"""One tenant's rows in plain Python: which exist, which count, and what belongs to what.

Add what several rules look up. What the steps make of the rows is in `steps`, what must hold in the other modules.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from functools import cached_property
from typing import Any

from meter_assets.billing.policy import Policy

Row = dict[str, Any]
Database = dict[str, list[Row]]

ZERO = Decimal(0)
BACKUP = "customer_balances_backup"
BACKUP_RUNS = "backup_runs"
"""The runs of the step that makes the backup, of those databases that tell them: tenant_id, outcome."""
DECISIONS = "decisions"
"""The meters that rules gave to payments (id), of those databases that tell them: tenant_id, meter_id, rule."""
DECIDED = "decided"
"""What people decided about payments (id), the newest last, of those databases that tell it: tenant_id, meter_id."""
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
    outcome_of: dict[int, tuple[str, str | None]] = field(default_factory=dict)

    @property
    def outcomes(self) -> Counter[tuple[str, str | None]]:
        """How many rows have which outcome."""
        return Counter(self.outcome_of.values())

    def change(self, row_id: int, before: Row, after: Row, rule: str) -> None:
        """Take up one row, as a change if it differs; a null differs from 0."""
        if before == after:
            self.keep(row_id)
            return
        self.rows[row_id] = ChangedRow(before, after, rule)
        self.outcome_of[row_id] = ("would_change", rule)

    def keep(self, row_id: int) -> None:
        """Record one row that is as it should be."""
        self.outcome_of[row_id] = ("already_correct", None)

    def leave(self, row_id: int, reason: str) -> None:
        """Record one row that no rule decides."""
        self.outcome_of[row_id] = ("unresolved", reason)


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
        marks = [name.partition(".")[2] for name in self.policy.deletion_columns if name.startswith(f"{table}.")]
        return [
            row
            for row in self.db.get(table, [])
            if row.get("deleted_at") is None and not any(row.get(mark) for mark in marks)
        ]

    def own(self, table: str) -> list[Row]:
        """Return the tenant's rows of a table."""
        return [row for row in self.live(table) if row["tenant_id"] == self.tenant_id]

    def find(self, table: str, row_id: int | None) -> Row | None:
        """Return the row with that id, whichever tenant's it is."""
        return next((row for row in self.live(table) if row_id is not None and row["id"] == row_id), None)

    @cached_property
    def decided(self) -> dict[int, int | None]:
        """Return the meters that people decided on, by payment; None leaves the payment as it is.

        Only the newest decision counts, and none does whose meter is not the tenant's.
        """
        newest = {row["id"]: row["meter_id"] for row in self.own(DECIDED)}
        return {at: meter for at, meter in newest.items() if meter is None or self.is_own(self.find("meters", meter))}

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
    return status is None or status.strip().lower() not in {one.strip().lower() for one in uncounted}


def chronological(invoice: Row) -> tuple[datetime, Any]:
    """Order invoices by date and time of day, those without a date last, then by id."""
    moment = invoice["invoice_date"] or datetime.max
    return (moment if isinstance(moment, datetime) else datetime.combine(moment, time()), invoice["id"])


def day_of_invoice(invoice: Row) -> date:
    """Return the day of an invoice, the last of all days where it has none."""
    return day_of(invoice["invoice_date"]) or date.max


def day_of(moment: date | datetime | None) -> date | None:
    """Return the day of a point in time, or of a day."""
    return moment.date() if isinstance(moment, datetime) else moment


def total(rows: Iterable[Row], column: str) -> Decimal:
    """Sum a money column; a null counts as 0."""
    return sum((row[column] or ZERO for row in rows), ZERO)


def net(rows: Iterable[Row]) -> Decimal:
    """Sum balance less overpayment; a null counts as 0."""
    kept = list(rows)
    return total(kept, "balance") - total(kept, "overpayment")
