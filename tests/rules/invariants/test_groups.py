"""Which invariants belong together, which a step must satisfy, and which keep balances from being written."""

import pytest

from meter_assets.rules.invariants import (
    INVARIANTS,
    Group,
    Severity,
    blocking,
    current_name,
    errors_of,
    named,
    of_group,
)
from meter_assets.rules.steps import STEPS, guarded_step, invariants_about

NAMES = {group: [one.name for one in INVARIANTS if one.group is group] for group in Group}
VALUES = {
    "every_row_has_its_own_id",
    "every_date_is_valid",
    "every_flag_is_true_or_false",
    "every_balance_is_a_number",
    "every_amount_fits_the_currency",
    "no_row_is_deleted_by_an_unknown_column",
}
BLOCKING = VALUES | {
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
    "every_payment_status_is_known",
    "every_invoice_status_is_known",
    "every_invoice_amount_fits_the_currency",
    "every_bill_type_has_one_meaning",
}
ABOUT = {
    (): [],
    ("payment_meter_ids",): [Group.payments],
    ("invoice_amounts",): [Group.invoices],
    ("customer_balances_backup",): [Group.values, Group.backup],
    ("customer_balances",): [],
    ("payment_meter_ids", "customer_balances_backup"): [Group.values, Group.payments, Group.backup],
    ("meter_balances",): list(Group),
    ("invoice_amounts", "meter_balances"): list(Group),
}
GUARDED_STEPS = {
    Group.values: "customer_balances_backup",
    Group.payments: "payment_meter_ids",
    Group.invoices: "invoice_amounts",
    Group.backup: "customer_balances_backup",
    Group.balances: "meter_balances",
}
ERRORS_OF_BALANCES = [
    "every_meter_balance_equals_its_transactions",
    "every_meter_balance_is_one_sided",
    "money_is_conserved",
]


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


def test_errors_of_a_group_are_those_without_its_warnings() -> None:
    assert [one.name for one in errors_of(Group.balances)] == ERRORS_OF_BALANCES
    assert [one.name for one in errors_of(Group.backup)] == ["every_customer_has_a_backup"]


def test_invariants_are_found_by_their_names() -> None:
    found = named("every_customer_has_a_backup", "every_counted_payment_has_a_meter", "no such invariant")
    assert [one.name for one in found] == ["every_counted_payment_has_a_meter", "every_customer_has_a_backup"]
    assert named() == ()


@pytest.mark.parametrize(
    ("recorded", "current"),
    [
        ("no_payment_was_assigned_by_a_rule_for_review", "no_payment_meter_needs_review"),
        ("no_payment_meter_needs_review", "no_payment_meter_needs_review"),
        ("every_customer_has_a_backup", "every_customer_has_a_backup"),
        ("no such invariant", "no such invariant"),
    ],
)
def test_a_former_name_leads_to_the_current_one(recorded: str, current: str) -> None:
    assert current_name(recorded) == current


def test_every_group_is_about_the_rows_of_one_step() -> None:
    assert {group: guarded_step(group) for group in Group} == GUARDED_STEPS
    assert STEPS["customer_balances"].checks == ()


@pytest.mark.parametrize("step", STEPS)
def test_every_step_checks_the_values_that_it_reads(step: str) -> None:
    assert {one.name for one in STEPS[step].guards.values} == VALUES
