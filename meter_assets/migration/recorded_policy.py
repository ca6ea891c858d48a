"""The policy that a tenant was migrated with: reads it from the records, and compares it with another policy.

The policy decides what a balance means. Every step run records it, so a later run with another policy, for example in
a shell without the configuration file, is noticed. Fields that an earlier version did not record have their defaults.
Add here what compares recorded with given policies; the policies themselves are in `billing.policy`.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select

from meter_assets.billing.own_tables import BACKUP, RUNS
from meter_assets.billing.policy import Policy
from meter_assets.billing.schema import BillingSchema
from meter_assets.billing.step_runs import in_force
from meter_assets.errors import PolicyDiffers, UnknownPolicy
from meter_assets.foreign_text import quoted
from meter_assets.migration.database import BillingDatabase, Tenant
from meter_assets.migration.recorded_place import PLACE, place_differences, recorded_values
from meter_assets.migration.step_run import StepRun

_NO_POLICY = ("allow_invalid", PLACE)
"""What is recorded beside the policy's fields: an option of the run, and where its step writes."""


@dataclass(frozen=True)
class RecordedPolicy:
    """The policy that is recorded for a tenant's newest step run in force."""

    values: Mapping[str, Any]

    @property
    def policy(self) -> Policy | None:
        """The policy; None if this version cannot read a value of it."""
        try:
            return Policy.from_values({name: self.values[name] for name in Policy.model_fields if name in self.values})
        except UnknownPolicy:
            return None

    def differences(self, given: Policy) -> list[str]:
        """Return the fields in which another policy differs, each as "name: recorded -> given"."""
        found, policy = [], self.policy
        for name in Policy.model_fields:
            recorded, value = getattr(policy, name) if policy else self._value(name), getattr(given, name)
            if _comparable(recorded) != _comparable(value):
                found.append(f"{name}: {_in_words(recorded)} -> {_in_words(value)}")
        unknown = sorted(set(self.values) - set(Policy.model_fields) - set(_NO_POLICY))
        return found + [
            f"{quoted(name)}: {_in_words(self.values[name])} -> unknown to this version" for name in unknown
        ]

    def _value(self, name: str) -> Any:
        """Return a field's value, or what is recorded for it, if this version cannot read that."""
        try:
            return getattr(Policy.from_values({name: self.values[name]} if name in self.values else {}), name)
        except UnknownPolicy:
            return self.values[name]


def recorded_policies(
    connection: Connection, schema: BillingSchema, tenant_id: Any = None
) -> dict[Any, RecordedPolicy]:
    """Return the policies that the tenants, or one tenant, were migrated with, by tenant id.

    A policy is that of the tenant's newest step run in force, except the backup, which depends on no policy. A tenant
    without such a step run is left out.
    """
    if RUNS not in schema.own_tables_present:
        return {}
    done, runs = in_force(schema), schema.own[RUNS]
    newest = select(func.max(done.c.id)).where(done.c.step != BACKUP).group_by(done.c.tenant_id)
    found = select(runs.c.tenant_id, runs.c.policy)
    if tenant_id is not None:  # said of both, so that neither reads the runs of other tenants
        newest, found = newest.where(done.c.tenant_id == tenant_id), found.where(runs.c.tenant_id == tenant_id)
    rows = connection.execute(found.where(runs.c.id.in_(newest)))
    return {row.tenant_id: RecordedPolicy(recorded_values(row.policy)) for row in rows}


def differences_from_recorded(
    connection: Connection, schema: BillingSchema, tenant_id: Any, given: Policy
) -> list[str]:
    """Return in what a run would differ from those that the tenant was migrated with: its policy, and where it writes.

    Each difference is as `RecordedPolicy.differences` and `place_differences` say.
    """
    if RUNS not in schema.own_tables_present:
        return []
    done, runs = in_force(schema), schema.own[RUNS]
    newest = select(func.max(done.c.id)).where(done.c.tenant_id == tenant_id).group_by(done.c.step)
    found = select(runs.c.step, runs.c.policy).where(runs.c.tenant_id == tenant_id, runs.c.id.in_(newest))
    recorded = {row.step: recorded_values(row.policy) for row in connection.execute(found.order_by(runs.c.id))}
    policies = [values for step, values in recorded.items() if step != BACKUP]
    differences = RecordedPolicy(policies[-1]).differences(given) if policies else []
    for step, values in recorded.items():
        differences += place_differences(values.get(PLACE), schema, step)
    return differences


def require_recorded_policy(
    database: BillingDatabase, connection: Connection, schema: BillingSchema, run: StepRun
) -> None:
    """Raise PolicyDiffers if a step run has another policy than the tenant's, unless the run says that it is meant.

    A rollback is not refused here, since no policy decides what it restores; where it writes is compared with the
    steps that it undoes.
    """
    checked = database.checked(run.tenant)
    if run.rolls_back or _is_recorded(run.run_id, run.policy) in checked:
        return
    differences = differences_from_recorded(connection, schema, run.tenant.id, run.policy)
    if differences and not run.policy_changed:
        raise PolicyDiffers(run.title, differences)
    checked.add(_is_recorded(run.run_id, run.policy))


def policy_for_evaluation(
    database: BillingDatabase, connection: Connection, tenant: Tenant, run_id: str, given: Policy
) -> tuple[Policy, list[str]]:
    """Return the policy that decides whether a tenant's data is correct, and in which values it differs from `given`.

    It is the policy that the tenant was migrated with. A tenant that was not migrated is evaluated with the given
    policy, as is one whose policy this version cannot read. In a run that migrates the tenant, it is the policy of
    the run.
    """
    if _is_recorded(run_id, given) in database.checked(tenant):
        return given, []
    recorded = recorded_policies(connection, database.schema(connection), tenant.id).get(tenant.id)
    if recorded is None:
        return given, []
    return recorded.policy or given, recorded.differences(given)


def _is_recorded(run_id: str, policy: Policy) -> Hashable:
    """Return what is checked of a tenant that a run migrates with this policy: see `BillingDatabase.checked`."""
    return RUNS, run_id, policy


def _comparable(value: Any) -> Any:
    """Return a value so that equal policies are equal: a list of names has no order, and is compared without case."""
    return frozenset(str(one).strip().lower() for one in value) if isinstance(value, (tuple, list)) else value


def _in_words(value: Any) -> str:
    if isinstance(value, (tuple, list)):
        return f"[{', '.join(map(quoted, value))}]"
    return quoted(value)
