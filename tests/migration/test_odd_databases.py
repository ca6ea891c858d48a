"""Drawn databases of every form, migrated for real or refused, and held against the oracle: row by row, no difference.

The forms are drawn in `tests.support.odd_databases`. `./dev test-thorough` tries 500 databases of two or three tenants
on each engine.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from meter_assets.errors import StepError
from meter_assets.migration.apply import run_step
from meter_assets.migration.database import BillingDatabase, Tenant
from meter_assets.migration.reviewed_plans.comparison import PlanToRun
from meter_assets.migration.step_run import PlanOfTenant, StepRun
from meter_assets.reports.preview import Preview, preview
from meter_assets.reports.review.waiting_payments import review
from meter_assets.rules.invariants import Group, of_group
from meter_assets.rules.steps import MIGRATION, STEPS
from tests.support import oracle
from tests.support.databases import comparable, everything, read, start_over
from tests.support.odd_databases import OddDatabase, odd_databases
from tests.support.oracle import Database

VALUES = tuple(one.name for one in of_group(Group.values))
BLOCKING = {
    "invoice_amounts": ("every_bill_type_has_one_meaning",),
    "meter_balances": (*oracle.BLOCKING_INVARIANTS, "every_customer_has_a_backup"),
}
"""The invariants that refuse a step, besides those of the values that it reads."""


def refused(rows: Database, step: str, tenant_id: Any, odd: OddDatabase) -> bool:
    """Say whether the oracle finds something for which a step must not write."""
    broken = oracle.violations(rows, tenant_id, odd.policy)
    reads = STEPS[step].reads
    places = [str(place) for name in VALUES for place in broken[name]]
    misread = any(reads is None or place.partition(".")[0] in reads for place in places)
    return misread or any(broken[name] for name in BLOCKING.get(step, ()))


@pytest.mark.every_engine
@pytest.mark.slow
@settings(max_examples=max(4, settings().max_examples // 3) if settings().max_examples < 100 else 500)
@given(odd=odd_databases())
def test_a_database_of_any_form_is_migrated_as_the_oracle_says(
    billing_url: str, same_folder: Path, odd: OddDatabase
) -> None:
    plan = same_folder / "plans"
    database = start_over(billing_url, odd.schema, odd.rows)
    for tenant_id, one in zip(odd.tenants, sorted(database.every_tenant(), key=in_order(odd)), strict=True):
        rows = {**odd.of_tenant(tenant_id), oracle.BACKUP: []}
        assert_foretold(preview(database, one, odd.policy, export=plan), odd, tenant_id, rows)
        listed = {row.payment_id.replace("-", "") for row in review(database, one, odd.policy).items}
        assert listed == for_review(odd, tenant_id, rows)
        others = everything(database, but_not_of=one.id)
        expected = migrate_by_oracle(database, one, odd, tenant_id, rows, plan)
        assert everything(database, but_not_of=one.id) == others
        with database.snapshot() as connection:
            found = comparable(read(connection, odd.schema))
        assert of_tenant(found, tenant_id) == of_tenant(comparable(expected), tenant_id)


def for_review(odd: OddDatabase, tenant_id: Any, rows: Database) -> set[str]:
    """Return the payments that a person must decide about before the first migration; each uuid as 32 characters."""
    outcomes = oracle.payment_meter_ids(rows, tenant_id, odd.policy).outcome_of
    books = oracle.Books(rows, tenant_id, odd.policy)
    counted = {row["id"] for row in books.counted_payments}
    return {
        str(at).replace("-", "")
        for at, (outcome, label) in outcomes.items()
        if at in counted and (outcome == "unresolved" or str(label).startswith("first_"))
    }


def in_order(odd: OddDatabase) -> Callable[[Tenant], int]:
    """Return the place of a tenant among the drawn ones; SQLite has a uuid as 32 characters."""
    keys = [str(tenant_id).replace("-", "") for tenant_id in odd.tenants]
    return lambda one: keys.index(one.key.replace("-", ""))


def assert_foretold(foretold: Preview, odd: OddDatabase, tenant_id: Any, rows: Database) -> None:
    """Fail unless the preview counts what the oracle changes, and finds what the oracle finds afterwards."""
    after, made = oracle.migrated(rows, tenant_id, odd.policy)
    assert {one.step: one.changed for one in foretold.steps} == {step: len(made[step].rows) for step in MIGRATION}
    review = frozenset(at for at, row in made["payment_meter_ids"].rows.items() if row.rule.startswith("first_"))
    expected = oracle.violations(after, tenant_id, odd.policy, review)
    found = {one.name: one.violations for one in foretold.results or ()}
    assert found == {name: len(ids) for name, ids in expected.items()}


def migrate_by_oracle(
    database: BillingDatabase, one: Tenant, odd: OddDatabase, tenant_id: Any, rows: Database, plan: Path
) -> Database:
    """Run each step, which must be refused where the oracle says so; return the rows that are expected then.

    It is run by its plan, until a step is refused: what later steps change is then no longer what the plan says.
    """
    planned: PlanOfTenant | None = PlanToRun(plan).of(database, one, odd.policy)
    for step in MIGRATION:
        batch_size = None if step == oracle.BACKUP else odd.batch_size
        run = StepRun(step, one, "first", odd.policy, batch_size=batch_size, plan=planned)
        if refused(rows, step, tenant_id, odd):
            with pytest.raises(StepError):
                run_step(database, run)
            planned = None
        else:
            change = oracle.CHANGES[step](rows, tenant_id, odd.policy)
            assert run_step(database, run).changed == len(change.rows)
            rows = oracle.apply(rows, step, change)
    database.release()
    return rows


def of_tenant(rows: Database, tenant_id: Any) -> dict[str, Any]:
    """Return a tenant's rows of each table that has any."""
    found = {table: [row for row in all_of if row.get("tenant_id") == tenant_id] for table, all_of in rows.items()}
    return {table: mine for table, mine in found.items() if mine}
