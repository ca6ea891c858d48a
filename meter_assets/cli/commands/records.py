"""The commands that show what is recorded: the history of runs, and the state of each tenant."""

import click

from meter_assets import settings
from meter_assets.cli.commands import options
from meter_assets.cli.ending import reports_errors
from meter_assets.cli.selection import Asks, Selection, chosen_of_records, skipped_tenants, tenant_options


@click.command(short_help="List the recorded runs.")
@tenant_options(Asks.to_look)
@click.option(
    "--limit", type=click.IntRange(min=1), default=20, show_default=True, help="Show so many of the newest runs."
)
@click.option("--steps", is_flag=True, help="Show each step of the runs.")
@options.as_json
@reports_errors()
def history(tenants: Selection, limit: int, steps: bool, as_json: bool) -> int:
    """List the runs that the billing database has recorded, newest first.

    The exit status is 1 if somebody else has changed the records, or if a tenant is skipped because of its id.
    """
    from meter_assets.cli.history import history_of, progress_of, show_runs, show_steps
    from meter_assets.cli.json_output import print_json
    from meter_assets.cli.terminal import Terminal
    from meter_assets.migration.run_history import altered_records, recorded_runs

    database, terminal = settings.billing_database(), Terminal()
    chosen = chosen_of_records(database, tenants, or_none=as_json)
    names = {tenant.key: tenant.name for tenant in chosen}
    runs, older = recorded_runs(database, chosen, limit)
    altered, skipped = altered_records(database, chosen), skipped_tenants(database, tenants)
    progress = progress_of(runs)
    if as_json:
        print_json(history_of(runs, names, older, progress, list(map(str, altered)), list(map(str, skipped))))
        return int(bool(altered or skipped))
    (show_steps if steps else show_runs)(terminal, runs, names, older, progress)
    for one in altered:
        terminal.evidence(str(one), style="red")
    terminal.skipped_tenants(skipped)
    return int(bool(altered or skipped))


@click.command(short_help="List the tenants with their states.")
@tenant_options(Asks.to_look)
@options.as_json
@reports_errors()
def status(tenants: Selection, as_json: bool) -> int:
    """List the tenants with their states: migrated, blocked and by which check, drifted, not begun, and so on.

    The first line counts the tenants in each state. A narrow terminal shows fewer columns. The exit status is 1 if a
    tenant is skipped because of its id.
    """
    from meter_assets.cli.status import show_status

    return show_status(tenants, as_json=as_json)


@click.command(short_help="Verify that no record, journal or backup was changed.")
@tenant_options(Asks.to_look)
@click.option(
    "--expect",
    "expected",
    multiple=True,
    metavar="TENANT=DIGEST",
    help="A digest that was kept: the tenant's chain must contain it. May be repeated.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@reports_errors()
def verify(tenants: Selection, expected: tuple[str, ...], as_json: bool) -> int:
    """Verify the records of all step runs, their chain, every journal, and the backup.

    Prints the newest digest of each tenant. Keep it elsewhere: a later verification with --expect then detects also
    that the newest step runs were deleted. The exit status is 1 if anything is not as it was recorded.
    """
    from meter_assets.cli.verification import show_verification

    return show_verification(tenants, expected=expected, as_json=as_json)
