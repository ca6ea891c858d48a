"""The commands around a migration: Dagster's instance and UI, the rights of roles, and the demo."""

from pathlib import Path

import click

from meter_assets import settings
from meter_assets.cli.commands import options
from meter_assets.cli.ending import reports_errors


@click.command(short_help="Write Dagster's instance file.")
@click.argument("folder", type=click.Path(path_type=Path), required=False)
@click.option("--force", is_flag=True, help="Replace a dagster.yaml that is there; a copy is kept beside it.")
@reports_errors()
def init(folder: Path | None, force: bool) -> int:
    """Write dagster.yaml, which configures Dagster for meter-assets, into FOLDER.

    Default: the folder that DAGSTER_HOME names, or the current folder. Runs that are stored there stay. Without this
    file, Dagster limits no runs and ignores METER_ASSETS_DAGSTER_POSTGRES_URL, so that commands and the definitions
    refuse such a folder.
    """
    from meter_assets.runtime.own_instance import initialize

    done = initialize(folder, force=force)
    if done.replaced is not None:
        click.echo(f"Kept the former file as {done.replaced}.")
    click.echo(
        f"Wrote {done.path}." if done.is_new else f"{done.path} is already for meter-assets. Nothing was written."
    )
    return 0


@click.command(short_help="Serve the Dagster UI.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", type=click.IntRange(1, 65535), help="The port to listen on.  [default: 3000, or a free port]")
@click.option("--read-only", is_flag=True, help="For viewers: nothing can be launched or changed, and no daemon runs.")
@reports_errors()
def ui(host: str, port: int | None, read_only: bool) -> int:
    """Serve the Dagster UI and run its daemon until Ctrl-C.

    Pages of other sites cannot launch anything. The UI has no password: everybody who can reach it can migrate. The
    deployment guide has the configuration of a proxy for access from other machines.
    """
    from meter_assets.runtime.web_server import serve

    try:
        serve(host, port, read_only=read_only)
    except KeyboardInterrupt:  # this process executes no run
        click.echo("Interrupted.", err=True)
    return 0


@click.command(short_help="Check whether a database can be migrated.")
@options.as_json
@click.option("--suggest", is_flag=True, help="Print a mapping for the database instead, as a draft of a TOML file.")
@reports_errors()
def check_database(as_json: bool, suggest: bool) -> int:
    """Check whether the billing database can be migrated, under the mapping and the policy of METER_ASSETS_CONFIG.

    It shows which table and column each of ours is, what a migration writes, how each status and bill type is treated,
    and everything that prevents a migration or must be known, with the statement or setting that changes it. It writes
    nothing. The exit status is 1 if there is an error.

    With --suggest, it prints which tables and columns of the database may be ours, by their names, keys and types: save
    it as a file, correct it, and name it in METER_ASSETS_CONFIG.
    """
    from meter_assets.cli.database_check import show_database_check, show_suggestion

    if suggest and as_json:
        raise click.UsageError("--suggest prints a TOML file, which --json cannot change. Name one of them.")
    if suggest:
        return show_suggestion()
    return show_database_check(as_json=as_json)


@click.command(short_help="Print SQL for a role of PostgreSQL.")
@click.argument("purpose", type=click.Choice(["preview", "migrate", "monitor", "rollback"]))
@click.argument("role")
@reports_errors()
def grants(purpose: str, role: str) -> int:
    """Print the SQL that allows a PostgreSQL ROLE to preview, migrate, monitor or roll back, and nothing else.

    The role must exist. The owner of the billing tables must run the SQL. It also creates the tables of meter-assets,
    so that no role needs the right to create tables.
    """
    click.echo(settings.billing_database().grants(purpose, role), nl=False)
    return 0


@click.command(short_help="Create and migrate a demo database.")
@click.option("--tenants", default=5, show_default=True, type=click.IntRange(5, 1000), help="How many tenants.")
@click.option(
    "--customers",
    default=40,
    show_default=True,
    type=click.IntRange(10, 1_000_000),
    help="How many customers per tenant.",
)
@click.option(
    "--months", default=12, show_default=True, type=click.IntRange(3, 240), help="How many months of invoices."
)
@click.option("--seed", default=1, show_default=True, help="The same seed creates the same database.")
@click.option("--fresh", is_flag=True, help="Delete the demo database if it exists, and create it again.")
@options.yes
@reports_errors(writes=True)
def demo(tenants: int, customers: int, months: int, seed: int, fresh: bool, yes: bool) -> int:
    """Create a demo billing database, preview and migrate it, and suggest what to examine.

    It asks before it deletes a demo database, and before it writes to a database that METER_ASSETS_DATABASE_URL names.
    """
    from meter_assets.cli.tour import tour
    from meter_assets.demo.generator import DemoSize

    return tour(DemoSize(tenants=tenants, customers=customers, months=months), seed, fresh=fresh, yes=yes)
