"""The job watch_migrated_tenants and its schedules: one run evaluates every invariant for all migrated tenants.

A quick pass evaluates the tenants that have changed, a full pass all of them. Dagster stores the status of each check
for each tenant, as a run of that tenant would. The billing database is only read. Add here how a pass is launched and
stored; which tenants a pass evaluates is in `monitoring.watch`.
"""

from time import monotonic

import dagster as dg
from pydantic import Field

from meter_assets import settings
from meter_assets.defs import metadata
from meter_assets.defs.launchpad import named_database
from meter_assets.defs.passes import errors_of, run_pass, store_pass
from meter_assets.defs.resources import BillingResource, PolicyResource
from meter_assets.defs.step import RunConfig, failures
from meter_assets.defs.tenant_overview import refreshed_overview
from meter_assets.errors import InvalidSettings, MeterAssetsError, first_named
from meter_assets.foreign_text import named
from meter_assets.monitoring.alerts.delivery import NotDelivered, deliver
from meter_assets.monitoring.alerts.messages import Message
from meter_assets.monitoring.alerts.receivers import HEARTBEAT_VARIABLE, heartbeat
from meter_assets.monitoring.watch import Watched
from meter_assets.reports import tables as render
from meter_assets.rules.invariants import Group
from meter_assets.rules.steps import guarded_step
from meter_assets.runtime.materializations import latest_materializations

ONE_AT_A_TIME = {"meter_assets/watching": "one at a time", "dagster/priority": "1"}
"""Tags for the run queue: one such run at a time, and before the runs of a backfill, which can be very many."""


class WatchConfig(RunConfig):
    """The run config of a pass."""

    full: bool = Field(
        default=True,
        description="Evaluate every migrated tenant. If false, evaluate only tenants whose tables show a change (new "
        "ids, updated_at) since the pass before the last one, and tenants that were failing.",
    )


@dg.op
def judge_migrated_tenants(
    context: dg.OpExecutionContext, config: WatchConfig, billing: BillingResource, policy: PolicyResource
) -> dg.Output[None]:
    """Evaluate every invariant for the migrated tenants. The number of statements does not grow with the tenants."""
    started = monotonic()
    # Read before the snapshot: the results are not about later materializations.
    targets = latest_materializations(context.instance, map(guarded_step, Group))
    with failures():
        found = run_pass(context, billing, policy, full=config.full)
        header = billing.database.header()
    for skipped in billing.database.skipped_tenants():
        context.log.warning(metadata.log_line(str(skipped)))
    is_stored = store_pass(context, billing.database, found, targets)
    _refresh_overview(context, billing)
    with failures():
        for altered in found.altered:
            raise altered
    if named_database(context.run.run_config) is None:  # another database than the configured one is not watched
        _beat(context)
    failing = [one for one in found.watched if errors_of(one)]
    other_policies = [one for one in found.watched if one.policy_differences]
    if other_policies:
        keys = first_named([one.tenant.key for one in other_policies])
        said = (
            f"Evaluated with the policy that they were migrated with, which is not the configured one: tenants {keys}."
        )
        context.log.warning(metadata.log_line(said))
    for one in failing:
        names = ", ".join(f"{invariant.name} ({invariant.violations:,})" for invariant in errors_of(one))
        context.log.warning(metadata.log_line(f"Tenant {named(one.tenant.key, one.tenant.name)} violates {names}."))
    return dg.Output(
        None,
        metadata={
            "results": "stored" if is_stored else "not stored: a newer pass has already stored its own",
            "tenants_judged": len(found.watched),
            "tenants_unchanged": len(found.unchanged),
            "tenants_failing": len(failing),
            "tenants_skipped": len(billing.database.skipped_tenants()),
            "tenants_with_another_policy": len(other_policies),
            "duration_seconds": round(monotonic() - started, 3),
            **metadata.table("failing", _failing_tenants(failing)),
            **({"database": metadata.text(" ".join(header))} if header else {}),
        },
    )


def _refresh_overview(context: dg.OpExecutionContext, billing: BillingResource) -> None:
    """Materialize the overview. Its failure is only logged, because the results of the pass are stored already."""
    try:
        context.log_event(refreshed_overview(context.instance, billing.database, billing.scope))
    except MeterAssetsError as error:
        context.log.warning(metadata.log_line(f"The asset tenant_overview was not refreshed: {error}"))


def _beat(context: dg.OpExecutionContext) -> None:
    """Call the heartbeat's URL. Its failure is only logged: the pass itself has succeeded."""
    try:
        if beat := heartbeat(settings.variables([HEARTBEAT_VARIABLE])):
            deliver(beat, Message(run_id=context.run.run_id))
    except (InvalidSettings, NotDelivered) as error:
        context.log.warning(metadata.log_line(f"The heartbeat was not sent: {error}"))


@dg.job(
    tags=ONE_AT_A_TIME,
    description="Evaluates every invariant for all migrated tenants in one run and records the status of each tenant's "
    "checks. Writes nothing to the billing database.",
)
def watch_migrated_tenants() -> None:
    """Evaluate every invariant for the migrated tenants."""
    judge_migrated_tenants()


def watching_schedules() -> list[dg.ScheduleDefinition]:
    """Return the two schedules that the configuration defines. Raises InvalidSettings if it is invalid."""
    chosen = settings.watching()
    status = dg.DefaultScheduleStatus.RUNNING if chosen.enabled else dg.DefaultScheduleStatus.STOPPED
    passes = {"watch_changed_tenants": (chosen.cron, False), "watch_every_tenant": (chosen.full_cron, True)}
    try:
        return [_schedule(name, cron, chosen.timezone, status, full=full) for name, (cron, full) in passes.items()]
    except dg.DagsterInvalidDefinitionError as error:
        raise InvalidSettings(
            f"The table [watching] of {settings.config_file()} cannot be used: {error} Its cron and "
            "full_cron are cron schedules, such as '0 * * * *' (every hour), timezone a name such as 'Europe/Prague'."
        ) from None


def _schedule(
    name: str, cron: str, timezone: str, status: dg.DefaultScheduleStatus, *, full: bool
) -> dg.ScheduleDefinition:
    return dg.ScheduleDefinition(
        name=name,
        job=watch_migrated_tenants,
        cron_schedule=cron,
        execution_timezone=timezone,
        default_status=status,
        description="A full pass over the migrated tenants." if full else "A quick pass over the migrated tenants.",
        run_config={"ops": {judge_migrated_tenants.name: {"config": {"full": full}}}},
    )


def _failing_tenants(failing: list[Watched]) -> render.Grid:
    rows = tuple(
        (
            named(one.tenant.key, one.tenant.name),
            invariant.name,
            f"{invariant.violations:,}",
            one.since[invariant.name],
            invariant.example,
        )
        for one in failing
        for invariant in errors_of(one)
    )
    return render.Grid("Failing", ("tenant", "invariant", "violations", "known since", "for example"), rows)
