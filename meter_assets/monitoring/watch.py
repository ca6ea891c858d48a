"""One pass over the migrated tenants: evaluates every invariant, and decides which tenants to evaluate again.

The number of statements does not grow with the number of tenants. Nothing is written to the billing database: the state
that a pass needs from the pass before is a `Baseline`, which the caller stores. Add here what a pass finds; the
sentences about causes are in `drift`, the detection of changed rows in `watermarks`. No Dagster here.
"""

import hashlib
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, AliasChoices, BaseModel, Field
from sqlalchemy import Connection, func, select

from meter_assets.billing.own_tables import RUNS, SUCCEEDED
from meter_assets.billing.policy import Policy
from meter_assets.billing.relations import BillingRelations, billing_relations
from meter_assets.billing.schema import BillingSchema
from meter_assets.billing.step_runs import step_runs, tenants_with
from meter_assets.errors import RecordsAltered
from meter_assets.migration import records
from meter_assets.migration.database import Tenant
from meter_assets.migration.evaluation import InvariantResult, evaluate_each
from meter_assets.migration.recorded_policy import recorded_policies
from meter_assets.monitoring.drift import Drifted, first_changes
from meter_assets.monitoring.watermarks import Watermark, changed_tenants, take_watermarks, watermarks_at
from meter_assets.rules.invariants import INVARIANTS, Group, Severity, current_name
from meter_assets.version import __version__

NAMED_TENANTS = 200
"""If there are more tenants, statements do not list them: all are evaluated, and the others are left out afterwards."""

NAMED_PASSES = 100
"""For how many groups of failing tenants, by the time they were last correct, a first change is named."""

NAMED_FAILING = 10_000
"""For how many failing tenants a first change is named: engines limit the number of values in a statement."""

RESTORED_BY_METER_BALANCES = {
    one.name for one in INVARIANTS if one.group is Group.balances and one.severity is Severity.ERROR
}
"""The invariants that meter_balances restores: a violation found after that step is a new one."""


def _by_current_names(since: Mapping[str, str]) -> dict[str, str]:
    """Return the times that an earlier version stored, under the current names of the invariants."""
    return {current_name(name): at for name, at in since.items()}


class Failing(BaseModel):
    """A tenant that violates invariants: when each violation was first found.

    If an invariant of severity ERROR is violated, also the watermarks of the time when the tenant was last found
    without such a violation, by a pass or by meter_balances; no watermarks if that time is unknown.
    """

    since: Annotated[dict[str, str], AfterValidator(_by_current_names)]
    marks: dict[str, Watermark] | None


class Baseline(BaseModel):
    """The state that a pass leaves for the next: the watermarks, the known tenants, and the failing tenants.

    Also the software version and policy that it used, and the watermarks of the pass before. The next pass evaluates
    what has changed since *those*: a transaction that was still open during this pass writes rows with lower ids and
    earlier times than the watermarks of this pass.
    """

    at: datetime
    evaluated_by: str = Field(validation_alias=AliasChoices("evaluated_by", "laws"))  # `laws` in version 1.1
    marks: dict[str, Watermark]
    marks_before: dict[str, Watermark] | None
    watched: list[str]
    failing: dict[str, Failing]


@dataclass(frozen=True)
class Watched:
    """The results of one tenant: since when each violation is known, and the first change that may be its cause."""

    tenant: Tenant
    results: Sequence[InvariantResult]
    since: Mapping[str, str]
    first_change: str | None
    policy_differences: Sequence[str] = ()
    """In which values the policy that it was migrated and evaluated with differs from the configured one."""


@dataclass(frozen=True)
class Pass:
    """The results of a pass. The `unchanged` tenants were not evaluated, because none of their rows had changed."""

    watched: Sequence[Watched]
    unchanged: Sequence[Tenant]
    baseline: Baseline
    altered: Sequence[RecordsAltered] = ()
    """The records of step runs that somebody else has altered. The caller must report them."""


