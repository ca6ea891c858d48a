"""Tables on a terminal: a grid of `reports.tables` drawn with rich, so that no line begins with the rest of a name.

Add here what decides columns, widths and folding. What a table holds is in `reports.tables`, what is printed around it
in `terminal`.
"""

from collections.abc import Sequence

from rich import box
from rich.console import Console, JustifyMethod, OverflowMethod
from rich.table import Table
from rich.text import Text

from meter_assets.foreign_text import quoted, shown
from meter_assets.reports import tables as render

_WIDER_THAN_ANY = 100_000
_NEVER_FOLDED = ("run", "undoes run", "step")
"""Columns of names that are copied, or searched for."""
_ENOUGH_FOR_NAMES = 120
_WIDEST_FIRST_COLUMN, _WIDEST_NAME = 60, 36
"""A name of ours, or a run's id, has room; another must not take that of the other columns."""


def drawn(console: Console, grid: render.Grid) -> Table:
    """Return a grid as a table; where its cells must be folded, each line begins with the table's edge."""
    table = _table(grid, console.width)
    whole = console.options.update(width=_WIDER_THAN_ANY)
    if console.measure(table, options=whole).maximum > console.width:
        table.box, table.pad_edge = box.SQUARE, True
    return table


def _table(grid: render.Grid, room: int) -> Table:
    title = Text(shown(grid.title))
    table = Table(title=title, title_justify="left", header_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for at, name in enumerate(grid.headings):
        justify: JustifyMethod = "right" if grid.is_number(at) else "left"
        # A time is ours: its column may be folded, which leaves more room to the message.
        is_whole = (at == 0 and name != "started") or (name in _NEVER_FOLDED and room >= _ENOUGH_FOR_NAMES)
        widest = _WIDEST_FIRST_COLUMN if at == 0 else _WIDEST_NAME if name in _NEVER_FOLDED else None
        cut: OverflowMethod = "ellipsis" if is_whole else "fold"
        table.add_column(Text(name), justify=justify, overflow=cut, no_wrap=is_whole, max_width=widest)
    for row in grid.rows:
        table.add_row(*map(Text, _cells(grid, row)))
    return table


def _cells(grid: render.Grid, row: Sequence[str]) -> list[str]:
    """Return a row's cells as they are shown; one that begins a line is a number, or begins with a word of ours."""
    first, *others = (shown(cell, render.LONGEST_CELL) for cell in row)
    is_foreign = grid.of_records and not first.isdecimal()
    return [f"{grid.headings[0]} {quoted(first)}" if is_foreign else first, *others]
