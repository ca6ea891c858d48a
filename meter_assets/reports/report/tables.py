"""The tables of a report, with exact values as cells: pages show them as text, and workbooks as numbers.

Add a table of the report here. What they show is computed in `contents`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from meter_assets.billing.own_tables import BACKUP
from meter_assets.foreign_text import visible
from meter_assets.formatting import counted, show_money, show_time
from meter_assets.reports.differences import tables as difference_tables
from meter_assets.reports.report.contents import SHOWN, Report, TenantReport
from meter_assets.reports.report.words import meaning
from meter_assets.rules.invariants import Severity

Cell = str | int | Decimal | None
"""Money is a Decimal in currency units; a number of rows is an int."""
MOST_DECISIONS = 200
NO_DIGEST = "-"


@dataclass(frozen=True)
class Table:
    """A table of a report; its name is that of its sheet in a workbook."""

    name: str
    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""


def cell_text(cell: Cell) -> str:
    """Return a cell as text: money and numbers with separators, '-' for nothing."""
    if cell is None:
        return "-"
    if isinstance(cell, Decimal):
        return show_money(cell)
    return f"{cell:,}" if isinstance(cell, int) else visible(cell)


def conclusion(one: TenantReport) -> list[str]:
    """Return the sentences that a person reads first."""
    sentences = [] if one.migrated else [_not_migrated(one)]
    sentences.append(difference_tables.note(one.differences))
    verb, rest = "is" if one.migrated else "would be", cell_text(one.conservation.difference)
    conserved = f"Money {verb} NOT conserved: {rest}." if one.conservation.difference else f"Money {verb} conserved."
    sentences += [conserved.replace("would be NOT", "would NOT be"), _of_checks(one)]
    waiting = counted(one.undecided_payments, "payment")
    sentences.append(f"{waiting} left for review." if one.undecided_payments else "No payment is left for review.")
    return [*sentences, _of_records(one)]


def _not_migrated(one: TenantReport) -> str:
    """Return what the figures of a tenant are whose meters' balances are not migrated."""
    state = "Migrated in part, not the balances of meters" if one.rows_changed else "Not migrated"
    return f"{state}: the amounts are those that a migration would lead to."


def _of_checks(one: TenantReport) -> str:
    """Return how many checks failed, by severity; of a tenant that is not migrated, of its rows as they are."""
    failed = [each.severity for each in one.failed_checks]
    of = f"{counted(len(one.checks), 'check')}{'' if one.migrated else ' of the rows as they are now'}"
    if not failed:
        return f"All {of} passed."
    parts = [f"{failed.count(each):,} with severity {each}" for each in Severity if each in failed]
    return f"Of {of}, {len(failed):,} failed: {', '.join(parts)}."


def _of_records(one: TenantReport) -> str:
    problems = one.verification.problems
    if problems:
        return f"The records do NOT verify: {counted(len(problems), 'problem')}."
    return "The records verify." if one.verification.step_runs else "No step run is recorded."


def summary(report: Report) -> Table:
    """Return a row for each tenant, and their sums."""
    headings = (
        *("tenant", "name", "migrated", "rows changed", "owed before", "meters owe", "difference"),
        *("undecided", "checks failed", "problems", "newest digest"),
    )
    rows: list[tuple[Cell, ...]] = [
        (
            one.tenant,
            one.name,
            "yes" if one.migrated else "no",
            one.rows_changed,
            one.differences.backed_up_net,
            one.differences.meters_net,
            one.differences.difference,
            one.undecided_payments,
            len(one.failed_checks),
            len(one.verification.problems),
            one.verification.digest or NO_DIGEST,
        )
        for one in report.tenants
    ]
    if len(rows) > 1:
        rows.append(("all", "", "", *(_sum(rows, at) for at in range(3, 10)), ""))
    planned = sum(not one.migrated for one in report.tenants)
    is_not = "is not migrated: its" if planned == 1 else "are not migrated: their"
    note = f"{counted(planned, 'tenant')} {is_not} amounts are those that a migration would lead to."
    return Table("Summary", "Tenants", headings, tuple(rows), note if planned else "")


def _sum(rows: Sequence[Sequence[Cell]], at: int) -> Cell:
    numbers = [row[at] for row in rows]
    money = [one for one in numbers if isinstance(one, Decimal)]
    return sum(money, start=Decimal("0.00")) if money else sum(one for one in numbers if isinstance(one, int))


def tables(one: TenantReport, *, compact: bool = False) -> list[Table]:
    """Return the tables of a tenant, in the order in which they are read.

    `compact` ones have the passed checks in a note.
    """
    return [
        _money(one),
        _equation(one),
        _rules(one),
        _causes(one),
        _largest(one),
        _undecided(one),
        _decisions(one),
        _failed_checks(one) if compact else _checks(one),
        _problems(one),
        _runs(one),
        _policy(one),
    ]


def _money(one: TenantReport) -> Table:
    customers = "customers, in the backup" if one.migrated else "customers, before a migration"
    meters = "meters, as the migration left them" if one.migrated else "meters, after a migration"
    rows: tuple[tuple[Cell, ...], ...] = (
        (customers, one.differences.backed_up_net),
        ("meters, before the migration", one.meters.before),
        (meters, one.meters.after),
        ("meters, as stored now", one.meters.now),
    )
    note = "What is owed less what is credited, in currency units."
    return Table("Money", "Money before and after", ("what", "net balance"), rows, note)


