"""Reads the sheets of a workbook (xlsx) as rows of text: what a person sees in each cell, or why that is not clear.

Nothing here knows what the columns mean: that is in `file`. Add here what else a cell of a workbook may be.
"""

import io
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any
from zipfile import ZipFile

from meter_assets.errors import UnreadableDecisions
from meter_assets.foreign_text import quoted

_UNSEEN = re.compile(r"\[[^\]]*\]|[_*].")
"""What the format of a number has for its locale, its colour and its width."""
_PADDED = re.compile(r"(0+)(\.[0#?]*)?")
_PLAIN = re.compile(r"[#?][#?, ]*[0#?](\.[0#?]*)?|0?(\.[0#?]*)?E[+-]?0+")
"""Formats of numbers that show leading zeros, and that show all digits of a whole number and no others."""
_BEYOND_A_WORKBOOK = 10**15
"""A workbook keeps 15 digits of a number: of this one and larger ones, digits may have been lost."""
_MERGED = b"mergeCell "
_AT_ONCE = 1 << 20


@dataclass(frozen=True)
class NoText:
    """A cell that cannot be read as text, and why, as a clause."""

    problem: str


Cell = str | NoText


def sheets_of(path: str, content: bytes) -> dict[str, list[tuple[int, list[Cell]]]]:
    """Return the rows of each sheet, by its title, each with its line; without the empty rows at its start.

    Raises UnreadableDecisions for what is no workbook.
    """
    from openpyxl import load_workbook  # takes time to load, and is seldom needed

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about styles and extensions that it leaves out
            book = load_workbook(io.BytesIO(content), read_only=not _has_merged_cells(content))
            sheets = {one.title: _sheet_rows(one) for one in book.worksheets}
            book.close()
    except Exception as error:  # whatever a damaged file makes of the parsers of zip and XML
        raise UnreadableDecisions(path, f"it is no workbook of Excel ({type(error).__name__})") from None
    return sheets


def _has_merged_cells(content: bytes) -> bool:
    """Return whether a sheet has merged cells, which are known only of a workbook that is read as a whole."""
    with ZipFile(io.BytesIO(content)) as parts:
        for name in (one for one in parts.namelist() if one.startswith("xl/worksheets/")):
            with parts.open(name) as sheet:
                end = b""
                while part := sheet.read(_AT_ONCE):
                    if _MERGED in end + part:
                        return True
                    end = part[-len(_MERGED) :]
    return False


def _sheet_rows(sheet: Any) -> list[tuple[int, list[Cell]]]:
    """Return the rows of a sheet, without the empty ones at its start."""
    if hasattr(sheet, "reset_dimensions"):  # of one that is read row by row
        sheet.reset_dimensions()  # some programs write fewer rows there than the sheet has
    below = set(_below_a_value(sheet))
    found = [
        (
            at,
            [
                NoText("is merged with one above; enter a value in each row") if (at, number) in below else _cell(one)
                for number, one in enumerate(row, start=1)
            ],
        )
        for at, row in enumerate(sheet.iter_rows(), start=1)
    ]
    start = next((at for at, (_, cells) in enumerate(found) if any(cells)), len(found))
    return found[start:]


def _below_a_value(sheet: Any) -> Iterator[tuple[int, int]]:
    """Yield the row and column of each cell that is empty because it is merged with one of a row above it."""
    for merged in sheet.merged_cells.ranges if hasattr(sheet, "merged_cells") else ():
        if sheet.cell(merged.min_row, merged.min_col).value is not None:
            yield from (place for row in list(merged.rows)[1:] for place in row)


def _cell(cell: Any) -> Cell:
    """Return what a person sees in a cell of a workbook."""
    value = cell.value
    if value is None:
        return ""
    if cell.data_type == "f":
        return NoText("is a formula; enter its value")
    if cell.data_type == "e":
        return NoText(f"has the error {quoted(value)}")
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, int | float):
        return _number(value, cell.number_format)
    if isinstance(value, datetime) and value.time() == time():
        return value.date().isoformat()
    return str(value).strip()


def _number(value: int | float, shown_as: str) -> Cell:
    """Return a number of a workbook as text, with the leading zeros that its format shows."""
    if abs(value) >= _BEYOND_A_WORKBOOK:
        return NoText("is a number of more than 15 digits, of which a workbook does not keep all; enter it as text")
    text = str(int(value)) if value == int(value) else str(value)
    form = _UNSEEN.sub("", shown_as.partition(";")[0]).strip()
    if padded := _PADDED.fullmatch(form):
        return text.zfill(len(padded[1]))
    if form.lower() in ("", "general", "@") or _PLAIN.fullmatch(form):
        return text
    return NoText(f"is the number {text}, shown in the format {quoted(shown_as)}; enter as text what it shows")
