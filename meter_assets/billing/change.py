"""What every change is: rows that would differ, as data. Making one is in the sibling modules, writing in `journal`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum, auto
from typing import Any

from sqlalchemy import CTE, ColumnElement, FromClause, Select, and_, case, cast, null, select

from meter_assets.billing.schema import MONEY_COLUMNS

WOULD_CHANGE = "would_change"
ALREADY_CORRECT = "already_correct"
UNRESOLVED = "unresolved"


class Effect(Enum):
    """What a change does to its rows in the target table."""

    UPDATE = auto()
    ADD = auto()
    REMOVE = auto()


@dataclass(frozen=True)
class Change:
    """One step's change of one tenant.

    `rows` yields exactly the rows that differ: tenant_id, id, `<column>_before` and `<column>_after` of every written
    column (money in stored form), and the rule that decided. `outcomes` yields every row looked at: tenant_id, id,
    outcome (`WOULD_CHANGE`, `ALREADY_CORRECT`, `UNRESOLVED`), label (its rule or reason) and the exact money at stake.
    """

    name: str
    table: str
    columns: tuple[str, ...]
    rows: Select[Any]
    outcomes: Select[Any]
    weight: Callable[[FromClause, FromClause], ColumnElement[Decimal]]
    """How much money a changed row moves, from (changed rows, the table's rows): orders the largest changes."""
    for_review: frozenset[str] = frozenset()
    target: str = field(default="")
    """The table that is written, if it is not `table`: the backup is filled from customers."""
    label: str = field(default="")
    """What queries call it, if it is not `name`: two changes of one name may meet in a query."""
    effect: Effect = Effect.UPDATE
    left_alone: Select[Any] | None = None
    """Of a change that undoes: the rows that were changed since, with what was expected and found."""

    @property
    def undoes(self) -> bool:
        """Whether it undoes what a step has written."""
        return self.left_alone is not None or self.effect is Effect.REMOVE

    def __post_init__(self) -> None:
        """Let the written table be the table looked at, and the label the name, unless others are given."""
        object.__setattr__(self, "target", self.target or self.table)
        object.__setattr__(self, "label", self.label or self.name)

    @property
    def money_columns(self) -> tuple[str, ...]:
        """The written columns that hold money."""
        return tuple(column for column in self.columns if column in MONEY_COLUMNS.get(self.table, ()))

    def as_cte(self) -> CTE:
        """Return the rows as a common table expression, computed once however often a query reads them."""
        # Not by the change's own name: the backup is a table of that name, and may be read in the same query.
        return self.rows.cte(f"changed_{self.label}")

    def overlay(self, rows: FromClause, changed: FromClause) -> FromClause:
        """Return the target's rows as they would be with `changed` (this change's rows) made."""
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
                # SQLite indexes an expression for a join only if it is of the same type as what it is joined to.
                typed = cast(value, column.type) if column.key.endswith("_id") else value
                columns.append(typed.label(column.key))
            else:
                columns.append(column)
        same_row = and_(changed.c.id == rows.c.id, changed.c.tenant_id == rows.c.tenant_id)
        return select(*columns).select_from(rows.outerjoin(changed, same_row)).subquery(self.target)


def changed_columns(rows: FromClause, after: Mapping[str, ColumnElement[Any]]) -> list[ColumnElement[Any]]:
    """Return before and after of each written column, named as every change and journal names them."""
    named: list[ColumnElement[Any]] = []
    for column, value in after.items():
        named += [rows.c[column].label(f"{column}_before"), value.label(f"{column}_after")]
    return named


def outcome_columns(
    already_correct: ColumnElement[bool], rule: ColumnElement[Any], reason: ColumnElement[Any]
) -> list[ColumnElement[Any]]:
    """Return the columns outcome and label: correct rows have no label, others their rule, or else their reason."""
    outcome = case((already_correct, ALREADY_CORRECT), (rule.is_not(None), WOULD_CHANGE), else_=UNRESOLVED)
    label = case((already_correct, null()), (rule.is_not(None), rule), else_=reason)
    return [outcome.label("outcome"), label.label("label")]
