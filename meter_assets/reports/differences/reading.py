"""Reads the rows from which the differences of some customers are explained, a thousand customers at a time.

Add here a further sign of a cause that must be read; what it says is decided in `rows`.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, FromClause, RowMapping, Select, or_, select

from meter_assets.billing import transactions
from meter_assets.billing.customers import chosen_meters
from meter_assets.billing.invoice_lines import (
    BILL_OF_OTHER_TENANT,
    LINE_OF_OTHER_TENANT,
    its_bill,
    kinds_of_bills,
    line_defects,
    line_sums,
)
from meter_assets.billing.ledger import net
from meter_assets.billing.money import ZERO, exact, or_zero, rounded_by, total
from meter_assets.billing.policy import RoundingOfSums
from meter_assets.reports.differences.rows import Amounts, Rows
from meter_assets.reports.differences.view import View

CUSTOMERS_AT_A_TIME = 1_000
"""How many customers' rows are read at once."""


def rows_of(view: View, customer_ids: Sequence[Any]) -> Rows:
    """Return all rows of some customers, of their meters, and of the meters that their invoices name."""
    relations, connection = view.relations, view.connection
    chosen = chosen_meters(relations)
    meters: dict[Any, set[Any]] = defaultdict(set)
    for pair in connection.execute(select(chosen).where(chosen.c.customer_id.in_(customer_ids))):
        meters[pair.customer_id].add(pair.meter_id)
    invoice = relations.invoices
    named = connection.scalars(select(invoice.c.meter_id).where(invoice.c.customer_id.in_(customer_ids)).distinct())
    chosen_ids = list({one for of_customer in meters.values() for one in of_customer})
    meter_ids = {*chosen_ids, *(one for one in named if one is not None)}
    invoices = _transactions(view, "invoices", customer_ids, meter_ids)
    payments = _transactions(view, "payments", customer_ids, meter_ids)
    named_meters = meter_ids | {one["meter_id"] for one in payments if one["meter_id"] is not None}
    known = relations.meters
    ids = [one["id"] for one in invoices]
    before, after = _changed_amounts(view, ids)
    return Rows(
        basis=relations.policy.balance_basis,
        meters={key: frozenset(found) for key, found in meters.items()},
        known_meters=frozenset(_where_in(connection, select(known.c.id), known.c.id, list(named_meters))),
        stored_nets=dict(_where_in(connection, select(known.c.id, net(known)), known.c.id, chosen_ids)),
        invoices=invoices,
        payments=payments,
        before=before,
        after=after,
        deleted_lines=_deleted_lines(view, ids),
        foreign_lines=_foreign_lines(view, ids),
        rounded=_rounded(view, ids),
        backed_up_on=view.backed_up_on,
    )


def _transactions(view: View, table: str, customer_ids: Sequence[Any], meter_ids: "set[Any]") -> Sequence[RowMapping]:
    """Return the invoices or payments of customers and meters: those that are live, then the deleted ones."""
    found: list[RowMapping] = []
    for row in (_live_or_deleted(view, table, "live"), _live_or_deleted(view, table, "deleted")):
        of_any = or_(row.c.customer_id.in_(customer_ids), row.c.meter_id.in_(sorted(meter_ids, key=str)))
        order = transactions.in_order(row) if table == "invoices" else (row.c.id,)
        found += view.connection.execute(select(row).where(of_any).order_by(*order)).mappings()
    return found


def _live_or_deleted(view: View, table: str, which: str) -> FromClause:
    """Return the tenant's live transactions as the view sees them, or its deleted ones as they are stored."""
    select_all = transactions.invoices if table == "invoices" else transactions.payments
    every, is_live = (view.relations, 1) if which == "live" else (view.stored, 0)

    def computed() -> Select[Any]:
        row = select_all(view.relations, every).subquery("transactions")
        return select(row).where(row.c.is_live == is_live)

    if not view.read_often:
        return computed().subquery("transactions")
    return view.relations.shared(f"{which}_{table}", ("invoices", "payments"), computed)


def _where_in(connection: Connection, rows: Select[Any], column: Any, ids: Sequence[Any]) -> Iterator[Any]:
    """Yield the rows whose column is one of these ids; a statement has a limited number of parameters."""
    single = len(rows.selected_columns) == 1
    for at in range(0, len(ids), CUSTOMERS_AT_A_TIME):
        some = connection.execute(rows.where(column.in_(ids[at : at + CUSTOMERS_AT_A_TIME])))
        yield from (row[0] if single else row for row in some)


def _changed_amounts(view: View, invoice_ids: Sequence[Any]) -> tuple[Mapping[Any, Amounts], Mapping[Any, Amounts]]:
    """Return the amounts of invoices before the first and after the last change by step 2."""
    before: dict[Any, Amounts] = {}
    after: dict[Any, Amounts] = {}
    for change in view.changes:
        row = change.subquery("changed")
        sides = [_amounts_of(row, side) for side in ("before", "after")]
        for one in _where_in(view.connection, select(row.c.id, *sides[0], *sides[1]), row.c.id, invoice_ids):
            before.setdefault(one[0], Amounts(*one[1:4]))
            after[one[0]] = Amounts(*one[4:7])
    return before, after


def _amounts_of(row: FromClause, side: str) -> list[Any]:
    """Return the three amounts of a changed invoice; of a total that the database computes itself, their sum."""
    names = [f"{name}_{side}" for name in ("amount", "balance_brought_forward", "total_amount")]
    found = [or_zero(exact(row.c[name])) if name in row.c else ZERO for name in names]
    if names[2] not in row.c:
        found[2] = found[0] + found[1]
    return [one.label(name) for one, name in zip(found, names, strict=True)]


def _deleted_lines(view: View, invoice_ids: Sequence[Any]) -> Mapping[Any, Decimal]:
    line = view.relations.stored("invoice_bills")
    deleted = ~view.relations.is_live("invoice_bills", line)
    sums = select(line.c.invoice_id, total(or_zero(exact(line.c.amount)))).where(deleted).group_by(line.c.invoice_id)
    return {one[0]: one[1] for one in _where_in(view.connection, sums, line.c.invoice_id, invoice_ids)}


def _foreign_lines(view: View, invoice_ids: Sequence[Any]) -> Mapping[Any, Decimal]:
    relations = view.relations
    line, bill = relations.lines, kinds_of_bills(relations)
    defects = line_defects(relations, line, bill)
    is_foreign = or_(defects[LINE_OF_OTHER_TENANT], defects[BILL_OF_OTHER_TENANT])
    sums = select(line.c.invoice_id, total(or_zero(exact(line.c.amount)))).select_from(
        line.outerjoin(bill, its_bill(line, bill))
    )
    foreign = sums.where(is_foreign).group_by(line.c.invoice_id)
    return {one[0]: one[1] for one in _where_in(view.connection, foreign, line.c.invoice_id, invoice_ids)}


def _rounded(view: View, invoice_ids: Sequence[Any]) -> Mapping[Any, Decimal]:
    if view.relations.policy.rounding_of_sums is RoundingOfSums.none:
        return {}
    sums = line_sums(view.relations)
    grown = rounded_by(view.relations.policy, sums.c.charges) - sums.c.charges
    found = _where_in(view.connection, select(sums.c.invoice_id, grown), sums.c.invoice_id, invoice_ids)
    return {one[0]: one[1] for one in found if one[1]}
