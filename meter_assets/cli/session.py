"""The shared context of one CLI invocation: its database, tenants, Dagster instance and terminal.

Add a method here for what a command launches and shows. `commands` parse the arguments, `runner` launches. No SQL here.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import dagster as dg

from meter_assets import settings
from meter_assets.billing.own_tables import BACKUP
from meter_assets.cli.invocation import Invocation
from meter_assets.cli.json_output import print_json
from meter_assets.cli.json_results import (
    Migrated,
    MigrationResults,
    PreviewResults,
    RollbackResults,
    ValidationResults,
    migrated,
    previewed,
    skipped_tenant,
    validated,
)
from meter_assets.cli.launches import as_text, migration, plan_digest, policy_config, undoing
from meter_assets.cli.progress import TenantProgress, following
from meter_assets.cli.question import ask
from meter_assets.cli.results import Results
from meter_assets.cli.resuming import Resumed, resume
from meter_assets.cli.runner import Launch, TenantRun, nothing_raised, run_tenant
from meter_assets.cli.selection import EVERY, Selection, restricted_or_none, skipped_tenants
from meter_assets.definitions import build_definitions
from meter_assets.defs.launchpad import allow_export
from meter_assets.defs.partitions import sync_partitions
from meter_assets.defs.resources import shared_database
from meter_assets.errors import MeterAssetsError, NotAsRecorded
from meter_assets.migration.backup import tenants_without_backup
from meter_assets.migration.database import BillingDatabase, Tenant
from meter_assets.migration.reviewed_plans.files import CSV
from meter_assets.migration.reviewed_plans.manifest import MANIFEST
from meter_assets.migration.rollback import steps_to_undo, tenants_of_run
from meter_assets.migration.run_history import StepRunRecord
from meter_assets.migration.tenants import SkippedTenant
from meter_assets.rules.invariants import Group, of_group
from meter_assets.rules.steps import MIGRATION, STEPS, guarded_step
from meter_assets.runtime import run_tags
from meter_assets.runtime.instance import open_instance
from meter_assets.runtime.interrupts import BetweenRuns, NothingStarted, WhileRunning, hangups_ignored
from meter_assets.runtime.processes import end_lost_runs


@dataclass
class Session:
    """The shared context of one CLI invocation."""

    database: BillingDatabase
    tenants: list[Tenant]
    instance: dg.DagsterInstance
    definitions: dg.Definitions
    terminal: Results
    stop_on_failure: bool = False
    invocation: Invocation = field(default_factory=Invocation)
    skipped: list[SkippedTenant] = field(default_factory=list)
    """The tenants that cannot be run because of their ids: each counts as one that failed."""
    done: list[Tenant] = field(default_factory=list)
    failed: list[TenantRun] = field(default_factory=list)
    under_way: list[Tenant] = field(default_factory=list)
    """The tenants that have begun and not ended."""
    started: float = field(default_factory=time.monotonic)
    as_json: bool = False
    """Whether results are printed as JSON, and all else on standard error."""
    resumed: Resumed | None = None
    """Of a live command: the tenants that it need not run again."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """The tags of all its runs."""

    def resume(self, *, no_skip: bool, plan: Path | None = None) -> None:
        """Continue the same command if that ended early: leave out the tenants that it has finished, and say so.

        A command with other plans in the same folder is another command.
        """
        plans = [] if plan is None else [plan_digest(plan, tenant) for tenant in self.tenants]
        found = resume(self.instance, self.database, self.invocation, self.tenants, plans)
        self.resumed = replace(found, done={}) if no_skip else found
        self.terminal.resumed([tenant for tenant in self.tenants if tenant.key in self.resumed.done])

    def interrupted(self) -> KeyboardInterrupt:
        """Print which tenants are done, under way and not begun; return the interrupt that says what it has left."""
        failed = [run.tenant for run in self.failed]
        under_way = [one for one in self.tenants if one in self.under_way]
        begun = [*self.done, *failed, *under_way]
        if not begun:
            return NothingStarted()
        if len(self.tenants) > 1:
            keys = {one.key for one in begun} | set(self.resumed.done if self.resumed else ())
            left = [one for one in self.tenants if one.key not in keys]
            self.terminal.interrupted(self.done, failed, under_way, left, self.invocation.again())
        return WhileRunning() if self.under_way else BetweenRuns()

    def confirm(self, verb: str, yes: bool, tenants: Sequence[Tenant] | None = None) -> None:
        """Ask before anything of these tenants (default: all of the session) is written, unless `yes`.

        `verb` is what is done to them, such as "migrate" or "recompute the balances of". Raises what `ask` raises.
        """
        chosen = self.tenants if tenants is None else tenants
        if yes or not chosen:
            return
        count = f"{len(chosen)} tenants" if len(chosen) > 1 else f"tenant {chosen[0].key}"
        what = f"{verb} {count} in {self.database.url}"
        question = f"{what[0].upper()}{what[1:]}? Every change is journaled."
        ask(question, command=self.invocation.name, about_to=what, on_stderr=self.as_json)

    def migrate(
        self,
        job: str,
        *,
        steps: Sequence[str] = (),
        batch_size: int | None = None,
        policy_changed: bool = False,
        plan: Path | None = None,
    ) -> int:
        """Run the steps (default: all) for every tenant and show the results.

        With `policy_changed`, the policy may differ from the one that a tenant was migrated with. With `plan`, each
        tenant follows its plan in that folder. Returns the exit status. Raises SharedSessions.
        """
        if batch_size:
            self.database.require_own_session()
        launch = migration(job, steps=steps, batch_size=batch_size, policy_changed=policy_changed, plan=plan)
        with allow_export(plan):
            runs = self._run_all(launch)
        if not runs:  # all of them are finished
            return self.migrated([], int(bool(self.skipped)))
        self.terminal.discrepancies(runs)
        self.terminal.summary(runs)
        changed = sum(report.changed for run in runs for report in run.reports.values())
        self.say_what_next(changed, [run.tenant for run in runs if BACKUP not in run.reports])
        return self.migrated(list(map(migrated, runs)), self._exit_status(runs))

    def migrated(self, results: Sequence[Migrated], status: int) -> int:
        """Print the results of a migration if they are to be JSON. Return the exit status."""
        done = self.resumed.done if self.resumed else {}
        if self.as_json:
            found = MigrationResults(
                **self._of_command(status),
                rows_changed=sum(one.rows_changed for one in results),
                finished_before=[one.key for one in self.tenants if one.key in done],
                tenants=list(results),
            )
            print_json(found)
        return status

    def _of_command(self, status: int) -> dict[str, Any]:
        """Return what the results of every command have."""
        return {
            "command": self.invocation.name,
            "database": self.database.url,
            "exit_status": status,
            "skipped": list(map(skipped_tenant, self.skipped)),
        }

    def to_do(self) -> list[Tenant]:
        """Return the tenants without those that the same command has finished before."""
        done = self.resumed.done if self.resumed else {}
        return [tenant for tenant in self.tenants if tenant.key not in done]

    def say_what_next(self, changed: int, perhaps_without_backup: Sequence[Tenant]) -> None:
        """Print what is left to do, after this number of rows was changed."""
        self.terminal.what_next(
            self.database,
            self.done,
            [run.tenant for run in self.failed],
            changed=changed,
            seconds=time.monotonic() - self.started,
            without_backup=self._without_backup(perhaps_without_backup),
            given=self.invocation,
        )

    def _without_backup(self, tenants: Sequence[Tenant]) -> list[Tenant] | None:
        """Return the tenants that have no backup; None if the database no longer answers: the runs are over."""
        try:
            return tenants_without_backup(self.database, tenants) if tenants else []
        except MeterAssetsError:
            return None

    def roll_back(
        self,
        before_run: str | None = None,
        *,
        dry_run: bool = False,
        batch_size: int | None = None,
        yes: bool = False,
        export: Path | None = None,
        allow_unverified: bool = False,
    ) -> int:
        """Roll back every tenant, all runs or a run and the later ones, and show the results.

        Returns the exit status: 1 if rows were skipped, or would be. Raises UnknownRun and SharedSessions.
        """
        steps = {tenant.key: self._steps_to_undo(tenant, before_run, allow_unverified) for tenant in self.tenants}
        to_undo = [tenant for tenant in self.tenants if steps[tenant.key]]
        if not dry_run and to_undo:
            if batch_size:
                self.database.require_own_session()
            self.terminal.to_undo(to_undo, steps)
            self.confirm("roll back", yes, to_undo)
        with allow_export(export):
            launch = undoing(
                before_run,
                dry_run=dry_run,
                batch_size=batch_size,
                export=export,
                allow_unverified=allow_unverified,
            )
            runs = self._run_all(launch)
        self.terminal.rollback_summary(runs, dry_run=dry_run)
        if export is not None:
            self.terminal.print(f"Rows that would be restored or skipped: {export}/<tenant>/<step>_of_<run>.csv")
        status = self._exit_status(runs)
        if self.as_json:
            print_json(RollbackResults.of(runs, dry_run=dry_run, **self._of_command(status)))
        return status

    def _steps_to_undo(self, tenant: Tenant, before_run: str | None, allow_unverified: bool) -> list[StepRunRecord]:
        """Return the steps that a tenant's rollback will undo; none if its run will refuse and report the reason."""
        try:
            return steps_to_undo(self.database, tenant, before_run, allow_unverified=allow_unverified)
        except NotAsRecorded:
            return []

    def validate(self, group: Group | None = None) -> int:
        """Evaluate the invariants (of one group, or all) for every tenant and show the results.

        Returns the exit status.
        """
        checks = [(guarded_step(group), one.name) for one in of_group(group)] if group else []
        runs = self._run_all(Launch("validate_meter_financial_data", checks=checks))
        self.terminal.discrepancies(runs)
        self.terminal.validation_summary(runs)
        status = self._exit_status(runs)
        if self.as_json:
            print_json(ValidationResults(**self._of_command(status), tenants=list(map(validated, runs))))
        return status

    def preview(
        self,
        *,
        steps: Sequence[str] | None = None,
        evaluate: bool = True,
        policy_changed: bool = False,
        export: Path | None = None,
        export_format: str = CSV,
        brief: bool = False,
        verbose: bool = False,
    ) -> int:
        """Preview every tenant, and show a summary; show a single tenant, or with `verbose` each of them, in full.

        Returns the exit status: 1 if a tenant would fail.
        """
        config: dict[str, Any] = {"evaluate_invariants": evaluate, "export_dir": as_text(export)}
        config["export_format"] = export_format
        if steps is not None:
            config["steps"] = list(steps)
        ops = {"migration_preview": {"config": config}}
        launch = Launch("preview_meter_financials", config={"ops": ops, **policy_config(policy_changed)})
        is_single = len(self.tenants) == 1 and not brief
        with allow_export(export):
            runs = self._run_all(launch, brief=not is_single)
        previews = [run.preview for run in runs if run.preview is not None]
        self.terminal.preview_summary(previews)
        if not is_single:
            self.terminal.preview_details(previews, in_full=verbose)
        self.terminal.print("Nothing was written.")
        if export is not None:
            self.terminal.print(f"Rows that would change: {export}/<tenant>/<change>.{export_format}")
            self.terminal.print(f"The plan of each tenant: {export}/<tenant>/{MANIFEST}; run it with --plan {export}")
        fails = any(preview.would_fail for preview in previews)
        status = max(self._exit_status(runs), int(fails))
        if self.as_json:
            print_json(PreviewResults(**self._of_command(status), tenants=list(map(previewed, runs))))
        return status

    def _exit_status(self, runs: Sequence[TenantRun]) -> int:
        """Return the exit status of some runs; if tenants were skipped, name them again, and return at least 1."""
        self.terminal.skipped_tenants(self.skipped)
        return max([*(run.exit_status for run in runs), int(bool(self.skipped))])

    def _run_all(self, launch: Launch, *, brief: bool = False) -> list[TenantRun]:
        """Run a job for every tenant. After a failure, go on with the others unless stop_on_failure is set."""
        runs: list[TenantRun] = []
        self.done, self.failed = [], []
        to_do, done = self.to_do(), self.resumed.done if self.resumed else {}
        of_tenants = TenantProgress(to_do, self.database.rows_of_each() if len(to_do) > 1 else {})
        for at, tenant in enumerate(self.tenants, start=1):
            if tenant.key in done:
                continue
            if self.resumed is not None:
                launch = replace(launch, tags=self.resumed.tags(len(self.tenants) - at))
            self.database.remember(refresh=at > 1)
            runs.append(self.run_one(launch, tenant, at, len(self.tenants), of_tenants, brief=brief))
            of_tenants.finish(tenant)
            if runs[-1].interrupted and at < len(self.tenants):
                raise KeyboardInterrupt
            if self.stop_on_failure and not runs[-1].succeeded:
                break
        return runs

    def run_one(
        self, launch: Launch, tenant: Tenant, at: int, of: int, of_tenants: TenantProgress, *, brief: bool = False
    ) -> TenantRun:
        """Run a job for one tenant, show its progress and why it failed, and return the run."""
        self.under_way = [tenant]
        launch = replace(launch, tags={**launch.tags, **self.tags})
        progressing = following(self.terminal, tenant, at, of, of_tenants, brief=brief)
        with shared_database(self.database), progressing as progress:
            run = run_tenant(self.instance, self.definitions, launch, tenant, progress)
            with nothing_raised(run):
                progress.finish(run)
        self.under_way = []
        if run.succeeded:
            self.done.append(tenant)
        else:
            self.failed.append(run)
        self.terminal.failed(run)
        return run


