"""The command that evaluates the invariants. It writes nothing."""

import click

from meter_assets.cli.commands import options
from meter_assets.cli.ending import reports_errors
from meter_assets.cli.selection import Asks, Selection, tenant_options


@click.command("validate-meter-financial-data", short_help="Evaluate the invariants.")
@tenant_options(Asks.to_validate)
@options.stop
@click.option(
    "--check",
    "group",
    type=click.Choice(["values", "payments", "invoices", "backup", "balances", "all"]),
    default="all",
    show_default=True,
    help="Which invariants to evaluate.",
)
@reports_errors()
def validate_meter_financial_data(tenants: Selection, stop_on_failure: bool, group: str) -> int:
    """Evaluate the invariants on the current data. Writes nothing."""
    from meter_assets.cli.session import open_session
    from meter_assets.rules.invariants import Group

    with open_session(tenants, live=False, stop_on_failure=stop_on_failure) as session:
        return session.validate(None if group == "all" else Group(group))
