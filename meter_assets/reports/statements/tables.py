"""Statements and histories of changes as tables of text and as rows for CSV files.

Add here what several places show of a statement. What a statement contains is in `statement`.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from meter_assets.billing.columns import MONEY_COLUMNS
from meter_assets.billing.policy import Policy
from meter_assets.foreign_text import quoted, shown
from meter_assets.formatting import SHORT_RUN_ID, counted, show_money, show_time
from meter_assets.reports.statements.change_history import JournaledChange
from meter_assets.reports.statements.explain import Explained, ExplainedCustomer
from meter_assets.reports.statements.payments_without_meter import PaymentWithoutMeter
from meter_assets.reports.statements.statement import Entry, Kind, Statement
from meter_assets.reports.tables import Grid

STATEMENT_PATH = "/meter-assets/statement"
"""Where the web server of the UI shows statements."""
ENTRY_COLUMNS = (
    *("meter_id", "meter_number", "on_day", "kind", "row_id", "invoice_number", "customer_id", "status", "amount"),
    *("counted", "balance", "rule", "why"),
)
CHANGE_COLUMNS = (
    *("started_at", "run_id", "step", "is_rollback", "table", "row_id", "rule", "column", "before", "after"),
    *("started_by", "reason", "policy", "software_version", "decided_by", "note"),
)


def title(statement: Statement) -> str:
    """Return which meter a statement is of."""
    state = "deleted" if statement.is_deleted else f"status {quoted(statement.meter_status)}"
    return f"Meter {shown(statement.meter_id)}, number {quoted(statement.meter_number)}, {state}"


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
    billed = f"Billed {show_money(statement.billed)} less paid {show_money(statement.paid)}: {owes(statement.net)}"
    if statement.as_of is not None:
        return f"{billed} at the end of {statement.as_of.isoformat()}."
    stored = f"balance {show_money(statement.stored_balance)}, overpayment {show_money(statement.stored_overpayment)}"
    if statement.agrees:
        return f"{billed}. The stored balance is the same: {stored}."
    if statement.is_deleted:
        return f"{billed}. The meter is deleted, so its stored balance is not recomputed: {stored}."
    if not statement.migrated:
        return f"{billed}. Stored: {stored}. The tenant's meter balances are not migrated yet, so they may differ."
    if statement.policy_differences:
        return (
            f"{billed}. The stored balance DIFFERS: {stored}. The tenant was migrated with another policy or mapping "
            f"({'; '.join(statement.policy_differences)}): run this with the configuration file of "
            "that policy."
        )
    return (
        f"{billed}. The stored balance DIFFERS: {stored}. Rows were changed since the migration, or another program "
        "wrote the balance: --history shows the journaled changes; migrate-customer-balances-to-meters recomputes it."
    )


def owes(net: Decimal) -> str:
    """Return a net (currency units) in words: what is owed, or the credit."""
    if net.is_finite() and net < 0:
        return f"a credit of {show_money(-net)}"
    return f"{show_money(net)} owed"


def changes(history: Sequence[JournaledChange]) -> Grid:
    """Return the journaled changes, one row for each changed value."""
    rows = []
    for one in history:
        what = f"{'rollback of ' if one.is_rollback else ''}{one.step}"
        for value in one.values:
            is_money = value.column in MONEY_COLUMNS.get(one.table, ())
            sides = (_side(side, is_money=is_money) for side in (value.before, value.after))
            run = one.run_id[:SHORT_RUN_ID]
            rows.append(
                (show_time(one.started_at), run, what, f"{one.table} {one.row_id}", _rule(one), value.column, *sides)
            )
    headings = ("when", "run", "step", "row", "rule", "column", "before", "after")
    note = "" if rows else "No journaled change: neither the meter, nor its invoices or payments."
    return Grid("Journaled changes, oldest first", headings, tuple(rows), note)


def _side(value: str | None, *, is_money: bool) -> str:
    if value is None:
        return "-"
    return show_money(Decimal(value)) if is_money else value


def _rule(change: JournaledChange) -> str:
    """Return the rule of a change; of a decision also who decided, and the note."""
    if change.decided_by is None:
        return change.rule
    note = "" if change.note is None else f": {quoted(change.note)}"
    return f"{change.rule} of {quoted(change.decided_by)}{note}"


def runs(history: Sequence[JournaledChange]) -> Grid:
    """Return the runs of journaled changes: who started each, why, and with which policy."""
    found = {one.run_id: one for one in history}
    rows = tuple(
        (
            run_id[:SHORT_RUN_ID],
            "-" if one.started_by is None else shown(one.started_by),
            "-" if one.reason is None else shown(one.reason),
            _policy(one.policy),
            one.software_version,
        )
        for run_id, one in found.items()
    )
    return Grid("Runs of these changes", ("run", "started by", "reason", "policy", "version"), rows)


def _policy(recorded: Mapping[str, Any]) -> str:
    """Return in what a recorded policy is another one than the default."""
    usual = Policy().model_dump(mode="json")
    others = (f"{name} = {shown(value)}" for name, value in recorded.items() if name in usual and value != usual[name])
    return "; ".join(others) or "the default"


def without_meter(rows: Sequence[PaymentWithoutMeter]) -> Grid:
    """Return payments that are on no meter."""
    cells = tuple(
        (
            one.payment_id,
            "-" if one.on_day is None else one.on_day.isoformat(),
            show_money(one.amount) if one.is_counted else f"({show_money(one.amount)})",
            one.status or "-",
            one.reason if one.meter_id is None else f"not yet on meter {one.meter_id}: {one.reason}",
        )
        for one in rows
    )
    coming = [one for one in rows if one.meter_id is not None]
    note = f"The next run of backfill-payment-meter-ids gives {counted(len(coming), 'payment')} a meter."
    headings = ("payment", "date", "amount", "status", "why")
    return Grid("Payments without a meter", headings, cells, note if coming else "", of_records=True)


def customer_conclusion(found: ExplainedCustomer) -> str:
    """Return what the meters of a customer owe together, and what the customer owed in the backup."""
    sentences = ["The customer is deleted."] if found.is_deleted else []
    if not found.meters:
        sentences.append("No meter is or was assigned to the customer.")
    else:
        until = "" if (on := found.meters[0].statement.as_of) is None else f" at the end of {on.isoformat()}"
        sentences.append(f"The customer's meters together: {owes(found.net)}{until}.")
    others = [one.statement for one in found.meters if one.statement.meter_id not in found.own_meter_ids]
    if others:
        listed = ", ".join(f"{shown(one.meter_id)} ({owes(one.net)})" for one in others)
        sentences.append(f"Left out, since they are not the customer's now: meter {listed}.")
    if found.backed_up_net is None:
        sentences.append("There is no backup of the customer's balance.")
    else:
        sentences.append(f"The customer's balance in the backup: {owes(found.backed_up_net)}.")
    return " ".join(sentences)


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
            values = change.model_dump(exclude={"values"}) | {"policy": json.dumps(change.policy)}
            for value in change.values:
                row = {**values, **value.model_dump()}
                yield [row[name] for name in CHANGE_COLUMNS]
