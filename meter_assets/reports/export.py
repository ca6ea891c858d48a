"""Writes all rows of a change to CSV files, where a report shows only the first rows.

Rows are streamed, and a file appears only when it is complete. Every cell passes through `spreadsheet_cell`, so that no
program reads a text of the database as a formula. Add other exports here; the modes of files are in `private_files`.
"""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Connection, FromClause, RowMapping, Select, func, select

from meter_assets.billing.change import Change
from meter_assets.billing.relations import BillingRelations
from meter_assets.errors import InvalidSettings
from meter_assets.foreign_text import spreadsheet_cell
from meter_assets.formatting import plain_money
from meter_assets.migration.step_report import as_listed, shown_columns, skipped_rows
from meter_assets.private_files import make_folder, written

ROWS_AT_A_TIME = 5_000
_SIDES = ("{}_before", "{}_after", "expected_{}", "found_{}")


NAMES = (
    ("customer_id", "customers", "name", "customer_name"),
    ("invoice_id", "invoices", "invoice_number", "invoice_number"),
    ("meter_id", "meters", "meter_number", "meter_number"),
)
"""What a person knows instead of an id: the column with the id, the table and column with the name, and its heading."""


def export_changed(
    connection: Connection, change: Change, relations: BillingRelations, folder: Path, name: str
) -> None:
    """Write every row that a change would change, before and after, to `<folder>/<name>.csv`.

    `relations` are the tenant's rows before any change: numbers and names of customers, invoices and meters come from
    them. Raises InvalidSettings if the file cannot be written.
    """
    changed = change.rows.subquery(change.name)
    place, *columns = (one for one in shown_columns(change, changed) if one.key != "id")
    rows, names = _recognized(changed, change, relations)
    wanted = [place, changed.c.id, *names, *columns]
    headings = [str(column.key) for column in wanted]
    with _streamed(connection, select(*wanted).select_from(rows).order_by(changed.c.id)) as found:
        _write(folder, name, headings, (_values(row, headings, change) for row in found))


def export_skipped(
    connection: Connection, change: Change, relations: BillingRelations, folder: Path, name: str
) -> None:
    """Write every row that undoing a change would skip, with expected and found values. Otherwise `export_changed`."""
    if change.skipped is None:
        return
    skipped = skipped_rows(change.skipped, change.money_columns).order_by(None).subquery("skipped_rows")
    rows, names = _recognized(skipped, change, relations)
    statement = select(*skipped.c, *names).select_from(rows).order_by(skipped.c.id)
    first, *others = change.skipped.selected_columns.keys()
    headings = [first, *(str(one.key) for one in names), *others]
    with _streamed(connection, statement) as found:
        _write(
            folder, name, headings, (_values(as_listed(_with_money(row, change)), headings, change) for row in found)
        )


def _recognized(
    rows: FromClause, change: Change, relations: BillingRelations
) -> tuple[FromClause, list[ColumnElement[Any]]]:
    """Return the rows of a change joined with what a person knows of them, and these columns."""
    row = relations.rows[change.table].alias("exported_row")
    joined = rows.outerjoin(row, row.c.id == rows.c.id)
    columns: list[ColumnElement[Any]] = []
    for key, table, column, heading in NAMES:
        if table == change.table:
            columns.append(row.c[column].label(heading))
        elif key in row.c:
            named = relations.rows[table].alias(f"named_{table}")
            row_id = _written_id(rows, key) if key in change.columns else row.c[key]
            joined = joined.outerjoin(named, named.c.id == row_id)
            columns += [] if key in change.columns else [row.c[key].label(key)]
            columns.append(named.c[column].label(heading))
    return joined, columns


def _written_id(rows: FromClause, key: str) -> ColumnElement[Any]:
    """Return an id that a change writes: the new one, or the old one if the new one is null."""
    sides = (f"{key}_after", f"{key}_before") if f"{key}_after" in rows.c else (f"expected_{key}", f"found_{key}")
    return func.coalesce(*(rows.c[side] for side in sides))


def _values(row: Mapping[Any, Any], headings: Sequence[str], change: Change) -> list[Any]:
    found = _with_money(row, change)
    return [found[heading] for heading in headings]


def _with_money(row: Mapping[Any, Any], change: Change) -> dict[str, Any]:
    """Return a row with its money as text in one form: 0.00 for every zero. A value that is null stays empty."""
    money = {side.format(name) for name in change.money_columns for side in _SIDES}
    return {key: _as_money(value) if key in money else value for key, value in row.items()}


def _as_money(value: Any) -> Any:
    return plain_money(value) if isinstance(value, Decimal) and value.is_finite() else value


@contextmanager
def _streamed(connection: Connection, statement: Select[Any]) -> Iterator[Iterable[RowMapping]]:
    options = {"stream_results": True, "yield_per": ROWS_AT_A_TIME}
    with connection.execute(statement, execution_options=options) as found:  # read to its end, or given up
        yield found.mappings()


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
