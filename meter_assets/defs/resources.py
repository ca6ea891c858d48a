"""The resources that Dagster gives to assets and checks: the billing database, and the policy as validated config.

Add a resource here. The limits of a run config are in `launchpad`; the meaning of each policy is in `billing.policy`.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from decimal import Decimal
from typing import Any, ClassVar

import dagster as dg
from pydantic import Field, PrivateAttr, create_model

from meter_assets import settings
from meter_assets.billing.policy import Policy
from meter_assets.defs import launchpad
from meter_assets.defs.scope import UNNAMED, Scope
from meter_assets.errors import ConfigurationError, MissingPartition
from meter_assets.migration.database import BillingDatabase
from meter_assets.migration.evaluation import InvariantResult
from meter_assets.migration.progress import Lines, progress_told
from meter_assets.runtime import run_tags
from meter_assets.runtime.interrupts import raised_again
from meter_assets.runtime.own_instance import require_own_instance
from meter_assets.runtime.retries import NEVER_AGAIN
from meter_assets.runtime.run_config import batch_sizes
from meter_assets.runtime.sentences import RunRefused
from meter_assets.runtime.waits import waits_shown

JOBS_OF_OPS = frozenset({"rollback_meter_financials", "watch_migrated_tenants", "migrate_many_tenants"})
"""The jobs without assets: one reports a missing tenant itself, the others are for several tenants."""
OF_ALL_TENANTS = "tenant_overview"
"""The asset without partitions."""
CHECKS_SUFFIX = "_checks"
"""The end of the name of each op that executes checks; no asset's name has it."""


_SHARED: ContextVar[BillingDatabase | None] = ContextVar("shared billing database", default=None)


@contextmanager
def shared_database(database: BillingDatabase) -> Iterator[None]:
    """Let the runs of this process that use the same database use this object, and what it remembers."""
    token = _SHARED.set(database)
    try:
        yield
    finally:
        _SHARED.reset(token)


class BillingResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The billing database of a run. Its locks are released when the run ends."""

    url: str | None = Field(
        default=None,
        description="The billing database's URL. Leave it empty to use METER_ASSETS_DATABASE_URL (or the demo "
        "database): then its password is not stored in Dagster. A run config may name another database only if the "
        "table [launchpad] of the configuration file names it too.",
    )
    scope: ClassVar[Scope] = UNNAMED
    needs_own_instance: ClassVar[bool] = True
    """Whether a run is refused in an instance of another project. A component belongs to that project."""
    _database: BillingDatabase | None = PrivateAttr(default=None)
    _validated: dict[str, tuple[Mapping[str, InvariantResult], list[str]]] = PrivateAttr(default_factory=dict)

    @property
    def database(self) -> BillingDatabase:
        """The billing database. Raises InvalidSettings for a URL that cannot be used."""
        if self._database is None:
            own, shared = settings.billing_database(self.url or self.scope.url), _SHARED.get()
            self._database = shared if shared is not None and shared.identity == own.identity else own
        return self._database

    def keep_validated(self, run_id: str, results: Mapping[str, InvariantResult], differences: list[str]) -> None:
        """Keep what one op of a run has evaluated for the others."""
        self._validated = {run_id: (results, differences)}

    def validated_by(self, run_id: str) -> tuple[Mapping[str, InvariantResult], list[str]] | None:
        """Return the results of this run by invariant, and in which values the policy differs, if they were kept."""
        return self._validated.get(run_id)

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Refuse a run config that names a forbidden place, a run without a tenant, and batches that cannot run.

        The steps cannot do this: Dagster resolves an asset's partitioned dependencies before the asset's own code
        starts, and a later step would be refused only after the earlier steps had written.
        """
        if context.run is None:
            return
        try:
            if self.needs_own_instance and context.instance is not None:
                require_own_instance(context.instance)
            launchpad.require_allowed(context.run.run_config, self.scope.named("billing"))
            _require_tenant(context.run, self.scope)
            if batch_sizes(context.run.run_config):
                self.database.require_own_session()
            if self.database is not _SHARED.get():
                self.database.remember(refresh=True)
        except ConfigurationError as error:
            if context.instance is not None:
                context.instance.add_run_tags(context.run.run_id, NEVER_AGAIN)
            raise RunRefused(str(error)) from None

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator["BillingResource"]:
        """Set up, and tear down in the end.

        Meanwhile no termination of the run is lost, and its log has its waits for locks, and how far its steps are.
        """
        with ExitStack() as meanwhile:
            meanwhile.enter_context(raised_again())
            if context.log:
                meanwhile.enter_context(waits_shown(context.log.warning))
                meanwhile.enter_context(progress_told(Lines(context.log.info)))
            with super().yield_for_execution(context):
                if context.run is not None:
                    meanwhile.enter_context(self.database.connections_kept())
                yield self

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        """Release the tenants that the run locked."""
        if self._database is not None:
            self._database.release()


