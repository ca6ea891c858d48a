"""The commands that migrate tenants: the whole migration, and single steps of it.

Add a command here if it runs steps. What it does belongs in `session`.
"""

from collections.abc import Sequence
from pathlib import Path

import click

from meter_assets.cli.commands import options
from meter_assets.cli.ending import reports_errors
from meter_assets.cli.invocation import Invocation
from meter_assets.cli.selection import Asks, Selection, tenant_options, with_plans
from meter_assets.errors import InvalidSettings
from meter_assets.migration.reviewed_plans.files import CSV, require_format

MIGRATE = "migrate_meter_financials"


@click.command("migrate-meter-financials", short_help="Migrate tenants: all steps.")
@tenant_options(Asks.to_run)
@options.dry_run
@options.stop
@options.batch_size
@options.policy_changed
@click.option("--skip-validation", is_flag=True, help="Skip the checks (steps 4 and 6).")
@options.jobs
@options.verbose
@options.no_skip
@options.yes
@options.reason
@options.as_json
@options.export
@options.export_format
@click.option(
    "--plan",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Run each tenant only if what it would change now is exactly the plan that --dry-run --export DIR wrote. "
    "Default: the tenants that have a plan there.",
)
@reports_errors(writes=True)
def migrate_meter_financials(
    tenants: Selection,
    dry_run: bool,
    stop_on_failure: bool,
    batch_size: int | None,
    policy_changed: bool,
    skip_validation: bool,
    jobs: int | None,
    yes: bool,
    reason: str | None,
    as_json: bool,
    export: Path | None,
    export_format: str | None,
    plan: Path | None,
    no_skip: bool,
    verbose: bool,
) -> int:
    """Migrate tenants: the backup, payments' meter ids, invoice amounts, and meter balances.

    --dry-run --export DIR writes a plan, which others can review, approve ('meter-assets approve DIR'), and which
    --plan DIR then runs. A tenant whose data has changed so that the plan no longer fits is not written: the rows that
    drifted are named, and the exit status is 1.
    """
    if export is not None and not dry_run:
        raise InvalidSettings("--export requires --dry-run: it writes the rows that would change.")
    if jobs is not None and dry_run:
        raise InvalidSettings("--jobs is not for --dry-run: a dry run previews one tenant after the other.")
    if export_format is not None and export is None:
        raise InvalidSettings("--export-format requires --export: it is the form of the files with the rows.")
    if plan is not None and dry_run:
        raise InvalidSettings("--plan is not for --dry-run: it runs the plan that --dry-run --export has written.")
    form = export_format or CSV
    require_format(form)
    if plan is not None:
        tenants = with_plans(tenants, plan)
    from meter_assets.cli.many_tenants import are_many, migrate_many
    from meter_assets.cli.session import open_session
    from meter_assets.defs.plans import require_no_plan
    from meter_assets.rules.steps import MIGRATION as MIGRATION_STEPS

    given = Invocation.current()
    if plan is None and not dry_run:
        require_no_plan(MIGRATION_STEPS)
    with open_session(
        tenants,
        live=not dry_run,
        stop_on_failure=stop_on_failure,
        invocation=given,
        reason=reason,
        as_json=as_json,
    ) as session:
        if dry_run:
            return session.preview(
                evaluate=not skip_validation,
                export=export,
                export_format=form,
                policy_changed=policy_changed,
                verbose=verbose,
            )
        session.confirm("migrate", yes)
        session.resume(no_skip=no_skip, plan=plan)
        job = MIGRATE + ("_without_validation" if skip_validation else "")
        if are_many(session, jobs):
            return migrate_many(
                session,
                job,
                jobs or 1,
                validates=not skip_validation,
                batch_size=batch_size,
                policy_changed=policy_changed,
                plan=plan,
            )
        return session.migrate(job, batch_size=batch_size, policy_changed=policy_changed, plan=plan)


def _step_command(
    name: str, steps: Sequence[str], verb: str, short_help: str, help_text: str, job: str = MIGRATE
) -> click.Command:
    """Return a command that runs some steps of a job, with their checks. `verb` is what its question says."""

    @click.command(name, short_help=short_help, help=help_text)
    @tenant_options(Asks.to_run, steps)
    @options.dry_run
    @options.stop
    @options.batch_size
    @options.policy_changed
    @options.verbose
    @options.no_skip
    @options.yes
    @options.reason
    @options.as_json
    @reports_errors(writes=True)
    def command(
        tenants: Selection,
        dry_run: bool,
        stop_on_failure: bool,
        batch_size: int | None,
        policy_changed: bool,
        yes: bool,
        reason: str | None,
        as_json: bool,
        no_skip: bool,
        verbose: bool,
    ) -> int:
        from meter_assets.cli.session import open_session
        from meter_assets.defs.plans import require_no_plan

        if not dry_run:
            require_no_plan(steps)
        given, of_migration = Invocation.current(), job == MIGRATE
        with open_session(
            tenants,
            live=not dry_run,
            writes=None if of_migration else steps,
            stop_on_failure=stop_on_failure,
            invocation=given,
            reason=reason,
            as_json=as_json,
        ) as session:
            if dry_run:
                return session.preview(steps=steps, policy_changed=policy_changed, verbose=verbose)
            session.confirm(verb, yes)
            session.resume(no_skip=no_skip)
            return session.migrate(job, steps=steps, batch_size=batch_size, policy_changed=policy_changed)

    return command


STEP_COMMANDS = (
    _step_command(
        "backfill-payment-meter-ids",
        ["payment_meter_ids"],
        "fill in the payments' meter ids of",
        "Run step 2: payments' meter ids.",
        "Fill in the meter ids of payments: step 2 of the migration, after the backup (step 1) if it is missing.",
    ),
    _step_command(
        "backfill-invoice-amounts",
        ["invoice_amounts"],
        "recompute the invoices' amounts of",
        "Run step 3: invoices' amounts.",
        "Recompute the amounts of invoices from their lines: step 3 of the migration, after the backup (step 1) if it "
        "is missing.",
    ),
    _step_command(
        "migrate-customer-balances-to-meters",
        ["customer_balances_backup", "meter_balances"],
        "recompute the meters' balances of",
        "Run steps 1 and 5: backup, balances.",
        "Back up the customers' balances and recompute the meters' balances: steps 1 and 5 of the migration.",
    ),
    _step_command(
        "sync-customer-balances",
        ["customer_balances"],
        "set the customers' balances of",
        "Set customers' balances from meters.",
        "Set customers' balances to the sums over their active meters, for code that still reads them. Optional, after "
        "the migration. Customers without an active meter keep their balances.",
        job="sync_customer_balances",
    ),
)

MIGRATION_COMMANDS = (migrate_meter_financials, *STEP_COMMANDS)
"""The commands that run steps."""
