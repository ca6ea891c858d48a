"""What `meter-assets differences` prints: why meters owe something else than their customers owed.

Add here what only this command prints. The causes are found in `reports.differences`, their tables are in
`reports.differences.tables`.
"""

from typing import Any

from pydantic import BaseModel

from meter_assets import settings
from meter_assets.cli.csv_output import print_csv
from meter_assets.cli.forms import Form
from meter_assets.cli.json_output import print_json
from meter_assets.cli.selection import Selection, chosen_of_records, skipped_tenants
from meter_assets.cli.terminal import Terminal
from meter_assets.errors import UnknownRow
from meter_assets.foreign_text import named
from meter_assets.formatting import show_money
from meter_assets.migration.database import BillingDatabase, Tenant
from meter_assets.reports.differences import tables as render
from meter_assets.reports.differences.by_customer import TenantDifferences, tenant_differences
from meter_assets.reports.differences.causes import Cause
from meter_assets.reports.statements.explain import find_customer
from meter_assets.reports.tables import Grid

SHOWN = 20
"""How many customers of a tenant are printed in a table."""


class Differences(BaseModel):
    """The differences of the selected tenants; `skipped` says why a tenant is skipped because of its id."""

    tenants: list[TenantDifferences]
    skipped: list[str]


def show_differences(tenants: Selection, *, customer: str | None, by: str | None, form: Form) -> int:
    """Print the differences of the selected tenants by cause. Return the exit status.

    It is 1 if a tenant is skipped because of its id. With a `customer`, exactly one tenant must be selected. Raises
    UnknownRow, and what `BillingDatabase.tenants` raises.
    """
    database, policy = settings.billing_database(), settings.policy()
    database.remember()
    chosen = chosen_of_records(database, tenants, or_none=form is Form.json)
    terminal = Terminal(on_stderr=form is not Form.text)
    customer_id = None if customer is None else _customer_id(database, chosen, customer, by)
    limit = SHOWN if form is Form.text and customer_id is None else None
    found = []
    for tenant in chosen:
        with terminal.spinner(f"Tenant {tenant.key}"):
            one = tenant_differences(database, tenant, policy, customer_id=customer_id, shown=limit)
        found.append(one)
        if form is Form.text:
            _show(terminal, one)
    skipped = skipped_tenants(database, tenants)
    if form is Form.json:
        print_json(Differences(tenants=found, skipped=list(map(str, skipped))))
    elif form is Form.csv:
        print_csv(render.rows(found))
    else:
        if len(found) > 1:
            terminal.grid(_summary(found))
        terminal.skipped_tenants(skipped)
    return int(bool(skipped))


def _customer_id(database: BillingDatabase, chosen: list[Tenant], customer: str, by: str | None) -> Any:
    if len(chosen) != 1:
        raise UnknownRow(f"--customer needs one tenant, and {len(chosen):,} are selected. Add --tenant.")
    return find_customer(database, chosen[0], settings.policy(), customer, by)


def _show(terminal: Terminal, found: TenantDifferences) -> None:
    planned = ", as it would be after the migration" if found.planned else ""
    terminal.heading(f"Tenant {named(found.tenant, found.name)}{planned}")
    terminal.grid(render.by_cause(found))
    terminal.grid(render.largest(found))
    if found.differing > len(found.largest):
        terminal.print(
            f"The {len(found.largest)} largest of {found.differing:,} differences. --csv prints all of them."
        )


def _summary(found: list[TenantDifferences]) -> Grid:
    """Return the causes summed over all selected tenants."""
    rows = []
    for cause in Cause:
        parts = [part for one in found for part in one.by_cause if part.cause is cause]
        if parts:
            amount = sum((part.amount for part in parts), start=parts[0].amount * 0)
            rows.append((cause.value, amount, f"{sum(part.customers for part in parts):,}", cause.words))
    rows.sort(key=lambda row: -abs(row[1]))
    cells = tuple((name, show_money(amount), customers, words) for name, amount, customers, words in rows)
    headings = ("cause", "amount", "customers", "meaning")
    return Grid("All selected tenants together", headings, cells)
