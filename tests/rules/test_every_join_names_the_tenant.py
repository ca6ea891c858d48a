"""No SQL of a rule joins, groups or ranks rows of two tenants, even where ids alone would keep them apart.

These conditions are mostly redundant, since ids are unique: so no case of rows shows that one is missing. A statement
that looks at all tenants at once rests on them, and so do the indexes that begin with the tenant.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Select, select
from sqlalchemy.dialects import sqlite
from sqlalchemy.sql import visitors
from sqlalchemy.sql.elements import Over
from sqlalchemy.sql.selectable import Join

from meter_assets.billing.policy import BalanceBasis, Policy
from meter_assets.rules.invariants import INVARIANTS
from tests.support.rules import STEPS, WITH_OWN_TABLES, change_of, relations_of, statement_of

POLICIES = {basis: Policy(balance_basis=basis) for basis in BalanceBasis}


def names_in(*expressions: Any) -> list[str]:
    """Return the names of all columns in expressions, however often."""
    return [
        str(getattr(element, "key", ""))
        for one in expressions
        for element in visitors.iterate(one)
        if element.__visit_name__ in ("column", "label")
    ]


@pytest.fixture(autouse=True)
def _compiled_for_an_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let SQLAlchemy find what a statement joins by an engine of ours: there are no constructs for others."""
    dialect: Any = sqlite.dialect()
    monkeypatch.setattr(Select, "_default_compiler", lambda statement: dialect.statement_compiler(dialect, None))


def parts_of(statement: Any) -> Iterator[tuple[str, int, list[str]]]:
    """Yield what brings rows together: what it is, how often the tenant must be in it, the columns that are."""
    for element in visitors.iterate(statement):
        if isinstance(element, Select):
            for source in element.get_final_froms():
                for part in visitors.iterate(source):
                    if isinstance(part, Join):
                        yield "join", 2, names_in(part.onclause)
            if element._group_by_clauses:
                yield "group", 1, names_in(*element._group_by_clauses)
        elif isinstance(element, Over) and element.partition_by is not None:
            yield "partition", 1, names_in(element.partition_by)


def statements() -> Iterator[tuple[str, Any]]:
    for policy in POLICIES.values():
        relations = relations_of(WITH_OWN_TABLES, None, policy)
        for step in STEPS:
            change = change_of(step, relations)
            yield f"after {step}", select(relations.after(change).rows[change.target])
            yield step, change.rows
            yield step, change.outcomes
        for invariant in INVARIANTS:
            yield invariant.name, statement_of(invariant.name, relations)


BY_ID = (["id", "invoice_id"], ["step_run_id", "id"], ["step_run_id", "step_run_id"], ["step_run_id"])
"""Rows that have no tenant of their own: an invoice's lines, and the records of a step run."""


def test_every_join_group_and_window_names_the_tenant() -> None:
    without = {
        (name, what, tuple(columns))
        for name, statement in statements()
        for what, times, columns in parts_of(statement)
        if columns.count("tenant_id") < times and columns not in BY_ID
    }
    assert without == set()


def test_rows_of_the_same_day_are_ranked_by_id() -> None:
    """A database without it returns ties in the order of the table, which on SQLite is that of the ids by chance."""
    ranked = [
        (name, str(list(element.order_by.clauses)[-1].key) if element.order_by is not None else "")
        for name, statement in statements()
        for element in visitors.iterate(statement)
        if isinstance(element, Over) and getattr(element.element, "name", "") in ("row_number", "first_value")
    ]
    assert ranked
    assert [(name, column) for name, column in ranked if column != "id"] == []
