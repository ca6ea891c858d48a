"""Explains what a meter, or all meters of a customer, owe: finds them, and returns their statements.

Add here how people name a meter or a customer. What a statement contains is in `statement`.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any

from pydantic import BaseModel, Field
from sqlalchemy import FromClause, and_, func, select

from meter_assets.billing import transactions
from meter_assets.billing.change import UNRESOLVED
from meter_assets.billing.conditions import as_text
from meter_assets.billing.constructs import as_written
from meter_assets.billing.ids import integer_id
from meter_assets.billing.ledger import net
from meter_assets.billing.money import exact
from meter_assets.billing.payment_rules import PAYMENT_METER_IDS
from meter_assets.billing.policy import Policy
from meter_assets.errors import UnknownRow
from meter_assets.foreign_text import Shown, named, quoted, shown
from meter_assets.formatting import counted, show_money
from meter_assets.migration.database import BillingDatabase, Tenant
from meter_assets.migration.snapshot import Snapshot, tried_again
from meter_assets.migration.step_report import Money
from meter_assets.reports.change_history import JournaledChange, change_history
from meter_assets.reports.statement import Statement, statements
from meter_assets.reports.tables import Grid
from meter_assets.rules.steps import STEPS

ID, NUMBER = "id", "number"
BY = (ID, NUMBER)
"""What a text names a meter by."""


class Explained(BaseModel):
    """The statement of a meter, and the journaled changes of it and its rows if they were asked for."""

    statement: Statement
    history: list[JournaledChange] | None = None


class Unresolved(BaseModel):
    """A payment of a customer that has no meter, and why (money in currency units)."""

    payment_id: str
    on_day: date | None
    amount: Money | None
    status: Shown | None
    reason: str


class ExplainedCustomer(BaseModel):
    """A customer, the customer's statements, and the payments that are on no meter (money in currency units)."""

    tenant: str
    customer_id: str
    name: Shown
    backed_up_net: Money | None
    """Balance less overpayment in the backup; None without a backup."""
    meters: list[Explained]
    without_meter: list[Unresolved] = Field(default_factory=list)


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
        relations = snapshot.relations(tenant.id)
        made, kept, customer = relations.assignments_that_count(), relations.backup, relations.customers
        meters = select(made.c.meter_id).where(made.c.customer_id == customer_id).distinct().order_by(made.c.meter_id)
        name = select(customer.c.name).where(customer.c.id == customer_id)
        backed_up = select(net(kept)).where(kept.c.customer_id == customer_id)
        meter_ids = snapshot.connection.scalars(meters).all()
        return ExplainedCustomer(
            tenant=tenant.key,
            customer_id=str(customer_id),
            name=snapshot.connection.execute(name).scalar_one(),
            backed_up_net=snapshot.connection.scalar(backed_up),
            meters=_explained(snapshot, tenant, meter_ids, as_of, history),
            without_meter=_without_meter(snapshot, tenant, customer_id),
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
def find_customer(database: BillingDatabase, tenant: Tenant, policy: Policy, text: str) -> Any:
    """Return the id of the customer whom a text names, by id or name. Raises UnknownRow."""
    with database.read(policy) as snapshot:
        return find_row(snapshot, tenant, "customers", "name", text, None)


def _explained(
    snapshot: Snapshot, tenant: Tenant, meter_ids: Sequence[Any], as_of: date | None, history: bool
) -> list[Explained]:
    found = []
    for meter_id, one in zip(meter_ids, statements(snapshot, tenant, meter_ids, as_of=as_of), strict=True):
        changes = change_history(snapshot, tenant, meter_id) if history else None
        found.append(Explained(statement=one, history=changes))
    return found


def _without_meter(snapshot: Snapshot, tenant: Tenant, customer_id: Any) -> list[Unresolved]:
    """Return the payments of a customer that have no meter and would get none, with the reason of the step."""
    relations = snapshot.relations(tenant.id)
    payment = transactions.payments(relations, relations).subquery("transactions")
    examined = STEPS[PAYMENT_METER_IDS].compute(relations).examined.subquery("examined")
    same = and_(examined.c.id == payment.c.id, examined.c.tenant_id == payment.c.tenant_id)
    rows = (
        select(payment.c.id, payment.c.on_day, payment.c.amount, payment.c.status, examined.c.label.label("reason"))
        .join(examined, same)
        .where(payment.c.customer_id == customer_id, examined.c.outcome == UNRESOLVED)
        .order_by(payment.c.id)
    )
    return [
        Unresolved(payment_id=str(one.id), on_day=one.on_day, amount=one.amount, status=one.status, reason=one.reason)
        for one in snapshot.connection.execute(rows)
    ]


def find_row(snapshot: Snapshot, tenant: Tenant, table: str, name_column: str, text: str, by: str | None) -> Any:
    """Return the id of the only row of a table that a text names, by its id or name (`by`). Raises UnknownRow."""
    rows = snapshot.relations(tenant.id, deleted_too=True).rows[table]
    found: dict[Any, list[str]] = {}
    if by != NUMBER and (row_id := _as_id(rows, text)) is not None:
        for one in snapshot.connection.scalars(select(rows.c.id).where(rows.c.id == row_id)):
            found.setdefault(one, []).append(ID)
    if by != ID:
        name = as_written(as_text(rows.c[name_column]))
        for one in snapshot.connection.scalars(select(rows.c.id).where(name == text).order_by(rows.c.id)):
            found.setdefault(one, []).append(NUMBER)
    if len(found) == 1:
        return next(iter(found))
    what = table.removesuffix("s")
    if not found:
        count = snapshot.connection.scalar(select(func.count()).select_from(rows))
        raise UnknownRow(
            f"Tenant {tenant.key} has no {what} {quoted(text)}, neither by its id nor by its "
            f"{name_column.replace('_', ' ')}. It has {counted(count or 0, what)}."
        )
    listed = ", ".join(f"{shown(one)} (by its {' and '.join(by)})" for one, by in found.items())
    raise UnknownRow(f"{quoted(text)} names {len(found)} {table} of tenant {tenant.key}: {listed}. Add --by id.")


def _as_id(rows: FromClause, text: str) -> Any:
    """Return a text in the type of the ids; None if it is none."""
    try:
        kind = rows.c.id.type.python_type
        return integer_id(text) if kind is int else kind(text)
    except (NotImplementedError, ValueError, TypeError, ArithmeticError):
        return None
