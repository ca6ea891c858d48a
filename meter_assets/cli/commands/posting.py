"""The commands that export figures of customers, for a call centre and for those who post in the billing software."""

from pathlib import Path

import click

from meter_assets.cli.commands import options
from meter_assets.cli.ending import reports_errors


@click.command(short_help="Export what customers owe and why, and what would have to be posted.")
@click.option("--tenant", "tenant", required=True, metavar="TENANT", help="The tenant, by its id or its exact name.")
@click.option(
    "--out", "folder", type=click.Path(path_type=Path), metavar="DIR", help="Write the statements into this folder."
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["html", "csv"]),
    default="html",
    show_default=True,
    help="HTML pages with every invoice and payment, or one CSV file with a row for each customer and meter.",
)
@click.option(
    "--adjustments",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write what would have to be posted, so that customers owe what they owed in the backup, to this CSV file.",
)
@click.option(
    "--posted",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="An earlier file of adjustments that was posted: leave its customers out. May be repeated.",
)
@click.option(
    "--customer",
    "customers",
    multiple=True,
    metavar="CUSTOMER",
    help="Only this customer, by id or name; may be repeated.",
)
@options.customer_by
@click.option("--force", is_flag=True, help="Replace files that are there.")
@reports_errors()
def statements(
    tenant: str,
    folder: Path | None,
    form: str,
    adjustments: Path | None,
    posted: tuple[Path, ...],
    customers: tuple[str, ...],
    by: str | None,
    force: bool,
) -> int:
    """Export the customers of a tenant: old balance, new balance of each meter, and why they differ.

    Name --out for the statements, --adjustments for what would have to be posted, or both. Of a tenant that is not
    migrated, the new balances are those that a migration would lead to. The adjustments leave out what was made since
    the backup: that is real, and is not reversed. Nothing is posted, and nothing is written to the billing database.
    """
    from meter_assets.cli.statements import export_statements

    if folder is None and adjustments is None:
        raise click.UsageError("Name a folder with --out, or a file with --adjustments, or both.")
    if posted and adjustments is None:
        raise click.UsageError("--posted needs --adjustments.")
    return export_statements(
        tenant, customers, by=by, folder=folder, form=form, adjustments=adjustments, posted=posted, force=force
    )
