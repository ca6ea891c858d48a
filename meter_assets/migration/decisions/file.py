"""Reads decisions from a CSV or xlsx file: rows of text with their lines, whatever program has written the file.

Nothing here knows the database: whether the rows are valid is decided in `importing`. Files to fill in are written in
`reports.review.file`; what a cell of a workbook says is in `workbook`. Add here a further form of files, or a further
name of a column.
"""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from meter_assets.errors import InvalidDecisions, UnreadableDecisions
from meter_assets.foreign_text import quoted, without_apostrophe
from meter_assets.migration.decisions.workbook import Cell, NoText, sheets_of

XLSX, CSV = ".xlsx", ".csv"
KEEP = "keep"
"""In the place of a meter: the payment stays as it is."""
WITHDRAW = "withdraw"
"""In the place of a meter: the payment is undecided again."""
MOST_BYTES = 50_000_000
"""The largest file that is read; a row of an export has a few hundred bytes."""
_NAMES = {
    "tenant": ("tenant_id",),
    "payment": ("payment_id", "payment"),
    "meter_id": ("meter_id",),
    "meter_number": ("meter_number",),
    "meter": ("meter",),
    "decided_by": ("decided_by",),
    "note": ("note",),
}
"""The columns that are read, each with its names in the first row of a file."""
_METERS = ("meter_id", "meter_number", "meter")
_IDS = ("tenant", "payment", *_METERS)
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_NAMED_SEPARATOR = re.compile(r'"?sep=([,;\t])"?\s*', re.IGNORECASE)
"""A first line that tells Excel how a CSV file is separated."""
_SEPARATORS = ",;\t"


@dataclass(frozen=True)
class GivenDecision:
    """One row of a file that decides something, as text; an empty text where the file has no value."""

    line: int
    payment: str
    tenant: str = ""
    meter_id: str = ""
    meter_number: str = ""
    meter: str = ""
    """An id or a number of a meter."""
    decided_by: str = ""
    note: str = ""

    @property
    def keeps(self) -> bool:
        """Whether the payment stays as it is."""
        return self.named == [] or [one.lower() for one in self.named] == [KEEP]

    @property
    def withdraws(self) -> bool:
        """Whether the earlier decisions about the payment are withdrawn, so that it is undecided again."""
        return [one.lower() for one in self.named] == [WITHDRAW]

    @property
    def named(self) -> list[str]:
        """What the row names as the meter, in whichever columns."""
        return [one for one in (self.meter_id, self.meter_number, self.meter) if one]


@dataclass(frozen=True)
class DecisionFile:
    """The decisions of a file, and how many other rows it has, which decide nothing."""

    path: str
    decisions: tuple[GivenDecision, ...]
    undecided: int


def read_decisions(path: Path) -> DecisionFile:
    """Read a file of decisions.

    A row decides something if it names a meter, or has somebody in the column decided_by. Raises UnreadableDecisions,
    and InvalidDecisions for a file without the necessary columns or with cells that have no clear value.
    """
    rows = _rows(path)
    try:
        first, headings = next(rows, (1, []))
        columns, problems = _columns(headings)
        if problems:
            raise InvalidDecisions(str(path), [f"line {first}: {one}" for one in problems])
        found = [_decision(line, cells, columns) for line, cells in rows if any(cells)]
    except csv.Error as error:
        raise UnreadableDecisions(str(path), f"it is not CSV: {error}") from None
    if unclear := [f"line {one.line}: {one.problem}" for one in found if isinstance(one, _Unclear)]:
        raise InvalidDecisions(str(path), unclear)
    decided = tuple(one for one in found if isinstance(one, GivenDecision) and (one.named or one.decided_by))
    return DecisionFile(str(path), decided, len(found) - len(decided))


@dataclass(frozen=True)
class _Unclear:
    """A row with a cell that has no clear value."""

    line: int
    problem: str


def _decision(line: int, cells: Sequence[Cell], columns: dict[str, int]) -> GivenDecision | _Unclear:
    values = {name: cells[at] for name, at in columns.items() if at < len(cells)}
    for name, cell in values.items():
        if isinstance(cell, NoText):
            return _Unclear(line, f"the cell in the column {name} {cell.problem}")
    texts = {name: without_apostrophe(cell) for name, cell in values.items() if isinstance(cell, str)}
    for name in _IDS:
        texts[name] = _without_apostrophe_of_digits(texts.get(name, ""))
    return GivenDecision(line, **texts)


