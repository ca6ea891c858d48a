"""The possible reasons of a customer's difference: what each of the customer's rows adds to the new or the old figure.

Add here a new kind of reason, with the rows that are a sign of it. How reasons are combined is in `combinations`; which
customers are examined is in `by_customer`. The new figure is of meters: their charges, opening balances and payments.
The old figure is taken to be the same of the customer's own rows, from which each reason differs.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import RowMapping

from meter_assets.billing.policy import BalanceBasis
from meter_assets.foreign_text import shown
from meter_assets.reports.differences.reasons import ZERO, Cause, Reason, grouped


@dataclass(frozen=True)
class Amounts:
    """The three amounts of an invoice (currency units); null counts as 0."""

    amount: Decimal
    brought_forward: Decimal
    total: Decimal


@dataclass(frozen=True)
class Rows:
    """The rows of some customers and of their meters, as the new figures see them."""

    basis: BalanceBasis
    meters: Mapping[Any, frozenset[Any]]
    """Per customer, the meters whose balances make up the new figure."""
    known_meters: frozenset[Any]
    """The ids of all meters of the tenant that those rows name."""
    invoices: Sequence[RowMapping]
    """In the order of the ledger."""
    payments: Sequence[RowMapping]
    before: Mapping[Any, Amounts] = field(default_factory=dict)
    """Per invoice that step 2 changes or has changed, its amounts before it."""
    after: Mapping[Any, Amounts] = field(default_factory=dict)
    """Per such invoice, the amounts that step 2 wrote."""
    deleted_lines: Mapping[Any, Decimal] = field(default_factory=dict)
    """Per invoice, the sum of its deleted lines."""
    foreign_lines: Mapping[Any, Decimal] = field(default_factory=dict)
    """Per invoice, the sum of its lines that are, or whose bills are, of another tenant."""
    rounded: Mapping[Any, Decimal] = field(default_factory=dict)
    """Per invoice whose sum of lines was rounded, by how much its charges grew."""
    stored_nets: Mapping[Any, Decimal] = field(default_factory=dict)
    """Per meter of those customers, its stored balance less its overpayment: what the new figure is of."""
    backed_up_on: date | None = None
    """The day of the backup; None if rows are read as they were then."""


@dataclass
class Reasons:
    """The reasons of one customer."""

    not_recomputed: list[Reason] = field(default_factory=list)
    """What stored balances of meters have besides their rows; the other reasons are of rows."""
    facts: list[Reason] = field(default_factory=list)
    possible: list[Reason] = field(default_factory=list)
    rows: int = 0
    """How many rows the customer's figures are of."""


