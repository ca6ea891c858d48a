"""Invariants about meters' balances: they are correct, and no money is created or lost.

Add here invariants that read stored or recomputed balances. Those of the transactions themselves are in `invoices` and
`payments`.
"""

from typing import Any

from sqlalchemy import Select, and_, func, or_, select

from meter_assets.billing.conditions import as_text
from meter_assets.billing.conservation import moved_money
from meter_assets.billing.constructs import as_written, nulls_last
from meter_assets.billing.customers import net_of_meters
from meter_assets.billing.ledger import invoices_in_order, net, recomputed
from meter_assets.billing.money import ZERO, amount, exact, or_zero, total
from meter_assets.billing.relations import BillingRelations
from meter_assets.rules.invariants.invariant import Group, Invariant, Severity


def _differs_from_transactions(relations: BillingRelations) -> Select[Any]:
    meter = recomputed(relations)
    stored_as = {name: exact(meter.c[name]) for name in ("balance", "overpayment")}
    differs = [value.is_distinct_from(meter.c[f"new_{name}"]) for name, value in stored_as.items()]
    return select(
        meter.c.tenant_id,
        meter.c.id.label("meter_id"),
        meter.c.meter_number,
        *(value.label(name) for name, value in stored_as.items()),
        meter.c.new_balance.label("recomputed_balance"),
        meter.c.new_overpayment.label("recomputed_overpayment"),
    ).where(or_(*differs))


def _negative_or_two_sided(relations: BillingRelations) -> Select[Any]:
    meter = relations.meters
    balance, overpayment = exact(meter.c.balance), exact(meter.c.overpayment)
    return select(
        meter.c.tenant_id,
        meter.c.id.label("meter_id"),
        meter.c.meter_number,
        balance.label("balance"),
        overpayment.label("overpayment"),
    ).where(or_(balance < ZERO, overpayment < ZERO, and_(balance > ZERO, overpayment > ZERO)))


def _money_not_conserved(relations: BillingRelations) -> Select[Any]:
    """Return the tenants for which two ways to sum the same money differ.

    The first way does not read meters' balances: it sums all counted charges, opening balances and payments. The second
    way sums the stored balances of meters, and the counted invoices and payments without a meter of the tenant.
    """
    parts = list(moved_money(relations).values())
    moved = parts[0].union_all(*parts[1:]).subquery("moved")
    transactions, meters = total(moved.c.transactions), total(moved.c.meters)
    return (
        select(
            moved.c.tenant_id,
            transactions.label("billed_less_paid"),
            meters.label("on_meters_or_without_meter"),
            (transactions - meters).label("difference"),
        )
        .group_by(moved.c.tenant_id)
        .having(transactions != meters)
    )


def _opening_after_invoices_on_another_meter(relations: BillingRelations) -> Select[Any]:
    invoice, meter = invoices_in_order(relations), relations.meters
    of_customer = (invoice.c.tenant_id, invoice.c.customer_id)
    in_time = (*nulls_last(invoice.c.invoice_date), invoice.c.id)
    first_of_customer = func.row_number().over(partition_by=of_customer, order_by=in_time)
    of_meter = (*of_customer, invoice.c.meter_id)
    first_of_both = func.row_number().over(partition_by=of_meter, order_by=in_time)
    ranked = select(invoice, first_of_customer.label("nth"), first_of_both.label("nth_on_meter")).subquery("ranked")
    opening = ranked.alias("opening")
    earlier = ranked.alias("earlier")
    money = or_zero(exact(opening.c.balance_brought_forward))
    # The customer's first invoice of each meter is enough to know whether that meter was billed before.
    same_customer = and_(
        earlier.c.customer_id == opening.c.customer_id,
        earlier.c.tenant_id == opening.c.tenant_id,
        earlier.c.meter_id != opening.c.meter_id,
        earlier.c.nth_on_meter == 1,
        earlier.c.nth < opening.c.nth,
    )
    return (
        select(
            opening.c.tenant_id,
            opening.c.meter_id,
            money.label("opening_balance"),
            opening.c.id.label("invoice_id"),
            opening.c.customer_id,
            func.min(as_written(as_text(earlier.c.invoice_number))).label("earlier_invoice_number"),
        )
        .join(meter, and_(meter.c.id == opening.c.meter_id, meter.c.tenant_id == opening.c.tenant_id))
        .join(earlier, same_customer)
        .where(opening.c.place == 1, money != ZERO)
        .group_by(
            opening.c.tenant_id,
            opening.c.meter_id,
            opening.c.balance_brought_forward,
            opening.c.id,
            opening.c.customer_id,
        )
    )


