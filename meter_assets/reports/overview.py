"""The state of each tenant: not begun, previewed, blocked, failed, rolled back, migrated, drifted, and the rest.

`read_recorded` reads what the billing database records, in a constant number of statements. `overview` combines it with
what Dagster knows (`Observed`), which the caller reads. Add a column or a state here; how they are shown is in
`overview_tables`. No Dagster here.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, NamedTuple

from pydantic import BaseModel
from sqlalchemy import Connection, func, select

from meter_assets.billing.own_tables import BLOCKED, FAILED, INTERRUPTED, RUNNING, RUNS, SUCCEEDED
from meter_assets.billing.schema import BillingSchema
from meter_assets.billing.step_runs import in_force, step_runs
from meter_assets.foreign_text import Shown
from meter_assets.migration.tenants import Tenant
from meter_assets.rules.invariants import INVARIANTS, Severity, current_name
from meter_assets.rules.steps import MIGRATION, STEPS

DIFFERENCES = "every_customer_balance_agrees_with_its_backup"
"""The check whose violations are the customers with another balance than in the backup."""
BALANCES = MIGRATION[-1]
"""The step that decides whether a tenant is migrated, as for the watching."""
_NAMES = {one.name for one in INVARIANTS}
_ERRORS = {one.name for one in INVARIANTS if one.severity is Severity.ERROR}
_VIOLATIONS = re.compile(r"\b(\w+): ([\d,]+) violations?\b")


class State(StrEnum):
    """The state of a tenant. A tenant has exactly one: the first that applies, in the order of `_state`."""

    failed = "failed"
    """A step of its newest run failed."""
    blocked = "blocked"
    """A step of its newest run was not run, or refused to write, because an invariant of severity ERROR is violated."""
    interrupted = "interrupted"
    """Its newest run was interrupted, or its process ended."""
    drifted = "drifted"
    """It is migrated, and since then a watch or a validation has found violated invariants of severity ERROR."""
    would_fail = "would fail"
    """No run has written anything yet, and the last preview would fail."""
    running = "running"
    """A run is writing."""
    partly_migrated = "partly migrated"
    """Some steps have run, but not the one that writes meters' balances."""
    rolled_back = "rolled back"
    would_succeed = "would succeed"
    """No run has written anything yet, and the last preview would succeed."""
    not_begun = "not begun"
    """There is neither a run nor a preview."""
    migrated = "migrated"

    @property
    def needs_attention(self) -> bool:
        """Whether a person has something to fix or to run again."""
        return self in (State.failed, State.blocked, State.interrupted, State.drifted, State.would_fail)


UNSUCCESSFUL = (State.failed, State.blocked, State.interrupted)
"""The states of a tenant whose newest run has not succeeded."""


@dataclass(frozen=True)
class StepEnd:
    """A recorded step run of a tenant's newest run."""

    id: int
    run_id: str
    step: str
    rolls_back: bool
    started_at: datetime
    outcome: str
    message: str


@dataclass(frozen=True)
class Recorded:
    """What the billing database records of a tenant: its newest run, and when its steps in force have succeeded."""

    newest_run: Sequence[StepEnd] = ()
    in_force: Mapping[str, datetime] = field(default_factory=dict)

    @property
    def migrated_at(self) -> datetime | None:
        """When its meters' balances were last written; None if they were not, or not since a rollback."""
        return self.in_force.get(BALANCES)


@dataclass(frozen=True)
class Counts:
    """The numbers of a materialization: of a preview, or of a step. None is an unknown number."""

    run_id: str
    at: datetime
    to_change: int | None = None
    unresolved: int | None = None
    for_review: int | None = None
    would_fail: bool = False


class Evaluation(NamedTuple):
    """The latest evaluation of a check of a tenant."""

    check: str
    failed_at: datetime | None
    """When it was evaluated, if it failed; None if it passed."""
    violations: int | None
    """0 if it passed, None if their number is not known."""


@dataclass(frozen=True)
class Observed:
    """What Dagster knows: by tenant's key the last preview, steps and evaluations; by run who started it, if known."""

    previews: Mapping[str, Counts] = field(default_factory=dict)
    steps: Mapping[str, Mapping[str, Counts]] = field(default_factory=dict)
    evaluations: Mapping[str, Sequence[Evaluation]] = field(default_factory=dict)
    who: Mapping[str, str] = field(default_factory=dict)
    ended_runs: frozenset[str] = frozenset()


