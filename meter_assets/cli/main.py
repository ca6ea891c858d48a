"""The commands of `meter-assets`: a thin layer over the jobs of one Dagster instance. No SQL.

Add a command here. What it does belongs in `session`, what it prints in `terminal`.
Output goes through `output`, so that nothing that is only shown ends a command.
Exit status: 0 for success, 1 if a step or a validation failed, 2 for wrong usage or configuration, 130 for Ctrl-C and
SIGTERM.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial, wraps
from pathlib import Path
from typing import Any, ParamSpec

import click
from dotenv import load_dotenv

from meter_assets import settings
from meter_assets.cli.invocation import Invocation
from meter_assets.cli.output import is_incomplete, lasting_output, problems, said_on_failure
from meter_assets.cli.selection import (
    Asks,
    NothingSelected,
    Selection,
    chosen_of_records,
    skipped_tenants,
    tenant_options,
)
from meter_assets.cli.suggestions import CommandGroup
from meter_assets.errors import InvalidSettings, MeterAssetsError
from meter_assets.runtime.interrupts import BetweenRuns, WhileRunning, raised_again, terminations_interrupt
from meter_assets.runtime.waits import waits_shown
from meter_assets.version import __version__

P = ParamSpec("P")

MIGRATE = "migrate_meter_financials"

# Slow imports (mainly Dagster) are inside the commands that need them, so that --help and errors of usage appear at
# once.


_GOES_ON = "The run goes on to its end; 'meter-assets history' shows how it ended."
_NOTHING_WRITTEN = "Interrupted. Nothing was written."
_NO_RUN = "Interrupted. No run was under way: finished runs stay. Run the same command again to continue."
_ROLLED_BACK = (
    "Interrupted. The current step, or its current batch, was rolled back; finished steps and batches stay. Run the "
    "same command again to continue."
)


def _reports_errors(*, writes: bool = False) -> Callable[[Callable[P, int]], Callable[P, None]]:
    """End a command with its exit status, and report an error as one sentence instead of a traceback.

    A command that `writes` is told to have been rolled back when it is interrupted, unless it is a dry run.
    """

    def decorate(command: Callable[P, int]) -> Callable[P, None]:
        @wraps(command)
        def run(*args: P.args, **kwargs: P.kwargs) -> None:
            is_live = writes and not kwargs.get("dry_run")
            with terminations_interrupt():
                try:
                    with _outputs(is_live=is_live):
                        status = command(*args, **kwargs)
                except MeterAssetsError as error:
                    click.echo(f"Error: {error}", err=True)
                    status = error.exit_status
                except NothingSelected as nothing:
                    click.echo(str(nothing))
                    status = 0
                except click.Abort:  # another answer than yes
                    click.echo("Nothing was written.", err=True)
                    status = 1
                except KeyboardInterrupt as interrupt:
                    click.echo(_said_of(interrupt) if is_live else _NOTHING_WRITTEN, err=True)
                    status = 130
            sys.exit(status if is_live else _with_output(status))

        return run

    return decorate


@contextmanager
def _outputs(*, is_live: bool) -> Iterator[None]:
    """Lose no interrupt, show for what a statement waits, and say that a run goes on if its output cannot be shown."""
    with raised_again(), waits_shown(partial(click.echo, err=True)), said_on_failure(_GOES_ON * is_live):
        yield


def _said_of(interrupt: KeyboardInterrupt) -> str:
    """Return what an interrupt of a live command has left."""
    if isinstance(interrupt, WhileRunning):
        return _ROLLED_BACK
    return _NO_RUN if isinstance(interrupt, BetweenRuns) else _NOTHING_WRITTEN


def _with_output(status: int) -> int:
    """Return the exit status of a command whose output is its result: not 0 if a part of it could not be written."""
    if status == 0 and is_incomplete():
        for problem in problems():
            click.echo(f"Error: {problem} The output is incomplete.", err=True)
        return 1
    return status


class _Commands(CommandGroup):
    """The commands, none of which ends because its output cannot be shown."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Parse the arguments and run a command, as click does."""
        with lasting_output():
            return super().main(*args, **kwargs)


