"""Policies: the operator's choices about the meaning of the data, with their values and defaults.

Add a policy here as a field of `Policy`. Reading policies from a file or the environment belongs in `settings`.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo

from meter_assets.errors import UnknownPolicy


class CustomersWithoutActiveMeter(StrEnum):
    """How to treat a payment without an invoice whose customer has no active meter."""

    leave = "leave"
    first_assigned_meter = "first_assigned_meter"


class InvoicesWithoutBills(StrEnum):
    """How to treat the amounts of an invoice without lines."""

    keep = "keep"
    zero = "zero"


class BalanceBasis(StrEnum):
    """How to compute what a meter is billed: see `billing.ledger`."""

    charges_and_opening_balance = "charges_and_opening_balance"
    invoice_totals = "invoice_totals"


class Policy(BaseModel):
    """The policies of a run; recorded as JSON with every run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    customers_without_active_meter: CustomersWithoutActiveMeter = Field(
        default=CustomersWithoutActiveMeter.leave,
        description="A payment without an invoice whose customer has no active meter: leave it without a meter "
        "(leave), or take the customer's first assigned meter, for review (first_assigned_meter).",
    )
    invoices_without_bills: InvoicesWithoutBills = Field(
        default=InvoicesWithoutBills.keep,
        description="An invoice that has no lines: keep its amounts (keep), or set them to zero (zero).",
    )
    balance_basis: BalanceBasis = Field(
        default=BalanceBasis.charges_and_opening_balance,
        description="What a meter is billed: its invoices' charges and its earliest brought-forward balance "
        "(charges_and_opening_balance), or the sum of its invoices' totals, which counts carried-forward debt twice "
        "and is only to match old figures (invoice_totals).",
    )
    uncounted_payment_statuses: tuple[str, ...] = Field(
        default=("reversed", "failed", "cancelled", "voided", "pending"),
        description="Payments with one of these statuses (compared without case) have no money in them.",
    )
    uncounted_invoice_statuses: tuple[str, ...] = Field(
        default=("reversed", "cancelled", "voided", "draft"),
        description="Invoices with one of these statuses (compared without case) have no money in them.",
    )
    tolerance: Decimal = Field(
        default=Decimal("1.00"),
        ge=0,
        description="How far, in currency units, customers' backed-up balances and their meters' may be apart.",
    )

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> Self:
        """Build a policy from named values; missing names get their defaults.

        Raises UnknownPolicy, listing what is valid, for an unknown name or an invalid value.
        """
        try:
            return cls(**dict(values))
        except ValidationError as error:
            sentences = [_sentence(cls.model_fields, one["loc"], one["input"]) for one in error.errors()]
            raise UnknownPolicy(sentences) from None


def _sentence(fields: Mapping[str, FieldInfo], location: tuple[int | str, ...], given: Any) -> str:
    name = str(location[0])
    if name not in fields:
        return f"Unknown policy '{name}'; the policies are: {', '.join(fields)}."
    return f"Policy '{name}' cannot be {given!r}; {_valid_values(fields[name])}."


_VALID: Mapping[Any, str] = {
    bool: "expected true or false",
    int: "expected a whole number",
    Decimal: "expected a number of currency units",
    tuple[str, ...]: "expected a list of strings",
}


def _valid_values(field: FieldInfo) -> str:
    kind = field.annotation
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return f"its values are: {', '.join(kind)}"
    return ", ".join([_VALID[kind], *_bounds(field)])


def _bounds(field: FieldInfo) -> Iterator[str]:
    """Yield the bounds of a number, such as "0 or more"."""
    for bound in field.metadata:
        for attribute, words in {"ge": "or more", "le": "or less"}.items():
            if hasattr(bound, attribute):
                yield f"{getattr(bound, attribute)} {words}"
