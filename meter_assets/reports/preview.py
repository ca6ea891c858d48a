"""The dry run: all steps composed in one read-only snapshot, and the laws judged on what they would leave behind.

Nothing is written and no lock is taken. Each step sees what the steps before it would have done. The changes are the
objects that `apply` makes real, so the two cannot disagree.
"""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from sqlalchemy import Connection, FromClause, func, select

from meter_assets.billing.money import exact, total
from meter_assets.billing.policy import BalanceBasis, Policy
from meter_assets.billing.relations import BillingRelations, as_text, billing_relations
from meter_assets.errors import ColumnTooSmall
from meter_assets.foreign_text import LONGEST_NAME, Shown, file_name
from meter_assets.migration.database import BillingDatabase, Tenant
from meter_assets.migration.evaluation import Verdict, judge
from meter_assets.migration.journal import require_room
from meter_assets.migration.step_report import SHOWN_ROWS, StepReport, step_report, take_stock
from meter_assets.migration.step_run import LAWS
from meter_assets.reports.export import export_changed
from meter_assets.rules.invariants import INVARIANTS, Invariant, Severity, about
from meter_assets.rules.steps import CHANGES, MIGRATION, Change
from meter_assets.rules.steps.meter_balances import balance_bases


class StatusTally(BaseModel):
    """One status that payments or invoices have, with its rows and money, and whether it counts."""

    table: str
    status: Shown | None
    counted: bool
    rows: int
    money: Decimal


class BalanceBases(BaseModel):
    """The meters that the two balance bases bill differently, and what they are billed on each (currency units)."""

    meters: int
    charges_and_opening_balance: Decimal
    invoice_totals: Decimal
    largest: list[dict[str, Shown]]


class Preview(BaseModel):
    """Everything that a migration of one tenant would do."""

    tenant: str
    name: Shown
    policy: dict[str, Any]
    steps: list[StepReport]
    statuses: list[StatusTally]
    bases: BalanceBases
    obstacles: list[str]
    verdicts: list[Verdict] | None

    def step(self, name: str) -> StepReport:
        """Return the report of one step."""
        return next(one for one in self.steps if one.step == name)

    @property
    def would_fail(self) -> bool:
        """Whether the same run, live, would fail: an ERROR law would be broken, or a value would not fit."""
        broken = any(one.severity is Severity.ERROR and not one.holds for one in self.verdicts or ())
        return broken or bool(self.obstacles)


def preview(
    database: BillingDatabase,
    tenant: Tenant,
    policy: Policy,
    *,
    steps: Sequence[str] = MIGRATION,
    validate: bool = True,
    export: Path | None = None,
) -> Preview:
    """Preview the steps of one tenant, in this order, in one read-only snapshot.

    With `validate` the laws that bear on the steps are judged as they would be afterwards. With `export`, every row
    that would change is written to `<export>/<tenant>/<change>.csv`, streamed. Raises what `BillingDatabase.snapshot`
    and `schema` raise, and InvalidSettings for a folder that cannot be written.
    """
    with database.snapshot() as connection:
        relations = billing_relations(database.schema(connection), tenant.id)
        statuses = _statuses(connection, relations, policy)
        reports, obstacles = [], []
        for step in steps:
            change = CHANGES[step](relations, policy)
            after = relations.after(change)
            changed = change.as_cte()
            reports.append(
                step_report(connection, change, relations, changed, take_stock(connection, change, relations))
            )
            obstacles += _obstacles(connection, change, relations, changed)
            if export is not None:
                export_changed(connection, change, export / file_name(tenant.key, LONGEST_NAME), change.name)
            relations = after
        bases = _bases(connection, relations, policy)
        verdicts = judge(connection, _laws(steps), relations, policy) if validate else None
    return Preview(
        tenant=tenant.key,
        name=tenant.name,
        policy=policy.model_dump(mode="json"),
        steps=reports,
        statuses=statuses,
        bases=bases,
        obstacles=obstacles,
        verdicts=verdicts,
    )


def _laws(steps: Sequence[str]) -> list[Invariant]:
    """Return the laws that bear on these steps, and those without which the live steps would be refused."""
    kept = {law.name for step in steps for law in (*LAWS[step].before, *LAWS[step].after)}
    bearing = about(steps)
    return [law for law in INVARIANTS if law in bearing or law.name in kept]


def _obstacles(connection: Connection, change: Change, relations: BillingRelations, changed: FromClause) -> list[str]:
    try:
        require_room(connection, change, relations.schema, changed)
    except ColumnTooSmall as error:
        return [str(error)]
    return []


def _statuses(connection: Connection, relations: BillingRelations, policy: Policy) -> list[StatusTally]:
    found = []
    for table, money in (("payments", "amount"), ("invoices", "total_amount")):
        row = relations.rows[table]
        counted = relations.is_counted(table, row, policy)
        labelled = select(
            as_text(row.c.status).label("status"), counted.label("counted"), exact(row.c[money]).label("money")
        )
        one = labelled.subquery("labelled")
        grouped = select(one.c.status, one.c.counted, func.count().label("rows"), total(one.c.money).label("money"))
        for tally in connection.execute(grouped.group_by(one.c.status, one.c.counted).order_by(one.c.status)):
            found.append(
                StatusTally(
                    table=table, status=tally.status, counted=bool(tally.counted), rows=tally.rows, money=tally.money
                )
            )
    return found


def _bases(connection: Connection, relations: BillingRelations, policy: Policy) -> BalanceBases:
    meter = balance_bases(relations, policy).order_by(None).subquery("differing")
    names = [basis.value for basis in BalanceBasis]
    sums = connection.execute(select(func.count(), *(total(meter.c[name]) for name in names))).one()
    largest: list[dict[str, str]] = []
    if sums[0]:
        rows = connection.execute(balance_bases(relations, policy).limit(SHOWN_ROWS)).mappings()
        largest = [{key: str(value) for key, value in row.items() if key != "tenant_id"} for row in rows]
    return BalanceBases(meters=sums[0], charges_and_opening_balance=sums[1], invoice_totals=sums[2], largest=largest)
