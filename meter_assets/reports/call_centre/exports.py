"""Exports of a tenant's customers, all from one snapshot: statements for a call centre, and what would be posted.

Add here a further export of customers' figures. The files with statements are written in `statement_files`; which
postings there are is decided in `postings`. Nothing is written to the billing database.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import select, union

from meter_assets.billing.policy import Policy
from meter_assets.errors import FilesExist, InvalidSettings
from meter_assets.migration.database import BillingDatabase, Tenant
from meter_assets.migration.snapshot import tried_again
from meter_assets.private_files import exists, make_folder
from meter_assets.reports.call_centre import postings
from meter_assets.reports.call_centre.figures import customers_of, figures
from meter_assets.reports.call_centre.postings import ControlTotals, Posting
from meter_assets.reports.call_centre.statement_files import (
    HTML,
    Export,
    Told,
    present_files,
    statements_name,
    write_csv,
    write_html,
)
from meter_assets.reports.csv_files import csv_file
from meter_assets.reports.differences.by_customer import customers_that_are_gone
from meter_assets.reports.differences.view import view_after_migration, view_as_it_is

Progress = Callable[[str, int, int], None]
"""Is called with what is being written, and how many customers of how many are done."""


@dataclass(frozen=True)
class Wanted:
    """Which files are wanted."""

    customer_ids: Sequence[Any] | None = None
    """The customers, by their ids; None for all of the tenant."""
    folder: Path | None = None
    """Where statements are written; None for none."""
    form: str = HTML
    adjustments: Path | None = None
    """The CSV file for what would be posted; None for none."""
    posted: Sequence[Path] = ()
    """Earlier such files that were posted: their customers are left out."""


@dataclass
class Exported:
    """What was written."""

    customers: int = 0
    planned: bool = False
    """Whether the new figures are those that a migration would lead to."""
    statements: list[Path] = field(default_factory=list)
    """The files with statements, the one to open first."""
    totals: ControlTotals | None = None
    """The control totals of the postings, if they were wanted."""


def refuse_existing_files(tenant: Tenant, wanted: Wanted) -> None:
    """Raise FilesExist if an export would replace files."""
    found = [] if wanted.folder is None else present_files(wanted.folder, tenant, wanted.form)
    if wanted.adjustments is not None and exists(wanted.adjustments):
        found.append(wanted.adjustments)
    if found:
        raise FilesExist([str(one) for one in found])


def require_separate_files(tenant: Tenant, wanted: Wanted) -> None:
    """Raise InvalidSettings if the file of adjustments is one that is read, or one with statements."""
    if wanted.adjustments is None:
        return
    path = wanted.adjustments.resolve()
    if path in [one.resolve() for one in wanted.posted]:
        raise InvalidSettings(
            f"--adjustments and --posted name the same file, {wanted.adjustments}: it says what was posted, and would "
            "be replaced. Name another file with --adjustments."
        )
    if wanted.folder is not None and path == (wanted.folder / statements_name(tenant, wanted.form)).resolve():
        raise InvalidSettings(
            f"{wanted.adjustments} is the file of the statements. Name another file with --adjustments."
        )


@tried_again
def export_customers(
    database: BillingDatabase, tenant: Tenant, policy: Policy, wanted: Wanted, progress: Progress
) -> Exported:
    """Write the files that are wanted of a tenant; files with the same names are replaced.

    Raises UnknownRow for a deleted customer, InvalidSettings if a file cannot be written, and what
    `BillingDatabase.read` raises.
    """
    with database.read(policy) as snapshot:
        view = view_as_it_is(snapshot, tenant) or view_after_migration(snapshot, tenant)
        ids = customers_of(view) if wanted.customer_ids is None else wanted.customer_ids
        export = Export(snapshot, view, tenant, ids)
        done = Exported(len(ids), view.planned)
        if wanted.folder is not None:
            done.statements = _write_statements(export, wanted.folder, wanted.form, progress)
        if wanted.adjustments is not None:
            done.totals = _write_adjustments(export, wanted, wanted.adjustments, progress)
        return done


def _write_statements(export: Export, folder: Path, form: str, progress: Progress) -> list[Path]:
    write = write_html if form == HTML else write_csv
    try:
        make_folder(folder)
        names = write(export, folder, _counting(export, "statements", progress))
    except OSError as error:
        raise _not_written(folder, error) from None
    return [folder / name for name in names]


def _write_adjustments(export: Export, wanted: Wanted, path: Path, progress: Progress) -> ControlTotals:
    """Write what would be posted; of all customers also that of those who no longer exist."""
    totals, told, done = ControlTotals(), _counting(export, "adjustments", progress), 0
    posted = _posted(export, wanted.posted)

    def add(one: Posting) -> None:
        if not postings.cells_of(one.customer_id).isdisjoint(posted):
            totals.already_posted += 1
            return
        totals.add(one)
        write(postings.row(export.tenant.key, one))

    try:
        make_folder(path.parent)
        with csv_file(path.parent, path.name, postings.COLUMNS) as write:
            for some in figures(export.view, export.customer_ids):
                for one in postings.postings(some):
                    add(one)
                done += len(some)
                told(done)
            for why in customers_that_are_gone(export.view) if wanted.customer_ids is None else ():
                if (gone := postings.posting_of_gone_customer(why)) is not None:
                    add(gone)
    except OSError as error:
        raise _not_written(path, error) from None
    return totals


def _posted(export: Export, files: Sequence[Path]) -> set[str]:
    """Return the cells of the posted customers of earlier files. Raises InvalidSettings for one that nobody knows."""
    if not files:
        return set()
    customer, kept = export.view.stored.rows["customers"], export.view.relations.backup
    every = union(select(customer.c.id), select(kept.c.customer_id))
    known = {cell for one in export.view.connection.scalars(every) for cell in postings.cells_of(str(one))}
    found: set[str] = set()
    for path in files:
        of_file = postings.posted_customers(path, export.tenant.key)
        postings.require_customers(path, of_file, known, export.tenant.key)
        found |= of_file
    return found


def _counting(export: Export, what: str, progress: Progress) -> Told:
    return lambda count: progress(what, count, len(export.customer_ids))


def _not_written(path: Path, error: OSError) -> InvalidSettings:
    return InvalidSettings(f"Cannot export to {path}: {error.strerror}. Name a folder that can be written.")
