"""`Invariant`: a condition on the data, with one SELECT of the rows that violate it.

Add here what every invariant has. Invariants are evaluated in `migration.evaluation`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Select

from meter_assets.billing.relations import BillingRelations
from meter_assets.rules.invariants.screens import Screens


class Group(StrEnum):
    """The part of the data that an invariant is about; the values of --check."""

    values = "values"
    """The stored values of all billing tables: whether each has one meaning."""
    payments = "payments"
    invoices = "invoices"
    backup = "backup"
    balances = "balances"


class Severity(StrEnum):
    """ERROR blocks the steps downstream. WARN asks a person to check."""

    ERROR = "ERROR"
    WARN = "WARN"


@dataclass(frozen=True)
class Invariant:
    """A condition that the data must satisfy.

    `violations` returns the rows that violate it: tenant_id, the `subject` (the id of the violating row), and evidence
    (money in exact form). If there are no rows, the invariant is satisfied. It reads the given relations, so the same
    invariant evaluates the database as it is, or as it would be after changes.
    """

    name: str
    group: Group
    severity: Severity
    subject: str
    description: str
    remedy: str
    violations: Callable[[BillingRelations], Select[Any]]
    screens: Screens | None = None
    """Conditions of which each violation fulfils one; without them, `violations` itself is always evaluated."""
    former_names: tuple[str, ...] = ()
    """Its names in earlier versions, which old records and Dagster events still have."""

    @property
    def blocks(self) -> bool:
        """Whether a violation blocks `meter_balances`."""
        return self.severity is Severity.ERROR and self.group is not Group.balances
