"""`Change`: the rows that a step would write, as one SELECT of every row that it examines.

Add here what every change has, whichever step it is of. Changes are computed in `rules.steps` and `rules.undo`, and
journaled and written in `migration.journal`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cached_property, reduce
from operator import add
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, and_, case, cast, func, null, select

from meter_assets.billing.money import exact, or_zero
from meter_assets.billing.own_tables import Effect, JournaledStep

WOULD_CHANGE = "would_change"
ALREADY_CORRECT = "already_correct"
UNRESOLVED = "unresolved"


@dataclass(frozen=True)
class Change:
    """What a step would change for one tenant, or what undoing the step would change.

    `examined` returns every row that the step looks at: tenant_id, id, outcome (`WOULD_CHANGE`, `ALREADY_CORRECT`,
    `UNRESOLVED`), label (its rule or reason), the exact money of the row, and `<column>_before` and `<column>_after` of
    every written column (money in stored form; of a row that would not change, after has no meaning).
    """

    step: JournaledStep
    examined: Select[Any]
    columns: tuple[str, ...] = ()
    """The written columns, if the database lacks some of the step's columns."""
    kept: tuple[str, ...] = ()
    """Further columns of the examined rows that the journal keeps; null in a row for which there is nothing to keep."""
    label: str = ""
    """Its name in queries, if not the step's name: one query may contain two changes of one step."""
    effect: Effect = Effect.UPDATE
    undoes: bool = False
    """Whether it undoes what the step has written."""
    is_materialized: bool = False
    """Whether the examined rows were computed into a table before."""
    skipped: Select[Any] | None = None
    """For a change that undoes a step: the rows that were changed since, with the expected and found values."""

    def __post_init__(self) -> None:
        """Use the step's columns and name, unless others are given."""
        object.__setattr__(self, "columns", self.columns or self.step.columns)
        object.__setattr__(self, "label", self.label or self.step.name)

    @cached_property
    def rows(self) -> Select[Any]:
        """Exactly the rows that would change: tenant_id, id, before and after of every written column, and the rule.

        After these come the further columns that the journal keeps.
        """
        row = self.examined.subquery("examined")
        sides = [row.c[f"{name}_{side}"] for name in self.columns for side in ("before", "after")]
        kept = [row.c[name] for name in self.kept]
        changing = select(row.c.tenant_id, row.c.id, *sides, row.c.label.label("rule"), *kept)
        return changing.where(row.c.outcome == WOULD_CHANGE)

    @cached_property
    def outcomes(self) -> Select[Any]:
        """Every row examined, without its values: tenant_id, id, outcome, label and money."""
        row = self.examined.subquery("examined")
        return select(row.c.tenant_id, row.c.id, row.c.outcome, row.c.label, row.c.money)

    @property
    def name(self) -> str:
        """The step's name."""
        return self.step.name

    @property
    def table(self) -> str:
        """The billing table whose rows are examined."""
        return self.step.table

    @property
    def target(self) -> str:
        """The table that is written."""
        return self.step.target

    @property
    def money_columns(self) -> tuple[str, ...]:
        """The written columns that hold money."""
        return tuple(column for column in self.columns if column in self.step.money)

    @property
    def for_review(self) -> frozenset[str]:
        """The rules that may be wrong; none for a change that undoes a step."""
        return frozenset() if self.undoes else self.step.for_review

    def weight(self, changed: FromClause, rows: FromClause) -> ColumnElement[Decimal]:
        """Return how much money each changed row moves, in exact form, given also the table's rows.

        It is the sum of the differences of all written columns of money, without their signs: an invoice whose amount
        becomes debt brought forward moves money, although its total stays. If none is written, it is the row's money.
        """
        moves = [
            func.abs(or_zero(exact(changed.c[f"{name}_after"])) - or_zero(exact(changed.c[f"{name}_before"])))
            for name in self.money_columns
        ]
        return reduce(add, moves) if moves else func.abs(self.step.worth_of(rows))

    @cached_property
    def changed(self) -> FromClause:
        """The rows, to be read in a query: a common table expression, which is computed once even if read twice.

        If the examined rows are materialized, it is an ordinary subquery: their table has statistics.
        """
        # It must not have the change's own name: the backup is a table of that name, and a query may read both.
        name = f"changed_{self.label}"
        return self.rows.subquery(name) if self.is_materialized else self.rows.cte(name)

    def materialized_in(self, table: FromClause) -> "Change":
        """Return this change, with its examined rows read from a table into which they were computed."""
        return replace(self, examined=select(table), is_materialized=True)

    def overlay(self, rows: FromClause, changed: FromClause) -> FromClause:
        """Return the target's rows as they would be after `changed` (this change's rows) was written."""
        if self.effect is Effect.REMOVE:
            return select(rows).where(rows.c.customer_id.not_in(select(changed.c.id))).subquery(self.target)
        if self.effect is Effect.ADD:
            added = select(changed.c.tenant_id, changed.c.id, changed.c.balance_after, changed.c.overpayment_after)
            return select(rows).union_all(added).subquery(self.target)
        columns: list[ColumnElement[Any]] = []
        for column in rows.c:
            if column.key in self.columns:
                new = changed.c[f"{column.key}_after"]
                value: ColumnElement[Any] = case((changed.c.id.is_not(None), new), else_=column)
                # SQLite builds an index on an expression for a join only if both sides have the same type.
                typed = cast(value, column.type) if column.key.endswith("_id") else value
                columns.append(typed.label(column.key))
            else:
                columns.append(column)
        same_row = and_(changed.c.id == rows.c.id, changed.c.tenant_id == rows.c.tenant_id)
        return select(*columns).select_from(rows.outerjoin(changed, same_row)).subquery(self.target)


def changed_columns(rows: FromClause, after: Mapping[str, ColumnElement[Any]]) -> list[ColumnElement[Any]]:
    """Return before and after of each written column, with the names that every change and journal uses."""
    named: list[ColumnElement[Any]] = []
    for column, value in after.items():
        named += [rows.c[column].label(f"{column}_before"), value.label(f"{column}_after")]
    return named


def outcome_columns(
    already_correct: ColumnElement[bool], rule: ColumnElement[Any], reason: ColumnElement[Any]
) -> list[ColumnElement[Any]]:
    """Return the columns outcome and label: the label is null for correct rows, otherwise the rule or the reason."""
    outcome = case((already_correct, ALREADY_CORRECT), (rule.is_not(None), WOULD_CHANGE), else_=UNRESOLVED)
    label = case((already_correct, null()), (rule.is_not(None), rule), else_=reason)
    return [outcome.label("outcome"), label.label("label")]
