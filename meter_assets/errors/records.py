"""Errors about our own tables: records, journals or backups that are no longer as they were written.

Add an error here when the stored record of a step run cannot be trusted or is incomplete. Errors about tables that
another role created are in `database`.
"""

from collections.abc import Sequence

from meter_assets.errors.base import StepError
from meter_assets.foreign_text import quoted


class NotAsRecorded(StepError):
    """What a step run wrote into our own tables is missing or was changed."""


class RecordsAltered(NotAsRecorded):
    """The record of a step run does not match the seal that was stored when the step run ended."""

    def __init__(self, tenant_id: str, step: str, run_id: str, problem: str) -> None:
        """Take the tenant, the step and its run, and what is wrong, as a clause."""
        self.tenant_id, self.step, self.run_id = tenant_id, step, run_id
        super().__init__(
            f"The records of tenant {tenant_id} cannot be trusted, and nothing was changed. For {quoted(step)} of run "
            f"{quoted(run_id)}: {problem}. Another program has written to the tables meter_migration_runs, "
            "meter_migration_outcomes or meter_migration_commits. Restore their rows from the database's backup, and "
            "revoke the right to change them from every other role ('meter-assets grants' prints what each role "
            "needs); then run again."
        )


class JournalAltered(NotAsRecorded):
    """A journal or the backup has rows or values that no step run wrote."""

    def __init__(self, tenant_id: str, title: str, table: str, problem: str) -> None:
        """Take the tenant, the step with its run, its table, and what is wrong with its rows, as a clause."""
        self.tenant_id, self.table = tenant_id, table
        super().__init__(
            f"The table {table} cannot be trusted for tenant {tenant_id}, and nothing was changed. For {title}: "
            f"{problem}. Another program has written to this table. Restore the table's rows from the database's "
            "backup, and revoke the right to write there from every other role ('meter-assets grants' prints what "
            "each role needs); then run again."
        )


class WrittenElsewhere(NotAsRecorded):
    """A rollback would write into other tables or columns than the step that it undoes."""

    def __init__(self, tenant_id: str, step: str, run_id: str, differences: Sequence[str]) -> None:
        """Take the tenant, the step and its run, and what differs, each as "name: recorded -> given"."""
        self.tenant_id, self.step, self.run_id, self.differences = tenant_id, step, run_id, tuple(differences)
        super().__init__(
            f"Tenant {tenant_id} cannot be rolled back so far, and nothing was undone: {quoted(step)} of run "
            f"{quoted(run_id)} was made with another mapping (recorded -> given: {'; '.join(differences)}). Roll back "
            "with the mapping of that run: METER_ASSETS_CONFIG names the configuration file. If the tables or columns "
            "were renamed since, add --allow-unverified."
        )


class JournalIncomplete(NotAsRecorded):
    """Rows that a rollback needs are missing, or their whole table is."""

    def __init__(self, tenant_id: str, title: str, table: str, recorded: int, there: int | None) -> None:
        """Take the tenant, the step with its run, its table, how many rows it recorded, and how many exist.

        Without the table, the last is None.
        """
        self.tenant_id, self.table, self.recorded, self.there = tenant_id, table, recorded, there
        if there is None:
            found = f"does not exist; without it, the {recorded:,} rows that {title} recorded cannot be undone"
        else:
            found = f"has {there:,} of the {recorded:,} rows that {title} recorded there"
        super().__init__(
            f"Tenant {tenant_id} cannot be rolled back so far, and nothing was undone: the table {table} {found}. "
            "Restore the table or its rows from the database's backup, then roll back again. Until then, only later "
            "steps can be undone, by naming their run: 'meter-assets rollback --run RUN_ID'."
        )
