"""The stages of a step: what must hold before it computes, once it has computed, and once it has written.

Preview, apply and batches consume this one list, so that a dry run cannot check other things than the live run, or in
another order. Add a stage here when something must hold for every step; which invariants guard a step, its `Step` says.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum, auto
from functools import partial
from typing import Any

from sqlalchemy import Connection, FromClause, Select, select

from meter_assets.billing.relations import BillingRelations
from meter_assets.errors import BlockedByInvariants, ColumnTooSmall, MeterAssetsError, StepInvariantBroken
from meter_assets.migration.evaluation import InvariantResult, broken, evaluate
from meter_assets.migration.overflow import check_capacity
from meter_assets.migration.step_run import PreparedStep
from meter_assets.rules.invariants import Invariant

Evaluate = Callable[[Iterable[Invariant], BillingRelations, Select[Any] | None], list[InvariantResult]]
"""Evaluates invariants on relations, restricted to the ids of a SELECT if there is one."""


class Moment(Enum):
    """When a stage checks."""

    before = auto()
    """Before the step: the relations are those that it reads."""
    computed = auto()
    """Once its rows are known, and before they are written."""
    written = auto()
    """Once they are written: the relations have them, or would have them."""


@dataclass(frozen=True)
class Situation:
    """What a stage looks at: a step, the relations of the moment, and the rows that are or would be written."""

    step: PreparedStep
    relations: BillingRelations
    changed: FromClause | None = None
    of_the_tenant: bool = True
    """Whether the whole tenant is checked; otherwise only what is said of each row written."""


Check = Callable[[Connection, Evaluate, Situation], MeterAssetsError | None]


@dataclass(frozen=True)
class Stage:
    """One check of every step, and when it is due."""

    moment: Moment
    check: Check


def _guards_before(connection: Connection, evaluate: Evaluate, at: Situation) -> MeterAssetsError | None:
    if at.step.allow_invalid:
        return None
    found = broken(evaluate(at.step.guards.before, at.relations, None))
    return BlockedByInvariants(at.step.change.name, at.step.tenant, found) if found else None


def _capacity(connection: Connection, evaluate: Evaluate, at: Situation) -> MeterAssetsError | None:
    if at.changed is None:
        return None
    try:
        check_capacity(connection, at.step.change, at.step.schema, at.changed)
    except ColumnTooSmall as error:
        return error
    return None


def _guards_after(connection: Connection, evaluate: Evaluate, at: Situation) -> MeterAssetsError | None:
    guards, change = at.step.guards, at.step.change
    of_rows, after = guards.of_written_rows, guards.after
    if not at.of_the_tenant:
        of_rows, after = (*of_rows, *(one for one in after if one.subject == change.step.key)), ()
    written = None if at.changed is None else select(at.changed.c.id)
    found = broken(evaluate(of_rows, at.relations, written) + evaluate(after, at.relations, None))
    return StepInvariantBroken(change.name, at.step.tenant, found) if found else None


STAGES = (
    Stage(Moment.before, _guards_before),
    Stage(Moment.computed, _capacity),
    Stage(Moment.written, _guards_after),
)


def problems(
    connection: Connection, moment: Moment, at: Situation, evaluate: Evaluate | None = None
) -> Iterator[MeterAssetsError]:
    """Yield what is wrong at a moment of a step, stage by stage.

    The errors are BlockedByInvariants, ColumnTooSmall and StepInvariantBroken. `evaluate` stands in for evaluating
    each invariant with a statement of its own.
    """
    for stage in STAGES:
        if stage.moment is moment:
            error = stage.check(connection, evaluate or partial(_evaluate, connection), at)
            if error is not None:
                yield error


def require(connection: Connection, moment: Moment, at: Situation) -> None:
    """Raise the first of the `problems` of a moment, if there is one."""
    for error in problems(connection, moment, at):
        raise error


def _evaluate(
    connection: Connection, invariants: Iterable[Invariant], relations: BillingRelations, only_ids: Select[Any] | None
) -> list[InvariantResult]:
    return evaluate(connection, invariants, relations, only_ids=only_ids)
