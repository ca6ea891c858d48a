"""`meter-assets rehearse`: migrates a copy of the billing tables and measures how long each part takes.

The parts are the jobs that the other commands launch, on the copy and in a Dagster instance of its own. Add a part to
`_Rehearsing`. How the copy is made is in `copying`, what the figures mean in `reports.rehearsal`.
"""

import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import dagster as dg

from meter_assets import settings
from meter_assets.cli.launches import migration, undoing
from meter_assets.cli.rehearsal_output import RehearsalOutput
from meter_assets.cli.runner import Launch, TenantRun, run_tenant
from meter_assets.copying.copy import Copy, copied
from meter_assets.definitions import build_definitions
from meter_assets.defs.partitions import sync_partitions
from meter_assets.defs.resources import shared_database
from meter_assets.errors import InvalidSettings, SharedSessions
from meter_assets.foreign_text import named, shown
from meter_assets.migration.database import BillingDatabase, Tenant
from meter_assets.migration.run_history import recorded_steps
from meter_assets.private_files import written
from meter_assets.reports.rehearsal import OneTenantAgain, Part, Rehearsal, TenantTimes
from meter_assets.rules.invariants import Severity
from meter_assets.runtime.instance import DAGSTER_HOME_VARIABLE, POSTGRES_URL_VARIABLE, open_instance
from meter_assets.version import __version__

USUAL_BATCH = 10_000
"""The batch size of the second migration of a tenant, if the first one had none."""
_PREFIX = "meter-assets-rehearsal-"
_DAGSTER, _CONFIG = "dagster", "policy.toml"


@dataclass(frozen=True)
class Options:
    """What the user asked for."""

    tenants: Sequence[str] = ()
    dump: Path | None = None
    into: str | None = None
    batch_size: int | None = None
    keep: bool = False
    as_json: bool = False


def rehearse(options: Options) -> int:
    """Rehearse the migration on a copy and print the results. Returns the exit status: 1 if it says no go.

    On Ctrl-C and on an error, the copy is removed, and a line says so. Raises a ConfigurationError for a source or a
    target that cannot be used.
    """
    output = RehearsalOutput(as_json=options.as_json)
    policy = settings.policy()
    mapping = settings.mapping()
    source = settings.billing_database() if options.dump is None else options.dump
    name = source.url if isinstance(source, BillingDatabase) else str(source)
    with _removed_when_interrupted(output), _private_folder(keep=options.keep) as folder:
        output.start("copy", name)
        copying = partial(copied, mapping=mapping, keep=options.keep, told=output.table)
        with copying(source, options.into, policy, folder) as copy:
            found = _results_of(copy, name, options)
            output.parts(found.parts)
            with _as_billing_database(copy, folder, is_mapped=bool(mapping.tables)):
                _Rehearsing(found, options, output).run()
        found.is_kept = options.keep
        output.results(found)
        if options.keep:
            output.kept(copy.shown_url, folder / _DAGSTER, folder / _CONFIG if mapping.tables else None)
    return 0 if found.go else 1


def _results_of(copy: Copy, source: str, options: Options) -> Rehearsal:
    found = Rehearsal(
        source=source,
        copy_in=copy.shown_url,
        is_kept=False,
        batch_size=options.batch_size,
        software_version=__version__,
        rows=copy.rows,
        masked=list(copy.masked),
        lacks=copy.lacks,
        triggers=copy.triggers,
    )
    if copy.seconds_to_restore is not None:
        found.parts.append(Part(name="restore the dump", seconds=copy.seconds_to_restore))
    found.parts.append(Part(name="copy", seconds=copy.seconds, rows=sum(copy.rows.values()), what="copied"))
    return found


# Where a rehearsal leaves nothing


@contextmanager
def _removed_when_interrupted(output: RehearsalOutput) -> Iterator[None]:
    """Say that the copy was removed after an interrupt."""
    try:
        yield
    except KeyboardInterrupt:
        output.say("Interrupted: the copy and its files were removed. The billing database was only read.")
        raise


