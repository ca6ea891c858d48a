"""Migrates many tenants, one after the other or several at once: all steps of a tenant, then all of its checks.

A tenant that fails ends there, and the others go on. The checks are evaluated once, in one snapshot: each step refuses
by itself what a check before it would have blocked. Nothing here knows Dagster: `defs.many_tenants` records what was
done. Add here what is done with each tenant; the processes that do it are in `workers`.
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Protocol

from meter_assets.billing.policy import Policy
from meter_assets.errors import MeterAssetsError
from meter_assets.foreign_text import shown
from meter_assets.migration.apply import run_step
from meter_assets.migration.database import BillingDatabase, Tenant
from meter_assets.migration.evaluation import InvariantResult
from meter_assets.migration.origin import UNKNOWN, Origin
from meter_assets.migration.reviewed_plans.comparison import PlanToRun
from meter_assets.migration.step_report import StepReport
from meter_assets.migration.step_run import StepRun
from meter_assets.migration.validation import validate
from meter_assets.rules.invariants import Severity
from meter_assets.rules.steps import MIGRATION, STEPS, invariants_about

SECONDS_REMEMBERED = 30.0
"""How long what was read of a database's schema is used for the tenants that follow."""
LONGEST_ERROR = 1_000


@dataclass(frozen=True)
class Migration:
    """What is done with each tenant: the run that does it, and its options."""

    run_id: str
    policy: Policy
    validates: bool = True
    batch_size: int | None = None
    policy_changed: bool = False
    origin: Origin = UNKNOWN
    plan: PlanToRun | None = None
    """The reviewed plan that each tenant must follow."""


@dataclass
class MigratedTenant:
    """What was done with a tenant: its steps in order, with their seconds, and then its checks."""

    tenant: Tenant
    reports: list[tuple[StepReport, float]] = field(default_factory=list)
    results: list[InvariantResult] = field(default_factory=list)
    policy_differences: list[str] = field(default_factory=list)
    failure: str = ""
    """Why it ended early, as a sentence; empty if all of its steps and checks succeeded."""
    interrupt: BaseException | None = None
    """What interrupted it, if that came before it was done."""

    @property
    def succeeded(self) -> bool:
        """Whether all of its steps and checks succeeded."""
        return not self.failure and self.interrupt is None


def migrate_tenant(
    database: BillingDatabase,
    tenant: Tenant,
    migration: Migration,
    go_on: Callable[[], bool] = lambda: True,
) -> MigratedTenant:
    """Run the steps of a tenant and then its checks, until one fails; an interrupt ends them too.

    `go_on` is asked before each step. The tenant is not locked afterwards.
    """
    found = MigratedTenant(tenant)
    try:
        for step in MIGRATION:
            if not go_on():
                raise KeyboardInterrupt
            _run(database, migration, step, found)
        if migration.validates:
            _validate(database, migration, found)
    except MeterAssetsError as error:
        found.failure = str(error)
    except Exception as error:
        found.failure = shown(f"{type(error).__name__}: {' '.join(str(error).split())}", LONGEST_ERROR)
    except BaseException as interrupt:
        found.interrupt = interrupt
    finally:
        database.release()
    return found


def _run(database: BillingDatabase, migration: Migration, step: str, found: MigratedTenant) -> None:
    started = monotonic()

    def add(report: StepReport) -> None:
        found.reports.append((report, monotonic() - started))

    run = StepRun(
        step,
        found.tenant,
        migration.run_id,
        migration.policy,
        batch_size=migration.batch_size if STEPS[step].batchable else None,
        policy_changed=migration.policy_changed,
        origin=migration.origin,
        plan=None
        if migration.plan is None
        else migration.plan.of(database, found.tenant, migration.policy, migration.origin.started_by),
        also_ran=add,
    )
    add(run_step(database, run))


def _validate(database: BillingDatabase, migration: Migration, found: MigratedTenant) -> None:
    found.results, found.policy_differences = validate(
        database, found.tenant, migration.run_id, migration.policy, invariants_about(MIGRATION)
    )
    violated = [one.name for one in found.results if not one.passed and one.severity is Severity.ERROR]
    if violated:
        found.failure = f"Checks failed: {', '.join(violated)}."


class Migrating(Protocol):
    """What migrates many tenants: this process, or several workers."""

    interrupted: list[MigratedTenant]
    """What was done of the tenants that were not yielded yet when an interrupt came."""

    def migrate(
        self, tenants: Sequence[Tenant], migration: Migration, go_on: Callable[[], bool]
    ) -> Generator[MigratedTenant]:
        """Yield each tenant once it is done. `go_on` is asked before each. To close it is an interrupt."""

    def close(self) -> None:
        """End it."""


class InThisProcess:
    """Migrates tenants one after the other in this process."""

    def __init__(self, database: BillingDatabase) -> None:
        """Take the database."""
        self._database = database
        self.interrupted: list[MigratedTenant] = []

    def migrate(
        self, tenants: Sequence[Tenant], migration: Migration, go_on: Callable[[], bool] = lambda: True
    ) -> Generator[MigratedTenant]:
        """Yield each tenant once it is done. `go_on` is asked before each. Raises what interrupted one."""
        remembered = Remembered(self._database)
        for tenant in tenants:
            if not go_on():
                return
            remembered.refresh()
            found = migrate_tenant(self._database, tenant, migration)
            if found.interrupt is not None:
                self.interrupted.append(found)
                raise found.interrupt
            yield found

    def close(self) -> None:
        """Do nothing."""


class Remembered:
    """What a process remembers of a database while it migrates tenants: it is read again from time to time."""

    def __init__(self, database: BillingDatabase) -> None:
        """Take the database."""
        self._database, self._since = database, monotonic()

    def refresh(self) -> None:
        """Let the schema be read again for the next tenant, if it was read some time ago."""
        if monotonic() - self._since > SECONDS_REMEMBERED:
            self._database.remember(refresh=True)
            self._since = monotonic()
