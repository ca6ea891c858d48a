"""Which policy is right: ranks policies by how many customers' old balances they reproduce, and compares two of them.

A customer's old balance is the backed-up one, or else that of the table customers; the new balance is what the
customer's meters together would owe after a migration under the policy. Nothing is written. Add here what is told of
policies. Which policies are compared is in `choices`, what customers owe under them in `sums`.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from hashlib import blake2b
from typing import Any

import numpy as np
from pydantic import BaseModel

from meter_assets.billing.policy import Policy
from meter_assets.errors import InvalidSettings
from meter_assets.foreign_text import Shown
from meter_assets.migration.database import BillingDatabase, Tenant
from meter_assets.migration.snapshot import tried_again
from meter_assets.migration.step_report import Money
from meter_assets.reports.policies.choices import (
    Choices,
    default_choices,
    found_statuses,
    has_fractions,
    in_words,
    named_choices,
    settings_of,
)
from meter_assets.reports.policies.statuses import Words
from meter_assets.reports.policies.sums import EXACT, TenantSums, dimensions, tenant_sums

_DIGEST = 16
"""The bytes of a digest: no two policies with other balances have the same."""


class PolicyValues(BaseModel):
    """A policy by what differs from the configured one; nothing differs for the configured policy itself."""

    differences: list[str]
    """In words, one for each value."""
    settings: dict[str, Any]
    """The values as the table [policy] of a configuration file has them."""


class RankedPolicy(PolicyValues):
    """A policy and how well it reproduces the old balances (money in currency units)."""

    number: int
    """Its place in the list. Each policy has its own, also of policies that are equally good."""
    rank: int
    """1 for the best; policies that are equally good have the same."""
    tied: bool
    """Whether another policy, under which customers owe something else, is equally good."""
    configured: bool
    """Whether it, or one of the equal policies, is the configured policy."""
    exact: int
    """The customers whose new balances equal the old ones."""
    within_tolerance: int
    """The customers whose new balances differ by no more than the policy's tolerance."""
    difference: Money
    """The sum of all differences between new and old balances, without signs."""
    equal: list[PolicyValues]
    """Other policies under which every customer owes exactly the same."""


class OwedInstead(BaseModel):
    """A customer who owes something else under another policy (money in currency units; negative for a credit)."""

    tenant: str
    customer_id: Shown
    name: Shown
    old: Money
    under_a: Money
    under_b: Money


class Between(BaseModel):
    """The customers who owe something else under one of two policies, the largest differences first."""

    a: int
    """The number of the first policy."""
    b: int
    customers: list[OwedInstead]


class PolicyComparison(BaseModel):
    """How policies reproduce the old balances of all customers of some tenants."""

    tenants: int
    customers: int
    not_comparable: int
    """The customers with an amount that is no number. They are left out of all counts and sums."""
    policies: int
    """How many policies were compared. Those under which all customers owe the same are one in the ranking."""
    tolerance: Money
    left_out: list[str]
    """Sentences about what was not combined."""
    ranking: list[RankedPolicy]
    between: Between | None
    """None if all customers owe the same under all policies."""


def compare_policies(
    database: BillingDatabase,
    tenants: Sequence[Tenant],
    configured: Policy,
    named: Sequence[str] = (),
    *,
    between: tuple[int, int] | None = None,
    about_to_read: Callable[[Tenant], object] = lambda tenant: None,
) -> PolicyComparison:
    """Rank policies by how many customers' old balances they reproduce, over all these tenants together.

    The policies are all combinations of the named values (each "name=value"), or by default those of `default_choices`;
    the configured policy is always among them. `between` has the numbers in the ranking of two policies to compare;
    default: the first and the configured one, or the second if the configured one is the first. `about_to_read` is
    called before each tenant is read, in a read-only snapshot of its own. Raises UnknownPolicy and InvalidSettings for
    invalid values and numbers, and what `BillingDatabase.snapshot` and `schema` raise.
    """
    choices = named_choices(configured, named) if named else _found_choices(database, tenants, configured)
    scores = _Scores([_Score(one, _values(one, configured), at) for at, one in enumerate(choices.policies)])
    for tenant in tenants:
        about_to_read(tenant)
        scores.add(tenant, _read(database, tenant, choices.policies))
    groups = scores.ranked()
    ranking = _ranking(groups)
    return PolicyComparison(
        tenants=len(tenants),
        customers=scores.customers,
        not_comparable=scores.unusable,
        policies=len(choices.policies),
        tolerance=configured.tolerance,
        left_out=choices.left_out,
        ranking=ranking,
        between=scores.between(groups, _pair(ranking, between)),
    )


