"""Suggests which of a customer's meters a payment is for, by reasons whose precision is measured in the same tenant.

A reason looks at the customer's invoices and payments, and names one meter or none. It is tried on payments whose
invoice names the meter, with that invoice hidden: a reason is used only if it named the right meter almost always. Add
a reason as a function in `REASONS`. Nothing here reads the database: `rows` does.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import ROUND_CEILING, Decimal
from math import sqrt
from typing import Any

LEAST_PRECISION = 0.99
"""A reason is used if its precision is at least this, with 90% confidence."""
_Z = 1.2816
"""The quantile of the normal distribution for a bound with 90% confidence on one side."""
_RECENT = timedelta(days=100)
_BILLED = timedelta(days=62)
_PERIOD = timedelta(days=45)
"""How long after its date the newest invoice of a meter is paid in parts."""
_ROUND = (Decimal(1), Decimal(5), Decimal(10), Decimal(50), Decimal(100))
_OFTEN = 2
"""How many payments of the same amount before, and how many after, show which meter it is for."""


@dataclass(frozen=True)
class Invoice:
    """A counted invoice of a meter: its date, its total, and its own charges (currency units)."""

    day: date | None
    total: Decimal
    charges: Decimal


@dataclass(frozen=True)
class Paid:
    """A counted payment: its id, its amount (currency units), its date, and the meter that its invoice names."""

    id: Any
    amount: Decimal
    day: date | None
    meter: Any = None
    is_tried: bool = True
    """Whether it may be tried with its meter hidden."""


@dataclass
class Account:
    """A customer: the invoices of each meter that the payments may be for, and the payments."""

    meters: dict[Any, list[Invoice]] = field(default_factory=dict)
    payments: list[Paid] = field(default_factory=list)

    def last_invoices(self, at: date | None) -> dict[Any, Invoice]:
        """Return the newest invoice of each meter that has one by this day."""
        found = {}
        for meter, invoices in self.meters.items():
            dated = [one for one in invoices if one.day is not None and (at is None or one.day <= at)]
            if dated:
                found[meter] = max(dated, key=_day_of)
        return found

    def invoices_since(self, at: date | None, since: timedelta) -> Iterator[tuple[Any, Invoice]]:
        """Yield the invoices of all meters from the time before this day; all of them without a day."""
        for meter, invoices in self.meters.items():
            for one in invoices:
                if at is None or (one.day is not None and at - since <= one.day <= at):
                    yield meter, one


def _day_of(one: Invoice) -> date:
    return one.day or date.min


Reason = Callable[[Account, Paid], Iterable[Any]]
"""Returns the meters for which the reason speaks; it decides if there is just one."""


def _pays_last_invoice(account: Account, paid: Paid) -> Iterable[Any]:
    return (meter for meter, one in account.last_invoices(paid.day).items() if one.total == paid.amount)


def _pays_recent_invoice(account: Account, paid: Paid) -> Iterable[Any]:
    return (meter for meter, one in account.invoices_since(paid.day, _RECENT) if one.total == paid.amount)


def _pays_last_charges(account: Account, paid: Paid) -> Iterable[Any]:
    return (meter for meter, one in account.last_invoices(paid.day).items() if one.charges == paid.amount)


def _pays_part(account: Account, paid: Paid) -> Iterable[Any]:
    if paid.day is None:
        return
    for meter, one in account.last_invoices(paid.day).items():
        rest = one.total - paid.amount
        until = min((other.day for other in account.meters[meter] if other.day and other.day > paid.day), default=None)
        first, last = _day_of(one), until or _day_of(one) + _PERIOD
        others = (other for other in account.payments if other.id != paid.id and other.day is not None)
        if rest > 0 and any(other.amount == rest and first <= _known(other.day) < last for other in others):
            yield meter


def _known(day: date | None) -> date:
    return day or date.min


def _pays_rounded(account: Account, paid: Paid) -> Iterable[Any]:
    for meter, one in account.last_invoices(paid.day).items():
        rounded = ((one.total / to).to_integral_value(ROUND_CEILING) * to for to in _ROUND)
        if one.total > 0 and paid.amount in list(rounded):
            yield meter


def _paid_often(account: Account, paid: Paid) -> Iterable[Any]:
    """Return the meters for which the same amount was paid, before and after this day: habits change."""
    day, known = paid.day, (one for one in account.payments if one.id != paid.id and one.meter is not None)
    same = [one for one in known if one.amount == paid.amount and one.day is not None]
    before = [one for one in same if day is not None and _known(one.day) < day]
    after = [one for one in same if day is not None and _known(one.day) > day]
    return {one.meter for one in same} if min(len(before), len(after)) >= _OFTEN else ()


def _only_billed(account: Account, paid: Paid) -> Iterable[Any]:
    return () if paid.day is None else (meter for meter, _ in account.invoices_since(paid.day, _BILLED))


def _only_meter(account: Account, paid: Paid) -> Iterable[Any]:
    return account.meters if len(account.meters) == 1 else ()


REASONS: Mapping[str, Reason] = {
    "the amount is the total of the meter's newest invoice, and of no other meter's": _pays_last_invoice,
    "the amount is the total of a recent invoice of this meter alone": _pays_recent_invoice,
    "the amount is what the meter's newest invoice charges, and no other meter's": _pays_last_charges,
    "together with another payment it pays the newest invoice of this meter alone": _pays_part,
    "the amount is the rounded total of the newest invoice of this meter alone": _pays_rounded,
    "before and after, twice or more each, the customer paid the same amount for this meter alone": _paid_often,
    "it is the only meter that was billed in the two months before": _only_billed,
}
"""The reasons to choose one of several meters, the strongest first."""
ONLY_METER = "it is the only meter that the customer has ever had"


@dataclass(frozen=True)
class Measured:
    """How often a reason named the right meter of payments whose meter was hidden."""

    right: int = 0
    of: int = 0

    def __add__(self, other: "Measured") -> "Measured":
        return Measured(self.right + other.right, self.of + other.of)

    @property
    def precision(self) -> float:
        """The share of right answers; 1 without any answer."""
        return self.right / self.of if self.of else 1.0

    @property
    def lower_bound(self) -> float:
        """Wilson's lower bound of the precision, with 90% confidence; 0 without any answer."""
        if not self.of:
            return 0.0
        share, z = _Z**2 / self.of, self.precision
        return (z + share / 2 - _Z * sqrt(z * (1 - z) / self.of + share / (4 * self.of))) / (1 + share)


