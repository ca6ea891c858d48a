"""The stages of a step: the checks before it computes, before it writes, and after it has written.

Preview, apply and batches use this one list, so that a dry run checks the same things as the live run, in the same
order. Add a stage here if every step needs a new check; the invariants that guard one step are listed in its `Step`.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum, auto
from functools import partial
from typing import Any

from sqlalchemy import Connection, FromClause, Select, select

from meter_assets.billing.relations import BillingRelations
from meter_assets.errors import (
    BlockedByInvariants,
    ColumnTooSmall,
    ConstraintViolated,
    MeterAssetsError,
    StepInvariantViolated,
)
from meter_assets.migration.constraints import check_constraints
from meter_assets.migration.evaluation import InvariantResult, evaluate, violations_by_name
from meter_assets.migration.overflow import check_capacity
from meter_assets.migration.step_run import PreparedStep
from meter_assets.rules.invariants import Invariant

Evaluate = Callable[[Iterable[Invariant], BillingRelations, Select[Any] | None], list[InvariantResult]]
"""Evaluates invariants on relations, restricted to the ids of a SELECT if there is one."""


class Moment(Enum):
    """The moment at which a stage runs its check."""

    before = auto()
    """Before the step: the relations are the ones that the step reads."""
    computed = auto()
    """After its rows are computed, and before they are written."""
    written = auto()
    """After the rows are written: the relations contain them, or would contain them."""


@dataclass(frozen=True)
class Situation:
    """The input of a stage: a step, the relations at the moment, and the rows that are or would be written."""

    step: PreparedStep
    relations: BillingRelations
    changed: FromClause | None = None
    of_the_tenant: bool = True
    """Whether to check the whole tenant; otherwise, only the invariants of written rows are checked."""


Check = Callable[[Connection, Evaluate, Situation], MeterAssetsError | None]


@dataclass(frozen=True)
class Stage:
    """One check of every step, and its moment."""

    moment: Moment
    check: Check


def _guards_before(connection: Connection, evaluate: Evaluate, at: Situation) -> MeterAssetsError | None:
    """Evaluate the guards before a step, all at once: the user may override any but those of values."""
    values, before = at.step.guards.values, () if at.step.allow_invalid else at.step.guards.before
    results = evaluate(
        [one for one in values if one not in before], at.relations.checking_values_of(at.step.reads), None
    )
    found = [one for one in (*results, *evaluate(before, at.relations, None)) if not one.passed]
    if not found:
        return None
    names = {one.name for one in values}
    of_values = [one for one in found if one.name in names]
    violated = of_values or found
    return BlockedByInvariants(
        at.step.name,
        at.step.tenant,
        violations_by_name(violated),
        remedies=[one.remedy for one in violated],
        of_values=bool(of_values),
    )


def _capacity(connection: Connection, evaluate: Evaluate, at: Situation) -> MeterAssetsError | None:
    if at.changed is None:
        return None
    try:
        check_capacity(connection, at.step.change, at.step.schema, at.changed)
    except ColumnTooSmall as error:
        return error
    return None


def _constraints(connection: Connection, evaluate: Evaluate, at: Situation) -> MeterAssetsError | None:
    if at.changed is None:
        return None
    try:
        check_constraints(connection, at.step.change, at.step.schema, at.step.tenant, at.changed)
    except ConstraintViolated as error:
        return error
    return None


def _guards_after(connection: Connection, evaluate: Evaluate, at: Situation) -> MeterAssetsError | None:
    guards, change = at.step.guards, at.step.change
    of_rows, after = guards.of_written_rows, guards.after
    if not at.of_the_tenant:
        of_rows, after = (*of_rows, *(one for one in after if one.subject == change.step.key)), ()
    written = None if at.changed is None else select(at.changed.c.id)
    found = violations_by_name(evaluate(of_rows, at.relations, written) + evaluate(after, at.relations, None))
    return StepInvariantViolated(change.name, at.step.tenant, found) if found else None


STAGES = (
    Stage(Moment.before, _guards_before),
    Stage(Moment.computed, _capacity),
    Stage(Moment.computed, _constraints),
    Stage(Moment.written, _guards_after),
)


def problems(
    connection: Connection, moment: Moment, at: Situation, evaluate: Evaluate | None = None
) -> Iterator[MeterAssetsError]:
    """Yield the problems at a moment of a step, stage by stage.

    The errors are BlockedByInvariants, ColumnTooSmall, ConstraintViolated and StepInvariantViolated. `evaluate`
    replaces the default evaluation of the invariants.
    """
    for stage in STAGES:
        if stage.moment is moment:
            error = stage.check(connection, evaluate or partial(_evaluate, connection), at)
            if error is not None:
                yield error


def require(connection: Connection, moment: Moment, at: Situation) -> None:
    """Raise the first of the `problems` at a moment, if there is one."""
    for error in problems(connection, moment, at):
        raise error


def _evaluate(
    connection: Connection, invariants: Iterable[Invariant], relations: BillingRelations, only_ids: Select[Any] | None
) -> list[InvariantResult]:
    return evaluate(connection, invariants, relations, only_ids=only_ids)
