"""What rules and reasons mean, for people who do not know their names: the words of a report that is signed.

Add the words of a new rule or reason here. Statements have sentences of their own, with ids, in `statements`.
"""

from meter_assets.billing import payment_rules
from meter_assets.billing.policy import BalanceBasis
from meter_assets.rules.steps import customer_balances, customer_balances_backup, invoice_amounts, payment_meter_ids

WORDS: dict[str, str] = {
    customer_balances_backup.FIRST_BACKUP: "a copy of the customer's balance, made before anything was changed",
    payment_rules.DECISION: "a person decided",
    payment_rules.INVOICE: "the meter of the invoice that was paid",
    payment_rules.SOLE_ACTIVE_METER: "the customer's only active meter",
    payment_rules.FIRST_ACTIVE_METER: "the first of the customer's several active meters",
    payment_rules.FIRST_ASSIGNED_METER: "the customer's first meter; the customer has no active one",
    payment_meter_ids.INVOICE_MISSING: "the invoice that was paid does not exist",
    payment_meter_ids.INVOICE_OF_OTHER_TENANT: "the invoice that was paid is of another tenant",
    payment_meter_ids.INVOICE_WITHOUT_METER: "the invoice that was paid has no meter",
    payment_meter_ids.CUSTOMER_MISSING: "the payment has no customer that exists",
    payment_meter_ids.CUSTOMER_WITHOUT_METER: "the customer never had a meter",
    payment_meter_ids.METER_OF_OTHER_TENANT: "the meter is of another tenant",
    payment_rules.CUSTOMER_WITHOUT_ACTIVE_METER: "the customer has no active meter",
    invoice_amounts.SUM_OF_LINES: "the sum of the invoice's lines",
    invoice_amounts.ROUNDED_SUM_OF_LINES: "the sum of the invoice's lines, rounded",
    invoice_amounts.ZERO_WITHOUT_LINES: "zero, because the invoice has no lines",
    BalanceBasis.charges_and_opening_balance.value: "charges and opening balance, less payments",
    BalanceBasis.invoice_totals.value: "totals of invoices, less payments",
    customer_balances.SUM_OF_ACTIVE_METERS: "the sum over the customer's active meters",
}
"""By the name of a rule, or of a reason why none applies."""


def meaning(rule: str) -> str:
    """Return what a rule or a reason means; nothing for one that a later version has written."""
    return WORDS.get(rule, "")