def _tenant_disagrees_with_backup(relations: BillingRelations) -> Select[Any]:
    kept, meter = relations.backup, relations.meters
    backed_up = select(kept.c.tenant_id, total(net(kept)).label("backed_up")).group_by(kept.c.tenant_id)
    on_meters = select(meter.c.tenant_id, total(net(meter)).label("on_meters")).group_by(meter.c.tenant_id)
    left, right = backed_up.subquery("backed_up"), on_meters.subquery("on_meters")
    now = or_zero(right.c.on_meters)
    return (
        select(
            left.c.tenant_id,
            left.c.backed_up.label("backed_up_net"),
            now.label("meters_net"),
            (now - left.c.backed_up).label("difference"),
        )
        .outerjoin(right, right.c.tenant_id == left.c.tenant_id)
        .where(func.abs(now - left.c.backed_up) > amount(relations.policy.tolerance))
    )


def _customer_disagrees_with_backup(relations: BillingRelations) -> Select[Any]:
    customer, kept, owed = relations.customers, relations.backup, net_of_meters(relations)
    before, now = net(kept), or_zero(owed.c.net)
    return (
        select(
            customer.c.tenant_id,
            customer.c.id.label("customer_id"),
            customer.c.name,
            before.label("backed_up_net"),
            now.label("meters_net"),
            (now - before).label("difference"),
        )
        .join(kept, and_(kept.c.customer_id == customer.c.id, kept.c.tenant_id == customer.c.tenant_id))
        .outerjoin(owed, and_(owed.c.customer_id == customer.c.id, owed.c.tenant_id == customer.c.tenant_id))
        .where(func.abs(now - before) > amount(relations.policy.tolerance))
    )


BALANCES = (
    Invariant(
        "every_meter_balance_equals_its_transactions",
        Group.balances,
        Severity.ERROR,
        "meter_id",
        "Every meter's stored balance and overpayment are what its transactions give.",
        "If its invoices and payments are right, materialize meter_balances for the tenant: it recomputes them.",
        _differs_from_transactions,
    ),
    Invariant(
        "every_meter_balance_is_one_sided",
        Group.balances,
        Severity.ERROR,
        "meter_id",
        "Neither balance nor overpayment of a meter is negative, and they are not both positive.",
        "Materialize meter_balances for the tenant: it writes one side of every meter.",
        _negative_or_two_sided,
    ),
    Invariant(
        "money_is_conserved",
        Group.balances,
        Severity.ERROR,
        "tenant_id",
        "Billed less paid, over all counted rows, equals the meters' net balances plus the rows without a meter.",
        "Materialize meter_balances for the tenant. If it still differs, report it with the tenant's preview.",
        _money_not_conserved,
    ),
    Invariant(
        "no_opening_balance_follows_invoices_on_another_meter",
        Group.balances,
        Severity.WARN,
        "meter_id",
        "No meter's opening balance is later than invoices of its customer on another meter. If it is, it may be "
        "that meter's debt counted twice, or really older debt: a person has to check.",
        "Compare the opening balance with what the customer's other meter owed on that day. If it is the same debt, "
        "correct the first invoice's BALANCE line; then run the tenant again.",
        _opening_after_invoices_on_another_meter,
    ),
    Invariant(
        "tenant_balance_agrees_with_its_backup",
        Group.balances,
        Severity.WARN,
        "tenant_id",
        "The tenant's meters together owe what its customers owed before, within the tolerance. The old figures may "
        "have been wrong, and business continues after the migration, so a person has to check a difference.",
        "Read the customers that disagree; the old figure is in customer_balances_backup.",
        _tenant_disagrees_with_backup,
    ),
    Invariant(
        "every_customer_balance_agrees_with_its_backup",
        Group.balances,
        Severity.WARN,
        "customer_id",
        "A customer's meters together owe what the customer owed before, within the tolerance. The old figures may "
        "have been wrong, and meters get new customers, so a person has to check a difference.",
        "Compare the invoices and payments of the customer's meters with the old figure in customer_balances_backup.",
        _customer_disagrees_with_backup,
    ),
)
