"""Writes the payments that wait for a person to a CSV or xlsx file, in which the decisions are filled in.

The columns meter_id, decided_by and note are empty; `migration.decisions.file` reads them. Add here a further column
that helps to decide; its heading must not be one of those.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from meter_assets.errors import InvalidSettings
from meter_assets.foreign_text import spreadsheet_cell
from meter_assets.formatting import counted, plain_money
from meter_assets.migration.decisions.file import CSV, XLSX
from meter_assets.private_files import make_folder, write_bytes
from meter_assets.reports.review.waiting_payments import CandidateMeter, Review, ReviewItem
from meter_assets.reports.spreadsheets import MOST_DIGITS, fill_exactly, fill_money, id_in_csv

TO_FILL_IN = ("meter_id", "decided_by", "note")
HEADINGS = (
    "tenant_id",
    "payment_id",
    "amount",
    "paid_on",
    "status",
    "customer_id",
    "customer_name",
    "rule",
    "current_meter_id",
    "current_meter_number",
    "suggested_meter_id",
    "suggested_meter_number",
    "confidence",
    "reason",
    "candidate_meters",
    *TO_FILL_IN,
)
_IDS = frozenset(name for name in HEADINGS if name.endswith(("_id", "_number")))
_MOST_CANDIDATES = 20
_WIDE = {"customer_name": 24, "reason": 44, "candidate_meters": 60, "note": 32, "payment_id": 12, "decided_by": 16}
_USUAL_WIDTH = 14


def export_review(reviews: Sequence[Review], path: Path, *, replace: bool = False) -> int:
    """Write the payments of these tenants to a file, and return their number.

    The ending of the path, .csv or .xlsx, says what the file is. Raises InvalidSettings for another ending, for a file
    that has contents already, unless they may be replaced, and for a file that cannot be written.
    """
    builders = {CSV: _as_csv, XLSX: _as_xlsx}
    build = builders.get(path.suffix.lower())
    if build is None:
        raise InvalidSettings(f"Cannot export to {path}: the name of the file must end in .csv or .xlsx.")
    rows = [_cells(one) for each in reviews for one in each.items]
    try:
        if not replace and path.exists() and path.stat().st_size:
            raise InvalidSettings(
                f"The file {path} exists, and decisions may be filled in there. Name another file, or add --force to "
                "replace it."
            )
        make_folder(path.parent)
        write_bytes(path.parent, path.name, build(rows))
    except OSError as error:
        raise InvalidSettings(f"Cannot export to {path}: {error.strerror}. Name a file that can be written.") from None
    return len(rows)


def _cells(one: ReviewItem) -> list[Any]:
    """Return the cells of a payment: text that no program reads as a formula, and amounts."""
    suggested = one.suggestion
    values: list[Any] = [
        one.tenant,
        one.payment_id,
        one.amount,
        one.paid_on,
        one.status,
        one.customer_id,
        one.customer_name,
        one.rule,
        one.meter_id,
        one.meter_number,
        *(("", "", None, "") if suggested is None else _suggestion(one)),
        _candidates(one.candidates),
        *("" for _ in TO_FILL_IN),
    ]
    return [_plain(value) if isinstance(value, str) else value for value in values]


def _plain(text: str) -> str:
    """Return a text as a cell that no program reads as a formula, nor as a number if it begins with a sign."""
    cell = str(spreadsheet_cell(text))
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@")) else cell


def _suggestion(one: ReviewItem) -> Iterator[Any]:
    if one.suggestion is not None:
        yield one.suggestion.meter_id
        yield one.suggestion.meter_number
        yield one.suggestion.confidence
        yield one.suggestion.reason


def _candidates(found: Sequence[CandidateMeter]) -> str:
    more = len(found) - _MOST_CANDIDATES
    rest = [f"and {counted(more, 'other')}"] if more > 0 else []
    return "; ".join([*map(described, found[:_MOST_CANDIDATES]), *rest])


def described(one: CandidateMeter) -> str:
    """Return a candidate meter in words: its id, its number, its balance, its last activity."""
    parts = [f"{one.meter_id} ({one.meter_number})", f"balance {plain_money(one.balance)}"]
    parts.append(f"last activity {one.last_activity}" if one.last_activity else "no activity")
    return ", ".join(parts if one.is_active else [*parts, "no longer assigned"])


def _as_csv(rows: Iterable[Sequence[Any]]) -> bytes:
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(HEADINGS)
    writer.writerows([_in_csv(value, name) for value, name in zip(row, HEADINGS, strict=True)] for row in rows)
    return file.getvalue().encode("utf-8-sig")  # by whose mark Excel knows the encoding


def _in_csv(value: Any, name: str) -> str:
    if value is None:
        return ""
    if name == "amount":
        return plain_money(value)
    return id_in_csv(str(value)) if name in _IDS else str(value)


def _as_xlsx(rows: Iterable[Sequence[Any]]) -> bytes:
    from openpyxl import Workbook  # takes time to load, and is seldom needed
    from openpyxl.styles import Font, PatternFill
    from openpyxl.utils import get_column_letter

    book = Workbook()
    sheet = book.active
    sheet.title = "payments for review"
    sheet.append(HEADINGS)
    for row in rows:
        sheet.append([_in_xlsx(value) for value in row])
    sheet.freeze_panes = "C2"
    for at, name in enumerate(HEADINGS, start=1):
        heading = sheet.cell(1, at)
        heading.font = Font(bold=True)
        if name in TO_FILL_IN:
            heading.fill = PatternFill("solid", start_color="FFF2CC")
        sheet.column_dimensions[get_column_letter(at)].width = _WIDE.get(name, _USUAL_WIDTH)
        for (cell,) in sheet.iter_rows(min_row=2, min_col=at, max_col=at):
            if not isinstance(cell.value, Decimal):
                continue
            if name == "amount":
                fill_money(cell, cell.value, plain_money(cell.value))
            else:
                fill_exactly(cell, cell.value)
                cell.number_format = "0.0%"
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def _in_xlsx(value: Any) -> Any:
    """Return a value for a cell of a workbook: decimals stay exact, and short whole numbers are numbers."""
    if isinstance(value, str) and value.isdecimal() and str(int(value)) == value and len(value) <= MOST_DIGITS:
        return int(value)
    return value if isinstance(value, str | Decimal | date) or value is None else str(value)
