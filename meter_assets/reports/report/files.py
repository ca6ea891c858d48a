"""Writes a report as a page for the browser or as a workbook, and finds whether such a file was changed since.

A file contains its own SHA-256 digest, computed with 64 zeros in the places of the digest. Of a page, all bytes count;
of a workbook, what it shows (`workbook_digest`), so that it may be saved again. Add here a further form of
the report; its tables are in `tables`.
"""

import hashlib
import io
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from meter_assets.errors import FilesExist, InvalidSettings, NotAReport
from meter_assets.foreign_text import spreadsheet_cell, without_apostrophe
from meter_assets.formatting import show_time
from meter_assets.private_files import exists, make_folder, require_writable, write_bytes
from meter_assets.reports.pages import report_page
from meter_assets.reports.report.contents import Report
from meter_assets.reports.report.tables import NO_DIGEST, Cell, Table, cell_text, conclusion, summary, tables
from meter_assets.reports.report.workbook_digest import DIGEST, DIGEST_SHEET, ZEROS, digest_of, read_workbook
from meter_assets.reports.spreadsheets import fill_money

if TYPE_CHECKING:
    from openpyxl import Workbook

HTML, XLSX = ".html", ".xlsx"
_PLACES = re.compile(rb'(<meta name="meter-assets-digest" content="|<code id="meter-assets-digest">)([0-9a-f]{64})')
_FACTS = re.compile(rb'<script type="application/json" id="meter-assets-report">(.*?)</script>', re.DOTALL)
_DATABASE = "database"
_WIDEST = 60
_SIGNS = frozenset("+-=")
"""Cells of one sign, which no program reads as a formula."""


@dataclass(frozen=True)
class ReadReport:
    """What a file with a report says, and whether it is as it was written."""

    digest: str
    """The digest that its contents have."""
    unchanged: bool
    database: str
    tenants: dict[str, str | None]
    """By tenant's key, the newest digest of the chain of its records; None if nothing was recorded."""
    hidden: tuple[str, ...] = ()
    """What in a workbook hides, covers or replaces cells, each in words."""


def require_writable_path(path: Path, *, replace: bool) -> None:
    """Raise InvalidSettings for another ending or a place that cannot be written, and FilesExist for a file there."""
    if path.suffix.lower() not in (HTML, XLSX):
        raise InvalidSettings(f"Cannot write a report to {path}: the name of the file must end in .html or .xlsx.")
    if exists(path) and not replace:
        raise FilesExist([str(path)])
    try:
        require_writable(path.parent, path.name)
    except OSError as error:
        raise _not_written(path, error) from None


def write_report(report: Report, path: Path) -> str:
    """Write a report to a file, whose ending says what it is, and return its digest.

    The file appears when it is complete. Raises InvalidSettings if it cannot be written.
    """
    build = _as_page if path.suffix.lower() == HTML else _as_workbook
    content, digest = build(report)
    try:
        make_folder(path.parent)
        write_bytes(path.parent, path.name, content)
    except OSError as error:
        raise _not_written(path, error) from None
    return digest


def _not_written(path: Path, error: OSError) -> InvalidSettings:
    return InvalidSettings(f"Cannot write {path}: {error.strerror}. Name a file that can be written.")


