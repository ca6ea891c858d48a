"""The parts of what a tenant's customers owe under any of many policies, read in one pass over the tenant's rows.

Which statuses count, whose opening balance counts because of that, and how customers without an active meter are
treated only select which rows are added up. So the database adds up the rows for each combination of what selects them.
Policies that change the amounts of invoices (a *treatment*) are few: for each treatment that gives other amounts, they
are computed by the step itself. Add here a policy's effect on the sums; `sums` adds up what a policy selects.
"""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Subquery,
    and_,
    case,
    func,
    select,
)

from meter_assets.billing.change import Change
from meter_assets.billing.constructs import nulls_last
from meter_assets.billing.customers import chosen_meters
from meter_assets.billing.invoice_lines import recomputed
from meter_assets.billing.ledger import net
from meter_assets.billing.money import ZERO, exact, or_zero, total
from meter_assets.billing.payment_rules import FIRST_ASSIGNED_METER, PAYMENT_METER_IDS
from meter_assets.billing.policy import (
    CustomersWithoutActiveMeter,
    InvoicesWithoutBills,
    Policy,
    RoundingOfSums,
)
from meter_assets.billing.relations import BillingRelations, billing_relations
from meter_assets.migration.snapshot import Snapshot
from meter_assets.migration.temporary_tables import READ_OFTEN, materialized
from meter_assets.reports.policies.statuses import (
    NEVER_COUNTED,
    StatusBits,
    Words,
    number,
    status_bits,
    uncounted_words,
    words,
)
from meter_assets.rules.steps import STEPS

PAYMENTS = "payments"
"""The key of the sums of payments; those of invoices have the key of their treatment."""
EVERY_PAYMENT, FOR_INACTIVE_METERS = "every payment", "for inactive meters"
AMOUNT, TOTAL, OPENING = "amount", "total", "opening"

_OF_LINES = ("invoices_with_lines", "kinds_of_bills", "line_sums")
_NO_OPENING = -1


class Selector(NamedTuple):
    """What decides whether a policy adds up a part."""

    kind: str
    status: int
    """The bit of its rows' status; 0 if every policy counts them."""
    earlier: int = 0
    """Of an opening balance: the bits of the earlier invoices' statuses. If one of them counts, it is no opening."""


class Part(NamedTuple):
    """A sum of rows of a customer's meters, in currency units."""

    selector: Selector
    customer_id: Any
    money: Decimal


class OldBalance(NamedTuple):
    """What a customer owed before, in currency units: the backup if there is one, or else the customer's balance."""

    id: Any
    name: Any
    old: Decimal


@dataclass(frozen=True)
class Parts:
    """All parts of a tenant, and how policies select them."""

    customers: Sequence[OldBalance]
    sums: Mapping[Hashable, Sequence[Part]]
    """The parts of payments, and those of invoices under each treatment that was computed."""
    uncounted: Mapping[Hashable, Mapping[Words, int]]
    """For the same keys: the bits of the statuses that are uncounted, by the policy's words for them."""
    treatments: Mapping[Hashable, Hashable]
    """For the treatment of each policy: the key of the one that was computed and gives the same amounts."""

    def without_sums(self) -> "Parts":
        """Return how policies select parts, without the parts."""
        return replace(self, customers=(), sums={})


def treatment(policy: Policy) -> tuple[Words, InvoicesWithoutBills | None, Hashable]:
    """Return what a policy does to the amounts of invoices."""
    rounds = policy.rounding_of_sums is not RoundingOfSums.none
    rounding = (policy.rounding_of_sums, policy.currency_decimals) if rounds else None
    return words(policy.brought_forward_bill_types), policy.invoices_without_bills, rounding


def read_parts(snapshot: Snapshot, tenant_id: Any, policies: Sequence[Policy]) -> Parts:
    """Read the parts of a tenant for these policies, which must have the same `deletion_columns`.

    Raises UnknownPolicy if the database lacks one of these columns, and InvalidSettings if the policies treat more than
    60 groups of statuses in different ways.
    """
    base = billing_relations(snapshot.schema, policies[0], tenant_id)
    reader = _Reader(snapshot, materialized(base, snapshot.tables, *READ_OFTEN), policies)
    uncounted: dict[Hashable, Mapping[Words, int]] = {}
    sums: dict[Hashable, Sequence[Part]] = {}
    sums[PAYMENTS], uncounted[PAYMENTS] = reader.payments()
    computed, treatments = reader.treatments()
    for key, policy in computed.items():
        sums[key], uncounted[key] = reader.invoices(policy)
    return Parts(reader.customers(), sums, uncounted, treatments)


