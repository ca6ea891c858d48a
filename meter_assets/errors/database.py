"""Errors about the billing database as a whole: its connection, its schema, its rights and its engine.

Add an error here when the cause is the database or the role that connects to it. Errors about a tenant's step run are
in `steps`, and errors about altered records in `records`.
"""

from collections.abc import Sequence

from meter_assets.errors.base import NAMES_THE_DATABASE, ConfigurationError, MeterAssetsError
from meter_assets.foreign_text import quoted


class DatabaseUnreachable(ConfigurationError):
    """The billing database did not answer."""

    def __init__(self, url: str, reason: str, url_names: str) -> None:
        """Take the URL with its password masked, the driver's own reason, and what a URL of that engine must name."""
        self.url = url
        super().__init__(
            f"Cannot reach the billing database {url}: {reason}. Check that {NAMES_THE_DATABASE} {url_names}."
        )


class StatementFailed(MeterAssetsError):
    """The billing database refused to answer a query, which wrote nothing."""

    def __init__(self, url: str, reason: str, advice: str) -> None:
        """Take the masked URL, the driver's own reason, and what to do, as a sentence without its full stop."""
        super().__init__(f"The billing database {url} did not answer a query: {reason}. {advice}.")


class SnapshotCancelled(StatementFailed):
    """The server cancelled a query that can be tried again at once, as a standby does that replays changes."""


class UnreadableValue(MeterAssetsError):
    """A value in the billing database cannot be read."""

    def __init__(self, url: str, reason: str, place: str) -> None:
        """Take the masked URL, the driver's own reason, and the place of the value as a clause, if it is known."""
        self.reason = f"{reason} ({place})" if place else reason
        super().__init__(
            f"A value in the billing database {url} cannot be read: {self.reason}. Correct the value, then run again."
        )


class DatabaseBusy(MeterAssetsError):
    """Another program kept the database locked longer than the time limit."""

    def __init__(self, url: str, seconds: float) -> None:
        """Take the masked URL and the time limit."""
        super().__init__(
            f"Another program has been writing to {url} for more than {seconds} s. The current transaction was not "
            "started, or was rolled back. Run it again when that program has ended."
        )


class SharedSessions(ConfigurationError):
    """A step in batches needs one session of the server, and a pooler gives each transaction to any session."""

    def __init__(self, url: str) -> None:
        """Take the masked URL."""
        super().__init__(
            f"Steps in batches need one session of the server, and {url} gives each transaction to any of several "
            "sessions, as PgBouncer does in transaction pooling. No batch was written. Use the server's own port or a "
            "pool in session pooling, or run without --batch-size (batch_size), which works with transaction pooling."
        )


class DemoDatabaseMissing(ConfigurationError):
    """No database is configured and the demo database does not exist."""

    def __init__(self, path: str) -> None:
        """Take the path at which the demo database would be."""
        super().__init__(
            f"There is no demo database at {path}, and METER_ASSETS_DATABASE_URL names no other database. Create the "
            "demo database with 'meter-assets demo', or name your database, for example "
            "METER_ASSETS_DATABASE_URL=postgresql://user@host/billing."
        )


class UnsuitableSchema(ConfigurationError):
    """The database lacks tables or columns, or stores money in a type that is not exact."""

    def __init__(self, url: str, problems: Sequence[str]) -> None:
        """Take the masked URL and every problem found, each a clause such as 'no table bills'."""
        self.problems = tuple(problems)
        super().__init__(
            f"The database {url} is not a billing database that can be migrated: {'; '.join(self.problems)}. "
            f"Point {NAMES_THE_DATABASE} at the billing database, or correct its tables; the README lists "
            "what each must have."
        )


class NotWritable(ConfigurationError):
    """Something was to be written, but the database can only be read."""

    def __init__(self, url: str, problems: Sequence[str], purpose: str = "migrate") -> None:
        """Take the masked URL, what is missing, each a clause, and the purpose of the role, as `grants` calls it."""
        self.problems = tuple(problems)
        super().__init__(
            f"{url} cannot be written: {'; '.join(self.problems)}. Nothing was changed. On a server, "
            f"'meter-assets grants {purpose} ROLE' prints the SQL that grants a role these rights. A dry run only "
            "reads."
        )


class OwnTablesNotTrusted(ConfigurationError):
    """One of our own tables, or a function that our statements call, was created or changed by another role."""

    def __init__(self, url: str, problems: Sequence[str]) -> None:
        """Take the masked URL and what was found, each a clause."""
        self.problems = tuple(problems)
        super().__init__(
            f"Reading and writing in {url} stopped, because these objects are not as meter-assets created them: "
            f"{'; '.join(self.problems)}. They could run another role's statements with the rights of this role. Ask "
            "the owner of the billing tables to examine them, and to drop them or take ownership; 'meter-assets "
            "grants' prints the statements that create our own tables."
        )


class CopyFailed(ConfigurationError):
    """The copy of a rehearsal could not be written. The billing database was only read."""

    def __init__(self, url: str, reason: str) -> None:
        """Take the masked URL of the copy, and the reason, as a clause."""
        super().__init__(
            f"The copy of the billing tables in {url} could not be written: {reason}. The billing database was only "
            "read. Fix the cause, or name another database with --into, then run again."
        )


class NotInFrame(MeterAssetsError):
    """A value of the database cannot be in a DataFrame without a change of it."""

    def __init__(self, column: str, value: object, expected: str) -> None:
        """Take the frame's column, the value, and what the column can have, such as `a date`."""
        self.column = column
        super().__init__(
            f"The value {quoted(value)} of {column} cannot be in a DataFrame: expected {expected}. Correct the row; "
            "'meter-assets validate-meter-financial-data' lists rows with such values."
        )


class ConstructNotImplemented(MeterAssetsError):
    """A SQL construct was compiled for an engine that does not implement it."""

    def __init__(self, construct: str, dialect: str) -> None:
        """Take the construct's name, and the name of the engine's SQLAlchemy dialect."""
        self.construct, self.dialect = construct, dialect
        super().__init__(
            f"The SQL construct {construct} is not implemented for {dialect}. Implement it in the constructs module of "
            f"that engine, and enter the engine in ENGINES of meter_assets.engines."
        )
