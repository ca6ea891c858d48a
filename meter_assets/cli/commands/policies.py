"""The command that compares policies. Add here further commands that help to choose policies."""

import click

from meter_assets.cli.ending import reports_errors
from meter_assets.cli.selection import Asks, Selection, tenant_options


@click.command(short_help="Rank policies by the old balances.")
@tenant_options(Asks.to_look)
@click.option(
    "--policy",
    "named",
    multiple=True,
    metavar="NAME=VALUE",
    help="A value to compare; may be repeated, also with the same name: all combinations are compared. A list is "
    "separated by commas. Default: all values of the policies that move money, and every status that is found, counted "
    "or not.",
)
@click.option(
    "--between",
    nargs=2,
    type=int,
    metavar="A B",
    help="Show who owes something else under two policies, named by their numbers in the ranking. Default: the first "
    "and the configured one.",
)
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON: all policies, all customers.")
@reports_errors()
def compare_policies(tenants: Selection, named: tuple[str, ...], between: tuple[int, int] | None, as_json: bool) -> int:
    """Rank policies by how many customers' old balances they reproduce, and show who would owe what instead.

    The old balance is that of the backup or, without one, that of the customer. The new balance is what the customer's
    meters would owe after a migration under the policy. All tenants together make one ranking. It writes nothing.
    """
    from meter_assets.cli.compare_policies import show_policies

    return show_policies(tenants, named, between, as_json=as_json)
