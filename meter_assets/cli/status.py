"""The command `status`: the state of each selected tenant, as a table or as JSON.

Add here what only this command prints. The states are in `reports.overview`, the columns in `reports.overview_tables`.
"""

import json
from collections.abc import Sequence

import click

from meter_assets import settings
from meter_assets.cli.selection import NothingSelected, Selection, skipped_tenants
from meter_assets.cli.terminal import Terminal
from meter_assets.defs.tenant_overview import tenant_overviews
from meter_assets.migration.tenants import SkippedTenant
from meter_assets.reports import overview_tables as render
from meter_assets.reports.overview import TenantOverview
from meter_assets.runtime.instance import open_instance

NOTE = (
    "left: rows that the last preview would change or leave unresolved, or that the steps of a newer run left; differ: "
    "customers whose meters' balance is not that of the backup."
)


def show_status(selection: Selection, *, as_json: bool) -> int:
    """Print the selected tenants, the number of tenants in each state first. Return the exit status.

    It is 1 if a tenant is skipped because of its id. Raises NothingSelected, and what `BillingDatabase.tenants` raises.
    """
    database = settings.billing_database()
    database.remember()
    tenants, skipped = (
        database.tenants(database.tenant_keys(selection.named)),
        skipped_tenants(database, selection),
    )
    with open_instance() as instance:
        rows = {one.tenant: one for one in tenant_overviews(instance, database)}
    chosen = [rows[one.key] for one in tenants if selection.includes(rows[one.key])]
    if not chosen and not as_json:
        raise NothingSelected(f"No tenant is selected: of {len(tenants):,}, none matches {selection}.")
    if as_json:
        click.echo(_as_json(chosen, skipped))
        return int(bool(skipped))
    terminal = Terminal()
    terminal.print(render.counted(chosen))
    width = terminal.console.width
    terminal.grid(render.grid(chosen, width, note=NOTE if width >= render.NARROW else ""))
    terminal.skipped_tenants(skipped)
    return int(bool(skipped))


def _as_json(rows: Sequence[TenantOverview], skipped: Sequence[SkippedTenant]) -> str:
    found = {
        "counts": render.counts(rows),
        "tenants": [one.model_dump(mode="json") for one in rows],
        "skipped": [{"tenant": one.key, "name": one.name, "reason": one.reason} for one in skipped],
    }
    return json.dumps(found, indent=2)
