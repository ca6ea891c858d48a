"""The policies that a comparison ranks: combinations of values that the user named, or that the data has.

Add here which values are combined by default, and how a difference between two policies is told. What customers owe
under them is in `sums`, how they are ranked in `comparison`.
"""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import product
from math import prod
from typing import Any, get_origin

from sqlalchemy import Connection, case, func, select

from meter_assets.billing.conditions import as_text
from meter_assets.billing.constructs import as_written
from meter_assets.billing.money import exact, fits_currency, or_zero, total
from meter_assets.billing.policy import (
    OPPOSITES,
    BalanceBasis,
    CustomersWithoutActiveMeter,
    InvoicesWithoutBills,
    Policy,
    RoundingOfSums,
    folded,
)
from meter_assets.billing.relations import BillingRelations
from meter_assets.errors import InvalidSettings
from meter_assets.foreign_text import quoted
from meter_assets.formatting import show_money
from meter_assets.reports.policies.statuses import words

MOST_POLICIES = 16_384
"""The most policies of one comparison."""
ENUMERATED: Mapping[str, Sequence[Any]] = {
    "customers_without_active_meter": tuple(CustomersWithoutActiveMeter),
    "invoices_without_bills": tuple(InvoicesWithoutBills),
    "balance_basis": tuple(BalanceBasis),
}
"""The policies of which all values are combined by default."""
UNCOUNTED = {"payments": "uncounted_payment_statuses", "invoices": "uncounted_invoice_statuses"}
_OPPOSITE = {**dict(OPPOSITES), **{second: first for first, second in OPPOSITES}}
_WORDS = {
    "uncounted_payment_statuses": ("{} payments: not counted", "{} payments: counted"),
    "uncounted_invoice_statuses": ("{} invoices: not counted", "{} invoices: counted"),
    "brought_forward_bill_types": ("bill type {}: brought forward", "bill type {}: a charge"),
}
_WITHOUT_MONEY = frozenset(_OPPOSITE[name] for name in _WORDS)
"""The lists that only say what is known: what they name has the same money as what no list names."""


@dataclass(frozen=True)
class Choices:
    """The policies to compare, the configured one first, and what the default combinations leave out."""

    policies: list[Policy]
    left_out: list[str]
    """Sentences; none if the user named the values."""


@dataclass(frozen=True)
class FoundStatus:
    """A status of payments or invoices in the form of `policy.folded`, with the sum of its amounts without signs."""

    table: str
    status: str
    money: Decimal


def named_choices(configured: Policy, given: Sequence[str]) -> Choices:
    """Return the combinations of values that the user named, each as "name=value"; a list is separated by commas.

    All else is as configured. What a named list contains is taken out of the configured opposite list. Raises
    UnknownPolicy for an unknown name, an invalid value, or a value that two named lists contain, and InvalidSettings
    for a text of another form and for too many combinations.
    """
    values: dict[str, list[Any]] = {}
    for text in given:
        name, separator, value = text.partition("=")
        if not separator:
            raise InvalidSettings(
                f"--policy {quoted(text)}: expected name=value, such as --policy balance_basis=invoice_totals."
            )
        values.setdefault(name.strip(), []).append(_value(name.strip(), value.strip()))
    combinations = prod(len(found) for found in values.values())
    if combinations > MOST_POLICIES:
        raise InvalidSettings(
            f"The named values have {combinations:,} combinations; at most {MOST_POLICIES:,} policies can be compared. "
            "Name fewer values with --policy."
        )
    named = (_changed(configured, dict(zip(values, one, strict=True))) for one in product(*values.values()))
    return Choices(_distinct([configured, *named]), [])


def _value(name: str, text: str) -> Any:
    """Return a value as a file would contain it. Raises UnknownPolicy if it is invalid."""
    field = Policy.model_fields.get(name)
    is_list = field is not None and get_origin(field.annotation) is tuple
    value = tuple(filter(None, (one.strip() for one in text.split(",")))) if is_list else text
    return getattr(Policy.from_values({name: value}), name, None)


def _changed(configured: Policy, values: Mapping[str, Any]) -> Policy:
    """Return the configured policy with other values. Raises UnknownPolicy if two of them contradict each other."""
    others: dict[str, Any] = {}
    for name in values:
        opposite = _OPPOSITE.get(name)
        if opposite is not None and opposite not in values:
            words = set(map(folded, values[name]))
            others[opposite] = tuple(one for one in getattr(configured, opposite) if folded(one) not in words)
    return Policy.from_values({**configured.model_dump(), **others, **values})


