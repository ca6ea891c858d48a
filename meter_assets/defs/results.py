"""How an invariant's result is shown as a check evaluation: its sentence, its evidence, and what to do.

Add here what every result of a check shows. The checks themselves are in `checks`; the passes over all migrated tenants
are in `passes`.
"""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from meter_assets.defs import metadata
from meter_assets.formatting import counted
from meter_assets.migration.evaluation import InvariantResult
from meter_assets.reports.tables import from_records
from meter_assets.rules.invariants import INVARIANTS, current_name
from meter_assets.runtime.sentences import StepFailed

EVALUATED_WITH = "evaluated_with"
"""The metadata entry that says that a tenant was evaluated with another policy than the configured one."""
TENANT, DATABASE = "tenant_name", "database"
"""The metadata entries that say of which tenant, and in which database: a partition is only an id."""
EXAMPLE, FIRST_CHANGE = "for_example", "first_change"
"""The metadata entries with text of the database about a violated invariant. Dagster's pages render the description of
a check's result as Markdown, so the description contains no text of the database.
"""


_WHERE_TO_READ = "The description of this check has the SQL that lists all rows, and how to fix them."
CHECKS_FAILED = "failed_checks"
"""The metadata entry of a run's failure that names the checks that failed. Other failures do not have it."""


def checks_failed(asset: dg.AssetKey, tenant: str, failed: Sequence[InvariantResult]) -> StepFailed:
    """Return the failure of a run whose checks failed: the checks, their rows and what to do.

    The text is the end of the log on the run's page, so that what to do comes last.
    """
    said = [f"{counted(len(failed), 'check')} of {asset.to_user_string()} failed for tenant {tenant}."]
    if any(one.awaits for one in failed):
        said[0] += " The tenant is not migrated yet."
    entries: dict[str, Any] = {CHECKS_FAILED: metadata.text(", ".join(one.name for one in failed))}
    for one in failed:
        said += [f"{one.name}: {_rows(one)} it, such as {one.example}.", f"What to do: {one.remedy}"]
        entries |= metadata.table(one.name.replace("_", " "), from_records(one.name, one.samples))
    return StepFailed("\n".join(said), entries)


def _rows(result: InvariantResult) -> str:
    return "1 row violates" if result.violations == 1 else f"{result.violations:,} rows violate"


def place(tenant_name: str, database_url: str) -> dict[str, Any]:
    """Return the metadata of a check's result that says where it was found. The URL must have no password."""
    return {TENANT: metadata.text(tenant_name), DATABASE: metadata.text(database_url)}


def other_policy(differences: Sequence[str]) -> dict[str, Any]:
    """Return the metadata entry that says with which policy a tenant was evaluated, if it is not the configured one."""
    if not differences:
        return {}
    said = f"the policy that the tenant was migrated with; recorded -> configured: {'; '.join(differences)}"
    return {EVALUATED_WITH: metadata.text(said)}


def sentence(result: InvariantResult) -> str:
    """Return how many rows violate an invariant, and what to do. The rows themselves are in the evidence."""
    return f"{_rows(result)} this invariant: {result.description} {result.remedy}"


def plain_text(evaluation: dg.AssetCheckEvaluation) -> str:
    """Return a check's result as plain text: its description, with the database's evidence after the invariant."""
    invariant = next((one.description for one in INVARIANTS if one.name == current_name(evaluation.check_name)), "")
    before, invariant, after = (evaluation.description or "").partition(invariant or "\n")
    labels = {"For example": EXAMPLE, "The tables show:": FIRST_CHANGE}
    found = [
        f"{label} {evaluation.metadata[name].value}." for label, name in labels.items() if name in evaluation.metadata
    ]
    return " ".join([f"{before}{invariant}", *found, after.strip()]).strip()


def evidence(result: InvariantResult) -> dict[str, Any]:
    """Return the metadata of a check's result: the count of violations, the first rows, and what to do."""
    entries: dict[str, Any] = {"violations": result.violations}
    if result.samples:
        entries |= metadata.table("first_violations", from_records("First violations", result.samples))
        entries[EXAMPLE] = metadata.text(result.example)
        entries["what_to_do"] = result.remedy
        entries["how_to_fix"] = _WHERE_TO_READ
        entries |= metadata.report(result)
    return entries
