"""The overview of tenants as a table of text, for the terminal and for Dagster's pages.

Add a column or a sentence about the overview here; what a state means is in `overview`.
"""

from collections import Counter
from collections.abc import Sequence

from meter_assets.foreign_text import named
from meter_assets.formatting import SHORT_RUN_ID, show_time
from meter_assets.reports.overview import State, TenantOverview
from meter_assets.reports.tables import Grid

NARROW, WIDE = 80, 120
"""From how many characters on a table has its numbers, and from how many it has all columns."""


def counts(rows: Sequence[TenantOverview]) -> dict[State, int]:
    """Return the number of tenants in each state, the states that need attention first."""
    found = Counter(one.state for one in rows)
    return {state: found[state] for state in State if found[state]}


def counted(rows: Sequence[TenantOverview]) -> str:
    """Return the number of tenants in each state, in words: the most frequent state first."""
    in_order = sorted(counts(rows).items(), key=lambda one: -one[1])
    noun = "tenant" if len(rows) == 1 else "tenants"
    return f"{len(rows):,} {noun}: {', '.join(f'{count:,} {state}' for state, count in in_order)}"


def attention_first(rows: Sequence[TenantOverview]) -> list[TenantOverview]:
    """Return the rows ordered by state: those that need attention first, then by their former order."""
    order = list(State)
    return sorted(rows, key=lambda one: order.index(one.state))


def grid(rows: Sequence[TenantOverview], width: int = WIDE, *, note: str = "") -> Grid:
    """Return a table for this many characters: a narrow one has only tenant and state, a wide one all columns."""
    headings = ["tenant", "state"]
    if width >= NARROW:
        headings += ["left", "differ"]
    if width >= WIDE:
        headings += ["for review", "last run", "at", "who"]
    return Grid("Tenants", tuple(headings), tuple(tuple(_cells(one)[name] for name in headings) for one in rows), note)


def small_grids(rows: Sequence[TenantOverview], *, note: str = "") -> dict[str, Grid]:
    """Return the table as several narrow ones, which have the same rows: what state, how much work, which last run."""
    cells = [{**_cells(one), "id": one.tenant} for one in rows]
    headings = {
        "tenants": ("tenant", "state"),
        "rows_of_tenants": ("id", "left", "differ", "for review"),
        "last_runs": ("id", "last run", "at", "who"),
    }
    return {
        name: Grid(name, chosen, tuple(tuple(row[one] for one in chosen) for row in cells), note)
        for name, chosen in headings.items()
    }


def _cells(one: TenantOverview) -> dict[str, str]:
    return {
        "tenant": named(one.tenant, one.name),
        "state": _in_words(one),
        "left": _number(one.rows_left),
        "differ": _number(one.differences),
        "for review": _number(one.for_review),
        "last run": (one.last_run or "-")[:SHORT_RUN_ID],
        "at": show_time(one.last_run_at) if one.last_run_at else "-",
        "who": one.who or "-",
    }


def _in_words(one: TenantOverview) -> str:
    if not one.why:
        return one.state.value
    joint = " by " if one.state is State.blocked else ": "
    return f"{one.state}{joint}{one.why}"


def _number(count: int | None) -> str:
    return "-" if count is None else f"{count:,}"
