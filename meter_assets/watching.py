"""Watching tenants after go-live: every law judged for many tenants at once, and who is judged again.

The number of statements does not grow with the tenants. Nothing is written to the billing database: what a pass has
to remember for the next is a `Baseline`, which the caller keeps. No Dagster.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel
from sqlalchemy import Connection

from meter_assets.database import Tenant
from meter_assets.drift import NAMED_METERS, Drifted, drifted_meters, first_changes
from meter_assets.history import tenants_with
from meter_assets.invariants import INVARIANTS, Severity
from meter_assets.judge import Verdict, judge_each
from meter_assets.marks import Mark, changed_tenants, take_marks
from meter_assets.policy import Policy
from meter_assets.relations import billing_relations
from meter_assets.schema import RUNS, BillingSchema

NAMED_TENANTS = 200
"""More tenants than these are not named in every statement: all are judged, and those not asked for left out."""

NAMED_PASSES = 100
"""Tenants that have been failing since more different passes than these are not all told what broke them."""


class Failing(BaseModel):
    """A tenant that breaks laws: when each was first seen to be broken.

    Of one that breaks laws of severity ERROR also how far the tables had been seen when it was last found without.
    """

    since: dict[str, str]
    marks: dict[str, Mark] | None


class Baseline(BaseModel):
    """What a pass leaves to the next: how far the tables were seen, which tenants it knows, and which were failing.

    Also how far the pass before had seen them. What has changed since *then* is judged by the next pass: what a
    transaction wrote that was still open at this pass has lower ids and earlier times than these marks.
    """

    marks: dict[str, Mark]
    marks_before: dict[str, Mark] | None
    watched: list[str]
    failing: dict[str, Failing]


@dataclass(frozen=True)
class Watched:
    """One tenant as a pass found it: its verdicts, since when each broken law is known to be, and what broke it."""

    tenant: Tenant
    verdicts: Sequence[Verdict]
    since: Mapping[str, str]
    first_change: str | None


@dataclass(frozen=True)
class Pass:
    """What a pass found; the `unchanged` tenants were not judged, since nothing of theirs had changed."""

    watched: Sequence[Watched]
    unchanged: Sequence[Tenant]
    baseline: Baseline


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
    the last one, that are new since, or of which the tables show a change since the last but one.
    """
    done = migrated(connection, schema)
    every = [tenant for tenant in tenants if tenant.id in done]
    marks = take_marks(connection, schema)
    chosen = every if full or earlier is None else _to_be_judged(connection, schema, every, earlier)
    verdicts = _judged(connection, schema, chosen, policy)
    failing = _failing(verdicts, earlier or Baseline(marks=marks, marks_before=None, watched=[], failing={}))
    first = _first_changes(connection, schema, verdicts, failing)
    watched = [
        Watched(one, verdicts[one.key], failing[one.key].since if one.key in failing else {}, first.get(one.id))
        for one in chosen
    ]
    unchanged = [one for one in every if one.key not in verdicts]
    if earlier is not None:
        failing |= {one.key: earlier.failing[one.key] for one in unchanged if one.key in earlier.failing}
    baseline = Baseline(
        marks=marks,
        marks_before=earlier.marks if earlier is not None else None,
        watched=[one.key for one in every],
        failing=failing,
    )
    return Pass(watched, unchanged, baseline)


def migrated(connection: Connection, schema: BillingSchema) -> frozenset[Any]:
    """Return the ids of the tenants whose meters have got their balances, and that were not rolled back since."""
    if RUNS not in schema.own_tables_present:
        return frozenset()
    return frozenset(connection.execute(tenants_with(schema, "meter_balances")).scalars())


def _to_be_judged(
    connection: Connection, schema: BillingSchema, every: Sequence[Tenant], earlier: Baseline
) -> Sequence[Tenant]:
    if earlier.marks_before is None:
        return every
    changed = changed_tenants(connection, schema, earlier.marks_before)
    known = set(earlier.watched) - {key for key, one in earlier.failing.items() if one.marks is not None}
    return [one for one in every if one.id in changed or one.key not in known]


def _judged(
    connection: Connection, schema: BillingSchema, tenants: Sequence[Tenant], policy: Policy
) -> dict[str, list[Verdict]]:
    if not tenants:
        return {}
    ids = [tenant.id for tenant in tenants]
    relations = billing_relations(schema, ids if len(ids) <= NAMED_TENANTS else None)
    by_law = judge_each(connection, INVARIANTS, relations, policy, ids)
    return {tenant.key: [of_law[tenant.id] for of_law in by_law] for tenant in tenants}


def _failing(verdicts: Mapping[str, Sequence[Verdict]], earlier: Baseline) -> dict[str, Failing]:
    """Return the tenants that break a law; one that was broken before keeps the time when that was first seen."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    found = {}
    for key, judged in verdicts.items():
        broken = [one.name for one in judged if not one.holds]
        if broken:
            before = earlier.failing.get(key) or Failing(since={}, marks=None)
            marks = (before.marks or earlier.marks) if any(map(_is_error, judged)) else None
            found[key] = Failing(since={name: before.since.get(name, now) for name in broken}, marks=marks)
    return found


def _is_error(verdict: Verdict) -> bool:
    return verdict.severity is Severity.ERROR and not verdict.holds


def _first_changes(
    connection: Connection,
    schema: BillingSchema,
    verdicts: Mapping[str, Sequence[Verdict]],
    failing: Mapping[str, Failing],
) -> dict[Any, str]:
    """Name what broke the failing tenants' balances; the newest first, should they be of very many passes."""
    groups: dict[str, list[str]] = {}
    in_error = [key for key in failing if failing[key].marks is not None]
    for key in sorted(in_error, key=lambda one: max(failing[one].since.values()), reverse=True):
        groups.setdefault(str(failing[key].marks), []).append(key)
    drifted: list[Drifted] = []
    for keys in list(groups.values())[:NAMED_PASSES]:
        room = NAMED_METERS - sum(len(one.meters) for one in drifted)
        broken = [one for key in keys for one in verdicts[key] if _is_error(one)]
        drifted.append(Drifted(drifted_meters(schema, broken)[:room], failing[keys[0]].marks or {}))
    return first_changes(connection, schema, drifted)
