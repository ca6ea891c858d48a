"""What an invariant is: a law about the data, as one SELECT of the rows that break it. Judging is in `judge`."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Select

from meter_assets.billing.relations import BillingRelations


class Group(StrEnum):
    """Which part of the data a law is about; the values of --check."""

    payments = "payments"
    invoices = "invoices"
    backup = "backup"
    balances = "balances"


class Severity(StrEnum):
    """ERROR blocks what is downstream. WARN is for a person to look at."""

    ERROR = "ERROR"
    WARN = "WARN"


@dataclass(frozen=True)
class Invariant:
    """A law about the data.

    `violations` returns the rows that break it: tenant_id, the `subject` (the id of the row that breaks it), and
    evidence (money in exact form). No rows means that the law holds. It reads the relations that it is given, so
    the same law judges the database as it is, or as it would be.
    """

    name: str
    group: Group
    severity: Severity
    subject: str
    description: str
    remedy: str
    violations: Callable[[BillingRelations], Select[Any]]
    former_names: tuple[str, ...] = ()
    """What earlier versions called it: records, and Dagster's events, still have these names."""

    @property
    def blocks(self) -> bool:
        """Whether a violation keeps `meter_balances` from being written."""
        return self.severity is Severity.ERROR and self.group is not Group.balances
