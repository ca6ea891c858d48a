"""The journaled changes of one meter, its invoices and its payments: by which run, rule and policy, before and after.

Add here what people ask of a journaled change. Journals are written in `migration.journal`.
"""

from collections.abc import Iterator
from datetime import datetime
from functools import cache
from typing import Any

from pydantic import BaseModel
from sqlalchemy import ColumnElement, Table, and_, or_, select

from meter_assets.billing.decisions import carried_out
from meter_assets.billing.money import exact
from meter_assets.billing.own_tables import RUNS, Effect, JournaledStep
from meter_assets.billing.step_runs import step_runs
from meter_assets.foreign_text import Shown, shown
from meter_assets.formatting import in_utc, plain_money
from meter_assets.migration.database import Tenant
from meter_assets.migration.recorded_place import recorded_policy
from meter_assets.migration.snapshot import Snapshot

METER = "meter_id"


class ValueChange(BaseModel):
    """A column's value before and after a change, as text, of money such as 1234.50; None is null."""

    column: str
    before: str | None
    after: str | None


class JournaledChange(BaseModel):
    """One journaled row."""

    started_at: datetime
    run_id: str
    step: str
    is_rollback: bool
    table: str
    row_id: str
    rule: str
    decided_by: Shown | None = None
    """Who decided, if a person's decision was carried out, as the journal has it."""
    note: Shown | None = None
    """What the person noted."""
    values: list[ValueChange]
    """The columns whose values it changed."""
    started_by: str | None
    """Who started the run; None if version 1.2 or older ran it."""
    reason: str | None
    policy: dict[str, Any]
    software_version: str


def change_history(snapshot: Snapshot, tenant: Tenant, meter_id: Any) -> list[JournaledChange]:
    """Return every journaled change of a meter, its invoices and its payments, oldest first, rollbacks included.

    A payment that was moved to or from the meter belongs to its history too.
    """
    schema = snapshot.schema
    if RUNS not in schema.own_tables_present:
        return []
    found: list[tuple[int, JournaledChange]] = []
    for step in schema.steps:
        if step.effect is Effect.UPDATE and schema.has_journal(step.name):
            found += _changes_of(snapshot, tenant, step, meter_id)
    return [change for _, change in sorted(found, key=lambda one: one[0])]


def _changes_of(
    snapshot: Snapshot, tenant: Tenant, step: JournaledStep, meter_id: Any
) -> Iterator[tuple[int, JournaledChange]]:
    """Yield what a step has journaled about a meter, each change with the id of its step run."""
    schema = snapshot.schema
    journal, runs = schema.journal(step.name), step_runs(schema)
    about = _about_meter(snapshot, tenant, step, journal, meter_id)
    if about is None:
        return
    columns = schema.journaled_columns(step)
    sides: list[ColumnElement[Any]] = []
    for name in columns:
        for side in (f"{name}_before", f"{name}_after"):
            sides.append((exact(journal.c[side]) if name in step.money else journal.c[side]).label(side))
    rows = (
        select(runs.c.id, runs.c.run_id, runs.c.undoes, runs.c.started_at, runs.c.policy, runs.c.software_version)
        .add_columns(runs.c.started_by, runs.c.reason, journal.c[step.key].label("row_id"), journal.c.rule, *sides)
        .add_columns(*carried_out(schema, step))
        .join(journal, and_(journal.c.step_run_id == runs.c.id, journal.c.tenant_id == runs.c.tenant_id))
        .where(journal.c.tenant_id == tenant.id, about)
        .order_by(runs.c.id, journal.c[step.key])
    )
    policy_in = cache(recorded_policy)  # many rows have the policy of the same run
    for row in snapshot.connection.execute(rows).mappings():
        values = [
            ValueChange(
                column=name,
                before=_text(row[f"{name}_before"], is_money=name in step.money),
                after=_text(row[f"{name}_after"], is_money=name in step.money),
            )
            for name in columns
            if row[f"{name}_before"] != row[f"{name}_after"]
        ]
        yield (
            row["id"],
            JournaledChange(
                started_at=in_utc(row["started_at"]),
                run_id=row["run_id"],
                step=step.name,
                is_rollback=row["undoes"] is not None,
                table=step.target,
                row_id=str(row["row_id"]),
                rule=row["rule"],
                decided_by=row.get("decided_by_seen"),
                note=row.get("note_seen"),
                values=values,
                started_by=row["started_by"],
                reason=row["reason"],
                policy=policy_in(row["policy"]),
                software_version=row["software_version"],
            ),
        )


def _about_meter(
    snapshot: Snapshot, tenant: Tenant, step: JournaledStep, journal: Table, meter_id: Any
) -> ColumnElement[bool] | None:
    """Return whether a journaled row is of the meter; None if the step writes rows that belong to no meter."""
    if step.table == "meters":
        return and_(journal.c[step.key] == meter_id)
    rows = snapshot.relations(tenant.id, deleted_too=True).rows.get(step.table)
    if rows is None or METER not in rows.c:
        return None
    of_meter = [journal.c[step.key].in_(select(rows.c.id).where(rows.c[METER] == meter_id))]
    if METER in step.columns:
        of_meter += [journal.c[f"{METER}_{side}"] == meter_id for side in ("before", "after")]
    return or_(*of_meter)


def _text(value: Any, *, is_money: bool) -> str | None:
    if value is None:
        return None
    return plain_money(value) if is_money else shown(value)