class CustomerRows:
    """Some customers' rows, with what each adds to the figures."""

    def __init__(self, rows: Rows) -> None:
        """Take the rows, and find the invoices with the opening balances."""
        self._rows = rows
        self._invoices = rows.invoices
        self._first = self._first_invoices()
        self._of_customer: dict[Any, list[RowMapping]] = defaultdict(list)
        self._on_meter: dict[Any, list[RowMapping]] = defaultdict(list)
        for table in (self._invoices, rows.payments):
            for one in table:
                self._of_customer[one["customer_id"]].append(one)
                self._on_meter[one["meter_id"]].append(one)

    def reasons(self, customer_id: Any) -> Reasons:
        """Return the facts and the possible reasons of a customer's difference."""
        meters = self._rows.meters.get(customer_id, frozenset())
        own, found = self._of_customer.get(customer_id, []), Reasons()
        others = [row for meter in meters for row in self._on_meter.get(meter, ()) if row["customer_id"] != customer_id]
        found.rows = len(own) + len(others)
        found.not_recomputed += grouped(self._not_recomputed(meters))
        found.facts += grouped(self._facts_of_own(customer_id, own, meters))
        found.facts += grouped(self._facts_of_others(others))
        openings = list(self._openings(own, meters))
        found.possible += openings
        twice = {row for one in openings for row in one.rows}
        found.possible += self._brought_forward(own, twice)
        found.possible += self._uncounted(own)
        found.possible += self._changed_invoices([row for row in own if self._is_invoice(row)], meters)
        at_meters = [row for row in own if row["meter_id"] in meters]
        found.possible += self._perhaps_since(at_meters, days_before=0)
        found.possible += self._single_payments(own)
        found.possible += self._perhaps_since(at_meters, days_before=1)
        return found

    def _is_invoice(self, row: RowMapping) -> bool:
        return "balance_brought_forward" in row

    def _first_invoices(self) -> Mapping[Any, Any]:
        """Return, per meter, the id of the invoice with its opening balance."""
        first: dict[Any, Any] = {}
        for one in self._invoices:
            if one["meter_id"] is not None and _counts(one):
                first.setdefault(one["meter_id"], one["id"])
        return first

    def _opening(self, invoice: RowMapping) -> Decimal:
        """Return the opening balance that an invoice is for its meter; 0 for a later one."""
        if self._rows.basis is BalanceBasis.invoice_totals:
            return ZERO
        is_first = self._first.get(invoice["meter_id"]) == invoice["id"]
        return _money(invoice["balance_brought_forward"]) if is_first else ZERO

    def _adds(self, row: RowMapping) -> Decimal:
        """Return what a row that counts adds to a balance, without opening balances."""
        if not self._is_invoice(row):
            return -_money(row["amount"])
        by_totals = self._rows.basis is BalanceBasis.invoice_totals
        return _money(row["total_amount" if by_totals else "amount"])

    def _facts_of_own(self, customer_id: Any, own: Sequence[RowMapping], meters: frozenset[Any]) -> Iterator[Reason]:
        """Yield the customer's rows that the new figure lacks, and those that were made after the backup."""
        for row in own:
            if not _counts(row):
                continue
            amount = self._adds_at_meter(row)
            if row["meter_id"] in meters:
                if self._is_since(row):
                    yield Reason(Cause.since_the_backup, amount, (_name(row),))
                continue
            if row["meter_id"] is None:
                named = not self._is_invoice(row) and row["names_other_tenant"]
                missing = Cause.invoice_not_counted if self._is_invoice(row) else Cause.payment_not_counted
                cause = Cause.row_of_another_tenant if named else missing
            else:
                is_own = row["meter_id"] in self._rows.known_meters
                cause = Cause.meter_reassigned if is_own else Cause.row_of_another_tenant
            if not self._is_since(row):
                yield Reason(cause, -amount, (_name(row),))

    def _facts_of_others(self, others: Sequence[RowMapping]) -> Iterator[Reason]:
        """Yield the rows of other customers that are on the customer's meters."""
        for row in others:
            if _counts(row):
                amount = self._adds_at_meter(row)
                cause = Cause.since_the_backup if self._is_since(row) else Cause.meter_reassigned
                yield Reason(cause, amount, (_name(row),))

    def _not_recomputed(self, meters: frozenset[Any]) -> Iterator[Reason]:
        """Yield by how much stored balances of meters are greater than their rows add up to."""
        for meter_id in sorted(meters, key=str):
            counted = [row for row in self._on_meter.get(meter_id, ()) if _counts(row)]
            owed = sum((self._adds_at_meter(row) for row in counted), ZERO)
            stored = self._rows.stored_nets.get(meter_id, owed)
            yield Reason(Cause.meter_not_recomputed, stored - owed, (f"meter {meter_id}",) if stored != owed else ())

    def _adds_at_meter(self, row: RowMapping) -> Decimal:
        """Return what a row that counts adds to its meter, with the opening balance."""
        return self._adds(row) + (self._opening(row) if self._is_invoice(row) else ZERO)

    def _perhaps_since(self, rows: Sequence[RowMapping], days_before: int) -> Iterator[Reason]:
        """Yield what was made on the day of the backup (or before it), perhaps after it: all of it, then each row.

        The time of day does not tell, since nobody knows the time zone of the billing software. Where it is far behind
        UTC, in which the day of the backup is, the rows are of the day before.
        """
        if self._rows.backed_up_on is None:
            return
        on = self._rows.backed_up_on - timedelta(days=days_before)
        made = [(self._adds_at_meter(row), row) for row in rows if _counts(row) and _made_on(row) == on]
        for one in _all_and_each(Cause.since_the_backup, made):
            yield replace(one, rarity=2)

    def _is_since(self, row: RowMapping) -> bool:
        made = _made_on(row)
        on = self._rows.backed_up_on
        return on is not None and made is not None and made > on

    def _openings(self, own: Sequence[RowMapping], meters: frozenset[Any]) -> Iterator[Reason]:
        """Yield the opening balances that follow an earlier invoice of the customer on another meter."""
        in_order = [row for row in own if self._is_invoice(row) and _counts(row) and row["meter_id"] is not None]
        for place, row in enumerate(in_order):
            earlier = {one["meter_id"] for one in in_order[:place]} - {row["meter_id"]}
            if earlier and self._opening(row) and row["meter_id"] in meters and not self._is_since(row):
                yield Reason(Cause.opening_balance_on_another_meter, self._opening(row), (_name(row),))

    def _brought_forward(self, own: Sequence[RowMapping], openings: set[str]) -> Iterator[Reason]:
        """Yield the debt brought forward that one figure may count and the other not."""
        brought = [
            row for row in own if self._is_invoice(row) and _counts(row) and _money(row["balance_brought_forward"])
        ]
        if self._rows.basis is BalanceBasis.invoice_totals:
            singles = [(_money(row["balance_brought_forward"]), row) for row in brought[1:]]
        else:
            singles = [(-_money(row["balance_brought_forward"]), row) for row in brought if not self._opening(row)]
        for one in _all_and_each(Cause.brought_forward_counted_twice, singles):
            is_any_row = len(one.rows) == 1 and len(brought) > 1
            yield replace(one, rarity=2) if is_any_row else one
        for row in brought:
            if self._opening(row) and _name(row) not in openings:
                yield Reason(Cause.brought_forward_counted_twice, self._opening(row), (_name(row),))

    def _uncounted(self, own: Sequence[RowMapping]) -> Iterator[Reason]:
        """Yield the rows that do not count, which the old figure may have counted."""
        left = [row for row in own if not _counts(row)]
        yield from _all_and_each(Cause.uncounted_row_in_old_balance, [(-self._adds(row), row) for row in left])
        totals = [row for row in left if self._is_invoice(row) and _money(row["balance_brought_forward"])]
        for row in totals:
            yield Reason(Cause.uncounted_row_in_old_balance, -_money(row["total_amount"]), (_name(row),))

    def _changed_invoices(self, invoices: Sequence[RowMapping], meters: frozenset[Any]) -> Iterator[Reason]:
        """Yield what step 2, lost lines and later changes may have changed in invoices."""
        changed: dict[Cause, list[tuple[Decimal, RowMapping]]] = defaultdict(list)
        both: list[tuple[Decimal, Decimal, RowMapping]] = []
        for row in invoices:
            now = _amounts(row)
            opening = self._opening(row) != ZERO or self._first.get(row["meter_id"]) == row["id"]
            lines = self._rows.deleted_lines.get(row["id"], ZERO)
            before, after = self._rows.before.get(row["id"]), self._rows.after.get(row["id"])
            if before is not None and after is not None and _counts(row):
                growth = self._worth(after, opening) - self._worth(before, opening)
                lost = Cause.invoice_line_missing_or_changed if lines and growth == -lines else None
                if lines and not lost:
                    both.append((growth, lines, row))
                else:
                    changed[lost or Cause.stored_amounts_wrong].append((growth, row))
                if after.total - before.total not in (growth, ZERO):
                    changed[lost or Cause.stored_amounts_wrong].append((after.total - before.total, row))
                since = self._worth(now, opening) - self._worth(after, opening)
                changed[Cause.invoice_line_missing_or_changed].append((since, row))
            elif lines:
                changed[Cause.invoice_line_missing_or_changed].append((-lines, row))
            foreign = self._rows.foreign_lines.get(row["id"], ZERO)
            changed[Cause.row_of_another_tenant] += [(foreign, row), (-foreign, row)]
            changed[Cause.rounding].append((self._rows.rounded.get(row["id"], ZERO), row))
        for cause, singles in changed.items():
            yield from _all_and_each(cause, singles)
        for growth, lines, row in both:
            yield from _of_lost_lines_and_others(growth, lines, row)

    def _worth(self, amounts: Amounts, opening: bool) -> Decimal:
        if self._rows.basis is BalanceBasis.invoice_totals:
            return amounts.total
        return amounts.amount + (amounts.brought_forward if opening else ZERO)

    def _single_payments(self, own: Sequence[RowMapping]) -> Iterator[Reason]:
        """Yield each payment that counts: the old figure may lack it."""
        for row in own:
            if not self._is_invoice(row) and _counts(row) and row["meter_id"] is not None and self._adds(row):
                yield Reason(Cause.payment_not_counted, self._adds(row), (_name(row),), rarity=2)