def read_report(path: Path) -> ReadReport:
    """Return what a file with a report says. Raises NotAReport for another file, or one that cannot be read."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise NotAReport(str(path), error.strerror or "it cannot be read") from None
    read: Callable[[bytes], ReadReport | None] = _read_workbook if content.startswith(b"PK") else _read_page
    found = read(content)
    if found is None:
        raise NotAReport(str(path), "it has no digest and no tenants of a report")
    return found


def _as_page(report: Report) -> tuple[bytes, str]:
    facts = {
        "format": 1,
        "database": report.database,
        "tenants": [{"tenant": one.tenant, "digest": one.verification.digest} for one in report.tenants],
    }
    content = report_page(report, facts, ZEROS).encode()
    digest = hashlib.sha256(content).hexdigest()
    return _PLACES.sub(lambda found: found[1] + digest.encode(), content), digest


def _read_page(content: bytes) -> ReadReport | None:
    places, facts = _PLACES.findall(content), _FACTS.search(content)
    if not places or facts is None:
        return None
    zeroed = _PLACES.sub(lambda found: found[1] + ZEROS.encode(), content)
    digest = hashlib.sha256(zeroed).hexdigest()
    try:
        said = json.loads(facts[1])
        tenants = {str(one["tenant"]): one["digest"] for one in said["tenants"]}
        database = str(said["database"])
    except (ValueError, KeyError, TypeError):
        tenants, database = {}, ""
    unchanged = {found.decode() for _, found in places} == {digest}
    return ReadReport(digest, unchanged, database, tenants)


def _as_workbook(report: Report) -> tuple[bytes, str]:
    from openpyxl import Workbook  # takes time to load

    book = Workbook()
    book.remove(book.active)
    for table in _sheets(report):
        _add_sheet(book, table)
    facts: tuple[tuple[Cell, ...], ...] = (
        (_DATABASE, report.database),
        ("generated at", show_time(report.generated_at)),
        ("generated by", report.generated_by),
        ("meter-assets", report.software_version),
        (DIGEST, ZEROS),
    )
    note = "The digest is of all cells, with 64 zeros in its place: meter-assets report --verify FILE"
    signature: tuple[tuple[Cell, ...], ...] = (
        ("", ""),
        ("name", "_" * 40),
        ("date", "_" * 40),
        ("signature", "_" * 40),
    )
    _add_sheet(book, Table(DIGEST_SHEET, "Digest", ("what", "value"), (*facts, *signature), note))
    digest = digest_of(*read_workbook(_saved(book)))
    for row in book[DIGEST_SHEET].iter_rows():
        if row[0].value == DIGEST:
            row[1].value = digest
    return _saved(book), digest


def _read_workbook(content: bytes) -> ReadReport | None:
    try:
        return _of_workbook(*read_workbook(content))
    except Exception:  # whatever a damaged file, or another archive, makes of the parsers of zip and XML
        return None


def _of_workbook(book: "Workbook", hidden: Sequence[str]) -> ReadReport:
    said = {row[0]: row[1] for row in book[DIGEST_SHEET].iter_rows(max_col=2, values_only=True)}
    headings, *rows = book["Summary"].iter_rows(values_only=True)
    key, newest = headings.index("tenant"), headings.index("newest digest")
    tenants = {
        without_apostrophe(str(row[key])): None if row[newest] == NO_DIGEST else str(row[newest])
        for row in rows
        if row[newest]
    }
    digest = digest_of(book, hidden)
    return ReadReport(digest, said[DIGEST] == digest, str(said[_DATABASE]), tenants, tuple(hidden))


def _sheets(report: Report) -> Iterator[Table]:
    """Yield the tables of the summary, and then each table of all tenants, with the tenant in the first column."""
    yield summary(report)
    said = tuple((one.tenant, sentence) for one in report.tenants for sentence in conclusion(one))
    yield Table("Conclusions", "Conclusions", ("tenant", "conclusion"), said)
    of_each = [(one.tenant, tables(one)) for one in report.tenants]
    for at, first in enumerate(of_each[0][1] if of_each else ()):
        rows = [(key, *row) for key, found in of_each for row in found[at].rows]
        notes = [(key, found[at].note) for key, found in of_each if found[at].note and not found[at].rows]
        yield Table(first.name, first.title, ("tenant", *first.headings), (*rows, *notes))


def _add_sheet(book: "Workbook", table: Table) -> None:
    from openpyxl.styles import Font
    from openpyxl.utils import get_column_letter

    sheet = book.create_sheet(table.name)
    for at, rows in enumerate((table.headings, *table.rows, *([("",), (table.note,)] if table.note else ())), start=1):
        for column, value in enumerate(rows, start=1):
            _fill(sheet.cell(at, column), value)
    for cell in sheet[1]:
        cell.font = Font(bold=True)
    sheet.freeze_panes = "A2"
    for column, heading in enumerate(table.headings):
        texts = [heading, *(cell_text(row[column]) for row in table.rows if column < len(row))]
        sheet.column_dimensions[get_column_letter(column + 1)].width = min(max(map(len, texts)) + 2, _WIDEST)


def _fill(cell: Any, value: Cell) -> None:
    """Fill a cell: text that no program reads as a formula, and numbers by their exact digits."""
    if isinstance(value, Decimal):
        fill_money(cell, value, cell_text(value), whole="#,##0")
    elif isinstance(value, int):
        cell.value = value
        cell.number_format = "#,##0"
    else:
        cell.value = value if value in _SIGNS else spreadsheet_cell(value) or None


def _saved(book: "Workbook") -> bytes:
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()
