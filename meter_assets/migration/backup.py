"""The backup comes first: takes it before another step of a tenant writes, however the step was started.

The backup contains the balances from before the migration first touched the tenant. Another step may change them: a
trigger of the billing software may update customers when invoices or payments are updated. So `apply.run_step` asks
here before every step, and the preview plans the same. Add here what decides whether a tenant needs a backup; the rows
of the backup are computed in `rules.steps.customer_balances_backup`.
"""

from collections.abc import Hashable, Sequence
from dataclasses import replace

from sqlalchemy import Connection, func, select

from meter_assets.billing.own_tables import BACKUP, RUNS, SUCCEEDED
from meter_assets.billing.relations import BillingRelations, billing_relations
from meter_assets.billing.schema import BillingSchema
from meter_assets.billing.step_runs import in_force, tenants_with
from meter_assets.migration.database import BillingDatabase, Tenant
from meter_assets.migration.step_run import StepRun
from meter_assets.rules.steps import STEPS


def backup_to_take(database: BillingDatabase, schema: BillingSchema, run: StepRun) -> StepRun | None:
    """Return the step run that must take the tenant's backup before this step run; None if there is nothing to do.

    The tenant must be locked.
    """
    if run.rolls_back or not STEPS[run.step].needs_backup or has_backup(run) in database.checked(run.tenant):
        return None
    with database.snapshot() as connection:
        missing = _is_missing(connection, billing_relations(schema, run.policy, run.tenant.id), run.run_id)
    if missing:
        run_of_backup = StepRun(BACKUP, run.tenant, run.run_id, run.policy, policy_changed=run.policy_changed)
        return replace(run_of_backup, origin=run.origin, plan=run.plan)
    database.checked(run.tenant).add(has_backup(run))
    return None


def has_backup(run: StepRun) -> Hashable:
    """Return what is checked of a tenant whose backup a run has found, or taken: see `BillingDatabase.checked`."""
    return BACKUP, run.run_id


def with_backup_first(connection: Connection, relations: BillingRelations, steps: Sequence[str]) -> tuple[str, ...]:
    """Return the steps that a live run of these steps of a tenant would run, in this order: see `backup_to_take`."""
    first = next((at for at, name in enumerate(steps) if STEPS[name].needs_backup), len(steps))
    if first == len(steps) or BACKUP in steps[:first] or not _is_missing(connection, relations):
        return tuple(steps)
    return (*steps[:first], BACKUP, *(name for name in steps[first:] if name != BACKUP))


def _is_missing(connection: Connection, relations: BillingRelations, run_id: str | None = None) -> bool:
    """Return whether no backup of the tenant was completed, or a customer was created since.

    A run takes one backup: it leaves customers that are created while it runs to the next run.
    """
    schema = relations.schema
    if not schema.own_tables_present.issuperset((RUNS, BACKUP)):
        return True
    done = in_force(schema)
    taken = select(done.c.run_id).where(
        done.c.tenant_id == relations.tenant_id, done.c.step == BACKUP, done.c.outcome == SUCCEEDED
    )
    runs = set(connection.execute(taken).scalars())
    if not runs or run_id in runs:
        return not runs
    rows = STEPS[BACKUP].compute(relations).rows.limit(1).subquery("missing")
    return bool(connection.scalar(select(func.count()).select_from(rows)))


def tenants_without_backup(database: BillingDatabase, tenants: Sequence[Tenant]) -> list[Tenant]:
    """Return those of the tenants that have no backup: no run completed one, or a rollback took it back.

    Raises what `BillingDatabase.snapshot` and `schema` raise.
    """
    with database.snapshot() as connection:
        schema = database.schema(connection)
        if RUNS not in schema.own_tables_present:
            return list(tenants)
        found = set(connection.execute(tenants_with(schema, BACKUP)).scalars())
    return [one for one in tenants if one.id not in found]
