"""The invariants of the data, one module per group.

Add an invariant as one function that returns the rows that violate it, with its entry in the list of its module.
Computations that invariants and steps share are in `billing`. Each step lists the invariants that guard it.
"""

from meter_assets.rules.invariants.assumptions import ASSUMPTIONS
from meter_assets.rules.invariants.backup import BACKUP
from meter_assets.rules.invariants.balances import BALANCES
from meter_assets.rules.invariants.invariant import Group, Invariant, Severity
from meter_assets.rules.invariants.invoices import INVOICES
from meter_assets.rules.invariants.payments import PAYMENTS
from meter_assets.rules.invariants.values import VALUES

__all__ = ["INVARIANTS", "Group", "Invariant", "Severity", "blocking", "current_name", "errors_of", "named", "of_group"]

INVARIANTS: tuple[Invariant, ...] = tuple(
    sorted(
        (*VALUES, *PAYMENTS, *INVOICES, *BACKUP, *BALANCES, *ASSUMPTIONS), key=lambda one: list(Group).index(one.group)
    )
)
"""All invariants, group by group."""


def current_name(name: str) -> str:
    """Return the current name of an invariant, given its current or a former name."""
    return next((one.name for one in INVARIANTS if name in one.former_names), name)


def of_group(group: Group) -> tuple[Invariant, ...]:
    """Return the invariants of one group, ERROR before WARN."""
    found = [one for one in INVARIANTS if one.group is group]
    return tuple(sorted(found, key=lambda one: one.severity is Severity.WARN))


def errors_of(group: Group) -> tuple[Invariant, ...]:
    """Return the invariants of one group that have severity ERROR."""
    return tuple(one for one in of_group(group) if one.severity is Severity.ERROR)


def named(*names: str) -> tuple[Invariant, ...]:
    """Return the invariants with these names."""
    return tuple(one for one in INVARIANTS if one.name in names)


def blocking() -> tuple[Invariant, ...]:
    """Return the invariants whose violations block `meter_balances`."""
    return tuple(one for one in INVARIANTS if one.blocks)
