"""The commands of `meter-assets`: a thin layer over the jobs of one Dagster instance. No SQL.

Add a command here; what it does belongs in `session`, what it shows in `terminal`.
Exit status: 0 all went well, 1 a step or a validation failed, 2 wrong usage or configuration.
"""

import sys
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import ParamSpec

import click
from dotenv import load_dotenv

from meter_assets import settings
from meter_assets.errors import InvalidSettings, MeterAssetsError
from meter_assets.version import __version__

P = ParamSpec("P")

# What takes long to import (Dagster, above all) is imported by the commands that run something, so that --help and
# wrong usage answer at once.


def _failures_in_a_sentence(command: Callable[P, int]) -> Callable[P, None]:
    """Let a command end with its exit status, and with one sentence instead of a traceback."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            status = command(*args, **kwargs)
        except MeterAssetsError as error:
            click.echo(f"Error: {error}", err=True)
            status = error.exit_status
        except KeyboardInterrupt:
            click.echo(
                "Interrupted. The step under way was rolled back, or its last batch; finished steps and batches stay. "
                "The same command resumes.",
                err=True,
            )
            status = 1
        sys.exit(status)

    return run


_tenants = click.option("--tenant", "tenants", multiple=True, metavar="ID", help="A tenant; all where none is named.")
_dry_run = click.option("--dry-run", is_flag=True, help="Show what would change; write nothing.")
_batch_size = click.option(
    "--batch-size",
    type=click.IntRange(min=1),
    metavar="ROWS",
    help="Write so many rows per transaction (try 10000), so that others who write the same rows never wait long.",
)
_stop = click.option("--stop-on-failure", is_flag=True, help="Do not go on to other tenants after one has failed.")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="meter-assets")
def main() -> None:
    """Move a utility-billing database from balances per customer to balances per meter.

    METER_ASSETS_DATABASE_URL names the billing database (unset: the demo database), METER_ASSETS_CONFIG a TOML file
    with policies; a file .env in the current folder may set both, as it may for Dagster's own commands. Every run
    shows in the Dagster UI: start it with 'meter-assets ui'.
    """
    load_dotenv(Path(".env"))


@main.command("migrate-meter-financials")
@_tenants
@_dry_run
@_stop
@_batch_size
@click.option("--skip-validation", is_flag=True, help="Skip the checks (steps 3 and 5).")
@click.option("--yes", is_flag=True, help="Do not ask before a live run.")
@click.option("--export", type=click.Path(path_type=Path), metavar="DIR", help="With --dry-run: all rows as CSV files.")
@_failures_in_a_sentence
def migrate_meter_financials(
    tenants: tuple[str, ...],
    dry_run: bool,
    stop_on_failure: bool,
    batch_size: int | None,
    skip_validation: bool,
    yes: bool,
    export: Path | None,
) -> int:
    """Migrate tenants: payments' meter ids, invoices' amounts, the backup, meters' balances."""
    if export is not None and not dry_run:
        raise InvalidSettings("--export goes with --dry-run: it writes the rows that would change.")
    from meter_assets.cli.session import open_session

    with open_session(tenants, live=not dry_run, stop_on_failure=stop_on_failure) as session:
        if dry_run:
            return session.preview(evaluate=not skip_validation, export=export)
        session.confirm("migration of", yes)
        job = "migrate_meter_financials" + ("_without_validation" if skip_validation else "")
        return session.migrate(job, batch_size=batch_size)


def _step_command(name: str, steps: Sequence[str], help_text: str) -> None:
    """Add a command that runs some steps of the migration, with their checks."""

    @main.command(name, help=help_text)
    @_tenants
    @_dry_run
    @_stop
    @_batch_size
    @_failures_in_a_sentence
    def command(tenants: tuple[str, ...], dry_run: bool, stop_on_failure: bool, batch_size: int | None) -> int:
        from meter_assets.cli.session import open_session

        with open_session(tenants, live=not dry_run, stop_on_failure=stop_on_failure) as session:
            if dry_run:
                return session.preview(steps=steps)
            return session.migrate("migrate_meter_financials", steps=steps, batch_size=batch_size)


_step_command(
    "backfill-payment-meter-ids",
    ["payment_meter_ids"],
    "Give payments their meter ids: step 1 of the migration, alone.",
)
_step_command(
    "backfill-invoice-amounts",
    ["invoice_amounts"],
    "Recompute invoices' amounts from their lines: step 2 of the migration, alone.",
)
_step_command(
    "migrate-customer-balances-to-meters",
    ["customer_balances_backup", "meter_balances"],
    "Back customers' balances up and recompute meters': step 4 of the migration, alone.",
)


