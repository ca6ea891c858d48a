"""What would have to be posted so that customers owe the agreed old figure: one posting per customer, on one meter.

The old figure is that of the backup. What was made after the backup is real business: it stays, and is not reversed.
Nothing is posted here, and nothing is written to the billing database. Add here what decides about a posting; how its
causes are found is in `differences.by_customer`, files are written in `statement_files`.
"""

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from meter_assets.errors import InvalidSettings
from meter_assets.foreign_text import quoted, shown, spreadsheet_cell
from meter_assets.formatting import plain_money
from meter_assets.reports.call_centre.figures import CustomerFigures, MeterFigure
from meter_assets.reports.differences.by_customer import CauseOfDifference, Difference
from meter_assets.reports.differences.causes import ZERO, Cause
from meter_assets.reports.differences.tables import other_causes
from meter_assets.reports.spreadsheets import id_in_csv

DEBIT, CREDIT = "debit", "credit"
NO_METER = "the customer has no meter"
ONLY_SHARED_METERS = "other customers have the customer's meters too"
CUSTOMER_IS_GONE = "the customer no longer exists"
NOT_RECOMPUTED = (
    "a meter's stored balance is not what its rows add up to: run migrate-customer-balances-to-meters, then write this "
    "file again"
)
NOT_A_NUMBER = "a balance is not a number"
COLUMNS = (
    *("tenant", "customer_id", "customer_name", "meter_id", "meter_number", "amount", "kind", "reason", "rows"),
    *("also_possible", "not_postable", "old_net", "new_net", "since_the_backup"),
)


@dataclass(frozen=True)
class Posting:
    """What would have to be posted for one customer (currency units).

    The old figure is the new one, plus the amount, less what was made since the backup.
    """

    customer_id: str
    customer_name: str
    meter: MeterFigure | None
    """The meter to post on; None if it cannot be posted."""
    amount: Decimal
    """What it adds to the debt; negative for a credit."""
    causes: tuple[CauseOfDifference, ...]
    """The causes of the difference that it reverses: they add up to the amount with the opposite sign."""
    also_possible: str
    """The causes of other explanations that say as much."""
    not_postable: str
    """Why it cannot be posted; nothing if it can."""
    old: Decimal
    new: Decimal
    since_the_backup: Decimal
    """The part of the difference that was made since the backup, and stays."""

    @property
    def kind(self) -> str:
        """Whether the customer would owe more (a debit) or less (a credit)."""
        return CREDIT if self.amount.is_signed() else DEBIT


@dataclass
class ControlTotals:
    """The number of postings, and the sums of debits and credits (currency units); and of what cannot be posted."""

    postings: int = 0
    debits: Decimal = ZERO
    credits: Decimal = ZERO
    """Without the sign."""
    not_postable: int = 0
    not_postable_sum: Decimal = ZERO
    already_posted: int = 0
    """Customers who are left out, because a row of theirs was posted."""
    customers_with_business_since: int = 0
    """Customers of the file whose business since the backup was left out."""

    def add(self, one: Posting) -> None:
        """Count a posting."""
        self.customers_with_business_since += bool(one.since_the_backup)
        if one.not_postable:
            self.not_postable += 1
            self.not_postable_sum += one.amount
            return
        self.postings += 1
        if one.kind == DEBIT:
            self.debits += one.amount
        else:
            self.credits -= one.amount


def postings(customers: Iterable[CustomerFigures]) -> Iterator[Posting]:
    """Yield what would have to be posted for customers; nothing for those whose figures agree, or have no old one."""
    for one in customers:
        if one.why is not None and (found := _posting(one.why, one.meters)) is not None:
            yield found


def posting_of_gone_customer(why: Difference) -> Posting | None:
    """Return the posting of a customer who no longer exists: it cannot be posted."""
    return _posting(why, (), CUSTOMER_IS_GONE)


