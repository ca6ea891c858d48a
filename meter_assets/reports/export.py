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

from sqlalchemy import ColumnElement, Connection, CursorResult, FromClause, Select, func, select

from meter_assets.billing.change import Change
from meter_assets.billing.relations import BillingRelations
from meter_assets.errors import InvalidSettings
from meter_assets.foreign_text import spreadsheet_cell
from meter_assets.formatting import MINOR_UNIT_DIGITS
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
    statement = changed_rows(change, relations)
    headings = [str(column.key) for column in statement.selected_columns]
    with streamed(connection, statement) as found:
        _write(folder, name, headings, (_values(row, headings, change) for row in found.mappings()))


def changed_rows(change: Change, relations: BillingRelations) -> Select[Any]:
    """Return the SELECT of every row that a change would change, in the order of the ids, with money in exact form.

    Its columns are tenant_id, id, what a person knows of the row, each column before and after, and the rule.
    `relations` are the tenant's rows before any change.
    """
    changed = change.rows.subquery(change.name)
    place, *columns = (one for one in shown_columns(change, changed) if one.key != "id")
    rows, names = _recognized(changed, change, relations)
    return select(place, changed.c.id, *names, *columns).select_from(rows).order_by(changed.c.id)


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
    with streamed(connection, statement) as found:
        rows_found = (as_listed(_with_money(row, change)) for row in found.mappings())
        _write(folder, name, headings, (_values(row, headings, change) for row in rows_found))


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
    if not isinstance(value, Decimal) or not value.is_finite():
        return value
    decimals = max(MINOR_UNIT_DIGITS, -int(value.normalize().as_tuple().exponent))
    return f"{value + 0:.{decimals}f}"  # the sum has no negative zero


@contextmanager
def streamed(
    connection: Connection, statement: Select[Any], rows_at_a_time: int = ROWS_AT_A_TIME
) -> Iterator[CursorResult[Any]]:
    """Execute a statement whose rows are fetched some at a time, to be read to their end or given up."""
    options = {"stream_results": True, "yield_per": rows_at_a_time}
    with connection.execute(statement, execution_options=options) as found:
        yield found


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
