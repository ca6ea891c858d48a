"""The statement of a meter: its money in date order, from the opening balance to the balance that it must equal.

The running balance is added up here, in Python, from single rows; so it also verifies the sums that steps compute in
SQL. Add here what a statement says of a row. The rows are read in `reading`; tables of a statement are in
`tables`, the history of changes in `change_history`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from enum import StrEnum
from itertools import islice
from typing import Any

from pydantic import BaseModel, computed_field
from sqlalchemy import select

from meter_assets.billing.own_tables import OF_DECISION, RUNS
from meter_assets.billing.payment_rules import (
    DECISION,
    FIRST_ACTIVE_METER,
    FIRST_ASSIGNED_METER,
    INVOICE,
    PAYMENT_METER_IDS,
    SOLE_ACTIVE_METER,
)
from meter_assets.billing.policy import BalanceBasis
from meter_assets.billing.relations import BillingRelations
from meter_assets.billing.step_runs import tenants_with
from meter_assets.foreign_text import Shown, quoted
from meter_assets.formatting import in_utc, show_money
from meter_assets.migration.database import Tenant
from meter_assets.migration.recorded_policy import differences_from_recorded
from meter_assets.migration.snapshot import Snapshot
from meter_assets.migration.step_report import Money
from meter_assets.reports.statements import reading
from meter_assets.reports.statements.reading import Row

_NOTHING = Decimal(0)
_HOW = {
    DECISION: "{who}",
    INVOICE: "it pays {number}, an invoice of this meter",
    SOLE_ACTIVE_METER: "the only active meter of customer {customer}",
    FIRST_ACTIVE_METER: "the first of several active meters of customer {customer}; {who}",
    FIRST_ASSIGNED_METER: "the first meter ever assigned to customer {customer}, who has no active one; {who}",
}
"""What a rule says of a payment."""
WHO = "who"
"""The key of a payment's row for who decided about its meter, in words."""
NAMED_ITSELF = "the row itself names this meter"
DELETED = "not counted: deleted"
BROUGHT_FORWARD = "brought forward"


class Kind(StrEnum):
    """What an entry of a statement is."""

    opening_balance = "opening balance"
    invoice = "invoice"
    payment = "payment"


class Charge(BaseModel):
    """The charges of one bill type on an invoice (currency units)."""

    bill_type: Shown | None
    amount: Money


class Entry(BaseModel):
    """One line of a statement. Money is in currency units; what increases the debt is positive."""

    on_day: date | None
    kind: Kind
    row_id: str
    """The id of the invoice or payment."""
    invoice_number: Shown | None
    """The number of the invoice, or of the invoice that the payment names."""
    customer_id: str | None
    status: Shown | None
    amount: Money
    """What it adds to the balance, or would add if it counted."""
    counted: bool
    balance: Money
    """The running balance after it."""
    rule: str | None = None
    """The rule by which the migration assigned the meter to a payment; None if it did not."""
    why: Shown
    """How the row came to this meter, or why it is not counted."""
    charges: list[Charge] = []
    """Of an invoice: the sums of its lines by bill type; brought-forward debt only if invoice totals are added up."""

    @property
    def in_words(self) -> str:
        """What a person should know of the row: why it is here and, of an invoice, what is charged."""
        charged = " + ".join(f"{one.bill_type or 'no bill'} {show_money(one.amount)}" for one in self.charges)
        if not charged:
            return self.why
        return f"{charged}; {self.why}" if not self.counted else charged


def two_sided(net: Decimal) -> tuple[Decimal, Decimal]:
    """Return a net as balance and overpayment (currency units); NaN, an error of its own, is both."""
    return (max(net, _NOTHING), max(-net, _NOTHING)) if net.is_finite() else (net, net)


