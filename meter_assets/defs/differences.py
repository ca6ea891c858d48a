"""Differences between old and new balances as metadata of assets.

Add here how pages show them. How they are found is in `reports.differences`.
"""

from dataclasses import replace
from typing import Any

from meter_assets.billing.policy import Policy
from meter_assets.defs import metadata
from meter_assets.errors import MeterAssetsError
from meter_assets.formatting import minor_units
from meter_assets.migration.database import BillingDatabase, Tenant
from meter_assets.migration.step_report import SHOWN_ROWS
from meter_assets.reports.differences import tables as render
from meter_assets.reports.differences.by_customer import TenantDifferences, tenant_differences
from meter_assets.reports.preview import EXAMINED
from meter_assets.reports.tables import Grid

BY_CAUSE = "differences_by_cause"


def difference_metadata(found: TenantDifferences) -> dict[str, Any]:
    """Return the causes of a tenant's differences and the customers that differ most, as tables."""
    entries: dict[str, Any] = dict(metadata.table(BY_CAUSE, render.by_cause(found)))
    entries["statements"] = metadata.statements(found.tenant)
    if found.largest:
        entries |= metadata.table("largest_differences", _amounts_first(render.largest(found)))
    if found.difference.is_finite():
        entries["difference_minor_units"] = minor_units(found.difference)
    return entries


def _amounts_first(grid: Grid) -> Grid:
    """Return the largest differences with the columns first that must fit: of whom, in one cell, and the amounts."""
    rows = tuple((f"{kind} {row_id}", *rest[1:-1], rest[0], rest[-1]) for kind, row_id, *rest in grid.rows)
    name, *amounts, causes = grid.headings[2:]
    return replace(grid, headings=("of", *amounts, name, causes), rows=rows)


def differences_now(database: BillingDatabase, tenant: Tenant, policy: Policy) -> dict[str, Any]:
    """Return the differences of a tenant whose balances have just been written; if they cannot be read, why not."""
    try:
        found = tenant_differences(database, tenant, policy, shown=SHOWN_ROWS, examined=EXAMINED)
    except MeterAssetsError as error:
        return {BY_CAUSE: metadata.text(f"They could not be read: {error}")}
    return difference_metadata(found)