@dataclass(frozen=True)
class Suggestion:
    """A meter for a payment, why, and how often this reason was right."""

    meter: Any
    reason: str
    measured: Measured


@dataclass(frozen=True)
class Learned:
    """The reasons that can be trusted in a tenant, each with its measurement, in their order."""

    reasons: Mapping[str, Measured] = field(default_factory=dict)
    only_meter: Measured = Measured()
    hidden: int = 0
    """How many payments of customers with several meters were tried."""
    together: Measured = Measured()
    """How many of them the trusted reasons decided, and how often rightly."""

    def suggest(self, account: Account, paid: Paid) -> Suggestion | None:
        """Return the suggestion of the first trusted reason that names a meter."""
        if len(account.meters) == 1:
            is_trusted = self.only_meter.lower_bound >= LEAST_PRECISION
            return Suggestion(next(iter(account.meters)), ONLY_METER, self.only_meter) if is_trusted else None
        for name, measured in self.reasons.items():
            meter = _answer(REASONS[name], account, paid)
            if meter is not None:
                return Suggestion(meter, name, measured)
        return None


def learn(several: Sequence[Account], single: Sequence[Account]) -> Learned:
    """Return the reasons that name the right meter almost always, measured on payments whose meter is hidden.

    `several` are customers with several meters. There may be too few of them to show a precision: then customers with
    a single meter help, each tried as if the next one's meter were theirs too. But of the customers with several meters
    themselves, too, almost all answers must be right. Once they are not where those of the pairs are, customers with
    several meters pay in another way than pairs: then the pairs help no more.
    """
    pairs = list(_paired(single))
    left = [(account, paid) for account in several for paid in _known_of(account)]
    left_of_pairs = [(account, paid) for account in pairs for paid in _known_of(account)]
    hidden, together = len(left), Measured()
    reasons: dict[str, Measured] = {}
    for name, reason in REASONS.items():
        real, unanswered = _tried(reason, left)
        tried, unanswered_of_pairs = _tried(reason, left_of_pairs)
        is_right = real.precision >= LEAST_PRECISION
        if (real + tried).lower_bound >= LEAST_PRECISION and is_right:
            reasons[name] = real + tried
            left, left_of_pairs, together = unanswered, unanswered_of_pairs, together + real
        elif tried.lower_bound >= LEAST_PRECISION and not is_right:
            left_of_pairs = []
    only, _ = _tried(_only_meter, [(account, paid) for account in single for paid in _known_of(account)])
    return Learned(reasons, only, hidden, together)


def _known_of(account: Account) -> Iterator[Paid]:
    return (paid for paid in account.payments if paid.meter is not None and paid.amount > 0 and paid.is_tried)


def _tried(reason: Reason, known: Sequence[tuple[Account, Paid]]) -> tuple[Measured, list[tuple[Account, Paid]]]:
    """Return how often a reason is right about known payments, and those about which it says nothing."""
    right = answered = 0
    unanswered = []
    for account, paid in known:
        meter = _answer(reason, account, paid)
        if meter is None:
            unanswered.append((account, paid))
        else:
            answered += 1
            right += meter == paid.meter
    return Measured(right, answered), unanswered


def _answer(reason: Reason, account: Account, paid: Paid) -> Any:
    """Return the one meter for which a reason speaks, or None."""
    found = set(reason(account, paid)) if paid.amount > 0 else set()
    return next(iter(found)) if len(found) == 1 else None


def _paired(single: Sequence[Account]) -> Iterator[Account]:
    """Yield each customer with a single meter as if the next one's meter, with its payments, belonged to it too."""
    if len(single) > 1:
        for one, other in zip(single, [*single[1:], single[0]], strict=True):
            if not one.meters.keys() & other.meters.keys():
                payments = [
                    *one.payments,
                    *(replace(each, id=("other", each.id), is_tried=False) for each in other.payments),
                ]
                yield Account({**one.meters, **other.meters}, payments)