class Statement(BaseModel):
    """One meter's money, in the order in which its ledger adds it up. Money is in currency units."""

    tenant: str
    meter_id: str
    meter_number: Shown
    meter_status: Shown | None
    is_deleted: bool
    customers: list[Shown]
    """The customers to whom it is assigned, each with its id; the active ones first."""
    balance_basis: str
    as_of: date | None
    """The last day that it includes; None if it includes all rows."""
    migrated: bool
    """Whether meters' balances of the tenant were migrated, and not rolled back since."""
    entries: list[Entry]
    billed: Money
    paid: Money
    stored_balance: Money | None
    stored_overpayment: Money | None
    policy_differences: list[str] = []
    """In what the policy is another one than the tenant was migrated with, as "name: recorded -> given"."""

    @computed_field  # type: ignore[prop-decorator]
    @property
    def net(self) -> Money:
        """The last running balance: what is owed; negative for a credit."""
        return self.billed - self.paid

    @computed_field  # type: ignore[prop-decorator]
    @property
    def agrees(self) -> bool | None:
        """Whether the stored balance and overpayment equal the last running balance; None for an earlier day."""
        if self.as_of is not None:
            return None
        return (self.stored_balance, self.stored_overpayment) == two_sided(self.net)


def statements(
    snapshot: Snapshot,
    tenant: Tenant,
    meter_ids: Iterable[Any] | None = None,
    *,
    as_of: date | None = None,
    with_charges: bool = True,
    planned: BillingRelations | None = None,
) -> Iterator[Statement]:
    """Yield the statements of a tenant's meters (default: all that are not deleted), in the order of the ids.

    With `as_of`, rows after that day are left out, and so are invoices without a date; payments without any date count
    from the beginning, as in the ledger. `with_charges` reads the lines of the invoices, which takes most of the time.
    `planned` are the tenant's rows as they would be after a migration: the statements are then of these rows, and of
    the deleted ones as they are stored.
    """
    stored = snapshot.relations(tenant.id)
    relations = planned or stored
    every = snapshot.relations(tenant.id, deleted_too=True)
    connection = snapshot.connection
    if meter_ids is None:
        meter_ids = connection.scalars(select(relations.meters.c.id).order_by(relations.meters.c.id)).all()
    migrated, decisions = _is_migrated(snapshot, tenant), reading.decisions(snapshot, tenant.id)
    others = differences_from_recorded(connection, snapshot.schema, tenant.id, snapshot.policy) if migrated else []
    remaining = iter(meter_ids)
    while some := list(islice(remaining, reading.METERS_AT_A_TIME)):
        invoices = reading.invoices_by_meter(snapshot, some, stored, every, planned)
        payments = reading.payments_by_meter(snapshot, some, stored, every, planned)
        ids = [one["id"] for rows in invoices.values() for one in rows] if with_charges else []
        charges = reading.charges(snapshot, stored, ids)
        assigned = reading.assigned_customers(snapshot, stored, some)
        for meter in reading.meters(snapshot, stored, every, some):
            paid = [{**one, WHO: _who(one, decisions.get(one["id"], ()))} for one in payments.get(meter["id"], ())]
            found = _entries(relations, invoices.get(meter["id"], ()), paid, charges, as_of)
            entries = list(_running(found))
            yield Statement(
                tenant=tenant.key,
                meter_id=str(meter["id"]),
                meter_number=meter["meter_number"],
                meter_status=meter["status"],
                is_deleted=meter["live_id"] is None,
                customers=assigned[meter["id"]],
                balance_basis=snapshot.policy.balance_basis.value,
                as_of=as_of,
                migrated=migrated,
                entries=entries,
                billed=sum((one.amount for one in entries if one.counted and one.kind != Kind.payment), _NOTHING),
                paid=-sum((one.amount for one in entries if one.counted and one.kind == Kind.payment), _NOTHING),
                stored_balance=meter["balance"],
                stored_overpayment=meter["overpayment"],
                policy_differences=others,
            )


def _is_migrated(snapshot: Snapshot, tenant: Tenant) -> bool:
    if RUNS not in snapshot.schema.own_tables_present:
        return False
    done = tenants_with(snapshot.schema, "meter_balances").subquery("migrated")
    found = select(done.c.tenant_id).where(done.c.tenant_id == tenant.id)
    return snapshot.connection.scalar(found) is not None