class TenantOverview(BaseModel):
    """One row of the overview. None means that a number is not known."""

    tenant: str
    name: Shown
    state: State
    why: Shown = ""
    """Which invariants block it or are violated, or which step failed; empty for a state that needs no explanation."""
    rows_left: int | None = None
    """Rows that the last preview would change or leave unresolved; after a newer run, rows that its steps left."""
    for_review: int | None = None
    differences: int | None = None
    """Customers whose meters' balance differs from the backup, by the last evaluation."""
    last_run: Shown | None = None
    """The id of the newest run, of the newest preview if there was no run."""
    last_run_at: datetime | None = None
    who: Shown | None = None
    migrated: bool = False
    done_steps: list[str] = []
    """The steps that have succeeded and were not rolled back since."""
    run_failed: bool = False
    """Whether its newest run failed, was blocked or was interrupted."""
    preview_fails: bool | None = None
    """Whether its last preview would fail; None if there is none."""
    violated: list[str] | None = None
    """The invariants of severity ERROR that the last evaluations found violated; None if none was evaluated."""
    validated: bool = False
    """Whether every invariant was evaluated, since the last rollback if there was one."""


def read_recorded(connection: Connection, schema: BillingSchema) -> dict[Any, Recorded]:
    """Return what is recorded of every tenant, by its id, in two statements."""
    if RUNS not in schema.own_tables_present:
        return {}
    runs, done = step_runs(schema), in_force(schema)
    plain = schema.own[RUNS]
    newest = select(func.max(plain.c.id).label("id")).group_by(plain.c.tenant_id).subquery("newest")
    run = select(plain.c.tenant_id, plain.c.run_id).join(newest, newest.c.id == plain.c.id).subquery("newest_run")
    of_run = (runs.c.tenant_id == run.c.tenant_id) & (runs.c.run_id == run.c.run_id)
    columns = runs.c.id, runs.c.tenant_id, runs.c.run_id, runs.c.step, runs.c.undoes, runs.c.started_at
    ended = select(*columns, runs.c.outcome, runs.c.message).join(run, of_run).order_by(runs.c.id)
    ends: dict[Any, list[StepEnd]] = {}
    for row in connection.execute(ended):
        words = (row.outcome, row.message or "")
        undoes = row.undoes is not None
        one = StepEnd(row.id, row.run_id, row.step, undoes, _in_utc(row.started_at), *words)
        ends.setdefault(row.tenant_id, []).append(one)
    succeeded = select(done.c.tenant_id, done.c.step, func.max(done.c.finished_at).label("at"))
    succeeded = succeeded.where(done.c.outcome == SUCCEEDED).group_by(done.c.tenant_id, done.c.step)
    forces: dict[Any, dict[str, datetime]] = {}
    for tenant_id, step, at in connection.execute(succeeded):
        forces.setdefault(tenant_id, {})[step] = _in_utc(at)
    return {key: Recorded(found, forces.get(key, {})) for key, found in ends.items()}


def _in_utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def overview(tenants: Iterable[Tenant], recorded: Mapping[Any, Recorded], observed: Observed) -> list[TenantOverview]:
    """Return one row per tenant, in this order."""
    return [_row(one, recorded.get(one.id, Recorded()), observed) for one in tenants]


def _row(tenant: Tenant, recorded: Recorded, observed: Observed) -> TenantOverview:
    preview = observed.previews.get(tenant.key)
    evaluations = observed.evaluations.get(tenant.key, ())
    state, why = _state(recorded, preview, evaluations, observed.ended_runs)
    newest = recorded.newest_run[-1] if recorded.newest_run else None
    run_id, at = (
        (newest.run_id, newest.started_at) if newest else (preview.run_id, preview.at) if preview else (None,) * 2
    )
    rows_left, for_review = _rows(newest, preview, observed.steps.get(tenant.key, {}))
    violated = sorted(one.check for one in evaluations if one.failed_at and one.check in _ERRORS)
    return TenantOverview(
        tenant=tenant.key,
        name=tenant.name,
        state=state,
        why=why + _previewed_since(state, newest, preview),
        rows_left=rows_left,
        for_review=for_review,
        differences=next((one.violations for one in evaluations if one.check == DIFFERENCES), None),
        last_run=run_id,
        last_run_at=at,
        who=observed.who.get(run_id or ""),
        migrated=recorded.migrated_at is not None,
        done_steps=[step for step in STEPS if step in recorded.in_force],
        run_failed=state in UNSUCCESSFUL,
        preview_fails=preview.would_fail if preview else None,
        violated=violated if evaluations else None,
        validated=_NAMES.issubset(one.check for one in evaluations),
    )


