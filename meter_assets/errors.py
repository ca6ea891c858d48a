"""What can go wrong, one type per failure, each with the ids that it is about.

A message says what is wrong, where, what was expected and found, and what to do next. Two families matter to a
caller: `ConfigurationError` (nothing was begun; exit status 2) and `StepError` (a step was refused or rolled back;
exit status 1). Nothing here knows SQL, Dagster or the terminal.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from meter_assets.foreign_text import quoted, shown, visible

NAMES_THE_DATABASE = "METER_ASSETS_DATABASE_URL (or url in the run config)"
MOST_NAMED = 20
"""So many tenants are named where there may be thousands."""
_WHAT_STAYS = "What was under way was rolled back; finished steps and batches stay, journaled."


def _first(values: Sequence[str]) -> str:
    """Name the first of these values."""
    more = f" and {len(values) - MOST_NAMED} more" if len(values) > MOST_NAMED else ""
    return ", ".join(map(quoted, values[:MOST_NAMED])) + more


class MeterAssetsError(Exception):
    """Base of every failure that a user is told about in a sentence instead of a traceback.

    The sentence is one line of visible text, whatever the database or a setting has put into it.
    """

    exit_status = 1

    def __init__(self, message: str) -> None:
        """Take the sentence."""
        super().__init__(visible(message))


class ConfigurationError(MeterAssetsError):
    """The command, its settings or the database cannot be used as they are. Nothing was changed."""

    exit_status = 2


class StepError(MeterAssetsError):
    """A step of one tenant was refused, or rolled back whole."""


class DatabaseUnreachable(ConfigurationError):
    """The billing database did not answer."""

    def __init__(self, url: str, reason: str, url_names: str) -> None:
        """Take the URL with its password masked, the driver's own reason, and what a URL of that engine must name."""
        self.url = url
        super().__init__(
            f"Cannot reach the billing database {url}: {reason}. Check that {NAMES_THE_DATABASE} {url_names}."
        )


class StatementFailed(MeterAssetsError):
    """The billing database refused to answer a query."""

    def __init__(self, url: str, reason: str, *, forbidden: bool = False) -> None:
        """Take the masked URL, the driver's own reason, and whether it is that this role may not ask."""
        advice = "'meter-assets grants' prints what a role needs." if forbidden else "Run it again."
        super().__init__(f"The billing database {url} did not answer: {reason}. {_WHAT_STAYS} {advice}")


class DatabaseBusy(MeterAssetsError):
    """Another program kept the database locked for longer than we wait."""

    def __init__(self, url: str, seconds: float) -> None:
        """Take the masked URL and how long was waited."""
        super().__init__(
            f"Another program has been writing to {url} for more than {seconds} s. {_WHAT_STAYS} Run it again when "
            "that program has ended."
        )


class DemoDatabaseMissing(ConfigurationError):
    """No database is named and the demo database has not been made."""

    def __init__(self, path: str) -> None:
        """Take the path at which the demo database would be."""
        super().__init__(
            f"There is no demo database at {path}, and METER_ASSETS_DATABASE_URL names no other. Make the demo "
            "database with 'meter-assets demo', or name yours, for example "
            "METER_ASSETS_DATABASE_URL=postgresql://user@host/billing."
        )


class UnsuitableSchema(ConfigurationError):
    """The database lacks tables or columns, or holds money in a type that cannot hold it exactly."""

    def __init__(self, url: str, problems: Sequence[str]) -> None:
        """Take the masked URL and every problem found, each a clause such as 'no table bills'."""
        self.problems = tuple(problems)
        super().__init__(
            f"The database {url} is not a billing database that can be migrated: {'; '.join(self.problems)}. "
            f"Point {NAMES_THE_DATABASE} at the billing database, or correct its tables; the README lists "
            "what each must have."
        )


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
        """Take the ids that were asked for in vain and the ids that exist."""
        self.unknown = tuple(unknown)
        word = "tenant" if len(unknown) == 1 else "tenants"
        super().__init__(f"No such {word}: {_first(unknown)}. The tenants of this database are: {_first(known)}.")


class UnknownRun(ConfigurationError):
    """A run was named that has not changed the tenant, or that cannot be rolled back to."""


class IllegalTenantId(ConfigurationError):
    """A tenant's id cannot be the key of a Dagster partition."""

    def __init__(self, tenant_ids: Sequence[str]) -> None:
        """Take the ids as text."""
        self.tenant_ids = tuple(tenant_ids)
        named = ", ".join(f"'{shown(one)}'" for one in tenant_ids[:MOST_NAMED])
        super().__init__(
            f"Not a legal tenant id: {named}. A tenant's id becomes the key of a Dagster partition "
            "and may hold letters, digits, '_' and '-' only; give that tenant another id."
        )


