"""Errors of one step run of one tenant: locks, invariants, concurrent changes, and values that do not fit.

Add an error here when a step is refused or rolled back. Errors about altered records and journals are in `records`.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from meter_assets.errors.base import StepError
from meter_assets.foreign_text import quoted, shown
from meter_assets.formatting import counted


class TenantLocked(StepError):
    """Another run has locked the tenant."""

    is_refusal = True

    def __init__(self, tenant_id: str, known: Sequence[str], owner: str | None) -> None:
        """Take the tenant, what is known of the run that has locked it (each a clause), and that run's id."""
        self.tenant_id, self.owner = tenant_id, owner
        who = f"another run ({', '.join(known)})" if known else "another run"
        super().__init__(
            f"Tenant {tenant_id} is being changed by {who}. Nothing was changed by this run. Wait until that run has "
            "ended, or end it, and start again: the lock is released when its process ends."
        )


class PolicyDiffers(StepError):
    """A run has another policy than the one that the tenant was migrated with, and does not say that this is meant."""

    is_refusal = True

    def __init__(self, title: str, differences: Sequence[str]) -> None:
        """Take the step in words, and the fields that differ, each as "name: recorded -> given"."""
        self.differences = tuple(differences)
        super().__init__(
            f"{title} was refused, nothing was changed: the tenant was migrated with another policy or mapping "
            f"(recorded -> given: {'; '.join(differences)}). Run it with the recorded one: METER_ASSETS_CONFIG names "
            "the configuration file. If the change is meant, add --policy-changed (in a run config: policy_changed of "
            "the resource policy)."
        )


class TenantLockLost(StepError):
    """The connection with the tenant's lock was lost, and another run has started to change the tenant since."""

    def __init__(self, tenant_id: str) -> None:
        """Take the tenant."""
        self.tenant_id = tenant_id
        super().__init__(
            f"The connection with the lock of tenant {tenant_id} was lost, and another run has locked the tenant "
            "since. The current transaction was rolled back; earlier batches stay in place, journaled. 'meter-assets "
            "history' shows both runs: when the other one has ended, check the tenant, and run it again."
        )


class StepUnconfirmed(StepError):
    """A step was committed, but the connection was lost before the database confirmed it."""

    def __init__(self, title: str) -> None:
        """Take the step in words."""
        super().__init__(
            f"{title} was written and committed, but the connection was lost before the database confirmed it. Run the "
            "tenant again: finished steps stay as they are, and the remaining steps run."
        )


class RowsKeepChanging(StepError):
    """Other programs change or lock the same rows in every round of a step in batches."""

    def __init__(self, title: str, changed: int, missed: int) -> None:
        """Take the step in words, how many rows it has changed, and how many it could not change."""
        self.changed, self.missed = changed, missed
        super().__init__(
            f"{title} has changed {changed:,} rows, which stay, journaled; {missed:,} rows were changed or locked by "
            "other programs in every attempt. Run the tenant again, at a quieter time."
        )


class RowsChangedSincePlan(StepError):
    """Other programs changed or deleted rows of a step between its plan and its write."""

    def __init__(self, title: str, rows: int) -> None:
        """Take the step in words, and how many rows were changed."""
        self.rows = rows
        super().__init__(
            f"{title} was rolled back: other programs changed {rows:,} of its rows after it had read them. Run the "
            "tenant again, or with --batch-size."
        )


class StoppedInBatches(StepError):
    """A step in batches stopped after it had committed some of them."""

    def __init__(self, title: str, changed: int, why: str) -> None:
        """Take the step in words, how many rows it has changed, and why the other rows could not be changed."""
        self.changed = changed
        super().__init__(f"{title} has changed {changed:,} rows, which stay, journaled. Of the rest: {why}")


