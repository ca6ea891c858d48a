"""Reports as tables of text: the terminal draws them with rich, and `defs.metadata` shows them on Dagster's pages.

Add a table here if both the terminal and Dagster show it. How a table is drawn belongs in `cli` and `defs`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from meter_assets.foreign_text import quoted, shown
from meter_assets.formatting import SHORT_RUN_ID, counted, show_money, show_time
from meter_assets.migration.evaluation import InvariantResult
from meter_assets.migration.rollback import Rollback, UndoneStep
from meter_assets.migration.step_report import StepReport
from meter_assets.reports.preview import Preview
from meter_assets.rules.steps import STEPS

TRIGGERS_NOTE = (
    "A step is rolled back if a trigger keeps a row from being written, alters a written value, or changes money in "
    "another billing table except customers. A rollback fires them again; it restores no balance of customers that a "
    "trigger changed."
)
LONGEST_CELL = 1_000
"""The most characters of a cell that are shown: our own messages and examples of a few values have fewer."""


@dataclass(frozen=True)
class Grid:
    """A small table for people: its title, its headings, its cells as text."""

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    of_records: bool = False
    """Whether its rows are rows of the database, with their ids, which may be any text, in the first column."""

    def without(self, heading: str) -> "Grid":
        """Return the table without a column."""
        at = self.headings.index(heading)
        rows = tuple((*row[:at], *row[at + 1 :]) for row in self.rows)
        return replace(self, headings=(*self.headings[:at], *self.headings[at + 1 :]), rows=rows)

    def is_number(self, column: int) -> bool:
        """Return whether a column has only numbers, which are aligned to the right."""
        cells = [row[column] for row in self.rows if row[column] not in ("", "-")]
        return bool(cells) and all(cell.replace(",", "").replace(".", "").lstrip("-").isdigit() for cell in cells)


def from_records(title: str, records: Sequence[dict[str, str]], note: str = "") -> Grid:
    """Return rows that are dicts of text as a grid."""
    headings = tuple(records[0]) if records else ()
    rows = tuple(tuple(record[name] for name in headings) for record in records)
    return Grid(title, headings, rows, note, of_records=True)


def changed_rows(title: str, records: Sequence[dict[str, str]]) -> Grid:
    """Return changed rows as a grid, without empty and unchanged columns."""
    informative = [name for name in (records[0] if records else ()) if _is_informative(name, records)]
    return from_records(title, [{name: record[name] for name in informative} for record in records])


def _is_informative(name: str, records: Sequence[dict[str, str]]) -> bool:
    """Return whether a column has values, and, in some row, different values before and after."""
    column = name.removesuffix("_before").removesuffix("_after")
    sides = [(record[name], record.get(f"{column}_before"), record.get(f"{column}_after")) for record in records]
    return any(value and (before is None or before != after) for value, before, after in sides)


def outcomes(report: StepReport) -> Grid:
    """Return a step's rows by outcome, with the money in them."""
    rows = [("changed", rule, f"{tally.rows:,}", show_money(tally.money)) for rule, tally in report.rules.items()]
    correct = report.already_correct
    rows.append(("already correct", "", f"{correct.rows:,}", show_money(correct.money)))
    rows += [
        ("unresolved", why, f"{tally.rows:,}", show_money(tally.money)) for why, tally in report.unresolved.items()
    ]
    return Grid("Rows", ("outcome", "rule or reason", "rows", STEPS[report.step].worth_title), tuple(rows))


def money(report: StepReport) -> Grid:
    """Return the sums of money before and after a step."""
    rows = [
        (name, show_money(sums.before), show_money(sums.after), show_money(sums.after - sums.before))
        for name, sums in report.sums.items()
    ]
    return Grid("Money", ("sum of", "before", "after", "difference"), tuple(rows))


def results(found: Iterable[InvariantResult], *, title: str = "Invariants") -> Grid:
    """Return invariants with their results and, for violated ones, an example."""
    rows = []
    for one in found:
        result = "passed" if one.passed else f"{one.severity}: {counted(one.violations, 'violation')}"
        rows.append((one.group, one.name, result, one.example))
    return Grid(title, ("group", "invariant", "result", "for example"), tuple(rows))