_dry_run = click.option("--dry-run", is_flag=True, help="Show what would change; write nothing.")
_batch_size = click.option(
    "--batch-size",
    type=click.IntRange(min=1),
    metavar="ROWS",
    help="Write this number of rows per transaction (for example 10000), so that other writers do not wait long.",
)
_policy_changed = click.option(
    "--policy-changed",
    is_flag=True,
    help="Run although the policy differs from the one that a tenant was migrated with.",
)
_stop = click.option("--stop-on-failure", is_flag=True, help="Stop after the first tenant that fails.")
_no_skip = click.option(
    "--no-skip",
    is_flag=True,
    help="Run all tenants. Default: if the same command ended early within the last 24 hours, continue it and skip the "
    "tenants that it has finished.",
)
_verbose = click.option("--verbose", is_flag=True, help="With --dry-run of several tenants: show each of them in full.")
_yes = click.option("--yes", is_flag=True, help="Write without asking for confirmation first.")


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="meter-assets")
def main() -> None:
    """Move a utility-billing database from balances per customer to balances per meter.

    METER_ASSETS_DATABASE_URL names the billing database (default: the demo database), METER_ASSETS_CONFIG a TOML file
    with policies. A file .env in the current folder may set both; Dagster's own commands read it too. The Dagster UI
    shows every run: start it with 'meter-assets ui'.
    """
    load_dotenv(Path(".env"))


@main.command("migrate-meter-financials")
@tenant_options(Asks.to_run)
@_dry_run
@_stop
@_batch_size
@_policy_changed
@click.option("--skip-validation", is_flag=True, help="Skip the checks (steps 4 and 6).")
@_verbose
@_no_skip
@_yes
@click.option(
    "--export", type=click.Path(path_type=Path), metavar="DIR", help="With --dry-run: write all rows to CSV files here."
)
@_reports_errors(writes=True)
def migrate_meter_financials(
    tenants: Selection,
    dry_run: bool,
    stop_on_failure: bool,
    batch_size: int | None,
    policy_changed: bool,
    skip_validation: bool,
    yes: bool,
    export: Path | None,
    no_skip: bool,
    verbose: bool,
) -> int:
    """Migrate tenants: the backup, payments' meter ids, invoice amounts, and meter balances."""
    if export is not None and not dry_run:
        raise InvalidSettings("--export requires --dry-run: it writes the rows that would change.")
    from meter_assets.cli.session import open_session

    given = Invocation.current()
    with open_session(tenants, live=not dry_run, stop_on_failure=stop_on_failure, invocation=given) as session:
        if dry_run:
            return session.preview(
                evaluate=not skip_validation, export=export, policy_changed=policy_changed, verbose=verbose
            )
        session.confirm("migrate", yes)
        session.resume(no_skip=no_skip)
        job = MIGRATE + ("_without_validation" if skip_validation else "")
        return session.migrate(job, batch_size=batch_size, policy_changed=policy_changed)


def _step_command(name: str, steps: Sequence[str], verb: str, help_text: str, job: str = MIGRATE) -> None:
    """Add a command that runs some steps of a job, with their checks. `verb` is what its question says."""

    @main.command(name, help=help_text)
    @tenant_options(Asks.to_run, steps)
    @_dry_run
    @_stop
    @_batch_size
    @_policy_changed
    @_verbose
    @_no_skip
    @_yes
    @_reports_errors(writes=True)
    def command(
        tenants: Selection,
        dry_run: bool,
        stop_on_failure: bool,
        batch_size: int | None,
        policy_changed: bool,
        yes: bool,
        no_skip: bool,
        verbose: bool,
    ) -> int:
        from meter_assets.cli.session import open_session

        given, of_migration = Invocation.current(), job == MIGRATE
        with open_session(
            tenants,
            live=not dry_run,
            writes=None if of_migration else steps,
            stop_on_failure=stop_on_failure,
            invocation=given,
        ) as session:
            if dry_run:
                return session.preview(steps=steps, policy_changed=policy_changed, verbose=verbose)
            session.confirm(verb, yes)
            session.resume(no_skip=no_skip)
            return session.migrate(job, steps=steps, batch_size=batch_size, policy_changed=policy_changed)