def _equation(one: TenantReport) -> Table:
    found = one.conservation
    rows: tuple[tuple[Cell, ...], ...] = (
        ("", "charges of counted invoices", found.charges),
        ("+", "opening balances", found.openings),
        ("-", "counted payments", found.payments),
        ("=", "billed less paid", found.billed_less_paid),
        ("", "balances of meters", found.meters_balance),
        ("-", "overpayments of meters", found.meters_overpayment),
        ("+", "counted invoices without a meter", found.invoices_without_meter),
        ("-", "counted payments without a meter", found.payments_without_meter),
        ("=", "on meters, or without a meter", found.on_meters_or_without),
        ("", "difference of both sums", found.difference),
    )
    note = "Both sums are equal." if not found.difference else "Both sums DIFFER: money was created or lost."
    when = "" if one.migrated else "The amounts after a migration. "
    return Table("Conservation", "Conservation of money", ("", "part", "amount"), rows, when + note)


def _rules(one: TenantReport) -> Table:
    return Table(
        "Rules",
        "What was changed, by rule",
        ("step", "rule", "meaning", "rows", "sum of", "before", "after", "change"),
        tuple(_rows_of_rules(one)),
        "" if one.changes else "Nothing that was changed is in force.",
    )


def _rows_of_rules(one: TenantReport) -> Iterator[tuple[Cell, ...]]:
    for change in one.changes:
        of_all = change.step, change.rule, meaning(change.rule), change.rows
        if change.worth is not None:
            yield (*of_all, "amount (unchanged)", change.worth, change.worth, Decimal("0.00"))
        for name, sums in change.sums.items():
            if change.step == BACKUP:  # which copies money, and changes none
                yield (*of_all, f"{name} (copied)", sums.after, sums.after, Decimal("0.00"))
                continue
            yield (*of_all, name, sums.before, sums.after, sums.after - sums.before)


def _causes(one: TenantReport) -> Table:
    found = one.differences
    rows: list[tuple[Cell, ...]] = [
        (part.cause.value, part.amount, part.customers, part.cause.words) for part in found.by_cause
    ]
    if rows:
        rows.append(("all causes together", found.difference, found.differing, ""))
    headings = ("cause", "amount", "customers", "meaning")
    return Table("Causes", "Causes of differences", headings, tuple(rows), difference_tables.note(found))


def _largest(one: TenantReport) -> Table:
    found = one.differences
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (
            each.kind,
            each.id,
            each.name,
            each.backed_up_net,
            each.meters_net,
            each.difference,
            difference_tables.causes(each),
        )
        for each in found.largest
    )
    more = f"The {SHOWN} largest of {found.differing:,}." if found.differing > len(rows) else ""
    headings = ("kind", "id", "name", "owed before", "meters owe", "difference", "causes")
    return Table("Differences", "Largest differences", headings, rows, more if rows else "No customer differs.")


def _undecided(one: TenantReport) -> Table:
    rows = tuple((each.rule, meaning(each.rule), each.payments, each.amount) for each in one.undecided)
    headings = ("rule or reason", "meaning", "payments", "amount")
    return Table("Review", "Left for review", headings, rows, "" if rows else "No payment is left for review.")


def _decisions(one: TenantReport) -> Table:
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (each.payment_id, each.amount, each.meter or "stays", each.decided_by, show_time(each.decided_at), each.note)
        for each in one.decisions[:MOST_DECISIONS]
    )
    more = f"The newest {MOST_DECISIONS} of {len(one.decisions):,}." if len(one.decisions) > len(rows) else ""
    headings = ("payment", "amount", "meter", "decided by", "at", "note")
    return Table("Decisions", "Who decided", headings, rows, more if rows else "Nobody has decided about a payment.")


def _checks(one: TenantReport) -> Table:
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (
            each.group,
            each.name,
            each.description,
            each.severity,
            "passed" if each.passed else "FAILED",
            each.violations,
            each.example,
        )
        for each in sorted(one.checks, key=lambda each: each.passed)
    )
    headings = ("group", "check", "what must hold", "severity", "result", "violations", "for example")
    return Table("Checks", "Checks" if one.migrated else "Checks of the rows as they are now", headings, rows)


def _failed_checks(one: TenantReport) -> Table:
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (each.name, each.description, each.severity, each.violations, each.example) for each in one.failed_checks
    )
    headings = ("failed check", "what must hold", "severity", "violations", "for example")
    passed = ", ".join(each.name for each in one.checks if each.passed)
    return replace(_checks(one), headings=headings, rows=rows, note=f"Passed: {passed or 'none'}.")


def _problems(one: TenantReport) -> Table:
    found = one.verification
    rows = tuple((problem,) for problem in found.problems)
    note = f"{counted(found.step_runs, 'step run')} recorded; newest digest of the chain: {found.digest or 'none'}."
    return Table("Records", "Records and journals", ("problem",), rows, note)


def _runs(one: TenantReport) -> Table:
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (
            each.run_id,
            show_time(each.started_at),
            show_time(each.finished_at) if each.finished_at else "",
            f"{each.outcome}, rolls back {', '.join(each.undoes)}" if each.undoes else each.outcome,
            "yes" if each.in_force else "no",
            each.rows_changed,
            each.started_by,
            each.executed_by,
            each.database_role,
            each.reason,
            each.software_version,
        )
        for each in one.runs
    )
    headings = (
        *("run", "started", "finished", "outcome", "in force", "rows", "started by", "executed by", "role", "reason"),
        "version",
    )
    return Table("Runs", "Runs", headings, rows, "" if rows else "No run is recorded.")


def _policy(one: TenantReport) -> Table:
    said = "; ".join(one.policy_differences)
    note = f"The configured policy differs: {said}." if said else ""
    rows = tuple((name, value or "none") for name, value in one.policy.items())
    return Table("Policy", "Policy", ("policy", "value"), rows, note)