@tried_again
def _found_choices(database: BillingDatabase, tenants: Sequence[Tenant], configured: Policy) -> Choices:
    with database.read(configured) as snapshot:
        relations = snapshot.relations([one.id for one in tenants])
        connection = snapshot.connection
        statuses = found_statuses(connection, relations)
        return default_choices(configured, statuses, has_fractions=has_fractions(connection, relations))


@tried_again
def _read(database: BillingDatabase, tenant: Tenant, policies: Sequence[Policy]) -> dict[Words, TenantSums]:
    """Return the sums of a tenant for each set of `deletion_columns` of these policies."""
    by_deleted: dict[Words, list[Policy]] = {}
    for policy in policies:
        by_deleted.setdefault(frozenset(policy.deletion_columns), []).append(policy)
    with database.read(policies[0]) as snapshot:
        return {deleted: tenant_sums(snapshot, tenant.id, same) for deleted, same in by_deleted.items()}


@dataclass
class _Score:
    """How well a policy reproduces the old balances so far; `digest` tells policies with other balances apart."""

    policy: Policy
    values: PolicyValues
    at: int
    exact: int = 0
    within: int = 0
    difference: Decimal = Decimal(0)
    digest: bytes = b""

    @property
    def order(self) -> tuple[int, int, Decimal]:
        """A key by which better policies come first, and equally good ones are equal."""
        return -self.exact, -self.within, self.difference

    def add(self, measured: "_Measured") -> None:
        """Add the customers of a tenant."""
        self.exact += measured.exact
        self.within += measured.within
        self.difference = EXACT.add(self.difference, measured.difference)
        self.digest = blake2b(self.digest + measured.digest, digest_size=_DIGEST).digest()


@dataclass(frozen=True)
class _Measured:
    """How well some policies reproduce the old balances of one tenant."""

    exact: int
    within: int
    difference: Decimal
    digest: bytes


def _measure(sums: TenantSums, policy: Policy, of_customers: bytes) -> _Measured:
    owed = sums.owed(policy)
    apart = np.abs((owed - sums.old)[~sums.unusable])
    as_bytes = owed.tobytes() if owed.dtype != object else repr(owed.tolist()).encode()
    return _Measured(
        exact=int((apart == 0).sum()),
        within=int((apart <= sums.whole(policy.tolerance)).sum()),
        difference=sums.units(apart.sum() if len(apart) else 0),
        digest=blake2b(of_customers + as_bytes, digest_size=_DIGEST).digest(),
    )


