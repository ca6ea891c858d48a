"""Runs a job for one tenant or for many on the Dagster instance, in this process, and collects the results.

Those of a tenant's run are collected from its events. Add here what is read from the events of a run. Nothing here
prints: output belongs in `progress` and `results`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import dagster as dg
from dagster import DagsterEventType, EventLogEntry

from meter_assets.cli.output import problems
from meter_assets.defs.many_tenants import migrate_many_tenants, migrate_tenants
from meter_assets.defs.metadata import REPORT
from meter_assets.defs.migration_preview import CHECK as PREVIEW_CHECK
from meter_assets.defs.results import CHECKS_FAILED, EVALUATED_WITH
from meter_assets.defs.rollback import undo_steps
from meter_assets.foreign_text import shown
from meter_assets.migration.database import Tenant
from meter_assets.migration.evaluation import InvariantResult
from meter_assets.migration.rollback import Rollback
from meter_assets.migration.step_report import StepReport
from meter_assets.reports.preview import Preview
from meter_assets.rules.invariants import INVARIANTS, Severity, current_name
from meter_assets.runtime import run_tags
from meter_assets.runtime.code_location import repository_tag
from meter_assets.runtime.interrupts import interrupts_noticed
from meter_assets.runtime.processes import tags_of_this_process
from meter_assets.runtime.run_events import INTERRUPTS, was_interrupted

LONGEST_ERROR = 1_000
"""How many characters of another library's error are shown."""
INTERRUPTED = "Interrupted on the command line."
"""What Dagster records of a run that Ctrl-C has canceled."""
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass(kw_only=True)
class JobRun:
    """How one run of a job has ended."""

    run_id: str = field(default_factory=lambda: str(uuid4()))
    succeeded: bool = False
    errors: list[str] = field(default_factory=list)
    interrupted: bool = False
    """Whether an interrupt (Ctrl-C) came during the run, even if the run has succeeded all the same."""
    not_shown: Exception | None = None
    """An error of showing its progress, which does not change its result."""


@dataclass(kw_only=True)
class TenantRun(JobRun):
    """The results of one run of one tenant."""

    tenant: Tenant
    reports: dict[str, StepReport] = field(default_factory=dict)
    preview: Preview | None = None
    rollback: Rollback | None = None
    results: list[InvariantResult] = field(default_factory=list)
    evaluated_with: str = ""
    """With which policy the results were evaluated, if it is not the configured one."""

    @property
    def exit_status(self) -> int:
        """0, or 1 if the run failed. 2 is only for errors that are found before a run, when nothing was changed."""
        return 0 if self.succeeded else 1

    @property
    def violated(self) -> list[InvariantResult]:
        """The violated invariants of severity ERROR."""
        return [one for one in self.results if not one.passed and one.severity is Severity.ERROR]

    @property
    def warnings(self) -> list[InvariantResult]:
        """The violated invariants of severity WARN."""
        return [one for one in self.results if not one.passed and one.severity is Severity.WARN]


Watch = Callable[[TenantRun, EventLogEntry], None]


@dataclass(frozen=True)
class Launch:
    """Which job to run, its run config, and a selection of its assets or checks (default: all)."""

    job: str
    config: Mapping[str, Any] | Callable[[Tenant], Mapping[str, Any]] = field(default_factory=dict)
    """The run config, or a function that returns it for a tenant."""
    assets: Sequence[str] = ()
    checks: Sequence[tuple[str, str]] = ()
    tags: Mapping[str, str] = field(default_factory=dict)

    def config_for(self, tenant: Tenant) -> Mapping[str, Any]:
        """Return the run config for a tenant."""
        return self.config(tenant) if callable(self.config) else self.config


