"""Cells of workbooks: how an exact amount is written into one.

Add here what several workbooks have in common. What a workbook contains is in `review.file` and `report.files`.
"""

from decimal import Decimal
from typing import Any


def fill_exactly(cell: Any, value: Decimal) -> None:
    """Write a finite number into a cell of openpyxl by its exact digits.

    The library itself would write a Decimal as a float, with digits that it does not have: 9.95 as 9.949999999999999.
    """
    cell.value = f"{value + 0:f}"  # the sum has no negative zero
    cell.data_type = "n"
