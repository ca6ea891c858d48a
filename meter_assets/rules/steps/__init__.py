"""The steps of the migration, one module each: what each would change, and its guards.

Add a step as a module with its `Step` value, and list it here after the steps that it depends on. Steps do not import
each other: what they share is in `billing`.
"""

from collections.abc import Collection

from meter_assets.rules.invariants import INVARIANTS, Group, Invariant
from meter_assets.rules.steps import (
    customer_balances,
    customer_balances_backup,
    invoice_amounts,
    meter_balances,
    payment_meter_ids,
)
from meter_assets.rules.steps.step import Step, StepGuards

__all__ = ["MIGRATION", "STEPS", "Step", "StepGuards", "guarded_step", "invariants_about"]

MIGRATION = (
    customer_balances_backup.STEP.name,
    payment_meter_ids.STEP.name,
    invoice_amounts.STEP.name,
    meter_balances.STEP.name,
)
"""The names of the steps that migrate a tenant, in the order in which they run.

The backup is first: a trigger may change customers' balances when a step writes payments, invoices or meters.
"""
STEPS: dict[str, Step] = {
    step.name: step
    for step in (
        customer_balances_backup.STEP,
        payment_meter_ids.STEP,
        invoice_amounts.STEP,
        meter_balances.STEP,
        customer_balances.STEP,
    )
}
"""Every step by its name; each step is listed after the steps that it depends on."""


def guarded_step(group: Group) -> str:
    """Return the name of the step (and asset) whose rows a group of invariants checks."""
    return next(step.name for step in STEPS.values() if group in step.checks)


def invariants_about(steps: Collection[str]) -> tuple[Invariant, ...]:
    """Return the invariants about the rows of these steps; all invariants, if meters' balances are written."""
    if guarded_step(Group.balances) in steps:
        return INVARIANTS
    return tuple(one for one in INVARIANTS if guarded_step(one.group) in steps)
