"""The program `meter-assets`: a thin layer over the jobs of one Dagster instance. No SQL.

Its commands are in `commands`; add a new one to COMMANDS, in the order of the help. Output goes through `output`, so
that nothing that is only shown ends a command.
"""

import gc
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import click
from dotenv import load_dotenv

from meter_assets import settings
from meter_assets.cli.commands import (
    evidence,
    migration,
    planning,
    policies,
    posting,
    records,
    rehearsing,
    reporting,
    reviewing,
    setting_up,
    undoing,
    validation,
)
from meter_assets.cli.output import lasting_output
from meter_assets.cli.suggestions import CommandGroup
from meter_assets.version import __version__

COMMANDS = (
    migration.migrate_meter_financials,
    *migration.STEP_COMMANDS,
    planning.approve,
    validation.validate_meter_financial_data,
    validation.check_sql,
    reviewing.review,
    undoing.rollback,
    policies.compare_policies,
    rehearsing.rehearse,
    records.history,
    records.status,
    records.verify,
    evidence.explain,
    evidence.differences,
    posting.statements,
    reporting.report,
    setting_up.check_database,
    setting_up.init,
    setting_up.ui,
    setting_up.grants,
    setting_up.demo,
)

COMPLETION = f"_{'meter-assets'.replace('-', '_')}_complete".upper()
"""The variable by which a shell asks click to complete words."""
_OBJECTS_UNTIL_COLLECTION = 50_000
"""After how many new objects Python looks for garbage. Importing Dagster creates more than 100,000 objects that stay.
With Python's default of 700, looking for garbage among them takes a fifth of the start of a command."""


class _Commands(CommandGroup):
    """The commands, none of which ends because its output cannot be shown."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Parse the arguments and run a command, as click does."""
        gc.set_threshold(_OBJECTS_UNTIL_COLLECTION)
        # A shell that completes words gets bytes, which a lasting stream does not take.
        with nullcontext() if settings.variable(COMPLETION) else lasting_output():
            return super().main(*args, **kwargs)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="meter-assets")
def main() -> None:
    """Move a utility-billing database from balances per customer to balances per meter.

    METER_ASSETS_DATABASE_URL names the billing database (default: the demo database), METER_ASSETS_CONFIG a TOML file
    with the names of its tables and with policies. A file .env in the current folder may set both; Dagster's own
    commands read it too. The Dagster UI shows every run: start it with 'meter-assets ui'.
    """
    load_dotenv(Path(".env"))


for _command in COMMANDS:
    main.add_command(_command)
