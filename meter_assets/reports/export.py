"""Writes all rows of a change to CSV files, where a report shows only the first rows.

Rows are streamed, and a file appears only when it is complete. Every cell passes through `spreadsheet_cell`, so that no
program reads a text of the database as a formula. Add other exports here; the modes of files are in `private_files`.
"""

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, select

from meter_assets.billing.change import Change
from meter_assets.errors import InvalidSettings
from meter_assets.foreign_text import spreadsheet_cell
from meter_assets.migration.step_report import as_listed, shown_columns, skipped_rows
from meter_assets.private_files import make_folder, written

ROWS_AT_A_TIME = 5_000


def export_changed(connection: Connection, change: Change, folder: Path, name: str) -> None:
    """Write every row that a change would change, before and after, to `<folder>/<name>.csv`.

    Raises InvalidSettings if the file cannot be written.
    """
    changed = change.rows.subquery(change.name)
    columns = shown_columns(change, changed)
    rows = _streamed(connection, select(*columns).order_by(changed.c.id))
    _write(folder, name, [str(column.key) for column in columns], (row.values() for row in rows))


def export_skipped(connection: Connection, change: Change, folder: Path, name: str) -> None:
    """Write every row that undoing a change would skip, with expected and found values. Raises as `export_changed`."""
    if change.skipped is None:
        return
    rows = map(as_listed, _streamed(connection, skipped_rows(change.skipped, change.money_columns)))
    _write(folder, name, change.skipped.selected_columns.keys(), (row.values() for row in rows))


def _streamed(connection: Connection, statement: Select[Any]) -> Iterable[RowMapping]:
    options = {"stream_results": True, "yield_per": ROWS_AT_A_TIME}
    return connection.execute(statement, execution_options=options).mappings()


def _write(folder: Path, name: str, headings: Iterable[str], rows: Iterable[Iterable[Any]]) -> None:
    try:
        make_folder(folder)
        with written(folder, f"{name}.csv", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(map(spreadsheet_cell, headings))
            writer.writerows(map(spreadsheet_cell, row) for row in rows)
    except OSError as error:
        raise InvalidSettings(
            f"Cannot export to {folder}: {error.strerror}. Name a folder that can be written."
        ) from None
