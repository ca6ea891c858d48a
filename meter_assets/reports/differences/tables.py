"""Differences by cause, as tables of text and as rows for CSV files.

Add here what several places show of differences. How they are computed is in `by_customer`.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

from meter_assets.formatting import counted, show_money
from meter_assets.reports.differences.by_customer import CauseOfDifference, Difference, TenantDifferences
from meter_assets.reports.differences.reasons import Cause
from meter_assets.reports.tables import Grid

MOST_ROWS_NAMED = 3
BY_CHANCE = "unexplained: the rows may add up to it by chance"
COLUMNS = (
    *("tenant", "kind", "id", "name", "backed_up_net", "meters_net", "difference", "cause", "amount", "rows"),
    "also_possible",
)


def by_cause(found: TenantDifferences) -> Grid:
    """Return the causes of a tenant's difference, the largest first, and their sum."""
    rows = [(one.cause.value, show_money(one.amount), f"{one.customers:,}", one.cause.words) for one in found.by_cause]
    if rows:
        rows.append(("all causes together", show_money(found.difference), f"{found.differing:,}", ""))
    headings = ("cause", "amount", "customers", "meaning")
    return Grid("Differences by cause", headings, tuple(rows), note(found))


def note(found: TenantDifferences) -> str:
    """Return what a tenant's customers owed before, and what its meters owe."""
    owe = "would owe" if found.planned else "owe"
    before, now = ("Customers", "meters") if found.customer_id is None else ("The customer", "customer's meters")
    more = f"{show_money(abs(found.difference))} {'less' if found.difference.is_signed() else 'more'}"
    said = (
        f"{before} owed {show_money(found.backed_up_net)} before; the {now} {owe} {show_money(found.meters_net)}: "
        f"{more if found.difference else 'the same'}."
    )
    if found.customer_id is not None:
        return f"{said} Other causes are possible too." if found.uncertain else said
    if not found.differing:
        return f"{said} No customer differs."
    uncertain = f" Of {counted(found.uncertain, 'customer')}, other causes are possible too." if found.uncertain else ""
    return said + uncertain


def largest(found: TenantDifferences, most: int | None = None) -> Grid:
    """Return the customers with the largest differences, each with its causes and some of their rows."""
    rows = tuple(
        (
            one.kind,
            one.id,
            one.name,
            show_money(one.backed_up_net),
            show_money(one.meters_net),
            show_money(one.difference),
            causes(one),
        )
        for one in found.largest[:most]
    )
    headings = ("kind", "id", "name", "owed before", "meters owe", "difference", "causes")
    return Grid("Largest differences", headings, rows, of_records=True)


def causes(one: Difference) -> str:
    """Return the causes of a difference in words, with their amounts and some of their rows."""
    parts = [f"{part.cause.value} {show_money(part.amount)}{some_rows(part)}" for part in one.causes]
    others = other_causes(one)
    return "; ".join(parts) + (f"; also possible: {others}" if others else "")


def in_words(part: CauseOfDifference) -> str:
    """Return a cause for people who do not know its name: its meaning, its amount and some of its rows."""
    return f"{part.cause.words}: {show_money(part.amount)}{some_rows(part)}"


def some_rows(part: CauseOfDifference) -> str:
    """Return the first rows of a cause, in parentheses; nothing if it has none."""
    named = ", ".join(part.rows[:MOST_ROWS_NAMED])
    more = f" and {len(part.rows) - MOST_ROWS_NAMED} more" if len(part.rows) > MOST_ROWS_NAMED else ""
    return f" ({named}{more})" if named else ""


def other_causes(one: Difference) -> str:
    """Return the causes of the other explanations; nothing if there is none."""
    return " or ".join(other_explanations(one, lambda cause: cause.value))


def others_in_words(one: Difference) -> list[str]:
    """Return the other explanations for people who do not know the names of causes."""
    return other_explanations(one, lambda cause: BY_CHANCE if cause is Cause.unexplained else cause.words)


def other_explanations(one: Difference, name: Callable[[Cause], str]) -> list[str]:
    """Return each other explanation as the names of its causes. Those of the same causes are of other rows."""
    given = {part.cause for part in one.causes}
    return [
        " + ".join(map(name, other)) + (" of other rows" if set(other) <= given else "") for other in one.also_possible
    ]


def rows(tenants: Iterable[TenantDifferences]) -> Iterator[Sequence[object]]:
    """Yield one row for each cause of each difference, for a CSV file, after the headings."""
    yield COLUMNS
    for tenant in tenants:
        for one in tenant.largest:
            others = other_causes(one)
            of_all = (tenant.tenant, one.kind, one.id, one.name, one.backed_up_net, one.meters_net, one.difference)
            for part in one.causes:
                yield (*of_all, part.cause.value, part.amount, "; ".join(part.rows), others)
