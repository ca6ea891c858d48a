"""Errors about decisions that a person gives in a file: a file that cannot be read, and rows that are invalid.

Add an error here when a file of decisions must be corrected. Errors about the database are in `database`.
"""

from collections.abc import Sequence

from meter_assets.errors.base import ConfigurationError, MeterAssetsError
from meter_assets.foreign_text import quoted


class UnreadableDecisions(ConfigurationError):
    """A file of decisions is not what it should be as a whole."""

    def __init__(self, path: str, problem: str) -> None:
        """Take the path, and what is wrong and what to do, as a clause or two."""
        super().__init__(f"The decisions in {quoted(path)} cannot be read: {problem}. Nothing was recorded.")


class InvalidDecisions(MeterAssetsError):
    """Rows of a file of decisions are invalid, so that none of them was taken."""

    def __init__(self, path: str, problems: Sequence[str]) -> None:
        """Take the path, and one clause for each problem, which starts with its line."""
        self.problems = tuple(problems)
        count = "1 problem" if len(problems) == 1 else f"{len(problems):,} problems"
        super().__init__(
            f"The decisions in {quoted(path)} have {count}, named above. Nothing was recorded. Correct the file, and "
            "import all of it again."
        )


class DecisionsNotRecorded(MeterAssetsError):
    """The database did not record valid decisions."""

    def __init__(self, reason: str, advice: str) -> None:
        """Take what the database says, and the advice, each a clause."""
        super().__init__(f"The decisions were not recorded, none of them: {reason}. {advice}.")
