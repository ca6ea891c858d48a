"""Reads what a review needs of one tenant: the payments that wait for a person, and their customers' meters.

Add here a further column that a person needs to decide. Suggestions are computed in `meter_suggestions`.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Connection, FromClause, Select, String, and_, case, func, or_, select, type_coerce

from meter_assets.billing.change import UNRESOLVED
from meter_assets.billing.conditions import as_text, is_active
from meter_assets.billing.constructs import day, is_date
from meter_assets.billing.ledger import recomputed
from meter_assets.billing.money import ExactMoney, exact, or_zero
from meter_assets.billing.payment_rules import FOR_REVIEW, PAYMENT_METER_IDS
from meter_assets.billing.relations import BillingRelations
from meter_assets.reports.review.meter_suggestions import Account, Invoice, Paid
from meter_assets.rules.invariants import named
from meter_assets.rules.steps import STEPS

_AT_A_TIME = 500
"""How many values a condition of a statement lists."""
_FEW_METERS = 2_000
"""For more meters, those of the whole tenant are read at once."""


@dataclass(frozen=True)
class Waiting:
    """A payment that waits for a person."""

    payment_id: Any
    amount: Decimal | None
    """In currency units."""
    day: date | None
    status: str | None
    customer_id: Any
    customer_name: str | None
    invoice_id: Any
    meter_id: Any
    meter_number: str | None
    rule: str
    """The rule that gave it its meter, or would; or the reason why none did."""


@dataclass(frozen=True)
class Assigned:
    """A meter of a customer, and whether it is still assigned."""

    meter_id: Any
    is_active: bool


@dataclass(frozen=True)
class MeterState:
    """What a person knows of a meter: its number, its balance (currency units), and when it was last used."""

    number: str | None
    balance: Decimal
    """What is owed; negative for a credit."""
    last_activity: date | None


def waiting_payments(connection: Connection, relations: BillingRelations) -> list[Waiting]:
    """Return the undecided payments that a rule for review has assigned, or would, and the unresolved ones."""
    (needs_review,) = named("no_payment_meter_needs_review")
    found = needs_review.violations(relations).subquery("found")
    outcome = STEPS[PAYMENT_METER_IDS].compute(relations).outcomes.subquery("outcome")
    payment, customer, meter = relations.payments, relations.customers, relations.meters
    rule = func.coalesce(found.c.rule, outcome.c.label, type_=String(64)).label("rule")
    statement = (
        select(
            payment.c.id,
            exact(payment.c.amount).label("amount"),
            _day(payment.c.paid_at).label("day"),
            payment.c.status,
            payment.c.customer_id,
            customer.c.name,
            payment.c.invoice_id,
            payment.c.meter_id,
            meter.c.meter_number,
            rule,
        )
        .select_from(found)
        .join(payment, and_(payment.c.id == found.c.payment_id, payment.c.tenant_id == found.c.tenant_id))
        .outerjoin(outcome, and_(outcome.c.id == payment.c.id, outcome.c.tenant_id == payment.c.tenant_id))
        .outerjoin(customer, and_(customer.c.id == payment.c.customer_id, customer.c.tenant_id == payment.c.tenant_id))
        .outerjoin(meter, and_(meter.c.id == payment.c.meter_id, meter.c.tenant_id == payment.c.tenant_id))
        .where(
            or_(
                found.c.rule.is_not(None),
                outcome.c.outcome == UNRESOLVED,
                outcome.c.label.in_(sorted(FOR_REVIEW)),
            )
        )
        .order_by(payment.c.id)
    )
    return [Waiting(*row) for row in connection.execute(statement)]


def assigned_meters(connection: Connection, relations: BillingRelations) -> Mapping[Any, list[Assigned]]:
    """Return the meters of each customer, in the order in which they were assigned; ended assignments too."""
    made = relations.assignments_that_count()
    found: dict[Any, dict[Any, bool]] = defaultdict(dict)
    in_order = select(made.c.customer_id, made.c.meter_id, is_active(made)).order_by(made.c.id)
    for customer_id, meter_id, is_on in connection.execute(in_order):
        meters = found[customer_id]
        meters[meter_id] = meters.get(meter_id, False) or bool(is_on)
    return {customer: [Assigned(*one) for one in meters.items()] for customer, meters in found.items()}


def meter_states(connection: Connection, relations: BillingRelations, wanted: Iterable[Any]) -> dict[Any, MeterState]:
    """Return the states of these meters, with balances as the migration computes them."""
    ids = list(dict.fromkeys(wanted))
    meter, payment = recomputed(relations), relations.counted_payments()
    balance = or_zero(meter.c.new_balance) - or_zero(meter.c.new_overpayment)
    balances = select(
        meter.c.id,
        as_text(meter.c.meter_number),
        type_coerce(balance, ExactMoney()),
        _day(meter.c.latest),
    )
    last = func.max(_day(payment.c.paid_at))
    of_meter = payment.c.tenant_id, payment.c.meter_id
    payments = select(payment.c.meter_id, last).where(payment.c.meter_id.is_not(None)).group_by(*of_meter)
    paid = dict(_of_ids(connection, payments, payment.c.meter_id, ids))
    return {
        row[0]: MeterState(row[1], row[2], max(filter(None, (row[3], paid.get(row[0]))), default=None))
        for row in _of_ids(connection, balances, meter.c.id, ids)
    }


def accounts_of(
    connection: Connection, relations: BillingRelations, meters: Mapping[Any, Sequence[Assigned]], wanted: Iterable[Any]
) -> dict[Any, Account]:
    """Return the accounts of these customers: the invoices of their meters, and their payments."""
    found = {customer: Account({one.meter_id: [] for one in meters[customer]}) for customer in wanted}
    bill, payment = relations.counted_invoices(), relations.counted_payments()
    billed = select(
        bill.c.customer_id, bill.c.meter_id, _day(bill.c.invoice_date), exact(bill.c.total_amount), exact(bill.c.amount)
    )
    for customer_id, meter_id, at, total, charges in _of_ids(connection, billed, bill.c.customer_id, list(found)):
        if meter_id in found[customer_id].meters:
            found[customer_id].meters[meter_id].append(Invoice(at, total or Decimal(0), charges or Decimal(0)))
    known, joined = _with_meter_of_invoice(relations, payment)
    amounts = select(payment.c.customer_id, payment.c.id, exact(payment.c.amount), _day(payment.c.paid_at), known)
    made = amounts.select_from(joined)
    for customer_id, payment_id, amount, at, meter_id in _of_ids(connection, made, payment.c.customer_id, list(found)):
        found[customer_id].payments.append(Paid(payment_id, amount or Decimal(0), at, meter_id))
    return found


def _with_meter_of_invoice(relations: BillingRelations, payment: FromClause) -> tuple[ColumnElement[Any], FromClause]:
    """Return the meter that a payment's invoice names, and the payments joined with it."""
    invoice, meter = relations.invoices, relations.meters
    joined = payment.outerjoin(
        invoice, and_(invoice.c.id == payment.c.invoice_id, invoice.c.tenant_id == payment.c.tenant_id)
    ).outerjoin(meter, and_(meter.c.id == invoice.c.meter_id, meter.c.tenant_id == invoice.c.tenant_id))
    return meter.c.id, joined


def _day(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return the day of a date or a point in time; null for a value that is none."""
    return case((is_date(column), day(column)))


def _of_ids(
    connection: Connection, statement: Select[Any], column: ColumnElement[Any], ids: Sequence[Any]
) -> Iterator[Any]:
    """Yield the rows of a statement in which a column has one of these values."""
    if len(ids) > _FEW_METERS:
        wanted = set(ids)
        at = next(at for at, one in enumerate(statement.selected_columns) if one is column)
        yield from (row for row in connection.execute(statement) if row[at] in wanted)
        return
    for first in range(0, len(ids), _AT_A_TIME):
        yield from connection.execute(statement.where(column.in_(ids[first : first + _AT_A_TIME])))
