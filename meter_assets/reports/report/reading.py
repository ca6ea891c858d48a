"""Reads the parts of a report that nothing else shows: changes by rule, money before and after, runs, decisions.

Add here a further part that must be read. The report is composed in `contents`.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from pydantic import BaseModel
from sqlalchemy import ColumnElement, Connection, RowMapping, Select, and_, func, select

from meter_assets.billing.conservation import CHARGES, OPENINGS, PAYMENTS, moved_money
from meter_assets.billing.decisions import newest
from meter_assets.billing.ledger import net
from meter_assets.billing.money import exact, or_zero, total
from meter_assets.billing.own_tables import BACKUP, DECISIONS, OF_DECISION, RUNS
from meter_assets.billing.relations import BillingRelations
from meter_assets.billing.step_runs import in_force
from meter_assets.billing.transactions import assigned_in_force
from meter_assets.foreign_text import Shown
from meter_assets.formatting import in_utc
from meter_assets.migration.database import Tenant
from meter_assets.migration.run_history import RunRecord, StepRunRecord, recorded_steps_of
from meter_assets.migration.snapshot import Snapshot
from meter_assets.migration.step_report import BeforeAfter, Money
from meter_assets.rules.steps import MIGRATION, STEPS, Step
from meter_assets.rules.steps.customer_balances_backup import FIRST_BACKUP

ZERO = Decimal("0.00")


class RuleChange(BaseModel):
    """The journaled changes in force of one step by one rule, with the sums of money over their rows."""

    step: str
    rule: Shown
    rows: int
    sums: dict[str, BeforeAfter]
    """By column of money. A row that several runs have changed is in it once for each of them."""
    worth: Money | None = None
    """The money of the rows of a step that changes no money: of payments their amounts."""


class MetersMoney(BaseModel):
    """What a tenant's meters owe together, less what they are owed."""

    before: Money
    """Before the first step run in force that wrote them."""
    after: Money
    """As the newest such step run left them; as a migration would leave them, if there is none."""
    now: Money
    """As stored today."""


class Conservation(BaseModel):
    """The two ways to sum the same money: by transactions, and by what is on meters or has no meter."""

    charges: Money
    openings: Money
    payments: Money
    meters_balance: Money
    meters_overpayment: Money
    invoices_without_meter: Money
    payments_without_meter: Money

    @property
    def billed_less_paid(self) -> Decimal:
        """The sum by transactions."""
        return self.charges + self.openings - self.payments

    @property
    def on_meters_or_without(self) -> Decimal:
        """The sum by meters."""
        on_meters = self.meters_balance - self.meters_overpayment
        return on_meters + self.invoices_without_meter - self.payments_without_meter

    @property
    def difference(self) -> Decimal:
        """Zero if money is conserved."""
        return self.billed_less_paid - self.on_meters_or_without


class Decision(BaseModel):
    """The decision of a person about one payment: the one that a run has carried out, or a newer one that moves it."""

    payment_id: Shown
    amount: Money | None
    meter: Shown
    """The number of the meter, or its id; empty where the payment is to stay as it is."""
    decided_by: Shown
    decided_at: datetime
    note: Shown


class RunInReport(BaseModel):
    """A recorded run of a tenant."""

    run_id: str
    started_at: datetime
    finished_at: datetime | None
    outcome: str
    in_force: bool
    """Whether what it wrote was not rolled back."""
    undoes: list[str]
    rows_changed: int
    started_by: Shown
    executed_by: Shown
    database_role: Shown
    reason: Shown
    software_version: str


def runs(snapshot: Snapshot, tenant: Tenant) -> list[RunInReport]:
    """Return the recorded runs of a tenant, oldest first."""
    schema, connection = snapshot.schema, snapshot.connection
    if RUNS not in schema.own_tables_present:
        return []
    done = in_force(schema)
    ids = set(connection.scalars(select(done.c.id).where(done.c.tenant_id == tenant.id)))
    by_run: dict[str, list[StepRunRecord]] = {}
    for step in recorded_steps_of(connection, schema, [tenant.id]):
        by_run.setdefault(step.run_id, []).insert(0, step)
    found = [RunRecord(tuple(steps), steps[0].run_id) for steps in by_run.values()]
    return [_run(one, in_force=any(step.id in ids for step in one.steps)) for one in found]


