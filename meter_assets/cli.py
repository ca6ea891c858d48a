"""The command line, a thin layer over the jobs: every run is a run of the same Dagster instance. No SQL.

Exit status: 0 all went well, 1 a step or a validation failed, 2 wrong usage or configuration.
"""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec

import click

from meter_assets import __version__, settings
from meter_assets.errors import InvalidSettings, MeterAssetsError

if TYPE_CHECKING:
    import dagster as dg

    from meter_assets.database import BillingDatabase, Tenant
    from meter_assets.runs import Launch, TenantRun
    from meter_assets.terminal import Terminal

P = ParamSpec("P")

# What takes long to import (Dagster, above all) is imported by the commands that run something, so that --help and
# wrong usage answer at once.


def _failures_in_a_sentence(command: Callable[P, int]) -> Callable[P, None]:
    """Let a command end with its exit status, and with one sentence in place of a traceback."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            status = command(*args, **kwargs)
        except MeterAssetsError as error:
            click.echo(f"Error: {error}", err=True)
            status = error.exit_status
        except KeyboardInterrupt:
            click.echo(
                "Interrupted. The step under way was rolled back, finished steps stay; the same command resumes.",
                err=True,
            )
            status = 1
        sys.exit(status)

    return run


_tenants = click.option("--tenant", "tenants", multiple=True, metavar="ID", help="A tenant; all where none is named.")
_dry_run = click.option("--dry-run", is_flag=True, help="Show what would change; write nothing.")
_stop = click.option("--stop-on-failure", is_flag=True, help="Do not go on to other tenants after one has failed.")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="meter-assets")
def main() -> None:
    """Move a utility-billing database from balances per customer to balances per meter.

    METER_ASSETS_DATABASE_URL names the billing database (unset: the demo database), METER_ASSETS_CONFIG a TOML file
    with policies. Every run shows in the Dagster UI: start it with 'dagster dev'.
    """


@main.command("migrate-meter-financials")
@_tenants
@_dry_run
@_stop
@click.option("--skip-validation", is_flag=True, help="Skip the checks (steps 3 and 5).")
@click.option("--yes", is_flag=True, help="Do not ask before a live run.")
@click.option("--export", type=click.Path(path_type=Path), metavar="DIR", help="With --dry-run: all rows as CSV files.")
@_failures_in_a_sentence
def migrate_meter_financials(
    tenants: tuple[str, ...],
    dry_run: bool,
    stop_on_failure: bool,
    skip_validation: bool,
    yes: bool,
    export: Path | None,
) -> int:
    """Migrate tenants: payments' meter ids, invoices' amounts, the backup, meters' balances."""
    if export is not None and not dry_run:
        raise InvalidSettings("--export goes with --dry-run: it writes the rows that would change.")
    with _session(tenants, live=not dry_run) as session:
        if dry_run:
            return session.preview(judge=not skip_validation, export=export, stop_on_failure=stop_on_failure)
        session.confirm(yes)
        job = "migrate_meter_financials" + ("_without_validation" if skip_validation else "")
        return session.migrate(session.launch(job), stop_on_failure=stop_on_failure)


def _step_command(name: str, steps: Sequence[str], help_text: str) -> None:
    """Add a command that makes some steps of the migration, with their checks."""

    @main.command(name, help=help_text)
    @_tenants
    @_dry_run
    @_stop
    @_failures_in_a_sentence
    def command(tenants: tuple[str, ...], dry_run: bool, stop_on_failure: bool) -> int:
        with _session(tenants, live=not dry_run) as session:
            if dry_run:
                return session.preview(steps=steps, stop_on_failure=stop_on_failure)
            launch = session.launch("migrate_meter_financials", assets=steps)
            return session.migrate(launch, stop_on_failure=stop_on_failure)


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
    help="Which invariants to judge.",
)
@_failures_in_a_sentence
def validate_meter_financial_data(tenants: tuple[str, ...], stop_on_failure: bool, group: str) -> int:
    """Judge the invariants on the database as it is. Writes nothing."""
    from meter_assets.invariants import Group, of_group
    from meter_assets.terminal import VALIDATED_GROUPS

    checks = [] if group == "all" else [(VALIDATED_GROUPS[Group(group)], one.name) for one in of_group(Group(group))]
    with _session(tenants, live=False) as session:
        launch = session.launch("validate_meter_financial_data", checks=checks)
        return session.validate(launch, stop_on_failure=stop_on_failure)


@main.command()
@_tenants
@_failures_in_a_sentence
def history(tenants: tuple[str, ...]) -> int:
    """List what was run, as the billing database has recorded it."""
    from meter_assets.database import BillingDatabase
    from meter_assets.history import recorded_steps
    from meter_assets.terminal import Terminal

    database = BillingDatabase(settings.database_url())
    Terminal().history(recorded_steps(database, database.tenants(tenants)))
    return 0