def default_choices(configured: Policy, statuses: Sequence[FoundStatus], *, has_fractions: bool) -> Choices:
    """Return the combinations of all values of `ENUMERATED`, and of each found status as counted and as not counted.

    The roundings of sums are combined too if a line `has_fractions` of the currency's minor unit. If there are too many
    combinations, statuses with less money are left as they are configured.
    """
    fields = {**ENUMERATED, **({"rounding_of_sums": tuple(RoundingOfSums)} if has_fractions else {})}
    room = MOST_POLICIES // prod(map(len, fields.values()))
    most = room.bit_length() - 1
    by_money = sorted(statuses, key=lambda one: -one.money)
    varied, left = by_money[:most], by_money[most:]
    policies = [configured]
    for flips in product((False, True), repeat=len(varied)):
        flipped = [one for one, flips_it in zip(varied, flips, strict=True) if flips_it]
        changed = _changed(configured, dict(_flipped(configured, flipped)))
        policies += [
            changed.model_copy(update=dict(zip(fields, one, strict=True))) for one in product(*fields.values())
        ]
    return Choices(_distinct(policies), [_left_out(left)] if left else [])


def _flipped(configured: Policy, statuses: Sequence[FoundStatus]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the lists of statuses of a policy that treats some statuses in the opposite way."""
    for table, name in UNCOUNTED.items():
        words = [one.status for one in statuses if one.table == table]
        if not words:
            continue
        before = set(map(folded, getattr(configured, name)))
        counting, ceasing = [one for one in words if one in before], [one for one in words if one not in before]
        for of, leaving, entering in ((name, counting, ceasing), (_OPPOSITE[name], ceasing, counting)):
            kept = (one for one in getattr(configured, of) if folded(one) not in leaving)
            yield of, (*kept, *entering)


def _left_out(statuses: Sequence[FoundStatus]) -> str:
    named = ", ".join(f"{quoted(one.status)} of {one.table} ({show_money(one.money)})" for one in statuses)
    return (
        f"Left as configured, because {MOST_POLICIES:,} policies are the most that are compared, and these have the "
        f"least money: {named}. To compare them, name values with "
        "--policy."
    )


def _distinct(policies: Sequence[Policy]) -> list[Policy]:
    """Return the policies without those that mean the same as an earlier one."""
    found: dict[Hashable, Policy] = {}
    for one in policies:
        found.setdefault(_meaning(one), one)
    return list(found.values())


def _meaning(policy: Policy) -> Hashable:
    values = ((name, getattr(policy, name)) for name in Policy.model_fields if name not in _WITHOUT_MONEY)
    return tuple((name, _as_set(value)) for name, value in values)


def _as_set(value: Any) -> Any:
    return words(value) if isinstance(value, tuple) else value


def settings_of(policy: Policy, configured: Policy) -> dict[str, Any]:
    """Return the values in which a policy differs from the configured one, as a configuration file has them."""
    pairs = ((name, getattr(policy, name), getattr(configured, name)) for name in Policy.model_fields)
    names = {name for name, new, old in pairs if new != old and _as_set(new) != _as_set(old)}
    return policy.model_dump(mode="json", include=names) if names else {}


def in_words(policy: Policy, configured: Policy) -> list[str]:
    """Return in words in what a policy differs from the configured one, one difference each."""
    found: list[str] = []
    for name in Policy.model_fields:
        if name in _WITHOUT_MONEY or getattr(policy, name) == getattr(configured, name):
            continue
        new, old = _as_set(getattr(policy, name)), _as_set(getattr(configured, name))
        if name in _WORDS:
            added, removed = _WORDS[name]
            found += [added.format(quoted(one)) for one in sorted(new - old)]
            found += [removed.format(quoted(one)) for one in sorted(old - new)]
        elif isinstance(new, frozenset):
            found.append(f"{name} = {', '.join(map(quoted, getattr(policy, name))) or 'none'}")
        else:
            found.append(f"{name} = {new}")
    return found


def found_statuses(connection: Connection, relations: BillingRelations) -> list[FoundStatus]:
    """Return the statuses of payments and invoices, of the tenants of these relations."""
    found: dict[tuple[str, str], Decimal] = {}
    for table, column in (("payments", "amount"), ("invoices", "total_amount")):
        rows = relations.rows[table]
        money = func.abs(or_zero(exact(rows.c[column])), type_=exact.type)
        labelled = select(as_written(as_text(rows.c.status)).label("status"), money.label("money"))
        one = labelled.where(rows.c.status.is_not(None)).subquery("labelled")
        for status, summed in connection.execute(select(one.c.status, total(one.c.money)).group_by(one.c.status)):
            key = table, folded(status)
            found[key] = found.get(key, Decimal(0)) + (summed if summed.is_finite() else 0)
    return [FoundStatus(table, status, money) for (table, status), money in found.items()]


def has_fractions(connection: Connection, relations: BillingRelations) -> bool:
    """Return whether a line has more decimals than the currency, so that the sums of lines may be rounded."""
    line = relations.lines
    beyond = case((~fits_currency(line.c.amount, relations.policy), 1))
    return bool(connection.scalar(select(func.count(beyond)).select_from(line)))
