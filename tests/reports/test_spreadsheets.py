"""Cells of workbooks: amounts have the digits that they have, and no others."""

import io
import re
import zipfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook

from meter_assets.migration.decisions.file import read_decisions
from meter_assets.reports.review.file import _as_xlsx, export_review
from meter_assets.reports.review.waiting_payments import Review, ReviewItem
from meter_assets.reports.spreadsheets import fill_exactly, fill_money

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


@pytest.mark.parametrize(
    ("amount", "written", "shown_as"),
    [
        ("2.675", "2.675", "0.000"),
        ("-0.0005", "-0.0005", "0.0000"),
        ("1000", "1000", "0.00"),
        ("0.00000000000000000000", "0.00000000000000000000", "0.00"),
        ("999999999999.999", "999999999999.999", "0.000"),
        ("-1000000000000.001", None, ""),
        ("500000000000000.99", None, ""),
        ("NaN", None, ""),
    ],
)
def test_an_amount_shows_all_its_decimals_or_is_text(amount: str, written: str | None, shown_as: str) -> None:
    """A spreadsheet would round 2.675 to the format 0.00, and keeps 15 digits of a number."""
    content = _as_xlsx([["1", "7", Decimal(amount)]])
    found = [one for one in numbers_in(content) if Decimal(one) == Decimal(amount)]
    (cell,) = next(load_workbook(io.BytesIO(content)).active.iter_rows(min_row=2, min_col=3, max_col=3))
    if written is None:
        assert (found, cell.value) == ([], amount)
        return
    assert (found, cell.number_format) == ([written], shown_as)
    book = Workbook()
    fill_money(book.active["A1"], Decimal(amount), "text", whole="#,##0")
    assert book.active["A1"].number_format == f"#,##{shown_as}"


def test_no_spreadsheet_changes_the_digits_of_ids_in_csv(tmp_path: Path) -> None:
    ids = ("7", "007", "1234567890123456", "12E3", "-5", "=5", "P-7")
    nothing: dict[str, Any] = {
        "tenant": "1",
        "amount": None,
        "paid_on": None,
        "status": "",
        "customer_id": "",
        "customer_name": "",
    }
    nothing |= {"invoice_id": "", "meter_number": "", "rule": "", "candidates": [], "suggestion": None}
    items = [ReviewItem.model_validate({**nothing, "payment_id": one, "meter_id": one}) for one in ids]
    path = tmp_path / "review.csv"
    export_review([Review(tenant="1", name="T", items=items)], path)
    written = path.read_text(encoding="utf-8-sig")
    assert re.findall(r"^1,([^,]*),", written, re.MULTILINE) == [
        *("7", "'007", "'1234567890123456", "'12E3", "'-5", "'=5", "P-7")
    ]
    path.write_text(
        written.replace("decided_by", "note", 1).replace("current_meter_id", "decided_by"), encoding="utf-8"
    )
    path.write_text(path.read_text(encoding="utf-8").replace(",note,note", ",other,note"), encoding="utf-8")
    assert [one.payment for one in read_decisions(path).decisions] == list(ids)