class SessionChanged(StepError):
    """The server executes a batch in another session than the plan of its step."""

    def __init__(self, title: str) -> None:
        """Take the step in words."""
        super().__init__(
            f"{title} was stopped before its next batch: the server executed it in another session than the plan, "
            "which is in temporary tables. A pooler in transaction pooling does so. Finished batches stay, journaled. "
            "To continue from there, use the server's own port or a pool in session pooling, or run without "
            "--batch-size (batch_size)."
        )


_FIX_THE_ROWS = "Fix these rows, or set the policy that says what they mean (the checks list both); then run again."
_MOST_REMEDIES = 3
"""With more violated invariants, a message refers to the checks instead of telling what to do about each."""


class BlockedByInvariants(StepError):
    """A step does not write because the rows that it reads violate an invariant."""

    def __init__(
        self,
        step: str,
        tenant_id: str,
        violated: Mapping[str, tuple[int, str]],
        *,
        remedies: Sequence[str] = (),
        of_values: bool = False,
    ) -> None:
        """Take the step, the tenant, and per violated invariant its count of violations and one example.

        `remedies` says what to do about each of them. With `of_values`, the invariants are about stored values, which
        every step checks.
        """
        self.step, self.tenant_id, self.violated = step, tenant_id, dict(violated)
        few = 0 < len(remedies) <= _MOST_REMEDIES
        self._fix = f"What to do: {' '.join(dict.fromkeys(remedies))}" if few else _FIX_THE_ROWS
        advice = self._fix if of_values else self._what_to_do
        super().__init__(f"{step} of tenant {tenant_id} was refused, nothing was changed: {_named(violated)}. {advice}")

    @property
    def _what_to_do(self) -> str:
        if self.step == "invoice_amounts":
            return self._fix
        if self.step == "meter_balances":
            return (
                f"{self._fix} To write despite the violations, set allow_invalid in the run config of meter_balances."
            )
        return (
            f"{self.step} runs after the migration: 'meter-assets migrate-meter-financials --tenant {self.tenant_id}' "
            "creates what it depends on, or names the rows to fix. Then run it again."
        )


class StepInvariantViolated(StepError):
    """The rows that a step wrote violated an invariant; the step was rolled back."""

    def __init__(self, step: str, tenant_id: str, violated: Mapping[str, tuple[int, str]]) -> None:
        """Take the step, the tenant, and per violated invariant its count of violations and one example."""
        self.step, self.tenant_id, self.violated = step, tenant_id, dict(violated)
        super().__init__(
            f"{step} of tenant {tenant_id} was rolled back: after its update, expected no violation, found "
            f"{_named(violated)}. Check whether something else writes these rows (a trigger, another program), then "
            "run again."
        )


class ConcurrentModification(StepError):
    """Rows did not have the values in the journal when the step updated them."""

    def __init__(
        self, step: str, tenant_id: str, journaled: int, updated: int, rows: Iterable[Mapping[str, Any]]
    ) -> None:
        """Take the step, the tenant, both counts, and some of the rows with what was expected and found."""
        self.step, self.tenant_id, self.journaled, self.updated = step, tenant_id, journaled, updated
        self.rows = [dict(row) for row in rows]
        examples = "; ".join(", ".join(f"{key} {quoted(value)}" for key, value in row.items()) for row in self.rows)
        super().__init__(
            f"{step} of tenant {tenant_id} was rolled back: expected to update {journaled:,} rows, updated "
            f"{updated:,}, because other programs changed rows at the same time ({examples or 'rows were deleted'}). "
            "Run the tenant again."
        )


class TriggerInterfered(StepError):
    """A trigger or a rule of the database kept rows from being written, or altered what was written."""

    def __init__(
        self,
        step: str,
        tenant_id: str,
        table: str,
        triggers: Sequence[object],
        rows: Sequence[Mapping[str, Any]],
        count: int,
        was_kept: bool,
    ) -> None:
        """Take the step, the tenant, the written table, its triggers, some of the rows, how many, and what happened."""
        self.step, self.tenant_id, self.table, self.rows = step, tenant_id, table, [dict(row) for row in rows]
        examples = "; ".join(", ".join(f"{key} {quoted(value)}" for key, value in row.items()) for row in self.rows)
        what = "kept from being written" if was_kept else "altered when they were written"
        super().__init__(
            f"{step} of tenant {tenant_id} was rolled back: {count:,} rows of {table} were {what}, by a trigger or a "
            f"rule of the database: {'; '.join(map(str, triggers))}. For example {examples}. {_disable(table)}"
        )


