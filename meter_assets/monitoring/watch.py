"""Watching tenants after go-live: every law judged for many tenants at once, and who is judged again.

The number of statements does not grow with the tenants. Nothing is written to the billing database: what a pass has
to remember for the next is a `Baseline`, which the caller keeps. No Dagster.
"""

from collections.abc import Iterable, Mapping, Sequence
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
from meter_assets.monitoring.drift import Drifted, first_changes
from meter_assets.monitoring.watermarks import Watermark, changed_tenants, take_watermarks, watermarks_at
from meter_assets.rules.invariants import INVARIANTS, Group, Severity, current_name
from meter_assets.version import __version__

NAMED_TENANTS = 200
"""More tenants than these are not named in every statement: all are judged, and those not asked for left out."""

NAMED_PASSES = 100
"""Tenants that were last found right at more different times than these are not all told what broke them."""

NAMED_FAILING = 10_000
"""More failing tenants than these are not all told what broke them: engines bound how many values a statement has."""

RESTORED_BY_METER_BALANCES = {
    one.name for one in INVARIANTS if one.group is Group.balances and one.severity is Severity.ERROR
}
"""What meter_balances makes true: whoever breaks one of these after it has broken it anew."""


def _by_current_names(since: Mapping[str, str]) -> dict[str, str]:
    """Return what a pass of an earlier version left under the names that invariants have now."""
    return {current_name(name): at for name, at in since.items()}


class Failing(BaseModel):
    """A tenant that breaks laws: when each was first seen to be broken.

    Of one that breaks laws of severity ERROR also how far the tables had been seen when it was last found without, by
    a pass or by meter_balances: no marks where that cannot be told.
    """

    since: Annotated[dict[str, str], AfterValidator(_by_current_names)]
    marks: dict[str, Watermark] | None


class Baseline(BaseModel):
    """What a pass leaves to the next: how far the tables were seen, which tenants it knows, and which were failing.

    Also by which laws it judged, and how far the pass before had seen the tables. What has changed since *then* is
    judged by the next pass: what a transaction wrote that was still open at this pass has lower ids and earlier times
    than these marks.
    """

    at: datetime
    evaluated_by: str = Field(validation_alias=AliasChoices("evaluated_by", "laws"))  # `laws` in version 1.1
    marks: dict[str, Watermark]
    marks_before: dict[str, Watermark] | None
    watched: list[str]
    failing: dict[str, Failing]


@dataclass(frozen=True)
class Watched:
    """One tenant as a pass found it: its verdicts, since when each broken law is known to be, and what broke it."""

    tenant: Tenant
    results: Sequence[InvariantResult]
    since: Mapping[str, str]
    first_change: str | None


@dataclass(frozen=True)
class Pass:
    """What a pass found; the `unchanged` tenants were not judged, since nothing of theirs had changed."""

    watched: Sequence[Watched]
    unchanged: Sequence[Tenant]
    baseline: Baseline
    altered: Sequence[RecordsAltered] = ()
    """Which records of step runs somebody else has altered: who caused the pass is to be told."""


def watch(
    connection: Connection,
    schema: BillingSchema,
    tenants: Iterable[Tenant],
    policy: Policy,
    earlier: Baseline | None,
    *,
    full: bool = False,
) -> Pass:
    """Judge every law for those of the tenants that are migrated, in one snapshot.

    After two earlier passes, and unless this is to be a full one, only tenants that broke a law of severity ERROR at
    the last one, that are new since, or of which the tables show a change since the last but one. All, if the policy or
    this software is another than then.
    """
    now, evaluated_by = datetime.now(UTC), f"{__version__} {policy.model_dump_json()}"
    altered, made = list(records.altered(connection, schema)), migrated(connection, schema)
    suspect = {one.tenant_id for one in altered}  # whoever alters a record does not end the watching of its tenant
    every = [tenant for tenant in tenants if tenant.id in made or tenant.key in suspect]
    marks = take_watermarks(connection, schema)
    chosen = every if full or earlier is None else _to_be_evaluated(connection, schema, every, earlier, evaluated_by)
    results = _evaluated(connection, schema, chosen, policy)
    failing = _failing(
        results, {one.key: _known(one, earlier, made.get(one.id, now), evaluated_by) for one in chosen}, now
    )
    first = _first_changes(connection, schema, policy, chosen, results, failing)
    watched = [
        Watched(one, results[one.key], failing[one.key].since if one.key in failing else {}, first.get(one.id))
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


def migrated(connection: Connection, schema: BillingSchema) -> dict[Any, datetime]:
    """Return the ids of the tenants whose meters have got their balances, and that were not rolled back since.

    Also when these were last written, or found to be right as they were.
    """
    if RUNS not in schema.own_tables_present:
        return {}
    runs = step_runs(schema)
    made = runs.c.step == "meter_balances", runs.c.undoes.is_(None), runs.c.outcome == SUCCEEDED
    in_force = runs.c.tenant_id.in_(tenants_with(schema, "meter_balances"))
    last = select(runs.c.tenant_id, func.max(runs.c.finished_at)).where(*made, in_force).group_by(runs.c.tenant_id)
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
    by_law = evaluate_each(connection, INVARIANTS, _relations(schema, policy, ids), ids)
    return {tenant.key: [of_law[tenant.id] for of_law in by_law] for tenant in tenants}


def _relations(schema: BillingSchema, policy: Policy, ids: list[Any]) -> BillingRelations:
    return billing_relations(schema, policy, ids if len(ids) <= NAMED_TENANTS else None)


def _known(tenant: Tenant, earlier: Baseline | None, balanced: datetime, evaluated_by: str) -> Failing:
    """Return since when a tenant is known to break laws from before this pass, and when it was last found right.

    What is true once balances were written, may have been broken only after that. That other laws held says nothing.
    """
    if earlier is None or tenant.key not in earlier.watched:
        return Failing(since={}, marks=watermarks_at(balanced))
    known = earlier.failing.get(tenant.key) or Failing(since={}, marks=None)
    if balanced > earlier.at:
        since = {name: at for name, at in known.since.items() if name not in RESTORED_BY_METER_BALANCES}
        return Failing(since=since, marks=watermarks_at(balanced))
    right = earlier.marks if earlier.evaluated_by == evaluated_by else {}
    return Failing(since=known.since, marks=right if known.marks is None else known.marks)


def _failing(
    results: Mapping[str, Sequence[InvariantResult]], known: Mapping[str, Failing], now: datetime
) -> dict[str, Failing]:
    """Return the tenants that break a law; one that was broken before keeps the time when that was first seen."""
    found = {}
    for key, judged in results.items():
        broken = [one.name for one in judged if not one.passed]
        if broken:
            since = {name: known[key].since.get(name, now.isoformat(timespec="seconds")) for name in broken}
            found[key] = Failing(since=since, marks=known[key].marks if any(map(_is_error, judged)) else None)
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
    """Name what broke the failing tenants' balances; the newest first, should they be very many."""
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
