"""Errors about what the user asked for: tenants, runs, policies, settings and run configs.

Add an error here when the command or its settings must be corrected. Errors about the database are in `database`.
"""

from collections.abc import Sequence

from meter_assets.errors.base import MOST_NAMED, NAMES_THE_DATABASE, ConfigurationError, first_named
from meter_assets.foreign_text import quoted, shown


class NoTenants(ConfigurationError):
    """The tenants table has no rows."""

    def __init__(self, url: str) -> None:
        """Take the masked URL."""
        super().__init__(
            f"The database {url} has no tenants: its table tenants is empty, so there is nothing to do. "
            f"Check that {NAMES_THE_DATABASE} names the right database."
        )


class UnknownTenant(ConfigurationError):
    """A named tenant is not in the tenants table."""

    def __init__(self, unknown: Sequence[str], known: Sequence[str]) -> None:
        """Take the ids that were not found and the ids that exist."""
        self.unknown = tuple(unknown)
        word = "tenant" if len(unknown) == 1 else "tenants"
        super().__init__(
            f"No such {word}: {first_named(unknown)}. The tenants of this database are: {first_named(known)}."
        )


class AmbiguousTenantName(ConfigurationError):
    """Several tenants have the name that the user gave."""

    def __init__(self, name: str, keys: Sequence[str]) -> None:
        """Take the name, and the ids of the tenants that have it."""
        self.name, self.keys = name, tuple(keys)
        super().__init__(
            f"{len(keys)} tenants have the name {quoted(name)}: {first_named(keys)}. Nothing was changed. Name one of "
            "them by its id."
        )


class UnknownRun(ConfigurationError):
    """The named run has not changed the tenant, or cannot be rolled back."""


class UnknownRow(ConfigurationError):
    """No row, or more than one, has the id, number or name that the user gave."""


class IllegalTenantId(ConfigurationError):
    """A tenant's id cannot be the key of a Dagster partition."""

    def __init__(self, tenant_ids: Sequence[str], reason: str = "") -> None:
        """Take the ids as text, and why they are not legal, as a clause, if it is not their characters."""
        self.tenant_ids = tuple(tenant_ids)
        named = ", ".join(f"'{shown(one)}'" for one in tenant_ids[:MOST_NAMED])
        why = f" ({reason})" if reason else ""
        super().__init__(
            f"Not a legal tenant id: {named}{why}. A tenant's id becomes the key of a Dagster partition: it must be "
            "unique, and may hold letters, digits, '_' and '-' only. Give that tenant another id."
        )


class UnknownPolicy(ConfigurationError):
    """A policy's name or value is invalid."""

    def __init__(self, problems: Sequence[str]) -> None:
        """Take one sentence per problem, each listing what is valid."""
        super().__init__(" ".join(problems))


class InvalidSettings(ConfigurationError):
    """An environment variable or the configuration file is invalid."""


class FilesExist(ConfigurationError):
    """Files that would be written are there already."""

    def __init__(self, paths: Sequence[str]) -> None:
        """Take the paths of the files."""
        self.paths = tuple(paths)
        verb = "exists" if len(paths) == 1 else "exist"
        super().__init__(
            f"{first_named(paths)} {verb} already. Nothing was written. Name another place, or add --force to replace "
            "what is there."
        )


class NotAReport(ConfigurationError):
    """A file that should be verified is not a report."""

    def __init__(self, path: str, problem: str) -> None:
        """Take the path of the file, and what is wrong, as a clause."""
        super().__init__(
            f"{shown(path)} is not a report: {problem}. Name a file that 'meter-assets report --out FILE' has written."
        )


class InvalidMapping(ConfigurationError):
    """The mapping of the billing tables, in the configuration file, cannot be used."""

    def __init__(self, at: str, where: str, problem: str) -> None:
        """Take the line of the file, the table of the file, and what is wrong and what was expected, as a clause."""
        super().__init__(f"{at}: {where}: {problem}. Nothing was read or changed.")


class ForbiddenRunConfig(ConfigurationError):
    """A run config sets something that only the operator may set."""

    def __init__(self, what: str, may_name: str) -> None:
        """Take what it names, and what it may name and where that is allowed, each a clause."""
        super().__init__(f"The run config names {what}. Nothing was read or changed. {may_name}.")


class MissingPartition(ConfigurationError):
    """An asset or a check was launched without a tenant."""

    def __init__(self, what: str) -> None:
        """Take the name of the asset or check."""
        super().__init__(
            f"{what} was launched without a tenant. Nothing was changed. Every asset and check is partitioned by "
            "tenant: pick the tenant as partition when you materialize or launch it. Where the page offers no "
            "partition, such as for a job of checks alone, set the tag dagster/partition to the tenant's id."
        )


class PyarrowMissing(ConfigurationError):
    """A DataFrame was asked for, and the library that holds exact money in it is not installed."""

    def __init__(self) -> None:
        """Take nothing."""
        super().__init__(
            "DataFrames with exact money need pyarrow, which is not installed. Install it: "
            "pip install 'meter-assets[frames]'"
        )
