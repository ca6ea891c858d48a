"""Draws the tables of `reports.tables` on a terminal with rich, so that no line starts with the rest of a name.

A table that is too wide is folded between words. If its columns would be narrower than their words, or its cells would
be many lines high, each row is a record instead: one line for each of its cells. Add here what decides columns, widths
and folding. The contents of tables are in `reports.tables`, the output around them in `terminal`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rich.box import Box
from rich.cells import cell_len, set_cell_size
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
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
_EDGED = Box("+-- \n|   \n+-- \n|   \n|   \n|   \n|   \n+-- \n", ascii=True)
_EDGED_WITH_LINE = Box("┌── \n│   \n├── \n│   \n│   \n│   \n│   \n└── \n")


def drawn(console: Console, grid: render.Grid) -> RenderableType:
    """Return a grid as it fits the console: as a table, a table of folded cells, or records."""
    cells = _Cells.of(console, grid)
    widths = cells.natural
    if sum(widths) + _SPACE * len(widths) <= console.width:
        return _titled(cells, _lines(cells, widths, rule="-" if _is_ascii(console) else "─"))
    # Each line of folded cells starts with an edge, so that no line starts with the rest of a name.
    room = console.width - 1 - _SPACE_IF_FOLDED * len(widths)
    widths = _shared(room, cells.least, cells.natural)
    height = cells.height(console, widths)
    if sum(widths) > room or height > _MOST_LINES:
        return _records(console, cells)
    table = _table(cells, widths, box=_EDGED if _is_ascii(console) else _EDGED_WITH_LINE)
    table.padding, table.pad_edge, table.leading = (0, 0, 0, 1), True, int(height > 1)
    return _titled(cells, table)


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
        return [max(_least(word) for cell in column for word in (cell.split() or [""])) for column in self.columns]

    def height(self, console: Console, widths: Sequence[int]) -> int:
        """Return the number of lines of the highest cell below the headings."""
        return max(
            len(Text(cell, overflow="fold").wrap(console, width))
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


def _lines(cells: _Cells, widths: Sequence[int], rule: str) -> RenderableType:
    """Return one line for each row, below the headings. No cell is folded here: rich lays out cells much slower.

    They are several texts, because rich splits a text in time that grows with the square of its lines.
    """
    joint = " " * _SPACE
    heading, *rows = (
        joint.join(
            f"{' ' * (width - cell_len(cell))}{cell}" if is_number else set_cell_size(cell, width)
            for cell, width, is_number in zip(row, widths, cells.numbers, strict=True)
        )
        for row in (cells.headings, *cells.rows)
    )
    ruled = rule * (sum(widths) + _SPACE * (len(widths) - 1))
    lines = [f" {heading}".rstrip(), f" {ruled}", *(f" {row}".rstrip() for row in rows)]
    every = ["", *lines, ""]
    parts = (every[at : at + _LINES_AT_ONCE] for at in range(0, len(every), _LINES_AT_ONCE))
    first, *others = (Text("\n".join(some), no_wrap=True) for some in parts)
    first.stylize("bold", 0, 1 + len(lines[0]))
    return Group(first, *others)


def _table(cells: _Cells, widths: Sequence[int], box: Box) -> Table:
    table = Table(header_style="bold", box=box, pad_edge=False)
    for heading, width, is_number in zip(cells.headings, widths, cells.numbers, strict=True):
        table.add_column(Text(heading), justify="right" if is_number else "left", overflow="fold", width=width)
    for row in cells.rows:
        table.add_row(*map(Text, row))
    return table


def _records(console: Console, cells: _Cells) -> RenderableType:
    """Return one line for each cell that is not empty, with its heading; a longer value is folded below itself."""
    widest = max(map(cell_len, cells.headings))
    record = Table(box=None, show_header=False, padding=(0, _SPACE_IF_FOLDED, 0, 0), pad_edge=False)
    record.add_column(overflow="fold", width=min(widest, max(4, console.width - _NARROWEST_VALUE)))
    record.add_column(overflow="fold")
    for at, row in enumerate(cells.rows):
        if at:
            record.add_row()
        for heading, cell in zip(cells.headings, row, strict=True):
            if cell:
                record.add_row(Text(heading), Text(cell))
    return _titled(cells, Padding(record, (0, 0, 1, _SPACE_IF_FOLDED)))


def _titled(cells: _Cells, table: RenderableType) -> RenderableType:
    """Return a table below its title, which may be wider than the table."""
    return Group(Text(cells.title, style="italic"), table) if cells.title else table
