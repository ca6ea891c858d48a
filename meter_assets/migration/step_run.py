"""What a step run is to do: its change, on which relations, and the laws that it must keep. Writes nothing.

Undoing a step is a step like others: what it changes is in `changes.undo`. How a step is made is in `apply`.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select

from meter_assets.billing.relations import BillingRelations, billing_relations
from meter_assets.billing.schema import JOURNALED, BillingSchema
from meter_assets.errors import BlockedByInvariants, StepInvariantBroken
from meter_assets.migration.evaluation import broken, judge
from meter_assets.migration.run_history import StepRun
from meter_assets.rules.invariants import INVARIANTS, Group, Invariant, Severity, blocking, of_group
from meter_assets.rules.steps import CHANGES, Change
from meter_assets.rules.undo import made_later, undo


@dataclass(frozen=True)
class Laws:
    """What must hold for a step: before it writes, about the rows that it wrote, and about the tenant afterwards."""

    before: tuple[Invariant, ...] = ()
    of_written_rows: tuple[Invariant, ...] = ()
    after: tuple[Invariant, ...] = ()


def _named(*names: str) -> tuple[Invariant, ...]:
    return tuple(one for one in INVARIANTS if one.name in names)


_BALANCES = tuple(one for one in of_group(Group.balances) if one.severity is Severity.ERROR)
LAWS = {
    "payment_meter_ids": Laws(of_written_rows=_named("every_payment_meter_exists_in_its_tenant")),
    "invoice_amounts": Laws(
        of_written_rows=_named(
            "every_counted_invoice_adds_up",
            "every_uncounted_invoice_adds_up",
            "every_counted_invoice_equals_its_lines",
            "every_uncounted_invoice_equals_its_lines",
        )
    ),
    "customer_balances_backup": Laws(after=of_group(Group.backup)),
    "meter_balances": Laws(before=blocking(), after=_BALANCES),
    "customer_balances": Laws(before=(*of_group(Group.backup), *_BALANCES)),
}
_NO_LAWS = Laws()


@dataclass(frozen=True)
class Work:
    """One step run's change, the relations that it is computed on, and the laws that it must keep."""

    run: StepRun
    relations: BillingRelations
    change: Change
    laws: Laws

    @property
    def schema(self) -> BillingSchema:
        """The tables."""
        return self.relations.schema

    def require_laws_before(self, connection: Connection) -> None:
        """Raise BlockedByInvariants where what the step would read is not valid, unless that is allowed."""
        if self.run.allow_invalid:
            return
        found = broken(judge(connection, self.laws.before, self.relations, self.run.policy))
        if found:
            raise BlockedByInvariants(self.run.step, self.run.tenant.key, found)

    def require_laws_after(
        self, connection: Connection, relations: BillingRelations, written: Select[Any], *, of_the_tenant: bool = True
    ) -> None:
        """Raise StepInvariantBroken where these relations, with the rows written, break a law of the step.

        Unless it is to be `of_the_tenant`, only what is said of each row written is judged.
        """
        of_rows, after, policy = self.laws.of_written_rows, self.laws.after, self.run.policy
        if not of_the_tenant:
            row_id = JOURNALED[self.change.name][1]
            of_rows, after = (*of_rows, *(one for one in after if one.subject == row_id)), ()
        found = broken(
            judge(connection, of_rows, relations, policy, only_ids=written)
            + judge(connection, after, relations, policy)
        )
        if found:
            raise StepInvariantBroken(self.run.step, self.run.tenant.key, found)


def work_of(schema: BillingSchema, run: StepRun) -> Work:
    """Return what a step run is to do."""
    if run.undoes is None:
        relations = billing_relations(schema, run.tenant.id)
        return Work(run, relations, CHANGES[run.step](relations, run.policy), LAWS[run.step])
    relations = billing_relations(schema, run.tenant.id, deleted_too=True)
    kept = made_later(schema, run.tenant.id, run.step, run.undoes.id)
    change = undo(relations, run.step, run.undoes.id, run.undoes.run_id, kept)
    return Work(run, relations, change, _NO_LAWS)
