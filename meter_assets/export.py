"""Rows as CSV files: all of them, streamed, where a report shows the first. A file appears whole or not at all."""

import csv
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, select

from meter_assets.changes import Change
from meter_assets.errors import InvalidSettings
from meter_assets.report import as_listed, left_alone_rows, shown_columns

ROWS_AT_A_TIME = 5_000


def export_changed(connection: Connection, change: Change, target: Path) -> None:
    """Write every row that a change would change, before and after. Raises InvalidSettings where that cannot be."""
    changed = change.rows.subquery(change.name)
    columns = shown_columns(change, changed)
    rows = _streamed(connection, select(*columns).order_by(changed.c.id))
    _write(target, [str(column.key) for column in columns], (row.values() for row in rows))


def export_left_alone(connection: Connection, change: Change, target: Path) -> None:
    """Write every row that undoing a change would leave alone, expected and found. Raises as `export_changed` does."""
    if change.left_alone is None:
        return
    rows = map(as_listed, _streamed(connection, left_alone_rows(change.left_alone, change.money_columns)))
    _write(target, change.left_alone.selected_columns.keys(), (row.values() for row in rows))


def _streamed(connection: Connection, statement: Select[Any]) -> Iterable[RowMapping]:
    options = {"stream_results": True, "yield_per": ROWS_AT_A_TIME}
    return connection.execute(statement, execution_options=options).mappings()


def _write(target: Path, headings: Sequence[str], rows: Iterable[Iterable[Any]]) -> None:
    partial = target.with_suffix(".csv.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(headings)
            writer.writerows(rows)
        os.replace(partial, target)
    except OSError as error:
        raise InvalidSettings(
            f"Cannot export to {target.parent}: {error.strerror}. Name a folder that can be written."
        ) from None
