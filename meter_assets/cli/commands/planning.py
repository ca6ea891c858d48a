"""The command that approves plans. Plans are made by --dry-run --export, and run with --plan, in `migration`."""

from pathlib import Path

import click

from meter_assets.cli.ending import reports_errors


@click.command(short_help="Approve the plans of a dry run.")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--tenant",
    "tenants",
    multiple=True,
    metavar="TENANT",
    help="Approve the plan of this tenant, by its id; may be repeated. Default: all tenants with a plan in DIR.",
)
@click.option("--name", metavar="NAME", help="Your name. Default: the name of your user in the operating system.")
@click.option(
    "--key",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Sign the approval with this private SSH key (by ssh-keygen).",
)
@reports_errors()
def approve(folder: Path, tenants: tuple[str, ...], name: str | None, key: Path | None) -> int:
    """Approve the plans that 'migrate-meter-financials --dry-run --export DIR' has written, after reading them.

    It checks that no file of a plan was altered since, and writes approval.json beside each manifest: its digest, your
    name, user, host and the time. With require_approval in the table [plan] of the configuration file, a live run needs
    the approval of another user than the one who runs it. Nothing is read from or written to the billing database.
    """
    from meter_assets.cli.planning import approve_plans

    return approve_plans(folder, tenants, name, key)
