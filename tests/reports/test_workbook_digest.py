"""The digest of a workbook: it stays when the workbook is saved again, and changes with anything that hides a cell."""

import io
import re
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook
from openpyxl.chart import BarChart
from openpyxl.comments import Comment
from openpyxl.formatting.rule import FormulaRule
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.worksheet.datavalidation import DataValidation

from meter_assets.reports.report.workbook_digest import digest_of, read_workbook

Change = Callable[[Any], object]


def workbook() -> Workbook:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "Money"
    for row in (("what", "amount"), ("before", 12.5), ("after", 0)):
        sheet.append(row)
    sheet["A1"].font = Font(bold=True)
    sheet["B2"].number_format = sheet["B3"].number_format = "#,##0.00"
    sheet.freeze_panes = "A2"
    book.create_sheet("Digest").append(("digest of this file", "0" * 64))
    return book


def content(book: Workbook) -> bytes:
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def digest(of: bytes) -> str:
    return digest_of(*read_workbook(of))


ORIGINAL = content(workbook())


def style(name: str, value: object, cell: str = "B2") -> Change:
    return lambda book: setattr(book["Money"][cell], name, value)


def in_sheet(path: str, value: object) -> Change:
    """Return the change that sets an attribute of the sheet, such as sheet_view.showZeros."""

    def change(book: Any) -> None:
        *parts, last = path.split(".")
        found = book["Money"]
        for part in parts:
            found = getattr(found, part)
        setattr(found, last, value)

    return change


SHOWS_SOMETHING_ELSE: dict[str, Change] = {
    "another amount": style("value", 12.51),
    "an amount as text": style("value", "12.5"),
    "a formula": style("value", "=6.25*2"),
    "the format of an amount": style("number_format", '"99.00"'),
    "the format of a text": style("number_format", ';;;"after"', "A2"),
    "the format of a heading": style("number_format", ";;;", "A1"),
    "a hidden row": lambda book: setattr(book["Money"].row_dimensions[2], "hidden", True),
    "a row without height": lambda book: setattr(book["Money"].row_dimensions[2], "height", 0.5),
    "a hidden column": lambda book: setattr(book["Money"].column_dimensions["B"], "hidden", True),
    "a column without width": lambda book: setattr(book["Money"].column_dimensions["B"], "width", 0.1),
    "a closed group": lambda book: book["Money"].row_dimensions.group(2, 3, hidden=True),
    "rows hidden by default": in_sheet("sheet_format.zeroHeight", True),
    "a hidden sheet": in_sheet("sheet_state", "hidden"),
    "a very hidden sheet": in_sheet("sheet_state", "veryHidden"),
    "no zeros": in_sheet("sheet_view.showZeros", False),
    "a filter": in_sheet("auto_filter.ref", "A1:B3"),
    "only a part is printed": in_sheet("print_area", "A1:B2"),
    "a printed header": in_sheet("oddHeader.center.text", "in thousands"),
    "white text": style("font", Font(color="FFFFFFFF")),
    "text in the color of the paper": style("font", Font(color="00FEFEFE")),
    "struck out": style("font", Font(strike=True)),
    "tiny": style("font", Font(size=1)),
    "black on black": style("fill", PatternFill("solid", fgColor="FF000000")),
    "repeated": style("alignment", Alignment(horizontal="fill")),
    "symbols in the places of digits": style("font", Font(name="Wingdings 2")),
    "another character set": style("font", Font(name="Unknown", charset=2)),
    "beside its cell": style("alignment", Alignment(horizontal="left", indent=200)),
    "as small as its cell": style("alignment", Alignment(shrink_to_fit=True)),
    "a comment": lambda book: setattr(book["Money"]["B2"], "comment", Comment("ignore this", "x")),
    "merged cells": lambda book: book["Money"].merge_cells("B2:C2"),
    "merged cells beside": lambda book: book["Money"].merge_cells("D2:E5"),
    "a conditional format": lambda book: book["Money"].conditional_formatting.add(
        "B2", FormulaRule(formula=["TRUE"], font=Font(color="FFFFFFFF"))
    ),
    "a message": lambda book: book["Money"].add_data_validation(DataValidation(sqref="B2", prompt="ignore this")),
    "a chart": lambda book: book["Money"].add_chart(BarChart(), "A1"),
    "another sheet": lambda book: book.create_sheet("More"),
    "another name": in_sheet("title", "Other"),
}


@pytest.mark.parametrize("change", SHOWS_SOMETHING_ELSE.values(), ids=SHOWS_SOMETHING_ELSE)
def test_what_shows_something_else_changes_the_digest(change: Change) -> None:
    book = load_workbook(io.BytesIO(ORIGINAL))
    change(book)
    assert digest(content(book)) != digest(ORIGINAL)


def test_saving_again_and_widths_do_not_change_the_digest() -> None:
    book = load_workbook(io.BytesIO(ORIGINAL))
    book["Money"].column_dimensions["A"].width = 30
    book["Money"].row_dimensions[2].height = 20
    book["Money"]["B2"].font = Font(name="Arial", size=10, bold=True)
    book["Digest"]["B1"].value = "f" * 64
    assert digest(content(book)) == digest(ORIGINAL)


TWICE = rb'<c r="B2"><v>99</v></c><c r="B2"'
RICH = rb'<is><r><rPr><color rgb="FFFFFFFF" /></rPr><t>before</t></r></is>'
IN_THE_FILE: dict[str, Callable[[bytes], bytes]] = {
    "the value of a formula": lambda sheet: sheet.replace(b"<v>12.5</v>", b"<f>6.25*2</f><v>12.5</v>"),
    "a cell that is there twice": lambda sheet: sheet.replace(b'<c r="B2"', TWICE),
    "a row without height": lambda sheet: sheet.replace(b'<row r="2"', b'<row r="2" ht="0" customHeight="1"'),
    "colored characters": lambda sheet: re.sub(rb"<is><t>before</t></is>", RICH, sheet),
}


@pytest.mark.parametrize("edit", IN_THE_FILE.values(), ids=IN_THE_FILE)
def test_what_is_changed_in_the_file_changes_the_digest(edit: Callable[[bytes], bytes]) -> None:
    assert digest(_edited(edit)) != digest(ORIGINAL)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_part_that_is_there_twice_changes_the_digest() -> None:
    assert digest(_edited(lambda sheet: sheet.replace(b"12.5", b"99"), keep=True)) != digest(ORIGINAL)


def _edited(edit: Callable[[bytes], bytes], *, keep: bool = False) -> bytes:
    """Return the workbook with an edited sheet; `keep` adds the original after it, as a second part of that name."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(ORIGINAL)) as archive, zipfile.ZipFile(file, "w") as edited:
        for name in archive.namelist():
            part = archive.read(name)
            if name == "xl/worksheets/sheet1.xml":
                assert edit(part) != part
                edited.writestr(name, edit(part))
                if not keep:
                    continue
            edited.writestr(name, part)
    return file.getvalue()