@main.command("validate-meter-financial-data")
@_tenants
@_stop
@click.option(
    "--check",
    "group",
    type=click.Choice(["payments", "invoices", "backup", "balances", "all"]),
    default="all",
    show_default=True,
    help="Which invariants to evaluate.",
)
@_failures_in_a_sentence
def validate_meter_financial_data(tenants: tuple[str, ...], stop_on_failure: bool, group: str) -> int:
    """Evaluate the invariants on the database as it is. Writes nothing."""
    from meter_assets.cli.session import open_session
    from meter_assets.rules.invariants import Group

    with open_session(tenants, live=False, stop_on_failure=stop_on_failure) as session:
        return session.validate(None if group == "all" else Group(group))


@main.command()
@_tenants
@click.option("--run", "before_run", metavar="RUN_ID", help="Undo this run and all later ones; without, all runs.")
@_dry_run
@_stop
@_batch_size
@click.option("--yes", is_flag=True, help="Do not ask before a live rollback.")
@click.option("--export", type=click.Path(path_type=Path), metavar="DIR", help="With --dry-run: all rows as CSV files.")
@_failures_in_a_sentence
def rollback(
    tenants: tuple[str, ...],
    before_run: str | None,
    dry_run: bool,
    stop_on_failure: bool,
    batch_size: int | None,
    yes: bool,
    export: Path | None,
) -> int:
    """Undo what runs have changed, from their journals: wholly, or to before a run.

    A row that no longer holds what was journaled is left alone and listed, and the exit status is 1.
    """
    if export is not None and not dry_run:
        raise InvalidSettings("--export goes with --dry-run: it writes the rows that would be restored or left alone.")
    from meter_assets.cli.session import open_session

    with open_session(
        tenants, live=not dry_run, rolls_back=True, stop_on_failure=stop_on_failure, of_run=before_run
    ) as session:
        return session.roll_back(before_run, dry_run=dry_run, batch_size=batch_size, yes=yes, export=export)


@main.command()
@_tenants
@_failures_in_a_sentence
def history(tenants: tuple[str, ...]) -> int:
    """List what was run, as the billing database has recorded it.

    The exit status is 1 where somebody else has changed what is recorded.
    """
    from meter_assets.cli.terminal import Terminal
    from meter_assets.migration.run_history import altered_records, recorded_steps

    database, terminal = settings.billing_database(), Terminal()
    chosen = database.tenants(tenants)
    terminal.history(recorded_steps(database, chosen))
    altered = altered_records(database, chosen)
    for one in altered:
        terminal.evidence(str(one), style="red")
    return int(bool(altered))


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", type=click.IntRange(1, 65535), help="The port to listen on.  [default: 3000, or a free one]")
@click.option("--read-only", is_flag=True, help="For viewers: nothing can be launched or changed; no daemon.")
@_failures_in_a_sentence
def ui(host: str, port: int | None, read_only: bool) -> int:
    """Serve the Dagster UI, and run its daemon, until Ctrl-C.

    Pages of other sites cannot launch anything. The UI has no password: whoever reaches it can migrate. The deployment
    guide has a proxy's configuration for more than this machine.
    """
    from meter_assets.runtime.web_server import serve

    try:
        serve(host, port, read_only=read_only)
    except KeyboardInterrupt:  # no run goes on in this process
        click.echo("Interrupted.", err=True)
    return 0


@main.command()
@click.argument("purpose", type=click.Choice(["preview", "migrate", "monitor", "rollback"]))
@click.argument("role")
@_failures_in_a_sentence
def grants(purpose: str, role: str) -> int:
    """Print the SQL that lets a PostgreSQL ROLE preview, migrate, monitor or roll back, and nothing more.

    The role must exist; the owner of the billing tables runs what is printed. It makes our own tables too, so that no
    role needs the right to make tables.
    """
    click.echo(settings.billing_database().grants(purpose, role), nl=False)
    return 0


@main.command()
@click.option("--tenants", default=5, show_default=True, type=click.IntRange(5, 1000), help="How many tenants.")
@click.option("--customers", default=40, show_default=True, type=click.IntRange(10, 1_000_000), help="Per tenant.")
@click.option("--months", default=12, show_default=True, type=click.IntRange(3, 240), help="Months of invoices.")
@click.option("--seed", default=1, show_default=True, help="The same seed makes the same database.")
@click.option("--fresh", is_flag=True, help="Create the demo database again if it exists.")
@_failures_in_a_sentence
def demo(tenants: int, customers: int, months: int, seed: int, fresh: bool) -> int:
    """Create a demo billing database, preview and migrate it, and say what to look at."""
    from meter_assets.cli.tour import tour
    from meter_assets.demo.generator import DemoSize

    return tour(DemoSize(tenants=tenants, customers=customers, months=months), seed, fresh=fresh)
