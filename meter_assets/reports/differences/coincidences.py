"""How many sets of reasons are expected to add up to an amount by chance.

With many rows, or with flat tariffs, some rows add up to nearly any amount. Then a set that adds up says little: the
number of sets whose sums are near the amount tells how many would hit it if they had nothing to do with it.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import combinations
from statistics import median

from meter_assets.reports.differences.combinations import MOST_COMBINED, Cost, Rarities, cost_of, kinds_of_sets
from meter_assets.reports.differences.reasons import Reason

_STEPS = (1, 5, 10, 50, 100, 500, 1_000, 5_000, 10_000)
"""In minor units: prices and payments are often multiples of one of these."""
_FEW_POINTS = 4
_FEW_SUMS = 2
"""With fewer amounts or sums near the target, a step says nothing."""


def fits_by_chance(target: Decimal, reasons: Sequence[Reason], cost: Cost, minor_unit: Decimal) -> float:
    """Return how many sets that cost at most `cost` are expected to add up to a target by chance.

    The sums near the target are counted, and compared with the number of amounts there: once of all amounts, and once
    for each step in which prices may be. `minor_unit` is the smallest amount of the currency (currency units).
    """
    if cost == (0, 0):
        return 0.0
    finite = [one for one in reasons if one.amount.is_finite()]
    digits = min((_exponent(amount) for amount in (target, minor_unit, *(one.amount for one in finite))), default=0)
    amounts: dict[int, set[int]] = defaultdict(set)
    for one in finite:
        amounts[one.rarity].add(int(one.amount.scaleb(-digits)))
    goal, unit = int(target.scaleb(-digits)), int(minor_unit.scaleb(-digits))
    near = max(abs(goal) // 2, int(median(abs(one) for found in amounts.values() for one in found)), unit)
    kinds = [kind for kind in kinds_of_sets(list(amounts)) if cost_of(kind) <= cost]
    densities = [0.0]
    for step in (unit * one for one in _STEPS):
        points = 2 * near // step
        if step == unit or points >= _FEW_POINTS:
            sums = sum(_near(goal, near, step, amounts, kind) for kind in kinds)
            if step == unit or sums >= _FEW_SUMS:
                densities.append(sums / max(points, 1))
    return max(densities)


def _exponent(amount: Decimal) -> int:
    exponent = amount.normalize().as_tuple().exponent
    return min(exponent, 0) if isinstance(exponent, int) else 0


def _near(goal: int, near: int, step: int, amounts: Mapping[int, set[int]], kind: Rarities) -> int:
    """Return how many sums of a kind of set are near a goal, not equal, and differ from it by a multiple of a step."""
    *firsts, last = kind
    remainders: dict[int, list[int]] = defaultdict(list)
    for one in sorted(amounts[last]):
        remainders[one % step].append(one)
    found = 0
    for begun in _begun(amounts, firsts):
        rest = goal - begun
        same = remainders.get(rest % step, [])
        equal = bisect_right(same, rest) - bisect_left(same, rest)
        found += bisect_right(same, rest + near) - bisect_left(same, rest - near) - equal
    times = kind.count(last)
    return found // times


def _begun(amounts: Mapping[int, set[int]], rarities: Sequence[int]) -> Iterator[int]:
    """Yield the sums with which sets begin: 0 for single reasons, each amount for pairs, and sums of two for others."""
    if not rarities:
        yield 0
    elif len(rarities) == 1:
        yield from amounts[rarities[0]]
    else:
        yield from map(sum, combinations(sorted(amounts[rarities[0]])[:MOST_COMBINED], 2))
