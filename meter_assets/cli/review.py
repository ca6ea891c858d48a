"""What the commands of `meter-assets review` print: the payments for review, and what became of a file of decisions.

Add here what only these commands print. The payments are found in `reports.review`, decisions recorded in
`migration.decisions`.
"""

from collections.abc import Sequence
from pathlib import Path

import click
from pydantic import BaseModel

from meter_assets import settings
from meter_assets.cli.json_output import Skipped, print_json, skipped_tenant
from meter_assets.cli.selection import Selection, chosen_of_records, skipped_tenants
from meter_assets.cli.terminal import Terminal
from meter_assets.errors import InvalidDecisions
from meter_assets.foreign_text import named, quoted, visible
from meter_assets.formatting import counted, show_money
from meter_assets.migration.database import BillingDatabase
from meter_assets.migration.decisions.file import read_decisions
from meter_assets.migration.decisions.importing import Imported, import_decisions
from meter_assets.migration.person import this_person
from meter_assets.migration.tenants import SkippedTenant
from meter_assets.reports.review.file import described, export_review
from meter_assets.reports.review.waiting_payments import Review, ReviewItem, review, undecided
from meter_assets.reports.tables import Grid


class Reviews(BaseModel):
    """The payments of the selected tenants that wait for a person, and how many they are."""

    undecided: int
    tenants: list[Review]
    skipped: list[Skipped]


_MOST_PROBLEMS = 1_000
"""How many problems of a file are printed."""
_MOST_METERS_OF_OTHERS = 20
_HEADINGS = ("payment", "amount", "paid on", "customer", "meter", "rule", "candidate meters", "suggestion")


def show_review(selection: Selection, *, limit: int, as_json: bool) -> int:
    """Print the payments that wait for a person, of each tenant the first ones. Return the exit status.

    It is 1 if a tenant is skipped because of its id. Raises NothingSelected, and what `review` raises.
    """
    found, skipped = _reviews(settings.billing_database(), selection)
    if as_json:
        print_json(Reviews(undecided=undecided(found), tenants=found, skipped=list(map(skipped_tenant, skipped))))
        return int(bool(skipped))
    terminal = Terminal()
    for one in found:
        if one.items:
            _show(terminal, one, limit)
    terminal.print(f"{_payments(undecided(found))} for a decision, of {counted(len(found), 'tenant')}.")
    if undecided(found):
        terminal.print("Write them to a file, fill in the decisions, and import it:")
        terminal.command("  meter-assets review export review.xlsx")
    terminal.skipped_tenants(skipped)
    return int(bool(skipped))


def write_review(selection: Selection, path: Path, *, replace: bool) -> int:
    """Write the payments that wait for a person to a file, and print how many. Return the exit status.

    Raises what `show_review` and `export_review` raise.
    """
    found, skipped = _reviews(settings.billing_database(), selection)
    count = export_review(found, path, replace=replace)
    terminal = Terminal()
    terminal.print(f"{_payments(count)} of {counted(len(found), 'tenant')} written to {visible(str(path))}.")
    if count:
        terminal.print(
            "Fill in the columns meter_id (or 'keep' to leave a payment where it is), decided_by and note; rows may "
            "stay without a decision. Then import the file for each tenant:"
        )
        for one in (each for each in found if each.items):
            terminal.command(f"  meter-assets review import {visible(str(path))} --tenant {one.tenant}")
    terminal.skipped_tenants(skipped)
    return int(bool(skipped))


def record_decisions(path: Path, tenant: str, decided_by: str | None, *, dry_run: bool) -> int:
    """Record the decisions of a file, and print how many. Return the exit status.

    Raises what `read_decisions` and `import_decisions` raise; what is wrong with each row is printed before.
    """
    policy, database = settings.policy(), settings.billing_database()
    database.remember()
    (chosen,) = database.tenants(database.tenant_keys([tenant]))
    try:
        given = read_decisions(path)
        who = (decided_by or "").strip() or str(this_person())
        imported = import_decisions(database, chosen, policy, given, who, dry_run=dry_run)
    except InvalidDecisions as error:
        for problem in error.problems[:_MOST_PROBLEMS]:
            click.echo(visible(f"{path.name}, {problem}"), err=True)
        if len(error.problems) > _MOST_PROBLEMS:
            click.echo(f"... and {len(error.problems) - _MOST_PROBLEMS:,} more", err=True)
        raise
    terminal = Terminal()
    for line in _summary(imported, dry_run=dry_run):
        terminal.print(line)
    _show_meters_of_others(terminal, imported)
    if imported.moving and not dry_run:
        terminal.print("The next run gives these payments their meters, and recomputes the balances:")
        terminal.command(f"  meter-assets migrate-meter-financials --tenant {chosen.key}")
    return 0


