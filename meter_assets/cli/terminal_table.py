"""Draws the tables of `reports.tables` on a terminal with rich, so that no line starts with the rest of a name.

Add here what decides columns, widths and folding. The contents of tables are in `reports.tables`, the output around
them in `terminal`.
"""

from collections.abc import Sequence

from rich import box
from rich.console import Console, JustifyMethod, OverflowMethod
from rich.table import Table
from rich.text import Text

from meter_assets.foreign_text import quoted, shown
from meter_assets.reports import tables as render

_UNLIMITED_WIDTH = 100_000
_NEVER_FOLDED = ("run", "undoes run", "step")
"""Columns with names that users copy or search for."""
_WIDE_ENOUGH_FOR_NAMES = 120
_WIDEST_FIRST_COLUMN, _WIDEST_NAME = 60, 36
"""Wide enough for our own names and run ids. A foreign name must not take the space of other columns."""


def drawn(console: Console, grid: render.Grid) -> Table:
    """Return a grid as a table. If cells must be folded, a border is drawn, so that each line starts with it."""
    table = _table(grid, console.width)
    whole = console.options.update(width=_UNLIMITED_WIDTH)
    if console.measure(table, options=whole).maximum > console.width:
        table.box, table.pad_edge = box.SQUARE, True
    return table


def _table(grid: render.Grid, room: int) -> Table:
    title = Text(shown(grid.title))
    table = Table(title=title, title_justify="left", header_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for at, name in enumerate(grid.headings):
        justify: JustifyMethod = "right" if grid.is_number(at) else "left"
        # A time is our own text: its column may be folded, which leaves more space for the message.
        is_whole = (at == 0 and name != "started") or (name in _NEVER_FOLDED and room >= _WIDE_ENOUGH_FOR_NAMES)
        widest = _WIDEST_FIRST_COLUMN if at == 0 else _WIDEST_NAME if name in _NEVER_FOLDED else None
        cut: OverflowMethod = "ellipsis" if is_whole else "fold"
        table.add_column(Text(name), justify=justify, overflow=cut, no_wrap=is_whole, max_width=widest)
    for row in grid.rows:
        table.add_row(*map(Text, _cells(grid, row)))
    return table


def _cells(grid: render.Grid, row: Sequence[str]) -> list[str]:
    """Return a row's cells as shown. The first cell is a number, or starts with our own text."""
    first, *others = (shown(cell, render.LONGEST_CELL) for cell in row)
    is_foreign = grid.of_records and not first.isdecimal()
    return [f"{grid.headings[0]} {quoted(first)}" if is_foreign else first, *others]
