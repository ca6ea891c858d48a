"""Draws the tables of `reports.tables` on a terminal with rich, so that no line starts with the rest of a name.

A table that is too wide is folded between words. If its columns would be narrower than their words, or its cells would
be many lines high, each row is a record instead: one line for each of its cells. Lines are laid out here, because a
table of rich takes many times as long. Add here what decides columns, widths and folding. The contents of tables are
in `reports.tables`, the output around them in `terminal`.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from rich.cells import cell_len, set_cell_size
from rich.console import Console, Group
from rich.text import Text

from meter_assets.cli.output import escaped
from meter_assets.foreign_text import quoted, shown
from meter_assets.reports import tables as render

_SPACE, _SPACE_IF_FOLDED = 3, 2
"""Columns of a terminal between two columns of a table."""
_MOST_LINES = 6
"""The most lines of a cell in a table. Higher rows are easier to read as records."""
_LONGEST_FOLDED_WORD = 24
"""A longer word, which may be any text of the database, may be folded. It must not take the space of other columns."""
_NAME = re.compile(r"[a-z0-9_.-]+")
"""Names and ids that users copy or search for. They are never folded in a table."""
_NARROWEST_VALUE = 20
_LINES_AT_ONCE = 500
_EDGES, _EDGES_OF_LINES = ("+", "-", "+", "|", "+"), ("┌", "─", "├", "│", "└")
"""The corner above, the line, the corner below the headings, the edge of a row, and the corner below."""


def drawn(console: Console, grid: render.Grid) -> Group:
    """Return a grid as it fits the console: as a table, a table of folded cells, or records."""
    cells = _Cells.of(console, grid)
    widths = cells.natural
    if sum(widths) + _SPACE * len(widths) <= console.width:
        return _titled(cells, _lines(cells, widths, rule="-" if _is_ascii(console) else "─"))
    # Each line of folded cells starts with an edge, so that no line starts with the rest of a name.
    room = console.width - 1 - _SPACE_IF_FOLDED * len(widths)
    widths = _shared(room, cells.least, cells.natural)
    if sum(widths) > room or cells.is_higher(console, widths, _MOST_LINES):
        return _titled(cells, _parts(_records(console, cells)))
    return _titled(cells, _folded_table(console, cells, widths))


@dataclass(frozen=True)
class _Cells:
    """The text of a grid as shown: its title, its headings, its rows."""

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: tuple[bool, ...]
    """Which columns have only numbers."""

    @classmethod
    def of(cls, console: Console, grid: render.Grid) -> "_Cells":
        """Return the cells of a grid, without characters that the terminal does not have."""

        def fitting(texts: Sequence[str]) -> tuple[str, ...]:
            return tuple(escaped(one, console.encoding) for one in texts)

        numbers = tuple(grid.is_number(at) for at in range(len(grid.headings)))
        rows = tuple(fitting(_cells(grid, row)) for row in grid.rows)
        return cls(escaped(shown(grid.title), console.encoding), fitting(grid.headings), rows, numbers)

    @property
    def columns(self) -> list[list[str]]:
        """The cells of each column, with its heading."""
        return [list(column) for column in zip(self.headings, *self.rows, strict=True)]

    @property
    def natural(self) -> list[int]:
        """The width of each column without folding."""
        return [max(map(cell_len, column)) for column in self.columns]

    @property
    def least(self) -> list[int]:
        """The width of each column that folds no word."""
        return [max(map(_least, {word for cell in column for word in cell.split()} or {""})) for column in self.columns]

    def is_higher(self, console: Console, widths: Sequence[int], lines: int) -> bool:
        """Return whether a cell below the headings has more lines than these."""
        return any(
            len(_folded(console, cell, width)) > lines
            for row in self.rows
            for cell, width in zip(row, widths, strict=True)
        )


def _least(word: str) -> int:
    width = cell_len(word)
    return width if _NAME.fullmatch(word) else min(width, _LONGEST_FOLDED_WORD)


def _is_ascii(console: Console) -> bool:
    return not console.encoding.startswith("utf")


def _cells(grid: render.Grid, row: Sequence[str]) -> list[str]:
    """Return a row's cells as shown. The first cell is a number, or starts with our own text."""
    first, *others = (shown(cell, render.LONGEST_CELL) for cell in row)
    is_foreign = grid.of_records and not first.isdecimal()
    return [f"{grid.headings[0]} {quoted(first)}" if is_foreign else first, *others]


