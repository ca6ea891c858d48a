"""The options that several commands have. Add an option here for the second command that needs it."""

from pathlib import Path
from typing import Any

import click

from meter_assets.foreign_text import shown
from meter_assets.migration.batch_size import AUTO
from meter_assets.migration.origin import LONGEST_REASON
from meter_assets.migration.reviewed_plans.files import FORMATS
from meter_assets.reports.statements.explain import BY

dry_run = click.option("--dry-run", is_flag=True, help="Show what would change; write nothing.")


class RowsOrAuto(click.IntRange):
    """A number of rows, or `auto`."""

    name = "rows or auto"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number, or AUTO."""
        return AUTO if value in ("auto", AUTO) else super().convert(value, param, ctx)


fixed_batch_size = click.option(
    "--batch-size",
    type=click.IntRange(min=1),
    metavar="ROWS",
    help="Write this number of rows per transaction (for example 10000), so that other writers do not wait long.",
)
batch_size = click.option(
    "--batch-size",
    type=RowsOrAuto(min=1),
    metavar="ROWS|auto",
    help="Write this number of rows per transaction (for example 10000), so that other writers do not wait long; auto: "
    "as many as take a quarter of a second, and fewer while others wait or the server falls behind.",
)
policy_changed = click.option(
    "--policy-changed",
    is_flag=True,
    help="Run although the policy differs from the one that a tenant was migrated with.",
)
stop = click.option("--stop-on-failure", is_flag=True, help="Stop after the first tenant that fails.")
no_skip = click.option(
    "--no-skip",
    is_flag=True,
    help="Run all tenants. Default: if the same command ended early within the last 24 hours, continue it and skip the "
    "tenants that it has finished.",
)
jobs = click.option(
    "--jobs",
    type=click.IntRange(min=1),
    metavar="N",
    help="Migrate this number of tenants at once, each in a process of its own (PostgreSQL only). One run of Dagster "
    "is then of up to 100 tenants, as it is anyway for more than 50.",
)
verbose = click.option("--verbose", is_flag=True, help="With --dry-run of several tenants: show each of them in full.")
customer_by = click.option(
    "--by", type=click.Choice(BY), help="What CUSTOMER is: only an id, or only a name (number). Default: either."
)
yes = click.option("--yes", is_flag=True, help="Write without asking for confirmation first.")
reason = click.option(
    "--reason",
    metavar="TEXT",
    callback=lambda context, option, text: shown(text.strip(), LONGEST_REASON) if text and text.strip() else None,
    help="Why this is done; recorded with every run, beside who runs it.",
)
as_json = click.option(
    "--json", "as_json", is_flag=True, help="Print the results as JSON; everything else goes to standard error."
)
export = click.option(
    "--export", type=click.Path(path_type=Path), metavar="DIR", help="With --dry-run: write all rows to files here."
)
export_format = click.option(
    "--export-format",
    type=click.Choice(FORMATS),
    help="The form of the exported files: csv (default), or parquet, if pyarrow is installed.",
)
