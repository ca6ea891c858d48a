"""What each customer of a tenant owes under many policies, as sums of the parts that `parts` reads.

The amounts are whole numbers of the smallest unit that any of the tenant's sums has, so that adding up is exact. Add
here how a policy selects parts. How the database computes parts is in `parts`, how policies are ranked in
`comparison`.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal
from typing import Any

import numpy as np

from meter_assets.billing.policy import BalanceBasis, CustomersWithoutActiveMeter, Policy
from meter_assets.foreign_text import shown
from meter_assets.migration.snapshot import Snapshot
from meter_assets.reports.policies.parts import (
    AMOUNT,
    EVERY_PAYMENT,
    OPENING,
    PAYMENTS,
    TOTAL,
    Part,
    Parts,
    Selector,
    read_parts,
    treatment,
)
from meter_assets.reports.policies.statuses import uncounted_words

EXACT = Context(prec=2_000, Emax=MAX_EMAX, Emin=MIN_EMIN)
"""The context in which money is computed here: no digit is ever rounded."""
LARGEST = 2**62
"""If all amounts of a tenant together are less, no sum of any of them needs more than 64 bits."""
_MOST_KEPT = 64
"""The most sums that are kept to be added up once."""

Amounts = np.ndarray[Any, np.dtype[Any]]
"""One whole number for each customer."""


@dataclass(frozen=True)
class Customer:
    """A customer as a report shows it."""

    id: str
    name: str


@dataclass
class TenantSums:
    """The parts of what each customer of a tenant owes, and what the customer owed by the old balances."""

    customers: Sequence[Customer]
    decimals: int
    """The decimals of the unit of the amounts."""
    old: Amounts
    unusable: Amounts
    """For each customer, whether one of the sums is no number, such as NaN."""
    _amounts: Mapping[Hashable, Sequence[tuple[Selector, Amounts]]]
    _parts: Parts
    _kept: dict[Hashable, Amounts] = field(default_factory=dict)

    def owed(self, policy: Policy) -> Amounts:
        """Return what each customer owes under a policy, which must be one of those that the parts were read for."""
        billed = self._once(self.key_of_billed(policy), self._billed, policy)
        return billed - self._once(self.key_of_paid(policy), self._paid, policy)

    def key_of_billed(self, policy: Policy) -> Hashable:
        """Return a key that policies share only if every customer was billed the same under them."""
        return self._treatment(policy), policy.balance_basis, self._uncounted_invoices(policy)

    def key_of_paid(self, policy: Policy) -> Hashable:
        """Return a key that policies share only if every customer has paid the same under them."""
        return PAYMENTS, policy.customers_without_active_meter, self._uncounted_payments(policy)

    def forget(self) -> None:
        """Free the memory of what was added up; it is added up again when it is asked for."""
        self._kept.clear()

    def units(self, amount: Any) -> Decimal:
        """Return an amount in currency units."""
        return Decimal(int(amount)).scaleb(-self.decimals, EXACT)

    def whole(self, money: Decimal) -> int:
        """Return the amount of currency units, rounded down."""
        return int(money.scaleb(self.decimals, EXACT))

    def _once(self, key: Hashable, compute: Any, policy: Policy) -> Amounts:
        if key not in self._kept:
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            self._kept[key] = compute(policy)
        return self._kept[key]

    def _uncounted_invoices(self, policy: Policy) -> int:
        return self._parts.uncounted[self._treatment(policy)][uncounted_words(policy, "invoices")]

    def _uncounted_payments(self, policy: Policy) -> int:
        return self._parts.uncounted[PAYMENTS][uncounted_words(policy, "payments")]

    def _treatment(self, policy: Policy) -> Hashable:
        return self._parts.treatments[treatment(policy)]

    def _billed(self, policy: Policy) -> Amounts:
        uncounted, found = self._uncounted_invoices(policy), np.zeros_like(self.old)
        for one, amounts in self._amounts[self._treatment(policy)]:
            if one.status & uncounted:
                continue
            if policy.balance_basis is BalanceBasis.invoice_totals:
                counts = one.kind == TOTAL
            else:
                opens = one.kind == OPENING and one.earlier & uncounted == one.earlier
                counts = one.kind == AMOUNT or opens
            found = found + amounts if counts else found
        return found

    def _paid(self, policy: Policy) -> Amounts:
        uncounted, found = self._uncounted_payments(policy), np.zeros_like(self.old)
        leaves = policy.customers_without_active_meter is CustomersWithoutActiveMeter.leave
        for one, amounts in self._amounts[PAYMENTS]:
            if one.status & uncounted:
                continue
            if one.kind == EVERY_PAYMENT:
                found = found + amounts
            elif leaves:  # their customers have no active meter, so this policy gives them none
                found = found - amounts
        return found


def dimensions(policy: Policy) -> tuple[Hashable, Hashable]:
    """Return all of a policy that decides what customers were billed, and all that decides what they have paid."""
    billed = treatment(policy), policy.balance_basis, uncounted_words(policy, "invoices")
    return billed, (policy.customers_without_active_meter, uncounted_words(policy, "payments"))


def tenant_sums(snapshot: Snapshot, tenant_id: Any, policies: Sequence[Policy]) -> TenantSums:
    """Return the sums of a tenant's customers, for these policies, which must have the same `deletion_columns`.

    Raises what `read_parts` raises.
    """
    parts = read_parts(snapshot, tenant_id, policies)
    every = [one.old for one in parts.customers] + [one.money for found in parts.sums.values() for one in found]
    numbers = [one for one in every if one.is_finite()]
    decimals = max((max(0, -int(one.as_tuple().exponent)) for one in numbers), default=0)
    fits = sum(abs(int(one.scaleb(decimals, EXACT))) for one in numbers) < LARGEST
    old = np.zeros(len(parts.customers), dtype=np.int64 if fits else object)
    unusable = np.zeros(len(parts.customers), dtype=bool)
    for at, one in enumerate(parts.customers):
        _add(old, unusable, at, one.old, decimals)
    places = {one.id: at for at, one in enumerate(parts.customers)}
    amounts = {key: _amounts(found, places, old, unusable, decimals) for key, found in parts.sums.items()}
    customers = [Customer(shown(one.id), "" if one.name is None else shown(one.name)) for one in parts.customers]
    return TenantSums(customers, decimals, old, unusable, amounts, parts.without_sums())


def _amounts(
    parts: Iterable[Part], places: Mapping[Any, int], like: Amounts, unusable: Amounts, decimals: int
) -> list[tuple[Selector, Amounts]]:
    found: dict[Selector, Amounts] = {}
    for one in parts:
        if one.selector not in found:
            found[one.selector] = np.zeros_like(like)
        _add(found[one.selector], unusable, places[one.customer_id], one.money, decimals)
    return list(found.items())


def _add(amounts: Amounts, unusable: Amounts, at: int, money: Decimal, decimals: int) -> None:
    if money.is_finite():
        amounts[at] += int(money.scaleb(decimals, EXACT))
    else:
        unusable[at] = True
