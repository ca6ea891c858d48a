"""Cells of workbooks: amounts have the digits that they have, and no others."""

import io
import re
import zipfile
from decimal import Decimal

from openpyxl import Workbook

from meter_assets.reports.review_file import _as_xlsx
from meter_assets.reports.spreadsheets import fill_exactly

AMOUNTS = ("9.95", "0.1", "-1234567890.07", "33.30", "0", "99999999999.99")


def numbers_in(content: bytes) -> list[str]:
    """Return the numbers in the first sheet of a workbook, as its file has them."""
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        return re.findall(r"<v>(-?[\d.eE+-]+)</v>", file.read("xl/worksheets/sheet1.xml").decode())


def test_amounts_are_written_by_their_digits() -> None:
    book, file = Workbook(), io.BytesIO()
    for at, amount in enumerate(AMOUNTS, start=1):
        fill_exactly(book.active.cell(at, 1), Decimal(amount))
    book.save(file)
    assert numbers_in(file.getvalue()) == list(AMOUNTS)


def test_so_are_those_of_the_payments_for_review() -> None:
    found = numbers_in(_as_xlsx([[Decimal(one)] for one in AMOUNTS]))
    assert set(AMOUNTS) <= set(found)