def run_tenant(
    instance: dg.DagsterInstance,
    definitions: dg.Definitions,
    launch: Launch,
    tenant: Tenant,
    watch: Watch = lambda run, entry: None,
) -> TenantRun:
    """Run a job for a tenant and return the results.

    `watch` is called for every event, with the run so far. An interrupt (Ctrl-C) is raised again after Dagster has
    recorded that the run was canceled. A run that has succeeded although it was interrupted is returned.
    """
    run = TenantRun(tenant=tenant)
    job = definitions.resolve_job_def(launch.job)
    if launch.assets or launch.checks:
        job = job.get_subset(
            asset_selection={dg.AssetKey(name) for name in launch.assets} or None,
            asset_check_selection={dg.AssetCheckKey(dg.AssetKey(asset), name) for asset, name in launch.checks} or None,
        )
    # A job that has only checks has no partitions: the tag names the tenant.
    of_tenant = {} if job.partitions_def else {run_tags.PARTITION: tenant.key}

    def read(entry: EventLogEntry) -> None:
        _read(run, entry)

    def show(entry: EventLogEntry) -> None:
        with nothing_raised(run):
            watch(run, entry)

    partition = tenant.key if job.partitions_def else None
    _execute(instance, job, run, launch.config_for(tenant), partition, {**of_tenant, **launch.tags}, read, show)
    return run


def run_many(
    instance: dg.DagsterInstance,
    definitions: dg.Definitions,
    run: JobRun,
    config: Mapping[str, Any],
    resources: Mapping[str, Any],
    tags: Mapping[str, str],
) -> None:
    """Run the job for many tenants with the config of its op. Raises KeyboardInterrupt as `run_tenant`."""
    job = definitions.resolve_job_def(migrate_many_tenants.name)

    def read(entry: EventLogEntry) -> None:
        if entry.dagster_event is not None:
            _read_end(run, entry.dagster_event)

    _execute(instance, job, run, {"ops": {migrate_tenants.name: {"config": config}}, **resources}, None, tags, read)


def _execute(
    instance: dg.DagsterInstance,
    job: dg.JobDefinition,
    run: JobRun,
    config: Mapping[str, Any],
    partition: str | None,
    tags: Mapping[str, str],
    read: Callable[[EventLogEntry], None],
    show: Callable[[EventLogEntry], None] = lambda entry: None,
) -> None:
    """Execute a job in this process; `read` and then `show` get each of its events.

    Raises KeyboardInterrupt for a run that an interrupt has ended.
    """

    def listen(entry: EventLogEntry) -> None:
        already = run.interrupted
        read(entry)
        if run.interrupted and not already:
            _cancel_when_it_ends(instance, run)
        show(entry)

    instance.add_event_listener(run.run_id, listen)
    with interrupts_noticed() as interrupt_came:
        try:
            result = job.execute_in_process(
                run_config={**QUIET, **config},
                instance=instance,
                run_id=run.run_id,
                raise_on_error=False,
                partition_key=partition,
                tags={**tags_of_this_process(), **repository_tag(instance), **tags},
            )
            run.succeeded = result.success
        except INTERRUPTS:  # Dagster may have recorded no end of the run
            run.interrupted = True
        run.interrupted = run.interrupted or interrupt_came()
    _record_what_was_not_shown(instance, run)
    if run.interrupted and not run.succeeded:
        _cancel_unless_succeeded(instance, run)


@contextmanager
def nothing_raised(run: JobRun) -> Iterator[None]:
    """Show something of a run, and store an error of that in the run. Raised, it would end this run or the next."""
    try:
        yield
    except Exception as error:
        run.not_shown = run.not_shown or error


def _record_what_was_not_shown(instance: dg.DagsterInstance, run: JobRun) -> None:
    """Write into the run's log in Dagster why a part of its output was not shown."""
    found = problems()
    if run.not_shown is not None:
        found.append(f"A part of the output was not shown: {run.not_shown!r}.")
    recorded = instance.get_run_by_id(run.run_id) if found else None
    if recorded is not None:
        for problem in found:
            instance.report_engine_event(f"{problem} The run went on.", recorded)


