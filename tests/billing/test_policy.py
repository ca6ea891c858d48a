"""What a policy may be, and what is said of one that may not."""

from decimal import Decimal
from typing import Any

import pytest

from meter_assets.billing.policy import BalanceBasis, Policy
from meter_assets.errors import UnknownPolicy

NAMES = ", ".join(Policy.model_fields)
WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no such policy": ({"tolerence": 1}, f"Unknown policy 'tolerence'; the policies are: {NAMES}."),
    "no such value": (
        {"balance_basis": "totals"},
        "Policy 'balance_basis' cannot be 'totals'; its values are: charges_and_opening_balance, invoice_totals.",
    ),
    "no number": (
        {"tolerance": "much"},
        "Policy 'tolerance' cannot be 'much'; expected a number of currency units, 0 or more.",
    ),
    "below 0": (
        {"tolerance": Decimal(-1)},
        "Policy 'tolerance' cannot be Decimal('-1'); expected a number of currency units, 0 or more.",
    ),
    "no list": (
        {"uncounted_payment_statuses": "failed"},
        "Policy 'uncounted_payment_statuses' cannot be 'failed'; expected a list of strings.",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_policy_is_named_with_what_is_valid(case: str) -> None:
    values, sentence = WRONG[case]
    with pytest.raises(UnknownPolicy) as caught:
        Policy.from_values(values)
    assert sentence in str(caught.value)


def test_what_is_not_named_is_the_default() -> None:
    policy = Policy.from_values({"balance_basis": "invoice_totals"})
    assert policy == Policy(balance_basis=BalanceBasis.invoice_totals)
    assert policy.tolerance == Decimal("1.00")
