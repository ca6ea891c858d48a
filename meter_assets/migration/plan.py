"""Plans a step: computes and checks its change in one snapshot, and keeps it in temporary tables.

The plan is written in other transactions, which write only rows that nobody has written since: in `batches`, or all
rows at once in `apply`, for an engine that plans first. Add here what is computed or checked before the first row is
written.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, FromClause, Select, select

from meter_assets.billing.change import Change
from meter_assets.billing.constructs import row_values, row_version
from meter_assets.billing.own_tables import Effect
from meter_assets.billing.schema import BillingSchema
from meter_assets.engines import engine_of
from meter_assets.errors import SessionChanged
from meter_assets.migration.database import BillingDatabase
from meter_assets.migration.journal import EVERY_ID, IdRange, is_same_row, row_id_of
from meter_assets.migration.journal_audit import require_trusted
from meter_assets.migration.progress import CHECKING, COMPUTING, StepProgress, tell
from meter_assets.migration.reviewed_plans.comparison import require_planned
from meter_assets.migration.side_effects import unlike_the_backup
from meter_assets.migration.stages import Moment, Situation, require
from meter_assets.migration.step_report import ChangeSummary, summarize_change
from meter_assets.migration.step_run import PreparedStep, StepRun, prepare_run
from meter_assets.migration.temporary_tables import kept_table, tables_unless_few_rows

_VERSION = "version_when_planned"


@dataclass(frozen=True)
class Plan:
    """The change that a step computed in one snapshot, stored in temporary tables of its connection.

    `rows` are the rows to change, `examined` all rows that the step looked at. `step` reads the latter instead of
    computing the change again.
    """

    run: StepRun
    step: PreparedStep
    rows: FromClause
    examined: FromClause
    summary: ChangeSummary
    number: int
    """The number of its round, from 0."""
    session: int
    """The session of the server that has the temporary tables."""
    notes: set[str]
    """What its batches noticed, for the report."""


def plan_step(
    database: BillingDatabase,
    connection: Connection,
    schema: BillingSchema,
    run: StepRun,
    number: int = 0,
    missed: FromClause | None = None,
) -> Plan:
    """Plan a step, or only the rows that the previous round missed. Raises what the checks of a step raise."""
    with connection.begin():
        engine_of(connection).begin_planning(connection)
        database.lock_within(connection, schema, run.tenant, run.run_id, to_roll_back=run.rolls_back, writes=False)
        if not run.allow_unverified:
            require_trusted(connection, schema, run)
        step = prepare_run(schema, run, tables_unless_few_rows(connection, schema, run.tenant.id))
        tell(StepProgress(run.step, run.tenant.key, CHECKING))
        require(connection, Moment.before, Situation(step, step.relations))
        tell(StepProgress(run.step, run.tenant.key, COMPUTING))
        change = step.change
        examined = kept_table(connection, f"meter_migration_examined_{number}", _missed_only(change.examined, missed))
        planned = change.materialized_in(examined)
        require_planned(connection, schema, run, planned)
        rows = kept_table(connection, f"meter_migration_plan_{number}", _with_versions(step, planned.rows))
        summary = summarize_change(connection, planned, step.relations)
        require(connection, Moment.computed, Situation(step, step.relations, rows))
        after = step.relations.after(planned)
        require(connection, Moment.written, Situation(step, after, rows, of_the_tenant=missed is None))
        session = engine_of(connection).session_of(connection)
        notes = set(unlike_the_backup(connection, planned, step.relations))
    return Plan(run, step.with_change(planned), rows, examined, summary, number, session, notes)


def _missed_only(computed: Select[Any], missed: FromClause | None) -> Select[Any]:
    """Return only the rows that the previous round missed; in the first round, all rows."""
    if missed is None:
        return computed
    row = computed.subquery("computed")
    return select(row).join(missed, missed.c.id == row.c.id)


def _with_versions(step: PreparedStep, changing: Select[Any]) -> Select[Any]:
    """Return the rows that the step would change, each with its current version."""
    if _is_ours_alone(step.schema, step.change):
        return changing
    rows, target = changing.subquery("changing"), step.schema.table(step.change.target)
    same_row = is_same_row(target, rows.c.id, rows.c.tenant_id)
    versioned = select(rows, _version_of(step.schema, step.change.target).label(_VERSION)).join(target, same_row)
    if "tenant_id" in target.c:  # by which an engine finds the rows of one tenant
        versioned = versioned.where(target.c.tenant_id == step.relations.tenant_id)
    return versioned


def _is_ours_alone(schema: BillingSchema, change: Change) -> bool:
    """Return whether a change writes rows that nobody else writes: new ones, or those of our results."""
    return change.effect is Effect.ADD or change.target in schema.results


def _version_of(schema: BillingSchema, target: str) -> ColumnElement[str]:
    """Return a text that changes when others write a row; the rows of a view have no version but their values."""
    columns = schema.table(target).c
    return row_values(*columns) if target in schema.catalogue.views else row_version(*columns)


def _without_versions(rows: FromClause) -> Select[Any]:
    return select(*(column for column in rows.c if column.key != _VERSION))


def begin_writing(connection: Connection, plan: Plan, milliseconds_to_wait: int | None = None) -> None:
    """Prepare a transaction that writes a plan, or a batch of it; its first call. None: wait as long as other steps."""
    by_index = row_id_of(plan.step.schema.table(plan.step.change.target)).primary_key
    # What triggers change elsewhere can only be told from what others change if the batch reads one snapshot.
    one_snapshot = bool(plan.step.schema.catalogue.triggers_of(plan.step.change.target))
    engine_of(connection).prepare_batch(connection, milliseconds_to_wait, by_index=by_index, one_snapshot=one_snapshot)


def require_same_session(connection: Connection, plan: Plan) -> None:
    """Raise SessionChanged if the plan is in another session: a temporary table there may have the same name."""
    if engine_of(connection).session_of(connection) != plan.session:
        raise SessionChanged(plan.run.title)


def unwritten_since_plan(plan: Plan, keys: IdRange = EVERY_ID, *, waits: bool = True) -> Select[Any]:
    """Return the planned rows of a range that nobody has written since the plan, and lock them."""
    change, planned = plan.step.change, plan.rows
    target = plan.step.schema.table(change.target)
    rows = _without_versions(planned).where(keys.has(planned.c.id))
    if _is_ours_alone(plan.step.schema, change):
        return rows
    same_row = is_same_row(target, planned.c.id, planned.c.tenant_id)
    unwritten = _version_of(plan.step.schema, change.target) == planned.c[_VERSION]
    found = rows.join(target, same_row).where(keys.has(row_id_of(target)), unwritten)
    if change.effect is Effect.REMOVE:
        return (
            found  # our own table, which nobody else writes: a role that may delete its rows may be unable to lock them
        )
    return found.with_for_update(of=target, key_share=True, skip_locked=not waits)
