"""The dry run of a migration: it composes all steps in one read-only snapshot and evaluates the invariants afterwards.

It writes nothing and takes no lock. Each step reads the rows as the previous steps would have written them. `apply`
runs the same changes, so the two cannot disagree. Add here what a preview shows; `reports.tables` formats it.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, computed_field
from sqlalchemy import Connection, Select, func, select

from meter_assets.billing.change import Change
from meter_assets.billing.ledger import balance_bases
from meter_assets.billing.money import total
from meter_assets.billing.policy import BalanceBasis, Policy
from meter_assets.billing.relations import BillingRelations
from meter_assets.billing.schema import BillingSchema
from meter_assets.foreign_text import Shown, plain_text
from meter_assets.migration.backup import with_backup_first
from meter_assets.migration.database import BillingDatabase, Tenant
from meter_assets.migration.evaluation import InvariantResult, evaluate
from meter_assets.migration.recorded_policy import differences_from_recorded
from meter_assets.migration.reviewed_plans.files import CSV
from meter_assets.migration.reviewed_plans.manifest import folder_of
from meter_assets.migration.reviewed_plans.rows import newest_step_run
from meter_assets.migration.snapshot import tried_again
from meter_assets.migration.stages import Moment, Situation, problems
from meter_assets.migration.step_report import SHOWN_ROWS, Money, StepReport, step_report, summarize_change
from meter_assets.migration.step_run import PreparedStep, prepare
from meter_assets.migration.temporary_tables import READ_OFTEN, TemporaryTables, materialized
from meter_assets.reports.differences.by_customer import TenantDifferences, summarized
from meter_assets.reports.differences.view import INVOICE_AMOUNTS, View, journaled_amounts
from meter_assets.reports.export import PlanExport
from meter_assets.reports.treatments import (
    BillTypeSummary,
    StatusSummary,
    bill_types_found,
    statuses_found,
    unread_columns,
)
from meter_assets.rules.invariants import INVARIANTS, Group, Invariant, Severity
from meter_assets.rules.steps import MIGRATION, STEPS, guarded_step, invariants_about

EXAMINED = 500
"""Of so many customers whose figures differ most, a preview finds the causes; the command differences, of all."""


class BalanceBases(BaseModel):
    """The meters for which the two balance bases differ, and the sums billed on each basis (currency units)."""

    meters: int
    charges_and_opening_balance: Money
    invoice_totals: Money
    largest: list[dict[str, Shown]]


class Preview(BaseModel):
    """Everything that a migration of one tenant would do."""

    tenant: str
    name: Shown
    policy: dict[str, Any]
    policy_differences: list[str] = []
    """The values in which it differs from the policy that the tenant was migrated with."""
    steps: list[StepReport]
    statuses: list[StatusSummary]
    bill_types: list[BillTypeSummary] = []
    unread_columns: list[str] = []
    """Columns that may mark deleted rows, but are not read: each as table.column."""
    bases: BalanceBases
    obstacles: list[str]
    results: list[InvariantResult] | None
    header: list[str] = Field(default_factory=list)
    """Where the tables are, and whether the server may lag behind; empty in reports of version 1.2."""
    differences: TenantDifferences | None = None
    """Why meters would owe something else than their customers; None if their balances are not previewed."""
    triggers: list[Shown] = Field(default_factory=list)
    """The triggers that fire when these steps write."""

    def step(self, name: str) -> StepReport:
        """Return the report of one step."""
        return next(one for one in self.steps if one.step == name)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def would_fail(self) -> bool:
        """Whether the live run would fail: an ERROR invariant would be violated, or a value would not fit."""
        violated = any(one.severity is Severity.ERROR and not one.passed for one in self.results or ())
        return violated or bool(self.obstacles)


@tried_again
def preview(
    database: BillingDatabase,
    tenant: Tenant,
    policy: Policy,
    *,
    policy_changed: bool = False,
    steps: Sequence[str] = MIGRATION,
    validate: bool = True,
    export: Path | None = None,
    export_format: str = CSV,
) -> Preview:
    """Preview the steps of one tenant, in this order, in one read-only snapshot; the backup first if it is missing.

    With `validate`, the invariants related to the steps are evaluated as they would be afterwards. With `export`, every
    row that would change is written to `<export>/<tenant>/<change>.csv` (or another format), streamed, and in the end
    the manifest that makes them a plan. A policy that differs from the one
    that the tenant was migrated with is an obstacle, unless `policy_changed` says that it is meant. Raises what
    `BillingDatabase.snapshot` and `schema` raise, and InvalidSettings for a folder that cannot be written.
    """
    plan = None if export is None else PlanExport(folder_of(export, tenant.key), export_format)
    with database.read(policy) as snapshot:
        connection, tables = snapshot.connection, snapshot.tables
        before = relations = materialized(snapshot.relations(tenant.id), tables, *READ_OFTEN)
        statuses, bill_types = statuses_found(connection, relations), bill_types_found(connection, relations)
        unread = list(unread_columns(snapshot.schema, policy))
        evaluations = _Evaluations(connection)
        steps = with_backup_first(connection, relations, steps)
        reports: list[StepReport] = []
        differences = differences_from_recorded(connection, snapshot.schema, tenant.id, policy)
        obstacles = [_refusal(tenant, differences)] if differences and not policy_changed else []
        amounts = list(journaled_amounts(snapshot, tenant))
        for name in steps:
            step = prepare(STEPS[name], tenant.key, relations, allow_invalid=not validate)
            change, report, problems_found, relations = _preview_step(connection, step, tables, evaluations)
            reports.append(report)
            obstacles += problems_found
            if name == INVOICE_AMOUNTS:
                amounts.append(change.rows)
            if plan is not None:
                plan.add(connection, change, before, report)
        newest = newest_step_run(connection, snapshot.schema, tenant.id)
        bases = _bases(connection, relations)
        results = evaluations.of(_related_to(steps), relations) if validate else None
        found_differences = None
        if MIGRATION[-1] in steps:
            stored = snapshot.relations(tenant.id, deleted_too=True)
            view = View(connection, relations, stored, amounts, planned=True)
            found_differences = summarized(view, tenant, shown=SHOWN_ROWS, examined=EXAMINED)
    found = Preview(
        tenant=tenant.key,
        name=tenant.name,
        policy=policy.model_dump(mode="json"),
        policy_differences=differences,
        steps=reports,
        statuses=statuses,
        bill_types=bill_types,
        unread_columns=unread,
        bases=bases,
        obstacles=obstacles,
        results=results,
        header=database.header(snapshot.schema),
        triggers=triggers_of(snapshot.schema, steps),
        differences=found_differences,
    )
    if plan is not None:
        plan.finish(database, tenant, policy, newest, would_fail=found.would_fail)
    return found


def _refusal(tenant: Tenant, differences: Sequence[str]) -> str:
    return (
        f"The live run would be refused: tenant {tenant.key} was migrated with another policy or mapping (recorded -> "
        f"given: {'; '.join(differences)}). If the change is meant, add --policy-changed."
    )


def triggers_of(schema: BillingSchema, steps: Sequence[str]) -> list[str]:
    """Return the triggers and rules that fire when these steps write, each in words."""
    targets = dict.fromkeys(STEPS[step].target for step in steps)
    return [str(trigger) for target in targets for trigger in schema.catalogue.triggers_of(target)]


def _preview_step(
    connection: Connection, prepared: PreparedStep, tables: TemporaryTables | None, evaluations: "_Evaluations"
) -> tuple[Change, StepReport, list[str], BillingRelations]:
    """Run the stages of a step; return its change, its report, the obstacles, and the relations after the change.

    Violated invariants that would block the step are not among the obstacles: the preview reports each of them.
    """
    relations = prepared.relations
    list(problems(connection, Moment.before, Situation(prepared, relations), evaluations.evaluate))
    step = prepared.computed(tables)
    change, after = step.change, relations.after(step.change)
    changed = change.changed
    report = step_report(connection, change, relations, changed, summarize_change(connection, change, relations))
    found = list(problems(connection, Moment.computed, Situation(step, relations, changed), evaluations.evaluate))
    evaluations.forget(change.name)
    found += problems(connection, Moment.written, Situation(step, after, changed), evaluations.evaluate)
    return change, report, [str(one) for one in found], after


class _Evaluations:
    """The results of one preview: each invariant is evaluated once, until a step may have changed the rows it reads.

    A step that has checks never changes rows that the invariants of earlier steps read; one without may change any.
    """

    def __init__(self, connection: Connection) -> None:
        """Take the connection of the preview's snapshot."""
        self._connection = connection
        self._known: dict[str, InvariantResult] = {}

    def of(self, invariants: Iterable[Invariant], relations: BillingRelations) -> list[InvariantResult]:
        """Return the results of these invariants on these relations; evaluate those that are not known."""
        wanted = list(invariants)
        missing = [one for one in wanted if one.name not in self._known]
        self._known |= {one.name: one for one in evaluate(self._connection, missing, relations)}
        return [self._known[one.name] for one in wanted]

    def evaluate(
        self, invariants: Iterable[Invariant], relations: BillingRelations, only_ids: Select[Any] | None
    ) -> list[InvariantResult]:
        """Return results for a stage; what the whole tenant passes is not evaluated again for `only_ids`.

        Values are looked at in all tables: what is known of them is known for every step.
        """
        wanted, relations = list(invariants), relations.checking_values_of(None)
        results = self.of(wanted, relations)
        if only_ids is None:
            return results
        return [
            whole if whole.passed else evaluate(self._connection, [one], relations, only_ids=only_ids)[0]
            for one, whole in zip(wanted, results, strict=True)
        ]

    def forget(self, step: str) -> None:
        """Forget the results that a step may change: those of its own invariants and of later steps' invariants."""
        order = list(STEPS)
        later = order[order.index(step) :] if STEPS[step].checks else order
        kept = (
            (Group.values,) if STEPS[step].checks else ()
        )  # what steps with checks write are values that they computed
        self._known = {
            name: one
            for name, one in self._known.items()
            if one.group in kept or guarded_step(Group(one.group)) not in later
        }


def _related_to(steps: Sequence[str]) -> list[Invariant]:
    """Return the invariants about the rows of these steps, and the guards of the live steps."""
    guards = [STEPS[step].guards for step in steps]
    kept = {one.name for guard in guards for one in (*guard.values, *guard.before, *guard.after)}
    about = invariants_about(steps)
    return [one for one in INVARIANTS if one in about or one.name in kept]


def _bases(connection: Connection, relations: BillingRelations) -> BalanceBases:
    meter = balance_bases(relations).order_by(None).subquery("differing")
    names = [basis.value for basis in BalanceBasis]
    sums = connection.execute(select(func.count(), *(total(meter.c[name]) for name in names))).one()
    largest: list[dict[str, str]] = []
    if sums[0]:
        rows = connection.execute(balance_bases(relations).limit(SHOWN_ROWS)).mappings()
        largest = [{key: plain_text(value) for key, value in row.items() if key != "tenant_id"} for row in rows]
    return BalanceBases(meters=sums[0], charges_and_opening_balance=sums[1], invoice_totals=sums[2], largest=largest)