def _shared(room: int, least: Sequence[int], natural: Sequence[int]) -> list[int]:
    """Return the widths of columns: the least ones, and equal shares of the rest of the room where they are needed."""
    widths = list(least)
    while (left := room - sum(widths)) > 0:
        narrow = [at for at, width in enumerate(widths) if width < natural[at]]
        if not narrow:
            break
        for at in narrow[:left]:
            widths[at] += min(natural[at] - widths[at], max(1, left // len(narrow)))
    return widths


def _lines(cells: _Cells, widths: Sequence[int], rule: str) -> Group:
    """Return one line for each row, below the headings. No cell is folded here."""
    joint = " " * _SPACE
    heading, *rows = (
        joint.join(
            _aligned(cell, width, is_number) for cell, width, is_number in zip(row, widths, cells.numbers, strict=True)
        )
        for row in (cells.headings, *cells.rows)
    )
    ruled = rule * (sum(widths) + _SPACE * (len(widths) - 1))
    parts = _parts(["", f" {heading}", f" {ruled}", *(f" {row}" for row in rows), ""])
    _first(parts).stylize("bold", 0, 1 + len(f" {heading}".rstrip()))
    return parts


def _folded_table(console: Console, cells: _Cells, widths: Sequence[int]) -> Group:
    """Return the rows below the headings, with an edge at the left. Rows are apart if one has several lines."""
    corner, line, middle, edge, end = _EDGES if _is_ascii(console) else _EDGES_OF_LINES

    def row_of(row: Sequence[str], *, at_bottom: bool = False) -> list[str]:
        folded = [_folded(console, cell, width) for cell, width in zip(row, widths, strict=True)]
        if at_bottom:
            folded = [[""] * (max(map(len, folded)) - len(cell)) + [*cell] for cell in folded]
        joint = " " * _SPACE_IF_FOLDED
        every = zip_longest(*folded, fillvalue="")
        return [f"{edge} {joint.join(map(_aligned, parts, widths, cells.numbers))}".rstrip() for parts in every]

    ruled = line * (sum(widths) + _SPACE_IF_FOLDED * len(widths) - 1)
    headings = row_of(cells.headings, at_bottom=True)
    between = [edge] if cells.is_higher(console, widths, 1) else []

    def lines() -> Iterator[str]:
        yield f"{corner}{ruled}"
        yield from headings
        yield f"{middle}{ruled}"
        for at, row in enumerate(cells.rows):
            yield from between if at else ()
            yield from row_of(row)
        yield f"{end}{ruled}"

    parts = _parts(lines())
    start = len(ruled) + 2
    for heading in headings:
        _first(parts).stylize("bold", start + 1, start + len(heading))
        start += len(heading) + 1
    return parts


def _records(console: Console, cells: _Cells) -> Iterator[str]:
    """Yield one line for each cell that is not empty, with its heading; a longer value is folded below itself."""
    indent = space = " " * _SPACE_IF_FOLDED
    left = min(max(map(cell_len, cells.headings)), max(4, console.width - _NARROWEST_VALUE))
    right = max(1, console.width - len(indent) - left - len(space))
    headings = [_folded(console, one, left) for one in cells.headings]
    for at, row in enumerate(cells.rows):
        if at:
            yield ""
        for heading, cell in zip(headings, row, strict=True):
            if cell:
                for name, value in zip_longest(heading, _folded(console, cell, right), fillvalue=""):
                    yield f"{indent}{set_cell_size(name, left)}{space}{value}"
    yield ""


def _folded(console: Console, cell: str, width: int) -> Sequence[str]:
    """Return a cell's lines of at most this width."""
    if cell_len(cell) <= width:  # rich would find the same in a hundred times the time
        return (cell.rstrip(),)
    return [line.plain.rstrip() for line in Text(cell, overflow="fold").wrap(console, width)]


def _aligned(cell: str, width: int, is_number: bool) -> str:
    return f"{' ' * (width - cell_len(cell))}{cell}" if is_number else set_cell_size(cell, width)


def _parts(lines: Iterable[str]) -> Group:
    """Return lines as several texts, because rich splits a text in time that grows with the square of its lines."""
    every = [line.rstrip() for line in lines]
    parts = (every[at : at + _LINES_AT_ONCE] for at in range(0, len(every), _LINES_AT_ONCE))
    return Group(*(Text("\n".join(some), no_wrap=True, overflow="ignore") for some in parts))


def _first(parts: Group) -> Text:
    first = parts.renderables[0]
    assert isinstance(first, Text)
    return first


def _titled(cells: _Cells, parts: Group) -> Group:
    """Return a table below its title, which may be wider than the table."""
    return Group(Text(cells.title, style="italic"), *parts.renderables) if cells.title else parts