@contextmanager
def open_session(
    tenants: Selection = EVERY,
    *,
    live: bool,
    rolls_back: bool = False,
    stop_on_failure: bool = False,
    of_run: str | None = None,
    writes: Sequence[str] | None = None,
    invocation: Invocation | None = None,
    reason: str | None = None,
    as_json: bool = False,
) -> Iterator[Session]:
    """Check the configuration before anything is started, then open the instance and bring it up to date.

    `writes` are the steps that a live command runs (default: those of the migration). If no tenants are given, the
    session has all tenants, or those of the run `of_run`. The `reason` is recorded with every run. Raises
    NothingSelected if a condition of the selection leaves no tenant, and a ConfigurationError for every problem: then
    nothing has been changed, in either database. With `as_json`, results are printed as JSON, all else on standard
    error, and a session may have no tenants.
    """
    settings.policy()
    database = settings.billing_database()
    database.remember()
    chosen = database.tenants(database.tenant_keys(tenants.named))
    if of_run is not None and not tenants.named:
        chosen = tenants_of_run(database, chosen, of_run)
    skipped = [] if of_run is not None and not tenants.named else skipped_tenants(database, tenants)
    if live:
        database.require_writable(writes or MIGRATION, to_roll_back=rolls_back)

    with hangups_ignored(), open_instance(capture_output=False) as instance:
        end_lost_runs(instance)
        sync_partitions(instance, database)
        if tenants.restricts:
            chosen = restricted_or_none(chosen, database, tenants, instance, or_none=as_json)
        terminal = Results(on_stderr=as_json)
        terminal.header(database.header())
        if live:
            written = {STEPS[step].target for step in (STEPS if rolls_back else writes or MIGRATION)}
            terminal.triggers([one for one in database.known_schema().catalogue.triggers if one.table in written])
        terminal.skipped_tenants(skipped)
        session = Session(
            database,
            chosen,
            instance,
            build_definitions(),
            terminal,
            stop_on_failure,
            invocation or Invocation(),
            skipped,
            tags={run_tags.REASON_TAG: reason} if reason else {},
            as_json=as_json,
        )
        try:
            yield session
        except KeyboardInterrupt as interrupt:
            raise interrupt if isinstance(interrupt, NothingStarted) else session.interrupted() from None
