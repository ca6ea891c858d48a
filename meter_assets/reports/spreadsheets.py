"""Cells of files that people open in a spreadsheet: how exact amounts and ids are written into one.

Add here what several such files have in common. What they contain is in `review.file`, `report.files` and
`call_centre.postings`.
"""

import re
from decimal import Decimal
from typing import Any

from meter_assets.formatting import decimals_of

MOST_DIGITS = 15
"""A number of a workbook has no more digits: a spreadsheet writes zeros for the others."""

_CHANGED_BY_SPREADSHEETS = re.compile(r"0\d+|\d{16,}|\d+[eE]\d+")
"""Digits that a spreadsheet takes for a number that it writes otherwise: 7 for 007, and of long ones only 15 digits."""


def id_in_csv(text: str) -> str:
    """Return an id as a cell of a CSV file: an apostrophe keeps a spreadsheet from changing its digits."""
    return f"'{text}" if _CHANGED_BY_SPREADSHEETS.fullmatch(text) else text


def fill_exactly(cell: Any, value: Decimal) -> None:
    """Write a finite number into a cell of openpyxl by its exact digits.

    The library itself would write a Decimal as a float, with digits that it does not have: 9.95 as 9.949999999999999.
    """
    cell.value = f"{value + 0:f}"  # the sum has no negative zero
    cell.data_type = "n"


def fill_money(cell: Any, value: Decimal, as_text: str, whole: str = "0") -> None:
    """Write an amount into a cell as a number that shows all its decimals, or as text if a number would lose digits.

    `whole` is the format of the digits before the decimals.
    """
    if not value.is_finite() or len(f"{value:f}".strip("-").replace(".", "").strip("0")) > MOST_DIGITS:
        cell.value, cell.data_type = as_text, "s"
        return
    fill_exactly(cell, value)
    cell.number_format = f"{whole}.{'0' * decimals_of(value)}"
