"""The figures of a tenant's customers: what each owed in the backup, what each of the customer's meters owes, and why.

Add here what several exports say of a customer. The causes are found in `differences.by_customer`; what would be posted
is in `postings`, and files are written in `statement_files`.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from sqlalchemy import and_, func, select

from meter_assets.billing.customers import chosen_meters
from meter_assets.billing.ledger import net
from meter_assets.errors import UnknownRow
from meter_assets.foreign_text import quoted, shown
from meter_assets.reports.differences.by_customer import Difference, explained_customers
from meter_assets.reports.differences.causes import ZERO
from meter_assets.reports.differences.view import View
from meter_assets.reports.statements.statement import two_sided

CUSTOMERS_AT_A_TIME = 500
"""How many customers are read at once: a tenant of any size needs the memory of these."""


@dataclass(frozen=True)
class MeterFigure:
    """A meter that is in a customer's figure, and what it owes (currency units; negative for a credit)."""

    id: Any
    number: str
    net: Decimal
    customers: int
    """How many customers have it in their figures."""

    @property
    def balance(self) -> Decimal:
        """What it owes; 0 with a credit."""
        return two_sided(self.net)[0]

    @property
    def overpayment(self) -> Decimal:
        """Its credit; 0 if it owes something."""
        return two_sided(self.net)[1]


@dataclass(frozen=True)
class CustomerFigures:
    """A customer's old and new figures (currency units; negative for a credit)."""

    id: Any
    name: str
    old: Decimal | None
    """Balance less overpayment in the backup; None without one: the customer was created since."""
    meters: tuple[MeterFigure, ...]
    """The active meters or, without any, all that were ever assigned, in the order of their ids."""
    why: Difference | None = None
    """Why the new figure is another one; None if it is the same, or if there is no old one."""

    @property
    def new(self) -> Decimal:
        """What the meters owe together."""
        return sum((one.net for one in self.meters), ZERO)

    @property
    def difference(self) -> Decimal | None:
        """By how much the new figure is greater than the old one; None without an old one."""
        return None if self.old is None else self.new - self.old


def customers_of(view: View) -> list[Any]:
    """Return the ids of a tenant's customers, in their order."""
    customer = view.relations.customers
    return list(view.connection.scalars(select(customer.c.id).order_by(customer.c.id)))


def figures(view: View, customer_ids: Sequence[Any]) -> Iterator[list[CustomerFigures]]:
    """Yield the figures of customers, some hundred at a time, in the order of the ids.

    Raises UnknownRow for an id of no customer, or of one that is deleted.
    """
    for at in range(0, len(customer_ids), CUSTOMERS_AT_A_TIME):
        yield _some_figures(view, customer_ids[at : at + CUSTOMERS_AT_A_TIME])


def _some_figures(view: View, ids: Sequence[Any]) -> list[CustomerFigures]:
    customer, kept = view.relations.customers, view.relations.backup
    of_customer = and_(kept.c.customer_id == customer.c.id, kept.c.tenant_id == customer.c.tenant_id)
    rows = (
        select(customer.c.id, customer.c.name, kept.c.customer_id, net(kept).label("old"))
        .outerjoin(kept, of_customer)
        .where(customer.c.id.in_(ids))
    )
    found = {one.id: one for one in view.connection.execute(rows)}
    if missing := [one for one in ids if one not in found]:
        raise UnknownRow(f"Customer {quoted(missing[0])} of tenant {view.relations.tenant_id} is deleted.")
    meters = _meters(view, ids)
    figures = [
        CustomerFigures(
            id=one,
            name=shown(found[one].name),
            old=None if found[one].customer_id is None else found[one].old,
            meters=tuple(meters[one]),
        )
        for one in ids
    ]
    differing = [
        {"id": one.id, "name": one.name, "backed_up_net": one.old, "meters_net": one.new}
        for one in figures
        if one.difference
    ]
    why = explained_customers(view, differing) if differing else iter(())
    return [replace(one, why=next(why)) if one.difference else one for one in figures]


def _meters(view: View, customer_ids: Sequence[Any]) -> dict[Any, list[MeterFigure]]:
    """Return, per customer, the meters that make up the figure."""
    meter, chosen = view.relations.meters, chosen_meters(view.relations)
    same = and_(meter.c.id == chosen.c.meter_id, meter.c.tenant_id == chosen.c.tenant_id)
    rows = (
        select(chosen.c.customer_id, meter.c.id, meter.c.meter_number, net(meter).label("net"))
        .join(meter, same)
        .where(chosen.c.customer_id.in_(customer_ids))
        .order_by(meter.c.id)
    )
    pairs = view.connection.execute(rows).all()
    owners = _customers_by_meter(view, list(dict.fromkeys(one.id for one in pairs)))
    found: dict[Any, list[MeterFigure]] = defaultdict(list)
    for one in pairs:
        found[one.customer_id].append(MeterFigure(one.id, shown(one.meter_number), one.net, owners[one.id]))
    return found


def _customers_by_meter(view: View, meter_ids: Sequence[Any]) -> dict[Any, int]:
    chosen, found = chosen_meters(view.relations), {}
    counts = select(chosen.c.meter_id, func.count()).group_by(chosen.c.meter_id)
    for at in range(0, len(meter_ids), CUSTOMERS_AT_A_TIME):
        some = counts.where(chosen.c.meter_id.in_(meter_ids[at : at + CUSTOMERS_AT_A_TIME]))
        found.update({one[0]: one[1] for one in view.connection.execute(some)})
    return found