def _of_lost_lines_and_others(growth: Decimal, lines: Decimal, row: RowMapping) -> Iterator[Reason]:
    """Yield the parts of what step 2 changed in an invoice that has deleted lines, and was wrong besides.

    Its amounts before may have had the deleted lines in them, or not. Rather than by one cause, the change is by two.
    """
    yield Reason(Cause.invoice_line_missing_or_changed, -lines, (_name(row),))
    if growth + lines:
        yield Reason(Cause.stored_amounts_wrong, growth + lines, (_name(row),))
    if growth:
        yield Reason(Cause.stored_amounts_wrong, growth, (_name(row),), rarity=3)


def _all_and_each(cause: Cause, singles: Iterable[tuple[Decimal, RowMapping]]) -> Iterator[Reason]:
    """Yield one reason for all of some rows together, then one for each; rows without money are left out."""
    found = [Reason(cause, amount, (_name(row),)) for amount, row in singles if amount]
    names = tuple(dict.fromkeys(name for one in found for name in one.rows))
    if len(names) > 1 and len(names) == len(found) and (together := sum((one.amount for one in found), ZERO)):
        yield Reason(cause, together, names)
    yield from found


def _counts(row: RowMapping) -> bool:
    return bool(row["is_live"] and row["is_counted"])


def _made_on(row: RowMapping) -> date | None:
    found: date | None = row["created_on"] or row["on_day"]
    return found


def _money(value: Decimal | None) -> Decimal:
    return ZERO if value is None else value


def _amounts(row: RowMapping) -> Amounts:
    return Amounts(*(_money(row[name]) for name in ("amount", "balance_brought_forward", "total_amount")))


def _name(row: RowMapping) -> str:
    """Return a row in words, for people."""
    if "balance_brought_forward" in row:
        number = row["invoice_number"]
        return f"invoice {row['id']}" + (f" ({shown(number)})" if number is not None else "")
    return f"payment {row['id']}"
