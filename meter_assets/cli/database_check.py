"""The command `check-database`: what a database is for this software, as text or as JSON.

Add here what only this command prints. What is found is in `reports.database.check`.
"""

import click

from meter_assets import settings
from meter_assets.cli.json_output import print_json
from meter_assets.cli.terminal import Terminal
from meter_assets.formatting import counted, show_money
from meter_assets.reports.database.check import DatabaseCheck, Level, check_database
from meter_assets.reports.database.suggested_mapping import suggested_mapping
from meter_assets.reports.tables import Grid


def show_database_check(*, as_json: bool) -> int:
    """Check the billing database and print what was found. Return the exit status: 1 if there is an error.

    Raises what `check_database` raises.
    """
    database = settings.billing_database()
    database.remember()
    found = check_database(database, settings.policy())
    if as_json:
        print_json(found)
    else:
        _show(Terminal(), found)
    return int(bool(found.errors))


def show_suggestion() -> int:
    """Print a mapping for the billing database, as a draft. Return the exit status.

    Raises what `BillingDatabase.snapshot` raises.
    """
    click.echo(suggested_mapping(settings.billing_database(), settings.policy()), nl=False)
    return 0


def _show(terminal: Terminal, found: DatabaseCheck) -> None:
    terminal.print(f"Database: {found.database}")
    if found.tables:
        terminal.grid(_tables(found))
        terminal.grid(_statuses(found))
        terminal.grid(_bill_types(found))
        terminal.grid(_flags(found))
    for level, title in ((Level.error, "Errors"), (Level.warning, "Warnings"), (Level.note, "Notes")):
        findings = [one for one in found.findings if one.level is level]
        if findings:
            terminal.heading(title)
        for one in findings:
            terminal.evidence(one.what, style="red" if level is Level.error else "")
            if one.fix:
                terminal.command(f"        {one.fix}")
    terminal.print("")
    terminal.print(_summary(found))


def _summary(found: DatabaseCheck) -> str:
    errors, warnings = len(found.errors), sum(one.level is Level.warning for one in found.findings)
    if errors:
        other_names = any(one.what.startswith(("no table ", "no column ")) for one in found.errors)
        draft = " 'meter-assets check-database --suggest' drafts a mapping of other names." if other_names else ""
        return (
            f"{counted(errors, 'error')}, {counted(warnings, 'warning')}: what they name cannot be migrated.{draft} "
            "Nothing was written."
        )
    return (
        f"No errors, {counted(warnings, 'warning')}, {counted(found.tenants, 'tenant')}. 'meter-assets "
        "migrate-meter-financials --dry-run' previews the tenants. Nothing was written."
    )


def _tables(found: DatabaseCheck) -> Grid:
    rows = []
    for one in found.tables:
        others = [f"{logical} = {column}" for logical, column in one.renamed.items()]
        others += [f"{logical} by SQL" for logical in one.computed if logical not in one.writes]
        renamed = ", ".join(others)
        writes = ", ".join(one.writes)
        if one.written_in not in ("", one.read_from):
            writes = f"{writes} in {one.written_in}"
        rows.append((one.name, one.read_from, renamed, writes))
    return Grid("Tables", ("table", "read from", "other names", "written by a migration"), tuple(rows))


def _statuses(found: DatabaseCheck) -> Grid:
    rows = tuple(
        (
            one.table,
            "(null)" if one.status is None else one.status,
            "yes" if one.counted else "no",
            "" if one.known else "not in the policy",
            f"{one.rows:,}",
            show_money(one.money),
        )
        for one in found.statuses
    )
    return Grid("Statuses", ("table", "status", "counted", "", "rows", "money"), rows)


def _flags(found: DatabaseCheck) -> Grid:
    rows = tuple(
        (f"{one.table}.{one.column}", one.meaning, f"{one.rows_set:,}", f"{one.rows_in_all:,}") for one in found.flags
    )
    return Grid("Flags", ("flag", "means", "rows where it is set", "rows"), rows)


def _bill_types(found: DatabaseCheck) -> Grid:
    rows = tuple(
        ("(null)" if one.bill_type is None else one.bill_type, one.treatment, f"{one.lines:,}", show_money(one.money))
        for one in found.bill_types
    )
    return Grid("Bill types", ("bill type", "treated as", "lines", "money"), rows)