class _Scores:
    """The scores of all policies, over the tenants so far."""

    def __init__(self, scores: Sequence[_Score]) -> None:
        """Take one score for each policy."""
        self._scores = scores
        numbers: tuple[dict[Hashable, int], dict[Hashable, int]] = ({}, {})
        self._dimensions = [
            tuple(
                known.setdefault(one, len(known)) for one, known in zip(dimensions(score.policy), numbers, strict=True)
            )
            for score in scores
        ]
        self._sums: list[tuple[Tenant, dict[Words, TenantSums]]] = []
        self.customers = self.unusable = 0

    def add(self, tenant: Tenant, by_deleted: Mapping[Words, TenantSums]) -> None:
        """Add the customers of a tenant, whose sums are given for each set of `deletion_columns`."""
        self._sums.append((tenant, dict(by_deleted)))
        first = next(iter(by_deleted.values()))
        self.customers += len(first.customers)
        self.unusable += int(first.unusable.sum())
        for deleted, sums in by_deleted.items():
            of_customers = repr((sums.decimals, [one.id for one in sums.customers])).encode()
            keys: tuple[dict[int, Hashable], dict[int, Hashable]] = ({}, {})
            measured: dict[Hashable, _Measured] = {}
            for score, (billed, paid) in zip(self._scores, self._dimensions, strict=True):
                policy = score.policy
                if frozenset(policy.deletion_columns) != deleted:
                    continue
                if billed not in keys[0]:
                    keys[0][billed] = sums.key_of_billed(policy)
                if paid not in keys[1]:
                    keys[1][paid] = sums.key_of_paid(policy)
                key = keys[0][billed], keys[1][paid], policy.tolerance
                if key not in measured:
                    measured[key] = _measure(sums, policy, of_customers)
                score.add(measured[key])
            sums.forget()

    def ranked(self) -> list[list[_Score]]:
        """Return groups of policies under which everyone owes the same, best first; the least different is first."""
        groups: dict[Hashable, list[_Score]] = {}
        for one in sorted(self._scores, key=lambda one: (*one.order, len(one.values.differences), one.at)):
            groups.setdefault((one.order, one.digest), []).append(one)
        return list(groups.values())

    def between(self, groups: Sequence[Sequence[_Score]], numbers: tuple[int, int] | None) -> Between | None:
        """Return the customers who owe something else under one of two policies, given their numbers."""
        if numbers is None:
            return None
        a, b = (groups[number - 1][0].policy for number in numbers)
        in_a, in_b = frozenset(a.deletion_columns), frozenset(b.deletion_columns)
        found = [one for tenant, of in self._sums for one in _owed_instead(tenant, of[in_a], a, of[in_b], b)]
        found.sort(key=lambda one: -abs(EXACT.subtract(one.under_a, one.under_b)))
        return Between(a=numbers[0], b=numbers[1], customers=found)


def _owed_instead(tenant: Tenant, in_a: TenantSums, a: Policy, in_b: TenantSums, b: Policy) -> Iterator[OwedInstead]:
    under_a, under_b = in_a.owed(a), in_b.owed(b)
    of_b = {one.id: at for at, one in enumerate(in_b.customers)}
    for at, customer in enumerate(in_a.customers):
        if customer.id not in of_b or in_a.unusable[at]:
            continue
        owed = in_a.units(under_a[at]), in_b.units(under_b[of_b[customer.id]])
        if owed[0] != owed[1]:
            yield OwedInstead(
                tenant=tenant.key,
                customer_id=customer.id,
                name=customer.name,
                old=in_a.units(in_a.old[at]),
                under_a=owed[0],
                under_b=owed[1],
            )


def _ranking(groups: Sequence[Sequence[_Score]]) -> list[RankedPolicy]:
    orders = [group[0].order for group in groups]
    alike, first = Counter(orders), {order: len(orders) - at for at, order in enumerate(reversed(orders))}
    return [
        RankedPolicy(
            **dict(group[0].values),
            number=at,
            rank=first[group[0].order],
            tied=alike[group[0].order] > 1,
            configured=any(one.at == 0 for one in group),
            exact=group[0].exact,
            within_tolerance=group[0].within,
            difference=group[0].difference,
            equal=[one.values for one in group[1:]],
        )
        for at, group in enumerate(groups, start=1)
    ]


def _values(policy: Policy, configured: Policy) -> PolicyValues:
    return PolicyValues(differences=in_words(policy, configured), settings=settings_of(policy, configured))


def _pair(ranking: Sequence[RankedPolicy], numbers: tuple[int, int] | None) -> tuple[int, int] | None:
    """Return the numbers of the two policies to compare. Raises InvalidSettings if one of them does not exist."""
    for number in numbers or ():
        if not 1 <= number <= len(ranking):
            raise InvalidSettings(f"--between {number}: the policies have the numbers 1 to {len(ranking):,}.")
    if numbers is not None or len(ranking) == 1:
        return numbers
    configured = next(one.number for one in ranking if one.configured)
    return 1, configured if configured != 1 else 2
