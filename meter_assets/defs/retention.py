"""The job that deletes old runs of watch_migrated_tenants, and its daily schedule.

There are many of these runs, and they are large. None of them records a migration: runs that do are never deleted. Add
here what deletes from Dagster's storage on a schedule; the deletion of runs itself is in `runtime.event_log`.
"""

from datetime import UTC, datetime, timedelta

import dagster as dg
from pydantic import Field

from meter_assets import settings
from meter_assets.defs.step import RunConfig, failures
from meter_assets.defs.watching import watch_migrated_tenants
from meter_assets.errors import InvalidSettings
from meter_assets.formatting import show_time
from meter_assets.runtime.event_log import delete_runs
from meter_assets.runtime.run_status import FINISHED

RUNS_AT_ONCE = 100
DAILY = "10 4 * * *"


class RetentionConfig(RunConfig):
    """The run config of a deletion."""

    keep_days: int = Field(
        default=settings.Watching().keep_days,
        description=f"Delete runs that were created more than this number of days ago, from 1 to {settings.MOST_DAYS}.",
    )


@dg.op
def delete_runs_that_watched(context: dg.OpExecutionContext, config: RetentionConfig) -> dg.Output[None]:
    """Delete old runs of watch_migrated_tenants and of this job, with their events and logs."""
    with failures():
        if not 1 <= config.keep_days <= settings.MOST_DAYS:
            raise InvalidSettings(
                f"keep_days is {config.keep_days}; it must be from 1 to {settings.MOST_DAYS}. Nothing was deleted."
            )
    before = datetime.now(UTC) - timedelta(days=config.keep_days)
    runs = evaluations = 0
    while old := _old_runs(context.instance, before):
        evaluations += delete_runs(context.instance, old)
        runs += len(old)
        context.log.info(f"Deleted {runs:,} runs that were created before {show_time(before)}.")
    return dg.Output(None, metadata={"runs_deleted": runs, "evaluations_deleted": evaluations})


@dg.job(
    description="Deletes old runs of watch_migrated_tenants, and of this job, from Dagster's storage. Keeps the latest "
    "result of each check of each tenant, and all runs of the migration, its previews and its validations.",
)
def delete_old_watching_runs() -> None:
    """Delete old runs of watch_migrated_tenants."""
    delete_runs_that_watched()


def retention_schedule() -> dg.ScheduleDefinition:
    """Return the schedule that the table [watching] configures. Raises InvalidSettings if that table is invalid."""
    chosen = settings.watching()
    return dg.ScheduleDefinition(
        name="delete_old_watching_runs_daily",
        job=delete_old_watching_runs,
        cron_schedule=DAILY,
        execution_timezone=chosen.timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING if chosen.enabled else dg.DefaultScheduleStatus.STOPPED,
        description=f"Deletes runs of watch_migrated_tenants after {chosen.keep_days} days.",
        run_config={"ops": {delete_runs_that_watched.name: {"config": {"keep_days": chosen.keep_days}}}},
    )


def _old_runs(instance: dg.DagsterInstance, before: datetime) -> list[str]:
    """Return the ids of up to RUNS_AT_ONCE runs of each job that have ended and were created before that time."""
    found: list[str] = []
    for job in (watch_migrated_tenants.name, delete_old_watching_runs.name):
        wanted = dg.RunsFilter(job_name=job, statuses=FINISHED, created_before=before)
        found += [record.dagster_run.run_id for record in instance.get_run_records(wanted, limit=RUNS_AT_ONCE)]
    return found
