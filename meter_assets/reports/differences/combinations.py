"""The search for the simplest sets of reasons that add up to an amount.

Sets are tried from the simplest on: a reason that the data has a sign of is simpler than two, or than any row. Add here
how sets are tried; whether a set that was found says anything is decided in `coincidences`.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice

from meter_assets.reports.differences.reasons import ZERO, Reason

MOST_COMBINED = 60
"""So many reasons with a sign are combined by three; of more, single ones and pairs are tried."""
MOST_FOUND = 20
"""So many sets that are as simple are returned: more would not say more."""
Cost = tuple[int, int]
"""What a set costs to assume: the sum of its rarities, then the number of its reasons."""
Rarities = tuple[int, ...]


@dataclass(frozen=True)
class Found:
    """The simplest set that adds up, which is of the first reasons, and others that say as much."""

    sets: Sequence[tuple[Reason, ...]]
    """First the simplest ones; then those that are rarer, and of as many reasons or fewer."""
    cost: Cost
    """What the simplest ones cost."""


def simplest(target: Decimal, reasons: Sequence[Reason]) -> Found | None:
    """Return the simplest sets of reasons that add up to a target, or None."""
    if target == ZERO:
        return Found([()], (0, 0))
    places = _by_rarity_and_amount(reasons)
    found: list[tuple[Reason, ...]] = []
    least: Cost | None = None
    for kind in kinds_of_sets(list(places)):
        if least is None or cost_of(kind) == least or len(kind) <= least[1]:
            found += islice(_sets(target, reasons, places, kind), MOST_FOUND - len(found))
        if found and least is None:
            least = cost_of(kind)
    return None if least is None else Found(found, least)


def cost_of(rarities: Rarities) -> Cost:
    """Return what a set of reasons with these rarities costs."""
    return sum(rarities), len(rarities)


def kinds_of_sets(rarities: Sequence[int]) -> Sequence[Rarities]:
    """Return the rarities of the sets that are tried, the simplest first: of three reasons, two have a sign."""
    found: list[Rarities] = []
    for at, one in enumerate(sorted(rarities)):
        found.append((one,))
        found += [(one, other) for other in sorted(rarities)[at:]]
        if 1 in rarities:
            found.append((1, 1, one))
    return sorted(found, key=lambda kind: (cost_of(kind), kind))


_Places = Mapping[int, Mapping[Decimal, Sequence[int]]]


def _by_rarity_and_amount(reasons: Sequence[Reason]) -> _Places:
    places: dict[int, dict[Decimal, list[int]]] = defaultdict(lambda: defaultdict(list))
    for place, one in enumerate(reasons):
        places[one.rarity][one.amount].append(place)
    return places


def _sets(target: Decimal, reasons: Sequence[Reason], places: _Places, kind: Rarities) -> Iterator[tuple[Reason, ...]]:
    """Yield the sets with these rarities that add up to a target, each once."""
    *firsts, last = kind
    for begun in _begun(reasons, firsts):
        rest = target - sum((reasons[one].amount for one in begun), ZERO)
        for place in places[last].get(rest, ()):
            after = begun[-1] if begun and firsts[-1] == last else -1
            if place > after and all(_are_separate(reasons[one], reasons[place]) for one in begun):
                yield tuple(reasons[one] for one in (*begun, place))


def _begun(reasons: Sequence[Reason], rarities: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Yield the places of all reasons, or pairs of reasons with a sign, that a set may begin with; or nothing once."""
    if not rarities:
        yield ()
        return
    firsts = [place for place, one in enumerate(reasons) if one.rarity == rarities[0]]
    if len(rarities) == 1:
        yield from ((one,) for one in firsts)
        return
    some = firsts[:MOST_COMBINED]
    for at, one in enumerate(some):
        yield from ((one, other) for other in some[at + 1 :] if _are_separate(reasons[one], reasons[other]))


def _are_separate(one: Reason, other: Reason) -> bool:
    """Return whether two reasons can both be true: a row has a cause once."""
    return one.cause is not other.cause or not set(one.rows) & set(other.rows)