class TriggerChangedOthers(StepError):
    """Triggers changed money in billing tables that the step does not write and that a rollback would not restore."""

    def __init__(
        self, step: str, tenant_id: str, table: str, triggers: Sequence[object], changed: Sequence[str]
    ) -> None:
        """Take the step, the tenant, the written table, its triggers, and what else changed, each a clause."""
        self.step, self.tenant_id, self.table, self.changed = step, tenant_id, table, tuple(changed)
        super().__init__(
            f"{step} of tenant {tenant_id} was rolled back: writing {table} also changed {'; '.join(changed)}. No "
            f"journal has these changes, so that no rollback would restore them. The triggers and rules of {table}: "
            f"{'; '.join(map(str, triggers))}. {_disable(table)}"
        )


class ConstraintViolated(StepError):
    """A constraint of the database does not allow what a step would write."""

    def __init__(
        self, step: str, tenant_id: str, constraint: str, definition: str, row: Mapping[str, Any], count: int, fix: str
    ) -> None:
        """Take the step, the tenant, the constraint, one row that would violate it, how many, and how to drop it."""
        self.step, self.tenant_id, self.constraint, self.row, self.count = step, tenant_id, constraint, dict(row), count
        example = ", ".join(f"{key} {quoted(value)}" for key, value in row.items())
        super().__init__(
            f"{step} of tenant {tenant_id} cannot be written: {count:,} rows would violate the constraint "
            f"{quoted(constraint)}, {shown(definition)}, such as {example}. Correct these rows, or "
            f"change the constraint ({fix}); then run the tenant again."
        )


class NothingToWrite(StepError):
    """The database has none of the columns that a step writes in a form that can be written."""

    is_refusal = True

    def __init__(self, step: str, table: str, columns: Sequence[str]) -> None:
        """Take the step, its billing table, and the columns that it would write."""
        self.step, self.table, self.columns = step, table, tuple(columns)
        named = ", ".join(f'"{one}"' for one in columns)
        super().__init__(
            f"{step} has nothing to write: the database has none of {table}.{', '.join(columns)} as a column that can "
            f"be written. Nothing was changed. Keep them in a table of ours, with results = [{named}] in "
            f"[tables.{table}] of the configuration file; or let the owner add the columns."
        )


class ColumnTooSmall(StepError):
    """A column cannot hold a value that a step would write."""

    def __init__(self, table: str, column: str, kind: str, row_id: Any, value: Any, count: int) -> None:
        """Take the table, the column and its type, one row's id and value, and how many rows do not fit."""
        self.table, self.column, self.row_id, self.value = table, column, row_id, value
        others = f" (and {count - 1:,} more rows)" if count > 1 else ""
        super().__init__(
            f"{table}.{column} is {kind} and cannot hold {value:,} of row {quoted(row_id)}{others}. The step was "
            f"rolled back. Widen the column (ALTER TABLE {table} ...), then run the tenant again."
        )


def _disable(table: str) -> str:
    return (
        f"Disable the trigger while the tenant is migrated (ALTER TABLE {table} DISABLE TRIGGER ...; on SQLite, drop "
        "it and create it again), or change it; then run the tenant again."
    )


def _named(violated: Mapping[str, tuple[int, str]]) -> str:
    """Return the violated invariants in words, each with its count and an example."""
    return "; ".join(f"{name}: {counted(count, 'violation')}, such as {one}" for name, (count, one) in violated.items())