def _entries(
    relations: BillingRelations,
    invoices: Sequence[Row],
    payments: Sequence[Row],
    charges: Mapping[Any, list[tuple[str | None, Decimal]]],
    as_of: date | None,
) -> list[Entry]:
    """Return the entries in the order of the ledger, which the invoices have, each with the running balance 0."""
    by_totals = relations.policy.balance_basis is BalanceBasis.invoice_totals
    found: list[tuple[Any, Entry]] = []
    is_first = not by_totals
    for place, row in enumerate(invoices):
        if as_of is not None and (row["on_day"] is None or row["on_day"] > as_of):
            continue
        at = (int(row["on_day"] is None), row["on_day"] or date.min, 0, place)
        counted = bool(row["is_live"] and row["is_counted"])
        opening = row["balance_brought_forward"] or _NOTHING
        if counted and is_first:
            is_first = False
            if opening:
                why = "brought forward by the earliest invoice that counts: debt from before the records"
                found.append(((*at, 0), _entry(row, Kind.opening_balance, opening, counted, why)))
        amount = row["total_amount" if by_totals else "amount"] or _NOTHING
        why = NAMED_ITSELF if counted else _why_uncounted(row)
        entry = _entry(row, Kind.invoice, amount, counted, why)
        parts = [Charge(bill_type=kind, amount=money) for kind, money in charges.get(row["id"], ())]
        if by_totals and opening:
            parts.append(Charge(bill_type=BROUGHT_FORWARD, amount=opening))
        found.append(((*at, 1), entry.model_copy(update={"charges": parts})))
    for row in payments:
        if as_of is not None and row["on_day"] is not None and row["on_day"] > as_of:
            continue
        at = (-1 if row["on_day"] is None else 0, row["on_day"] or date.min, 1, 0)
        counted = bool(row["is_live"] and row["is_counted"])
        why = _how(row) if counted else _why_uncounted(row)
        entry = _entry(row, Kind.payment, -(row["amount"] or _NOTHING), counted, why)
        found.append(((*at, 0), entry.model_copy(update={"rule": row["rule"]})))
    return [entry for _, entry in sorted(found, key=lambda one: one[0])]


def _entry(row: Row, kind: Kind, amount: Decimal, counted: bool, why: str) -> Entry:
    return Entry(
        on_day=row["on_day"],
        kind=kind,
        row_id=str(row["id"]),
        invoice_number=row["invoice_number"] if row["invoice_number"] is not None else None,
        customer_id=None if row["customer_id"] is None else str(row["customer_id"]),
        status=row["status"],
        amount=amount,
        counted=counted,
        balance=_NOTHING,
        why=why,
    )


def _running(entries: Iterable[Entry]) -> Iterator[Entry]:
    balance = _NOTHING
    for one in entries:
        balance += one.amount if one.counted else _NOTHING
        yield one.model_copy(update={"balance": balance})


def _why_uncounted(row: Row) -> str:
    return DELETED if not row["is_live"] else f"not counted: status {quoted(row['status'])}"


def _how(row: Row) -> str:
    """Return how a payment came to its meter."""
    if row["rule"] is None:
        return NAMED_ITSELF
    how = _HOW.get(row["rule"], str(row["rule"])).format(
        number=quoted(row["invoice_number"]), customer=quoted(row["customer_id"]), who=row[WHO]
    )
    if row["assigned_meter_id"] != row["meter_id"]:
        return f"another program has moved it here: {PAYMENT_METER_IDS} had assigned meter {row['assigned_meter_id']}"
    return f"{row['rule']}: {how}"


def _who(payment: Row, made: Sequence[Row]) -> str:
    """Return who decided that a payment is on its meter, given all decisions about it, the newest last.

    A decision that a run has carried out is read from the journal, which is sealed, and not from these. A newer one
    comes after it.
    """
    carried_out = payment["decision_seen"]
    if carried_out is not None:
        said = [_said({of: payment[name] for name, of in OF_DECISION.items()}, "decided so")]
        return "; ".join([*said, *(_of_newest(payment, made) for one in made[-1:] if one["number"] > carried_out)])
    if payment["rule"] == DECISION:
        one = next((one for one in reversed(made) if one["meter_id"] == payment["meter_id"]), None)
        return "a person decided so" if one is None else _said(one, "decided so")
    return _of_newest(payment, made) if made else "for review"


def _of_newest(payment: Row, made: Sequence[Row]) -> str:
    newest = made[-1]["meter_id"]
    left = newest in (None, payment["meter_id"])
    return _said(made[-1], "left it there" if left else f"decided on meter {quoted(newest)}")


def _said(decision: Row, what: str) -> str:
    note = f": {quoted(decision['note'])}" if decision["note"] else ""
    return f"{quoted(decision['decided_by'])} {what} on {in_utc(decision['decided_at']):%Y-%m-%d}{note}"
