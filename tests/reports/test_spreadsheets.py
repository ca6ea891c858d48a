"""Cells of workbooks: amounts have the digits that they have, and no others."""

import io
import re
import zipfile
from decimal import Decimal
from pathlib import Path
from typing import Any

from openpyxl import Workbook

from meter_assets.migration.decisions.file import read_decisions
from meter_assets.reports.review.file import _as_xlsx, export_review
from meter_assets.reports.review.waiting_payments import Review, ReviewItem
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
