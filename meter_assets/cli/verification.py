"""What `meter-assets verify` prints: whether all that is recorded of each tenant is as it was recorded.

Add here what only this command prints. What is verified is in `migration.verification`.
"""

from collections.abc import Sequence

from pydantic import BaseModel

from meter_assets import settings
from meter_assets.cli.json_output import print_json
from meter_assets.cli.selection import Selection, chosen_of_records, skipped_tenants
from meter_assets.cli.terminal import Terminal
from meter_assets.errors import InvalidSettings
from meter_assets.foreign_text import named
from meter_assets.migration.verification import Verification, tenants_of_records, verify
from meter_assets.reports.tables import Grid

_DIGITS = 64


class Verifications(BaseModel):
    """What was verified of the selected tenants; `skipped` says why a tenant is skipped because of its id."""

    tenants: list[Verification]
    skipped: list[str]


def show_verification(tenants: Selection, *, expected: Sequence[str], as_json: bool) -> int:
    """Print a row for each selected tenant, and each problem. Return the exit status: 1 if there is a problem.

    `expected` are digests that were kept, each as TENANT=DIGEST. Raises InvalidSettings, and what
    `BillingDatabase.tenants` raises.
    """
    kept = dict(_parsed(one) for one in expected)
    database, terminal = settings.billing_database(), Terminal(on_stderr=as_json)
    database.remember()
    chosen, skipped = chosen_of_records(database, tenants, or_none=as_json), skipped_tenants(database, tenants)
    if not tenants.named and not tenants.restricts:
        listed = {one.key for one in chosen} | {one.key for one in skipped}
        chosen += [one for one in tenants_of_records(database) if one.key not in listed]
    if unknown := sorted(set(kept) - {one.key for one in chosen}):
        raise InvalidSettings(f"--expect names tenant {unknown[0]}, which is not among the selected ones.")
    found = []
    for tenant in chosen:
        with terminal.spinner(f"Tenant {tenant.key}"):
            found.append(verify(database, tenant, kept.get(tenant.key)))
    if as_json:
        print_json(Verifications(tenants=found, skipped=list(map(str, skipped))))
    else:
        terminal.grid(_grid(found))
        for one in found:
            for problem in one.problems:
                terminal.evidence(problem, style="red")
        terminal.skipped_tenants(skipped)
    return int(bool(skipped) or not all(one.verifies for one in found))


def _grid(found: Sequence[Verification]) -> Grid:
    rows = tuple(
        (
            named(one.tenant, one.name),
            f"{one.step_runs:,}",
            "verifies" if one.verifies else f"{len(one.problems):,} problems",
            one.digest or "-",
        )
        for one in found
    )
    return Grid("Records and journals", ("tenant", "step runs", "result", "newest digest"), rows)


def _parsed(given: str) -> tuple[str, str]:
    tenant, _, digest = given.partition("=")
    if not tenant or len(digest) != _DIGITS or not set(digest.lower()) <= set("0123456789abcdef"):
        raise InvalidSettings(f"--expect {given!r} is no tenant and digest; expected TENANT=DIGEST with 64 digits.")
    return tenant, digest.lower()