class NotWritable(ConfigurationError):
    """A live run was asked for, but the database may only be read."""

    def __init__(self, url: str, problems: Sequence[str], purpose: str = "migrate") -> None:
        """Take the masked URL, what is missing, each a clause, and what the role is for, as `grants` calls it."""
        self.problems = tuple(problems)
        super().__init__(
            f"A live run may not write to {url}: {'; '.join(self.problems)}. Nothing was changed. On PostgreSQL, "
            f"'meter-assets grants {purpose} ROLE' prints the SQL that lets a role do so; or add --dry-run to preview."
        )


class OwnTablesNotTrusted(ConfigurationError):
    """One of our own tables, or a function that our statements call, is not ours."""

    def __init__(self, url: str, problems: Sequence[str]) -> None:
        """Take the masked URL and what was found, each a clause."""
        self.problems = tuple(problems)
        super().__init__(
            f"Nothing more was read or written in {url}, since what is there is not as meter-assets made it: "
            f"{'; '.join(self.problems)}. It could run somebody else's statements with the rights of this role. Let "
            "the owner of the billing tables look at it, and drop it or take it over; 'meter-assets grants' prints the "
            "statements that make our own tables."
        )


class UnknownPolicy(ConfigurationError):
    """A policy's name or value is not one there is."""

    def __init__(self, problems: Sequence[str]) -> None:
        """Take one sentence per problem, each listing what is valid."""
        super().__init__(" ".join(problems))


class InvalidSettings(ConfigurationError):
    """An environment variable or the configuration file cannot be used."""


class ForbiddenRunConfig(ConfigurationError):
    """A run config names something that only the operator may name."""

    def __init__(self, what: str, may_name: str) -> None:
        """Take what it names, and what it may name and where that is allowed, each a clause."""
        super().__init__(f"The run config names {what}. Nothing was read or changed. {may_name}.")


class MissingPartition(ConfigurationError):
    """An asset or a check was launched without saying for which tenant."""

    def __init__(self, what: str) -> None:
        """Take the name of what was launched."""
        super().__init__(
            f"{what} was launched without a tenant. Nothing was changed. Everything here is partitioned by tenant: "
            "pick the tenant as partition when you materialize or launch it, or set the tag dagster/partition to the "
            "tenant's id where there is no partition to pick, as for a job of checks alone."
        )


class TenantLocked(StepError):
    """Another run holds the tenant."""

    def __init__(self, tenant_id: str, known: Sequence[str], holder: str | None) -> None:
        """Take the tenant, what is known of the run that holds it (each a clause), and that run's id."""
        self.tenant_id, self.holder = tenant_id, holder
        who = f"another run ({', '.join(known)})" if known else "another run"
        super().__init__(
            f"Tenant {tenant_id} is being changed by {who}. Nothing was changed by this run. Wait until that run has "
            "ended, or end it, and start again: the lock goes with its process."
        )


class TenantLockLost(StepError):
    """The connection that held the tenant was lost, and another run has begun to change it since."""

    def __init__(self, tenant_id: str) -> None:
        """Take the tenant."""
        self.tenant_id = tenant_id
        super().__init__(
            f"The connection that held tenant {tenant_id} was lost, and another run has taken the tenant since. What "
            "was under way was rolled back; batches that were made before stay, journaled. 'meter-assets history' "
            "shows both runs: when the other one has ended, look at the tenant, and run it again."
        )


class StepUnconfirmed(StepError):
    """A step was committed, but the connection was lost before the database said so."""

    def __init__(self, title: str) -> None:
        """Take the step in words."""
        super().__init__(
            f"{title} was made and committed, but the connection was lost before the database could say so. Run the "
            "tenant again: what is done stays, and the rest is made."
        )


class RowsKeepChanging(StepError):
    """Others change or hold the same rows each time that a step in batches comes to them."""

    def __init__(self, title: str, made: int, missed: int) -> None:
        """Take the step in words, how many rows it has changed, and how many it could not."""
        self.made, self.missed = made, missed
        super().__init__(
            f"{title} has changed {made:,} rows, which stay, journaled; {missed:,} rows were changed or held by others "
            "each time that it came to them. Run the tenant again, at a quieter time."
        )


class StoppedInBatches(StepError):
    """A step in batches could not go on after it had written some."""

    def __init__(self, title: str, made: int, why: str) -> None:
        """Take the step in words, how many rows it has changed, and what was wrong with the rest."""
        self.made = made
        super().__init__(f"{title} has changed {made:,} rows, which stay, journaled. Of the rest: {why}")


class NotAsRecorded(StepError):
    """What a step run wrote into our own tables is no longer there as it was recorded."""


class RecordsAltered(NotAsRecorded):
    """The record of a step run is not what was sealed when it ended."""

    def __init__(self, tenant_id: str, step: str, run_id: str, problem: str) -> None:
        """Take the tenant, the step and its run, and what is wrong, as a clause."""
        self.tenant_id, self.step, self.run_id = tenant_id, step, run_id
        super().__init__(
            f"The records of tenant {tenant_id} cannot be trusted, and nothing was changed: of {quoted(step)} of run "
            f"{quoted(run_id)}, {problem}. Somebody else has written to the tables meter_migration_runs, "
            "meter_migration_outcomes or meter_migration_commits. Put their rows back from the database's backup, and "
            "revoke the right to change them from whoever has it ('meter-assets grants' prints what each role needs); "
            "then run again."
        )