def billing_resource(scope: Scope) -> BillingResource:
    """Return the resource of a component's database. Its URL is in no config, so no page of Dagster shows it."""
    resource_type = create_model("BillingResource", __base__=BillingResource, __doc__=BillingResource.__doc__)
    resource_type.scope, resource_type.needs_own_instance = scope, False
    return resource_type()


def _require_tenant(run: dg.DagsterRun, scope: Scope) -> None:
    is_for_all = run.job_name in map(scope.named, JOBS_OF_OPS) or _has_only_checks(run, scope)
    steps, selected = list(run.step_keys_to_execute or ()), set(run.asset_selection or ())
    is_overview = selected == {scope.key(OF_ALL_TENANTS)} or steps == [scope.named(OF_ALL_TENANTS)]
    if run_tags.PARTITION not in run.tags and not is_for_all and not is_overview:
        raise MissingPartition(_launch_name(run))


def _has_only_checks(run: dg.DagsterRun, scope: Scope) -> bool:
    """Return whether a run executes checks and no assets. Without a partition, it is for all migrated tenants."""
    steps = run.step_keys_to_execute or ()
    return bool(steps) and all(step.endswith(scope.named(CHECKS_SUFFIX)) for step in steps)


def _launch_name(run: dg.DagsterRun) -> str:
    """Return what a run was launched for: the selected assets, otherwise the selected checks, otherwise the job."""
    names = sorted(key.to_user_string() for key in run.asset_selection or run.asset_check_selection or ())
    if not names:
        return f"The job {run.job_name}"
    return f"{names[0]} and {len(names) - 1} more" if len(names) > 1 else names[0]


class PolicyResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The policy of a run: the operator's choices about meaning. Every run that writes records them."""

    policy_type: ClassVar[type[Policy]] = Policy
    policy_changed: bool | None = Field(
        default=False,
        description="Write although the policy differs from the one that the tenant was migrated with. Without this, "
        "such a run is refused, and says in which values.",
    )

    def policy(self) -> Policy:
        """Return the policy. Raises UnknownPolicy for an invalid value."""
        return self.policy_type.from_values({name: getattr(self, name) for name in self.policy_type.model_fields})


def policy_resource(defaults: Policy) -> PolicyResource:
    """Return the resource: its config has one documented field per policy, with these defaults."""
    fields: dict[str, Any] = {
        name: (_config_type(field.annotation) | None, _config_default(getattr(defaults, name), field.description))
        for name, field in type(defaults).model_fields.items()
    }
    resource_type = create_model("PolicyResource", __base__=PolicyResource, __doc__=PolicyResource.__doc__, **fields)
    resource_type.policy_type = type(defaults)
    return resource_type()


def _config_type(kind: Any) -> Any:
    """Return the type of a policy's field in Dagster's config. Dagster accepts null there; `policy` refuses it."""
    if kind is Decimal:
        return str
    return list[str] if kind == tuple[str, ...] else kind


def _config_default(value: Any, description: str | None) -> Any:
    plain = str(value) if isinstance(value, Decimal) else list(value) if isinstance(value, tuple) else value
    return Field(default=plain, description=description)
