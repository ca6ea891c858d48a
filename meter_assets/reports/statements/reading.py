"""Reads the rows of which statements of meters are made, for some hundred meters at a time.

Add here what a statement needs to know of a row, a meter or a customer; what it says of them is decided in `statement`.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, FromClause, RowMapping, and_, select

from meter_assets.billing import transactions
from meter_assets.billing.conditions import is_active
from meter_assets.billing.money import exact
from meter_assets.billing.own_tables import DECISIONS
from meter_assets.billing.relations import BillingRelations
from meter_assets.foreign_text import named
from meter_assets.migration.snapshot import Snapshot

Row = Mapping[Any, Any]
"""A row of an invoice or a payment, as `billing.transactions` selects it."""
METERS_AT_A_TIME = 500
"""How many meters' rows are read by one statement: more may exceed an engine's limit of parameters."""
INVOICES_AT_A_TIME = 5_000
"""How many invoices' lines are read by one statement: each reads again which lines are of the tenant."""


def invoices_by_meter(
    snapshot: Snapshot,
    meter_ids: Sequence[Any],
    stored: BillingRelations,
    every: BillingRelations,
    planned: BillingRelations | None,
) -> dict[Any, list[Row]]:
    """Return the invoices of meters in the order of the ledger; of planned ones, the deleted ones come last.

    `stored` are the tenant's rows as they are, `every` the same with the deleted ones, `planned` those after a
    migration; without `planned`, the invoices are as they are.
    """
    rows: list[FromClause] = [transactions.invoices(stored, every).subquery("transactions")]
    if planned is not None:
        live = planned.shared("planned_invoices", ("invoices",), lambda: transactions.invoices(planned, planned))
        rows.insert(0, live)
    return _by_meter(snapshot, meter_ids, [(row, transactions.in_order(row)) for row in rows])


def payments_by_meter(
    snapshot: Snapshot,
    meter_ids: Sequence[Any],
    stored: BillingRelations,
    every: BillingRelations,
    planned: BillingRelations | None,
) -> dict[Any, list[Row]]:
    """Return the payments of meters in the order of their ids, with the rules that assign them; see above."""
    rows: list[FromClause] = [transactions.payments(stored, every).subquery("transactions")]
    if planned is None:
        return _by_meter(snapshot, meter_ids, [(row, (row.c.id,)) for row in rows])
    reads = ("payments", "invoices")
    rows.insert(0, planned.shared("planned_payments", reads, lambda: transactions.payments(planned, planned)))
    found = _by_meter(snapshot, meter_ids, [(row, (row.c.id,)) for row in rows])
    assigned = planned.assigned
    of_meters = select(assigned.c.id, assigned.c.meter_id_after, assigned.c.rule).where(
        assigned.c.meter_id_after.in_(meter_ids)
    )
    rules = {(one.meter_id_after, one.id): one.rule for one in snapshot.connection.execute(of_meters)}
    return {
        meter_id: [_with_rule(row, rules.get((meter_id, row["id"]))) for row in of_meter]
        for meter_id, of_meter in found.items()
    }


def decisions(snapshot: Snapshot, tenant_id: Any) -> Mapping[Any, list[RowMapping]]:
    """Return, per payment of a tenant, the decisions of people about its meter, the newest last; no withdrawn ones."""
    found: dict[Any, list[RowMapping]] = defaultdict(list)
    if DECISIONS in snapshot.schema.own_tables_present:
        made = snapshot.schema.own[DECISIONS]
        of_tenant = select(made).where(made.c.tenant_id == tenant_id).order_by(made.c.number)
        for one in snapshot.connection.execute(of_tenant).mappings():
            if one["withdrawn"] is None:
                found[one["payment_id"]].append(one)
            else:
                found[one["payment_id"]].clear()
    return found


def _with_rule(row: Row, rule: str | None) -> Row:
    """Return a payment with the rule by which a migration would assign its meter, if no step run has assigned it."""
    if rule is None or row["rule"] is not None:
        return row
    return {**row, "rule": rule, "assigned_meter_id": row["meter_id"]}


def _by_meter(
    snapshot: Snapshot, meter_ids: Sequence[Any], rows: Sequence[tuple[FromClause, tuple[ColumnElement[Any], ...]]]
) -> dict[Any, list[Row]]:
    """Return rows by their meters, each in its order: all of them or, of two kinds, the deleted ones of the second."""
    found: dict[Any, list[Row]] = defaultdict(list)
    for place, (row, order) in enumerate(rows):
        wanted = select(row).where(row.c.meter_id.in_(meter_ids)).order_by(*order)
        if place:
            wanted = wanted.where(row.c.is_live == 0)
        for one in snapshot.connection.execute(wanted).mappings():
            found[one["meter_id"]].append(one)
    return found


def meters(
    snapshot: Snapshot, relations: BillingRelations, every: BillingRelations, meter_ids: Sequence[Any]
) -> Sequence[RowMapping]:
    """Return some meters with their stored balances, in the order of their ids; `live_id` is null of a deleted one."""
    meter, live = every.meters, relations.meters.alias("live_meters")
    same = and_(live.c.id == meter.c.id, live.c.tenant_id == meter.c.tenant_id)
    money = (exact(meter.c[name]).label(name) for name in ("balance", "overpayment"))
    found = select(meter.c.id, meter.c.meter_number, meter.c.status, *money, live.c.id.label("live_id"))
    wanted = found.select_from(meter.outerjoin(live, same)).where(meter.c.id.in_(meter_ids)).order_by(meter.c.id)
    return snapshot.connection.execute(wanted).mappings().all()


def assigned_customers(
    snapshot: Snapshot, relations: BillingRelations, meter_ids: Sequence[Any]
) -> Mapping[Any, list[str]]:
    """Return, per meter, the customers to whom it is or was assigned, in words."""
    made, customer = relations.assignments_that_count(), relations.customers
    same = and_(customer.c.id == made.c.customer_id, customer.c.tenant_id == made.c.tenant_id)
    rows = (
        select(made.c.meter_id, customer.c.id, customer.c.name, is_active(made).label("is_active"))
        .join(customer, same)
        .where(made.c.meter_id.in_(meter_ids))
        .order_by(made.c.id)
    )
    active: dict[Any, dict[tuple[Any, str], bool]] = defaultdict(dict)
    for one in snapshot.connection.execute(rows):
        key = (one.id, one.name)
        active[one.meter_id][key] = active[one.meter_id].get(key, False) or bool(one.is_active)
    found: dict[Any, list[str]] = defaultdict(list)
    for meter_id, customers in active.items():
        for (customer_id, name), is_now in sorted(customers.items(), key=lambda one: not one[1]):
            found[meter_id].append(f"{named(str(customer_id), name)}{'' if is_now else ' (formerly)'}")
    return found


def charges(
    snapshot: Snapshot, relations: BillingRelations, invoice_ids: Sequence[Any]
) -> Mapping[Any, list[tuple[str | None, Decimal]]]:
    """Return, per invoice, its charges by bill type (currency units)."""
    found: dict[Any, list[tuple[str | None, Decimal]]] = defaultdict(list)
    row = transactions.charges(relations).subquery("charges")
    for at in range(0, len(invoice_ids), INVOICES_AT_A_TIME):
        some = select(row).where(row.c.invoice_id.in_(invoice_ids[at : at + INVOICES_AT_A_TIME]))
        for one in snapshot.connection.execute(some.order_by(row.c.invoice_id, row.c.bill_type)):
            found[one.invoice_id].append((one.bill_type, one.amount))
    return found