def watch(
    connection: Connection,
    schema: BillingSchema,
    tenants: Iterable[Tenant],
    policy: Policy,
    earlier: Baseline | None,
    *,
    full: bool = False,
    also: Container[str] = (),
) -> Pass:
    """Evaluate every invariant for the migrated tenants, in one snapshot.

    Each tenant is evaluated with the policy that it was migrated with; `policy` is the configured one.

    A full pass evaluates all of them. Any other pass that follows two earlier passes evaluates only tenants that
    violated an invariant of severity ERROR in the last pass, new tenants, and tenants whose tables show a change since
    the pass before the last one. All are evaluated if a policy or the software version has changed. The tenants `also`
    (by key) are evaluated in any case.
    """
    now, recorded = datetime.now(UTC), recorded_policies(connection, schema)
    policies = {key: one.policy or policy for key, one in recorded.items()}
    evaluated_by = _evaluated_by(policy, policies)
    altered, balanced_at = list(records.altered(connection, schema)), migrated(connection, schema)
    suspect = {one.tenant_id for one in altered}  # an altered record must not end the monitoring of its tenant
    every = [tenant for tenant in tenants if tenant.id in balanced_at or tenant.key in suspect]
    marks = take_watermarks(connection, schema)
    chosen = every
    if not full and earlier is not None:
        wanted = set(_to_be_evaluated(connection, schema, every, earlier, evaluated_by))
        chosen = [one for one in every if one in wanted or one.key in also]
    groups: dict[Policy, list[Tenant]] = {}
    for tenant in chosen:
        groups.setdefault(policies.get(tenant.id, policy), []).append(tenant)
    results: dict[str, list[InvariantResult]] = {}
    for evaluated_with, group in groups.items():
        results |= _evaluated(connection, schema, group, evaluated_with)
    failing = _failing(
        results, {one.key: _known(one, earlier, balanced_at.get(one.id, now), evaluated_by) for one in chosen}, now
    )
    first: dict[Any, str] = {}
    for evaluated_with, group in groups.items():
        first |= _first_changes(connection, schema, evaluated_with, group, results, failing)
    watched = [
        Watched(
            one,
            results[one.key],
            failing[one.key].since if one.key in failing else {},
            first.get(one.id),
            recorded[one.id].differences(policy) if one.id in recorded else (),
        )
        for one in chosen
    ]
    unchanged = [one for one in every if one.key not in results]
    if earlier is not None:
        failing |= {one.key: earlier.failing[one.key] for one in unchanged if one.key in earlier.failing}
    baseline = Baseline(
        at=now,
        evaluated_by=evaluated_by,
        marks=marks,
        marks_before=earlier.marks if earlier is not None else None,
        watched=[one.key for one in every],
        failing=failing,
    )
    return Pass(watched, unchanged, baseline, altered)


def _evaluated_by(policy: Policy, policies: Mapping[Any, Policy]) -> str:
    """Return the software version and all policies of a pass; it differs from that of the last pass if one changed."""
    others = sorted((str(key), one.model_dump_json()) for key, one in policies.items() if one != policy)
    digest = f" {hashlib.sha256(repr(others).encode()).hexdigest()}" if others else ""
    return f"{__version__} {policy.model_dump_json()}{digest}"


def migrated(connection: Connection, schema: BillingSchema) -> dict[Any, datetime]:
    """Return the ids of the tenants whose meter balances were written and not rolled back since.

    Each with the time when its balances were last written or found already correct.
    """
    if RUNS not in schema.own_tables_present:
        return {}
    runs = step_runs(schema)
    succeeded = runs.c.step == "meter_balances", runs.c.undoes.is_(None), runs.c.outcome == SUCCEEDED
    in_force = runs.c.tenant_id.in_(tenants_with(schema, "meter_balances"))
    last = select(runs.c.tenant_id, func.max(runs.c.finished_at)).where(*succeeded, in_force).group_by(runs.c.tenant_id)
    return {tenant: at if at.tzinfo else at.replace(tzinfo=UTC) for tenant, at in connection.execute(last)}


