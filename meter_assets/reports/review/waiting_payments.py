"""The payments of a tenant that wait for a person: with the meters they may be for, and a suggestion.

Add here what a person sees of such a payment. The rows are read in `rows`, suggestions computed in
`meter_suggestions`, files written in `file`; decisions are recorded in `migration.decisions`.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import ROUND_DOWN, Decimal
from typing import Any

from pydantic import BaseModel

from meter_assets.billing.policy import Policy
from meter_assets.foreign_text import Shown
from meter_assets.migration.database import BillingDatabase, Tenant
from meter_assets.migration.snapshot import tried_again
from meter_assets.migration.step_report import Money
from meter_assets.migration.temporary_tables import READ_OFTEN, materialized
from meter_assets.reports.review.meter_suggestions import Account, Learned, Paid, Suggestion, learn
from meter_assets.reports.review.rows import (
    Assigned,
    MeterState,
    Waiting,
    accounts_of,
    assigned_meters,
    meter_states,
    waiting_payments,
)

MOST_WITH_SEVERAL, MOST_WITH_ONE = 2_000, 500
"""From how many customers with several meters, and with one, a tenant's reasons are learned."""


class CandidateMeter(BaseModel):
    """A meter that a payment may be for."""

    meter_id: str
    meter_number: Shown
    balance: Money
    """What it owes in currency units; negative for a credit."""
    last_activity: date | None
    """The date of its newest counted invoice or payment."""
    is_active: bool
    """Whether it is still assigned to the customer."""


class SuggestedMeter(BaseModel):
    """The meter that a payment is probably for."""

    meter_id: str
    meter_number: Shown
    reason: str
    confidence: Decimal
    """The measured precision of the reason, between 0 and 1."""
    right: int
    measured: int
    """In how many of these payments, whose meter was known and hidden, the reason named the right one."""


class ReviewItem(BaseModel):
    """A payment that waits for a person's decision."""

    tenant: str
    payment_id: str
    amount: Money | None
    paid_on: date | None
    status: Shown
    customer_id: str
    customer_name: Shown
    invoice_id: str
    meter_id: str
    """The meter that it has now, or an empty text."""
    meter_number: Shown
    rule: str
    """The rule that gave it this meter, or would give it one; or the reason why no rule does."""
    candidates: list[CandidateMeter]
    suggestion: SuggestedMeter | None


class Review(BaseModel):
    """The payments of one tenant that wait for a person, and from how many known ones the suggestions are learned."""

    tenant: str
    name: Shown
    items: list[ReviewItem]
    hidden: int = 0
    """How many payments of customers with several meters had their known meter hidden, to measure the reasons."""
    suggested: int = 0
    right: int = 0
    """About how many of them the trusted reasons said something, and how often this was right."""


@tried_again
def review(database: BillingDatabase, tenant: Tenant, policy: Policy) -> Review:
    """Return the payments of a tenant that wait for a person. Writes nothing.

    Before the first migration, these are the payments that its preview has for review or unresolved. Raises what
    `BillingDatabase.snapshot` and `schema` raise.
    """
    with database.read(policy) as snapshot:
        connection = snapshot.connection
        relations = materialized(snapshot.relations(tenant.id), snapshot.tables, *READ_OFTEN)
        waiting = waiting_payments(connection, relations)
        if not waiting:
            return Review(tenant=tenant.key, name=tenant.name, items=[])
        meters = assigned_meters(connection, relations)
        customers = list(dict.fromkeys(one.customer_id for one in waiting if one.customer_id in meters))
        several, single = _learned_from(meters)
        accounts = accounts_of(connection, relations, meters, dict.fromkeys((*customers, *several, *single)))
        named = [one.meter_id for customer in customers for one in meters[customer]]
        states = meter_states(connection, relations, named)
    learned = learn([accounts[one] for one in several], [accounts[one] for one in single])
    items = [_item(tenant, one, meters, accounts, states, learned) for one in waiting]
    together = learned.together
    return Review(
        tenant=tenant.key,
        name=tenant.name,
        items=items,
        hidden=learned.hidden,
        suggested=together.of,
        right=together.right,
    )


def _learned_from(meters: Mapping[Any, Sequence[Assigned]]) -> tuple[list[Any], list[Any]]:
    """Return customers with several meters and with one, from whose payments the reasons are learned."""
    several = [customer for customer, found in meters.items() if len(found) > 1]
    single = [customer for customer, found in meters.items() if len(found) == 1]
    return _spread(several, MOST_WITH_SEVERAL), _spread(single, MOST_WITH_ONE)


def _spread(values: Sequence[Any], most: int) -> list[Any]:
    """Return values from the whole of a sequence, at most so many."""
    return list(values[:: max(1, -(-len(values) // most))])


def _item(
    tenant: Tenant,
    one: Waiting,
    meters: Mapping[Any, Sequence[Assigned]],
    accounts: Mapping[Any, Account],
    states: Mapping[Any, MeterState],
    learned: Learned,
) -> ReviewItem:
    candidates = [each for each in meters.get(one.customer_id, ()) if each.meter_id in states]
    suggestion = None
    if one.amount is not None and one.customer_id in accounts:
        paid = Paid(one.payment_id, one.amount, one.day)
        suggestion = learned.suggest(accounts[one.customer_id], paid)
    return ReviewItem(
        tenant=tenant.key,
        payment_id=str(one.payment_id),
        amount=one.amount,
        paid_on=one.day,
        status=one.status or "",
        customer_id=_text(one.customer_id),
        customer_name=one.customer_name or "",
        invoice_id=_text(one.invoice_id),
        meter_id=_text(one.meter_id),
        meter_number=one.meter_number or "",
        rule=one.rule,
        candidates=[_candidate(each, states[each.meter_id]) for each in candidates],
        suggestion=None if suggestion is None else _suggested(suggestion, states),
    )


def _candidate(one: Assigned, state: MeterState) -> CandidateMeter:
    return CandidateMeter(
        meter_id=str(one.meter_id),
        meter_number=state.number or "",
        balance=state.balance,
        last_activity=state.last_activity,
        is_active=one.is_active,
    )


def _suggested(one: Suggestion, states: Mapping[Any, MeterState]) -> SuggestedMeter | None:
    if one.meter not in states:
        return None
    return SuggestedMeter(
        meter_id=str(one.meter),
        meter_number=states[one.meter].number or "",
        reason=one.reason,
        confidence=(Decimal(one.measured.right) / one.measured.of).quantize(Decimal("0.001"), ROUND_DOWN),
        right=one.measured.right,
        measured=one.measured.of,
    )


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def undecided(reviews: Iterable[Review]) -> int:
    """Return the number of payments that wait, in all these tenants."""
    return sum(len(one.items) for one in reviews)
