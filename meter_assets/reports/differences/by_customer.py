"""The differences between what customers owed before and what their meters owe, each as a sum of causes.

The customers are those of the check `every_customer_balance_agrees_with_its_backup`, without its tolerance. Add here
which parts a tenant's difference has. The reasons of one customer are found in `rows` and `causes`; tables
are in `tables`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, Literal

from pydantic import BaseModel, computed_field
from sqlalchemy import Select, and_, func, or_, select

from meter_assets.billing import transactions
from meter_assets.billing.customers import chosen_meters, net_of_meters
from meter_assets.billing.ledger import net
from meter_assets.billing.money import ZERO as EXACT_ZERO
from meter_assets.billing.money import or_zero, total
from meter_assets.billing.policy import Policy
from meter_assets.billing.relations import BillingRelations
from meter_assets.foreign_text import Shown
from meter_assets.migration.database import BillingDatabase, Tenant
from meter_assets.migration.snapshot import tried_again
from meter_assets.migration.step_report import Money
from meter_assets.reports.differences.causes import ZERO, Cause, Explanation, Reason, explained
from meter_assets.reports.differences.reading import CUSTOMERS_AT_A_TIME, rows_of
from meter_assets.reports.differences.rows import CustomerRows
from meter_assets.reports.differences.view import View, view_after_migration, view_as_it_is

_Kind = Literal["customer", "meter"]
_MOST_ROUNDED = 100
"""In minor units: half a unit for each of many rows would explain nearly any rest."""


class CauseOfDifference(BaseModel):
    """One cause of a difference, its part of it (currency units, new less old), and its rows in words."""

    cause: Cause
    amount: Money
    rows: list[Shown]


class Difference(BaseModel):
    """A customer, or a meter of no customer, whose old and new figures differ (currency units)."""

    kind: _Kind
    """customer, or meter: for one that no customer has, or several customers have."""
    id: str
    name: Shown
    backed_up_net: Money
    meters_net: Money
    causes: list[CauseOfDifference]
    """They add up to the difference exactly."""
    also_possible: list[list[Cause]] = []
    """The causes of other explanations that say as much: then the given causes are not certain.

    They may be the same causes, with other rows; or unexplained, if the rows may have added up by chance.
    """

    @computed_field  # type: ignore[prop-decorator]
    @property
    def difference(self) -> Money:
        """By how much the new figure is greater than the old one."""
        return self.meters_net - self.backed_up_net


class CauseTotal(BaseModel):
    """A cause, summed over a tenant (currency units)."""

    cause: Cause
    amount: Money = ZERO
    customers: int = 0
    """How many customers (and meters of no customer) have it."""


class TenantDifferences(BaseModel):
    """All differences of a tenant, summed by cause (currency units)."""

    tenant: str
    name: Shown
    customer_id: str | None = None
    """The only customer that all figures are of; None if they are of the tenant."""
    planned: bool
    """Whether the new figures are those that a migration would write; otherwise they are the stored ones."""
    backed_up_net: Money
    meters_net: Money
    differing: int
    uncertain: int
    """How many differing customers have other explanations that say as much, or one that may be chance."""
    by_cause: list[CauseTotal]
    """The largest amount first, without its sign. They add up to the difference of the tenant exactly."""
    largest: list[Difference]

    @computed_field  # type: ignore[prop-decorator]
    @property
    def difference(self) -> Money:
        """By how much the tenant's meters owe more than its customers owed."""
        return self.meters_net - self.backed_up_net


@tried_again
def tenant_differences(
    database: BillingDatabase,
    tenant: Tenant,
    policy: Policy,
    *,
    customer_id: Any = None,
    shown: int | None = None,
    examined: int | None = None,
) -> TenantDifferences:
    """Return the differences of a tenant by cause, and the largest ones in full (`shown`; default: all of them).

    Of a tenant whose meters' balances are not migrated, they are those that a migration would lead to. With a
    `customer_id`, only that customer's. `examined` is explained at `summarized`. Raises what `BillingDatabase.read`
    raises.
    """
    with database.read(policy) as snapshot:
        view = view_as_it_is(snapshot, tenant) or view_after_migration(snapshot, tenant)
        return summarized(view, tenant, customer_id=customer_id, shown=shown, examined=examined)


