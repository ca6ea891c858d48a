"""SELECTs of the recorded step runs: how each ended, and which are in force.

Add a SELECT of the records here if relations or several packages need it. Records are written in `migration.records`.
"""

from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, Subquery, and_, case, exists, func, or_, select

from meter_assets.billing.own_tables import COMMITS, OUTCOMES, RUNS, SUCCEEDED
from meter_assets.billing.schema import BillingSchema


def step_runs(schema: BillingSchema, name: str = "step_runs") -> Subquery:
    """Return every step run with its outcome: the columns of RUNS, with the current values of those about its end.

    Its tables are joined by the tenant too, so that those of one tenant are found without reading the others'.
    `rows_changed` is the number of rows that its committed transactions journaled; null if it runs and has none yet.
    """
    runs = schema.own[RUNS]
    started = [runs.c[key] for key in ("id", "run_id", "tenant_id", "step", "undoes", "started_at")]
    context = [runs.c.policy, runs.c.software_version]
    if not keeps_outcomes(schema):
        ended = [runs.c.finished_at, runs.c.outcome, runs.c.rows_changed, runs.c.message]
        return select(*started, *ended, *context).subquery(name)
    outcomes, commits = schema.own[OUTCOMES], schema.own[COMMITS]
    rows = func.sum(commits.c.rows_changed).label("rows_changed")
    of_each = commits.c.step_run_id, commits.c.tenant_id
    changed = select(*of_each, rows).group_by(*of_each).subquery("changed")
    has_ended = outcomes.c.step_run_id.is_not(None)
    in_all = func.coalesce(changed.c.rows_changed, runs.c.rows_changed, case((has_ended, 0)))
    ended_as = [
        func.coalesce(outcomes.c.finished_at, runs.c.finished_at).label("finished_at"),
        func.coalesce(outcomes.c.outcome, runs.c.outcome).label("outcome"),
        in_all.label("rows_changed"),
        case((has_ended, outcomes.c.message), else_=runs.c.message).label("message"),
    ]
    joined = runs.outerjoin(outcomes, _of_run(outcomes, runs)).outerjoin(changed, _of_run(changed, runs))
    return select(*started, *ended_as, *context).select_from(joined).subquery(name)


def _of_run(recorded: FromClause, runs: FromClause) -> ColumnElement[bool]:
    """Return whether what is recorded belongs to a step run."""
    return and_(recorded.c.step_run_id == runs.c.id, recorded.c.tenant_id == runs.c.tenant_id)


def keeps_outcomes(schema: BillingSchema) -> bool:
    """Return whether the tables exist that version 1.0.0 did not have."""
    return schema.own_tables_present.issuperset((OUTCOMES, COMMITS))


def in_force(schema: BillingSchema, name: str = "in_force") -> Subquery:
    """Return the step runs that succeeded, or that have written some rows, and that were not undone since.

    Its columns are those of `step_runs`. A rollback undoes, newest first, every step run that is newer than the oldest
    one that it undoes.
    """
    done, undoing = step_runs(schema, "done"), step_runs(schema, "undoing")
    undone = exists(select(1).select_from(undoing)).where(
        undoing.c.tenant_id == done.c.tenant_id,
        undoing.c.undoes <= done.c.id,
        undoing.c.id > done.c.id,
        (undoing.c.outcome == SUCCEEDED) | (undoing.c.rows_changed > 0),
    )
    has_effect = or_(done.c.outcome == SUCCEEDED, done.c.rows_changed > 0)
    return select(done).where(done.c.undoes.is_(None), has_effect, ~undone).subquery(name)


def tenants_with(schema: BillingSchema, step: str) -> Select[Any]:
    """Return the SELECT of the ids of the tenants for which a step run succeeded and was not undone since."""
    done = in_force(schema)
    return select(done.c.tenant_id).where(done.c.step == step, done.c.outcome == SUCCEEDED).distinct()