def _show_meters_of_others(terminal: Terminal, imported: Imported) -> None:
    """Print which decisions name a meter that the payment's customer never had: allowed, but often a wrong digit."""
    found = [one for one in imported.recorded if not one.is_customers_meter]
    if found:
        terminal.print(
            f"Check that they are right: {counted(len(found), 'decision')} with a meter that was never assigned to the "
            "customer of the payment."
        )
    for one in found[:_MOST_METERS_OF_OTHERS]:
        terminal.evidence(f"line {one.line}: payment {quoted(one.payment_id)}, meter {quoted(one.meter_id)}")
    if len(found) > _MOST_METERS_OF_OTHERS:
        terminal.evidence(f"and {len(found) - _MOST_METERS_OF_OTHERS:,} more")


def _reviews(database: BillingDatabase, selection: Selection) -> tuple[list[Review], list[SkippedTenant]]:
    policy = settings.policy()
    database.remember()
    found = [review(database, one, policy) for one in chosen_of_records(database, selection)]
    return found, skipped_tenants(database, selection)


def _payments(count: int) -> str:
    return counted(count, "payment")


def _show(terminal: Terminal, found: Review, limit: int) -> None:
    rows = tuple(_row(one) for one in found.items[:limit])
    more = len(found.items) - len(rows)
    notes = [f"{more:,} more payments are not shown; --limit {len(found.items)} shows all."] if more else []
    if found.suggested:
        notes.append(
            f"Suggestions are learned from payments whose invoice names the meter. Of {found.hidden:,} such payments "
            f"of customers with several meters, with the meter hidden, {found.suggested:,} got a suggestion, and "
            f"{found.right:,} of these the right one."
        )
    title = f"Tenant {named(found.tenant, found.name)}: {_payments(len(found.items))} for a decision"
    terminal.grid(Grid(title, _HEADINGS, rows, " ".join(notes), of_records=True))


def _row(one: ReviewItem) -> tuple[str, ...]:
    return (
        one.payment_id,
        show_money(one.amount),
        str(one.paid_on or "-"),
        _recognized(one.customer_id, one.customer_name),
        _recognized(one.meter_id, one.meter_number),
        one.rule,
        "; ".join(map(described, one.candidates)) or "-",
        _suggestion(one),
    )


def _recognized(row_id: str, name: str) -> str:
    return " ".join(filter(None, (row_id, f"({name})" if name else ""))) or "-"


def _suggestion(one: ReviewItem) -> str:
    found = one.suggestion
    if found is None:
        return "-"
    meter = _recognized(found.meter_id, found.meter_number)
    return f"{meter}: {found.reason}; {found.confidence:.1%} right (of {found.measured:,})"


def _summary(imported: Imported, *, dry_run: bool) -> Sequence[str]:
    made, moving, withdrawn = len(imported.recorded), imported.moving, imported.withdrawn
    what = f"{_payments(moving)} to move to another meter, {made - moving - withdrawn:,} to leave as they are"
    what += f", {withdrawn:,} undecided again" if withdrawn else ""
    lines = [f"{'Valid' if dry_run else 'Recorded'}: {counted(made, 'decision')} ({what})."]
    skipped = {
        "recorded before": imported.known,
        "without a decision": imported.undecided,
        "of other tenants": imported.of_others,
    }
    if any(skipped.values()):
        lines.append(f"Skipped rows: {', '.join(f'{count:,} {why}' for why, count in skipped.items() if count)}.")
    return [*lines, "Nothing was written."] if dry_run else lines
