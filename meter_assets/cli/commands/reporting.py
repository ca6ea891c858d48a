"""The command that writes the report which a person signs, and verifies one."""

from pathlib import Path

import click

from meter_assets.cli.ending import reports_errors
from meter_assets.cli.selection import Asks, Selection, tenant_options


@click.command(short_help="Write a report to sign, or verify one.")
@tenant_options(Asks.to_look)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the report to this file, whose name ends in .html or .xlsx.",
)
@click.option("--force", is_flag=True, help="Replace the file if it exists.")
@click.option(
    "--verify",
    "to_verify",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Find whether this report, or what is recorded of its tenants, was changed since it was written.",
)
@reports_errors()
def report(tenants: Selection, out: Path | None, force: bool, to_verify: Path | None) -> int:
    """Write one page that a person signs: what was changed by which rule, and the money before and after.

    It has the equation by which money is conserved, the causes of differences, what is left for review and who decided,
    the checks, the runs with who started them, the policy, and digests. Name --out to write a report, or --verify to
    verify one: then the exit status is 1 if the file, a record, a journal or the backup was changed since. Writes
    nothing to the billing database.
    """
    from meter_assets.cli.report import verify_report, write_tenants_report

    if (out is None) == (to_verify is None):
        raise click.UsageError("Name a file to write with --out, or a report with --verify.")
    if to_verify is not None:
        if tenants.named or tenants.restricts or force:
            raise click.UsageError("--verify verifies all tenants of the report: name only the file.")
        return verify_report(to_verify)
    assert out is not None
    return write_tenants_report(tenants, out, force=force)
