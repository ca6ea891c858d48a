"""The causes of a difference between an old and a new balance, and the search for those that add up to it.

Add a cause here; which rows may be its reason is decided in `rows`. Nothing here reads the database: amounts
are exact, and a set of causes is accepted only if it adds up to the difference to the last digit.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

ZERO = Decimal(0)
MOST_COMBINED = 60
"""So many possible reasons are combined by three; of more, single ones and pairs are tried."""


class Cause(StrEnum):
    """Why the net of a customer's meters is not what the customer owed before."""

    brought_forward_counted_twice = "brought_forward_counted_twice"
    opening_balance_on_another_meter = "opening_balance_on_another_meter"
    uncounted_row_in_old_balance = "uncounted_row_in_old_balance"
    payment_not_counted = "payment_not_counted"
    invoice_not_counted = "invoice_not_counted"
    invoice_line_missing_or_changed = "invoice_line_missing_or_changed"
    stored_amounts_wrong = "stored_amounts_wrong"
    row_of_another_tenant = "row_of_another_tenant"
    meter_reassigned = "meter_reassigned"
    since_the_backup = "since_the_backup"
    meter_not_recomputed = "meter_not_recomputed"
    customer_not_in_both = "customer_not_in_both"
    rounding = "rounding"
    unexplained = "unexplained"
    not_examined = "not_examined"

    @property
    def words(self) -> str:
        """The cause in words."""
        return _WORDS[self]


_WORDS = {
    Cause.brought_forward_counted_twice: "debt brought forward is counted twice, in the old figure or by an opening "
    "balance",
    Cause.opening_balance_on_another_meter: "an opening balance is debt of the customer's other meter",
    Cause.uncounted_row_in_old_balance: "the old figure counts a reversed, pending, draft or deleted row",
    Cause.payment_not_counted: "a payment is in one of both figures only",
    Cause.invoice_not_counted: "an invoice without a meter is in the old figure only",
    Cause.invoice_line_missing_or_changed: "an invoice line is missing, or the invoice was changed since",
    Cause.stored_amounts_wrong: "an invoice's stored amounts were not the sums of its lines",
    Cause.row_of_another_tenant: "a row names a row of another tenant",
    Cause.meter_reassigned: "a meter has transactions of another customer, or the customer's are on another meter",
    Cause.since_the_backup: "a row was made after the backup",
    Cause.meter_not_recomputed: "a meter's stored balance is not what its invoices and payments add up to",
    Cause.customer_not_in_both: "the customer was created or deleted since the backup",
    Cause.rounding: "sums of lines were rounded",
    Cause.unexplained: "unexplained: no rows add up to this part",
    Cause.not_examined: "not examined row by row here: see meter-assets differences",
}


@dataclass(frozen=True)
class Reason:
    """Rows that may be the reason for a part of a difference, and that part (currency units, new less old)."""

    cause: Cause
    amount: Decimal
    rows: tuple[str, ...]
    """The rows in words, such as "payment 12"."""
    rarity: int = 1
    """What it costs to assume it: 1 if the data has a sign of it, 2 if any row may be meant."""


@dataclass(frozen=True)
class Explanation:
    """The reasons of a difference. With the rest, they add up to it exactly."""

    reasons: tuple[Reason, ...]
    rest: Decimal = ZERO
    """What is unexplained."""
    others: tuple[tuple[Cause, ...], ...] = ()
    """The causes of other explanations that are as simple and add up too; then the first is not certain."""


def explained(
    difference: Decimal, facts: Sequence[Reason], possible: Sequence[Reason], rounding: Decimal = ZERO
) -> Explanation:
    """Return the simplest reasons that add up to a difference.

    `facts` are reasons that the new figure has by its definition; `possible` ones explain the old figure, which nobody
    can recompute. Facts are assumed unless only a part of them leads to an explanation. A rest of at most `rounding` is
    due to rounding; any other rest is unexplained.
    """
    rest = difference - sum((one.amount for one in facts), ZERO)
    if not rest.is_finite():  # an amount is no number, which is an error of its own
        return Explanation((), difference)
    found, certain = _simplest(rest, possible), tuple(facts)
    if found is None and facts:
        found, certain = _simplest(difference, [*facts, *possible]), ()
    if found is not None:
        best, *others = found
        causes = {_causes((*certain, *best))}
        different = [one for other in others if (one := _causes((*certain, *other))) not in causes]
        return Explanation((*certain, *best), others=tuple(dict.fromkeys(different)))
    if ZERO < abs(rest) <= rounding:
        return Explanation((*facts, Reason(Cause.rounding, rest, ())))
    return Explanation(tuple(facts), rest)


def _causes(reasons: Iterable[Reason]) -> tuple[Cause, ...]:
    return tuple(sorted({one.cause for one in reasons}))


def _simplest(target: Decimal, reasons: Sequence[Reason]) -> list[tuple[Reason, ...]] | None:
    """Return the simplest sets of reasons that add up to a target, or None; the first is of the first reasons."""
    if target == ZERO:
        return [()]
    best: list[tuple[Reason, ...]] = []
    cost: tuple[int, int] | None = None
    for found in _sets(target, reasons):
        its_cost = sum(one.rarity for one in found), len(found)
        if cost is None or its_cost < cost:
            best, cost = [found], its_cost
        elif its_cost == cost:
            best.append(found)
    return best or None


def _sets(target: Decimal, reasons: Sequence[Reason]) -> Iterator[tuple[Reason, ...]]:
    """Yield the sets of one to three reasons that add up to a target, each once."""
    places: dict[Decimal, list[int]] = defaultdict(list)
    for place, one in enumerate(reasons):
        places[one.amount].append(place)
    for place in places.get(target, ()):
        yield (reasons[place],)
    for place, one in enumerate(reasons):
        for other in places.get(target - one.amount, ()):
            if other > place and _are_separate(one, reasons[other]):
                yield one, reasons[other]
    likely = [place for place, one in enumerate(reasons) if one.rarity == 1][:MOST_COMBINED]
    for at, place in enumerate(likely):
        for second in likely[at + 1 :]:
            one, two = reasons[place], reasons[second]
            if not _are_separate(one, two):
                continue
            for third in places.get(target - one.amount - two.amount, ()):
                is_new = third > second or (reasons[third].rarity > 1 and third not in (place, second))
                if is_new and _are_separate(one, reasons[third]) and _are_separate(two, reasons[third]):
                    yield one, two, reasons[third]


def _are_separate(one: Reason, other: Reason) -> bool:
    """Return whether two reasons can both be true: a row has a cause once."""
    return one.cause is not other.cause or not set(one.rows) & set(other.rows)
