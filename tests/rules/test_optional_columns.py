"""Every invariant and every step can be computed of a database that has only the required columns."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, create_engine, select

from meter_assets.billing.policy import Policy
from meter_assets.billing.relations import billing_relations
from meter_assets.billing.schema import billing_tables
from meter_assets.rules.invariants import INVARIANTS, Invariant
from meter_assets.rules.steps import STEPS
from tests.support.databases import make_tables

SCHEMA = billing_tables(optional_columns=False, soft_deletes=False, steps=tuple(STEPS.values()))


@pytest.fixture(scope="module")
def connection() -> Iterator[Connection]:
    """A database with the required columns alone, and without rows."""
    with create_engine("sqlite://").connect() as opened:
        make_tables(opened, SCHEMA)
        yield opened


@pytest.mark.parametrize("invariant", INVARIANTS, ids=lambda one: one.name)
def test_an_invariant_needs_no_optional_column(invariant: Invariant, connection: Connection) -> None:
    relations = billing_relations(SCHEMA, Policy())
    for name in STEPS:
        found = invariant.violations(relations)
        assert connection.execute(found).all() == []
        relations = relations.after(STEPS[name].compute(relations))


@pytest.mark.parametrize("step", STEPS)
def test_a_step_needs_no_optional_column(step: str, connection: Connection) -> None:
    change = STEPS[step].compute(billing_relations(SCHEMA, Policy()))
    assert connection.execute(select(change.rows.subquery())).all() == []
