"""The files with the rows of a plan: CSV, or Parquet if pyarrow is installed.

Rows are written and read one after the other, so that a large tenant needs little memory. Add a form of file here, as a
function that writes it and one that reads it. Which rows are in a file is decided by `reports.export`.
"""

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any

from meter_assets.errors import InvalidSettings, PlanUnusable
from meter_assets.foreign_text import shown, spreadsheet_cell
from meter_assets.formatting import plain_money
from meter_assets.private_files import written, written_by_path

CSV, PARQUET = "csv", "parquet"
FORMATS = (CSV, PARQUET)
ROWS_AT_A_TIME = 5_000
_NO_ROWS = "{} has no rows in the form of a plan: {}. Make the plan again with --dry-run --export."
_DAMAGED = (OSError, ValueError, TypeError, ArithmeticError, LookupError, RuntimeError, MemoryError, csv.Error)
"""What reading a file raises that is not one of rows: pyarrow has an error of its own of most of these kinds."""
_MONEY = (38, 10)
"""The digits of money in Parquet, and its decimals."""


def require_format(form: str) -> None:
    """Raise InvalidSettings if files of this form cannot be written here."""
    if form not in FORMATS:
        raise InvalidSettings(f"There is no format {form!r} of exported files; expected one of {', '.join(FORMATS)}.")
    if form == PARQUET:
        _pyarrow()


def write_rows(
    folder: Path, name: str, form: str, headings: Sequence[str], kinds: Sequence[type], rows: Iterable[Sequence[Any]]
) -> str:
    """Write rows to `<folder>/<name>.<form>`, which appears when it is complete. Returns the name of the file.

    `kinds` are the types of the columns in Parquet: int, Decimal for money, or str. Raises OSError, and InvalidSettings
    for a value that Parquet cannot have.
    """
    file_name = f"{name}.{form}"
    (_write_csv if form == CSV else _write_parquet)(folder, file_name, headings, kinds, rows)
    return file_name


def _write_csv(
    folder: Path, name: str, headings: Sequence[str], kinds: Sequence[type], rows: Iterable[Sequence[Any]]
) -> None:
    with written(folder, name, newline="") as file:
        writer = csv.writer(file)
        writer.writerow(map(spreadsheet_cell, headings))
        writer.writerows(map(spreadsheet_cell, row) for row in rows)


def _write_parquet(
    folder: Path, name: str, headings: Sequence[str], kinds: Sequence[type], rows: Iterable[Sequence[Any]]
) -> None:
    arrow, parquet = _pyarrow()
    types = {int: arrow.int64(), Decimal: arrow.decimal128(*_MONEY), str: arrow.string()}
    schema = arrow.schema([(heading, types[kind]) for heading, kind in zip(headings, kinds, strict=True)])
    converted = [_CONVERTED[kind] for kind in kinds]
    left = iter(rows)
    with written_by_path(folder, name) as path, parquet.ParquetWriter(path, schema) as writer:
        while part := list(islice(left, ROWS_AT_A_TIME)):
            columns = zip(*part, strict=True)
            try:
                arrays = [
                    arrow.array([None if one is None else to(one) for one in column], type=one_type.type)
                    for column, to, one_type in zip(columns, converted, schema, strict=True)
                ]
            except (arrow.ArrowException, ValueError, OverflowError, TypeError) as error:
                raise InvalidSettings(f"{name} cannot have a value of these rows: {error}. Export to CSV.") from None
            writer.write_batch(arrow.record_batch(arrays, schema=schema))


_CONVERTED: Mapping[type, Callable[[Any], Any]] = {int: int, Decimal: lambda one: one, str: str}


def planned_rows(path: Path) -> Iterator[dict[str, str]]:
    """Yield the rows of a file, each with its cells as text, by heading.

    Raises PlanUnusable for a file that is not one of rows, InvalidSettings where Parquet cannot be read.
    """
    try:
        yield from _read_parquet(path) if path.suffix == f".{PARQUET}" else _read_csv(path)
    except _DAMAGED as error:
        raise PlanUnusable(_NO_ROWS.format(path, shown(str(error)).rstrip("."))) from None


def _read_csv(path: Path) -> Iterator[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        rows = csv.reader(file)
        headings = _checked(path, next(rows, ["id"]))
        for row in rows:
            if len(row) != len(headings):
                raise PlanUnusable(_NO_ROWS.format(path, "a row has more or fewer cells than headings"))
            yield dict(zip(headings, row, strict=True))


def _read_parquet(path: Path) -> Iterator[dict[str, str]]:
    _, parquet = _pyarrow()
    with parquet.ParquetFile(path) as file:
        headings = _checked(path, file.schema_arrow.names)
        for batch in file.iter_batches(ROWS_AT_A_TIME):
            for row in batch.to_pylist():
                yield {name: _in_text(row[name]) for name in headings}


def _checked(path: Path, headings: Sequence[str]) -> Sequence[str]:
    """Return the headings of a file; of two columns with one name, a reviewer and a program may read another one."""
    if "id" not in headings or len(set(headings)) < len(headings):
        raise PlanUnusable(_NO_ROWS.format(path, "it has no column id, or two columns of one name"))
    return headings


def _in_text(value: Any) -> str:
    """Return a value as the text that it is in CSV; only money is a Decimal."""
    if isinstance(value, Decimal):
        return plain_money(value)
    return "" if value is None else str(spreadsheet_cell(value))


def _pyarrow() -> tuple[Any, Any]:
    try:
        return import_module("pyarrow"), import_module("pyarrow.parquet")  # optional: most need no Parquet
    except ImportError:
        raise InvalidSettings(
            "Parquet needs the package pyarrow, which is not installed: 'pip install pyarrow', or leave "
            "--export-format out for CSV."
        ) from None
