"""Which step runs are recorded and in force, as SELECTs.

Add a SELECT here that relations or several rooms need of the records. Writing them is in `migration.records`.
"""

from typing import Any

from sqlalchemy import Select, Subquery, case, exists, func, select

from meter_assets.billing.own_tables import COMMITS, OUTCOMES, RUNS, SUCCEEDED
from meter_assets.billing.schema import BillingSchema


def step_runs(schema: BillingSchema, name: str = "step_runs") -> Subquery:
    """Return every step run with how it ended: the columns of RUNS, those that tell of its end as they are by now.

    `rows_changed` is how many rows its committed transactions have journaled; null while there is none and it runs on.
    """
    runs = schema.own[RUNS]
    began = [runs.c[key] for key in ("id", "run_id", "tenant_id", "step", "undoes", "started_at")]
    why = [runs.c.policy, runs.c.software_version]
    if not keeps_outcomes(schema):
        ended = [runs.c.finished_at, runs.c.outcome, runs.c.rows_changed, runs.c.message]
        return select(*began, *ended, *why).subquery(name)
    outcomes, commits = schema.own[OUTCOMES], schema.own[COMMITS]
    rows = func.sum(commits.c.rows_changed).label("rows_changed")
    changed = select(commits.c.step_run_id, rows).group_by(commits.c.step_run_id).subquery("changed")
    has_ended = outcomes.c.step_run_id.is_not(None)
    in_all = func.coalesce(changed.c.rows_changed, runs.c.rows_changed, case((has_ended, 0)))
    ended_as = [
        func.coalesce(outcomes.c.finished_at, runs.c.finished_at).label("finished_at"),
        func.coalesce(outcomes.c.outcome, runs.c.outcome).label("outcome"),
        in_all.label("rows_changed"),
        case((has_ended, outcomes.c.message), else_=runs.c.message).label("message"),
    ]
    joined = runs.outerjoin(outcomes, outcomes.c.step_run_id == runs.c.id)
    joined = joined.outerjoin(changed, changed.c.step_run_id == runs.c.id)
    return select(*began, *ended_as, *why).select_from(joined).subquery(name)


def keeps_outcomes(schema: BillingSchema) -> bool:
    """Say whether the tables are there that version 1.0.0 did not have."""
    return schema.own_tables_present.issuperset((OUTCOMES, COMMITS))


def tenants_with(schema: BillingSchema, step: str) -> Select[Any]:
    """Return the SELECT of the ids of the tenants for which a step is made and in force: not undone since.

    A rollback undoes, newest first, everything that is newer than the oldest step that it undoes.
    """
    made, undoing = step_runs(schema, "made"), step_runs(schema, "undoing")
    undone = exists(select(1).select_from(undoing)).where(
        undoing.c.tenant_id == made.c.tenant_id,
        undoing.c.undoes <= made.c.id,
        undoing.c.id > made.c.id,
        (undoing.c.outcome == SUCCEEDED) | (undoing.c.rows_changed > 0),
    )
    ended_well = made.c.step == step, made.c.undoes.is_(None), made.c.outcome == SUCCEEDED
    return select(made.c.tenant_id).where(*ended_well, ~undone).distinct()
