"""The command `status`: the state of each selected tenant, as a table or as JSON.

Add here what only this command prints. The states are in `reports.overview`, the columns in `reports.overview_tables`.
"""

from pydantic import BaseModel

from meter_assets import settings
from meter_assets.cli.json_output import Skipped, print_json, skipped_tenant
from meter_assets.cli.selection import NothingSelected, Selection, skipped_tenants
from meter_assets.cli.terminal import Terminal
from meter_assets.defs.tenant_overview import tenant_overviews
from meter_assets.reports import overview_tables as render
from meter_assets.reports.overview import State, TenantOverview
from meter_assets.runtime.instance import open_instance

NOTE = (
    "left: rows that the last preview would change or leave unresolved, or that the steps of a newer run left; differ: "
    "customers whose meters' balance is not that of the backup."
)


class Status(BaseModel):
    """The states of the selected tenants: how many are in each state, and what is known of each."""

    counts: dict[State, int]
    tenants: list[TenantOverview]
    skipped: list[Skipped]


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
        print_json(Status(counts=render.counts(chosen), tenants=chosen, skipped=list(map(skipped_tenant, skipped))))
        return int(bool(skipped))
    terminal = Terminal()
    terminal.print(render.counted(chosen))
    width = terminal.console.width
    terminal.grid(render.grid(chosen, width, note=NOTE if width >= render.NARROW else ""))
    terminal.skipped_tenants(skipped)
    return int(bool(skipped))
