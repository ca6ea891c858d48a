"""Which invariants belong together, which a step must satisfy, and which keep balances from being written."""

import pytest

from meter_assets.rules.invariants import INVARIANTS, Group, Severity, blocking, of_group
from meter_assets.rules.steps import invariants_about

NAMES = {group: [one.name for one in INVARIANTS if one.group is group] for group in Group}
BLOCKING = {
    "every_counted_payment_has_a_meter",
    "every_payment_meter_exists_in_its_tenant",
    "every_payment_amount_is_a_number",
    "every_counted_invoice_has_a_meter",
    "every_invoice_meter_exists_in_its_tenant",
    "every_counted_invoice_adds_up",
    "every_counted_invoice_equals_its_lines",
    "every_invoice_line_is_complete",
    "every_invoice_amount_is_a_number",
    "every_customer_has_a_backup",
}
ABOUT = {
    (): [],
    ("payment_meter_ids",): [Group.payments],
    ("invoice_amounts",): [Group.invoices],
    ("customer_balances_backup",): [Group.backup],
    ("customer_balances",): [],
    ("payment_meter_ids", "customer_balances_backup"): [Group.payments, Group.backup],
    ("meter_balances",): list(Group),
    ("invoice_amounts", "meter_balances"): list(Group),
}


@pytest.mark.parametrize("group", Group)
def test_errors_of_a_group_come_before_warnings(group: Group) -> None:
    found = of_group(group)
    assert sorted(one.name for one in found) == sorted(NAMES[group])
    severities = [one.severity for one in found]
    assert severities == sorted(severities, key=[Severity.ERROR, Severity.WARN].index)


@pytest.mark.parametrize("steps", ABOUT, ids=" ".join)
def test_a_step_is_checked_by_its_own_group_and_balances_by_all(steps: tuple[str, ...]) -> None:
    assert [one.name for one in invariants_about(steps)] == [name for group in ABOUT[steps] for name in NAMES[group]]


def test_errors_about_anything_but_balances_block() -> None:
    assert {one.name for one in blocking()} == BLOCKING
