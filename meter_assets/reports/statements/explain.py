"""Explains what a meter, or all meters of a customer, owe: finds them, and returns their statements.

Add here how people name a meter or a customer. What a statement contains is in `statement`.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field, computed_field
from sqlalchemy import ColumnElement, FromClause, Uuid, false, func, select

from meter_assets.billing.conditions import as_text
from meter_assets.billing.constructs import as_written
from meter_assets.billing.customers import meters_of_customers
from meter_assets.billing.ledger import net
from meter_assets.billing.money import exact
from meter_assets.billing.policy import Policy
from meter_assets.errors import UnknownRow
from meter_assets.foreign_text import Shown, named, quoted, shown
from meter_assets.formatting import counted, show_money
from meter_assets.migration.database import BillingDatabase, Tenant
from meter_assets.migration.snapshot import Snapshot, tried_again
from meter_assets.migration.step_report import Money
from meter_assets.reports.differences.causes import ZERO
from meter_assets.reports.statements.change_history import JournaledChange, change_history
from meter_assets.reports.statements.payments_without_meter import PaymentWithoutMeter, payments_without_meter
from meter_assets.reports.statements.statement import Statement, statements
from meter_assets.reports.tables import Grid

ID, NUMBER = "id", "number"
BY = (ID, NUMBER)
"""What a text names a meter by."""


class Explained(BaseModel):
    """The statement of a meter, and the journaled changes of it and its rows if they were asked for."""

    statement: Statement
    awaited: list[PaymentWithoutMeter] = Field(default_factory=list)
    """Payments that have no meter yet, and would come to this one."""
    history: list[JournaledChange] | None = None


class ExplainedCustomer(BaseModel):
    """A customer, the customer's statements, and the payments that are on no meter (money in currency units)."""

    tenant: str
    customer_id: str
    name: Shown
    is_deleted: bool
    backed_up_net: Money | None
    """Balance less overpayment in the backup; None without a backup."""
    meters: list[Explained]
    """All meters that are or were assigned to the customer, deleted ones too."""
    own_meter_ids: list[str]
    """Which of them make up what the customer owes: those that are assigned now or, without any, all that ever were."""
    without_meter: list[PaymentWithoutMeter] = Field(default_factory=list)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def net(self) -> Money:
        """What the own meters owe together; negative for a credit."""
        own = set(self.own_meter_ids)
        return sum((one.statement.net for one in self.meters if one.statement.meter_id in own), ZERO)


@tried_again
def explain_meter(
    database: BillingDatabase,
    tenant: Tenant,
    policy: Policy,
    text: str,
    *,
    by: str | None = None,
    as_of: date | None = None,
    history: bool = False,
) -> Explained:
    """Return the statement of the meter that a text names, by its id or its number (`by`: only one of both).

    Raises UnknownRow if no meter, or more than one, has that name; and what `BillingDatabase.read` raises.
    """
    with database.read(policy) as snapshot:
        meter_id = find_row(snapshot, tenant, "meters", "meter_number", text, by)
        return _explained(snapshot, tenant, [meter_id], as_of, history)[0]


@tried_again
def explain_customer(
    database: BillingDatabase,
    tenant: Tenant,
    policy: Policy,
    text: str,
    *,
    by: str | None = None,
    as_of: date | None = None,
    history: bool = False,
) -> ExplainedCustomer:
    """Return the statements of all meters that are or were assigned to a customer, whom a text names by id or name.

    Raises as `explain_meter`.
    """
    with database.read(policy) as snapshot:
        customer_id = find_row(snapshot, tenant, "customers", "name", text, by)
        relations, every = snapshot.relations(tenant.id), snapshot.relations(tenant.id, deleted_too=True)
        made, kept = every.assignments_that_count(), relations.backup
        meters = select(made.c.meter_id).where(made.c.customer_id == customer_id).distinct().order_by(made.c.meter_id)
        own = meters_of_customers(relations).subquery("own_meters")
        own_ids = select(own.c.meter_id).where(own.c.customer_id == customer_id).order_by(own.c.meter_id)
        name, live = (
            select(rows.customers.c.name).where(rows.customers.c.id == customer_id) for rows in (every, relations)
        )
        backed_up = select(net(kept)).where(kept.c.customer_id == customer_id)
        meter_ids = snapshot.connection.scalars(meters).all()
        return ExplainedCustomer(
            tenant=tenant.key,
            customer_id=str(customer_id),
            name=snapshot.connection.execute(name).scalar_one(),
            is_deleted=snapshot.connection.execute(live).first() is None,
            backed_up_net=snapshot.connection.scalar(backed_up),
            meters=_explained(snapshot, tenant, meter_ids, as_of, history),
            own_meter_ids=[str(one) for one in snapshot.connection.scalars(own_ids)],
            without_meter=payments_without_meter(snapshot, tenant, customer_id=customer_id, as_of=as_of),
        )