_step_command(
    "backfill-payment-meter-ids",
    ["payment_meter_ids"],
    "fill in the payments' meter ids of",
    "Fill in the meter ids of payments: step 2 of the migration, after the backup (step 1) if it is missing.",
)
_step_command(
    "backfill-invoice-amounts",
    ["invoice_amounts"],
    "recompute the invoices' amounts of",
    "Recompute the amounts of invoices from their lines: step 3 of the migration, after the backup (step 1) if it is "
    "missing.",
)
_step_command(
    "migrate-customer-balances-to-meters",
    ["customer_balances_backup", "meter_balances"],
    "recompute the meters' balances of",
    "Back up the customers' balances and recompute the meters' balances: steps 1 and 5 of the migration.",
)
_step_command(
    "sync-customer-balances",
    ["customer_balances"],
    "set the customers' balances of",
    "Set customers' balances to the sums over their active meters, for code that still reads them. Optional, after the "
    "migration. Customers without an active meter keep their balances.",
    job="sync_customer_balances",
)


@main.command("validate-meter-financial-data")
@tenant_options(Asks.to_validate)
@_stop
@click.option(
    "--check",
    "group",
    type=click.Choice(["values", "payments", "invoices", "backup", "balances", "all"]),
    default="all",
    show_default=True,
    help="Which invariants to evaluate.",
)
@_reports_errors()
def validate_meter_financial_data(tenants: Selection, stop_on_failure: bool, group: str) -> int:
    """Evaluate the invariants on the current data. Writes nothing."""
    from meter_assets.cli.session import open_session
    from meter_assets.rules.invariants import Group

    with open_session(tenants, live=False, stop_on_failure=stop_on_failure) as session:
        return session.validate(None if group == "all" else Group(group))


@main.command()
@tenant_options(Asks.to_roll_back)
@click.option("--run", "before_run", metavar="RUN_ID", help="Undo this run and all later runs. Default: all runs.")
@_dry_run
@_stop
@_batch_size
@_yes
@click.option(
    "--export", type=click.Path(path_type=Path), metavar="DIR", help="With --dry-run: write all rows to CSV files here."
)
@_reports_errors(writes=True)
def rollback(
    tenants: Selection,
    before_run: str | None,
    dry_run: bool,
    stop_on_failure: bool,
    batch_size: int | None,
    yes: bool,
    export: Path | None,
) -> int:
    """Undo the changes of runs from their journals: all runs, or one run and the later ones.

    A row whose values differ from those in the journal is skipped and listed, and the exit status is 1.
    """
    if export is not None and not dry_run:
        raise InvalidSettings("--export requires --dry-run: it writes the rows that would be restored or skipped.")
    from meter_assets.cli.session import open_session

    with open_session(
        tenants,
        live=not dry_run,
        rolls_back=True,
        stop_on_failure=stop_on_failure,
        of_run=before_run,
        invocation=Invocation.current(),
    ) as session:
        return session.roll_back(before_run, dry_run=dry_run, batch_size=batch_size, yes=yes, export=export)


@main.command()
@tenant_options(Asks.to_run)
@click.option(
    "--dump",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Copy from this dump instead of the billing database: a dump of pg_dump, or a copy of a SQLite file.",
)
@click.option(
    "--into",
    metavar="URL",
    help="On PostgreSQL: the database for the copy, which is created, or is empty, or of an earlier rehearsal.",
)
@_batch_size
@click.option("--keep", is_flag=True, help="Keep the copy and its runs, and print where they are.")
@click.option("--json", "as_json", is_flag=True, help="Print the results as JSON.")
@_reports_errors()
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


