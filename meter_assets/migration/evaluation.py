"""Evaluates invariants: runs the SELECT of each, and returns the count of violations with a few rows as evidence.

Add here new ways to evaluate. Invariants themselves are in `rules.invariants`.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

from pydantic import BaseModel, computed_field
from sqlalchemy import CompoundSelect, Connection, RowMapping, Select, func, literal, select, union_all

from meter_assets.billing.own_tables import RUNS
from meter_assets.billing.relations import BillingRelations
from meter_assets.billing.schema import BillingSchema
from meter_assets.billing.step_runs import tenants_with
from meter_assets.foreign_text import Shown, plain_text, quoted
from meter_assets.migration.tenants import Tenant
from meter_assets.rules.invariants import Invariant, Severity
from meter_assets.rules.invariants.screens import suspects
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

    @computed_field  # type: ignore[prop-decorator]
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
    wanted = tuple(invariants)
    if not relations.as_stored or only_ids is not None:
        return _Evaluation(wanted, relations, only_ids).results(connection, {})
    return _kept_evaluation(wanted, relations).results(connection, relations.tenant_parameters)


class _Evaluation:
    """The statements that evaluate some invariants on some relations, each composed when it is needed first."""

    def __init__(
        self, invariants: tuple[Invariant, ...], relations: BillingRelations, only_ids: Select[Any] | None = None
    ) -> None:
        self._invariants, self._relations, self._only_ids = invariants, relations, only_ids
        self._of_one: dict[str, Select[Any]] = {}

    def results(self, connection: Connection, parameters: Mapping[str, Any]) -> list[InvariantResult]:
        """Run the statements with these parameters; return the results in the order of the invariants."""
        suspected = self._suspected(connection, parameters)
        return [
            self._result(connection, one, parameters) if one.name in suspected else _result_of(one, [], [])
            for one in self._invariants
        ]

    def _suspected(self, connection: Connection, parameters: Mapping[str, Any]) -> set[str]:
        """Return the names of the invariants that a row may violate: by their screens, or all that have none."""
        found = {one.name for one in self._without_screens}
        if self._violated is not None:
            found = {row.name for row in connection.execute(self._violated, parameters) if row.violations}
        if self._screens is not None:
            counts = connection.execute(self._screens, parameters).mappings().one()
            found |= {str(name) for name, count in counts.items() if count}
        return found

    @cached_property
    def _without_screens(self) -> list[Invariant]:
        return [one for one in self._invariants if one.screens is None]

    @cached_property
    def _screens(self) -> Select[Any] | None:
        """The number of suspects of each invariant with screens."""
        screens = {one.name: one.screens(self._relations) for one in self._invariants if one.screens is not None}
        return suspects(self._relations, screens, self._only_ids)

    @cached_property
    def _violated(self) -> CompoundSelect[Any] | None:
        """The number of violations of each invariant without screens; None if there is at most one."""
        counts = [
            select(literal(one.name).label("name"), func.count().label("violations")).select_from(
                _violations(one, self._relations, self._only_ids).subquery()
            )
            for one in self._without_screens
        ]
        return union_all(*counts) if len(counts) > 1 else None

    def _result(self, connection: Connection, invariant: Invariant, parameters: Mapping[str, Any]) -> InvariantResult:
        if invariant.name not in self._of_one:
            self._of_one[invariant.name] = _first_violations(invariant, self._relations, self._only_ids)
        statement = self._of_one[invariant.name]
        rows = connection.execute(statement, parameters).mappings().all()
        return _result_of(invariant, rows, [str(one.key) for one in statement.selected_columns if one.key != _IN_ALL])


_KEPT: OrderedDict[tuple[Any, ...], tuple[BillingSchema, _Evaluation]] = OrderedDict()
_MOST_KEPT = 64


def _kept_evaluation(invariants: tuple[Invariant, ...], relations: BillingRelations) -> _Evaluation:
    """Return the evaluation of invariants on the rows of any tenant, composed once: that takes longer than it runs."""
    key = (id(relations.schema), relations.policy, relations.tables_to_check, tuple(map(id, invariants)))
    if key not in _KEPT:  # which also keeps the schema and the invariants alive: the ids stay theirs
        _KEPT[key] = relations.schema, _Evaluation(invariants, relations.of_any_tenant())
    _KEPT.move_to_end(key)
    if len(_KEPT) > _MOST_KEPT:
        _KEPT.popitem(last=False)
    return _KEPT[key][1]


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


_IN_ALL = "violations_in_all"


def _first_violations(invariant: Invariant, relations: BillingRelations, only_ids: Select[Any] | None) -> Select[Any]:
    found = invariant.violations(relations).subquery("violations")
    in_all = func.count().over().label(_IN_ALL)
    # The count is the first sort key, although all rows have the same count: to sort by the id alone, a server may scan
    # the index of the whole table to find the first few rows of one tenant.
    statement = select(in_all, found).order_by(in_all, found.c[invariant.subject]).limit(SAMPLES)
    return statement if only_ids is None else statement.where(found.c[invariant.subject].in_(only_ids))


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
    of_tenant = func.count().over(partition_by=found.c.tenant_id).label(_IN_ALL)
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
        violations=rows[0][_IN_ALL] if rows else 0,
        samples=[{key: "null" if row[key] is None else plain_text(row[key]) for key in shown} for row in rows],
    )
