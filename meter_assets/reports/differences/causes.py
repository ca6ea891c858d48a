"""Explains a difference between an old and a new balance by the simplest reasons that add up to it.

Nothing here reads the database: amounts are exact, and a set of reasons is accepted only if it adds up to the
difference to the last digit. The causes are in `reasons`, the search in `combinations`, and how likely a set adds up
without being the reason is in `coincidences`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from meter_assets.reports.differences.coincidences import fits_by_chance
from meter_assets.reports.differences.combinations import simplest
from meter_assets.reports.differences.reasons import ZERO, Cause, Reason

__all__ = ["ZERO", "Cause", "Explanation", "Reason", "explained"]

CENT = Decimal("0.01")
MAY_BE_CHANCE = 0.01
"""With more fits expected by chance, an explanation is given and said to be uncertain."""
SAYS_NOTHING = 1.0
"""With so many fits expected by chance, sets that add up are no explanation."""


@dataclass(frozen=True)
class Explanation:
    """The reasons of a difference. With the rest, they add up to it exactly."""

    reasons: tuple[Reason, ...]
    rest: Decimal = ZERO
    """What is unexplained."""
    others: tuple[tuple[Cause, ...], ...] = ()
    """The causes of other explanations that are as simple and add up too; then the given one is not certain.

    They may be the same causes, with other rows; and unexplained, if the amounts may have added up by chance.
    """


def explained(
    difference: Decimal,
    facts: Sequence[Reason],
    possible: Sequence[Reason],
    rounding: Decimal = ZERO,
    minor_unit: Decimal = CENT,
) -> Explanation:
    """Return the simplest reasons that add up to a difference.

    `facts` are reasons that the new figure has by its definition; `possible` ones explain the old figure, which nobody
    can recompute. Facts are assumed unless only a part of them leads to an explanation. A rest of at most `rounding` is
    perhaps due to rounding; any other rest is unexplained. So is one that reasons add up to if sets as simple would add
    up to any amount: see `coincidences`. `minor_unit` is the smallest amount of the currency.
    """
    rest = difference - sum((one.amount for one in facts), ZERO)
    if not rest.is_finite():  # an amount is no number, which is an error of its own
        return Explanation((), difference)
    for target, certain, reasons in ((rest, tuple(facts), possible), (difference, (), [*facts, *possible])):
        found = simplest(target, reasons)
        if found is None:
            continue
        by_chance = fits_by_chance(target, reasons, found.cost, minor_unit)
        if by_chance >= SAYS_NOTHING:
            perhaps = dict.fromkeys(_causes((*certain, *one)) for one in found.sets)
            return Explanation(tuple(facts), rest, tuple(perhaps))
        best, *others = found.sets
        uncertain = [(Cause.unexplained,)] if by_chance > MAY_BE_CHANCE else []
        also = [*(_causes((*certain, *one)) for one in others if _rows(one) != _rows(best)), *uncertain]
        return Explanation((*certain, *best), others=tuple(dict.fromkeys(also)))
    if ZERO < abs(rest) <= rounding:
        return Explanation((*facts, Reason(Cause.rounding, rest, ())), others=((Cause.unexplained,),))
    return Explanation(tuple(facts), rest)


def _causes(reasons: Iterable[Reason]) -> tuple[Cause, ...]:
    return tuple(sorted({one.cause for one in reasons}))


def _rows(reasons: Iterable[Reason]) -> set[tuple[Cause, tuple[str, ...]]]:
    return {(one.cause, one.rows) for one in reasons}
