"""The command that rehearses the migration on a copy."""

from pathlib import Path

import click

from meter_assets import settings
from meter_assets.cli.commands import options
from meter_assets.cli.ending import reports_errors
from meter_assets.cli.selection import Asks, Selection, chosen_of_records, tenant_options


@click.command(short_help="Migrate a copy; forecast the time.")
@tenant_options(Asks.to_rehearse)
@click.option(
    "--dump",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Copy from this dump instead of the billing database: a dump of pg_dump, or a copy of a SQLite file.",
)
@click.option(
    "--into",
    metavar="URL",
    help="On a server: the database for the copy, which is created, or is empty, or of an earlier rehearsal.",
)
@options.fixed_batch_size
@click.option("--keep", is_flag=True, help="Keep the copy and its runs, and print where they are.")
@options.as_json
@reports_errors()
def rehearse(
    tenants: Selection, dump: Path | None, into: str | None, batch_size: int | None, keep: bool, as_json: bool
) -> int:
    """Migrate a copy of the billing tables, roll one tenant back, and forecast how long the real run takes.

    The billing database is only read. Names are masked in the copy, which is removed afterwards. The exit status is 1
    if a tenant would fail.
    """
    from meter_assets.cli.rehearsal import Options
    from meter_assets.cli.rehearsal import rehearse as run_rehearsal

    keys = tenants.named
    if tenants.restricts:  # their states are those of the billing database, whatever is copied
        keys = tuple(one.key for one in chosen_of_records(settings.billing_database(), tenants))
    return run_rehearsal(Options(keys, dump, into, batch_size, keep, as_json))
