"""The commands of `meter-assets review`: list the payments that wait for a person, and take decisions about them.

Add a command here if it is about what a person must decide. What it prints is in `cli.review`.
"""

from pathlib import Path

import click

from meter_assets.cli.ending import reports_errors
from meter_assets.cli.selection import Asks, Selection, tenant_options
from meter_assets.cli.suggestions import CommandGroup


@click.group(cls=CommandGroup, short_help="List payments for review; take decisions.")
def review() -> None:
    """List the payments that a person must decide about, and record decisions.

    These are the payments that got their meter by a rule that may be wrong, and those for which no rule found one. Of
    a decision, the next run of the migration takes note first, with the rule 'decision'.
    """


@review.command("list", short_help="List the payments for a decision.")
@tenant_options(Asks.to_look)
@click.option(
    "--limit", type=click.IntRange(min=1), default=50, show_default=True, help="Show so many payments of each tenant."
)
@click.option("--json", "as_json", is_flag=True, help="Print all of them, with all that is known, as JSON.")
@reports_errors()
def list_payments(tenants: Selection, limit: int, as_json: bool) -> int:
    """List the payments that wait for a decision, with the meters of their customers, and a suggestion.

    A meter is suggested only for a reason that named the right meter of at least 99% of the tenant's payments whose
    invoice names the meter. Writes nothing.
    """
    from meter_assets.cli.review import show_review

    return show_review(tenants, limit=limit, as_json=as_json)


@review.command("export", short_help="Write them to a file to fill in.")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@tenant_options(Asks.to_look)
@click.option("--force", is_flag=True, help="Replace the file if it exists.")
@reports_errors()
def export_payments(file: Path, tenants: Selection, force: bool) -> int:
    """Write the payments that wait for a decision to FILE, whose name ends in .csv or .xlsx, to be filled in."""
    from meter_assets.cli.review import write_review

    return write_review(tenants, file, replace=force)


@review.command("import", short_help="Record the decisions of a file.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--tenant", required=True, metavar="TENANT", help="The tenant's id or its exact name.")
@click.option(
    "--decided-by", metavar="NAME", help="Who decided, where the file does not say it. Default: the user and the host."
)
@click.option("--dry-run", is_flag=True, help="Only validate the file; write nothing.")
@reports_errors(writes=True)
def import_decisions(file: Path, tenant: str, decided_by: str | None, dry_run: bool) -> int:
    """Record the decisions of FILE, which ends in .csv or .xlsx: all of them, or none if a row is invalid.

    Its first row names the columns, in any order: payment_id, meter_id (or meter_number, or meter for either of them),
    and optionally decided_by and note; others are ignored, but rows with another tenant_id are skipped. The word 'keep'
    as the meter leaves the payment as it is, and so does an empty meter if decided_by is filled in; without both, a row
    decides nothing. The word 'withdraw' takes the decision about a payment back, if no run has carried it out: the
    payment is undecided again. The exit status is 1 if a row is invalid, 2 if the file cannot be read.
    """
    from meter_assets.cli.review import record_decisions

    return record_decisions(file, tenant, decided_by, dry_run=dry_run)
