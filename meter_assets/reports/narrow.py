"""Makes tables narrow enough for Dagster's pages, which show a table in a part of the window and wrap only cells.

A table has the same contents as before in fewer columns: values before and after are one column, names have spaces at
which they wrap, and columns that do not fit are put together in the last one. Add here what makes a table narrower; the
contents of tables are in `tables`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from meter_assets.reports.tables import Grid

WIDEST = 420
"""How many pixels Dagster's page of a partition has for a table in a window of 1280 pixels."""
WIDEST_WITHOUT_PARTITION = 280
"""The same for the page of an asset without partitions, which has its definition beside the table."""
MORE = "more"
"""The heading of the column with the columns that do not fit."""
_CELL, _HEADING, _PADDING = 8.4, 7.2, 17
"""The pixels of a character in a cell and in a heading, and of a column's padding and border, on Dagster's pages."""
_NAMES = frozenset(
    {"step", "rule", "rule or reason", "invariant", "sum of", "why", "policy", "state", "cause", "causes"}
)
"""The columns with our own names, which have underscores instead of spaces."""
_SHORT = {
    "examined": "rows",
    "would change": "change",
    "already correct": "correct",
    "for review": "review",
    "balance_brought_forward": "brought forward",
    "charges_and_opening_balance": "charges + opening",
}
"""Shorter forms of headings."""
_SIDES = (("{}_before", "{}_after"), ("expected_{}", "found_{}"))


@dataclass(frozen=True)
class _Column:
    heading: str
    cells: tuple[str, ...]

    @property
    def named_cells(self) -> Iterator[str]:
        """The cells with the heading before each of them that is not empty."""
        return (f"{self.heading}: {cell}" if cell else "" for cell in self.cells)

    @property
    def width(self) -> float:
        """The pixels of the column if each word of its cells is on a line of its own. Its heading is on one line."""
        heading = len(self.heading) * _HEADING
        longest = max((len(word) for cell in self.cells for word in cell.split()), default=0) * _CELL
        return max(heading, longest) + _PADDING


def narrow(grid: Grid, widest: float = WIDEST) -> Grid:
    """Return a grid with rows in as many columns as fit; a grid that fits keeps its columns."""
    columns = _columns_of(grid)
    if grid.of_records and len(columns) > 2:  # the page is of one tenant
        columns = [one for one in columns if one.heading != "tenant_id"]
    columns = _folded([_in_words(one) for one in _paired(columns)], widest)
    rows = tuple(zip(*(one.cells for one in columns), strict=True))
    return replace(grid, headings=tuple(one.heading for one in columns), rows=rows)


def width(grid: Grid) -> float:
    """Return how many pixels a grid with rows needs at least."""
    return sum(column.width for column in _columns_of(grid))


def _columns_of(grid: Grid) -> list[_Column]:
    cells = zip(*grid.rows, strict=True)
    return [_Column(heading, of_heading) for heading, of_heading in zip(grid.headings, cells, strict=True)]


def _paired(columns: Sequence[_Column]) -> Iterator[_Column]:
    """Yield the columns, with one column for each pair of sides."""
    by_heading = {one.heading: one for one in columns}
    pairs = {"before": ("after", "before → after"), "owed before": ("meters owe", "before → now")}
    for first, second in _SIDES:
        start, end = first.split("{}")
        for heading in by_heading:
            if heading.startswith(start) and heading.endswith(end):
                name = heading.removeprefix(start).removesuffix(end)
                pairs[heading] = (second.format(name), name)
    pairs = {first: (second, name) for first, (second, name) in pairs.items() if {first, second} <= by_heading.keys()}
    seconds = {second for second, _ in pairs.values()}
    for one in columns:
        if one.heading in pairs:
            other, name = pairs[one.heading]
            yield _Column(name, tuple(map(_both, one.cells, by_heading[other].cells)))
        elif one.heading not in seconds:
            yield one


def _both(before: str, after: str) -> str:
    return before if before == after else f"{before or 'none'} → {after or 'none'}"


def _in_words(column: _Column) -> _Column:
    """Return a column whose names have spaces, at which a browser wraps them, and whose heading is short."""
    if column.heading not in _NAMES:
        return replace(column, heading=_SHORT.get(column.heading, column.heading.replace("_", " ")))
    return _Column(column.heading, tuple(cell.replace("_", " ") for cell in column.cells))


def _folded(columns: list[_Column], widest: float) -> list[_Column]:
    """Return the columns that fit, and all others as one column."""
    for kept in range(len(columns), 0, -1):
        found = columns[:kept] + ([_together(columns[kept:])] if kept < len(columns) else [])
        if sum(one.width for one in found) <= widest:
            return found
    return [columns[0], _together(columns[1:])] if len(columns) > 2 else columns


def _together(columns: Sequence[_Column]) -> _Column:
    return _Column(MORE, tuple(map(_joined, zip(*(one.named_cells for one in columns), strict=True))))


def _joined(cells: Sequence[str]) -> str:
    return ", ".join(filter(None, cells))