class _Reader:
    """Reads a tenant's rows once for all policies."""

    def __init__(self, snapshot: Snapshot, relations: BillingRelations, policies: Sequence[Policy]) -> None:
        """Take the relations of the tenant, which share what they compute in temporary tables."""
        self._connection, self._tables = snapshot.connection, snapshot.tables
        self._relations, self._policies = relations, policies
        self._pairs = chosen_meters(relations)
        relations.lines  # noqa: B018  # shares the invoices with lines among all treatments
        self._by_bill_types: dict[Words, BillingRelations] = {}
        self._of_invoices: tuple[StatusBits, dict[Words, int]] | None = None

    def customers(self) -> list[OldBalance]:
        """Return the customers with their old balances, in the order of their ids."""
        customer, kept = self._relations.customers, self._relations.backup
        of_customer = and_(kept.c.customer_id == customer.c.id, kept.c.tenant_id == customer.c.tenant_id)
        old = case((kept.c.customer_id.is_not(None), net(kept)), else_=net(customer)).label("old")
        found = select(customer.c.id, customer.c.name, old).outerjoin(kept, of_customer).order_by(customer.c.id)
        return [OldBalance(*row) for row in self._connection.execute(found)]

    def payments(self) -> tuple[list[Part], Mapping[Words, int]]:
        """Return what each customer has paid, by status, and the bits of the statuses.

        The policy `leave` differs from `first_assigned_meter` in the payments for which the rule of that name takes an
        inactive meter, and in no other: it gives them none. So these are summed by themselves too.
        """
        take = CustomersWithoutActiveMeter.first_assigned_meter
        takes = [one for one in self._policies if one.customers_without_active_meter is take]
        relations = self._relations.under((takes or self._policies)[0])
        change, after = self._after(PAYMENT_METER_IDS, relations)
        status, uncounted = self._statuses("payments", relations.payments)
        sums = list(self._paid(after.payments, status, EVERY_PAYMENT))
        if 0 < len(takes) < len(self._policies):
            payment, by_rule = after.payments, change.changed.c.rule == FIRST_ASSIGNED_METER
            of_rule = payment.c.id.in_(select(change.changed.c.id).where(by_rule))
            inactive = select(payment).where(of_rule).subquery("for_inactive_meters")
            sums += self._paid(inactive, status, FOR_INACTIVE_METERS)
        return sums, uncounted

    def _paid(self, payment: FromClause, status: StatusBits, kind: str) -> Iterator[Part]:
        row = (
            select(payment.c.tenant_id, payment.c.meter_id, payment.c.amount, status.of(payment))
            .where(payment.c.meter_id.is_not(None))
            .subquery("with_status")
        )
        key = (row.c.tenant_id, row.c.meter_id, row.c.bit)
        paid = total(or_zero(exact(row.c.amount))).label("paid")
        of_meter = select(*key, paid).where(row.c.bit != NEVER_COUNTED).group_by(*key).subquery("paid_by_status")
        for customer_id, bit, money in self._per_customer(of_meter, ("bit",), ("paid",)):
            yield Part(Selector(kind, int(bit)), customer_id, money)

    def treatments(self) -> tuple[dict[Hashable, Policy], dict[Hashable, Hashable]]:
        """Return a policy for each treatment that gives other amounts, and for each treatment the key of its equal."""
        wanted = {treatment(one): one for one in self._policies}
        varies = len({of_no_lines for _, of_no_lines, _ in wanted}) > 1
        has_no_lines = varies and self._is_any(lambda invoice: invoice.c.lines.is_(None), self._policies[0])
        is_rounded: dict[Hashable, bool] = {}
        computed: dict[Hashable, Policy] = {}
        alias: dict[Hashable, Hashable] = {}
        for key, policy in wanted.items():
            bill_types, of_no_lines, rounding = key
            if rounding:
                rounded_sums = bill_types, policy.currency_decimals
                if rounded_sums not in is_rounded:
                    is_rounded[rounded_sums] = self._is_any(lambda invoice: invoice.c.is_rounded, policy)
                rounding = rounding if is_rounded[rounded_sums] else None
            alias[key] = (bill_types, of_no_lines if has_no_lines else None, rounding)
            computed.setdefault(alias[key], policy)
        return computed, alias

    def _is_any(self, condition: Any, policy: Policy) -> bool:
        """Return whether a condition is true of any invoice, with the sums of its lines, under a policy."""
        invoice = recomputed(self._under(policy))
        return bool(self._connection.scalar(select(func.count(case((condition(invoice), 1)))).select_from(invoice)))

    def _under(self, policy: Policy) -> BillingRelations:
        """Return the relations under a policy, with the sums of lines that were computed for the same bill types.

        How many lines are not exact depends on the rounding too, but changes no amount.
        """
        bill_types, _, _ = treatment(policy)
        if bill_types not in self._by_bill_types:
            self._by_bill_types[bill_types] = self._relations.under(policy, _OF_LINES[:1])
        self._by_bill_types[bill_types] = self._by_bill_types[bill_types].under(policy, _OF_LINES)
        return self._by_bill_types[bill_types]

    def invoices(self, policy: Policy) -> tuple[list[Part], Mapping[Words, int]]:
        """Return what each customer was billed under a treatment, by status, and the bits of the statuses."""
        relations = self._under(policy)
        _, after = self._after("invoice_amounts", relations)
        # A status may be one that the database computes from the amounts.
        by_amounts = "status" in relations.schema.generated("invoices")
        if by_amounts or self._of_invoices is None:
            self._of_invoices = self._statuses("invoices", (after if by_amounts else relations).invoices)
        status, uncounted = self._of_invoices
        sums: list[Part] = []
        of_meter, kinds = _billed_by_status(after.invoices, status), (AMOUNT, TOTAL, OPENING)
        for customer_id, bit, earlier, *money in self._per_customer(of_meter, ("bit", "earlier"), kinds):
            amount, total_amount, opening = money
            sums.append(Part(Selector(AMOUNT, int(bit)), customer_id, amount))
            sums.append(Part(Selector(TOTAL, int(bit)), customer_id, total_amount))
            if int(earlier) != _NO_OPENING:
                sums.append(Part(Selector(OPENING, int(bit), int(earlier)), customer_id, opening))
        return sums, uncounted

    def _after(self, step: str, relations: BillingRelations) -> tuple[Change, BillingRelations]:
        change = STEPS[step].compute(relations)
        change = change if self._tables is None else self._tables.change(change)
        return change, relations.after(change)

    def _per_customer(self, of_meter: FromClause, by: Sequence[str], sums: Sequence[str]) -> Iterator[Any]:
        """Yield the sums of meters, added up for each customer whose meters they are."""
        pair = self._pairs
        is_its = and_(of_meter.c.meter_id == pair.c.meter_id, of_meter.c.tenant_id == pair.c.tenant_id)
        key = (pair.c.customer_id, *(of_meter.c[name] for name in by))
        summed = select(*key, *(total(of_meter.c[name]).label(name) for name in sums))
        yield from self._connection.execute(summed.join(of_meter, is_its).group_by(*key))

    def _statuses(self, table: str, rows: FromClause) -> tuple[StatusBits, dict[Words, int]]:
        wanted = {uncounted_words(one, table): one for one in self._policies}
        return status_bits(self._connection, table, rows, list(wanted))


