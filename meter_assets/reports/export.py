"""Writes all rows of a change to files, where a report shows only the first rows; and the manifest of a plan.

Rows are streamed, and a file appears only when it is complete. Every cell passes through `spreadsheet_cell`, so that no
program reads a text of the database as a formula. Add other exports here; the forms of files are in
`migration.reviewed_plans.files`, and what a manifest contains in `migration.reviewed_plans.manifest`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Connection, CursorResult, FromClause, Integer, Select, func, select

from meter_assets.billing.change import Change
from meter_assets.billing.engine_types import PointInTime
from meter_assets.billing.policy import Policy
from meter_assets.billing.relations import BillingRelations
from meter_assets.errors import InvalidSettings
from meter_assets.foreign_text import shown
from meter_assets.formatting import plain_money
from meter_assets.migration.database import BillingDatabase, Tenant
from meter_assets.migration.person import this_person
from meter_assets.migration.reviewed_plans.files import CSV, ROWS_AT_A_TIME, write_rows
from meter_assets.migration.reviewed_plans.manifest import (
    Manifest,
    MoneyPlanned,
    StepPlanned,
    begin,
    hash_of_file,
    now_in_utc,
    policy_digest,
    write_manifest,
)
from meter_assets.migration.reviewed_plans.rows import as_journaled, digest_of
from meter_assets.migration.step_report import StepReport, as_listed, shown_columns, skipped_rows
from meter_assets.private_files import make_folder
from meter_assets.version import __version__

_SIDES = ("{}_before", "{}_after", "expected_{}", "found_{}")


NAMES = (
    ("customer_id", "customers", "name", "customer_name"),
    ("invoice_id", "invoices", "invoice_number", "invoice_number"),
    ("meter_id", "meters", "meter_number", "meter_number"),
)
"""What a person knows instead of an id: the column with the id, the table and column with the name, and its heading."""


def export_changed(
    connection: Connection, change: Change, relations: BillingRelations, folder: Path, name: str, form: str = CSV
) -> str:
    """Write every row that a change would change, before and after, to `<folder>/<name>.<form>`; return that name.

    `relations` are the tenant's rows before any change: numbers and names of customers, invoices and meters come from
    them. Raises InvalidSettings if the file cannot be written.
    """
    statement = changed_rows(change, relations)
    headings = [str(column.key) for column in statement.selected_columns]
    money, columns = _money_of(change), statement.selected_columns
    kinds = [Decimal if one.key in money else int if isinstance(one.type, Integer) else str for one in columns]
    with streamed(connection, statement) as found:
        if form == CSV:
            cells: Iterable[Sequence[Any]] = (_values(row, headings, change) for row in found.mappings())
        else:
            cells = ([row[heading] for heading in headings] for row in found.mappings())
        return _write(folder, name, headings, cells, form, kinds)


def changed_rows(change: Change, relations: BillingRelations) -> Select[Any]:
    """Return the SELECT of every row that a change would change, in the order of the ids, with money in exact form.

    Its columns are tenant_id, id, what a person knows of the row, each column before and after, the rule, and the
    decision that is carried out, but not its time, whose text depends on the time zone of the session. `relations` are
    the tenant's rows before any change.
    """
    changed = change.rows.subquery(change.name)
    shown_ones = (one for one in shown_columns(change, changed) if not isinstance(one.type, PointInTime))
    place, *columns = (one for one in shown_ones if one.key != "id")
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
    money = _money_of(change)
    return {key: _as_money(value) if key in money else value for key, value in row.items()}


def _money_of(change: Change) -> set[str]:
    """Return the names of the columns of exported rows that are money."""
    return {side.format(name) for name in change.money_columns for side in _SIDES}


def _as_money(value: Any) -> Any:
    return plain_money(value) if isinstance(value, Decimal) and value.is_finite() else value


@contextmanager
def streamed(
    connection: Connection, statement: Select[Any], rows_at_a_time: int = ROWS_AT_A_TIME
) -> Iterator[CursorResult[Any]]:
    """Execute a statement whose rows are fetched some at a time, to be read to their end or given up."""
    options = {"stream_results": True, "yield_per": rows_at_a_time}
    with connection.execute(statement, execution_options=options) as found:
        yield found


def _write(
    folder: Path,
    name: str,
    headings: Sequence[str],
    rows: Iterable[Sequence[Any]],
    form: str = CSV,
    kinds: Sequence[type] = (),
) -> str:
    with _reported(folder):
        make_folder(folder)
        return write_rows(folder, name, form, headings, kinds, rows)


@contextmanager
def _reported(folder: Path) -> Iterator[None]:
    """Report an error of writing as a sentence."""
    try:
        yield
    except OSError as error:
        raise InvalidSettings(
            f"Cannot export to {folder}: {error.strerror}. Name a folder that can be written."
        ) from None


class PlanExport:
    """Writes the rows of each step of a tenant's dry run, and then the manifest that makes them a plan."""

    def __init__(self, folder: Path, form: str = CSV) -> None:
        """Take the folder of the tenant; a plan that is there is one no longer. Raises InvalidSettings."""
        self._folder, self._form = folder, form
        self._steps: list[StepPlanned] = []
        with _reported(folder):
            make_folder(folder)
            begin(folder)

    def add(
        self,
        connection: Connection,
        change: Change,
        before: BillingRelations,
        report: StepReport,
    ) -> None:
        """Write the rows of a step; `before` are the tenant's rows before any step. Raises InvalidSettings."""
        found = digest_of(connection, as_journaled(connection, change, before.schema))
        file = export_changed(connection, change, before, self._folder, change.name, self._form)
        money = {
            name: MoneyPlanned(before=plain_money(sums.before), after=plain_money(sums.after))
            for name, sums in report.sums.items()
        }
        with _reported(self._folder):
            hashed = hash_of_file(self._folder / file)
        self._steps.append(
            StepPlanned(
                step=change.name,
                rows=found.rows,
                digest=found.digest,
                rules={name: tally.rows for name, tally in report.rules.items()},
                money=money,
                file=file,
                sha256=hashed,
            )
        )

    def finish(
        self, database: BillingDatabase, tenant: Tenant, policy: Policy, newest_step_run: int, *, would_fail: bool
    ) -> None:
        """Write the manifest. Raises InvalidSettings."""
        values = policy.model_dump(mode="json")
        manifest = Manifest(
            tenant=tenant.key,
            tenant_name=shown(tenant.name),
            database=database.place,
            policy=values,
            policy_digest=policy_digest(values),
            mapping_digest=database.mapping.digest,
            software_version=__version__,
            created_at=now_in_utc(),
            created_by=this_person(),
            newest_step_run=newest_step_run,
            would_fail=would_fail,
            steps=self._steps,
        )
        with _reported(self._folder):
            write_manifest(self._folder, manifest)
