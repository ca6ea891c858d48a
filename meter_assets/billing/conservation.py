"""The same money summed in two ways: by transactions, and by what is on meters or has no meter.

The invariant `money_is_conserved` compares the two ways, and reports show their parts. Add a part here if a further
kind of row moves money. A meter's own sums are in `ledger`.
"""

from typing import Any

from sqlalchemy import FromClause, Select, and_, case, select

from meter_assets.billing.ledger import invoices_in_order, net
from meter_assets.billing.money import ZERO, exact, or_zero
from meter_assets.billing.policy import BalanceBasis
from meter_assets.billing.relations import BillingRelations

CHARGES, PAYMENTS, OPENINGS, METERS = "charges", "payments", "openings", "meters"
"""The parts: counted invoices, counted payments (negative), opening balances, and meters' net balances."""


def moved_money(relations: BillingRelations) -> dict[str, Select[Any]]:
    """Return the money of each part: the SELECT of tenant_id, transactions and meters, in exact form.

    `transactions` is money billed or paid. `meters` is money on a meter, or that of a counted row without a meter. The
    sums of both columns over all parts are equal if money is conserved. There are no opening balances where balances
    are sums of invoice totals.
    """
    by_totals = relations.policy.balance_basis is BalanceBasis.invoice_totals
    invoice, payment, meter = relations.counted_invoices(), relations.counted_payments(), relations.meters
    charge = or_zero(exact(invoice.c.total_amount if by_totals else invoice.c.amount))
    found = {
        CHARGES: _sided(relations, invoice, charge),
        PAYMENTS: _sided(relations, payment, -or_zero(exact(payment.c.amount))),
    }
    if not by_totals:
        found[OPENINGS] = _openings(relations)
    of_meters = net(meter)
    found[METERS] = select(meter.c.tenant_id, ZERO.label("transactions"), of_meters.label("meters"))
    return found


def _openings(relations: BillingRelations) -> Select[Any]:
    first, meter = invoices_in_order(relations), relations.meters
    opening = or_zero(exact(first.c.balance_brought_forward))
    of_meter = and_(meter.c.id == first.c.meter_id, meter.c.tenant_id == first.c.tenant_id)
    found = select(first.c.tenant_id, opening.label("transactions"), ZERO.label("meters"))
    return found.join(meter, of_meter).where(first.c.place == 1)


def _sided(relations: BillingRelations, rows: FromClause, money: Any) -> Select[Any]:
    meter = relations.meters
    of_meter = and_(meter.c.id == rows.c.meter_id, meter.c.tenant_id == rows.c.tenant_id)
    without_meter = case((meter.c.id.is_(None), money), else_=ZERO)
    return select(rows.c.tenant_id, money.label("transactions"), without_meter.label("meters")).outerjoin(
        meter, of_meter
    )