@contextmanager
def _private_folder(*, keep: bool) -> Iterator[Path]:
    """Create a private folder for temporary files, and remove it in the end, unless it is to be kept."""
    try:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX)).resolve()
    except OSError as error:
        raise InvalidSettings(
            f"No folder for temporary files can be created: {error.strerror}. Set the variable TMPDIR to a folder that "
            "can be written."
        ) from None
    try:
        yield folder
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    if not keep:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _as_billing_database(copy: Copy, folder: Path, *, is_mapped: bool) -> Iterator[None]:
    """Let all code of this process use the copy, and a Dagster instance whose files are in the folder."""
    has_settings = is_mapped or settings.plan().require_approval  # a copy is written without a plan
    if has_settings:
        _write_policy(folder)
    variables = {
        settings.DATABASE_URL_VARIABLE: copy.url,
        **({settings.CONFIG_VARIABLE: str(folder / _CONFIG)} if has_settings else {}),
        DAGSTER_HOME_VARIABLE: str(folder / _DAGSTER),
        POSTGRES_URL_VARIABLE: None,
    }
    with settings.replaced(variables):
        yield


def _write_policy(folder: Path) -> None:
    """Write a configuration file with the policies alone: the copy has the usual names of tables."""
    with written(folder, _CONFIG) as file:
        file.write("[policy]\n")
        for name, value in settings.policy_values().items():
            file.write(f"{name} = {json.dumps(value)}\n")  # for its values, TOML is as JSON


# The parts