@main.command()
@click.option("--tenants", default=5, show_default=True, type=click.IntRange(5, 1000), help="How many tenants.")
@click.option("--customers", default=40, show_default=True, type=click.IntRange(10, 1_000_000), help="Per tenant.")
@click.option("--months", default=12, show_default=True, type=click.IntRange(3, 240), help="Months of invoices.")
@click.option("--seed", default=1, show_default=True, help="The same seed makes the same database.")
@click.option("--fresh", is_flag=True, help="Make the demo database anew if it is there.")
@_failures_in_a_sentence
def demo(tenants: int, customers: int, months: int, seed: int, fresh: bool) -> int:
    """Make a demo billing database, preview and migrate it, and say what to look at."""
    from meter_assets.demo_command import run_demo

    return run_demo(tenants=tenants, customers=customers, months=months, seed=seed, fresh=fresh)


@dataclass
class Session:
    """One use of the command line: its database, its tenants, its Dagster instance, its terminal."""

    database: "BillingDatabase"
    tenants: "list[Tenant]"
    instance: "dg.DagsterInstance"
    definitions: "dg.Definitions"
    terminal: "Terminal"
    begun: float = field(default_factory=time.monotonic)

    def launch(self, job: str, **how: Any) -> "Launch":
        """Return the launch of a job."""
        from meter_assets.runs import Launch

        return Launch(job, **how)

    def confirm(self, yes: bool) -> None:
        """Ask before a live run. Raises InvalidSettings where there is nobody to ask."""
        if yes:
            return
        if not sys.stdin.isatty():
            raise InvalidSettings("A live migration asks for confirmation, and there is no terminal: add --yes.")
        count = f"{len(self.tenants)} tenants" if len(self.tenants) > 1 else f"tenant {self.tenants[0].key}"
        click.confirm(f"Migrate {count} of {self.database.url}? Every change is journaled.", abort=True)

    def run_all(self, launch: "Launch", *, stop_on_failure: bool) -> "list[TenantRun]":
        """Run a job for every tenant; a failure ends that tenant, and the others go on unless told otherwise."""
        from meter_assets.runs import run_tenant

        runs = []
        for at, tenant in enumerate(self.tenants, start=1):
            with self.terminal.following(tenant, at, len(self.tenants)) as progress:
                run = run_tenant(self.instance, self.definitions, launch, tenant, progress)
                progress.finish(run)
            self.terminal.failed(run)
            runs.append(run)
            if stop_on_failure and not run.succeeded:
                break
        return runs

    def migrate(self, launch: "Launch", *, stop_on_failure: bool) -> int:
        """Make the steps of every tenant and show what came of it. Returns the exit status."""
        runs = self.run_all(launch, stop_on_failure=stop_on_failure)
        self.terminal.discrepancies(runs)
        self.terminal.summary(runs)
        self.terminal.what_next(self.database, runs, time.monotonic() - self.begun)
        return max(run.exit_status for run in runs)

    def validate(self, launch: "Launch", *, stop_on_failure: bool) -> int:
        """Judge the laws of every tenant and show the verdicts. Returns the exit status."""
        runs = self.run_all(launch, stop_on_failure=stop_on_failure)
        self.terminal.discrepancies(runs)
        self.terminal.validation_summary(runs)
        return max(run.exit_status for run in runs)

    def preview(
        self,
        *,
        steps: Sequence[str] | None = None,
        judge: bool = True,
        export: Path | None = None,
        stop_on_failure: bool,
    ) -> int:
        """Preview every tenant and show it. Returns the exit status: 1 if a tenant would be refused."""
        config: dict[str, Any] = {"judge_invariants": judge, "export_dir": str(export.absolute()) if export else None}
        if steps is not None:
            config["steps"] = list(steps)
        launch = self.launch("preview_meter_financials", config={"ops": {"migration_preview": {"config": config}}})
        runs = self.run_all(launch, stop_on_failure=stop_on_failure)
        previews = [run.preview for run in runs if run.preview is not None]
        self.terminal.preview_summary(previews)
        self.terminal.say("Nothing was written.")
        if export is not None:
            self.terminal.say(f"Rows that would change: {export}/<tenant>/<change>.csv")
        refused = any(preview.would_be_blocked for preview in previews)
        return max(*(run.exit_status for run in runs), int(refused))


@contextmanager
def _session(tenants: Sequence[str], *, live: bool) -> Iterator[Session]:
    """Check what can be checked before anything is begun, then open the instance and bring its partitions up to date.

    Raises a ConfigurationError for whatever is wrong: nothing has been changed then, in either database.
    """
    from meter_assets.database import BillingDatabase

    settings.policy()
    database = BillingDatabase(settings.database_url())
    chosen = database.tenants(tenants)
    if live:
        database.require_writable()

    from meter_assets.dagster_instance import open_instance
    from meter_assets.definitions import build_definitions
    from meter_assets.partitions import sync_partitions
    from meter_assets.terminal import Terminal

    with open_instance() as instance:
        sync_partitions(instance, database)
        yield Session(database, chosen, instance, build_definitions(), Terminal())
