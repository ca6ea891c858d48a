"""What `meter-assets report` prints: which file was written, or what was changed since.

Add here what only this command prints. The report is composed in `reports.report`, files are written and read in
`reports.report.files`.
"""

from pathlib import Path

from meter_assets import settings
from meter_assets.cli.selection import Selection, chosen_of_records, skipped_tenants
from meter_assets.cli.terminal import Terminal
from meter_assets.foreign_text import named, shown
from meter_assets.formatting import counted
from meter_assets.migration.verification import verify
from meter_assets.reports.report import tables as report_tables
from meter_assets.reports.report.contents import build_report, new_report
from meter_assets.reports.report.files import read_report, require_writable_path, write_report


def write_tenants_report(tenants: Selection, path: Path, *, force: bool) -> int:
    """Write the report over the selected tenants. Return the exit status: 1 if a tenant is skipped.

    Raises FilesExist without `force`, InvalidSettings, and what `BillingDatabase.tenants` raises.
    """
    require_writable_path(path, replace=force)
    database, policy, terminal = settings.billing_database(), settings.policy(), Terminal()
    database.remember()
    found = []
    for tenant in chosen_of_records(database, tenants):
        with terminal.spinner(f"Tenant {tenant.key}"):
            found.append(build_report(database, tenant, policy))
    digest = write_report(new_report(database, found), path)
    for one in found:
        terminal.heading(f"Tenant {named(one.tenant, one.name)}")
        for sentence in report_tables.conclusion(one):
            terminal.print(sentence)
    terminal.print(f"\nThe report of {counted(len(found), 'tenant')}: {path}. Its digest: {digest}")
    terminal.print("Keep the digest elsewhere too, such as on the signed page: a file can be written again as a whole.")
    skipped = skipped_tenants(database, tenants)
    terminal.skipped_tenants(skipped)
    return int(bool(skipped))


def verify_report(path: Path) -> int:
    """Verify a report, and what is recorded of its tenants. Return the exit status: 1 if anything was changed.

    Raises NotAReport, and what `BillingDatabase.every_tenant` raises.
    """
    found, terminal = read_report(path), Terminal()
    if not found.unchanged:
        terminal.print(
            f"{path} was changed since it was written: it has the digest {found.digest}, which is not the one that it "
            "names. Do not rely on it; write the report again.",
            style="red",
        )
        for one in found.hidden:
            terminal.evidence(one, style="red")
        return 1
    terminal.print(f"{path} is as it was written. Its digest: {found.digest}")
    database = settings.billing_database()
    database.remember()
    if found.database != database.url:
        terminal.evidence(f"It is about {shown(found.database)}; it is verified against {database.url}.")
    there, problems = {one.key: one for one in database.every_tenant()}, 0
    for key, digest in found.tenants.items():
        if key not in there:
            terminal.evidence(f"Tenant {key} of the report is not in the billing database.", style="red")
            problems += 1
            continue
        with terminal.spinner(f"Tenant {key}"):
            verified = verify(database, there[key], digest)
        later = "" if verified.digest == digest else " Further step runs were recorded since the report."
        result = "verify" if verified.verifies else f"do NOT verify: {counted(len(verified.problems), 'problem')}"
        terminal.print(f"Tenant {key}: records and journals {result}.{later}")
        for problem in verified.problems:
            terminal.evidence(problem, style="red")
        problems += len(verified.problems)
    return int(bool(problems))