class _Rehearsing:
    """Runs the parts on the copy, and adds what they take to the results."""

    def __init__(self, found: Rehearsal, options: Options, output: RehearsalOutput) -> None:
        """Take the results so far. The environment names the copy as the billing database."""
        self._found, self._options, self._output = found, options, output
        self._database = settings.billing_database()
        self._database.remember()
        self._tenants = self._database.tenants(self._database.tenant_keys(options.tenants))
        self._times = [TenantTimes(tenant=one.key, name=one.name) for one in self._tenants]
        found.tenants = self._times
        self._instance: dg.DagsterInstance
        self._definitions: dg.Definitions
        found.skipped = [str(one) for one in self._database.skipped_tenants(options.tenants)]

    def run(self) -> None:
        """Run all parts. Raises SharedSessions if a batch size is given and the server has no own session for it."""
        if self._options.batch_size:
            self._database.require_own_session()
        with open_instance(capture_output=False) as self._instance:
            sync_partitions(self._instance, self._database)
            self._definitions = build_definitions()
            self._each("preview", Launch("preview_meter_financials"), self._preview, "examined")
            self._each("migrate", self._migration(self._options.batch_size), self._migrate, "changed")
            self._each("validate", Launch("validate_meter_financial_data"), self._validate, "examined")
            self._roll_back_one()

    def _migration(self, batch_size: int | None) -> Launch:
        return migration("migrate_meter_financials", batch_size=batch_size)

    def _each(
        self, name: str, launch: Launch, store: Callable[[TenantTimes, TenantRun, float], None], what: str
    ) -> None:
        """Run a job for each tenant, store what it took, and add the part to the results."""
        for at, (tenant, times) in enumerate(zip(self._tenants, self._times, strict=True), start=1):
            self._output.start(name, f"tenant {shown(tenant.key)} ({at} of {len(self._tenants)})")
            store(times, *self._run(launch, tenant))
        seconds = {"preview": "preview", "migrate": "migration", "validate": "validation"}[name]
        rows = sum(one.changed if what == "changed" else one.examined for one in self._times)
        self._add(Part(name=name, seconds=sum(getattr(one, seconds) for one in self._times), rows=rows, what=what))

    def _add(self, part: Part) -> None:
        self._found.parts.append(part)
        self._output.parts([part])

    def _run(self, launch: Launch, tenant: Tenant) -> tuple[TenantRun, float]:
        """Run a job for a tenant and return its results, and how long it took."""
        self._database.remember(refresh=True)
        started = time.monotonic()
        with shared_database(self._database):
            run = run_tenant(self._instance, self._definitions, launch, tenant)
        if run.interrupted:
            raise KeyboardInterrupt
        return run, time.monotonic() - started

    def _preview(self, times: TenantTimes, run: TenantRun, seconds: float) -> None:
        times.preview = seconds
        if run.preview is None:
            times.problems += problems_of(run)
            return
        times.examined = sum(report.examined for report in run.preview.steps)
        violated = [one for one in run.preview.results or () if not one.passed and one.severity is Severity.ERROR]
        times.problems += [_counted(one.name, one.violations) for one in violated]
        times.problems += run.preview.obstacles

    def _migrate(self, times: TenantTimes, run: TenantRun, seconds: float) -> None:
        times.migration = seconds
        times.changed = sum(report.changed for report in run.reports.values())
        tenant = next(one for one in self._tenants if one.key == times.tenant)
        for one in recorded_steps(self._database, [tenant]):
            if one.finished_at is not None:
                took = (one.finished_at - one.started_at).total_seconds()
                times.steps[one.step] = times.steps.get(one.step, 0.0) + took
        self._failed(times, run)

    def _validate(self, times: TenantTimes, run: TenantRun, seconds: float) -> None:
        times.validation = seconds
        self._failed(times, run)

    def _failed(self, times: TenantTimes, run: TenantRun) -> None:
        """Add why a run failed, unless an earlier part has said why the tenant fails: the rest follows from that."""
        if times.succeeded:
            times.problems += problems_of(run)

    def _roll_back_one(self) -> None:
        """Roll back the tenant with most changed rows, of those that succeeded, and migrate it again.

        The second migration has the other batch size, to compare them, unless a pooler is between.
        """
        good = [(one, times) for one, times in zip(self._tenants, self._times, strict=True) if times.succeeded]
        if not good:
            return
        tenant, times = max(good, key=lambda one: one[1].changed)
        self._output.start("roll back", f"tenant {named(tenant.key, tenant.name)}")
        undone, to_undo = self._run(undoing(), tenant)
        batch_size = self._other_batch_size()
        self._output.start("migrate again", f"tenant {named(tenant.key, tenant.name)}")
        again, to_repeat = self._run(self._migration(batch_size), tenant)
        changed = sum(report.changed for report in again.reports.values())
        restored, skipped = (undone.rollback.restored, undone.rollback.skipped) if undone.rollback else (0, 0)
        self._found.again = OneTenantAgain(
            tenant=tenant.key,
            name=tenant.name,
            changed=times.changed,
            rollback=to_undo,
            restored=restored,
            skipped=skipped,
            migration=to_repeat,
            changed_again=changed,
            batch_size=batch_size,
            problems=[*problems_of(undone), *problems_of(again)],
        )
        how = f" in batches of {batch_size:,}" if batch_size else ""
        self._add(Part(name=f"roll back tenant {tenant.key}", seconds=to_undo, rows=restored, what="restored"))
        name = f"migrate tenant {tenant.key} again{how}"
        self._add(Part(name=name, seconds=to_repeat, rows=changed, what="changed"))

    def _other_batch_size(self) -> int | None:
        if self._options.batch_size:
            return None
        try:
            self._database.require_own_session()
        except SharedSessions:
            return None
        return USUAL_BATCH


def problems_of(run: TenantRun) -> list[str]:
    """Return why a run failed: each violated ERROR check with its violations, and errors; nothing if it succeeded."""
    if run.succeeded:
        return []
    found = [_counted(one.name, one.violations) for one in run.violated] + run.errors
    return found or ["the run failed; rehearse with --keep, and look at the run in the UI"]


def _counted(name: str, violations: int) -> str:
    return f"{name}: {violations:,} {'violation' if violations == 1 else 'violations'}"