def posted_customers(path: Path, tenant: str) -> set[str]:
    """Return the ids, as a CSV file has them, of the tenant's customers whose rows in an earlier file can be posted.

    Raises InvalidSettings for a file that cannot be read, is another one, is not complete, or is of other tenants.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:  # spreadsheet programs write a byte order mark
            found = csv.DictReader(file)
            if tuple(found.fieldnames or ()) != COLUMNS:
                raise InvalidSettings(
                    f"{path} is not a file that --adjustments has written: its columns are others. A file that a "
                    "spreadsheet program has saved must have commas."
                )
            rows = list(found)
    except OSError as error:
        raise InvalidSettings(f"Cannot read {path}: {error.strerror}.") from None
    except (UnicodeDecodeError, csv.Error):
        raise InvalidSettings(f"Cannot read {path}: it is not a CSV file in UTF-8.") from None
    for number, one in enumerate(rows, start=1):
        if None in one or None in one.values():
            raise InvalidSettings(f"{path} is not complete: row {number} has not {len(COLUMNS)} cells.")
    own = [one for one in rows if one["tenant"] == tenant]
    if rows and not own:
        raise InvalidSettings(f"{path} has no row of tenant {tenant}, but of tenant {quoted(rows[0]['tenant'])}.")
    return {one["customer_id"] for one in own if not one["not_postable"]}


def cells_of(customer_id: str) -> set[str]:
    """Return the cells that a file has, or may have been written with by an earlier version, for a customer's id."""
    return {str(spreadsheet_cell(customer_id)), str(spreadsheet_cell(id_in_csv(customer_id)))}


def require_customers(path: Path, posted: set[str], known: set[str], tenant: str) -> None:
    """Raise InvalidSettings if a posted row is of a customer whose cells are not known: it would be posted again."""
    if unknown := sorted(posted - known):
        raise InvalidSettings(
            f"{path} has a row of customer {quoted(unknown[0])}, whom tenant {quoted(tenant)} does not have. A "
            "spreadsheet program changes the digits of long ids, and of such as 007, when it saves a file. Correct the "
            "ids there, or delete the rows of customers who were deleted before the backup. Nothing was written."
        )


def _posting(why: Difference, meters: Sequence[MeterFigure], not_postable: str = "") -> Posting | None:
    since = sum((part.amount for part in why.causes if part.cause is Cause.since_the_backup), ZERO)
    amount = why.backed_up_net - why.meters_net + since
    if not amount:
        return None
    meter = None
    if not not_postable:
        if not amount.is_finite():
            not_postable = NOT_A_NUMBER
        elif any(part.cause is Cause.meter_not_recomputed for part in why.causes):
            not_postable = NOT_RECOMPUTED
        elif (meter := _meter_for(amount, meters)) is None:
            not_postable = ONLY_SHARED_METERS if meters else NO_METER
    return Posting(
        customer_id=why.id,
        customer_name=why.name,
        meter=meter,
        amount=amount,
        causes=tuple(part for part in why.causes if part.cause is not Cause.since_the_backup),
        also_possible=other_causes(why),
        not_postable=not_postable,
        old=why.backed_up_net,
        new=why.meters_net,
        since_the_backup=since,
    )


def _meter_for(amount: Decimal, meters: Sequence[MeterFigure]) -> MeterFigure | None:
    """Return the meter to post on: for a credit the one that owes most, for a debit the one with the largest credit.

    Without such a meter, it is the one with the largest figure. A meter that is in the figures of other customers too
    is left out: a posting there would change what they owe.
    """
    own = [one for one in meters if one.customers == 1]
    fitting = [one for one in own if (one.net > 0) == (amount < 0) and one.net]
    return max(fitting or own, key=lambda one: abs(one.net), default=None)


def row(tenant: str, one: Posting) -> Sequence[Any]:
    """Return a posting as a row of a CSV file: see COLUMNS."""
    return (
        tenant,
        id_in_csv(one.customer_id),
        one.customer_name,
        "" if one.meter is None else id_in_csv(shown(one.meter.id)),
        "" if one.meter is None else one.meter.number,
        plain_money(one.amount),
        one.kind if one.amount.is_finite() else "",
        "; ".join(f"{part.cause.value} {plain_money(part.amount)}" for part in one.causes),
        "; ".join(name for part in one.causes for name in part.rows),
        one.also_possible,
        one.not_postable,
        plain_money(one.old),
        plain_money(one.new),
        plain_money(one.since_the_backup),
    )