@tried_again
def meters_of_tenant(database: BillingDatabase, tenant: Tenant, policy: Policy, most: int = 200) -> Grid:
    """Return the first meters of a tenant, with their stored balances. Raises what `BillingDatabase.read` raises."""
    with database.read(policy) as snapshot:
        meter = snapshot.relations(tenant.id).meters
        money = [exact(meter.c[name]).label(name) for name in ("balance", "overpayment")]
        rows = select(meter.c.id, meter.c.meter_number, meter.c.status, *money).order_by(meter.c.id).limit(most)
        cells = tuple(
            (shown(one.id), shown(one.meter_number), shown(one.status), *map(show_money, one[3:]))
            for one in snapshot.connection.execute(rows)
        )
    headings = ("meter", "number", "status", "balance", "overpayment")
    note = f"The first {most} meters." if len(cells) == most else ""
    return Grid(f"Meters of tenant {named(tenant.key, tenant.name)}", headings, cells, note)


@tried_again
def find_customer(database: BillingDatabase, tenant: Tenant, policy: Policy, text: str, by: str | None = None) -> Any:
    """Return the id of the customer whom a text names, by id or name (`by`: only one of both). Raises UnknownRow."""
    with database.read(policy) as snapshot:
        return find_row(snapshot, tenant, "customers", "name", text, by)


def _explained(
    snapshot: Snapshot, tenant: Tenant, meter_ids: Sequence[Any], as_of: date | None, history: bool
) -> list[Explained]:
    found = []
    for meter_id, one in zip(meter_ids, statements(snapshot, tenant, meter_ids, as_of=as_of), strict=True):
        changes = change_history(snapshot, tenant, meter_id) if history else None
        awaited = payments_without_meter(snapshot, tenant, meter_id=meter_id, as_of=as_of)
        found.append(Explained(statement=one, awaited=awaited, history=changes))
    return found


def find_row(snapshot: Snapshot, tenant: Tenant, table: str, name_column: str, text: str, by: str | None) -> Any:
    """Return the id of the only row of a table that a text names, by its id or name (`by`). Raises UnknownRow."""
    rows = snapshot.relations(tenant.id, deleted_too=True).rows[table]
    words = {ID: "id", NUMBER: name_column.replace("_", " ")}
    conditions = {ID: _has_id(rows, text), NUMBER: as_written(as_text(rows.c[name_column])) == text}
    found: dict[Any, list[str]] = {}
    for way in [by] if by else BY:
        for one in snapshot.connection.scalars(select(rows.c.id).where(conditions[way]).order_by(rows.c.id)):
            found.setdefault(one, []).append(way)
    if len(found) == 1:
        return next(iter(found))
    what = table.removesuffix("s")
    if not found:
        count: int = snapshot.connection.execute(select(func.count()).select_from(rows)).scalar_one()
        sought = f"by its {words[by]}" if by else f"neither by its id nor by its {words[NUMBER]}"
        raise UnknownRow(f"Tenant {tenant.key} has no {what} {quoted(text)}, {sought}. It has {counted(count, what)}.")
    listed = ", ".join(
        f"{shown(one)} (by its {' and '.join(words[way] for way in ways)})" for one, ways in found.items()
    )
    by_id = any(ID in ways for ways in found.values())
    advice = "Choose one with --by id or --by number" if by_id else f"Name the {what} by one of these ids"
    raise UnknownRow(f"{quoted(text)} names {len(found)} {table} of tenant {tenant.key}: {listed}. {advice}.")


def _has_id(rows: FromClause, text: str) -> ColumnElement[bool]:
    """Return whether a row has the id that is written so: 12 is written neither 012 nor 1_2, which may be numbers."""
    if not isinstance(rows.c.id.type, Uuid):
        return as_written(as_text(rows.c.id)) == text
    try:
        return rows.c.id == UUID(text)
    except ValueError:
        return false()