def summarized(
    view: View,
    tenant: Tenant,
    *,
    customer_id: Any = None,
    shown: int | None = None,
    examined: int | None = None,
) -> TenantDifferences:
    """Return the differences in a view of a tenant, summed by cause; see `tenant_differences`.

    With `examined`, only so many customers, those with the largest differences, are examined row by row; the others'
    differences have the cause `not_examined`.
    """
    totals = {cause: CauseTotal(cause=cause) for cause in Cause}
    largest: list[Difference] = []
    differing = uncertain = 0
    backed_up = meters = ZERO
    for one in differences(view, customer_id, examined):
        differing += 1
        uncertain += bool(one.also_possible)
        for cause in {part.cause for part in one.causes}:
            totals[cause].customers += 1
        for part in one.causes:
            totals[part.cause].amount += part.amount
        largest.append(one)
        if shown is not None and len(largest) > 2 * shown + 100:
            largest = _largest(largest, shown)
    backed_up, meters = _totals(view, customer_id)
    found = [one for one in totals.values() if one.customers]
    return TenantDifferences(
        tenant=tenant.key,
        name=tenant.name,
        customer_id=None if customer_id is None else str(customer_id),
        planned=view.planned,
        backed_up_net=backed_up,
        meters_net=meters,
        differing=differing,
        uncertain=uncertain,
        by_cause=sorted(found, key=lambda one: (_largest_first(one.amount), one.cause)),
        largest=_largest(largest, shown),
    )


def _largest_first(amount: Decimal) -> tuple[bool, Decimal]:
    """Return the key by which larger amounts come first, and before them what is no number."""
    return amount.is_finite(), -abs(amount) if amount.is_finite() else ZERO


def _largest(found: list[Difference], shown: int | None) -> list[Difference]:
    return sorted(found, key=lambda one: _largest_first(one.difference))[:shown]


def _totals(view: View, customer_id: Any) -> tuple[Decimal, Decimal]:
    """Return what all customers owed in the backup, and what all meters owe; or of one customer."""
    relations, connection = view.relations, view.connection
    if customer_id is not None:
        kept, owed = relations.backup, net_of_meters(relations)
        old = connection.scalar(select(net(kept)).where(kept.c.customer_id == customer_id))
        new = connection.scalar(select(owed.c.net).where(owed.c.customer_id == customer_id))
        return ZERO if old is None else old, ZERO if new is None else new
    kept, meter = relations.backup, relations.meters
    return (
        connection.execute(select(total(net(kept)))).scalar_one(),
        connection.execute(select(total(net(meter)))).scalar_one(),
    )


def differences(view: View, customer_id: Any = None, examined: int | None = None) -> Iterator[Difference]:
    """Yield the customers of a tenant whose old and new figures differ, and then the meters of no or several customers.

    Together they are the whole difference between the customers' backed-up balances and the meters' balances.
    `examined` is explained at `summarized`.
    """
    customer = view.relations.customers
    statement = _compared(view.relations)
    if customer_id is not None:
        statement = statement.where(customer.c.id == customer_id)
    found = view.connection.execute(_differing(statement)).mappings().all()
    until = len(found) if examined is None else min(examined, len(found))
    view = replace(view, read_often=until > CUSTOMERS_AT_A_TIME)
    for at in range(0, until, CUSTOMERS_AT_A_TIME):
        yield from explained_customers(view, found[at : min(at + CUSTOMERS_AT_A_TIME, until)])
    for one in found[until:]:
        sides = one["backed_up_net"], one["meters_net"]
        yield _one_sided("customer", one["id"], one["name"], *sides, Cause.not_examined)
    yield from _customers_of_one_side(view, customer_id)
    if customer_id is None:
        yield from _meters_left(view)


def _compared(relations: BillingRelations) -> Select[Any]:
    """Return every customer with a backup, with the old and the new figure in exact form."""
    customer, kept, owed = relations.customers, relations.backup, net_of_meters(relations)
    return (
        select(
            customer.c.id,
            customer.c.name,
            net(kept).label("backed_up_net"),
            or_zero(owed.c.net).label("meters_net"),
        )
        .join(kept, and_(kept.c.customer_id == customer.c.id, kept.c.tenant_id == customer.c.tenant_id))
        .outerjoin(owed, and_(owed.c.customer_id == customer.c.id, owed.c.tenant_id == customer.c.tenant_id))
    )


def _differing(compared: Select[Any]) -> Select[Any]:
    row = compared.subquery("compared")
    largest_first = func.abs(row.c.meters_net - row.c.backed_up_net).desc()
    return select(row).where(row.c.backed_up_net != row.c.meters_net).order_by(largest_first, row.c.id)


def explained_customers(view: View, customers: Sequence[Mapping[Any, Any]]) -> Iterator[Difference]:
    """Yield the differences of customers (id, name, backed_up_net, meters_net) whose figures differ, in their order."""
    rows = rows_of(view, [one["id"] for one in customers])
    reader, unit = CustomerRows(rows), Decimal(1).scaleb(-view.relations.policy.currency_decimals)
    for one in customers:
        reasons = reader.reasons(one["id"])
        stale = reasons.not_recomputed
        target = one["meters_net"] - one["backed_up_net"] - sum((part.amount for part in stale), ZERO)
        rounding = unit * min(reasons.rows, 2 * _MOST_ROUNDED) / 2
        found = explained(target, reasons.facts, reasons.possible, rounding, unit)
        yield Difference(
            kind="customer",
            id=str(one["id"]),
            name=one["name"],
            backed_up_net=one["backed_up_net"],
            meters_net=one["meters_net"],
            causes=_causes(found, stale),
            also_possible=[list(causes) for causes in found.others],
        )


