"""What must hold, one module per group. Pure: no connection, no clock, no environment, no Dagster."""

from collections.abc import Collection, Mapping

from meter_assets.rules.invariants.backup import BACKUP
from meter_assets.rules.invariants.balances import BALANCES
from meter_assets.rules.invariants.invariant import Group, Invariant, Severity
from meter_assets.rules.invariants.invoices import INVOICES
from meter_assets.rules.invariants.payments import PAYMENTS

__all__ = ["GUARDED_STEP", "INVARIANTS", "Group", "Invariant", "Severity", "about", "blocking", "of_group"]

GUARDED_STEP: Mapping[Group, str] = {
    Group.payments: "payment_meter_ids",
    Group.invoices: "invoice_amounts",
    Group.backup: "customer_balances_backup",
    Group.balances: "meter_balances",
}
"""Per group, the step (and asset) whose rows its laws are about."""

INVARIANTS: tuple[Invariant, ...] = (*PAYMENTS, *INVOICES, *BACKUP, *BALANCES)


def of_group(group: Group) -> tuple[Invariant, ...]:
    """Return the invariants of one group, ERROR before WARN."""
    found = [one for one in INVARIANTS if one.group is group]
    return tuple(sorted(found, key=lambda one: one.severity is Severity.WARN))


def about(steps: Collection[str]) -> tuple[Invariant, ...]:
    """Return the laws that bear on these steps: those about their rows; all of them, where balances are written."""
    if GUARDED_STEP[Group.balances] in steps:
        return INVARIANTS
    return tuple(one for one in INVARIANTS if GUARDED_STEP[one.group] in steps)


def blocking() -> tuple[Invariant, ...]:
    """Return the invariants that keep `meter_balances` from being written."""
    return tuple(one for one in INVARIANTS if one.blocks)