def _billed_by_status(invoice: FromClause, status: StatusBits) -> Subquery:
    """Return, for each meter, status and opening, the sums of amounts, of totals, and the opening balance.

    Which invoice opens a meter's ledger depends on the statuses that count. It is the first of its status; its opening
    balance counts if its status does, and those of no earlier invoice do: `earlier` has the bits of these.
    """
    wanted = ("tenant_id", "id", "meter_id", "invoice_date", "amount", "balance_brought_forward", "total_amount")
    columns = (invoice.c[name] for name in wanted)
    row = select(*columns, status.of(invoice)).where(invoice.c.meter_id.is_not(None)).subquery("with_status")
    in_time, of_meter = (*nulls_last(row.c.invoice_date), row.c.id), (row.c.tenant_id, row.c.meter_id)
    place = func.row_number().over(partition_by=(*of_meter, row.c.bit), order_by=in_time).label("place")
    one = select(row, place).where(row.c.bit != NEVER_COUNTED).subquery("in_order")
    in_time, of_meter = (*nulls_last(one.c.invoice_date), one.c.id), (one.c.tenant_id, one.c.meter_id)
    is_first = one.c.place == 1

    def earlier(bits: ColumnElement[int]) -> ColumnElement[int]:
        so_far = func.sum(case((is_first, bits), else_=number(0)))
        return func.coalesce(so_far.over(partition_by=of_meter, order_by=in_time, rows=(None, -1)), number(0))

    brought_forward = or_zero(exact(one.c.balance_brought_forward))
    always = earlier(case((one.c.bit == 0, number(1)), else_=number(0)))
    seen = select(
        one, earlier(one.c.bit).label("bits"), always.label("always"), brought_forward.label("opening")
    ).subquery("with_earlier")
    opens = and_(seen.c.place == 1, seen.c.always == 0, seen.c.opening != ZERO)
    by = select(seen, case((opens, seen.c.bits), else_=number(_NO_OPENING)).label("earlier")).subquery("with_openings")
    key = (by.c.tenant_id, by.c.meter_id, by.c.bit, by.c.earlier)
    return (
        select(
            *key,
            total(or_zero(exact(by.c.amount))).label(AMOUNT),
            total(or_zero(exact(by.c.total_amount))).label(TOTAL),
            total(by.c.opening).label(OPENING),
        )
        .group_by(*key)
        .subquery("billed_by_status")
    )
