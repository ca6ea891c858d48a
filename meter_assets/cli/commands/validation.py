"""The commands that evaluate the invariants and show how to look at what they find. They write nothing."""

from difflib import get_close_matches

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
@options.as_json
@reports_errors()
def validate_meter_financial_data(tenants: Selection, stop_on_failure: bool, group: str, as_json: bool) -> int:
    """Evaluate the invariants on the current data. Writes nothing."""
    from meter_assets.cli.invocation import Invocation
    from meter_assets.cli.session import open_session
    from meter_assets.rules.invariants import Group

    given = Invocation.current()
    with open_session(
        tenants, live=False, stop_on_failure=stop_on_failure, invocation=given, as_json=as_json
    ) as session:
        return session.validate(None if group == "all" else Group(group))


@click.command(short_help="Print the SQL that lists the rows of a check.")
@click.argument("check")
@click.option("--tenant", required=True, metavar="TENANT", help="The tenant, by its id or its exact name.")
@options.as_json
@reports_errors()
def check_sql(check: str, tenant: str, as_json: bool) -> int:
    """Print the SQL that lists the rows of one tenant that violate a CHECK.

    It is the statement of the check's page, in the words of the billing database, for its client program. The page
    says which columns and policies it expects. Writes nothing.
    """
    from meter_assets.cli.check_sql import show_check_sql
    from meter_assets.rules.invariants import INVARIANTS

    if check not in (names := [one.name for one in INVARIANTS]):
        near = " or ".join(get_close_matches(check, names))
        raise click.BadParameter(
            f"{check!r} is no check." + (f" Did you mean {near}?" if near else ""), param_hint="CHECK"
        )
    return show_check_sql(check, tenant, as_json=as_json)
