"""Policies: the operator's choices about the meaning of the data, with their values and defaults.

Add a policy here as a field of `Policy`. Reading policies from a file or the environment belongs in `settings`.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
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


class RoundingOfSums(StrEnum):
    """How to write the sums of lines that have more decimals than the currency."""

    none = "none"
    half_up = "half_up"
    half_even = "half_even"


def folded(text: str) -> str:
    """Return a status or a bill type in the form in which it is compared: without case and surrounding blanks."""
    return text.strip().lower()


_COUNTED_PAYMENTS = (
    *("paid", "completed", "complete", "successful", "success", "succeeded", "confirmed", "posted", "settled"),
    *("cleared", "received", "approved", "applied", "allocated", "processed", "active"),
)
_COUNTED_INVOICES = (
    *("open", "paid", "unpaid", "partial", "partially_paid", "partially paid", "overdue", "due", "issued", "sent"),
    *("posted", "approved", "billed", "final", "finalized", "closed", "carried_forward", "carried forward", "active"),
)


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
        description="Payments with one of these statuses (compared without case and surrounding blanks) have no money "
        "in them.",
    )
    counted_payment_statuses: tuple[str, ...] = Field(
        default=_COUNTED_PAYMENTS,
        description="Payments with one of these statuses have money in them. A payment with money whose status is in "
        "neither list is an ERROR.",
    )
    uncounted_invoice_statuses: tuple[str, ...] = Field(
        default=("reversed", "cancelled", "voided", "draft"),
        description="Invoices with one of these statuses (compared without case and surrounding blanks) have no money "
        "in them.",
    )
    counted_invoice_statuses: tuple[str, ...] = Field(
        default=_COUNTED_INVOICES,
        description="Invoices with one of these statuses have money in them. An invoice with money whose status is in "
        "neither list is an ERROR.",
    )
    brought_forward_bill_types: tuple[str, ...] = Field(
        default=("BALANCE",),
        description="Lines with one of these bill types (compared without case and surrounding blanks) bring earlier "
        "debt forward; all others are charges.",
    )
    charge_bill_types: tuple[str, ...] = Field(
        default=(
            "WATER",
            "SEWER",
            "SEWAGE",
            "WASTEWATER",
            "ELECTRICITY",
            "POWER",
            "ENERGY",
            "GAS",
            "HEATING",
            "TAX",
            "VAT",
        ),
        description="Bill types that are charges although their names, or their amounts, look like brought-forward "
        "debt. A type that looks so and is in neither list is an ERROR.",
    )
    currency_decimals: int = Field(
        default=2,
        ge=0,
        le=4,
        description="How many decimals the currency has. An amount with more is an ERROR.",
    )
    rounding_of_sums: RoundingOfSums = Field(
        default=RoundingOfSums.none,
        description="Invoice lines may have more decimals than the currency if their sums are rounded: halves away "
        "from zero (half_up), or to the even neighbour (half_even). Without rounding (none), such a line is an ERROR.",
    )
    deletion_columns: tuple[str, ...] = Field(
        default=(),
        description="Columns that mark a row as deleted when they are set, in addition to deleted_at, each as "
        "table.column. Such rows have no financial effect.",
    )
    ignored_columns: tuple[str, ...] = Field(
        default=(),
        description="Columns that look as if they marked deleted rows, but have no effect on money, each as "
        "table.column.",
    )
    tolerance: Decimal = Field(
        default=Decimal("1.00"),
        ge=0,
        description="How far, in currency units, customers' backed-up balances and their meters' may be apart.",
    )

    @model_validator(mode="after")
    def _one_meaning_each(self) -> Self:
        """Take what one list names out of the default of the opposite list.

        Raises ValueError for a value that both lists were given.
        """
        for pair in OPPOSITES:
            one, other = (set(map(folded, getattr(self, name))) for name in pair)
            both = one & other
            defaults = [name for name in pair if name not in self.model_fields_set]
            if both and not defaults:
                raise ValueError(f"{', '.join(map(repr, sorted(both)))} cannot be in both {' and '.join(pair)}.")
            for name in defaults:
                left = tuple(value for value in getattr(self, name) if folded(value) not in both)
                object.__setattr__(self, name, left)
        return self

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> Self:
        """Build a policy from named values; missing names get their defaults.

        Raises UnknownPolicy, listing what is valid, for an unknown name or an invalid value.
        """
        try:
            return cls(**dict(values))
        except ValidationError as error:
            sentences = [
                _sentence(cls.model_fields, one["loc"], one["input"])
                if one["loc"]
                else f"Policy {one['msg'].removeprefix('Value error, ')}"
                for one in error.errors()
            ]
            raise UnknownPolicy(sentences) from None


OPPOSITES = (
    ("uncounted_payment_statuses", "counted_payment_statuses"),
    ("uncounted_invoice_statuses", "counted_invoice_statuses"),
    ("brought_forward_bill_types", "charge_bill_types"),
    ("deletion_columns", "ignored_columns"),
)
"""Pairs of lists that give a value opposite meanings: none may be in both."""


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