@main.command()
@tenant_options(Asks.to_look)
@click.option(
    "--limit", type=click.IntRange(min=1), default=20, show_default=True, help="Show so many of the newest runs."
)
@click.option("--steps", is_flag=True, help="Show each step of the runs.")
@click.option("--json", "machine_readable", is_flag=True, help="Print all fields of the runs and their steps as JSON.")
@_reports_errors()
def history(tenants: Selection, limit: int, steps: bool, machine_readable: bool) -> int:
    """List the runs that the billing database has recorded, newest first.

    The exit status is 1 if somebody else has changed the records, or if a tenant is skipped because of its id.
    """
    from meter_assets.cli.history import as_json, show_runs, show_steps
    from meter_assets.cli.terminal import Terminal
    from meter_assets.migration.run_history import altered_records, recorded_runs

    database, terminal = settings.billing_database(), Terminal()
    chosen = chosen_of_records(database, tenants)
    names = {tenant.key: tenant.name for tenant in chosen}
    runs, older = recorded_runs(database, chosen, limit)
    altered, skipped = altered_records(database, chosen), skipped_tenants(database, tenants)
    if machine_readable:
        click.echo(as_json(runs, names, older, list(map(str, altered)), list(map(str, skipped))))
        return int(bool(altered or skipped))
    (show_steps if steps else show_runs)(terminal, runs, names, older)
    for one in altered:
        terminal.evidence(str(one), style="red")
    terminal.skipped_tenants(skipped)
    return int(bool(altered or skipped))


@main.command()
@tenant_options(Asks.to_look)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with all that is known of each tenant.")
@_reports_errors()
def status(tenants: Selection, as_json: bool) -> int:
    """List the tenants with their states: migrated, blocked and by which check, drifted, not begun, and so on.

    The first line counts the tenants in each state. A narrow terminal shows fewer columns. The exit status is 1 if a
    tenant is skipped because of its id.
    """
    from meter_assets.cli.status import show_status

    return show_status(tenants, as_json=as_json)


@main.command()
@click.argument("folder", type=click.Path(path_type=Path), required=False)
@click.option("--force", is_flag=True, help="Replace a dagster.yaml that is there; a copy is kept beside it.")
@_reports_errors()
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


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", type=click.IntRange(1, 65535), help="The port to listen on.  [default: 3000, or a free port]")
@click.option("--read-only", is_flag=True, help="For viewers: nothing can be launched or changed, and no daemon runs.")
@_reports_errors()
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


@main.command()
@click.argument("purpose", type=click.Choice(["preview", "migrate", "monitor", "rollback"]))
@click.argument("role")
@_reports_errors()
def grants(purpose: str, role: str) -> int:
    """Print the SQL that allows a PostgreSQL ROLE to preview, migrate, monitor or roll back, and nothing else.

    The role must exist. The owner of the billing tables must run the SQL. It also creates the tables of meter-assets,
    so that no role needs the right to create tables.
    """
    click.echo(settings.billing_database().grants(purpose, role), nl=False)
    return 0


@main.command()
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
@_yes
@_reports_errors(writes=True)
def demo(tenants: int, customers: int, months: int, seed: int, fresh: bool, yes: bool) -> int:
    """Create a demo billing database, preview and migrate it, and suggest what to examine.

    It asks before it deletes a demo database, and before it writes to a database that METER_ASSETS_DATABASE_URL names.
    """
    from meter_assets.cli.tour import tour
    from meter_assets.demo.generator import DemoSize

    return tour(DemoSize(tenants=tenants, customers=customers, months=months), seed, fresh=fresh, yes=yes)
