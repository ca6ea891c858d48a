"""Tables at every width: no short word is broken, no line is too wide or starts with a foreign word."""

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from meter_assets.cli.terminal_table import drawn
from meter_assets.reports.tables import Grid, from_records

FOREIGN = "trap" * 50
SUMMARY = ("tenant", "result", "total", "updated", "already correct", "no bills", "for review", "unresolved")
INVARIANT = "every_customer_balance_agrees_with_its_backup"
MESSAGE = (
    "The step was rolled back because meters.balance of 4,711 rows is below zero. Fix these rows; then run again. "
)
GRIDS = {
    "summary": Grid(
        "Summary", SUMMARY, (('1 "Willowmere Water"', "ok", "1,234,567", "1,200,000", "34,567", "0", "12", "1"),) * 3
    ),
    "invariants": Grid(
        "Violated invariants", ("tenant", "severity", "invariant", "violations"), (("7", "ERROR", INVARIANT, "12"),)
    ),
    "evidence": Grid(
        "Invariants",
        ("group", "invariant", "result", "for example"),
        (("balances", INVARIANT, "ERROR: 12 violations", MESSAGE * 4),),
    ),
    "rows": from_records(
        "meter_balances: largest changes",
        [
            {"id": str(at), "meter_number": "01-000001", "balance_before": "0.00", "balance_after": "1.00"}
            for at in (1, 2)
        ],
    ),
    "foreign": from_records("rows", [{"id": FOREIGN, "name": FOREIGN, "balance_after": "1,234.50", "note": ""}]),
    "wide letters": from_records("rows", [{"id": "1", "name": "水道" * 40, "note": "Łódź"}]),
}
WIDTHS = (40, 60, 80, 100, 120, 160)


class Ascii(io.StringIO):
    encoding = "ascii"


def lines_of(grid: Grid, width: int, file: Any = None) -> list[str]:
    file = file or io.StringIO()
    console = Console(file=file, width=width, highlight=False, soft_wrap=True, color_system=None)
    console.print(drawn(console, grid))
    return [line.rstrip() for line in file.getvalue().splitlines()]


def words_of(lines: list[str]) -> set[str]:
    return set(" ".join(lines).replace("│", " ").split())


def whole(words: set[str]) -> set[str]:
    """Return the words that no width may break."""
    return {word for word in words if len(word) <= 20 and word.isascii()}


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", GRIDS)
def test_no_word_is_broken_and_no_line_too_long(name: str, width: int) -> None:
    grid = GRIDS[name]
    lines = lines_of(grid, width)
    shown = words_of(lines)
    assert not whole({word for row in grid.rows for cell in row for word in cell.split()}) - shown
    assert not whole({word for heading in grid.headings for word in heading.split()}) - {"note"} - shown
    if name in ("invariants", "evidence") and width >= 80:
        assert INVARIANT in shown
    assert not any(line.startswith(("trap", "水")) for line in lines)
    assert max(map(cell_len, lines)) <= width
    if name != "foreign":  # whose only long word has 200 letters
        assert len(lines) < 50


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", GRIDS)
def test_a_table_for_ascii_has_no_other_letters(name: str, width: int) -> None:
    lines = lines_of(GRIDS[name], width, Ascii())
    assert all(line.isascii() for line in lines)
    assert max(map(len, lines)) <= width


@given(
    rows=st.lists(st.lists(st.text("ab 1,", max_size=60), min_size=4, max_size=4).map(tuple), min_size=1, max_size=4),
    width=st.integers(40, 200),
)
def test_any_table_fits_and_breaks_no_short_word(rows: list[tuple[str, ...]], width: int) -> None:
    grid = Grid("a title", ("first", "second", "third", "fourth"), tuple(rows))
    lines = lines_of(grid, width)
    assert max(map(len, lines)) <= width
    assert not whole({word for row in rows for cell in row for word in cell.split()}) - words_of(lines)


@pytest.mark.parametrize("width", [80, 28, 12], ids=("a table", "folded cells", "records"))
def test_a_table_of_many_rows_is_drawn_in_parts(width: int) -> None:
    """The time that rich takes for one text grows with the square of its lines, and its tables take 1 ms a cell."""
    grid = Grid("", ("number", "words"), tuple((str(at), "a row of some words") for at in range(1_700)))
    parts = drawn(Console(width=width, file=io.StringIO()), grid).renderables
    texts = [part for part in parts if isinstance(part, Text)]
    assert len(texts) == len(parts)
    assert max(part.plain.count("\n") for part in texts) < 500
    shown = [word for line in lines_of(grid, width) for word in line.split() if word.isdecimal()]
    assert shown == [str(at) for at in range(1_700)]
