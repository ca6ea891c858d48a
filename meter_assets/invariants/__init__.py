"""What must hold, one module per group. Pure: no connection, no clock, no environment, no Dagster."""

from meter_assets.invariants.backup import BACKUP
from meter_assets.invariants.balances import BALANCES
from meter_assets.invariants.invariant import Group, Invariant, Severity
from meter_assets.invariants.invoices import INVOICES
from meter_assets.invariants.payments import PAYMENTS

__all__ = ["INVARIANTS", "Group", "Invariant", "Severity", "blocking", "of_group"]

INVARIANTS: tuple[Invariant, ...] = (*PAYMENTS, *INVOICES, *BACKUP, *BALANCES)


def of_group(group: Group) -> tuple[Invariant, ...]:
    """Return the invariants of one group, ERROR before WARN."""
    found = [one for one in INVARIANTS if one.group is group]
    return tuple(sorted(found, key=lambda one: one.severity is Severity.WARN))


def blocking() -> tuple[Invariant, ...]:
    """Return the invariants that keep `meter_balances` from being written."""
    return tuple(one for one in INVARIANTS if one.blocks)
