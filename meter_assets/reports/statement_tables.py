"""Statements and histories of changes as tables of text and as rows for CSV files.

Add here what several places show of a statement. What a statement contains is in `statement`.
"""

from collections.abc import Iterable, Iterator, Sequence

from meter_assets.foreign_text import quoted, shown
from meter_assets.formatting import SHORT_RUN_ID, show_money, show_time
from meter_assets.reports.change_history import JournaledChange
from meter_assets.reports.explain import Explained, ExplainedCustomer, Unresolved
from meter_assets.reports.statement import Entry, Kind, Statement
from meter_assets.reports.tables import Grid

STATEMENT_PATH = "/meter-assets/statement"
"""Where the web server of the UI shows statements."""
ENTRY_COLUMNS = (
    *("meter_id", "meter_number", "on_day", "kind", "row_id", "invoice_number", "customer_id", "status", "amount"),
    *("counted", "balance", "rule", "why"),
)
CHANGE_COLUMNS = (
    *("started_at", "run_id", "step", "is_rollback", "table", "row_id", "rule", "column", "before", "after"),
    *("started_by", "reason", "software_version"),
)


def title(statement: Statement) -> str:
    """Return which meter a statement is of."""
    state = "deleted" if statement.is_deleted else f"status {quoted(statement.meter_status)}"
    return f"Meter {statement.meter_id}, number {quoted(statement.meter_number)}, {state}"


def entries(statement: Statement) -> Grid:
    """Return the entries of a statement."""
    rows = tuple(
        (
            "-" if one.on_day is None else one.on_day.isoformat(),
            f"{one.kind} {one.row_id}" if one.kind is Kind.payment else f"{one.kind} {_invoice(one)}",
            show_money(one.amount) if one.counted else f"({show_money(one.amount)})",
            show_money(one.balance),
            one.in_words,
        )
        for one in statement.entries
    )
    return Grid("", ("date", "what", "amount", "balance", "why"), rows)


def _invoice(one: Entry) -> str:
    return one.row_id if one.invoice_number is None else shown(one.invoice_number)


def conclusion(statement: Statement) -> str:
    """Return what a meter owes, and whether its stored balance says the same."""
    billed = f"Billed {show_money(statement.billed)} less paid {show_money(statement.paid)}: {owes(statement)}"
    if statement.as_of is not None:
        return f"{billed} at the end of {statement.as_of.isoformat()}."
    stored = f"balance {show_money(statement.stored_balance)}, overpayment {show_money(statement.stored_overpayment)}"
    if statement.agrees:
        return f"{billed}. The stored balance is the same: {stored}."
    if statement.is_deleted:
        return f"{billed}. The meter is deleted, so its stored balance is not recomputed: {stored}."
    if not statement.migrated:
        return f"{billed}. Stored: {stored}. The tenant's meter balances are not migrated yet, so they may differ."
    return (
        f"{billed}. The stored balance DIFFERS: {stored}. Rows were changed since the migration, or another program "
        "wrote the balance: --history shows the journaled changes; migrate-customer-balances-to-meters recomputes it."
    )


def owes(statement: Statement) -> str:
    """Return the net of a meter in words: what it owes, or its credit."""
    if statement.net.is_finite() and statement.net < 0:
        return f"a credit of {show_money(-statement.net)}"
    return f"{show_money(statement.net)} owed"


def changes(history: Sequence[JournaledChange]) -> Grid:
    """Return the journaled changes, one row for each changed value."""
    rows = []
    for one in history:
        what = f"{'rollback of ' if one.is_rollback else ''}{one.step}"
        for value in one.values:
            sides = ("-" if side is None else side for side in (value.before, value.after))
            run = one.run_id[:SHORT_RUN_ID]
            rows.append(
                (show_time(one.started_at), run, what, f"{one.table} {one.row_id}", one.rule, value.column, *sides)
            )
    headings = ("when", "run", "step", "row", "rule", "column", "before", "after")
    note = "" if rows else "No journaled change: neither the meter, nor its invoices or payments."
    return Grid("Journaled changes, oldest first", headings, tuple(rows), note)


def without_meter(rows: Sequence[Unresolved]) -> Grid:
    """Return the payments of a customer that are on no meter."""
    cells = tuple(
        (
            one.payment_id,
            "-" if one.on_day is None else one.on_day.isoformat(),
            show_money(one.amount),
            one.status or "-",
            one.reason,
        )
        for one in rows
    )
    return Grid("Payments without a meter", ("payment", "date", "amount", "status", "why"), cells)


def customer_conclusion(found: ExplainedCustomer) -> str:
    """Return what the meters of a customer owe together, and what the customer owed in the backup."""
    net = sum((one.statement.net for one in found.meters), start=type(found.meters[0].statement.net)(0))
    together = f"All meters that are or were assigned to the customer together: {show_money(net)}."
    if found.backed_up_net is None:
        return f"{together} There is no backup of the customer's balance."
    return f"{together} The customer's balance in the backup: {show_money(found.backed_up_net)}."


def entry_rows(explained: Iterable[Explained]) -> Iterator[Sequence[object]]:
    """Yield the entries of statements as rows for a CSV file, after the headings."""
    yield ENTRY_COLUMNS
    for one in explained:
        for entry in one.statement.entries:
            values = {**entry.model_dump(), "meter_id": one.statement.meter_id}
            values["meter_number"] = one.statement.meter_number
            yield [values[name] for name in ENTRY_COLUMNS]


def change_rows(explained: Iterable[Explained]) -> Iterator[Sequence[object]]:
    """Yield the journaled changes as rows for a CSV file, after the headings."""
    yield CHANGE_COLUMNS
    for one in explained:
        for change in one.history or ():
            values = change.model_dump(exclude={"values"})
            for value in change.values:
                row = {**values, **value.model_dump()}
                yield [row[name] for name in CHANGE_COLUMNS]
