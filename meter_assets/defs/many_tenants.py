"""The job migrate_many_tenants: one run migrates many tenants, in this process or in several.

A run of a tenant costs Dagster more than the work on a small tenant. So one run does that of many, and records for each
what its own run would: the materializations of its assets, and the evaluations of its checks. They are stored for many
tenants at once. A tenant that fails leaves the others green. Add here what such a run records; what is done with a
tenant is in `migration.many_tenants`.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from contextvars import ContextVar
from time import monotonic
from typing import Any

import dagster as dg
from pydantic import Field

from meter_assets.defs import metadata
from meter_assets.defs.origin import origin_of
from meter_assets.defs.plans import PLAN_DIR, plan_to_run
from meter_assets.defs.resources import BillingResource, PolicyResource
from meter_assets.defs.results import evidence, other_policy, place, sentence
from meter_assets.defs.step import RunConfig, failures, step_metadata
from meter_assets.errors import InvalidSettings
from meter_assets.foreign_text import named
from meter_assets.formatting import counted
from meter_assets.migration.database import BillingDatabase, Tenant
from meter_assets.migration.many_tenants import InThisProcess, MigratedTenant, Migrating, Migration
from meter_assets.migration.progress import SECONDS_BETWEEN_LINES
from meter_assets.migration.workers import Workers
from meter_assets.reports.tables import Grid
from meter_assets.rules.invariants import Group, Severity
from meter_assets.rules.steps import MIGRATION, guarded_step
from meter_assets.runtime import run_tags
from meter_assets.runtime.event_log import store_evaluations, store_materializations
from meter_assets.runtime.sentences import StepFailed

FINISHED = f"{run_tags.HIDDEN}meter_assets/finished"
"""The tag of a run that names the tenants that it has migrated, as a JSON list of their keys."""
DATA_VERSION = "dagster/data_version"
"""The tag of a materialization that contains its data version. Dagster documents its name."""
STORED_AT_ONCE = 25
SECONDS_UNTIL_STORED = 2.0
_MOST_FAILED = 50


class ManyTenantsConfig(RunConfig):
    """The run config of the migration of many tenants."""

    tenants: list[str] = Field(description="The ids of the tenants, in the order in which they are migrated.")
    jobs: int = Field(
        default=1,
        description="How many tenants are migrated at once, each in a process of its own (PostgreSQL only).",
    )
    batch_size: int | None = Field(
        default=None,
        description="Write this number of rows per transaction; -1: as many as the load of the server allows. Default: "
        "one transaction per step.",
    )
    validates: bool = Field(default=True, description="Evaluate all checks of a tenant after its steps.")
    plan_dir: str | None = PLAN_DIR
    stop_on_failure: bool = Field(default=False, description="Begin no other tenant after one that failed.")
    fails: bool = Field(
        default=True,
        description="Let the run fail if a tenant failed. The command line, which then runs that tenant alone, does "
        "not.",
    )


Told = Callable[[MigratedTenant], object]
_SHARED: ContextVar[tuple[Migrating, Told] | None] = ContextVar("shared processes", default=None)


@contextmanager
def shared_processes(migrating: Migrating, told: Told) -> Iterator[None]:
    """Let the runs of this process use the same workers, which need a second to start, and tell of each tenant."""
    token = _SHARED.set((migrating, told))
    try:
        yield
    finally:
        _SHARED.reset(token)


def processes(database: BillingDatabase, jobs: int) -> Migrating:
    """Return what migrates this number of tenants at once. Raises InvalidSettings for an invalid number."""
    if jobs < 1:
        raise InvalidSettings(f"jobs is {jobs}; expected 1 or more.")
    return Workers(database, jobs) if jobs > 1 else InThisProcess(database)


@dg.op
def migrate_tenants(
    context: dg.OpExecutionContext, config: ManyTenantsConfig, billing: BillingResource, policy: PolicyResource
) -> dg.Output[None]:
    """Migrate tenants, and record the assets and checks of each."""
    with failures():
        tenants = billing.database.tenants(config.tenants) if config.tenants else []
        shared = _SHARED.get()
        plan = plan_to_run(config.plan_dir, MIGRATION)
        migrating, told = shared or (processes(billing.database, config.jobs), lambda done: None)
    migration = Migration(
        context.run.run_id,
        policy.policy(),
        config.validates,
        config.batch_size,
        bool(policy.policy_changed),
        origin_of(context.run),
        plan,
    )
    record = _Record(context, billing, len(tenants))

    def go_on() -> bool:
        return not (config.stop_on_failure and record.failed)

    try:
        with failures(), closing(migrating.migrate(tenants, migration, go_on)) as each:
            for done in each:
                record.add(done)
                told(done)
    finally:
        left = migrating.interrupted
        for one in left:
            record.add(one)
        record.store()
        if shared is None:
            migrating.close()
        for one in left:
            told(one)
    entries = _metadata(record)
    if record.failed and config.fails:
        said = f"{counted(len(record.failed), 'tenant')} failed; {record.succeeded:,} succeeded."
        raise StepFailed(f"{said} The table 'failed' says why. Run each of them alone to see more.", entries)
    return dg.Output(None, metadata=entries)


@dg.job(
    executor_def=dg.in_process_executor,
    description="Migrates many tenants in one run, which records the assets and checks of each tenant as a run of its "
    "own would. For thousands of small tenants; a run of a single tenant has more in its log.",
)
def migrate_many_tenants() -> None:
    """Migrate many tenants."""
    migrate_tenants()


class _Record:
    """Stores what was done with tenants in Dagster, for many of them at once."""

    def __init__(self, context: dg.OpExecutionContext, billing: BillingResource, tenants: int) -> None:
        """Take the context of the op, and the number of tenants."""
        self._context, self._billing, self._tenants = context, billing, tenants
        self._url = billing.database.url
        self._to_store: list[MigratedTenant] = []
        self._finished: list[str] = []
        self._stored_at = self._said_at = monotonic()
        self.failed: list[MigratedTenant] = []
        self.rows_changed = 0

    @property
    def succeeded(self) -> int:
        """The number of tenants that succeeded."""
        return len(self._finished)

    def add(self, done: MigratedTenant) -> None:
        """Take what was done with a tenant; store it with others."""
        self._to_store.append(done)
        self.rows_changed += sum(report.changed for report, _ in done.reports)
        if done.succeeded:
            self._finished.append(done.tenant.key)
        elif done.interrupt is None:
            self.failed.append(done)
            self._context.log.warning(metadata.log_line(f"Tenant {_shown(done.tenant)} failed: {done.failure}"))
        if len(self._to_store) >= STORED_AT_ONCE or monotonic() - self._stored_at > SECONDS_UNTIL_STORED:
            self.store()

    def store(self) -> None:
        """Store what is not stored yet."""
        instance, run = self._context.instance, self._context.run
        made = [one for done in self._to_store for one in self._materializations(done)]
        targets = {
            (one.asset_key, one.partition): target
            for one, target in zip(made, store_materializations(instance, run, made), strict=True)
        }
        evaluations = [one for done in self._to_store for one in self._evaluations(done, targets)]
        store_evaluations(instance, run, evaluations, brief=True)
        if self._to_store:
            instance.add_run_tags(run.run_id, {FINISHED: json.dumps(self._finished)})
        self._to_store.clear()
        self._stored_at = monotonic()
        self._say()

    def _say(self) -> None:
        done = self.succeeded + len(self.failed)
        if monotonic() - self._said_at > SECONDS_BETWEEN_LINES or done == self._tenants:
            self._said_at = monotonic()
            failed = f", {len(self.failed):,} failed" if self.failed else ""
            self._context.log.info(f"{done:,} of {self._tenants:,} tenants done{failed}")

    def _materializations(self, done: MigratedTenant) -> Iterator[dg.AssetMaterialization]:
        for report, seconds in done.reports:
            yield dg.AssetMaterialization(
                self._billing.scope.key(report.step),
                partition=done.tenant.key,
                metadata=_without_report(step_metadata(report, seconds)),
                tags={DATA_VERSION: self._context.run.run_id},
            )

    def _evaluations(self, done: MigratedTenant, targets: Any) -> Iterator[dg.AssetCheckEvaluation]:
        """Return the evaluations of a tenant. Those that pass, which are nearly all, contain only that."""
        policy = other_policy(done.policy_differences)
        where = place(done.tenant.name, self._url)
        for result in done.results:
            asset = self._billing.scope.key(guarded_step(Group(result.group)))
            yield dg.AssetCheckEvaluation(
                asset_key=asset,
                check_name=result.name,
                passed=result.passed,
                severity=dg.AssetCheckSeverity[result.severity],
                description=None if result.passed else sentence(result),
                metadata=policy if result.passed else {**evidence(result), **policy, **where},
                partition=done.tenant.key,
                target_materialization_data=targets.get((asset, done.tenant.key)),
                blocking=None if result.passed else result.severity is Severity.ERROR,
            )


def _without_report(entries: Mapping[str, Any]) -> dict[str, Any]:
    """Return the metadata of a materialization without the report as JSON: the tables show what it contains."""
    return {name: entry for name, entry in entries.items() if name != metadata.REPORT}


def _metadata(record: _Record) -> dict[str, Any]:
    return {
        "tenants_migrated": record.succeeded,
        "tenants_failed": len(record.failed),
        "rows_changed": record.rows_changed,
        **metadata.table("failed", _failed(record.failed)),
    }


def _failed(failed: Sequence[MigratedTenant]) -> Grid:
    rows = tuple((_shown(one.tenant), one.failure) for one in failed[:_MOST_FAILED])
    more = len(failed) - len(rows)
    return Grid("Failed", ("tenant", "why"), rows, f"{more:,} more failed; the log names each." if more else "")


def _shown(tenant: Tenant) -> str:
    return named(tenant.key, tenant.name)
