"""Evaluates invariants: runs the SELECT of each, and returns the count of violations with a few rows as evidence.

Add here new ways to evaluate. Invariants themselves are in `rules.invariants`.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from sqlalchemy import Connection, RowMapping, Select, func, literal, select, union_all

from meter_assets.billing.own_tables import RUNS
from meter_assets.billing.relations import BillingRelations
from meter_assets.billing.schema import BillingSchema
from meter_assets.billing.step_runs import tenants_with
from meter_assets.foreign_text import Shown, quoted
from meter_assets.migration.tenants import Tenant
from meter_assets.rules.invariants import Invariant, Severity
from meter_assets.rules.invariants.screens import Screen, suspects
from meter_assets.rules.steps import STEPS

SAMPLES = 10


class InvariantResult(BaseModel):
    """The result of one invariant: the number of rows that violate it, and the first few of them, as text."""

    name: str
    group: str
    severity: Severity
    subject: str
    description: str
    remedy: str
    violations: int
    samples: list[dict[str, Shown]]
    awaits: str = ""
    """The step that corrects such rows, if it has not run for the tenant: then violations are expected."""

    @property
    def passed(self) -> bool:
        """Whether no row violates the invariant."""
        return self.violations == 0

    @property
    def example(self) -> str:
        """The first violating row in words."""
        return ", ".join(f"{key} {quoted(value)}" for key, value in self.samples[0].items()) if self.samples else ""


def evaluate(
    connection: Connection,
    invariants: Iterable[Invariant],
    relations: BillingRelations,
    *,
    only_ids: Select[Any] | None = None,
) -> list[InvariantResult]:
    """Evaluate the invariants on the relations: one pass over each table for those with screens, one for the others.

    Only those that may be violated are evaluated one by one, with samples. `only_ids` restricts the result to
    violations whose subject is among these ids: the rows that a step has written.
    """
    wanted = list(invariants)
    screens = {one.name: one.screens(relations) for one in wanted if one.screens is not None}
    suspected = _suspected(connection, screens, relations, only_ids)
    others = [one for one in wanted if one.name not in screens]
    suspected |= (
        {one.name for one in others} if len(others) <= 1 else _violated(connection, others, relations, only_ids)
    )
    return [
        _evaluate_one(connection, one, relations, only_ids) if one.name in suspected else _result_of(one, [], [])
        for one in wanted
    ]


def _suspected(
    connection: Connection,
    screens: Mapping[str, Sequence[Screen]],
    relations: BillingRelations,
    only_ids: Select[Any] | None,
) -> set[str]:
    """Return the names of the invariants that a row may violate, by their screens."""
    counted = suspects(relations, screens, only_ids)
    if counted is None:
        return set()
    return {str(name) for name, count in connection.execute(counted).mappings().one().items() if count}


def _violated(
    connection: Connection, invariants: Sequence[Invariant], relations: BillingRelations, only_ids: Select[Any] | None
) -> set[str]:
    """Return the names of the invariants that any row violates."""
    counts = [
        select(literal(one.name).label("name"), func.count().label("violations")).select_from(
            _violations(one, relations, only_ids).subquery()
        )
        for one in invariants
    ]
    if not counts:
        return set()
    return {row.name for row in connection.execute(union_all(*counts)) if row.violations}


def _violations(invariant: Invariant, relations: BillingRelations, only_ids: Select[Any] | None) -> Select[Any]:
    found = invariant.violations(relations)
    if only_ids is None:
        return found
    rows = found.subquery("violations")
    return select(rows).where(rows.c[invariant.subject].in_(only_ids))


def advise(
    connection: Connection, schema: BillingSchema, tenant: Tenant, results: Iterable[InvariantResult]
) -> list[InvariantResult]:
    """Return the results of a tenant's own data, with a remedy that fits if a step has not run for the tenant.

    Before the migration, its rows violate what only the migration makes true; that is no reason to correct them by
    hand, or to run one step.
    """
    found = list(results)
    steps = {one.name: step.name for step in STEPS.values() for one in step.corrects}
    wanted = {steps[one.name] for one in found if not one.passed and one.name in steps}
    missing = {step for step in wanted if not _has_run(connection, schema, tenant, step)}
    return [
        _awaiting(one, steps[one.name], tenant) if not one.passed and steps.get(one.name) in missing else one
        for one in found
    ]


def _has_run(connection: Connection, schema: BillingSchema, tenant: Tenant, step: str) -> bool:
    if RUNS not in schema.own_tables_present:
        return False
    done = tenants_with(schema, step).subquery("done")
    return connection.scalar(select(func.count()).select_from(done).where(done.c.tenant_id == tenant.id)) != 0


def _awaiting(result: InvariantResult, step: str, tenant: Tenant) -> InvariantResult:
    remedy = (
        f"This is expected: {step} has not run for tenant {tenant.key}, and corrects such rows. 'meter-assets "
        f"migrate-meter-financials --dry-run --tenant {tenant.key}' shows what would remain."
    )
    return result.model_copy(update={"awaits": step, "remedy": remedy})


def violations_by_name(results: Iterable[InvariantResult]) -> dict[str, tuple[int, str]]:
    """Return, per violated invariant, its count of violations and an example, in the form that errors take."""
    return {one.name: (one.violations, one.example) for one in results if not one.passed}


def _evaluate_one(
    connection: Connection,
    invariant: Invariant,
    relations: BillingRelations,
    only_ids: Select[Any] | None,
) -> InvariantResult:
    found = invariant.violations(relations).subquery("violations")
    in_all = func.count().over().label("violations_in_all")
    # The count is the first sort key, although all rows have the same count: to sort by the id alone, a server may scan
    # the index of the whole table to find the first few rows of one tenant.
    statement = select(in_all, found).order_by(in_all, found.c[invariant.subject]).limit(SAMPLES)
    if only_ids is not None:
        statement = statement.where(found.c[invariant.subject].in_(only_ids))
    rows = connection.execute(statement).mappings().all()
    return _result_of(invariant, rows, list(found.c.keys()))


def evaluate_each(
    connection: Connection,
    invariants: Iterable[Invariant],
    relations: BillingRelations,
    tenant_ids: Sequence[Any],
) -> list[Mapping[Any, InvariantResult]]:
    """Evaluate the invariants for each of these tenants, with one statement per invariant.

    The relations are of these tenants or of all tenants. Returns, per invariant, the results by tenant id.
    """
    return [_evaluate_each(connection, one, relations, tenant_ids) for one in invariants]


def _evaluate_each(
    connection: Connection,
    invariant: Invariant,
    relations: BillingRelations,
    tenant_ids: Sequence[Any],
) -> Mapping[Any, InvariantResult]:
    found = invariant.violations(relations).subquery("violations")
    of_tenant = func.count().over(partition_by=found.c.tenant_id).label("violations_in_all")
    place = func.row_number().over(partition_by=found.c.tenant_id, order_by=found.c[invariant.subject])
    counted = select(of_tenant, place.label("place"), found).subquery("counted")
    statement = select(counted).where(counted.c.place <= SAMPLES).order_by(counted.c.tenant_id, counted.c.place)
    rows: dict[Any, list[RowMapping]] = {tenant_id: [] for tenant_id in tenant_ids}
    for row in connection.execute(statement).mappings():
        if row["tenant_id"] in rows:
            rows[row["tenant_id"]].append(row)
    shown = list(found.c.keys())
    return {tenant_id: _result_of(invariant, mine, shown) for tenant_id, mine in rows.items()}


def _result_of(invariant: Invariant, rows: Sequence[RowMapping], shown: Sequence[str]) -> InvariantResult:
    """Return the result of an invariant from its violating rows; each row contains their total number."""
    return InvariantResult(
        name=invariant.name,
        group=invariant.group,
        severity=invariant.severity,
        subject=invariant.subject,
        description=invariant.description,
        remedy=invariant.remedy,
        violations=rows[0]["violations_in_all"] if rows else 0,
        samples=[{key: str(row[key]) for key in shown} for row in rows],
    )