def _run(one: RunRecord, *, in_force: bool) -> RunInReport:
    newest_step = one.steps[0]
    return RunInReport(
        run_id=one.run_id,
        started_at=one.started_at,
        finished_at=one.finished_at,
        outcome=one.outcome,
        in_force=in_force,
        undoes=one.undoes,
        rows_changed=one.rows_changed,
        started_by=one.started_by or "",
        executed_by=newest_step.executed_by or "",
        database_role=newest_step.database_role or "",
        reason=one.reason or "",
        software_version=newest_step.software_version,
    )


def changes_by_rule(snapshot: Snapshot, tenant: Tenant) -> list[RuleChange]:
    """Return the journaled changes in force by step and rule, in the order of the steps."""
    if RUNS not in snapshot.schema.own_tables_present:
        return []
    found = []
    for step in STEPS.values():
        ids = _in_force_of(snapshot, tenant, step.name)
        if not ids:
            continue
        if step.name == BACKUP:
            found.append(_backup(snapshot, tenant))
        elif snapshot.schema.has_journal(step.name):
            found += _of_step(snapshot, tenant, step, ids)
    return found


def _in_force_of(snapshot: Snapshot, tenant: Tenant, step: str) -> Sequence[int]:
    done = in_force(snapshot.schema)
    ids = select(done.c.id).where(done.c.tenant_id == tenant.id, done.c.step == step)
    return snapshot.connection.scalars(ids.order_by(done.c.id)).all()


def _backup(snapshot: Snapshot, tenant: Tenant) -> RuleChange:
    """Return the backup as a change that added rows."""
    kept = snapshot.schema.own[BACKUP]
    names = STEPS[BACKUP].money
    sums = [total(or_zero(exact(kept.c[name]))) for name in names]
    row = snapshot.connection.execute(select(func.count(), *sums).where(kept.c.tenant_id == tenant.id)).one()
    after = {name: BeforeAfter(before=ZERO, after=value) for name, value in zip(names, row[1:], strict=True)}
    return RuleChange(step=BACKUP, rule=FIRST_BACKUP, rows=row[0], sums=after)


def _of_step(snapshot: Snapshot, tenant: Tenant, step: Step, ids: Sequence[int]) -> list[RuleChange]:
    journal = snapshot.schema.journal(step.name)
    names = [name for name in step.money if f"{name}_before" in journal.c]
    columns = [journal.c[f"{name}_{side}"] for name in names for side in ("before", "after")]
    sums: list[ColumnElement[Any]] = [total(or_zero(exact(one))) for one in columns]
    joined: Any = journal
    if not names:
        rows = snapshot.relations(tenant.id, deleted_too=True).rows[step.table]
        joined = journal.outerjoin(
            rows, and_(rows.c.id == journal.c[step.key], rows.c.tenant_id == journal.c.tenant_id)
        )
        sums = [total(step.worth_of(rows))]
    wanted = select(journal.c.rule, func.count(), *sums).select_from(joined)
    wanted = wanted.where(journal.c.tenant_id == tenant.id, journal.c.step_run_id.in_(ids))
    found = []
    for rule, count, *money in snapshot.connection.execute(wanted.group_by(journal.c.rule).order_by(journal.c.rule)):
        sides = {name: BeforeAfter(before=money[2 * at], after=money[2 * at + 1]) for at, name in enumerate(names)}
        found.append(RuleChange(step=step.name, rule=rule, rows=count, sums=sides, worth=None if names else money[0]))
    return found


def meters_money(snapshot: Snapshot, tenant: Tenant, relations: BillingRelations) -> MetersMoney:
    """Return what a tenant's meters owed before the migration, after it, and now.

    `relations` are the tenant's rows as the new figures see them. Meters that no step run in force wrote count in all
    three sums with what they owe today.
    """
    connection, step = snapshot.connection, STEPS[MIGRATION[-1]]
    stored = snapshot.relations(tenant.id).meters
    now: Decimal = connection.execute(select(total(net(stored)))).scalar_one()
    has_journal = RUNS in snapshot.schema.own_tables_present and snapshot.schema.has_journal(step.name)
    ids = _in_force_of(snapshot, tenant, step.name) if has_journal else ()
    if not ids:
        after = connection.execute(select(total(net(relations.meters)))).scalar_one()
        return MetersMoney(before=now, after=after, now=now)
    journal = snapshot.schema.journal(step.name)
    in_these = and_(journal.c.tenant_id == tenant.id, journal.c.step_run_id.in_(ids))
    key, run = journal.c[step.key], journal.c.step_run_id
    ends = select(key.label("id"), func.min(run).label("first"), func.max(run).label("last"))
    ends_of = ends.where(in_these).group_by(key).subquery("ends")
    written = select(key).where(in_these)
    untouched = connection.execute(select(total(net(stored))).where(stored.c.id.not_in(written))).scalar_one()
    sums = [untouched, untouched]
    for at, (end, suffix) in enumerate((("first", "_before"), ("last", "_after"))):
        joined = journal.join(ends_of, and_(ends_of.c.id == key, ends_of.c[end] == run))
        of_end = select(total(step.worth_of(journal, suffix))).select_from(joined).where(in_these)
        sums[at] += connection.execute(of_end).scalar_one()
    return MetersMoney(before=sums[0], after=sums[1], now=now)