class JournalAltered(NotAsRecorded):
    """A journal or the backup has rows that a step run did not write, or other values than it wrote."""

    def __init__(self, tenant_id: str, title: str, table: str, problem: str) -> None:
        """Take the tenant, the step with its run, its table, and what is wrong with its rows, as a clause."""
        self.tenant_id, self.table = tenant_id, table
        super().__init__(
            f"The table {table} cannot be trusted for tenant {tenant_id}, and nothing was changed: of {title}, "
            f"{problem}. Somebody else has written there. Put the table's rows back from the database's backup, and "
            "revoke the right to write there from whoever has it ('meter-assets grants' prints what each role needs); "
            "then run again."
        )


class JournalIncomplete(NotAsRecorded):
    """Rows are missing that a rollback would restore from, or a whole table of them."""

    def __init__(self, tenant_id: str, title: str, table: str, recorded: int, there: int | None) -> None:
        """Take the tenant, the step with its run, its table, how many rows it recorded, and how many are there.

        That is None where the table is not there.
        """
        self.tenant_id, self.table, self.recorded, self.there = tenant_id, table, recorded, there
        if there is None:
            found = f"is not there, without which the {recorded:,} rows that {title} recorded cannot be undone"
        else:
            found = f"has {there:,} of the {recorded:,} rows that {title} recorded there"
        super().__init__(
            f"Tenant {tenant_id} cannot be rolled back so far, and nothing was undone: the table {table} {found}. Put "
            "the table or its rows back from the database's backup, then roll back again. Until then, later steps "
            "alone can be undone by naming their run: 'meter-assets rollback --run RUN_ID'."
        )


class BlockedByInvariants(StepError):
    """A step does not write because what it would read is not valid."""

    def __init__(self, step: str, tenant_id: str, broken: Mapping[str, tuple[int, str]]) -> None:
        """Take the step, the tenant, and per broken invariant its count of violations and one example."""
        self.step, self.tenant_id, self.broken = step, tenant_id, dict(broken)
        named = "; ".join(f"{name}: {count:,} violations, such as {one}" for name, (count, one) in broken.items())
        super().__init__(f"{step} of tenant {tenant_id} was refused, nothing was changed: {named}. {self._what_to_do}")

    @property
    def _what_to_do(self) -> str:
        if self.step == "meter_balances":
            return (
                "Mend these rows (the checks list them), then run the tenant again. To write all the same, set "
                "allow_invalid in the run config of meter_balances."
            )
        return (
            f"{self.step} comes after the migration: 'meter-assets migrate-meter-financials --tenant {self.tenant_id}' "
            "makes what it rests on, or names the rows to be mended. Then run it again."
        )


class StepInvariantBroken(StepError):
    """What a step had just written broke a law; the step was rolled back."""

    def __init__(self, step: str, tenant_id: str, broken: Mapping[str, tuple[int, str]]) -> None:
        """Take the step, the tenant, and per broken invariant its count of violations and one example."""
        self.step, self.tenant_id, self.broken = step, tenant_id, dict(broken)
        named = "; ".join(f"{name}: {count:,} violations, such as {one}" for name, (count, one) in broken.items())
        super().__init__(
            f"{step} of tenant {tenant_id} was rolled back whole: after its update, expected no violation, found "
            f"{named}. Look whether something else writes these rows (a trigger, a second program), then run again."
        )


class ConcurrentModification(StepError):
    """Rows no longer held what the journal recorded when the step came to write them."""

    def __init__(
        self, step: str, tenant_id: str, journaled: int, updated: int, rows: Iterable[Mapping[str, Any]]
    ) -> None:
        """Take the step, the tenant, both counts, and some of the rows with what was expected and found."""
        self.step, self.tenant_id, self.journaled, self.updated = step, tenant_id, journaled, updated
        self.rows = [dict(row) for row in rows]
        examples = "; ".join(", ".join(f"{key} {quoted(value)}" for key, value in row.items()) for row in self.rows)
        super().__init__(
            f"{step} of tenant {tenant_id} was rolled back whole: expected to update {journaled:,} rows, updated "
            f"{updated:,}, since others changed meanwhile ({examples or 'rows no longer there'}). Run the tenant again."
        )


class ColumnTooSmall(StepError):
    """A column cannot hold a value that a step would write."""

    def __init__(self, table: str, column: str, kind: str, row_id: Any, value: Any, count: int) -> None:
        """Take the table, the column and its type, one row's id and value, and how many rows do not fit."""
        self.table, self.column, self.row_id, self.value = table, column, row_id, value
        others = f" (and {count - 1:,} more rows)" if count > 1 else ""
        super().__init__(
            f"{table}.{column} is {kind} and cannot hold {value:,} of row {quoted(row_id)}{others}. The step was "
            f"rolled back whole. Widen the column (ALTER TABLE {table} ...), then run the tenant again."
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
