"""The rows that a step would change now, as its journal would keep them, and those that were journaled since a plan.

A plan has the digest of the rows of each step. It is the digest that `record_commit` records when the step has run, so
that the journal can be compared with the plan. Rows that were journaled since the plan was made, and that were not
undone, are a part of it: so an interrupted run of a plan can be continued. Add here what is read of such rows; what is
done about a difference is in `comparison`.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, false, func, select, union_all

from meter_assets.billing.change import Change
from meter_assets.billing.constructs import rows_digest, typed_null
from meter_assets.billing.engine_types import types_of
from meter_assets.billing.own_tables import BACKUP, RUNS, Effect, JournaledStep, seen
from meter_assets.billing.schema import BillingSchema
from meter_assets.billing.step_runs import in_force
from meter_assets.migration.journal import backed_up_columns, digested_columns


@dataclass(frozen=True)
class RowsDigest:
    """The number of some rows of a step, and their digest; of no rows, an empty text."""

    rows: int
    digest: str


def digest_of(connection: Connection, rows: Select[Any]) -> RowsDigest:
    """Return the digest of rows that `as_journaled` or `journaled_since` returns."""
    row = rows.subquery("digested")
    found = connection.execute(select(func.count(), rows_digest(*row.c))).one()
    return RowsDigest(found[0], found[1] if found[0] else "")


def as_journaled(connection: Connection, change: Change, schema: BillingSchema) -> Select[Any]:
    """Return the rows of a change with the columns of its journal that are digested, in the form that it keeps."""
    kept = types_of(connection.dialect).as_kept
    rows = change.rows.subquery(change.name)
    table = schema.tables[change.table]
    recognized = {seen(name): table.c[name] for name in schema.recognized_columns(change.step)}
    found: list[ColumnElement[Any]] = []
    for column in _digested(change.step, schema):
        name = str(column.key)
        value = rows.c[name] if name in rows.c else recognized.get(name)
        found.append((typed_null(column.type) if value is None else kept(value, column.type)).label(name))
    if change.effect is Effect.ADD or not recognized:
        return select(*found).select_from(rows)
    same_row = and_(table.c.id == rows.c.id, table.c.tenant_id == rows.c.tenant_id)
    return select(*found).select_from(rows.join(table, same_row))


def _digested(step: JournaledStep, schema: BillingSchema) -> list[ColumnElement[Any]]:
    if step.effect is Effect.ADD:
        return backed_up_columns(step, schema.own[BACKUP], "")
    return digested_columns(schema, step)


def newest_step_run(connection: Connection, schema: BillingSchema, tenant_id: Any) -> int:
    """Return the id of the newest recorded step run of a tenant, or 0."""
    if RUNS not in schema.own_tables_present:
        return 0
    runs = schema.own[RUNS]
    return connection.scalar(select(func.max(runs.c.id)).where(runs.c.tenant_id == tenant_id)) or 0


def journaled_since(
    connection: Connection, schema: BillingSchema, step: JournaledStep, tenant_id: Any, newest: int
) -> Select[Any] | None:
    """Return the rows that step runs after `newest` have journaled and that were not undone; None if there are none."""
    if RUNS not in schema.own_tables_present:
        return None
    done = in_force(schema)
    later = select(done.c.id, done.c.run_id).where(done.c.tenant_id == tenant_id, done.c.step == step.name)
    runs = connection.execute(later.where(done.c.id > newest, done.c.rows_changed > 0)).all()
    if not runs:
        return None
    if step.effect is Effect.ADD:
        of_runs = schema.own[BACKUP].c.run_id.in_(sorted({one.run_id for one in runs}))
        rows = schema.own[BACKUP]
    else:
        rows = schema.journal(step.name)
        of_runs = rows.c.step_run_id.in_([one.id for one in runs])
    if rows.name not in schema.own_tables_present:
        return None
    return select(*_digested(step, schema)).where(rows.c.tenant_id == tenant_id, of_runs)


def of_the_plan(
    connection: Connection,
    schema: BillingSchema,
    step: JournaledStep,
    tenant_id: Any,
    newest: int,
    change: Change | None,
) -> Select[Any]:
    """Return the rows that must be those of a plan: those journaled since, and those that the change would change.

    `newest` is the newest step run from before the plan. Without a change, only the journaled rows.
    """
    since = journaled_since(connection, schema, step, tenant_id, newest)
    planned = None if change is None else as_journaled(connection, change, schema)
    if planned is None:
        nothing = select(*_digested(step, schema)).where(false())
        return nothing if since is None else since
    return planned if since is None else select(union_all(since, planned).subquery("of_the_plan"))
