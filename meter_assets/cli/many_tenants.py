"""Migrates many tenants from the command line: up to a hundred in one run of Dagster, several at once.

A tenant that fails is run alone after the others of its run, so that a run of its own says why. Add here what the
command does with many tenants; what it says of them is in `sums` and `results`.
"""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from meter_assets.cli.json_results import Migrated, migrated, migrated_by
from meter_assets.cli.launches import migration, plan_config, policy_config
from meter_assets.cli.progress import TenantProgress, following_many, lines_of
from meter_assets.cli.runner import JobRun, Launch, nothing_raised, run_many
from meter_assets.cli.session import Session
from meter_assets.cli.sums import Sums
from meter_assets.defs.launchpad import allow_export
from meter_assets.defs.many_tenants import processes, shared_processes
from meter_assets.defs.resources import shared_database
from meter_assets.migration.database import Tenant
from meter_assets.migration.many_tenants import MigratedTenant, Migrating
from meter_assets.migration.progress import Lines

MANY = 50
"""More tenants than this are migrated many in a run, unless --jobs says so for fewer."""
WAVE = 100
"""How many tenants are migrated in one run of Dagster."""


def are_many(session: Session, jobs: int | None) -> bool:
    """Return whether the tenants are migrated many in a run: there are many, or several are migrated at once."""
    return jobs is not None or len(session.to_do()) > MANY


def migrate_many(
    session: Session,
    job: str,
    jobs: int = 1,
    *,
    validates: bool = True,
    batch_size: int | None = None,
    policy_changed: bool = False,
    plan: Path | None = None,
) -> int:
    """Migrate the tenants of a session, this number of them at once, and show the results.

    `job` is the one that runs a failed tenant alone, `plan` the folder of the plans to follow. Returns the exit status.
    Raises SharedSessions, and InvalidSettings for several at once where only one process can write.
    """
    if batch_size:
        session.database.require_own_session()
    to_do = session.to_do()
    if not to_do:
        return session.migrated([], int(bool(session.skipped)))
    of_tenants = TenantProgress(to_do, session.database.rows_of_each())
    config = {"validates": validates, "batch_size": batch_size, "stop_on_failure": session.stop_on_failure}
    waves = _Waves(
        session,
        {**config, **plan_config(plan), "fails": False},
        policy_config(policy_changed),
        migration(job, batch_size=batch_size, policy_changed=policy_changed, plan=plan),
        of_tenants,
        lines_of(session.terminal, of_tenants),
    )
    migrating = processes(session.database, jobs)
    session.terminal.heading(f"{len(to_do):,} tenants, {jobs:,} at once")
    with closing(migrating), allow_export(plan), session.database.connections_kept():
        for at in range(0, len(to_do), WAVE):
            waves.run(migrating, to_do[at : at + WAVE], left=max(0, len(to_do) - at - WAVE))
            if session.failed and session.stop_on_failure:
                break
    failed = [run.tenant for run in session.failed]
    session.terminal.summary_of_many(waves.sums, failed)
    session.say_what_next(waves.sums.changed, failed)
    session.terminal.skipped_tenants(session.skipped)
    return session.migrated(waves.results, int(bool(failed or session.skipped)))


@dataclass
class _Waves:
    """Runs some tenants of a session after the others."""

    session: Session
    config: Mapping[str, Any]
    resources: Mapping[str, Any]
    alone: Launch
    """How a tenant is run that has failed."""
    of_tenants: TenantProgress
    lines: Lines
    sums: Sums = field(default_factory=Sums)
    results: list[Migrated] = field(default_factory=list)
    """Of each tenant, if they are to be printed as JSON; without example rows, which would fill the memory."""

    def run(self, migrating: Migrating, tenants: Sequence[Tenant], left: int) -> None:
        """Migrate tenants in one run, and those that failed again, each alone; `left` are the tenants after them."""
        resumed = self.session.resumed
        tags = {**(resumed.tags(left) if resumed else {}), **self.session.tags}
        for tenant in self._failed(migrating, tenants, tags):
            run = self.session.run_one(replace(self.alone, tags=tags), tenant, 1, 1, TenantProgress([tenant]))
            if run.succeeded:
                self.sums.add(tenant, list(run.reports.values()), run.results)
            if self.session.as_json:
                self.results.append(migrated(run).without_rows())

    def _failed(self, migrating: Migrating, tenants: Sequence[Tenant], tags: Mapping[str, str]) -> list[Tenant]:
        """Migrate tenants in one run; return those that failed."""
        session, run = self.session, JobRun()
        failed: list[Tenant] = []

        def told(one: MigratedTenant) -> None:
            if one.interrupt is not None:
                session.under_way.append(one.tenant)
                return
            if one.succeeded:
                session.done.append(one.tenant)
                reports = [report for report, _ in one.reports]
                self.sums.add(one.tenant, reports, one.results)
                if session.as_json:
                    self.results.append(migrated_by(run, one.tenant, reports, one.results).without_rows())
            else:
                failed.append(one.tenant)
            with nothing_raised(run):
                progress.tenant_done(one.tenant)

        progressing = following_many(session.terminal, self.of_tenants, self.lines)
        with progressing as progress, shared_processes(migrating, told), shared_database(session.database):
            config = {**self.config, "tenants": [tenant.key for tenant in tenants]}
            run_many(session.instance, session.definitions, run, config, self.resources, tags)
        for error in run.errors:
            session.terminal.evidence(error, style="red")
        if run.interrupted:
            raise KeyboardInterrupt
        if not run.succeeded:
            ended = {*session.done, *failed}
            failed += [tenant for tenant in tenants if tenant not in ended]
        return failed
