"""What the command line keeps of many tenants that were migrated: sums, and the tenants that need attention.

The reports of thousands of tenants would fill the memory. Add here what the command says of many tenants.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from meter_assets.foreign_text import named
from meter_assets.migration.database import Tenant
from meter_assets.migration.evaluation import InvariantResult
from meter_assets.migration.step_report import StepReport
from meter_assets.reports.tables import Grid
from meter_assets.rules.invariants import Severity

NAMED = 20


@dataclass
class Sums:
    """The results of many tenants, added up."""

    tenants: int = 0
    examined: int = 0
    changed: int = 0
    already_correct: int = 0
    for_review: int = 0
    unresolved: int = 0
    warned: Counter[str] = field(default_factory=Counter)
    """How many tenants violate each invariant of severity WARN."""
    warned_first: dict[str, list[str]] = field(default_factory=dict)
    """The first tenants of each of these invariants, with an example."""

    def add(self, tenant: Tenant, reports: Sequence[StepReport], results: Sequence[InvariantResult]) -> None:
        """Add a tenant's reports and results."""
        self.tenants += 1
        for report in reports:
            self.examined += report.examined
            self.changed += report.changed
            self.already_correct += report.already_correct.rows
            self.for_review += report.for_review
            self.unresolved += report.left_unresolved
        for one in results:
            if not one.passed and one.severity is Severity.WARN:
                self.warned[one.name] += 1
                first = self.warned_first.setdefault(one.name, [])
                first += [named(tenant.key, tenant.name)] if len(first) < NAMED else []

    def grid(self, failed: Sequence[Tenant]) -> Grid:
        """Return the sums as a table, with one row for the tenants that succeeded, and one for those that failed."""
        counts = (self.examined, self.changed, self.already_correct, self.for_review, self.unresolved)
        headings = ("tenants", "result", "total", "updated", "already correct", "for review", "unresolved")
        rows: list[tuple[Any, ...]] = [(f"{self.tenants:,}", "ok", *(f"{count:,}" for count in counts))]
        if failed:
            rows.append((f"{len(failed):,}", "FAILED", *("" for _ in counts)))
        return Grid("Summary", headings, tuple(rows))

    def warnings(self) -> Grid:
        """Return the violated invariants of severity WARN, with the number of tenants and the first of them."""
        rows = tuple(
            (name, f"{tenants:,}", ", ".join(self.warned_first[name]) + (" ..." if tenants > NAMED else ""))
            for name, tenants in sorted(self.warned.items())
        )
        return Grid("Warnings", ("invariant", "tenants", "first tenants"), rows)
