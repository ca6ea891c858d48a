"""Rows that a command prints as CSV: no cell is taken for a formula, and money is plain text."""

import csv
import sys
from collections.abc import Iterable, Sequence
from decimal import Decimal

from meter_assets.foreign_text import spreadsheet_cell
from meter_assets.formatting import plain_money


def print_csv(rows: Iterable[Sequence[object]]) -> None:
    """Print rows, the headings first; a null is an empty cell."""
    writer = csv.writer(sys.stdout)
    writer.writerows([spreadsheet_cell(_text(cell)) for cell in row] for row in rows)


def _text(cell: object) -> str:
    if isinstance(cell, Decimal):
        return plain_money(cell)
    return "" if cell is None else str(cell)
