"""The command that rolls tenants back."""

from pathlib import Path

import click

from meter_assets.cli.commands import options
from meter_assets.cli.ending import reports_errors
from meter_assets.cli.invocation import Invocation
from meter_assets.cli.selection import Asks, Selection, tenant_options
from meter_assets.errors import InvalidSettings


@click.command(short_help="Undo runs from their journals.")
@tenant_options(Asks.to_roll_back)
@click.option("--run", "before_run", metavar="RUN_ID", help="Undo this run and all later runs. Default: all runs.")
@options.dry_run
@options.stop
@options.batch_size
@options.yes
@options.reason
@options.as_json
@options.export
@click.option(
    "--allow-unverified",
    is_flag=True,
    help="Roll back although the journal, the backup or the records were changed (wrong values may be restored), or "
    "the mapping names other tables or columns than those that the run wrote.",
)
@reports_errors(writes=True)
def rollback(
    tenants: Selection,
    before_run: str | None,
    dry_run: bool,
    stop_on_failure: bool,
    batch_size: int | None,
    yes: bool,
    reason: str | None,
    as_json: bool,
    export: Path | None,
    allow_unverified: bool,
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
        reason=reason,
        as_json=as_json,
    ) as session:
        return session.roll_back(
            before_run,
            dry_run=dry_run,
            batch_size=batch_size,
            yes=yes,
            export=export,
            allow_unverified=allow_unverified,
        )