def conservation(connection: Connection, relations: BillingRelations) -> Conservation:
    """Return the parts of the equation that the invariant `money_is_conserved` checks."""
    found: dict[str, tuple[Decimal, Decimal]] = {}
    for name, rows in moved_money(relations).items():
        moved = rows.subquery("moved")
        sides = connection.execute(select(total(moved.c.transactions), total(moved.c.meters))).one()
        found[name] = (sides[0], sides[1])
    meter = relations.meters
    balance, overpayment = connection.execute(
        select(total(or_zero(exact(meter.c.balance))), total(or_zero(exact(meter.c.overpayment))))
    ).one()
    return Conservation(
        charges=found[CHARGES][0],
        openings=found.get(OPENINGS, (ZERO, ZERO))[0],
        payments=-found[PAYMENTS][0],
        meters_balance=balance,
        meters_overpayment=overpayment,
        invoices_without_meter=found[CHARGES][1],
        payments_without_meter=-found[PAYMENTS][1],
    )


def decisions(snapshot: Snapshot, tenant: Tenant) -> list[Decision]:
    """Return what people decided about the payments of a tenant, the newest first.

    A decision that a run in force has carried out is read from the journal, which is sealed. The table of decisions
    tells only of the other payments, and of newer decisions that move a payment again.
    """
    found: dict[str, RowMapping] = {}
    if DECISIONS in snapshot.schema.own_tables_present:
        one = newest(snapshot.schema, snapshot.schema.own[DECISIONS].c.tenant_id == tenant.id)
        found = _decided(snapshot, tenant, select(one).where(one.c.withdrawn.is_(None)))
    assigned = assigned_in_force(snapshot.relations(tenant.id, deleted_too=True))
    columns: list[Any] = [assigned.c[name].label(of) for name, of in OF_DECISION.items()]
    columns += [assigned.c.tenant_id, assigned.c.id.label("payment_id"), assigned.c.meter_id_after.label("meter_id")]
    sealed = _decided(snapshot, tenant, select(*columns).where(assigned.c.decision_seen.is_not(None)))
    for payment_id, row in sealed.items():
        other = found.get(payment_id)
        moves = other is not None and other["meter_id"] is not None and str(other["meter_id"]) != str(row["meter_id"])
        if other is None or not moves or other["number"] <= row["number"]:
            found[payment_id] = row
    made = [
        Decision(
            payment_id=str(row["payment_id"]),
            amount=row["amount"],
            meter="" if row["meter_id"] is None else str(row["meter_number"] or row["meter_id"]),
            decided_by=row["decided_by"],
            decided_at=row["decided_at"],
            note=row["note"] or "",
        )
        for row in found.values()
    ]
    return sorted(made, key=lambda one: in_utc(one.decided_at), reverse=True)


def _decided(snapshot: Snapshot, tenant: Tenant, rows: Select[Any]) -> dict[str, RowMapping]:
    """Return decisions by payment, with the amount of the payment and the number of the meter."""
    relations, one = snapshot.relations(tenant.id, deleted_too=True).rows, rows.subquery("decided")
    payment, meter = relations["payments"], relations["meters"]
    joined = one.outerjoin(
        payment, and_(payment.c.id == one.c.payment_id, payment.c.tenant_id == one.c.tenant_id)
    ).outerjoin(meter, and_(meter.c.id == one.c.meter_id, meter.c.tenant_id == one.c.tenant_id))
    wanted = select(one, exact(payment.c.amount).label("amount"), meter.c.meter_number).select_from(joined)
    found = snapshot.connection.execute(wanted.order_by(one.c.payment_id)).mappings()
    return {str(row["payment_id"]): row for row in found}
