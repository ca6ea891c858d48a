"""The digest of what a workbook shows: its cells, the formats of their numbers, and whatever hides or covers a cell.

A program that saves the workbook again does not change the digest. Add here a further way to show something else than
the cells contain: a workbook that we write has none, so that each one that is found is a part of the digest. What a
report's workbook contains is in `files`.
"""

import hashlib
import io
import json
import re
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from openpyxl import Workbook
    from openpyxl.cell import Cell
    from openpyxl.worksheet.worksheet import Worksheet

ZEROS = "0" * 64
DIGEST_SHEET, DIGEST = "Digest", "digest of this file"
"""The sheet and the first cell of the row that has the digest."""
_COVERING = re.compile(
    r"/(drawings|charts|media|chartsheets|dialogsheets|macrosheets|embeddings|externalLinks|tables|pivot\w*|ctrlProps"
    r"|activeX|slicers|threadedComments|comments)|vbaProject",
    re.IGNORECASE,
)
"""The parts of a workbook that lie over cells, or compute them."""
_SHEET = re.compile(r"xl/worksheets/[^/]+\.xml", re.IGNORECASE)
_PLACE_OF_CELL = re.compile(rb"""\br=["']([A-Za-z]{1,3}[0-9]+)["']""")
_TEXT_FORMATS = frozenset({"General", "@"})
_PLAIN_ALIGNMENTS = frozenset({None, "general", "left", "center", "right"})
_SYMBOLS = 2
"""The character set of fonts that have symbols in the places of digits and letters."""
_SYMBOL_FONTS = re.compile(r"dings|symbol|marlett|bookshelf|mt extra|barcode|code ?(39|128)", re.IGNORECASE)
_SMALLEST_POINTS, _SMALLEST_WIDTH = 6, 1
_BRIGHTEST = 0x90
"""A brighter color is not read on white paper; the brightest that is read is 0xff."""
_THEME_DARK, _INDEXED_DARK = 1, (0, 8, 64)


def read_workbook(content: bytes) -> tuple["Workbook", list[str]]:
    """Return a workbook, and what in it hides, covers or replaces cells, each in words.

    Raises whatever the parsers of zip and XML raise for a damaged file.
    """
    from openpyxl import load_workbook

    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        found = [*_of_archive(archive)]
    book = load_workbook(io.BytesIO(content), rich_text=True)
    return book, [*found, *(one for sheet in book for one in _of_sheet(sheet))]


def digest_of(book: "Workbook", hidden: Sequence[str]) -> str:
    """Return the digest of all cells, with zeros in the place of the digest itself, and of what hides cells."""
    sheets: dict[str, list[Any]] = {}
    for name in book.sheetnames:
        rows = [_without_empty_end([_canonical(cell) for cell in row]) for row in book[name].iter_rows()]
        sheets[name] = _without_empty_end(rows)
    for row in sheets.get(DIGEST_SHEET, []):
        if row[:1] == [DIGEST]:
            row[1:2] = [ZEROS]
    if hidden:
        sheets["hidden"] = [*hidden]
    text = json.dumps(sheets, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _canonical(cell: Any) -> Any:
    """Return the value of a cell as JSON: of a number its digits and its format, which decides what is seen."""
    value = cell.value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return [f"{Decimal(repr(value)).normalize():f}", cell.number_format]
    return value.isoformat() if isinstance(value, date) else value if value is None else str(value)


def _without_empty_end(found: Sequence[Any]) -> list[Any]:
    """Return values without the empty ones at the end, which programs add and remove when they save a workbook."""
    last = max((at for at, one in enumerate(found, start=1) if one not in (None, [])), default=0)
    return list(found[:last])


def _of_archive(archive: zipfile.ZipFile) -> Iterator[str]:
    """Yield what lies over cells, and what one program may read in another way than the next."""
    names = Counter(one.lower() for one in archive.namelist())
    yield from (f"the part {name} is there {count} times" for name, count in names.items() if count > 1)
    yield from (f"the part {name} was added" for name in names if _COVERING.search(name))
    for name in filter(_SHEET.fullmatch, archive.namelist()):
        places = Counter(_PLACE_OF_CELL.findall(archive.read(name)))
        twice = [place.decode() for place, count in places.items() if count > 1]
        yield from (f"the cell {place} of {name} is there twice" for place in twice)


def _of_sheet(sheet: "Worksheet") -> Iterator[str]:
    where = f"sheet {sheet.title}"
    for what, is_so in {
        "is hidden": sheet.sheet_state != "visible",
        "has merged cells": bool(sheet.merged_cells.ranges),
        "has conditional formats": bool(len(sheet.conditional_formatting)),
        "has messages for cells": bool(sheet.data_validations.dataValidation),
        "does not show zeros": sheet.sheet_view.showZeros is False,
        "shows formulas": bool(sheet.sheet_view.showFormulas),
        "has a filter": bool(sheet.auto_filter.ref),
        "prints only a part": bool(sheet.print_area),
        "prints a header or a footer": _has_header(sheet),
        "hides its rows": bool(sheet.sheet_format.zeroHeight),
    }.items():
        if is_so:
            yield f"{where} {what}"
    for number, row in sheet.row_dimensions.items():
        if row.hidden or (row.height is not None and row.height < _SMALLEST_POINTS):
            yield f"{where} hides row {number}"
    for letter, column in sheet.column_dimensions.items():
        if column.hidden or column.width < _SMALLEST_WIDTH:
            yield f"{where} hides column {letter}"
    for row_of_cells in sheet.iter_rows():
        yield from (f"{where} does not show cell {one.coordinate} as it is" for one in row_of_cells if _is_hidden(one))


def _has_header(sheet: "Worksheet") -> bool:
    every = (sheet.oddHeader, sheet.oddFooter, sheet.evenHeader, sheet.evenFooter, sheet.firstHeader, sheet.firstFooter)
    return any(part.text for one in every for part in (one.left, one.center, one.right))


def _is_hidden(cell: "Cell") -> bool:
    """Return whether a cell with a value is not read as it is: by its format, color, size or place."""
    if cell.value is None:
        return False
    font = cell.font
    return (
        (isinstance(cell.value, (str, date)) and cell.number_format not in _TEXT_FORMATS)
        or type(cell.value).__name__ == "CellRichText"
        or bool(font.strike)
        or font.charset == _SYMBOLS
        or _SYMBOL_FONTS.search(font.name or "") is not None
        or (font.size is not None and font.size < _SMALLEST_POINTS)
        or not _is_dark(font.color)
        or cell.fill.fill_type is not None
        or cell.alignment.horizontal not in _PLAIN_ALIGNMENTS
        or bool(cell.alignment.indent or cell.alignment.shrink_to_fit)
    )


def _is_dark(color: Any) -> bool:
    """Return whether text of a color is read on white paper; no color is black."""
    if color is None or color.type == "auto":
        return True
    if color.type == "theme":
        return bool(color.theme == _THEME_DARK and not color.tint)
    if color.type == "indexed":
        return color.indexed in _INDEXED_DARK
    return max(bytes.fromhex(color.rgb)[1:]) <= _BRIGHTEST