def _cancel_when_it_ends(instance: dg.DagsterInstance, run: JobRun) -> None:
    """Let Dagster record the run of an interrupted step as canceled when it ends, instead of failed."""
    recorded = instance.get_run_by_id(run.run_id)
    if recorded is not None and not recorded.is_finished:
        instance.report_run_canceling(recorded, INTERRUPTED)


def _cancel_unless_succeeded(instance: dg.DagsterInstance, run: JobRun) -> None:
    """Make Dagster record an interrupted run as canceled, also if it has recorded that the run failed.

    Raises KeyboardInterrupt, unless Dagster has recorded that the run succeeded.
    """
    recorded = instance.get_run_by_id(run.run_id)
    run.succeeded = recorded is not None and recorded.is_success
    if run.succeeded:
        return
    if recorded is not None and recorded.status is not dg.DagsterRunStatus.CANCELED:
        instance.report_run_canceled(recorded, INTERRUPTED)
    raise KeyboardInterrupt


def _read(run: TenantRun, entry: EventLogEntry) -> None:
    """Add the contents of an event to the results of the run."""
    event = entry.dagster_event
    if event is None:
        return
    if event.event_type is DagsterEventType.ASSET_MATERIALIZATION:
        materialization = event.step_materialization_data.materialization
        report = materialization.metadata[REPORT].value
        if materialization.asset_key.to_python_identifier() == "migration_preview":
            run.preview = Preview.model_validate(report)
        else:
            run.reports[materialization.asset_key.to_python_identifier()] = StepReport.model_validate(report)
    elif event.event_type is DagsterEventType.STEP_OUTPUT and event.step_key == undo_steps.name:
        _read_rollback(run, event.step_output_data.metadata)
    elif event.event_type is DagsterEventType.ASSET_CHECK_EVALUATION:
        evaluation = event.asset_check_evaluation_data
        if evaluation.check_name == PREVIEW_CHECK:  # the preview itself says more
            return
        run.results.append(result_of(evaluation))
        run.evaluated_with = (
            str(evaluation.metadata[EVALUATED_WITH].value)
            if EVALUATED_WITH in evaluation.metadata
            else run.evaluated_with
        )
    else:
        _read_end(run, event)


def _read_end(run: JobRun, event: dg.DagsterEvent) -> None:
    """Add why a run failed, if an event says that, or that it was interrupted."""
    if event.event_type is DagsterEventType.STEP_FAILURE:
        _read_failure(run, event)
    elif event.is_job_failure and was_interrupted(event):
        run.interrupted = True


def _read_failure(run: JobRun, event: dg.DagsterEvent) -> None:
    if was_interrupted(event):
        run.interrupted = True
        return
    data = event.step_failure_data
    failure = data.user_failure_data
    if failure is not None:
        if isinstance(run, TenantRun):
            _read_rollback(run, failure.metadata)
        if CHECKS_FAILED not in failure.metadata:  # the results of the checks were already read
            run.errors.append(str(failure.description))
    elif data.error is not None:
        cause = data.error.cause or data.error
        run.errors.append(shown(" ".join(cause.message.split()), LONGEST_ERROR))


def _read_rollback(run: TenantRun, metadata: Mapping[str, dg.MetadataValue[Any]]) -> None:
    if REPORT in metadata:
        run.rollback = Rollback.model_validate(metadata[REPORT].value)


def result_of(evaluation: dg.AssetCheckEvaluation) -> InvariantResult:
    """Return the invariant's result from which a check's evaluation was built."""
    invariant = next(one for one in INVARIANTS if one.name == current_name(evaluation.check_name))
    if REPORT in evaluation.metadata:
        return InvariantResult.model_validate(evaluation.metadata[REPORT].value)
    return InvariantResult(
        name=invariant.name,
        group=invariant.group,
        severity=invariant.severity,
        subject=invariant.subject,
        description=invariant.description,
        remedy=invariant.remedy,
        violations=int(str(evaluation.metadata["violations"].value)),
        samples=[],
    )
