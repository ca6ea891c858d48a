"""What `meter-assets statements` prints: which files were written, and the control totals of the postings.

Add here what only this command prints. The files are written in `reports.call_centre.exports`.
"""

import time
from collections.abc import Sequence
from pathlib import Path

import click

from meter_assets import settings
from meter_assets.cli.terminal import Terminal
from meter_assets.foreign_text import named
from meter_assets.formatting import counted, show_money
from meter_assets.reports.call_centre.exports import (
    Exported,
    Wanted,
    export_customers,
    refuse_existing_files,
    require_separate_files,
)
from meter_assets.reports.call_centre.postings import ControlTotals
from meter_assets.reports.statements.explain import find_customer

SECONDS_BETWEEN_LINES = 5.0
"""A line of progress is printed this often at most."""


def export_statements(
    tenant_key: str,
    customers: Sequence[str],
    *,
    by: str | None,
    folder: Path | None,
    form: str,
    adjustments: Path | None,
    posted: Sequence[Path],
    force: bool,
) -> int:
    """Write the files, and print what was written. Return the exit status.

    Raises FilesExist without `force`, UnknownTenant, UnknownRow, UnknownPolicy and InvalidSettings.
    """
    database, policy = settings.billing_database(), settings.policy()
    database.remember()
    (tenant,) = database.tenants(database.tenant_keys([tenant_key]))
    ids = [find_customer(database, tenant, policy, one, by) for one in customers]
    wanted = Wanted(list(dict.fromkeys(ids)) if customers else None, folder, form, adjustments, posted)
    require_separate_files(tenant, wanted)
    if not force:
        refuse_existing_files(tenant, wanted)
    terminal = Terminal()
    done = export_customers(database, tenant, policy, wanted, _Progress())
    planned = ", as it would be after the migration" if done.planned else ""
    terminal.heading(f"Tenant {named(tenant.key, tenant.name)}{planned}")
    _show(terminal, done, adjustments)
    return 0


class _Progress:
    """Prints how far an export is, to standard error."""

    def __init__(self) -> None:
        """Start to wait for the first line."""
        self._last = time.monotonic()

    def __call__(self, what: str, done: int, total: int) -> None:
        """Print a line unless one was printed a moment ago."""
        now = time.monotonic()
        if now - self._last >= SECONDS_BETWEEN_LINES:
            self._last = now
            click.echo(f"{what}: {done:,} of {counted(total, 'customer')}", err=True)


def _show(terminal: Terminal, done: Exported, adjustments: Path | None) -> None:
    if done.statements:
        first, *others = done.statements
        more = f" and {counted(len(others), 'page')}" if others else ""
        terminal.print(f"Statements of {counted(done.customers, 'customer')}: {first}{more}.")
    if done.totals is not None:
        _show_totals(terminal, done.totals, adjustments)
    terminal.print("Nothing was written to the billing database.")


def _show_totals(terminal: Terminal, found: ControlTotals, path: Path | None) -> None:
    """Print the control totals: those who post the file compare them with what they have posted."""
    terminal.print(
        f"Adjustments: {counted(found.postings, 'posting')} in {path}: debits {show_money(found.debits)}, credits "
        f"{show_money(found.credits)}, together {show_money(found.debits - found.credits)}."
    )
    if found.not_postable:
        terminal.print(
            f"{counted(found.not_postable, 'row')} of the file cannot be posted (together "
            f"{show_money(found.not_postable_sum)}): the column not_postable says why."
        )
    if since := found.customers_with_business_since:
        terminal.print(f"Business since the backup stays, and is left out: of {counted(since, 'customer')}.")
    if found.already_posted:
        terminal.print(f"Left out: {counted(found.already_posted, 'customer')} whose row was posted.")
    if found.postings:
        terminal.print(
            "Post each row once. When a later file is written, name this one and all earlier ones with --posted."
        )