def _previewed_since(state: State, newest: StepEnd | None, preview: Counts | None) -> str:
    """Return what a preview since a failed run says, as the end of a sentence."""
    if state not in UNSUCCESSFUL or newest is None or preview is None or preview.at < newest.started_at:
        return ""
    return f"; previewed since: would {'fail' if preview.would_fail else 'succeed'}"


def _rows(newest: StepEnd | None, preview: Counts | None, steps: Mapping[str, Counts]) -> tuple[int | None, int | None]:
    """Return the rows that are left, and those for review: by the preview if it is newer than the newest run."""
    if preview is not None and (newest is None or preview.at > newest.started_at):
        return _sum([preview.to_change, preview.unresolved]), preview.for_review
    of_steps = [steps[name] for name in MIGRATION if name in steps]
    return _sum([one.unresolved for one in of_steps]), _sum([one.for_review for one in of_steps])


def _sum(counts: Sequence[int | None]) -> int | None:
    known = [one for one in counts if one is not None]
    return sum(known) if known else None


def _state(
    recorded: Recorded, preview: Counts | None, evaluations: Sequence[Evaluation], ended_runs: frozenset[str]
) -> tuple[State, str]:
    """Return a tenant's state, and why: first what its newest run says, then what is in force, then the preview."""
    last = {(one.step, one.rolls_back): one for one in recorded.newest_run}  # a step may have been tried again
    ends = {one.outcome: one for one in last.values()}
    if RUNNING in ends:
        one = ends[RUNNING]
        if one.run_id in ended_runs:
            return State.interrupted, f"{_named(one)}: the process of its run has ended"
        return State.running, _named(one)
    if BLOCKED in ends:
        return State.blocked, _blocked_by(last.values())
    if FAILED in ends:
        return State.failed, f"{_named(ends[FAILED])}: {ends[FAILED].message}"
    if INTERRUPTED in ends:
        return State.interrupted, _named(ends[INTERRUPTED])
    return _without_failure(recorded, preview, evaluations)


def _without_failure(
    recorded: Recorded, preview: Counts | None, evaluations: Sequence[Evaluation]
) -> tuple[State, str]:
    """Return the state of a tenant whose newest run did not fail."""
    if recorded.migrated_at is not None:
        failing = [one for one in evaluations if one.failed_at and one.check in _ERRORS]
        since = [one for one in failing if one.failed_at and one.failed_at > recorded.migrated_at]
        return (
            (State.drifted, _counted({one.check: one.violations for one in since})) if since else (State.migrated, "")
        )
    if recorded.newest_run and recorded.newest_run[-1].rolls_back:
        return State.rolled_back, ""
    if recorded.newest_run:
        return State.partly_migrated, ""
    if preview is None:
        return State.not_begun, ""
    return (State.would_fail if preview.would_fail else State.would_succeed), ""


def _named(one: StepEnd) -> str:
    return f"the rollback of {one.step}" if one.rolls_back else one.step


def _blocked_by(ends: Iterable[StepEnd]) -> str:
    """Return which invariants have blocked steps, by the messages of their records."""
    found: dict[str, int | None] = {}
    for one in ends:
        if one.outcome == BLOCKED:
            named = ((current_name(name), count) for name, count in _VIOLATIONS.findall(one.message))
            found |= {name: int(count.replace(",", "")) for name, count in named if name in _ERRORS}
    return _counted(found)


def _counted(violated: Mapping[str, int | None]) -> str:
    return ", ".join(name if count is None else f"{name} ({count:,})" for name, count in sorted(violated.items()))