def _to_be_evaluated(
    connection: Connection, schema: BillingSchema, every: Sequence[Tenant], earlier: Baseline, evaluated_by: str
) -> Sequence[Tenant]:
    if earlier.marks_before is None or earlier.evaluated_by != evaluated_by:
        return every
    changed = changed_tenants(connection, schema, earlier.marks_before)
    known = set(earlier.watched) - {key for key, one in earlier.failing.items() if one.marks is not None}
    return [one for one in every if one.id in changed or one.key not in known]


def _evaluated(
    connection: Connection, schema: BillingSchema, tenants: Sequence[Tenant], policy: Policy
) -> dict[str, list[InvariantResult]]:
    if not tenants:
        return {}
    ids = [tenant.id for tenant in tenants]
    by_invariant = evaluate_each(connection, INVARIANTS, _relations(schema, policy, ids), ids)
    return {tenant.key: [results[tenant.id] for results in by_invariant] for tenant in tenants}


def _relations(schema: BillingSchema, policy: Policy, ids: list[Any]) -> BillingRelations:
    return billing_relations(schema, policy, ids if len(ids) <= NAMED_TENANTS else None)


def _known(tenant: Tenant, earlier: Baseline | None, balanced: datetime, evaluated_by: str) -> Failing:
    """Return since when violations of a tenant were known before this pass, and when it was last found correct.

    Invariants that meter_balances restores can only have been violated after that step. For other invariants the step
    proves nothing.
    """
    if earlier is None or tenant.key not in earlier.watched:
        return Failing(since={}, marks=watermarks_at(balanced))
    known = earlier.failing.get(tenant.key) or Failing(since={}, marks=None)
    if balanced > earlier.at:
        since = {name: at for name, at in known.since.items() if name not in RESTORED_BY_METER_BALANCES}
        return Failing(since=since, marks=watermarks_at(balanced))
    last_marks = earlier.marks if earlier.evaluated_by == evaluated_by else {}
    return Failing(since=known.since, marks=last_marks if known.marks is None else known.marks)


def _failing(
    results: Mapping[str, Sequence[InvariantResult]], known: Mapping[str, Failing], now: datetime
) -> dict[str, Failing]:
    """Return the tenants that violate an invariant. A known violation keeps the time when it was first found."""
    found = {}
    for key, evaluated in results.items():
        violated = [one.name for one in evaluated if not one.passed]
        if violated:
            since = {name: known[key].since.get(name, now.isoformat(timespec="seconds")) for name in violated}
            found[key] = Failing(since=since, marks=known[key].marks if any(map(_is_error, evaluated)) else None)
    return found


def _is_error(result: InvariantResult) -> bool:
    return result.severity is Severity.ERROR and not result.passed


def _first_changes(
    connection: Connection,
    schema: BillingSchema,
    policy: Policy,
    tenants: Sequence[Tenant],
    results: Mapping[str, Sequence[InvariantResult]],
    failing: Mapping[str, Failing],
) -> dict[Any, str]:
    """Return the first changes of tenants with wrong balances; the newest failures first, if there are very many."""
    wrong = [
        one
        for one in tenants
        if any(_is_error(invariant) and invariant.subject == "meter_id" for invariant in results[one.key])
    ]
    newest = sorted(wrong, key=lambda one: max(failing[one.key].since.values()), reverse=True)
    groups: dict[str, list[Tenant]] = {}
    for one in newest[:NAMED_FAILING]:
        groups.setdefault(str(failing[one.key].marks), []).append(one)
    named = list(groups.values())[:NAMED_PASSES]
    drifted = [Drifted([one.id for one in group], failing[group[0].key].marks or {}) for group in named]
    relations = _relations(schema, policy, [one for group in drifted for one in group.tenants])
    return first_changes(connection, relations, drifted)
