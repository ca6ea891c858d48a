"""The base classes of all errors, and what several error messages share.

Two families matter to a caller: `ConfigurationError` (nothing was started; exit status 2) and `StepError` (a step was
refused or rolled back; exit status 1). Add a base class here only for a new exit status or a new way to handle errors.
The errors themselves are in the other modules of this package, one module for each kind.
"""

from collections.abc import Sequence

from meter_assets.foreign_text import quoted, visible

NAMES_THE_DATABASE = "METER_ASSETS_DATABASE_URL (or url in the run config)"
MOST_NAMED = 20
"""The most tenants that a message names, where there may be thousands."""


class MeterAssetsError(Exception):
    """Base of every failure that is reported to the user as a sentence instead of a traceback.

    The sentence is one line of visible text, even if a value from the database or a setting in it has control
    characters.
    """

    exit_status = 1
    is_refusal = False
    """Whether a run was refused before it examined its tenant, so that it says nothing about the tenant."""

    def __init__(self, message: str) -> None:
        """Take the sentence."""
        super().__init__(visible(message))


class ConfigurationError(MeterAssetsError):
    """The command, its settings or the database cannot be used. Nothing was changed."""

    exit_status = 2
    is_refusal = True


class StepError(MeterAssetsError):
    """A step of one tenant was refused or rolled back."""


def first_named(values: Sequence[str]) -> str:
    """Return the first of these values as a list in words, with the number of the others."""
    more = f" and {len(values) - MOST_NAMED} more" if len(values) > MOST_NAMED else ""
    return ", ".join(map(quoted, values[:MOST_NAMED])) + more
