"""`TenantReport`: all that a person signs for one tenant after its migration, read in one snapshot.

Add a figure of the report here, and how it is shown in `tables`. The rows are read in `reading`, files
are written in `files`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from pydantic import BaseModel

from meter_assets.billing.policy import Policy
from meter_assets.billing.relations import BillingRelations
from meter_assets.foreign_text import Shown
from meter_assets.migration.database import BillingDatabase, Tenant
from meter_assets.migration.evaluation import InvariantResult, advise, evaluate
from meter_assets.migration.person import this_person
from meter_assets.migration.recorded_policy import recorded_policies
from meter_assets.migration.snapshot import Snapshot, tried_again
from meter_assets.migration.step_report import Money
from meter_assets.migration.temporary_tables import READ_OFTEN, materialized
from meter_assets.migration.verification import Verification, verified
from meter_assets.reports.differences.by_customer import TenantDifferences, summarized
from meter_assets.reports.differences.view import view_after_migration, view_as_it_is
from meter_assets.reports.report.reading import (
    Conservation,
    Decision,
    MetersMoney,
    RuleChange,
    RunInReport,
    changes_by_rule,
    conservation,
    decisions,
    meters_money,
    runs,
)
from meter_assets.reports.review.rows import waiting_payments
from meter_assets.rules.invariants import INVARIANTS
from meter_assets.version import __version__

SHOWN = 20
"""How many of the largest differences of a tenant a report lists."""
EXAMINED = 2_000
"""Of how many customers of a tenant the differences are explained; the others have the cause `not_examined`."""


class Undecided(BaseModel):
    """The payments that wait for a person for one reason, and their money (currency units)."""

    rule: Shown
    payments: int
    amount: Money


class TenantReport(BaseModel):
    """What a report says of one tenant; money in currency units."""

    tenant: str
    name: Shown
    migrated: bool
    """Whether its meters' balances are migrated; otherwise the figures are those that a migration would lead to."""
    policy: dict[str, str]
    policy_differences: list[str]
    """In which values the recorded policy differs from the configured one."""
    runs: list[RunInReport]
    changes: list[RuleChange]
    meters: MetersMoney
    conservation: Conservation
    differences: TenantDifferences
    undecided: list[Undecided]
    decisions: list[Decision]
    checks: list[InvariantResult]
    verification: Verification

    @property
    def rows_changed(self) -> int:
        """How many journaled changes are in force."""
        return sum(one.rows for one in self.changes)

    @property
    def undecided_payments(self) -> int:
        """How many payments wait for a person."""
        return sum(one.payments for one in self.undecided)

    @property
    def failed_checks(self) -> list[InvariantResult]:
        """The checks with violations."""
        return [one for one in self.checks if not one.passed]


class Report(BaseModel):
    """A report over one or several tenants."""

    database: str
    """The URL of the billing database with its secrets masked."""
    generated_at: datetime
    generated_by: str
    software_version: str
    tenants: list[TenantReport]


def new_report(database: BillingDatabase, tenants: Sequence[TenantReport]) -> Report:
    """Return a report over tenants with the time, the user of this process and the version of this software."""
    return Report(
        database=database.url,
        generated_at=datetime.now(UTC).replace(microsecond=0),
        generated_by=str(this_person()),
        software_version=__version__,
        tenants=list(tenants),
    )


@tried_again
def build_report(database: BillingDatabase, tenant: Tenant, given: Policy) -> TenantReport:
    """Return the report of a tenant, from one snapshot and by the policy that the tenant was migrated with.

    `given` is the policy of a tenant that was not migrated. Writes nothing. Raises what `BillingDatabase.read` raises.
    """
    with database.read(given) as snapshot:
        recorded = recorded_policies(snapshot.connection, snapshot.schema, tenant.id).get(tenant.id)
        if recorded is not None:
            snapshot = replace(snapshot, policy=recorded.policy or given)
        as_stored = materialized(snapshot.relations(tenant.id), snapshot.tables, *READ_OFTEN)
        as_it_is = view_as_it_is(snapshot, tenant)
        view = as_it_is or view_after_migration(snapshot, tenant)
        return TenantReport(
            tenant=tenant.key,
            name=tenant.name,
            migrated=as_it_is is not None,
            policy=_in_words(snapshot.policy),
            policy_differences=recorded.differences(given) if recorded else [],
            runs=runs(snapshot, tenant),
            changes=changes_by_rule(snapshot, tenant),
            meters=meters_money(snapshot, tenant, view.relations),
            conservation=conservation(snapshot.connection, view.relations),
            differences=summarized(view, tenant, shown=SHOWN, examined=EXAMINED),
            undecided=_undecided(snapshot, as_stored),
            decisions=decisions(snapshot, tenant),
            checks=_checks(snapshot, tenant, as_stored),
            verification=verified(snapshot.connection, snapshot.schema, tenant),
        )


def _in_words(policy: Policy) -> dict[str, str]:
    values: Mapping[str, Any] = policy.model_dump(mode="json")
    return {
        name: ", ".join(map(str, value)) if isinstance(value, list) else str(value) for name, value in values.items()
    }


def _undecided(snapshot: Snapshot, relations: BillingRelations) -> list[Undecided]:
    found: dict[str, Undecided] = {}
    for one in waiting_payments(snapshot.connection, relations):
        of_rule = found.setdefault(one.rule, Undecided(rule=one.rule, payments=0, amount=Decimal("0.00")))
        of_rule.payments += 1
        of_rule.amount += one.amount or 0
    return sorted(found.values(), key=lambda one: (-one.payments, one.rule))


def _checks(snapshot: Snapshot, tenant: Tenant, relations: BillingRelations) -> list[InvariantResult]:
    results = evaluate(snapshot.connection, INVARIANTS, relations)
    return advise(snapshot.connection, snapshot.schema, tenant, results)