def _without_apostrophe_of_digits(text: str) -> str:
    """Return an id or a number without an apostrophe that only keeps a spreadsheet from changing its digits."""
    return text[1:] if text.startswith("'") and text[1:2].isdigit() else text


def _columns(headings: Sequence[Cell]) -> tuple[dict[str, int], list[str]]:
    """Return the places of the known columns, and what is wrong with the first row."""
    places: dict[str, list[int]] = {name: [] for name in _NAMES}
    for at, heading in enumerate(headings):
        name = _name_of(heading)
        if name is not None:
            places[name].append(at)
    problems = [f"there are {len(found)} columns {name}" for name, found in places.items() if len(found) > 1]
    if not places["payment"]:
        problems.append("there is no column payment_id")
    if not any(places[name] for name in _METERS):
        problems.append("there is no column meter_id (nor meter_number, nor meter)")
    return {name: found[0] for name, found in places.items() if found}, problems


def _name_of(heading: Cell) -> str | None:
    """Return which of the columns that are read a heading names."""
    if not isinstance(heading, str):
        return None
    text = "_".join(heading.lower().replace("_", " ").split())
    return next((name for name, known in _NAMES.items() if text in known), None)


def _rows(path: Path) -> Iterator[tuple[int, list[Cell]]]:
    """Yield the rows of a file, each with the line where it starts. Raises UnreadableDecisions."""
    readers = {CSV: _csv_rows, XLSX: _xlsx_rows}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise UnreadableDecisions(str(path), "its name ends neither in .csv nor in .xlsx")
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise UnreadableDecisions(str(path), str(error.strerror)) from None
    if len(content) > MOST_BYTES:
        raise UnreadableDecisions(str(path), f"it has more than {MOST_BYTES:,} bytes; import it in parts")
    return reader(str(path), content)


def _csv_rows(path: str, content: bytes) -> Iterator[tuple[int, list[Cell]]]:
    encoding = "utf-16" if content.startswith(_UTF_16) else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UnreadableDecisions(path, f"line {line} is not text in UTF-8; save the file as CSV UTF-8") from None
    if "\0" in text:
        raise UnreadableDecisions(path, "it has characters that no text has (NUL); save the file as CSV UTF-8")
    return _split(text)


def _split(text: str) -> Iterator[tuple[int, list[Cell]]]:
    lines = io.StringIO(text, newline=None)
    first = next((one for one in lines if one.strip(f'{_SEPARATORS} "\n')), "")
    named = _NAMED_SEPARATOR.fullmatch(first)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=named[1] if named else _separator(first), strict=True)
    line, to_skip, width = 1, 1 if named else 0, 0
    for row in reader:
        cells = [cell.strip() for cell in row]
        if any(cells) and to_skip:
            to_skip = 0
        elif any(cells):
            width = width or len(cells)
            yield line, _in_columns(cells, width)
        line = reader.line_num + 1


def _in_columns(cells: Sequence[str], width: int) -> list[Cell]:
    """Return the cells of a row of CSV; without a clear value if they do not fit the first row's `width` cells."""
    if any(cells[width:]):
        why = "the row has more cells than the first row; put a cell that has a separator into quotation marks"
    elif len(cells) == 1 < width and any(one in cells[0] for one in _SEPARATORS):
        why = "the row is not separated as the first row is"
    else:
        return [*cells]
    return [NoText(f"may be another one: {why}")] * width


def _separator(first: str) -> str:
    """Return the separator by which a first row names the most of the columns that are read, or has the most cells."""

    def found(separator: str) -> tuple[int, int]:
        cells = next(csv.reader([first], delimiter=separator), [])
        return sum(_name_of(cell) is not None for cell in cells), len(cells)

    return max(_SEPARATORS, key=found)


def _xlsx_rows(path: str, content: bytes) -> Iterator[tuple[int, list[Cell]]]:
    sheets = sheets_of(path, content)
    with_payments = [
        name for name, rows in sheets.items() if rows and any(_name_of(one) == "payment" for one in rows[0][1])
    ]
    if len(with_payments) > 1:
        named = " and ".join(map(quoted, with_payments))
        raise UnreadableDecisions(path, f"the sheets {named} each have a column payment_id; keep one of them")
    return iter(next((sheets[name] for name in with_payments), next(iter(sheets.values()), [])))