def _causes(found: Explanation, further: Sequence[Reason]) -> list[CauseOfDifference]:
    reasons = [*found.reasons, *further, *([Reason(Cause.unexplained, found.rest, ())] if found.rest else [])]
    return [CauseOfDifference(cause=one.cause, amount=one.amount, rows=list(one.rows)) for one in reasons]


def _customers_of_one_side(view: View, customer_id: Any) -> Iterator[Difference]:
    """Yield the customers without a backup that have meters, and the backed-up ones that no longer exist; or one."""
    relations = view.relations
    customer, kept, owed = relations.customers, relations.backup, net_of_meters(relations)
    of_customer = and_(kept.c.customer_id == customer.c.id, kept.c.tenant_id == customer.c.tenant_id)
    owing = and_(owed.c.customer_id == customer.c.id, owed.c.tenant_id == customer.c.tenant_id)
    new = select(customer.c.id, customer.c.name, owed.c.net).join(owed, owing).outerjoin(kept, of_customer)
    wanted = new.where(kept.c.customer_id.is_(None), owed.c.net != EXACT_ZERO).order_by(customer.c.id)
    if customer_id is not None:
        wanted = wanted.where(customer.c.id == customer_id)
    for one in view.connection.execute(wanted):
        why = f"customer {one.id} is not in the backup"
        yield _one_sided("customer", one.id, one.name, ZERO, one.net, Cause.customer_not_in_both, [why])
    yield from customers_that_are_gone(view, customer_id)


def customers_that_are_gone(view: View, customer_id: Any = None) -> Iterator[Difference]:
    """Yield the customers with a balance in the backup that no longer exist; or one of them."""
    customer, kept = view.relations.customers, view.relations.backup
    of_customer = and_(kept.c.customer_id == customer.c.id, kept.c.tenant_id == customer.c.tenant_id)
    gone = select(kept.c.customer_id, net(kept).label("net")).outerjoin(customer, of_customer)
    wanted = gone.where(customer.c.id.is_(None), net(kept) != EXACT_ZERO).order_by(kept.c.customer_id)
    if customer_id is not None:
        wanted = wanted.where(kept.c.customer_id == customer_id)
    for one in view.connection.execute(wanted):
        name = f"customer {one.customer_id}"
        why = f"{name} was deleted since the backup"
        yield _one_sided("customer", one.customer_id, name, one.net, ZERO, Cause.customer_not_in_both, [why])


def _meters_left(view: View) -> Iterator[Difference]:
    """Yield the meters that are in no customer's figure, or in several: the tenant's meters count each once."""
    relations = view.relations
    meter, chosen = relations.meters, chosen_meters(relations)
    counted = select(chosen.c.meter_id, func.count().label("times")).group_by(chosen.c.meter_id).subquery("counted")
    found = (
        select(meter.c.id, meter.c.meter_number, net(meter).label("net"), counted.c.times)
        .outerjoin(counted, counted.c.meter_id == meter.c.id)
        .where(net(meter) != EXACT_ZERO, or_(counted.c.times.is_(None), counted.c.times > 1))
        .order_by(meter.c.id)
    )
    for one in view.connection.execute(found).all():
        if one.times:
            owed = -(one.times - 1) * one.net
            why = f"meter {one.id} is in the figures of {one.times} customers, and counts once"
            yield _one_sided("meter", one.id, one.meter_number, ZERO, owed, Cause.meter_reassigned, [why])
            continue
        moved = _moved_openings(view, one.id, one.net)
        cause = Cause.opening_balance_on_another_meter if moved else Cause.meter_reassigned
        rows = moved or [f"meter {one.id} has no customer"]
        yield _one_sided("meter", one.id, one.meter_number, ZERO, one.net, cause, rows)


def _moved_openings(view: View, meter_id: Any, owed: Decimal) -> list[str]:
    """Return the invoices with which customers of a meter brought exactly its debt forward to another meter."""
    invoice = transactions.invoices(view.relations, view.relations).subquery("transactions")
    customers = select(invoice.c.customer_id).where(invoice.c.meter_id == meter_id).distinct()
    ids = [one for one in view.connection.scalars(customers) if one is not None]
    if not ids:
        return []
    others = select(invoice).where(invoice.c.customer_id.in_(ids), invoice.c.meter_id != meter_id)
    brought = others.where(invoice.c.is_counted == 1, invoice.c.balance_brought_forward == owed)
    found = view.connection.execute(brought.order_by(*transactions.in_order(invoice)).limit(1)).mappings()
    return [f"invoice {row['id']}" for row in found]


def _one_sided(
    kind: _Kind, row_id: Any, name: str, before: Decimal, now: Decimal, cause: Cause, rows: Sequence[str] = ()
) -> Difference:
    part = CauseOfDifference(cause=cause, amount=now - before, rows=list(rows))
    return Difference(kind=kind, id=str(row_id), name=name, backed_up_net=before, meters_net=now, causes=[part])