def undone(found: Rollback) -> Grid:
    """Return one line per step that was or would be undone."""
    rows = tuple(
        (
            one.made.step,
            one.made.run_id[:SHORT_RUN_ID],
            show_time(one.made.started_at),
            f"{one.report.changed:,}",
            f"{one.skipped:,}",
        )
        for one in found.steps
    )
    headings = ("step", "run", "started", "restored", "skipped")
    return Grid("Steps undone, newest first", headings, rows, "" if rows else "Nothing to roll back.")


def skipped(one: UndoneStep) -> Grid:
    """Return the rows that a rollback skipped, with the expected and found values."""
    listed = one.report.skipped
    more = one.skipped - len(listed)
    note = (
        f"The first {len(listed):,}; {more:,} more. A dry run writes all of them to CSV files with --export DIR, or "
        "with export_dir in the launchpad."
        if more
        else ""
    )
    return from_records(f"{one.made.step}: changed since, skipped", listed, note)


def statuses(preview: Preview) -> Grid:
    """Return every status found, and whether it counts."""
    rows = tuple(
        (
            one.table,
            "(null)" if one.status is None else one.status,
            ("yes" if one.counted else "no") if one.known else "unknown",
            f"{one.rows:,}",
            show_money(one.money),
        )
        for one in preview.statuses
    )
    return Grid("Statuses found", ("table", "status", "counted", "rows", "money"), rows)


def bill_types(preview: Preview) -> Grid:
    """Return every bill type of the tenant's invoice lines, and how its lines are treated."""
    rows = tuple(
        (
            "(null)" if one.bill_type is None else quoted(one.bill_type),
            one.treatment,
            f"{one.lines:,}",
            show_money(one.money),
        )
        for one in preview.bill_types
    )
    unread = ", ".join(map(shown, preview.unread_columns))
    note = f"Not read, although they may mark deleted rows: {unread}." if unread else ""
    return Grid("Bill types found", ("bill type", "treated as", "lines", "money"), rows, note)


def bases(preview: Preview) -> Grid:
    """Return the meters for which the two balance bases differ."""
    found = preview.bases
    if not found.meters:
        return Grid("Balance bases", (), (), "Both balance bases give the same result for every meter.")
    note = (
        f"{found.meters:,} meters are billed differently: {show_money(found.charges_and_opening_balance)} by charges "
        f"and opening balance, {show_money(found.invoice_totals)} by invoice totals (which count carried-forward debt "
        "again)."
    )
    return from_records("Balance bases, largest differences", found.largest, note)


def impact(preview: Preview) -> Grid:
    """Return one line per step of a preview: the numbers of its rows."""
    rows = tuple(
        (
            report.step,
            f"{report.examined:,}",
            f"{report.changed:,}",
            f"{report.already_correct.rows:,}",
            f"{report.for_review:,}",
            f"{report.left_unresolved:,}",
        )
        for report in preview.steps
    )
    return Grid("Impact", ("step", "examined", "would change", "already correct", "for review", "unresolved"), rows)


def obstacles(preview: Preview) -> Grid:
    """Return the obstacles that would prevent a step from writing."""
    return Grid("Obstacles", ("obstacle",), tuple((one,) for one in preview.obstacles))


def triggers(preview: Preview) -> Grid:
    """Return the triggers that fire when the previewed steps write."""
    return Grid("Triggers that will fire", ("trigger",), tuple((one,) for one in preview.triggers), TRIGGERS_NOTE)


def policy(preview: Preview) -> Grid:
    """Return the policies of a preview."""
    rows = [
        (name, ", ".join(value) if isinstance(value, list) else str(value)) for name, value in preview.policy.items()
    ]
    return Grid("Policy", ("policy", "value"), tuple(rows))


def difference(preview: Preview) -> Decimal:
    """Return by how much the meters' net balance would change (currency units); 0 if that step is not previewed."""
    sums = next((report.sums for report in preview.steps if report.step == "meter_balances"), None)
    if sums is None:
        return Decimal(0)
    balance, overpayment = sums["balance"], sums["overpayment"]
    return (balance.after - overpayment.after) - (balance.before - overpayment.before)
