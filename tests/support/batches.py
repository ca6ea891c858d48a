"""Steps in batches as tests make them: of tenant 1, with others who do something between the plan and a batch."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from meter_assets.billing.own_tables import BACKUP
from meter_assets.billing.policy import Policy
from meter_assets.billing.schema import BillingSchema, billing_tables
from meter_assets.migration import batches
from meter_assets.migration.apply import run_step
from meter_assets.migration.backup import tenants_without_backup
from meter_assets.migration.database import BillingDatabase
from meter_assets.migration.plan import Plan
from meter_assets.migration.rollback import UndoneStep
from meter_assets.migration.run_history import StepRunRecord, recorded_steps
from meter_assets.migration.step_report import StepReport
from meter_assets.migration.step_run import StepRun
from meter_assets.rules.steps import MIGRATION
from tests.support.databases import journal_of, migrate, tenant, write
from tests.support.ledger import invoice, ledger, payment
from tests.support.oracle import Database
from tests.support.rollbacks import roll_back_tenant

SCHEMA = billing_tables()
DEFAULT = Policy.from_values({})


def in_batches(
    database: BillingDatabase,
    size: int,
    *steps: str,
    tenant_id: Any = 1,
    policy: Policy = DEFAULT,
    run_id: str = "first",
    allow_invalid: bool = False,
) -> dict[str, StepReport]:
    """Make these steps (all where none are named) of a tenant in batches, and let go of it.

    If it has no backup, another run takes it before, so that the run has made these steps alone.
    """
    of = tenant(tenant_id)
    if steps and BACKUP not in steps and tenants_without_backup(database, [of]):
        migrate(database, tenant_id, policy, run_id="backup", steps=[BACKUP])
    try:
        return {
            step: run_step(database, StepRun(step, of, run_id, policy, allow_invalid, batch_size=size))
            for step in steps or MIGRATION
        }
    finally:
        database.release()


def roll_back_in_batches(
    database: BillingDatabase, size: int | None, run_id: str = "undo", *, before: str | None = None
) -> list[UndoneStep]:
    """Roll tenant 1 back in batches, wholly or to before a run, and release its lock."""
    return roll_back_tenant(database, run_id, before=before, batch_size=size)


@contextmanager
def before_each_batch(database: BillingDatabase, do: Callable[[int, int], None]) -> Iterator[None]:
    """Do something, given the number of the plan and that of its batch, before each batch and after the last."""
    numbers = {"plan": 0, "batch": 0}

    def first_do(then: Callable[..., Any]) -> Callable[..., Any]:
        def called(*arguments: Any) -> Any:
            plan = next(one for one in arguments if isinstance(one, Plan)).number + 1
            batch = numbers["batch"] + 1 if plan == numbers["plan"] else 1
            numbers.update(plan=plan, batch=batch)
            do(plan, batch)
            return then(*arguments)

        return called

    with pytest.MonkeyPatch.context() as patch:
        for name in ("_write_batch", "_finished"):
            patch.setattr(batches, name, first_do(getattr(batches, name)))
        yield


def as_others(url: str, statement: str) -> None:
    """Change the database as others do: from a connection of their own, committed at once."""
    write(BillingDatabase(url), statement)


def journals(database: BillingDatabase, run_id: str, schema: BillingSchema = SCHEMA) -> dict[str, dict[Any, Any]]:
    """What a run has journaled, by step."""
    with database.snapshot() as connection:
        return {step: journal_of(connection, schema, step, run_id) for step in MIGRATION}


def recorded(database: BillingDatabase, run_id: str) -> list[StepRunRecord]:
    """What is recorded of a run, oldest step first."""
    return [step for step in recorded_steps(database, [tenant(1)]) if step.run_id == run_id]


def as_recorded(database: BillingDatabase, run_id: str) -> list[tuple[str, str, int | None]]:
    return [(step.step, step.outcome, step.rows_changed) for step in recorded(database, run_id)]


def five_payments() -> Database:
    """Tenants 1 and 2; the first has five payments without a meter, 11 to 15, and owes 30.00."""
    return ledger([invoice(1, "30.00")], [payment(number, "1.00") for number in range(1, 6)])
